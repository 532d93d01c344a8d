/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our side of the differential test: reads records from stdin, feeds each to the parsers of
 * src/http as the proxy does, and prints a line for it: what was read, a tab, and notes that are
 * not compared. A record is its kind (Q request, A answer, H answer to HEAD), a seed, a size (both
 * 32 bits, big end first) and the bytes. Each is read whole, in small pieces and torn at random:
 * all three must say the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "http/h1.h"

#define RECORD_MOST (1u << 24)
#define SMALL                                                                              \
	8192 /* records up to this size are read byte by byte, larger ones in small pieces \
	      */
#define PIECE 61

/* In the order in which a connection meets them. */
enum state { READING_HEAD, READING_BODY, CLOSED, REFUSED };

struct reading {
	char kind;
	enum state state;
	unsigned status; /* of a refusal; 0 for one that has none */
	bool was_in_body; /* when it was refused */
	size_t begin; /* of the current message */
	size_t taken; /* bytes of the record that are dealt with */
	char *pending; /* those that came and are not, in a run of exactly their size */
	size_t pending_size;
	struct http_scan scan;
	enum http_framing framing;
	bool stays, is_upgrade;
	uint64_t left;
	struct http_chunked chunked;
	FILE *messages; /* those that are complete */
	unsigned message_count;
	FILE *head, *body, *trailers; /* of the current message */
	char *messages_text, *head_text, *body_text, *trailers_text;
	size_t messages_size, head_size, body_size, trailers_size;
};

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "ours: %s\n", what);
	exit(2);
}

static void *copy_of(const void *data, size_t size)
{
	char *copy = malloc(size ? size : 1);

	must(copy, "no memory");
	if (size)
		memcpy(copy, data, size);
	return copy;
}

static void hex(FILE *file, struct bytes bytes)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.size; i++) {
		fputc(digits[(uint8_t)bytes.at[i] >> 4], file);
		fputc(digits[(uint8_t)bytes.at[i] & 15], file);
	}
}

static void text_open(FILE **file, char **text, size_t *size)
{
	*file = open_memstream(text, size);
	must(*file, "no memory");
}

static void text_again(FILE **file, char **text, size_t *size)
{
	fclose(*file);
	free(*text);
	text_open(file, text, size);
}

static void reading_init(struct reading *reading, char kind)
{
	*reading = (struct reading){ .kind = kind };
	text_open(&reading->messages, &reading->messages_text, &reading->messages_size);
	text_open(&reading->head, &reading->head_text, &reading->head_size);
	text_open(&reading->body, &reading->body_text, &reading->body_size);
	text_open(&reading->trailers, &reading->trailers_text, &reading->trailers_size);
}

static void reading_done(struct reading *reading)
{
	fclose(reading->messages);
	fclose(reading->head);
	fclose(reading->body);
	fclose(reading->trailers);
	free(reading->messages_text);
	free(reading->head_text);
	free(reading->body_text);
	free(reading->trailers_text);
	free(reading->pending);
}

static void drop(struct reading *reading, size_t size)
{
	char *rest = copy_of(reading->pending + size, reading->pending_size - size);

	free(reading->pending);
	reading->pending = rest;
	reading->pending_size -= size;
	reading->taken += size;
}

static void refuse(struct reading *reading, unsigned status)
{
	reading->was_in_body = reading->state == READING_BODY;
	reading->status = status;
	reading->state = REFUSED;
}

static struct bytes trimmed(const char *from, const char *to)
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	return (struct bytes){ from, (size_t)(to - from) };
}

static void pair_print(FILE *file, bool is_first, struct bytes name, struct bytes value)
{
	fprintf(file, "%s[\"", is_first ? "" : ",");
	hex(file, name);
	fprintf(file, "\",\"");
	hex(file, value);
	fprintf(file, "\"]");
}

/* Lines that http_chunked_decode has checked, up to the empty one. */
static void trailers_print(FILE *file, const char *at, size_t size)
{
	const char *end = at + size, *line_end;

	for (bool is_first = true; at < end && *at != '\r'; is_first = false) {
		const char *colon = memchr(at, ':', (size_t)(end - at));

		line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
		must(colon && line_end && colon < line_end, "a trailer that is no field");
		pair_print(file, is_first, (struct bytes){ at, (size_t)(colon - at) },
			   trimmed(colon + 1, line_end));
		at = line_end + 2;
	}
}

static void message_print(struct reading *reading, bool is_complete)
{
	FILE *messages = reading->messages;

	fflush(reading->head);
	fflush(reading->body);
	fflush(reading->trailers);
	fprintf(messages, "%s{%s,\"body\":\"%s\",\"trailers\":[", reading->message_count ? "," : "",
		reading->head_text, reading->body_text);
	if (is_complete) {
		trailers_print(messages, reading->trailers_text, reading->trailers_size);
		fprintf(messages, "],\"end\":%zu}", reading->taken);
	} else {
		fprintf(messages, "],\"end\":null}");
	}
	reading->message_count++;
}

static void message_end(struct reading *reading)
{
	message_print(reading, true);
	text_again(&reading->head, &reading->head_text, &reading->head_size);
	text_again(&reading->body, &reading->body_text, &reading->body_size);
	text_again(&reading->trailers, &reading->trailers_text, &reading->trailers_size);
	reading->state = reading->stays ? READING_HEAD : CLOSED;
	reading->begin = reading->taken;
}

static void head_print(struct reading *reading, const char *bytes, const struct http_field *fields,
		       unsigned count)
{
	FILE *head = reading->head;

	fprintf(head, "],\"fields\":[");
	for (unsigned i = 0; i < count; i++)
		pair_print(head, i == 0, http_bytes(bytes, fields[i].name),
			   http_bytes(bytes, fields[i].value));
	fprintf(head, "],\"stays\":%s,\"upgrade\":%s", reading->stays ? "true" : "false",
		reading->is_upgrade ? "true" : "false");
}

static void request_take(struct reading *reading, const char *bytes, size_t size)
{
	struct http_request request;
	int status = http_request_parse(bytes, size, &request);

	if (status) {
		refuse(reading, (unsigned)status);
		return;
	}
	reading->framing = (enum http_framing)request.framing;
	reading->left = request.length;
	reading->is_upgrade = request.wants_websocket;
	reading->stays = request.is_keepalive && !request.wants_websocket;
	fprintf(reading->head, "\"line\":[\"");
	hex(reading->head, http_bytes(bytes, request.method_text));
	fprintf(reading->head, "\",\"");
	hex(reading->head, http_bytes(bytes, request.target));
	fprintf(reading->head, "\",1,%u", request.minor);
	head_print(reading, bytes, request.fields, request.field_count);
	reading->state = READING_BODY;
}

static void answer_take(struct reading *reading, const char *bytes, size_t size)
{
	enum http_method method = reading->kind == 'H' ? HTTP_HEAD : HTTP_GET;
	struct http_response response;
	bool is_interim;

	if (http_response_parse(bytes, size, method, &response) < 0) {
		refuse(reading, 0);
		return;
	}
	is_interim = response.status < 200 && response.status != 101;
	reading->framing = (enum http_framing)response.framing;
	reading->left = response.length;
	reading->is_upgrade = response.is_websocket;
	/* Whatever an interim head says about the connection, the final one is still to come. */
	reading->stays = is_interim || response.is_keepalive;
	fprintf(reading->head, "\"line\":[%u,\"", response.status);
	hex(reading->head, http_bytes(bytes, response.reason));
	fprintf(reading->head, "\",1,%u", response.minor);
	head_print(reading, bytes, response.fields, response.field_count);
	reading->state = READING_BODY;
}

/* Returns whether something was taken. */
static bool head_step(struct reading *reading)
{
	size_t skipped = 0;
	char *bytes;
	int size;

	if (reading->kind == 'Q')
		skipped = http_skip_empty_lines(reading->pending, reading->pending_size,
						&reading->scan);
	if (skipped) {
		drop(reading, skipped);
		reading->begin = reading->taken;
	}
	size = http_head_scan(reading->pending, reading->pending_size, &reading->scan);
	if (size < 0)
		refuse(reading, 400);
	if (size <= 0)
		return false;
	bytes = copy_of(reading->pending, (size_t)size);
	drop(reading, (size_t)size);
	reading->scan = (struct http_scan){ 0 };
	reading->chunked = (struct http_chunked){ 0 };
	if (reading->kind == 'Q')
		request_take(reading, bytes, (size_t)size);
	else
		answer_take(reading, bytes, (size_t)size);
	free(bytes);
	return true;
}

static void payload_take(struct reading *reading, size_t size)
{
	hex(reading->body, (struct bytes){ reading->pending, size });
	drop(reading, size);
}

static void chunked_step(struct reading *reading)
{
	struct http_chunked_step step;

	if (http_chunked_decode(&reading->chunked, reading->pending, reading->pending_size,
				&step)) {
		refuse(reading, 400);
		return;
	}
	hex(reading->body, (struct bytes){ reading->pending + step.payload_at, step.payload_size });
	fwrite(reading->pending + step.trailers_at, 1, step.trailers_size, reading->trailers);
	drop(reading, step.consumed);
	if (reading->chunked.is_done)
		message_end(reading);
}

static bool body_step(struct reading *reading)
{
	size_t size = reading->pending_size;

	switch (reading->framing) {
	case HTTP_NO_BODY:
		message_end(reading);
		return true;
	case HTTP_LENGTH:
		if (size > reading->left)
			size = (size_t)reading->left;
		payload_take(reading, size);
		reading->left -= size;
		if (reading->left)
			return false;
		message_end(reading);
		return true;
	case HTTP_CHUNKED:
		chunked_step(reading);
		return reading->state == READING_HEAD;
	default:
		payload_take(reading, size);
		return false;
	}
}

static void feed(struct reading *reading, const char *data, size_t size)
{
	bool goes_on = true;
	char *grown = malloc(reading->pending_size + size);

	must(grown, "no memory");
	if (reading->pending_size)
		memcpy(grown, reading->pending, reading->pending_size);
	memcpy(grown + reading->pending_size, data, size);
	free(reading->pending);
	reading->pending = grown;
	reading->pending_size += size;
	while (goes_on) {
		if (reading->state == READING_HEAD)
			goes_on = reading->pending_size && head_step(reading);
		else
			goes_on = reading->state == READING_BODY && body_step(reading);
	}
}

/* The connection ends. What was read, in a run of the heap. */
static char *reading_end(struct reading *reading)
{
	static const char *const names[] = { "open", "open", "closed", "refused" };
	char *text;

	if (reading->state == READING_BODY && reading->framing == HTTP_UNTIL_CLOSE)
		message_end(reading);
	else if (reading->state == READING_BODY)
		message_print(reading, false);
	fflush(reading->messages);
	must(asprintf(&text, "{\"messages\":[%s],\"end\":\"%s\"}", reading->messages_text,
		      names[reading->state]) > 0,
	     "no memory");
	return text;
}

enum way { WHOLE, PIECES, TORN };

static size_t piece_of(enum way way, size_t size, uint32_t *seed)
{
	if (way == WHOLE)
		return size;
	if (way == PIECES)
		return size > SMALL ? PIECE : 1;
	*seed = *seed * 1664525 + 1013904223;
	return 1 + (*seed >> 8) % (1 + size / (1 + (*seed >> 4) % 8));
}

/* *ret_at is how many bytes had come when it was refused. */
static char *read_way(struct reading *reading, const char *data, size_t size, enum way way,
		      uint32_t seed, size_t *ret_at)
{
	size_t at = 0;

	while (at < size && reading->state < CLOSED) {
		size_t piece = piece_of(way, size, &seed);

		if (piece > size - at)
			piece = size - at;
		feed(reading, data + at, piece);
		at += piece;
	}
	*ret_at = at;
	return reading_end(reading);
}

static void record_read(char kind, uint32_t seed, const char *data, size_t size)
{
	struct reading readings[3];
	char *texts[3];
	size_t ats[3];
	const struct reading *pieces = &readings[PIECES];

	for (unsigned way = WHOLE; way <= TORN; way++) {
		reading_init(&readings[way], kind);
		texts[way] = read_way(&readings[way], data, size, (enum way)way, seed, &ats[way]);
	}
	printf("%s\t{\"status\":%u,\"begin\":%zu,\"at\":%zu,\"in_body\":%s,\"torn\":[",
	       texts[WHOLE], pieces->status, pieces->begin, ats[PIECES],
	       pieces->was_in_body ? "true" : "false");
	if (strcmp(texts[WHOLE], texts[PIECES]) != 0 || strcmp(texts[WHOLE], texts[TORN]) != 0)
		printf("%s,%s", texts[PIECES], texts[TORN]);
	printf("]}\n");
	for (unsigned way = WHOLE; way <= TORN; way++) {
		reading_done(&readings[way]);
		free(texts[way]);
	}
}

static uint32_t number_of(const uint8_t bytes[4])
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

int main(void)
{
	uint8_t head[9];

	while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
		uint32_t size = number_of(head + 5);
		char *data;

		must(strchr("QAH", head[0]) && size <= RECORD_MOST, "not a record");
		data = malloc(size ? size : 1);
		must(data && fread(data, 1, size, stdin) == size, "half a record");
		record_read((char)head[0], number_of(head + 1), data, size);
		free(data);
	}
	must(fflush(stdout) == 0, "cannot write");
	return 0;
}

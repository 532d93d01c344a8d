/* SPDX-License-Identifier: Apache-2.0 */
/* The strict reader of the simulation's clients and targets. Pure but for ending a failed run. */
#include "message.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void message_begin(struct message *message, const char *who, bool is_answer)
{
	message->who = who;
	message->is_answer = is_answer;
	message->is_answer_to_head = false;
	message->state = MESSAGE_HEAD;
	message->head_size = 0;
	message->status = message->id = 0;
	message->has_length = message->is_chunked = message->says_close = false;
	message->says_keepalive = message->says_upgrade = false;
	message->has_host = message->has_forwarded = false;
	message->length = message->left = message->body_size = 0;
	message->line_size = message->trailers_size = 0;
}

static void field_read(struct message *message, const char *name, const char *value)
{
	if (!strcasecmp(name, "X-Id")) {
		message->id = (uint32_t)strtoul(value, NULL, 10);
	} else if (!strcasecmp(name, "Content-Length")) {
		if (message->has_length || !isdigit((unsigned char)value[0]))
			sim_fail("%s: Content-Length %s", message->who, value);
		message->has_length = true;
		message->length = strtoull(value, NULL, 10);
	} else if (!strcasecmp(name, "Transfer-Encoding")) {
		if (message->is_chunked || strcmp(value, "chunked") != 0)
			sim_fail("%s: Transfer-Encoding %s", message->who, value);
		message->is_chunked = true;
	} else if (!strcasecmp(name, "Connection")) {
		message->says_close |= !strcasecmp(value, "close");
		message->says_keepalive |= !strcasecmp(value, "keep-alive");
		message->says_upgrade |= !strcasecmp(value, "upgrade");
	} else if (!strcasecmp(name, "Host")) {
		if (message->has_host || strcmp(value, "sim.example") != 0)
			sim_fail("%s: Host %s", message->who, value);
		message->has_host = true;
	} else if (!strcasecmp(name, "X-Forwarded-For")) {
		message->has_forwarded = true;
	}
}

static void lines_read(struct message *message)
{
	char *line = message->head;
	bool is_first = true;

	while (*line) {
		char *end = strstr(line, "\r\n");
		char *colon;

		*end = 0;
		if (strpbrk(line, "\r\n"))
			sim_fail("%s: a bare end of line", message->who);
		if (is_first && message->is_answer) {
			if (sscanf(line, "HTTP/1.%u %3u ", &message->minor, &message->status) != 2)
				sim_fail("%s: status line %s", message->who, line);
		} else if (is_first) {
			char rest[4] = "";

			if (sscanf(line, "%15s %63s HTTP/1.%u%3s", message->method, message->path,
				   &message->minor, rest) != 3)
				sim_fail("%s: request line %s", message->who, line);
		} else if (*line) {
			colon = strchr(line, ':');
			if (!colon || colon == line ||
			    strcspn(line, " \t") < (size_t)(colon - line))
				sim_fail("%s: field %s", message->who, line);
			*colon = 0;
			field_read(message, line, colon + 1 + strspn(colon + 1, " "));
		}
		is_first = false;
		line = end + 2;
	}
}

static void head_done(struct message *message)
{
	bool has_no_body;

	lines_read(message);
	has_no_body = message->is_answer_to_head || message->status == 204 ||
		      message->status == 304 || (message->is_answer && message->status < 200);
	if (message->has_length && message->is_chunked)
		sim_fail("%s: Content-Length and Transfer-Encoding", message->who);
	if (has_no_body)
		message->state = MESSAGE_DONE;
	else if (message->is_chunked)
		message->state = MESSAGE_CHUNK_LINE;
	else if (message->has_length)
		message->state = message->length ? MESSAGE_LENGTH : MESSAGE_DONE;
	else
		message->state = message->is_answer ? MESSAGE_CLOSE : MESSAGE_DONE;
	message->left = message->length;
}

static size_t head_feed(struct message *message, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (message->head_size == MESSAGE_HEAD_MOST)
			sim_fail("%s: a head without an end", message->who);
		if (!data[i])
			sim_fail("%s: NUL in a head", message->who);
		message->head[message->head_size++] = data[i];
		if (message->head_size < 4 ||
		    memcmp(message->head + message->head_size - 4, "\r\n\r\n", 4) != 0)
			continue;
		message->head[message->head_size] = 0;
		head_done(message);
		return i + 1;
	}
	return size;
}

static void payload_check(struct message *message, const char *data, size_t size)
{
	enum plan_body body = message->is_answer ? BODY_ANSWER : BODY_REQUEST;

	for (size_t i = 0; message->id && i < size; i++) {
		if ((uint8_t)data[i] != body_byte(message->id, body, message->body_size + i))
			sim_fail("%s: request %u: byte %llu of the body is not its own",
				 message->who, message->id,
				 (unsigned long long)(message->body_size + i));
	}
	message->body_size += size;
}

static void chunk_line_done(struct message *message)
{
	char *end;

	message->line[message->line_size - 2] = 0;
	message->left = strtoull(message->line, &end, 16);
	if (*end || end == message->line)
		sim_fail("%s: chunk size %s", message->who, message->line);
	message->line_size = 0;
	message->state = message->left ? MESSAGE_CHUNK : MESSAGE_TRAILERS;
}

/* One byte of a size line, or of the line's end behind a chunk. */
static void chunk_byte(struct message *message, char byte)
{
	if (message->line_size == sizeof(message->line))
		sim_fail("%s: a long chunk line", message->who);
	message->line[message->line_size++] = byte;
	if (message->state == MESSAGE_CHUNK_LINE) {
		if (byte == '\n' && message->line_size >= 2)
			chunk_line_done(message);
		return;
	}
	if (byte != "\r\n"[message->line_size - 1])
		sim_fail("%s: no line end behind a chunk", message->who);
	if (message->line_size < 2)
		return;
	message->line_size = 0;
	message->state = MESSAGE_CHUNK_LINE;
}

/* Up to an empty line; what came must be what was planned. */
static void trailer_byte(struct message *message, char byte)
{
	enum plan_body body = message->is_answer ? BODY_ANSWER : BODY_REQUEST;
	size_t size = message->trailers_size + 1;
	bool is_at_start = size == 2 || (size > 3 && message->trailers[size - 3] == '\n');

	if (message->trailers_size == MESSAGE_TRAILERS_MOST)
		sim_fail("%s: long trailers", message->who);
	message->trailers[message->trailers_size++] = byte;
	if (byte != '\n' || !is_at_start)
		return;
	if (message->trailers[size - 2] != '\r')
		sim_fail("%s: no empty line behind the trailers", message->who);
	message->trailers[size - 2] = 0;
	if (strcmp(message->trailers, plan_trailers(message->id, body)) != 0)
		sim_fail("%s: request %u: trailers %s", message->who, message->id,
			 message->trailers);
	message->state = MESSAGE_DONE;
}

size_t message_feed(struct message *message, const char *data, size_t size)
{
	size_t at = 0;

	if (message->state == MESSAGE_HEAD)
		return head_feed(message, data, size);
	while (at < size && message->state != MESSAGE_DONE) {
		size_t run = size - at;

		switch (message->state) {
		case MESSAGE_LENGTH:
		case MESSAGE_CHUNK:
			if (run > message->left)
				run = (size_t)message->left;
			payload_check(message, data + at, run);
			message->left -= run;
			at += run;
			if (!message->left)
				message->state = message->state == MESSAGE_CHUNK ? MESSAGE_CHUNK_END
										 : MESSAGE_DONE;
			break;
		case MESSAGE_CLOSE:
			payload_check(message, data + at, run);
			at += run;
			break;
		case MESSAGE_TRAILERS:
			trailer_byte(message, data[at++]);
			break;
		default:
			chunk_byte(message, data[at++]);
			break;
		}
	}
	return at;
}

bool message_end(struct message *message)
{
	if (message->state != MESSAGE_CLOSE)
		return false;
	message->state = MESSAGE_DONE;
	return true;
}

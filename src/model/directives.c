/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closed list of directives (features.md section 10): name, range, default, how its values are
 * read, what comes of them. The table is constant; pure.
 */
#include "model/directives.h"

#include <errno.h>
#include <stdlib.h>

#include "model/charset.h"
#include "model/directive_lists.h"
#include "model/limits.h"
#include "model/statement.h"

#define SECOND 1000ull
#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define NUMBER_MOST ((1ull << 34) - 1) /* times 1 GiB still fits 64 bits */
#define CIPHERS_MOST 4096

const struct directives directives_default = {
	.header_timeout_ms = HTTP_HEADER_TIMEOUT_MS,
	.body_timeout_ms = HTTP_BODY_TIMEOUT_MS,
	.body_most = HTTP_BODY_MOST,
	.keepalive_timeout_ms = HTTP_KEEPALIVE_TIMEOUT_MS,
	.keepalive_requests = HTTP_KEEPALIVE_REQUESTS,
	.connect_timeout_ms = HTTP_CONNECT_TIMEOUT_MS,
	.read_timeout_ms = HTTP_READ_TIMEOUT_MS,
	.send_timeout_ms = HTTP_SEND_TIMEOUT_MS,
	.client_send_timeout_ms = HTTP_CLIENT_SEND_TIMEOUT_MS,
	.shows_version = 1,
};

/* What comes of the values. */
enum directive_effect {
	EFFECT_KEPT, /* checked and kept in the text, for HTTPS listeners */
	EFFECT_VALUE, /* the field at `offset` */
	EFFECT_LIST, /* more of a list */
};

struct directive {
	const char *name;
	/* The values behind the name, `count` of them; *ret is what the range is checked of. */
	bool (*read)(const struct bytes *values, size_t count, uint64_t *ret);
	uint64_t least, most;
	const char *takes; /* for the sentence "NAME takes ..." */
	size_t offset; /* EFFECT_VALUE: in struct directives */
	enum directive_effect effect;
	directive_add *add; /* EFFECT_LIST, in place of all the others */
};

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit time_units[] = {
	{ "", SECOND }, { "ms", 1 }, { "s", SECOND }, { "m", 60 * SECOND }, { "h", 3600 * SECOND },
};

static const struct unit size_units[] = {
	{ "", 1 },    { "k", KIB },      { "K", KIB },      { "m", MIB },
	{ "M", MIB }, { "g", MIB *KIB }, { "G", MIB *KIB },
};

/* Digits and a unit. */
static bool read_quantity(struct bytes text, const struct unit *units, size_t count, uint64_t *ret)
{
	struct bytes digits = { text.at, 0 }, unit;
	uint64_t number;

	while (digits.size < text.size && text.at[digits.size] >= '0' &&
	       text.at[digits.size] <= '9')
		digits.size++;
	unit = (struct bytes){ text.at + digits.size, text.size - digits.size };
	if (bytes_to_u64(digits, NUMBER_MOST, &number) != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!bytes_equal(unit, bytes_of(units[i].name)))
			continue;
		*ret = number * units[i].factor;
		return true;
	}
	return false;
}

static bool read_time(const struct bytes *values, size_t count, uint64_t *ret)
{
	return count == 1 && read_quantity(values[0], time_units,
					   sizeof(time_units) / sizeof(time_units[0]), ret);
}

static bool read_size(const struct bytes *values, size_t count, uint64_t *ret)
{
	return count == 1 && read_quantity(values[0], size_units,
					   sizeof(size_units) / sizeof(size_units[0]), ret);
}

static bool read_count(const struct bytes *values, size_t count, uint64_t *ret)
{
	return count == 1 && bytes_to_u64(values[0], NUMBER_MOST, ret) == 0;
}

static bool read_switch(const struct bytes *values, size_t count, uint64_t *ret)
{
	*ret = count == 1 && bytes_equal(values[0], BYTES_LITERAL("on"));
	return count == 1 && (*ret || bytes_equal(values[0], BYTES_LITERAL("off")));
}

#define TLS_1_3 8ull

/* A bit each. */
static bool read_protocols(const struct bytes *values, size_t count, uint64_t *ret)
{
	static const char *const names[] = { "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" };

	*ret = 0;
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;

		while (at < 4 && !bytes_equal(values[i], bytes_of(names[at])))
			at++;
		if (at == 4 || (*ret & 1ull << at))
			return false;
		*ret |= 1ull << at;
	}
	return count > 0;
}

/* The characters of OpenSSL's cipher lists; whether it knows them is OpenSSL's to say. */
static bool read_ciphers(const struct bytes *values, size_t count, uint64_t *ret)
{
	*ret = 1;
	if (count != 1 || values[0].size == 0 || values[0].size > CIPHERS_MOST)
		return false;
	for (size_t i = 0; i < values[0].size; i++) {
		char character = values[0].at[i];

		if (charset_id((struct bytes){ &character, 1 }) == 0 &&
		    (character == '\0' || !strchr(":+!@=., ", character)))
			return false;
	}
	return true;
}

/* proxy_buffers: 3 to 8 of 4k to 16k. */
static bool read_buffers(const struct bytes *values, size_t count, uint64_t *ret)
{
	uint64_t number, size;

	if (count != 2 || !read_count(values, 1, &number) || !read_size(values + 1, 1, &size) ||
	    number < 3 || number > 8 || size < 4 * KIB || size > 16 * KIB)
		return false;
	*ret = DIRECTIVE_BUFFERS(number, size);
	return true;
}

static bool read_redirect(const struct bytes *values, size_t count, uint64_t *ret)
{
	*ret = 1;
	return count == 2 && bytes_equal(values[0], BYTES_LITERAL("http://")) &&
	       bytes_equal(values[1], BYTES_LITERAL("https://"));
}

#define FIELD(name) offsetof(struct directives, name), EFFECT_VALUE
#define LIST(name) .effect = EFFECT_LIST, .add = (name)
#define BUFFERS_LEAST DIRECTIVE_BUFFERS(3, 4 * KIB)
#define BUFFERS_MOST DIRECTIVE_BUFFERS(8, 16 * KIB)

/* The combinations below know these by their place. */
enum {
	ROW_PROXY_BUFFERS,
	ROW_PROXY_BUFFER_SIZE,
	ROW_PROXY_REQUEST_BUFFERING,
	ROW_BODY_SIZE,
	ROW_SSL_PROTOCOLS,
	ROW_SSL_EARLY_DATA
};

static const struct directive table[] = {
	[ROW_PROXY_BUFFERS] = { "proxy_buffers", read_buffers, BUFFERS_LEAST, BUFFERS_MOST,
				"a number from 3 to 8 and a size from 4k to 16k",
				FIELD(response_buffers) },
	[ROW_PROXY_BUFFER_SIZE] = { "proxy_buffer_size", read_size, KIB, 32 * KIB,
				    "a size from 1k to 32k", FIELD(response_head_size) },
	[ROW_PROXY_REQUEST_BUFFERING] = { "proxy_request_buffering", read_switch, 0, 1, "on or off",
					  FIELD(buffers_request) },
	[ROW_BODY_SIZE] = { "client_max_body_size", read_size, MIB, 10240 * MIB,
			    "a size from 1M to 10240M", FIELD(body_most) },
	[ROW_SSL_PROTOCOLS] = { "ssl_protocols", read_protocols, 1, 15,
				"TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3, each at most once" },
	[ROW_SSL_EARLY_DATA] = { "ssl_early_data", read_switch, 0, 1, "on or off" },
	{ "ssl_ciphers", read_ciphers, 1, 1, "a cipher list in OpenSSL's form" },
	{ "ssl_verify_depth", read_count, 1, 10, "a number from 1 to 10" },
	{ "http2_max_field_size", read_size, KIB, 256 * KIB, "a size from 1k to 256k" },
	{ "client_header_timeout", read_time, 30 * SECOND, 120 * SECOND, "a time from 30s to 120s",
	  FIELD(header_timeout_ms) },
	{ "client_header_buffer_size", read_size, KIB, 256 * KIB, "a size from 1k to 256k",
	  FIELD(head_buffer_size) },
	{ "client_body_timeout", read_time, 30 * SECOND, 120 * SECOND, "a time from 30s to 120s",
	  FIELD(body_timeout_ms) },
	{ "keepalive_timeout", read_time, 0, 3600 * SECOND, "a time from 0 to 3600s",
	  FIELD(keepalive_timeout_ms) },
	{ "keepalive_requests", read_count, 1, 10000, "a number from 1 to 10000",
	  FIELD(keepalive_requests) },
	{ "proxy_connect_timeout", read_time, 4 * SECOND, 120 * SECOND, "a time from 4s to 120s",
	  FIELD(connect_timeout_ms) },
	{ "proxy_read_timeout", read_time, 30 * SECOND, 3600 * SECOND, "a time from 30s to 3600s",
	  FIELD(read_timeout_ms) },
	{ "proxy_send_timeout", read_time, 30 * SECOND, 3600 * SECOND, "a time from 30s to 3600s",
	  FIELD(send_timeout_ms) },
	{ "send_timeout", read_time, SECOND, 3600 * SECOND, "a time from 1s to 3600s",
	  FIELD(client_send_timeout_ms) },
	{ "server_tokens", read_switch, 0, 1, "on or off", FIELD(shows_version) },
	{ "proxy_ignore_client_abort", read_switch, 0, 1, "on or off",
	  FIELD(ignores_client_abort) },
	{ "proxy_redirect", read_redirect, 0, 1, "http:// https://", FIELD(redirects_to_https) },
	{ "add_header", LIST(directive_add_header) },
	{ "more_set_headers", LIST(directive_set_headers) },
	{ "proxy_set_header", LIST(directive_proxy_header) },
	{ "error_page", LIST(directive_error_page) },
};
#define DIRECTIVES (sizeof(table) / sizeof(table[0]))

/* A text on its way to values. */
struct parse {
	struct statement_reader reader;
	struct problem *problem;
	unsigned lines[DIRECTIVES]; /* where each stands; 0 = nowhere */
	uint64_t values[DIRECTIVES];
	struct directives *directives;
};

static uint64_t *value_at(struct directives *directives, const struct directive *row)
{
	return (uint64_t *)((char *)directives + row->offset);
}

static size_t row_of(struct bytes name)
{
	size_t row = 0;

	while (row < DIRECTIVES && !bytes_equal(name, bytes_of(table[row].name)))
		row++;
	return row;
}

/* An entry of a list. */
static int take_entry(struct parse *parse, const struct directive *row,
		      const struct statement *statement)
{
	const char *reason = "";
	int error =
		row->add(parse->directives, statement->words + 1, statement->count - 1, &reason);

	if (error == -EINVAL)
		return statement_refuse(&parse->reader, statement->line, statement->words[0],
					parse->problem, "%s", reason);
	return error == -ENOTSUP
		       ? problem_set(parse->problem, "UnsupportedOperation", parse->reader.field,
				     "line %u: %s: %s", statement->line, row->name, reason)
		       : error;
}

static int take_statement(struct parse *parse, const struct statement *statement)
{
	struct bytes name = statement->words[0];
	size_t at = row_of(name);
	const struct directive *row = &table[at];
	uint64_t value = 0;

	if (at == DIRECTIVES)
		return statement_refuse(&parse->reader, statement->line, name, parse->problem,
					"there is no such directive.");
	if (row->effect == EFFECT_LIST)
		return take_entry(parse, row, statement);
	if (parse->lines[at])
		return statement_refuse(&parse->reader, statement->line, name, parse->problem,
					"line %u has it already.", parse->lines[at]);
	if (!row->read(statement->words + 1, statement->count - 1, &value) || value < row->least ||
	    value > row->most)
		return statement_refuse(&parse->reader, statement->line, name, parse->problem,
					"it takes %s.", row->takes);
	parse->lines[at] = statement->line;
	parse->values[at] = value;
	if (row->effect == EFFECT_VALUE)
		*value_at(parse->directives, row) = value;
	return 0;
}

static int refuse_row(struct parse *parse, size_t at, const char *reason)
{
	return statement_refuse(&parse->reader, parse->lines[at], bytes_of(table[at].name),
				parse->problem, "%s", reason);
}

/* Whether the buffers of an answer go together; 0 = not given. */
static bool buffers_fit(uint64_t buffers, uint64_t head_size)
{
	uint64_t size = buffers & UINT32_MAX, count = buffers >> 32;

	return buffers == 0 || 2 * (head_size > size ? head_size : size) <= (count - 1) * size;
}

/* features.md section 10: what only several directives together can break. */
static int check_combinations(struct parse *parse)
{
	const struct directives *directives = parse->directives;

	if (directives->response_head_size && !directives->response_buffers)
		return refuse_row(parse, ROW_PROXY_BUFFER_SIZE,
				  "it needs proxy_buffers beside it.");
	if (!buffers_fit(directives->response_buffers, directives->response_head_size))
		return refuse_row(parse, ROW_PROXY_BUFFERS,
				  "twice the larger of proxy_buffer_size and the size of a buffer "
				  "must fit into all buffers but one.");
	if (parse->values[ROW_SSL_EARLY_DATA] && !(parse->values[ROW_SSL_PROTOCOLS] & TLS_1_3))
		return refuse_row(parse, ROW_SSL_EARLY_DATA, "it needs TLSv1.3 in ssl_protocols.");
	if (directives->buffers_request && directives->body_most > HTTP_BUFFERED_BODY_MOST)
		return refuse_row(parse, ROW_BODY_SIZE,
				  "more than 256M needs proxy_request_buffering off.");
	return 0;
}

int directives_parse(struct bytes text, const char *field, struct directives *ret,
		     struct problem *problem)
{
	struct directives directives = directives_default;
	struct parse parse = {
		.problem = problem,
		.directives = &directives,
	};
	struct statement statement;
	int error;

	if (text.size > LIMIT_CUSTOM_CONTENT)
		return problem_set(problem, "InvalidParameterValue.Length", field,
				   "%s may have %d bytes at most.", field, LIMIT_CUSTOM_CONTENT);
	statement_reader_init(&parse.reader, text, field);
	while ((error = statement_next(&parse.reader, &statement, problem)) > 0) {
		error = take_statement(&parse, &statement);
		if (error != 0)
			break;
	}
	if (error == 0)
		error = check_combinations(&parse);
	if (error == 0)
		*ret = directives;
	else
		directives_done(&directives);
	return error;
}

void directives_done(struct directives *directives)
{
	if (!directives)
		return;
	for (size_t i = 0; i < directives->header_count; i++) {
		free(directives->headers[i].name);
		free(directives->headers[i].value);
	}
	for (size_t i = 0; i < directives->page_count; i++)
		free(directives->pages[i].uri);
	free(directives->headers);
	free(directives->pages);
	*directives = directives_default;
}

bool directives_are_equal(const struct directives *one, const struct directives *other)
{
	if (memcmp(one, other, offsetof(struct directives, headers)) != 0 ||
	    one->header_count != other->header_count || one->page_count != other->page_count)
		return false;
	for (size_t i = 0; i < one->header_count; i++) {
		const struct directive_header *first = &one->headers[i];
		const struct directive_header *second = &other->headers[i];

		if (first->kind != second->kind || strcmp(first->name, second->name) != 0 ||
		    strcmp(first->value, second->value) != 0)
			return false;
	}
	for (size_t i = 0; i < one->page_count; i++) {
		if (one->pages[i].status != other->pages[i].status ||
		    one->pages[i].response != other->pages[i].response ||
		    strcmp(one->pages[i].uri, other->pages[i].uri) != 0)
			return false;
	}
	return true;
}

/* A number outside its row's range: for proxy_buffers, either of its two. */
static bool is_out_of_range(const struct directive *row, uint64_t value)
{
	uint64_t size = value & UINT32_MAX;

	return value < row->least || value > row->most ||
	       (row == &table[ROW_PROXY_BUFFERS] && (size < 4 * KIB || size > 16 * KIB));
}

const char *directives_out_of_range(const struct directives *directives)
{
	for (size_t at = 0; at < DIRECTIVES; at++) {
		const struct directive *row = &table[at];
		uint64_t value, standard;

		if (row->effect != EFFECT_VALUE)
			continue;
		memcpy(&value, (const char *)directives + row->offset, sizeof(value));
		memcpy(&standard, (const char *)&directives_default + row->offset,
		       sizeof(standard));
		if (value != standard && is_out_of_range(row, value))
			return row->name;
	}
	if ((directives->response_head_size && !directives->response_buffers) ||
	    !buffers_fit(directives->response_buffers, directives->response_head_size))
		return table[ROW_PROXY_BUFFERS].name;
	if (directives->buffers_request && directives->body_most > HTTP_BUFFERED_BODY_MOST)
		return table[ROW_BODY_SIZE].name;
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closed list of directives (features.md section 10): name, range, default, how its values are
 * read, whether traffic follows it yet. The table is constant; pure.
 */
#include "model/directives.h"

#include <errno.h>
#include <stdio.h>

#include "model/charset.h"
#include "model/limits.h"
#include "model/statement.h"

#define SECOND 1000ull
#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define NUMBER_MOST ((1ull << 34) - 1) /* times 1 GiB still fits 64 bits */
#define CIPHERS_MOST 4096
#define TEXT_MOST 4096 /* bytes of a header's name or value */

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
};

enum directive_effect {
	EFFECT_NONE, /* not built: right values are refused too */
	EFFECT_VALUE, /* its value is the field at `offset` */
	EFFECT_OFF, /* "off" is how traffic is served, "on" is not built */
};

struct directive {
	const char *name;
	/* The values behind the name, `count` of them; *ret is what the range is checked of. */
	bool (*read)(const struct bytes *values, size_t count, uint64_t *ret);
	uint64_t least, most;
	const char *takes; /* for the sentence "NAME takes ..." */
	size_t offset; /* EFFECT_VALUE: in struct directives */
	enum directive_effect effect;
	bool may_repeat;
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

static bool is_field_name(struct bytes text)
{
	return text.size > 0 && text.size <= TEXT_MOST && charset_token(text) == text.size;
}

/* add_header: a name and a value. */
static bool read_header(const struct bytes *values, size_t count, uint64_t *ret)
{
	*ret = 1;
	return count == 2 && is_field_name(values[0]) && values[1].size <= TEXT_MOST;
}

/* more_set_headers: "Name:value", each. */
static bool read_headers(const struct bytes *values, size_t count, uint64_t *ret)
{
	*ret = 1;
	for (size_t i = 0; i < count; i++) {
		const char *colon = memchr(values[i].at, ':', values[i].size);
		struct bytes name = { values[i].at, colon ? (size_t)(colon - values[i].at) : 0 };

		if (!is_field_name(name) || values[i].size > TEXT_MOST)
			return false;
	}
	return count > 0;
}

/* proxy_set_header: the fields that the balancer can add for the server. */
static bool read_proxy_header(const struct bytes *values, size_t count, uint64_t *ret)
{
	static const char *const names[] = { "X-Real-Port",     "X-clb-stgw-vip",
					     "Stgw-request-id", "X-Forwarded-Port",
					     "X-Method",        "X-Uri",
					     "X-Real-IP",       "X-Forwarded-Proto" };

	*ret = 1;
	if (count != 2 || values[1].size > TEXT_MOST)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (bytes_equal_nocase(values[0], bytes_of(names[i])))
			return true;
	}
	return false;
}

#define BUFFERS(count, size) ((count) << 32 | (size))

/* proxy_buffers: 3 to 8 of 4k to 16k. */
static bool read_buffers(const struct bytes *values, size_t count, uint64_t *ret)
{
	uint64_t number, size;

	if (count != 2 || !read_count(values, 1, &number) || !read_size(values + 1, 1, &size) ||
	    number < 3 || number > 8 || size < 4 * KIB || size > 16 * KIB)
		return false;
	*ret = BUFFERS(number, size);
	return true;
}

static bool read_redirect(const struct bytes *values, size_t count, uint64_t *ret)
{
	*ret = 1;
	return count == 2 && bytes_equal(values[0], BYTES_LITERAL("http://")) &&
	       bytes_equal(values[1], BYTES_LITERAL("https://"));
}

/* error_page: codes 300..599, perhaps "=" with a code, a path. */
static bool read_error_page(const struct bytes *values, size_t count, uint64_t *ret)
{
	uint64_t code;

	*ret = 1;
	if (count < 2 || values[count - 1].size == 0 || values[count - 1].at[0] != '/' ||
	    charset_path_query(values[count - 1]) < values[count - 1].size)
		return false;
	for (size_t i = 0; i + 1 < count; i++) {
		bool is_response =
			i > 0 && i + 2 == count && values[i].size > 0 && values[i].at[0] == '=';
		struct bytes digits = { values[i].at + is_response, values[i].size - is_response };

		if (is_response && digits.size == 0)
			continue;
		if (bytes_to_u64(digits, 599, &code) != 0 || code < (is_response ? 200 : 300))
			return false;
	}
	return true;
}

#define FIELD(name) offsetof(struct directives, name), EFFECT_VALUE

/* The combinations below know these two by their place. */
enum { ROW_PROXY_BUFFERS, ROW_SSL_PROTOCOLS };

static const struct directive table[] = {
	[ROW_PROXY_BUFFERS] = { "proxy_buffers", read_buffers, 0, UINT64_MAX,
				"a number from 3 to 8 and a size from 4k to 16k" },
	[ROW_SSL_PROTOCOLS] = { "ssl_protocols", read_protocols, 1, 15,
				"TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3, each at most once" },
	{ "ssl_ciphers", read_ciphers, 1, 1, "a cipher list in OpenSSL's form" },
	{ "client_header_timeout", read_time, 30 * SECOND, 120 * SECOND, "a time from 30s to 120s",
	  FIELD(header_timeout_ms) },
	{ "client_header_buffer_size", read_size, KIB, 256 * KIB, "a size from 1k to 256k" },
	{ "client_body_timeout", read_time, 30 * SECOND, 120 * SECOND, "a time from 30s to 120s",
	  FIELD(body_timeout_ms) },
	{ "client_max_body_size", read_size, MIB, 10240 * MIB, "a size from 1M to 10240M",
	  FIELD(body_most) },
	{ "keepalive_timeout", read_time, 0, 3600 * SECOND, "a time from 0 to 3600s",
	  FIELD(keepalive_timeout_ms) },
	{ "keepalive_requests", read_count, 1, 10000, "a number from 1 to 10000",
	  FIELD(keepalive_requests) },
	{ "add_header", read_header, 1, 1, "a name and a value", .may_repeat = true },
	{ "more_set_headers", read_headers, 1, 1, "\"Name:value\"", .may_repeat = true },
	{ "proxy_connect_timeout", read_time, 4 * SECOND, 120 * SECOND, "a time from 4s to 120s",
	  FIELD(connect_timeout_ms) },
	{ "proxy_read_timeout", read_time, 30 * SECOND, 3600 * SECOND, "a time from 30s to 3600s",
	  FIELD(read_timeout_ms) },
	{ "proxy_send_timeout", read_time, 30 * SECOND, 3600 * SECOND, "a time from 30s to 3600s",
	  FIELD(send_timeout_ms) },
	{ "send_timeout", read_time, SECOND, 3600 * SECOND, "a time from 1s to 3600s",
	  FIELD(client_send_timeout_ms) },
	{ "server_tokens", read_switch, 0, 1, "on or off" },
	{ "proxy_buffer_size", read_size, KIB, 32 * KIB, "a size from 1k to 32k" },
	{ "proxy_request_buffering", read_switch, 0, 1, "on or off", .effect = EFFECT_OFF },
	{ "proxy_set_header", read_proxy_header, 1, 1,
	  "X-Real-Port, X-Real-IP, X-clb-stgw-vip, Stgw-request-id, X-Forwarded-Port, "
	  "X-Forwarded-Proto, X-Method or X-Uri, and a value",
	  .may_repeat = true },
	{ "proxy_redirect", read_redirect, 1, 1, "http:// https://" },
	{ "proxy_ignore_client_abort", read_switch, 0, 1, "on or off" },
	{ "ssl_verify_depth", read_count, 1, 10, "a number from 1 to 10" },
	{ "ssl_early_data", read_switch, 0, 1, "on or off" },
	{ "http2_max_field_size", read_size, KIB, 256 * KIB, "a size from 1k to 256k" },
	{ "error_page", read_error_page, 1, 1,
	  "codes from 300 to 599, perhaps =code, and a path that begins with /",
	  .may_repeat = true },
};
#define DIRECTIVES (sizeof(table) / sizeof(table[0]))

/* A text on its way to values. */
struct parse {
	struct statement_reader reader;
	struct problem *problem;
	unsigned lines[DIRECTIVES]; /* where each stands; 0 = nowhere */
	uint64_t values[DIRECTIVES];
	size_t unbuilt; /* the first one without effect here, or DIRECTIVES */
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

static int take_statement(struct parse *parse, const struct statement *statement)
{
	struct bytes name = statement->words[0];
	size_t at = row_of(name);
	const struct directive *row = &table[at];
	uint64_t value = 0;

	if (at == DIRECTIVES)
		return statement_refuse(&parse->reader, statement->line, name, parse->problem,
					"there is no such directive.");
	if (parse->lines[at] && !row->may_repeat)
		return statement_refuse(&parse->reader, statement->line, name, parse->problem,
					"line %u has it already.", parse->lines[at]);
	if (!row->read(statement->words + 1, statement->count - 1, &value) || value < row->least ||
	    value > row->most)
		return statement_refuse(&parse->reader, statement->line, name, parse->problem,
					"it takes %s.", row->takes);
	if (!parse->lines[at])
		parse->lines[at] = statement->line;
	parse->values[at] = value;
	if (row->effect == EFFECT_VALUE)
		*value_at(parse->directives, row) = value;
	else if (parse->unbuilt == DIRECTIVES && (row->effect == EFFECT_NONE || value != 0))
		parse->unbuilt = at;
	return 0;
}

static int refuse_row(struct parse *parse, size_t at, const char *reason)
{
	return statement_refuse(&parse->reader, parse->lines[at], bytes_of(table[at].name),
				parse->problem, "%s", reason);
}

/* features.md section 10: what only several directives together can break. */
static int check_combinations(struct parse *parse)
{
	size_t head = row_of(BYTES_LITERAL("proxy_buffer_size"));
	size_t early = row_of(BYTES_LITERAL("ssl_early_data"));
	uint64_t buffers = parse->values[ROW_PROXY_BUFFERS];
	uint64_t size = buffers & UINT32_MAX, count = buffers >> 32;
	uint64_t larger =
		parse->lines[head] && parse->values[head] > size ? parse->values[head] : size;

	if (parse->lines[head] && !parse->lines[ROW_PROXY_BUFFERS])
		return refuse_row(parse, head, "it needs proxy_buffers beside it.");
	if (parse->lines[ROW_PROXY_BUFFERS] && 2 * larger > (count - 1) * size)
		return refuse_row(parse, ROW_PROXY_BUFFERS,
				  "twice the larger of proxy_buffer_size and the size of a buffer "
				  "must fit into all buffers but one.");
	if (parse->lines[early] && parse->values[early] &&
	    !(parse->values[ROW_SSL_PROTOCOLS] & TLS_1_3))
		return refuse_row(parse, early, "it needs TLSv1.3 in ssl_protocols.");
	return 0;
}

static int refuse_unbuilt(const struct parse *parse)
{
	const struct directive *row = &table[parse->unbuilt];

	return problem_set(parse->problem, "UnsupportedOperation", parse->reader.field,
			   row->effect == EFFECT_OFF
				   ? "line %u: %s on is not built yet; bodies are streamed."
				   : "line %u: %s is not built yet.",
			   parse->lines[parse->unbuilt], row->name);
}

int directives_parse(struct bytes text, const char *field, struct directives *ret,
		     struct problem *problem)
{
	struct directives directives = directives_default;
	struct parse parse = {
		.problem = problem,
		.unbuilt = DIRECTIVES,
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
	if (error == 0 && parse.unbuilt < DIRECTIVES)
		error = refuse_unbuilt(&parse);
	if (error == 0)
		*ret = directives;
	return error;
}

const char *directives_out_of_range(const struct directives *directives)
{
	for (size_t at = 0; at < DIRECTIVES; at++) {
		const struct directive *row = &table[at];
		uint64_t value;

		if (row->effect != EFFECT_VALUE)
			continue;
		memcpy(&value, (const char *)directives + row->offset, sizeof(value));
		if (value < row->least || value > row->most)
			return row->name;
	}
	return NULL;
}

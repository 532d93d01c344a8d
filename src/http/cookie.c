/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cookies as browsers send them, RFC 6265 section 5.4. A value is cut at every ";" and nothing
 * else, as browsers and servers do: quotes do not protect one. Any thread.
 */
#include "http/cookie.h"

#include "http/edit.h"
#include "http/write.h"

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\t';
}

/* Cuts the text up to the next ";" off `rest`, white space included. */
static struct bytes segment_next(struct bytes *rest)
{
	const char *cut = memchr(rest->at, ';', rest->size);
	struct bytes segment = { rest->at, cut ? (size_t)(cut - rest->at) : rest->size };
	size_t taken = segment.size + (cut ? 1 : 0);

	rest->at += taken;
	rest->size -= taken;
	return segment;
}

/* The segment is name=..., whatever stands behind the sign. */
static bool segment_is(struct bytes *segment, struct bytes name)
{
	while (segment->size && is_space(*segment->at)) {
		segment->at++;
		segment->size--;
	}
	return segment->size > name.size && segment->at[name.size] == '=' &&
	       memcmp(segment->at, name.at, name.size) == 0;
}

static struct bytes value_of(struct bytes segment, size_t name_size)
{
	const char *from = segment.at + name_size + 1, *to = segment.at + segment.size;

	while (from < to && is_space(*from))
		from++;
	while (to > from && is_space(to[-1]))
		to--;
	if (to - from >= 2 && *from == '"' && to[-1] == '"') {
		from++;
		to--;
	}
	return (struct bytes){ from, (size_t)(to - from) };
}

unsigned http_cookie_find(const char *head, const struct http_request *request, struct bytes name,
			  struct bytes *ret_value)
{
	unsigned found = 0;

	*ret_value = (struct bytes){ 0 };
	if (!(request->present & 1u << HTTP_COOKIE) || name.size == 0)
		return 0;
	for (unsigned i = 0; i < request->field_count; i++) {
		struct bytes rest;

		if (request->fields[i].id != HTTP_COOKIE)
			continue;
		rest = http_bytes(head, request->fields[i].value);
		while (rest.size) {
			struct bytes segment = segment_next(&rest);

			if (!segment_is(&segment, name))
				continue;
			if (++found == 2)
				return 2;
			*ret_value = value_of(segment, name.size);
		}
	}
	return found;
}

int http_cookie_strip(struct bytes value, struct bytes name, char *out, size_t room)
{
	struct writer writer = writer_of(out, room);
	struct bytes rest = value;
	bool has_kept = false, has_dropped = false;

	while (rest.size) {
		struct bytes whole = segment_next(&rest), segment = whole;

		if (segment_is(&segment, name)) {
			has_dropped = true;
			continue;
		}
		if (has_kept)
			write_literal(&writer, ";");
		/* The white space behind a separator goes where the separator went. */
		write_bytes(&writer, has_dropped && !has_kept ? segment : whole);
		has_kept = true;
	}
	if (has_kept && value.at[value.size - 1] == ';')
		write_literal(&writer, ";");
	return writer_result(&writer);
}

int http_set_cookie_write(struct bytes name, struct bytes value, int64_t wall_s, uint32_t max_age_s,
			  char *out, size_t room)
{
	struct writer writer = writer_of(out, room);
	char date[HTTP_DATE_SIZE + 1];

	http_date_write(wall_s + max_age_s, date);
	write_bytes(&writer, name);
	write_literal(&writer, "=");
	write_bytes(&writer, value);
	write_literal(&writer, "; Path=/; Expires=");
	write_run(&writer, date, HTTP_DATE_SIZE);
	write_literal(&writer, "; Max-Age=");
	write_decimal(&writer, max_age_s);
	write_literal(&writer, "; HttpOnly");
	return writer_result(&writer);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field lines, RFC 9112 section 5, and the values that several parsers need: lists, lengths,
 * codings, Connection. One pass over the bytes; what a repeated or nominated field means is decided
 * after it. Any thread.
 */
#include "http/parse.h"

#include <errno.h>

#include "http/names.h"
#include "http/search.h"

/* Connection cannot take these away: they are end to end, or written by the balancer in any case.
 */
#define NEVER_HOP_BY_HOP                                                                       \
	(FIELD_BIT(HTTP_HOST) | FIELD_BIT(HTTP_CONTENT_LENGTH) |                               \
	 FIELD_BIT(HTTP_TRANSFER_ENCODING) | FIELD_BIT(HTTP_EXPECT) | FIELD_BIT(HTTP_COOKIE) | \
	 FIELD_BIT(HTTP_SET_COOKIE) | FIELD_BIT(HTTP_DATE) | FIELD_BIT(HTTP_X_FORWARDED_FOR))

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\t';
}

static struct bytes trimmed(const char *from, const char *to)
{
	while (from < to && is_space(*from))
		from++;
	while (to > from && is_space(to[-1]))
		to--;
	return (struct bytes){ from, (size_t)(to - from) };
}

bool http_list_next(struct bytes *list, struct bytes *ret_member)
{
	while (list->size) {
		const char *comma = memchr(list->at, ',', list->size);
		const char *end = list->at + list->size;
		struct bytes member = trimmed(list->at, comma ? comma : end);

		list->at = comma ? comma + 1 : end;
		list->size = (size_t)(end - list->at);
		if (member.size) {
			*ret_member = member;
			return true;
		}
	}
	return false;
}

int http_length_parse(struct bytes value, uint64_t *ret_length)
{
	uint64_t length = 0;

	if (value.size == 0)
		return -EBADMSG;
	for (size_t i = 0; i < value.size; i++) {
		unsigned digit = (uint8_t)value.at[i] - '0';

		if (digit > 9 || length > ((uint64_t)INT64_MAX - digit) / 10)
			return -EBADMSG;
		length = length * 10 + digit;
	}
	*ret_length = length;
	return 0;
}

int http_coding_parse(struct bytes value)
{
	const struct bytes chunked = BYTES_LITERAL("chunked");
	struct bytes member = { 0 };
	unsigned chunked_count = 0;

	if (bytes_equal_nocase(value, chunked))
		return 0;
	/* A quoted parameter may hide commas: no reader should have to agree with us about it. */
	if (value.size == 0 || memchr(value.at, '"', value.size))
		return -EBADMSG;
	/* Empty members are legal in a list, but not worth a guess at what another reader does. */
	if (value.at[0] == ',' || value.at[value.size - 1] == ',')
		return -EBADMSG;
	while (http_list_next(&value, &member))
		chunked_count += bytes_equal_nocase(member, chunked);
	if (chunked_count != 1 || !bytes_equal_nocase(member, chunked))
		return -EBADMSG;
	return -ENOTSUP;
}

bool http_upgrade_has_websocket(const char *head, const struct http_field *fields, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct bytes list, member;

		if (fields[i].id != HTTP_UPGRADE)
			continue;
		list = http_bytes(head, fields[i].value);
		while (http_list_next(&list, &member))
			if (bytes_equal_nocase(member, BYTES_LITERAL("websocket")))
				return true;
	}
	return false;
}

static void nominate(const char *head, struct bytes name, struct http_field *fields,
		     struct field_notes *notes)
{
	if (!(FIELD_BIT(field_name_find(name.at, name.size)) & HOP_BY_HOP))
		notes->names_fields = true;
	for (unsigned i = 0; i < notes->count; i++)
		if (fields[i].name.size == name.size &&
		    !(FIELD_BIT(fields[i].id) & NEVER_HOP_BY_HOP) &&
		    bytes_equal_nocase(http_bytes(head, fields[i].name), name))
			fields[i].is_named_by_connection = true;
}

/* RFC 9110 section 7.6.1. */
static int connection_parse(const char *head, struct http_field *fields, struct field_notes *notes)
{
	unsigned options = 0;

	for (unsigned i = notes->first[HTTP_CONNECTION]; i < notes->count; i++) {
		struct bytes list, option;

		if (fields[i].id != HTTP_CONNECTION)
			continue;
		list = http_bytes(head, fields[i].value);
		while (http_list_next(&list, &option)) {
			if (++options > HTTP_OPTIONS_ROOM)
				return -E2BIG;
			if (bytes_equal_nocase(option, BYTES_LITERAL("keep-alive")))
				notes->has_keep_alive = true;
			else if (bytes_equal_nocase(option, BYTES_LITERAL("close")))
				notes->has_close = true;
			else if (bytes_equal_nocase(option, BYTES_LITERAL("upgrade")))
				notes->has_upgrade = true;
			else
				nominate(head, option, fields, notes);
		}
	}
	return 0;
}

/*
 * "X_Forwarded_For" and "X-Forwarded-For" are one variable to servers behind CGI and its heirs, so
 * a name that becomes one of ours with hyphens for underscores could speak in our name. It is not
 * passed on.
 */
static bool is_look_alike(struct bytes name)
{
	const uint32_t ours = FIELD_BIT(HTTP_CONTENT_LENGTH) | FIELD_BIT(HTTP_TRANSFER_ENCODING) |
			      FIELD_BIT(HTTP_X_FORWARDED_FOR) | FIELD_BIT(HTTP_X_FORWARDED_PROTO) |
			      FIELD_BIT(HTTP_X_FORWARDED_PORT) | FIELD_BIT(HTTP_X_REAL_IP);
	char text[sizeof("transfer-encoding") - 1];

	if (name.size > sizeof(text) || !memchr(name.at, '_', name.size))
		return false;
	for (size_t i = 0; i < name.size; i++)
		text[i] = name.at[i] == '_' ? '-' : name.at[i];
	return FIELD_BIT(field_name_find(text, name.size)) & ours;
}

/*
 * One line. Returns where the next begins, or NULL. Within: RFC 9112 5.1 (no space before the
 * colon), 5.2 (no folding: a line that begins with white space has no name), 2.2 (no bare CR).
 */
static inline const char *field_parse(const char *head, const char *at, const char *end,
				      struct http_field *field)
{
	bool is_letters = false;
	const char *colon = name_end(at, end, &is_letters);
	const char *from, *to, *line_end;

	if (colon == at || colon == end || *colon != ':')
		return NULL;
	from = colon + 1;
	line_end = value_end(from, end);
	if (end - line_end < 2 || line_end[0] != '\r' || line_end[1] != '\n')
		return NULL;
	while (from < line_end && is_space(*from))
		from++;
	to = line_end;
	while (to > from && is_space(to[-1]))
		to--;
	field->name = span_of(head, at, colon);
	field->value = span_of(head, from, to);
	field->id = field_name_find(at, field->name.size);
	field->is_named_by_connection = !is_letters && is_look_alike(http_bytes(head, field->name));
	return line_end + 2;
}

int http_fields_parse(struct bytes head, uint32_t at, struct http_field *fields,
		      struct field_notes *ret)
{
	const char *next = head.at + at, *end = head.at + head.size;
	uint32_t present = 0, repeated = 0;
	unsigned count = 0;

	ret->has_close = ret->has_keep_alive = ret->has_upgrade = ret->names_fields = false;
	while (next < end - 2) {
		uint32_t bit;

		if (count == HTTP_FIELDS_ROOM)
			return -E2BIG;
		next = field_parse(head.at, next, end, &fields[count]);
		if (!next)
			return -EBADMSG;
		bit = FIELD_BIT(fields[count].id);
		if (present & bit)
			repeated |= bit;
		else
			ret->first[fields[count].id] = (uint8_t)count;
		present |= bit;
		count++;
	}
	if (next != end - 2 || next[0] != '\r' || next[1] != '\n')
		return -EBADMSG;
	ret->count = (uint16_t)count;
	ret->present = present;
	ret->repeated = repeated;
	return notes_have(ret, HTTP_CONNECTION) ? connection_parse(head.at, fields, ret) : 0;
}

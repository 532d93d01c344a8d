/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of answers, RFC 9112 sections 4 and 6, held to the strictness of requests: what a server
 * says must not reach another client than its own. Any thread.
 */
#include "http/h1.h"

#include <errno.h>

#include "http/parse.h"
#include "http/search.h"

/* "HTTP/1.d" SP 3DIGIT [SP reason] CRLF. Returns where the fields begin, or 0. */
static uint32_t line_parse(const char *head, size_t size, struct http_response *ret)
{
	const char *end = head + size, *reason = head + 12, *line_end;

	if (memcmp(head, "HTTP/1.", 7) != 0 || head[7] < '0' || head[7] > '9' || head[8] != ' ')
		return 0;
	ret->minor = head[7] != '0';
	ret->status = 0;
	for (unsigned i = 9; i < 12; i++) {
		if (head[i] < '0' || head[i] > '9')
			return 0;
		ret->status = (uint16_t)(ret->status * 10 + head[i] - '0');
	}
	if (ret->status < 100)
		return 0;
	if (*reason == ' ')
		reason++;
	else if (*reason != '\r')
		return 0;
	line_end = value_end(reason, end);
	if (end - line_end < 2 || line_end[0] != '\r' || line_end[1] != '\n')
		return 0;
	ret->reason = span_of(head, reason, line_end);
	return (uint32_t)(line_end + 2 - head);
}

/* What the fields say about the body's length, wherever that counts in the end. */
static int length_read(const char *head, const struct field_notes *notes, struct http_response *ret)
{
	const uint32_t both = FIELD_BIT(HTTP_CONTENT_LENGTH) | FIELD_BIT(HTTP_TRANSFER_ENCODING);
	struct bytes value;

	ret->framing = HTTP_UNTIL_CLOSE;
	ret->length = 0;
	if (!(notes->present & both))
		return 0;
	if ((notes->present & both) == both || notes->repeated & both)
		return -EBADMSG;
	if (notes_have(notes, HTTP_CONTENT_LENGTH)) {
		value = http_bytes(head, ret->fields[notes->first[HTTP_CONTENT_LENGTH]].value);
		ret->framing = HTTP_LENGTH;
		return http_length_parse(value, &ret->length);
	}
	value = http_bytes(head, ret->fields[notes->first[HTTP_TRANSFER_ENCODING]].value);
	ret->framing = HTTP_CHUNKED;
	return ret->minor == 0 || http_coding_parse(value) ? -EBADMSG : 0;
}

/* RFC 9112 section 6.3, items 1 to 8. */
static int framing_parse(const char *head, enum http_method method, const struct field_notes *notes,
			 struct http_response *ret)
{
	bool is_informational = ret->status < 200;

	if (length_read(head, notes, ret))
		return -EBADMSG;
	if (is_informational || ret->status == 204) {
		bool claims_body = ret->framing == HTTP_CHUNKED || ret->length > 0;

		/* These have no body. A server that announces one may send one: its next bytes
		 * would then be read as a head, so they are never read. */
		if (claims_body && is_informational)
			return -EBADMSG;
		if (claims_body || ret->status == 101)
			ret->is_keepalive = false;
		ret->framing = HTTP_NO_BODY;
		return 0;
	}
	if (method == HTTP_HEAD || ret->status == 304)
		ret->framing = HTTP_NO_BODY;
	else if (ret->framing == HTTP_UNTIL_CLOSE)
		ret->is_keepalive = false;
	return 0;
}

int http_response_parse(const char *head, size_t size, enum http_method method,
			struct http_response *ret)
{
	struct field_notes notes;
	uint32_t fields_at;
	int error;

	if (size < HTTP_BLOCK || size > INT32_MAX || memcmp(head + size - 2, "\r\n", 2) != 0)
		return -EBADMSG;
	fields_at = line_parse(head, size, ret);
	if (!fields_at)
		return -EBADMSG;
	error = http_fields_parse((struct bytes){ head, size }, fields_at, ret->fields, &notes);
	if (error)
		return error;
	ret->head_size = (uint32_t)size;
	ret->field_count = notes.count;
	ret->present = notes.present;
	ret->names_fields = notes.names_fields;
	ret->is_keepalive = !notes.has_close && (ret->minor == 1 || notes.has_keep_alive);
	ret->is_websocket = ret->status == 101 &&
			    http_upgrade_has_websocket(head, ret->fields, ret->field_count);
	return framing_parse(head, method, &notes, ret);
}

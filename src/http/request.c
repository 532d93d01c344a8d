/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request heads, RFC 9112 sections 3 and 6, RFC 9110 sections 7 and 10.1.1. Every refusal names the
 * status to answer with. Any thread.
 */
#include "http/h1.h"

#include <errno.h>

#include "http/parse.h"
#include "http/search.h"

enum {
	BAD_REQUEST = 400,
	METHOD_NOT_ALLOWED = 405,
	TARGET_TOO_LONG = 414,
	EXPECTATION_FAILED = 417,
	FIELDS_TOO_LARGE = 431,
	NOT_IMPLEMENTED = 501,
	VERSION_NOT_SUPPORTED = 505,
};

static enum http_method method_find(const char *at, size_t size)
{
#define METHOD(text, method)                         \
	if (memcmp(at, text, sizeof(text) - 1) == 0) \
		return method;
	switch (size) {
	case 3:
		METHOD("GET", HTTP_GET)
		METHOD("PUT", HTTP_PUT)
		break;
	case 4:
		METHOD("POST", HTTP_POST)
		METHOD("HEAD", HTTP_HEAD)
		break;
	case 5:
		METHOD("PATCH", HTTP_PATCH)
		METHOD("TRACE", HTTP_TRACE)
		break;
	case 6:
		METHOD("DELETE", HTTP_DELETE)
		break;
	case 7:
		METHOD("OPTIONS", HTTP_OPTIONS)
		METHOD("CONNECT", HTTP_CONNECT)
		break;
	}
#undef METHOD
	return HTTP_METHOD_OTHER;
}

/* "HTTP/d.d" CRLF at the end of the request line, RFC 9112 section 2.3. */
static unsigned version_parse(const char *at, size_t size, uint8_t *ret_minor)
{
	bool is_well_formed = size >= 10 && memcmp(at, "HTTP/", 5) == 0 && at[5] >= '0' &&
			      at[5] <= '9' && at[6] == '.' && at[7] >= '0' && at[7] <= '9' &&
			      at[8] == '\r' && at[9] == '\n';

	if (!is_well_formed)
		return BAD_REQUEST;
	if (at[5] != '1' || at[7] > '1')
		return VERSION_NOT_SUPPORTED;
	*ret_minor = (uint8_t)(at[7] - '0');
	return 0;
}

/* Sets method, target and minor; *ret_end is where the fields begin. */
static unsigned line_parse(const char *head, size_t size, struct http_request *ret,
			   uint32_t *ret_end)
{
	const char *end = head + size;
	const char *space = class_end(head, end, CLASS_TOKEN);
	const char *target, *version;
	unsigned status;

	if (space == head || space == end || *space != ' ')
		return BAD_REQUEST;
	target = space + 1;
	version = target_end(target, end);
	if (version == target || version == end || *version != ' ')
		return BAD_REQUEST;
	status = version_parse(version + 1, (size_t)(end - version - 1), &ret->minor);
	if (status)
		return status;
	ret->method_text = span_of(head, head, space);
	ret->method = (uint8_t)method_find(head, ret->method_text.size);
	ret->target = span_of(head, target, version);
	if (ret->target.size > HTTP_TARGET_ROOM)
		return TARGET_TOO_LONG;
	*ret_end = (uint32_t)(version + 11 - head);
	return 0;
}

/* Splits `origin`, which has a path, into path and query. */
static void origin_set(const char *head, struct http_span origin, struct http_request *ret)
{
	const char *query = memchr(head + origin.at, '?', origin.size);

	ret->origin = ret->path = origin;
	if (query)
		ret->path.size = (uint32_t)(query - head) - origin.at;
}

/* "http://" authority [path] ["?" query], RFC 9112 section 3.2.2. Returns 0 or -EBADMSG. */
static int absolute_parse(const char *head, struct http_request *ret, struct authority *authority)
{
	struct bytes target = http_bytes(head, ret->target);
	const char *end = target.at + target.size, *from, *to;
	struct http_span slash;

	if (target.size > 7 && strncasecmp(target.at, "http://", 7) == 0)
		from = target.at + 7;
	else if (target.size > 8 && strncasecmp(target.at, "https://", 8) == 0)
		from = target.at + 8;
	else
		return -EBADMSG;
	for (to = from; to < end && *to != '/' && *to != '?';)
		to++;
	/* User information has no class of its own among host bytes, so "@" is refused below. */
	if (to == from || http_authority_parse(head, span_of(head, from, to), authority))
		return -EBADMSG;
	if (authority->port == -1)
		authority->port = from - target.at == 8 ? 443 : 80;
	if (to < end && *to == '/') {
		origin_set(head, span_of(head, to, end), ret);
		return 0;
	}
	/* No path means "/": the last slash of the scheme serves, since nothing may be added here.
	 */
	slash = span_of(head, from - 1, from);
	ret->path = slash;
	ret->origin = to < end ? span_of(head, to, end) : slash;
	return 0;
}

/* The four forms, RFC 9112 section 3.2. *ret_is_absolute tells whether `authority` was set. */
static int target_parse(const char *head, struct http_request *ret, struct authority *authority,
			bool *ret_is_absolute)
{
	const char *target = head + ret->target.at;

	*ret_is_absolute = false;
	if (*target == '/') {
		origin_set(head, ret->target, ret);
		return 0;
	}
	if (*target == '*') {
		ret->origin = ret->path = ret->target;
		return ret->target.size == 1 && ret->method == HTTP_OPTIONS ? 0 : -EBADMSG;
	}
	*ret_is_absolute = true;
	return absolute_parse(head, ret, authority);
}

/* Exactly one Host in 1.1, at most one in 1.0, and no other than the target's. RFC 9112 3.2, 3.2.2.
 */
static int host_parse(const char *head, const struct field_notes *notes,
		      const struct authority *absolute, struct http_request *ret)
{
	struct authority given = { .port = -1 };
	int default_port = absolute ? (head[ret->target.at + 4] == ':' ? 80 : 443) : -1;

	ret->host = ret->authority = (struct http_span){ 0 };
	if (notes->repeated & FIELD_BIT(HTTP_HOST))
		return -EBADMSG;
	if (notes_have(notes, HTTP_HOST)) {
		const struct http_field *field = &ret->fields[notes->first[HTTP_HOST]];

		if (http_authority_parse(head, field->value, &given))
			return -EBADMSG;
		if (absolute && (!bytes_equal_nocase(http_bytes(head, given.host),
						     http_bytes(head, absolute->host)) ||
				 (given.port == -1 ? default_port : given.port) != absolute->port))
			return -EBADMSG;
	} else if (ret->minor == 1) {
		return -EBADMSG;
	}
	ret->host = absolute ? absolute->host : given.host;
	ret->authority = absolute ? absolute->whole : given.whole;
	return 0;
}

/* RFC 9112 section 6.3, without its leniency. */
static unsigned framing_parse(const char *head, const struct field_notes *notes,
			      struct http_request *ret)
{
	const uint32_t both = FIELD_BIT(HTTP_CONTENT_LENGTH) | FIELD_BIT(HTTP_TRANSFER_ENCODING);
	const struct http_field *field;

	ret->framing = HTTP_NO_BODY;
	ret->length = 0;
	if (!(notes->present & both))
		return 0;
	if ((notes->present & both) == both || notes->repeated & both)
		return BAD_REQUEST;
	if (notes_have(notes, HTTP_CONTENT_LENGTH)) {
		field = &ret->fields[notes->first[HTTP_CONTENT_LENGTH]];
		if (http_length_parse(http_bytes(head, field->value), &ret->length))
			return BAD_REQUEST;
		ret->framing = HTTP_LENGTH;
		return 0;
	}
	if (ret->minor == 0)
		return BAD_REQUEST;
	field = &ret->fields[notes->first[HTTP_TRANSFER_ENCODING]];
	ret->framing = HTTP_CHUNKED;
	switch (http_coding_parse(http_bytes(head, field->value))) {
	case 0:
		return 0;
	case -ENOTSUP:
		return NOT_IMPLEMENTED;
	default:
		return BAD_REQUEST;
	}
}

/* RFC 9110 section 10.1.1: every expectation must be the one that is known; 1.0 cannot have any. */
static unsigned expect_parse(const char *head, const struct field_notes *notes,
			     struct http_request *ret)
{
	ret->expects_continue = false;
	if (!notes_have(notes, HTTP_EXPECT))
		return 0;
	for (unsigned i = notes->first[HTTP_EXPECT]; i < ret->field_count; i++)
		if (ret->fields[i].id == HTTP_EXPECT &&
		    !bytes_equal_nocase(http_bytes(head, ret->fields[i].value),
					BYTES_LITERAL("100-continue")))
			return EXPECTATION_FAILED;
	ret->expects_continue = ret->minor == 1;
	return 0;
}

int http_request_parse(const char *head, size_t size, struct http_request *ret)
{
	struct authority authority;
	struct field_notes notes;
	bool is_absolute;
	uint32_t fields_at;
	unsigned status;
	int error;

	if (size < HTTP_BLOCK || memcmp(head + size - 2, "\r\n", 2) != 0)
		return BAD_REQUEST;
	if (size > INT32_MAX)
		return FIELDS_TOO_LARGE;
	status = line_parse(head, size, ret, &fields_at);
	if (status)
		return (int)status;
	if (ret->method == HTTP_CONNECT)
		return METHOD_NOT_ALLOWED;
	if (target_parse(head, ret, &authority, &is_absolute))
		return BAD_REQUEST;
	error = http_fields_parse((struct bytes){ head, size }, fields_at, ret->fields, &notes);
	if (error)
		return error == -E2BIG ? FIELDS_TOO_LARGE : BAD_REQUEST;
	ret->head_size = (uint32_t)size;
	ret->field_count = notes.count;
	ret->present = notes.present;
	ret->names_fields = notes.names_fields;
	if (host_parse(head, &notes, is_absolute ? &authority : NULL, ret))
		return BAD_REQUEST;
	status = framing_parse(head, &notes, ret);
	if (!status)
		status = expect_parse(head, &notes, ret);
	ret->is_keepalive = !notes.has_close && (ret->minor == 1 || notes.has_keep_alive);
	ret->wants_websocket = notes.has_upgrade && ret->method == HTTP_GET && ret->minor == 1 &&
			       (ret->framing == HTTP_NO_BODY ||
				(ret->framing == HTTP_LENGTH && ret->length == 0)) &&
			       http_upgrade_has_websocket(head, ret->fields, ret->field_count);
	return (int)status;
}

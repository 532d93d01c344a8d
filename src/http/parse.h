/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner header of this folder: what reading a request and reading an answer have in common.
 * Everything here works on a head of at least HTTP_BLOCK bytes that ends with CRLF.
 */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include "http/message.h"

/* What the fields say, gathered in the one pass over them. */
struct field_notes {
	uint16_t count;
	uint32_t present; /* bit per enum http_field_name */
	uint32_t repeated; /* came at least twice */
	uint8_t first[HTTP_FIELD_NAMES]; /* index of the first field of a name that is present */
	bool has_close, has_keep_alive, has_upgrade; /* options in Connection */
	bool names_fields; /* other options there, which no hop-by-hop field of ours has */
};

#define FIELD_BIT(id) (1u << (id))

/* Fields of one connection, RFC 9110 section 7.6.1: never forwarded as they came. */
#define HOP_BY_HOP                                                                \
	(FIELD_BIT(HTTP_CONNECTION) | FIELD_BIT(HTTP_KEEP_ALIVE) |                \
	 FIELD_BIT(HTTP_PROXY_CONNECTION) | FIELD_BIT(HTTP_TRANSFER_ENCODING) |   \
	 FIELD_BIT(HTTP_TE) | FIELD_BIT(HTTP_TRAILER) | FIELD_BIT(HTTP_UPGRADE) | \
	 FIELD_BIT(HTTP_HTTP2_SETTINGS))

static inline bool notes_have(const struct field_notes *notes, enum http_field_name id)
{
	return notes->present & FIELD_BIT(id);
}

static inline struct http_span span_of(const char *head, const char *from, const char *to)
{
	return (struct http_span){ (uint32_t)(from - head), (uint32_t)(to - from) };
}

/*
 * Reads the field lines from `at` to the empty line, which must be the head's end, and Connection.
 * Returns 0, -EBADMSG, or -E2BIG (more than HTTP_FIELDS_ROOM fields or HTTP_OPTIONS_ROOM options).
 */
int http_fields_parse(struct bytes head, uint32_t at, struct http_field *fields,
		      struct field_notes *ret);

/* Digits only, at most 2^63 - 1; or -EBADMSG. */
int http_length_parse(struct bytes value, uint64_t *ret_length);

/* The one Transfer-Encoding value: 0 for exactly chunked, -ENOTSUP for others with chunked last,
 * -EBADMSG. */
int http_coding_parse(struct bytes value);

/* The next member of a comma list, without white space, empty ones skipped; false at the end. */
bool http_list_next(struct bytes *list, struct bytes *ret_member);

/* Some Upgrade field names websocket. */
bool http_upgrade_has_websocket(const char *head, const struct http_field *fields, unsigned count);

/* uri-host [":" port], RFC 9110 7.2. */
struct authority {
	struct http_span host; /* with the brackets of an IPv6 address */
	struct http_span whole; /* without the colon of an empty port */
	int32_t port; /* -1: none */
};

/* An empty text gives an empty authority. -EBADMSG. */
int http_authority_parse(const char *head, struct http_span text, struct authority *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/1.x message as numbers: what the parsers fill and the editors read. Everything refers to
 * the head's bytes by offset, so a head may move. No socket, no clock, no allocation in this
 * folder. RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* The roofs of model/limits.h, which this folder may not see; a unit test compares them. */
#define HTTP_FIELDS_ROOM 128
#define HTTP_TARGET_ROOM 32768
#define HTTP_CHUNK_LINE_ROOM 4096
#define HTTP_TRAILER_ROOM 8192
#define HTTP_OPTIONS_ROOM 64 /* options in Connection: each costs a look at every field */

/* Fields that the product acts on; all others are HTTP_OTHER and pass untouched. */
enum http_field_name {
	HTTP_OTHER,
	HTTP_HOST,
	HTTP_CONNECTION,
	HTTP_KEEP_ALIVE,
	HTTP_PROXY_CONNECTION,
	HTTP_CONTENT_LENGTH,
	HTTP_TRANSFER_ENCODING,
	HTTP_TE,
	HTTP_TRAILER,
	HTTP_UPGRADE,
	HTTP_HTTP2_SETTINGS,
	HTTP_PROXY_AUTHENTICATE,
	HTTP_PROXY_AUTHORIZATION,
	HTTP_EXPECT,
	HTTP_COOKIE,
	HTTP_SET_COOKIE,
	HTTP_DATE,
	HTTP_X_FORWARDED_FOR,
	HTTP_X_FORWARDED_PROTO,
	HTTP_X_FORWARDED_PORT,
	HTTP_X_REAL_IP,
	HTTP_USER_AGENT,
	HTTP_REFERER,
	HTTP_FIELD_NAMES,
};

enum http_method {
	HTTP_METHOD_OTHER,
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_TRACE,
	HTTP_CONNECT,
	HTTP_PATCH,
};

struct http_span {
	uint32_t at, size; /* within the head */
};

struct http_field {
	struct http_span name, value; /* value without surrounding white space */
	uint8_t id; /* enum http_field_name */
	/* Listed in Connection, or a look-alike of a field of ours (X_Forwarded_For): not
	 * forwarded. */
	bool is_named_by_connection;
};

enum http_framing {
	HTTP_NO_BODY, /* none, whatever the fields say (204, 304, answers to HEAD keep their fields)
		       */
	HTTP_LENGTH, /* `length` bytes; a length of 0 is HTTP_LENGTH too */
	HTTP_CHUNKED,
	HTTP_UNTIL_CLOSE, /* responses only */
};

struct http_request {
	uint32_t head_size; /* bytes up to and with the empty line */
	uint8_t method; /* enum http_method */
	uint8_t minor; /* HTTP/1.minor: 0 or 1 */
	uint8_t framing;
	bool is_keepalive; /* what the client asks for, version and Connection together */
	bool expects_continue;
	bool wants_websocket; /* Upgrade: websocket with Connection: upgrade, HTTP/1.1, GET, no body
			       */
	bool names_fields; /* Connection names fields of its own: they may be among the trailers */
	uint32_t present; /* bit `1u << enum http_field_name` of each field that came */
	uint64_t length;
	struct http_span method_text;
	struct http_span target; /* as received; for absolute-form see path */
	struct http_span path; /* path without query; "*" for OPTIONS * */
	/*
	 * Path with query: what goes to the server. It begins with '?' in one case, an
	 * absolute-form target without a path ("http://a?b"): whoever writes it puts a "/" ahead.
	 */
	struct http_span origin;
	struct http_span
		host; /* uri-host without port, from absolute-form or Host; empty when none */
	struct http_span authority; /* the same with its port, as received */
	uint16_t field_count;
	struct http_field fields[HTTP_FIELDS_ROOM];
};

struct http_response {
	uint32_t head_size;
	uint16_t status; /* 100..999 */
	uint8_t minor;
	uint8_t framing;
	bool is_keepalive; /* the server's connection can carry another request */
	bool is_websocket; /* 101 that answers a websocket upgrade */
	bool names_fields; /* as in struct http_request */
	uint32_t present; /* as in struct http_request */
	uint64_t length;
	struct http_span reason;
	uint16_t field_count;
	struct http_field fields[HTTP_FIELDS_ROOM];
};

static inline struct bytes http_bytes(const char *head, struct http_span span)
{
	return (struct bytes){ head + span.at, span.size };
}

/* The first field of this name, or NULL. `present` and `fields` of a request or a response. */
static inline const struct http_field *http_field_first(const struct http_field *fields,
							uint32_t present, enum http_field_name id)
{
	if (!(present & 1u << id))
		return NULL;
	while (fields->id != id)
		fields++;
	return fields;
}

/* May be sent again when nobody knows whether it was executed, RFC 9110 section 9.2.2. */
static inline bool http_method_is_idempotent(enum http_method method)
{
	return method == HTTP_GET || method == HTTP_HEAD || method == HTTP_PUT ||
	       method == HTTP_DELETE || method == HTTP_OPTIONS || method == HTTP_TRACE;
}

#endif

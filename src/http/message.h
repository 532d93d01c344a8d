/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/1.x message as numbers: what the parsers fill and the editors read. Everything refers to the
 * head's bytes by offset, so a head may move. No socket, no clock, no allocation in this folder.
 * RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define HTTP_FIELDS_ROOM 128 /* = HTTP_FIELDS_MOST of model/limits.h, which this folder may not see */
#define HTTP_TARGET_ROOM 32768

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
	uint8_t id;       /* enum http_field_name */
	bool is_named_by_connection; /* listed in Connection: hop-by-hop, not forwarded */
};

enum http_framing {
	HTTP_NO_BODY,     /* none, whatever the fields say (204, 304, answers to HEAD keep their fields) */
	HTTP_LENGTH,      /* `length` bytes; a length of 0 is HTTP_LENGTH too */
	HTTP_CHUNKED,
	HTTP_UNTIL_CLOSE, /* responses only */
};

struct http_request {
	uint32_t head_size;       /* bytes up to and with the empty line */
	uint8_t method;           /* enum http_method */
	uint8_t minor;            /* HTTP/1.minor: 0 or 1 */
	uint8_t framing;
	bool is_keepalive;        /* what the client asks for, version and Connection together */
	bool expects_continue;
	bool wants_websocket;     /* Upgrade: websocket with Connection: upgrade, HTTP/1.1, GET, no body */
	uint64_t length;
	struct http_span method_text;
	struct http_span target;  /* as received; for absolute-form see path */
	struct http_span path;    /* path without query; "*" for OPTIONS * */
	struct http_span origin;  /* path with query: what goes to the server */
	struct http_span host;    /* uri-host without port; from absolute-form or Host; empty when none (HTTP/1.0) */
	struct http_span authority; /* the same with its port, as received */
	uint16_t field_count;
	struct http_field fields[HTTP_FIELDS_ROOM];
};

struct http_response {
	uint32_t head_size;
	uint16_t status;          /* 100..999 */
	uint8_t minor;
	uint8_t framing;
	bool is_keepalive;        /* the server's connection can carry another request */
	bool is_websocket;        /* 101 that answers a websocket upgrade */
	uint64_t length;
	struct http_span reason;
	uint16_t field_count;
	struct http_field fields[HTTP_FIELDS_ROOM];
};

static inline struct bytes http_bytes(const char *head, struct http_span span)
{
	return (struct bytes){ head + span.at, span.size };
}

#endif

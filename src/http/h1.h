/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.x bytes in, messages out. Strict: whatever two parsers could read differently is refused
 * (RFC 9112 sections 2.2, 3, 5, 6, 7; RFC 9110 sections 5.5, 8.6), so nothing ambiguous is ever
 * forwarded.
 */
#ifndef HTTP_H1_H
#define HTTP_H1_H

#include "http/message.h"

/* Where the search for a head's end goes on when more bytes came. Zero it for a new message. */
struct http_scan {
	uint32_t at; /* bytes looked at */
	uint8_t empty_lines; /* skipped before the head */
};

/*
 * Looks for the end of a head, from where it stopped last time. Returns the head's size with its
 * empty line, 0 when more bytes are needed, -EBADMSG for a bare LF or a NUL seen so far. Leading
 * empty lines of a request are not part of the head: skip them with http_skip_empty_lines before
 * every scan of an unfinished head (a CR may have come alone).
 */
int http_head_scan(const char *data, size_t size, struct http_scan *scan);

/*
 * Bytes of CRLF before a request line, for the caller to drop: at most two pairs a message (RFC
 * 9112 2.2), however they come. A third one is a head that cannot be parsed.
 */
size_t http_skip_empty_lines(const char *data, size_t size, struct http_scan *scan);

/*
 * Reads one whole head. Returns 0, or the status to answer with: 400, 405 (CONNECT), 414 (target),
 * 417 (Expect other than 100-continue), 431 (fields, or options in Connection), 501 (unknown
 * transfer coding), 505. The connection cannot be used further after any of them, and *ret means
 * nothing.
 */
int http_request_parse(const char *head, size_t size, struct http_request *ret);

/*
 * Reads one whole head of an answer to a request of `method`. Returns 0; or -EBADMSG when it is not
 * to be trusted, -E2BIG when it has too many fields or options in Connection (the client gets 502,
 * and *ret means nothing). Heads of status 100..199 other than 101 are informational: another head
 * follows.
 */
int http_response_parse(const char *head, size_t size, enum http_method method,
			struct http_response *ret);

/* A chunked body on its way, RFC 9112 7.1. Zero it for a new body. */
struct http_chunked {
	uint8_t state;
	uint8_t digits;
	bool is_done; /* the last chunk and the trailers are behind us */
	uint8_t trailer_count; /* fields among the trailers so far */
	uint32_t line_size; /* of the size line or trailers so far */
	uint32_t excess; /* framing bytes beyond what the payload so far can justify */
	uint64_t left; /* payload bytes of the current chunk still to come */
};

struct http_chunked_step {
	size_t consumed; /* bytes of data that are dealt with */
	size_t payload_at; /* where the payload found stands in data, in one piece */
	size_t payload_size;
	size_t trailers_at; /* where the trailers' bytes found stand in data, in one piece */
	size_t trailers_size; /* with their empty line; 0 when the body has none */
};

/*
 * Decodes as much of `data` as possible, gathering the payload into one piece within `data` (moving
 * bytes only when it came in several chunks). Chunk extensions are checked and dropped; trailers
 * are checked like the fields of a head and shown, for http_trailers_edit. Stops behind the last
 * chunk's end: what follows is the next message. Returns 0; -EBADMSG: bad syntax; -E2BIG: a size
 * line or trailers above their roof, or far more framing than payload.
 */
int http_chunked_decode(struct http_chunked *chunked, char *data, size_t size,
			struct http_chunked_step *ret);

#endif

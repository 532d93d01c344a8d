/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing heads: a message as it goes on to the next hop, and the answers that the balancer makes
 * itself. Every function writes into `out`, which must not overlap its input, and returns the size,
 * or -ENOBUFS when it does not fit.
 */
#ifndef HTTP_EDIT_H
#define HTTP_EDIT_H

#include "http/message.h"

/*
 * A field that a configuration gives a message. With `variables`, a byte HTTP_VARIABLE + n of the
 * value, n below HTTP_VARIABLES, stands for variables[n]. An empty value writes no field. Names and
 * values are the caller's to have checked.
 */
#define HTTP_VARIABLE 0x10
#define HTTP_VARIABLES 16
struct http_extra {
	struct bytes name, value;
	const struct bytes *variables; /* NULL: the value is as it stands */
	bool replaces; /* in an answer of our own: the field of this name that it would have */
};

/*
 * Fields of this name are not passed on by the edit that follows; with `has_look_alikes` also those
 * that have underscores for hyphens, which are one variable to servers behind CGI and its heirs.
 */
void http_fields_hide(const char *head, struct http_field *fields, unsigned count,
		      struct bytes name, bool has_look_alikes);

struct http_request_edit {
	struct bytes client_ip; /* appended to X-Forwarded-For, sets X-Real-IP */
	struct bytes proto; /* "http" or "https": sets X-Forwarded-Proto */
	struct bytes port; /* decimal listener port: sets X-Forwarded-Port */
	struct bytes host; /* for Host when the request has none: the listener's address */
	struct bytes strip_cookie; /* a cookie of this name is left out; empty = none */
	bool keeps_connection; /* the connection to the server is to stay open */
	uint32_t replaced; /* bits of our own fields that stand among `extras`, or nowhere */
	const struct http_extra *extras; /* behind the client's fields */
	unsigned extra_count;
	bool has_whole_body; /* it was read before: no Expect, and no framing for what came in
				chunks: the caller adds its length */
};

/*
 * The request as HTTP/1.1 to a server: origin-form target, one Host first (from the absolute-form
 * target if there was one), end-to-end fields in their order and bytes, hop-by-hop fields removed
 * (RFC 9110 7.6.1: Connection and what it names, Keep-Alive, Proxy-Connection, TE,
 * Transfer-Encoding, Upgrade, HTTP2-Settings; Proxy-Authorization stays), then X-Forwarded-For,
 * -Proto, -Port, X-Real-IP, framing, TE and Connection written anew; Content-Length is written anew
 * in its place. TE says "trailers" when a 1.1 client did, and nothing else. Trailer stays where
 * trailers can follow. Upgrade and Connection are kept for a websocket, Expect for HTTP/1.1.
 */
int http_request_edit(const char *head, const struct http_request *request,
		      const struct http_request_edit *edit, char *out, size_t room);

struct http_response_edit {
	uint8_t client_minor; /* a 1.0 client gets no chunked coding: its body ends with the
				 connection */
	bool keeps_connection; /* the client's connection stays open; else Connection: close */
	struct bytes set_cookie; /* value of one more Set-Cookie field; empty = none */
	struct bytes date; /* used when the answer has no Date; empty = add none */
	const struct http_extra *extras; /* behind the server's fields */
	unsigned extra_count;
};

/*
 * The answer as HTTP/1.1 to a client: same rules. Status and reason as they came, all fields in
 * their bytes; only hop-by-hop ones and the framing are written anew. 1xx heads pass with their
 * fields, to a 1.0 client not at all (0 is returned). A body of HTTP_UNTIL_CLOSE goes to a 1.1
 * client as chunked. *ret_framing says how the body must be sent: HTTP_NO_BODY, _LENGTH, _CHUNKED,
 * or _UNTIL_CLOSE, which closes the connection whatever keeps_connection says.
 */
int http_response_edit(const char *head, const struct http_response *response,
		       const struct http_response_edit *edit, char *out, size_t room,
		       enum http_framing *ret_framing);

/*
 * The trailers of a chunked message that may go on to the next hop, in their order and bytes, each
 * with its CRLF and without an empty line behind them. `section`: field lines with the empty line,
 * as http_chunked_decode found them. Left out is what RFC 9110 6.5.1 forbids there (framing,
 * routing, request modifiers, authentication, cookies, how content is read), hop-by-hop fields, who
 * the client is, and look-alikes of all of them with underscores. Trailers of a message whose
 * Connection names fields are dropped by the caller. -EBADMSG: bad fields; -E2BIG: too many.
 */
int http_trailers_edit(const char *section, size_t size, char *out, size_t room);

/*
 * A whole answer made by the balancer, head and small HTML body naming the status and the request
 * id. `location` for 301. `is_head`: no body follows, its length is still told. `date` is an
 * IMF-fixdate. -EINVAL for a status below 200, or when a byte of the request id (token), the
 * location (as in request targets) or the date could end its line; 1 KiB and the sizes of location,
 * server and extras are enough room for any.
 */
struct http_answer {
	unsigned status;
	bool is_head;
	bool keeps_connection;
	struct bytes request_id, date, location;
	struct bytes server; /* for Server; empty = none */
	const struct http_extra *extras;
	unsigned extra_count;
};
int http_answer_write(const struct http_answer *answer, char *out, size_t room);

/* "Unknown" for a status that is not in the list. */
const char *http_status_text(unsigned status);

#define HTTP_DATE_SIZE 29
/* IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT", RFC 9110 5.6.7, and NUL. Other years are clamped.
 */
void http_date_write(int64_t wall_s, char text[HTTP_DATE_SIZE + 1]);

#endif

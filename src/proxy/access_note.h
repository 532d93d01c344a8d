/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an access log's line will need of a request's head, kept in one of the worker's buffers
 * because the head is gone when the answer is over. Belongs to the worker's thread.
 */
#ifndef PROXY_ACCESS_NOTE_H
#define PROXY_ACCESS_NOTE_H

#include <stdint.h>

#include "http/message.h"
#include "proxy/buffer.h"

/* Bytes kept of each: what is longer is cut. Together they fit a small buffer. */
#define ACCESS_REQUEST_MOST 4096
#define ACCESS_HOST_MOST 256
#define ACCESS_AGENT_MOST 1024
#define ACCESS_REFERER_MOST 2048

struct access_note {
	struct buffer *text; /* the parts one behind the other, or NULL: no line is due */
	uint16_t request, host, agent, referer; /* their sizes, in this order; 0 = absent */
	uint16_t path_at, path; /* within the request line */
	bool is_parsed;
	uint8_t minor; /* HTTP/1.minor */
};

/* Of a parsed head. Without room there is no line: false. */
bool access_note_take(struct access_note *note, struct buffer_stock *stock, const char *head,
		      const struct http_request *request);
/* Of bytes that are no head: their first line. */
bool access_note_take_bad(struct access_note *note, struct buffer_stock *stock, struct bytes bytes);
void access_note_give(struct access_note *note, struct buffer_stock *stock);

struct bytes access_note_request(const struct access_note *note);
struct bytes access_note_path(const struct access_note *note);
struct bytes access_note_host(const struct access_note *note);
struct bytes access_note_agent(const struct access_note *note);
struct bytes access_note_referer(const struct access_note *note);

#endif

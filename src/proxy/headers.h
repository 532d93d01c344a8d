/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a custom configuration does to heads: fields for the target with their variables, fields
 * for the client, Location and Refresh that say https. Everything is borrowed from the generation,
 * the head and the struct itself, which stands on the stack of who edits. The worker's thread.
 */
#ifndef PROXY_HEADERS_H
#define PROXY_HEADERS_H

#include "http/edit.h"
#include "model/directives.h"
#include "proxy/exchange.h"

#define HEADERS_REDIRECTS 4 /* Location and Refresh fields of one answer that are rewritten */

/* `extras`, `extra_count` and `size` hold something once one of the functions below was called. */
struct header_edits {
	struct http_extra extras[LIMIT_CUSTOM_HEADERS + HEADERS_REDIRECTS];
	unsigned extra_count;
	size_t size; /* bytes that they add to a head at most */
	uint32_t replaced; /* to the target: bits of fields of our own */
	struct bytes variables[HTTP_VARIABLES];
	struct bytes redirects[HEADERS_REDIRECTS][HTTP_VARIABLES];
	char request_id[17], remote_port[6], server_address[ADDRESS_IP_TEXT_SIZE];
};

/* worker->request, its bytes at `head`, goes to a target: hides what is replaced. */
void headers_to_target(struct exchange *exchange, const char *head, struct header_edits *ret);

static inline bool headers_has_to_target(const struct exchange *exchange)
{
	return exchange_http(exchange)->to_target.count > 0;
}

/* worker->response, its bytes at `head`, goes to the client: likewise. */
void headers_to_client(struct exchange *exchange, const char *head, struct header_edits *ret);
/* An answer of our own with this status. */
void headers_to_answer(struct exchange *exchange, unsigned status, struct header_edits *ret);

/* Interim and switching heads are the target's alone. */
static inline bool headers_has_to_client(const struct exchange *exchange, unsigned status)
{
	const struct snapshot_http *http = exchange_http(exchange);

	return (http->to_client.count > 0 || http->redirects_to_https) && status >= 200;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request made up from a URL and cookies, as bytes that the traffic path's own parser reads. Pure
 * but for the memory of the head.
 */
#ifndef COMMAND_EXPLAIN_REQUEST_H
#define COMMAND_EXPLAIN_REQUEST_H

#include "base/bytes.h"
#include "model/words.h"

/* Borrowed from the URL's text. */
struct explain_url {
	enum protocol protocol; /* HTTP, TCP, UDP */
	struct bytes authority; /* host with its port, as given */
	struct bytes host; /* without brackets */
	struct bytes origin; /* HTTP: path and query; may lack its leading "/" */
	uint16_t port;
};

/*
 * http://, or tcp:// and udp:// with a port and nothing behind it. A sentence in *ret_why when it
 * is no URL that can be explained: -EINVAL, or -EPROTONOSUPPORT for what the product does not do
 * yet.
 */
int explain_url_read(const char *text, struct explain_url *ret_url, const char **ret_why);

#define EXPLAIN_COOKIES_MOST 16

struct explain_request {
	const char *method;
	struct explain_url url;
	const char *cookies[EXPLAIN_COOKIES_MOST]; /* one Cookie field each */
	unsigned cookie_count;
};

/*
 * The head as a client would send it; the caller frees it. -EINVAL when a part holds a byte that
 * would end its line, -E2BIG above HTTP_HEAD_MOST, -ENOMEM.
 */
int explain_request_write(const struct explain_request *request, char **ret_head, size_t *ret_size);

#endif

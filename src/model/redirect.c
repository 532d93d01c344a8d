/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Location of a redirection. What it is made of cannot end a header's line: domains and URLs
 * were checked with the snapshot, host and path by the parser of requests. Pure; any thread.
 */
#include "model/redirect.h"

#include <errno.h>
#include <stdio.h>

#include "model/route_text.h"

/* Bytes appended to a caller's buffer; once one does not fit, nothing more is. */
struct location {
	char *out;
	size_t size, room;
	bool is_full;
};

static void append(struct location *location, struct bytes text)
{
	if (location->is_full || text.size > location->room - location->size) {
		location->is_full = true;
		return;
	}
	if (text.size > 0)
		memcpy(location->out + location->size, text.at, text.size);
	location->size += text.size;
}

static void append_port(struct location *location, const struct snapshot_listener *listener)
{
	uint16_t usual = listener->protocol == PROTOCOL_HTTPS ? 443 : 80;
	char text[8];
	int size;

	if (listener->address.port == usual)
		return;
	size = snprintf(text, sizeof(text), ":%u", listener->address.port);
	append(location, (struct bytes){ text, (size_t)size });
}

static void append_path(struct location *location, struct bytes origin)
{
	/* "*", "" and "?query" stand for the root. */
	if (origin.size == 0 || origin.at[0] == '?' || origin.at[0] == '*')
		append(location, BYTES_LITERAL("/"));
	if (!bytes_equal(origin, BYTES_LITERAL("*")))
		append(location, origin);
}

int redirect_location(const struct snapshot *snapshot, const struct snapshot_rule *rule,
		      const struct redirect_request *request, char *out, size_t room)
{
	const struct snapshot_rule *other = &snapshot->rules[rule->redirect];
	const struct snapshot_listener *listener = &snapshot->listeners[other->listener];
	struct url_parts url = url_parts_of(snapshot_bytes(snapshot, other->url));
	struct bytes domain = snapshot_bytes(snapshot, other->domain), rest;
	struct location location = { .out = out, .room = room };
	bool is_secure = listener->protocol == PROTOCOL_HTTPS;

	append(&location, is_secure ? BYTES_LITERAL("https://") : BYTES_LITERAL("http://"));
	if (domain.size > 0 && domain_form_of(domain, &rest) == DOMAIN_EXACT)
		append(&location, domain);
	else
		append(&location, request->host);
	append_port(&location, listener);
	if (rule->redirect_takes_url)
		append_path(&location, request->origin);
	else
		append(&location, url.form == URL_PATTERN ? BYTES_LITERAL("/") : url.rest);
	return location.is_full ? -ENOBUFS : (int)location.size;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Answers with a Location. Runs on the worker's thread. */
#include "proxy/redirect.h"

#include <string.h>

#include "model/redirect.h"

#define LOCATION_ROOM 65536 /* more than any request line */
#define LOCATION_ADDITIONS 512 /* scheme, domain or host, port */

enum cause redirect_cause(const struct snapshot_rule *rule)
{
	switch (rule->redirect_code) {
	case 0:
		return CAUSE_NONE;
	case 301:
		return rule->redirect == SNAPSHOT_NONE ? CAUSE_NO_TARGET : CAUSE_REDIRECT_301;
	case 307:
		return rule->redirect == SNAPSHOT_NONE ? CAUSE_NO_TARGET : CAUSE_REDIRECT_307;
	default:
		return rule->redirect == SNAPSHOT_NONE ? CAUSE_NO_TARGET : CAUSE_REDIRECT_302;
	}
}

bool redirect_is_cause(enum cause cause)
{
	return cause == CAUSE_SLASH || cause == CAUSE_REDIRECT_301 || cause == CAUSE_REDIRECT_302 ||
	       cause == CAUSE_REDIRECT_307;
}

/* The same path with "/" behind it, and the query. Returns the size; there is room. */
static size_t slash_write(const struct http_request *request, const char *head, char *out)
{
	struct bytes path = http_bytes(head, request->path);
	struct bytes origin = http_bytes(head, request->origin);

	memcpy(out, path.at, path.size);
	out[path.size] = '/';
	memcpy(out + path.size + 1, origin.at + path.size, origin.size - path.size);
	return origin.size + 1;
}

static int rule_write(const struct connection *connection, const char *head, char *out, size_t room)
{
	const struct exchange *exchange = connection->exchange;
	const struct http_request *request = &connection->worker->request;
	struct redirect_request from = {
		.host = http_bytes(head, request->host),
		.origin = http_bytes(head, request->origin),
	};

	/* HTTP/1.0 need not name a host: it asks the listener's address, less its port. */
	if (from.host.size == 0) {
		from.host = bytes_of(connection->listener->host_text);
		from.host.size -= connection->listener->port_size + 1u;
	}
	return redirect_location(&exchange->use->generation->snapshot, exchange_rule(exchange),
				 &from, out, room);
}

enum step redirect_send(struct connection *connection, enum cause cause, const char *head)
{
	struct worker *worker = connection->worker;
	size_t room = worker->request.origin.size + worker->request.host.size + LIMIT_URL +
		      LOCATION_ADDITIONS;
	struct buffer *buffer;
	enum step step;
	int size;

	if (room > LOCATION_ROOM)
		return answer_send(connection, CAUSE_TARGET_SIZE);
	buffer = buffer_take(&worker->buffers, room);
	if (!buffer)
		return answer_send(connection, CAUSE_NO_ROOM);
	size = cause == CAUSE_SLASH ? (int)slash_write(&worker->request, head, buffer_at(buffer))
				    : rule_write(connection, head, buffer_at(buffer), room);
	if (size < 0)
		step = answer_send(connection, CAUSE_TARGET_SIZE);
	else
		step = answer_redirect(connection, cause,
				       (struct bytes){ buffer_at(buffer), (size_t)size });
	buffer_give(&worker->buffers, buffer);
	return step;
}

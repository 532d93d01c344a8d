/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's connection and the request it is busy with. One enum tells where its life stands, one
 * switch (connection_run) moves it on, and it dies in one place (connection_close; the memory goes
 * at the end of the loop's turn).
 *
 * A connection that waits for its next request is small: no buffer, no exchange. Everything a
 * request needs comes from the worker's stock when its head is complete and goes back with its
 * answer's last byte.
 */
#ifndef PROXY_CONNECTION_H
#define PROXY_CONNECTION_H

#include "http/h1.h"
#include "proxy/account.h"
#include "proxy/exchange.h"
#include "proxy/listener.h"
#include "proxy/worker.h"

/* In order of time. After EXCHANGING a kept connection goes back to REQUEST. */
enum connection_state {
	CONNECTION_ACCEPTED, /* the first bytes; header_timeout */
	CONNECTION_REQUEST, /* a head; header_timeout once it began, keepalive_timeout before */
	CONNECTION_CHOOSING, /* nothing: rule and target are picked at once */
	CONNECTION_BUFFERING, /* the rest of a body that is read before it is sent; body and
				 client_send timeouts */
	CONNECTION_CONNECTING, /* the target's handshake; connect_timeout */
	CONNECTION_EXCHANGING, /* bytes or room on either side; body, read, send and client_send
				  timeouts */
	CONNECTION_DRAINING, /* the client's end after ours, reading and dropping; DRAIN_MS */
	CONNECTION_CLOSED, /* the end of the turn */
};

struct connection {
	struct stream stream;
	struct timer timer; /* what the client owes us */
	struct list link; /* in worker->connections */
	struct grave grave;
	struct worker *worker;
	struct proxy_listener *listener;
	struct buffer *input; /* read and not yet used, or NULL */
	struct exchange *exchange;
	struct http_scan scan;
	struct account_client account;
	uint32_t requests;
	uint8_t state;
	bool has_begun; /* the head being read: its first byte is here */
	bool saw_end; /* the client sends no more */
	bool is_last; /* no further request is read */
	uint8_t ip_size;
	char ip_text[ADDRESS_IP_TEXT_SIZE];
};

void connection_open(struct worker *worker, struct proxy_listener *listener,
		     const struct stream *stream, const struct address *peer);
/* Goes on as far as it can without waiting. */
void connection_run(struct connection *connection);
/* The exchange's answer is written: on to the next request, or to the end. */
enum step connection_next(struct connection *connection);
/* The one place of death. Everything it holds is given back. */
void connection_close(struct connection *connection);
/* The next answers are the last; what waits for a request is closed, unless `is_patient`. */
void connections_wind_down(struct worker *worker, bool is_patient);

static inline void connection_count(const struct connection *connection, enum counter counter)
{
	counter_add(&connection->worker->counters[connection->listener->slot], counter, 1);
}

#endif

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
#include "proxy/listener.h"
#include "proxy/schedule.h"
#include "proxy/transfer.h"
#include "proxy/worker.h"

/* In order of time. After EXCHANGING a kept connection goes back to REQUEST. */
enum connection_state {
	CONNECTION_ACCEPTED, /* the first bytes; header_timeout */
	CONNECTION_REQUEST, /* a head; header_timeout once it began, keepalive_timeout before */
	CONNECTION_CHOOSING, /* nothing: rule and target are picked at once */
	CONNECTION_CONNECTING, /* the target's handshake; connect_timeout */
	CONNECTION_EXCHANGING, /* bytes or room on either side; body, read, send and client_send
				  timeouts */
	CONNECTION_DRAINING, /* the client's end after ours, reading and dropping; DRAIN_MS */
	CONNECTION_CLOSED, /* the end of the turn */
};

#define CONNECTION_TRIES (HTTP_RETRIES_MOST + 1)

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

/* One request and its answer. */
struct exchange {
	struct connection *client;
	struct upstream *upstream;
	struct generation_use *use;
	uint32_t listener, rule; /* rows; rule may be SNAPSHOT_NONE while there is none */
	uint32_t target; /* row of the one tried last, or SNAPSHOT_NONE */
	uint32_t tried[CONNECTION_TRIES];
	uint8_t tried_count, attempts;
	uint8_t method;
	uint8_t minor; /* of the client */
	uint8_t informational_count;
	bool wants_keepalive; /* the client does, and nothing of ours stands against it */
	bool may_send_more; /* the client does not know that this is its last request */
	bool wants_websocket;
	bool has_response; /* the target's final head is here, or an answer of our own */
	bool keeps_client, keeps_upstream;
	bool is_tunnel;
	bool upstream_broke; /* a write met a reset: an end that is read from here on is none */
	bool has_answered; /* a first byte of the target's answer is here: no other try */
	bool was_finished; /* tunnel: the end was passed on to the target ... */
	bool was_finished_back; /* ... and to the client */
	bool client_moved, upstream_moved; /* bytes went either way since the timers were set */
	uint8_t client_wait, upstream_wait; /* enum wait_reason: what the timers stand for */
	uint64_t sent; /* bytes to this try's target */
	uint64_t answered; /* bytes to the client */
	uint64_t body_size; /* of the request so far, as it came */
	struct account account;
	uint32_t counted; /* LEAST_CONN: row that it is counted at, or SNAPSHOT_NONE */
	struct scheduled_turn turn;
	struct sticky_decision sticky;
	struct transfer request, response;
	struct http_scan scan; /* of the response's head */
};

enum wait_reason { WAIT_NOTHING, WAIT_TO_READ, WAIT_TO_WRITE };

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

/* How a step of the life ended. */
enum step {
	STEP_WAIT, /* for an event */
	STEP_AGAIN, /* the state changed: look again */
	STEP_CLOSE,
};

/* exchange.c: CHOOSING, CONNECTING, EXCHANGING. */
struct exchange *exchange_new(struct connection *connection);
/* A complete head stands in the input, parsed in worker->request. */
enum step exchange_begin(struct connection *connection);
enum step exchange_connect(struct exchange *exchange);
enum step exchange_move(struct exchange *exchange);
/* Gives everything back. */
void exchange_end(struct exchange *exchange);
/* Something happened on the upstream side. */
void exchange_ready(struct exchange *exchange);
void exchange_upstream_timeout(struct exchange *exchange);
/* No answer came from this try's target: another try where that is safe, else 502 or 504. */
enum step exchange_fail(struct exchange *exchange, int error);
/* response.c. STEP_AGAIN: something moved; STEP_WAIT: nothing did; else over: *ret_is_over. */
enum step response_move(struct exchange *exchange, bool *ret_is_over);
/* The client's timer fired in CONNECTING or EXCHANGING. */
enum step exchange_client_timeout(struct exchange *exchange);

/* answer.c. An answer of our own takes the place of the target's. Without an exchange (bad head)
 * one is made. */
enum step answer_send(struct connection *connection, enum cause cause);
/* 301 to the path of worker->request with a "/" behind it. */
enum step answer_redirect_slash(struct connection *connection, const char *head);

/* choose.c: rule, persistence, turn. */
const struct snapshot_listener *exchange_listener(const struct exchange *exchange);
const struct snapshot_rule *exchange_rule(const struct exchange *exchange);
/* Rule and sticky decision of worker->request, its bytes at `head`; or why there is no way on. */
enum cause choose_rule(struct exchange *exchange, const char *head);
/* The next target to try: the cookie's, then the scheduler's, never one twice; or SNAPSHOT_NONE. */
uint32_t choose_target(struct exchange *exchange);
void choose_end(struct exchange *exchange); /* it is counted nowhere any more */
/* The Set-Cookie value for the target that answered; 0 when none is due. */
int choose_cookie(struct exchange *exchange, char *out, size_t room);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer: made when the head is complete, ended with the answer's last byte.
 * Belongs to its client's connection and to that one's worker.
 */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "http/h1.h"
#include "proxy/account.h"
#include "proxy/schedule.h"
#include "proxy/transfer.h"
#include "proxy/worker.h"

struct connection; /* proxy/connection.h */

#define CONNECTION_TRIES (HTTP_RETRIES_MOST + 1)

struct exchange {
	struct exchange *next_spare; /* in worker->spare_exchanges, else NULL */
	struct connection *client;
	struct upstream *upstream;
	struct generation_use *use;
	const struct snapshot_http *http; /* a row of that generation's */
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
	bool is_for_page; /* it asks for what an error_page leads to */
	bool buffers_request; /* the body is read whole before a target is chosen */
	bool is_abandoned; /* the client is gone; the target's answer is read and dropped */
	bool was_finished; /* tunnel: the end was passed on to the target ... */
	bool was_finished_back; /* ... and to the client */
	bool client_moved, upstream_moved; /* bytes went either way since the timers were set */
	bool client_took; /* of those, to the client */
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

/* How a step of the life ended. */
enum step {
	STEP_WAIT, /* for an event */
	STEP_AGAIN, /* the state changed: look again */
	STEP_CLOSE,
};

/* exchange.c: CHOOSING, CONNECTING, EXCHANGING. */
struct exchange *exchange_new(struct connection *connection);
/* Frees those that are kept for the next requests. */
void exchanges_shed(struct worker *worker);
/* A complete head stands in the input, parsed in worker->request. */
enum step exchange_begin(struct connection *connection);
enum step exchange_connect(struct exchange *exchange);
enum step exchange_move(struct exchange *exchange);
/* Gives everything back. */
void exchange_end(struct exchange *exchange);
/* Something happened on the upstream side. */
void exchange_ready(struct exchange *exchange);
void exchange_upstream_timeout(struct exchange *exchange);
/* Connects to a target; `cause` is why the one before failed. */
enum step exchange_try(struct exchange *exchange, enum cause cause);
/* Who is waited for now, and how long. */
void exchange_set_timers(struct exchange *exchange);
/* The client is gone. True when the request goes on without it. */
bool exchange_abandon(struct exchange *exchange);
/* No answer came from this try's target: another try where that is safe, else 502 or 504. */
enum step exchange_fail(struct exchange *exchange, int error);
/* response.c. STEP_AGAIN: something moved; STEP_WAIT: nothing did; else over: *ret_is_over. */
enum step response_move(struct exchange *exchange, bool *ret_is_over);
/* The client's timer fired in CONNECTING or EXCHANGING. */
enum step exchange_client_timeout(struct exchange *exchange);

/* buffering.c. The body's first bytes are taken: reads the rest, then tries a target. */
enum step buffering_begin(struct exchange *exchange);
enum step buffering_move(struct exchange *exchange);

/* answer.c. An answer of our own takes the place of the target's. Without an exchange (bad head)
 * one is made. */
enum step answer_send(struct connection *connection, enum cause cause);
/* Its path is one that an error_page leads to: then its own errors stay errors, or it would come
 * round for ever. */
bool answer_is_page(const struct exchange *exchange, struct bytes path);
/* The same with a Location, for a cause of redirect.h. */
enum step answer_redirect(struct connection *connection, enum cause cause, struct bytes location);

/* choose.c: rule, persistence, turn. */
const struct snapshot_listener *exchange_listener(const struct exchange *exchange);
const struct snapshot_rule *exchange_rule(const struct exchange *exchange);
/* Its custom configuration; the default where it has no listener any more. */
static inline const struct snapshot_http *exchange_http(const struct exchange *exchange)
{
	return exchange->http;
}
/* Rule and sticky decision of worker->request, its bytes at `head`; or why there is no way on. */
enum cause choose_rule(struct exchange *exchange, const char *head);
/* The next target to try: the cookie's, then the scheduler's, never one twice; or SNAPSHOT_NONE. */
uint32_t choose_target(struct exchange *exchange);
void choose_end(struct exchange *exchange); /* it is counted nowhere any more */
/* The Set-Cookie value for the target that answered; 0 when none is due. */
int choose_cookie(struct exchange *exchange, char *out, size_t room);

#endif

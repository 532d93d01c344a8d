/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of a request when it is over: one place, at the exchange's end, that knows status,
 * bytes, times, target, rule and verdict, for the access log and for whoever counts. Times are
 * those of the loop's turns: milliseconds, and no clock is read for them. Belongs to the worker's
 * thread.
 */
#ifndef PROXY_ACCOUNT_H
#define PROXY_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/limits.h"
#include "proxy/access_note.h"
#include "proxy/cause.h"
#include "proxy/meter.h"

struct connection;
struct exchange;

/* In struct connection: what outlives its requests. */
struct account_client {
	uint64_t number; /* of the connection, within this process */
	uint64_t begun_ms; /* the first byte of the head being read */
	uint64_t rtt_due_ms; /* the kernel is asked again from then on */
	uint32_t rtt_us; /* as it said last */
	uint16_t port;
};

/* In struct exchange. A time or a status of 0 is one that did not come. */
struct account {
	struct access_note note;
	struct meter meter;
	uint64_t request_id; /* 0 = nobody asked for it yet */
	uint64_t begun_ms; /* the client's first byte */
	uint64_t tried_ms; /* this try began ... */
	uint64_t sent_ms; /* ... the target has the whole request ... */
	uint64_t head_ms; /* ... its final head is here ... */
	uint64_t read_ms; /* ... and all of its answer */
	uint32_t head_size; /* of the request */
	uint16_t status; /* to the client */
	uint16_t target_status; /* of this try's target */
	uint16_t tried_status[HTTP_RETRIES_MOST +
			      1]; /* what each failed try would have been answered with */
	bool client_left; /* it broke off */
};

/* The connection is new. */
void account_open(struct connection *connection, uint16_t port);
/* The exchange is new and its head, parsed in worker->request, stands at `head`. */
void account_begin(struct exchange *exchange, const char *head);
/* It was made for an answer to a head that cannot be parsed, or never came whole. */
void account_begin_bad(struct exchange *exchange);
/* The client broke off within a head: that is a request too. */
void account_lost(struct connection *connection);
/* A try begins. */
void account_try(struct exchange *exchange);
/* The target's final head is here. */
void account_answer(struct exchange *exchange, unsigned status);
/* The client broke off. */
void account_client_left(struct exchange *exchange);
/* The exchange's bytes moved: takes the times of what was finished by that. */
void account_move(struct exchange *exchange);
/* Before the exchange's parts are given back. */
void account_end(struct exchange *exchange);
/* 16 hexadecimal digits: the request's name in answers and logs, the same whoever asks. */
void account_request_id(struct exchange *exchange, char text[17]);

/* What the client was answered with; 499: it left before an answer; 0: it got none from us. */
unsigned account_status(const struct exchange *exchange);
/* Of a try that failed or was answered: 0 = none. `tried` counts from 0. */
unsigned account_try_status(const struct exchange *exchange, unsigned tried);
/* Bytes of the request: its head and what of its body came. */
uint64_t account_request_bytes(const struct exchange *exchange);

#endif

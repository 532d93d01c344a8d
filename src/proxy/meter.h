/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What traffic adds to the rows of its listener, its rule and its target (process/traffic.h). Of a
 * request, numbers are taken when a try or the request ends, and of long ones also in between; of
 * layer 4, whenever bytes moved. Belongs to the worker's thread.
 */
#ifndef PROXY_METER_H
#define PROXY_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "process/traffic.h"

struct exchange;
struct pin;
struct proxy_listener;
struct upstream;
struct worker;

/* In struct exchange: zeros at its beginning. */
struct meter {
	uint64_t received; /* bytes from this try's target */
	/* What the rows have already. */
	uint64_t from_client, to_client;
	uint64_t to_target, from_target; /* of this try */
	bool has_request; /* this try */
	bool is_answered;
};

/* A try of exchange->target begins. */
void meter_try(struct exchange *exchange);
/* Its connection is a new one; and that connection's end. */
void meter_connect(struct exchange *exchange, struct upstream *upstream);
void meter_disconnect(const struct upstream *upstream);
/* This try is over. */
void meter_try_end(struct exchange *exchange);
/* One more of something, at the target that is tried. */
void meter_target(struct exchange *exchange, enum traffic which);
/* ... or of the rule alone. */
void meter_rule(struct exchange *exchange, enum traffic which);
/* Persistence decided: exchange->sticky. */
void meter_verdict(struct exchange *exchange);
/* Bytes moved: takes them over when they are many, or belong to a tunnel. */
void meter_move(struct exchange *exchange);
/* The client has its answer as far as it will get one; a tunnel began. Once a request. */
void meter_answer(struct exchange *exchange);
void meter_end(struct exchange *exchange);

/* Layer 4: what moved since the last time. A pin of NULL: of no target. */
struct meter_amounts {
	uint64_t from_client, to_client, to_target, from_target; /* bytes */
	/* Datagrams. */
	uint64_t packets_from_client, packets_to_client;
	uint64_t packets_to_target, packets_from_target;
};

void meter_flow_move(struct worker *worker, const struct proxy_listener *listener,
		     const struct pin *pin, const struct meter_amounts *amounts);
/* One more of something. */
void meter_flow(struct worker *worker, const struct proxy_listener *listener, const struct pin *pin,
		enum traffic which);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UDP flow's beginning and end, shared by udp.c (its datagrams) and udp_adopt.c (what generations
 * and the worker's end do to it). Runs on the worker's thread.
 */
#ifndef PROXY_UDP_LIFE_H
#define PROXY_UDP_LIFE_H

#include "process/counters.h"
#include "proxy/meter.h"
#include "proxy/udp_flow.h"

/* Datagrams of one flow, one behind the other, that the meter was not told of. */
struct udp_run {
	struct udp_flow *flow; /* NULL = none */
	struct meter_amounts amounts;
};

/* All of a worker's UDP; made with its first UDP listener. */
struct udp {
	struct worker *worker;
	struct udp_ports ports;
	struct datagram_batch *questions; /* from clients; empty between calls */
	struct datagram_batch *answers; /* from targets; sent at the end of the turn */
	struct list tables; /* struct udp_table */
	struct udp_run run; /* empty between calls */
};

/*
 * A flow for a client that has none, with its target and its way there. NULL when there is no room,
 * no target, or a limit of the listener forbids it: counted. The listener must have a row.
 */
struct udp_flow *udp_flow_begin(struct udp *udp, struct udp_table *table,
				const struct udp_key *key);
/* Its target said that nobody is there: another one, if no answer ever came; else its end. */
void udp_flow_unreachable(struct udp *udp, struct udp_flow *flow);
/* A datagram went either way: the idle time begins anew. */
void udp_flow_extend(const struct worker *worker, struct udp_flow *flow);
/* Frees it; `why` is counted. udp_table_release() must follow. */
void udp_flow_end(struct udp_flow *flow, enum counter why);
/* After flows ended: a table goes with the last one when its listener left the loop. */
void udp_table_release(struct udp_table *table);

/* The run that flow's next datagram belongs to; its end, which comes before the flow's. */
struct meter_amounts *udp_run_of(struct udp *udp, struct udp_flow *flow);
void udp_run_end(struct udp *udp);

#endif

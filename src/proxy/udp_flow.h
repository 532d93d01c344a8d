/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flows of one UDP listener on one worker: a hash table with a roof, keyed by the client's
 * address and, where the listener has many, the address of ours that it talks to. Nothing here
 * touches a socket. Belongs to the worker's thread.
 */
#ifndef PROXY_UDP_FLOW_H
#define PROXY_UDP_FLOW_H

#include "io/datagram.h"
#include "io/timer.h"
#include "model/limits.h"
#include "proxy/pin.h"
#include "proxy/udp_port.h"

struct udp_table;

/* Which Reschedule switch is going to end a flow (SP-48). */
enum udp_cut { UDP_CUT_NONE, UDP_CUT_ZERO_WEIGHT, UDP_CUT_EXPAND, UDP_CUT_UNHEALTHY };

struct udp_key {
	union datagram_address client;
	struct datagram_local local; /* zeros unless the listener is on 0.0.0.0 or :: */
};

struct udp_flow {
	struct udp_key key;
	struct udp_flow *next; /* in its bucket */
	struct udp_table *table;
	struct udp_path path; /* to its target */
	struct timer timer; /* idle, or cut if that comes first */
	uint64_t cut_ms; /* a Reschedule switch ends it then; 0 = none does */
	uint64_t questions, answers; /* datagrams that came from the client, from the target */
	uint8_t cut; /* enum udp_cut: why there is cut_ms */
	struct address client;
	struct pin pin;
	struct pin_tries tries;
};

struct udp_table {
	struct list link; /* the worker's */
	struct proxy_listener *listener;
	struct udp_flow **buckets;
	uint32_t bucket_count; /* a power of two */
	uint32_t count, most; /* flows */
	uint64_t seed;
	/* What the row said last. */
	uint64_t targets_mark; /* of which ones there are */
	uint64_t row_mark; /* of that and of all else that concerns flows */
	uint32_t idle_ms;
	uint32_t responses; /* answers to each question; 0 = any number */
};

static inline bool udp_key_equal(const struct udp_key *a, const struct udp_key *b)
{
	/* No byte is left unset. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* NULL when memory is out. */
struct udp_table *udp_table_new(uint32_t most);
/* Must be empty. Accepts NULL, returns NULL. */
struct udp_table *udp_table_free(struct udp_table *table);

struct udp_flow *udp_table_find(const struct udp_table *table, const struct udp_key *key);
/* A new flow, all zeros but its key and table. -ENOBUFS at the roof, -ENOMEM. The key must be new.
 */
int udp_table_add(struct udp_table *table, const struct udp_key *key, struct udp_flow **ret);
/* Frees it. */
void udp_table_remove(struct udp_flow *flow);
/* Calls `visit` with every flow; it may remove that flow, and no other. */
void udp_table_walk(struct udp_table *table, void (*visit)(struct udp_flow *flow, void *context),
		    void *context);
/* Gives back the room of times with more flows. */
void udp_table_shrink(struct udp_table *table);

/* Every question has had all its answers. Known only where UdpResponses says how many that is. */
static inline bool udp_flow_is_answered(const struct udp_flow *flow)
{
	return flow->table->responses && flow->answers >= flow->questions * flow->table->responses;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to targets: made for a request, kept for the next one to the same target while both
 * sides want that. One table a worker; the key is the target's number, so that another registration
 * of an address never gets an old connection.
 */
#ifndef PROXY_UPSTREAM_H
#define PROXY_UPSTREAM_H

#include "base/address.h"
#include "base/list.h"
#include "io/stream.h"
#include "io/timer.h"
#include "model/snapshot.h"
#include "proxy/grave.h"

struct worker;
struct exchange;

struct upstream_pool {
	uint64_t target; /* number */
	struct upstream_pool *next; /* in its bucket */
	struct list idle; /* struct upstream, last used first */
	uint32_t idle_count;
	uint32_t used_count; /* in exchanges */
};

struct upstream_table {
	struct upstream_pool **buckets;
	uint32_t bucket_count; /* a power of two */
	uint32_t pool_count;
};

struct upstream {
	struct stream stream;
	struct timer timer; /* connect, read and send in an exchange; idle in the pool */
	struct list link; /* in pool->idle */
	struct grave grave;
	struct worker *worker;
	struct upstream_pool *pool;
	struct exchange *exchange; /* NULL while idle */
	uint32_t target_slot;
	bool is_connected;
	bool is_reused; /* carried a request before */
};

int upstream_table_init(struct upstream_table *table);
/* Closes all idle connections. */
void upstream_table_done(struct worker *worker);

/*
 * A connection for one request to the target: an idle one if `may_reuse`, else a new one on its
 * way. `must_be_alive` asks the kernel before an idle one is taken. -ENOMEM, or why connecting
 * failed at once.
 */
int upstream_take(struct worker *worker, const struct snapshot_target *target, bool may_reuse,
		  bool must_be_alive, struct exchange *exchange, struct upstream **ret);
/* The request is over and the connection can carry another: to the pool. */
void upstream_keep(struct upstream *upstream);
/* Closes it; `is_failure` counts against the target of its exchange (proxy/health.h). Freed at the
 * end of the turn. */
void upstream_close(struct upstream *upstream, bool is_failure);
/* Closes all idle connections: their descriptors are wanted. */
void upstream_shed(struct worker *worker);
/* Closes the idle connections of targets that the current generation does not have any more. */
void upstream_forget_gone(struct worker *worker);

#endif

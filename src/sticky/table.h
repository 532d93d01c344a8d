/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Persistence by source IP (SP-21..29): which target a client's address is pinned to, in shared
 * memory that outlives the traffic process. Any thread of any process that maps the memory may call
 * at any moment, and any may be killed at any moment: no write can be seen half done.
 *
 * Cells of 40 bytes in sets of 16, two sets to choose from per key (Azar, Broder, Karlin, Upfal,
 * "Balanced allocations", STOC 1994), in shards that each have a robust, process-shared lock.
 * Looking up, refreshing and expiring touch two sets and nothing else. Time is an argument: session
 * seconds (base/clock.h), which go on over restarts.
 */
#ifndef STICKY_TABLE_H
#define STICKY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "model/limits.h"

struct session_table; /* a process's view of the memory */

struct session_key {
	uint64_t scope; /* session_scope(); never 0 */
	uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
};

/* A listener's entries of one life of its persistence: turning it off begins another (SP-50). */
static inline uint64_t session_scope(uint64_t listener, uint16_t epoch)
{
	return listener << 16 | epoch;
}
struct session_key session_key_of(uint64_t listener, uint16_t epoch, const struct address *client);

struct session_entry {
	struct session_key key;
	uint64_t target; /* number, at most LIMIT_NUMBER, never 0 */
	uint32_t used_s; /* session seconds of the last use */
	uint16_t expire_s; /* the listener's time at that use: for housekeeping, lookups bring their
			      own */
};

/*
 * Lays the memory out for `entries_most` if it is all zeros (the first process), else checks that
 * it is a table of this version and shape. `size` as regions_create_sessions made it. -EBADMSG;
 * -ENOMEM.
 */
int session_table_open(void *memory, size_t size, struct session_table **ret);
/* Forgets the view; the memory stays mapped. Accepts NULL, returns NULL. */
struct session_table *session_table_close(struct session_table *table);

/* What a lookup brought. */
enum session_found { SESSION_NONE, SESSION_ALIVE, SESSION_EXPIRED };

/*
 * The client's pin. An entry is alive while now_s - used_s <= expire_s (one stamped up to 2 s ahead
 * counts as of now; further ahead it is expired). Alive and not used in this second: it is
 * refreshed.
 */
enum session_found session_table_find(struct session_table *table, const struct session_key *key,
				      uint16_t expire_s, uint32_t now_s, uint64_t *ret_target);

/* What a claim brought: how the table made room. */
struct session_claim {
	uint64_t target; /* what the client is pinned to now */
	bool was_evicted; /* an entry that was alive went for it: the table is full */
};
/*
 * Pins the client to `entry->target`, unless a live entry with another target than `instead_of` (0
 * = none) stands there already: then that one counts and is returned. So two first connections on
 * two workers agree, and a pin moves only from the target that was found unusable.
 */
struct session_claim session_table_claim(struct session_table *table,
					 const struct session_entry *entry, uint64_t instead_of);

/* Activity on a live connection to `entry->target`, or its close: refreshes the entry when it names
 * that target, puts it (back) when there is none alive; another target's entry stays as it is. */
void session_table_touch(struct session_table *table, const struct session_entry *entry);

struct session_statistics {
	uint64_t entries; /* cells in use, expired ones too until they are swept or used again */
	uint64_t entries_most;
	uint64_t evicted; /* over the memory's life */
	uint64_t dropped; /* cells that made no sense after a crash */
	uint64_t recovered; /* locks whose owner died */
};
void session_table_statistics(struct session_table *table, struct session_statistics *ret);

/*
 * Housekeeping, a shard at a time (0 .. session_table_shards() - 1, the last one closes a round),
 * from one background thread: frees cells idle for longer than SESSION_EXPIRE_MOST_S. Those whose
 * own time is over earlier stay until their room is wanted, since a longer time may be set
 * meanwhile. Returns how many stay. Holds the shard's lock for a bounded time.
 */
uint32_t session_table_shards(const struct session_table *table);
uint32_t session_table_sweep(struct session_table *table, uint32_t shard, uint32_t now_s);
/* Copies a shard's live entries out; `room` of at least session_table_shard_most(). For saving. */
uint32_t session_table_shard_most(const struct session_table *table);
uint32_t session_table_copy(struct session_table *table, uint32_t shard, uint32_t now_s,
			    struct session_entry *out, uint32_t room);
/* Puts a saved entry in place unless a newer one is there: for loading. -EINVAL for one that cannot
 * be ours; -ENOSPC when the table is full. */
int session_table_restore(struct session_table *table, const struct session_entry *entry,
			  uint32_t now_s);

#endif

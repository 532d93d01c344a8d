/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that outlives the traffic process: memfds that the keeper makes and passes on. Written by
 * the proxy's threads with atomics; a reader may see any moment's values. Sparse: pages that nobody
 * touched cost nothing.
 */
#ifndef PROCESS_REGIONS_H
#define PROCESS_REGIONS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "model/limits.h"
#include "process/counters.h"
#include "process/health_log.h"
#include "process/traffic.h"

#define REGIONS_MAGIC 0x31534e4f49474552ull
#define REGIONS_VERSION 8

/* A rule's turn: one cache line, because every worker writes it. */
struct region_turn {
	_Alignas(64) _Atomic uint64_t turn; /* rises by one with every scheduled request */
	/* Where the period stands relative to it, so that a new proxy goes on where the last one
	 * was. Written by the proxy's main thread. */
	_Atomic uint64_t rule; /* number: whose turn this slot counts */
	_Atomic uint64_t offset;
	_Atomic uint32_t period;
	/* enum region_down, by the checker and the proxy's main thread: which of its targets are
	 * up. */
	_Atomic uint32_t down;
};

enum region_down {
	REGION_ALL_UP, /* or nothing is checked: nobody needs to look further */
	REGION_SOME_DOWN, /* look at region_health.is_down */
	REGION_ALL_DOWN, /* then all count as up (features.md 6) */
};

/*
 * A target's health, by target slot. Written by the checker of the newest proxy (proxy/health.h),
 * but for `failures`, which workers write too. It outlives the proxy: a new one goes on with it
 * when `number` is still the slot's.
 */
struct region_health {
	_Atomic uint64_t number;
	_Atomic int64_t changed_s; /* wall second of the last change of state */
	_Atomic uint64_t blocked_until_ms; /* boot time: passive checks; 0 = not blocked */
	_Atomic uint8_t state; /* enum health_state */
	_Atomic uint8_t streak; /* results in a row that speak against the state */
	_Atomic uint8_t failures; /* forwards in a row that failed */
	_Atomic uint8_t is_down; /* gets nothing new while others are up */
	_Atomic uint32_t ups, downs; /* times that it became Alive, Dead */
};

/*
 * What is open now. During an upgrade two proxies run: each counts in its own bank (its
 * incarnation's lowest bit) and reads both. The keeper empties a bank before it starts the proxy
 * that counts in it, and when that one has ended.
 */
#define REGION_BANKS 2

struct region_listener {
	_Alignas(64) _Atomic uint64_t
		number; /* whose slot it is; written by a proxy's main thread */
	_Atomic uint32_t connections[REGION_BANKS]; /* for MaxConn; UDP: flows */
	_Atomic uint64_t second; /* for MaxCps: the boot second << 32 | connections begun in it */
};

/* All client connections of a proxy, without UDP's flows: what it has left when it drains. */
struct region_open {
	_Alignas(64) _Atomic uint32_t connections;
};

/*
 * How the session table is, for `setia status`: the keeper knows nothing of the table itself.
 * Written by the proxy's housekeeper (proxy/sessions.h), about once a second.
 */
struct region_sessions {
	_Alignas(64) _Atomic uint64_t entries; /* struct session_statistics (sticky/table.h) */
	_Atomic uint64_t entries_most;
	_Atomic uint64_t evicted, dropped, recovered;
	_Atomic int64_t saved_s; /* wall second of the last file; 0 = none in the keeper's life */
	_Atomic uint32_t is_loaded; /* DIR/sessions was read, or there was nothing to read */
};

/* What one worker counts, and the one with its index in the other proxy of an upgrade. */
struct region_column {
	struct counters counters[LIMIT_LISTENERS]; /* of both; by listener slot */
	struct traffic_rows traffic[REGION_BANKS]; /* each its own */
};

struct regions {
	uint64_t magic;
	uint32_t version;
	uint32_t unused;
	struct clock_anchor anchor; /* fixed for the life of the keeper */
	struct region_sessions sessions;
	struct region_open open[REGION_BANKS];
	struct region_turn turns[LIMIT_TURNS]; /* by the slot of snapshot_rule */
	struct region_listener listeners[LIMIT_LISTENERS]; /* by listener slot */
	_Atomic uint32_t target_connections[REGION_BANKS][LIMIT_TARGETS]; /* by target slot */
	struct region_health health[LIMIT_TARGETS]; /* by target slot */
	struct region_health_log health_log;
	struct region_column columns[]; /* regions_workers() of them */
};

/* What MESSAGE_REGIONS carries beside its descriptors. */
struct regions_greeting {
	uint32_t incarnation; /* of the proxy: 1, 2, ... over the keeper's life */
	uint32_t is_alone; /* no other proxy runs */
};

/* A new region with columns for so many workers in a memfd (close-on-exec), mapped. -errno. */
int regions_create(const struct clock_anchor *anchor, unsigned workers, int *ret_fd,
		   struct regions **ret);
/* -EBADMSG when it is not ours or of another version. */
int regions_open(int fd, struct regions **ret);
/* The same for a descriptor that may only read: nothing can be written through it. */
int regions_open_reader(int fd, const struct regions **ret);
void regions_close(const struct regions *regions);
/* How many columns there are. Known from the mapping's size: no other process can change it. */
unsigned regions_workers(const struct regions *regions);
/* The sums over all columns; what the kind has not is 0. */
void regions_read(const struct regions *regions, enum traffic_kind kind, uint32_t slot,
		  uint64_t number, uint64_t ret_sums[TRAFFIC_OF_RULE]);
/* HTTP: connections to the target that are open. */
uint32_t regions_read_open(const struct regions *regions, uint32_t slot, uint64_t number);
/* Nobody counts in this bank: what is open in it becomes 0. `fd` is the region's memfd, which tells
 * the pages that were never written: they stay holes. */
void regions_clear_bank(struct regions *regions, int fd, unsigned bank);

/*
 * Memory for the session table (sticky/table.h) of `entries_most`: a memfd of zeros, its size
 * sealed. The keeper knows no more of it than its size; the first proxy lays it out. -errno.
 */
int regions_create_sessions(uint32_t entries_most, int *ret_fd);
/* Maps it. -EBADMSG when its size is not sealed. */
int regions_open_sessions(int fd, void **ret_memory, size_t *ret_size);
void regions_close_sessions(void *memory, size_t size);

#endif

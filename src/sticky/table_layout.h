/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session table's memory, byte for byte, and the lock of a shard: for table.c and
 * table_shard.c alone. A page with the header, then the shards, then each shard's tags and cells.
 */
#ifndef STICKY_TABLE_LAYOUT_H
#define STICKY_TABLE_LAYOUT_H

#include <pthread.h>
#include <stdatomic.h>

#include "sticky/table.h"

#define TABLE_MAGIC 0x31454c4241544953ull
#define TABLE_VERSION 1
#define TABLE_HEADER_BYTES 4096
#define TABLE_SET 16 /* cells: their tags are one SSE2 register */
#define TABLE_SHARD_ENTRIES                                                  \
	1024 /* wished for; a lock is held for as long as a sweep of so many \
	      */
#define TABLE_SHARDS_MOST 4096
#define TABLE_AHEAD_MOST_S 2 /* workers read the clock at different moments */

/*
 * Nothing here can be half-written, whenever the writer is killed: a new cell counts once its tag
 * is set, which is done last; a refresh stores one word, a move another.
 */
struct cell {
	uint64_t scope;
	uint8_t ip[16];
	_Atomic uint64_t target; /* number << 16 | expire_s */
	_Atomic uint32_t used_s;
	uint32_t key_check; /* of scope and ip: a stray write is noticed */
};

/* Checked with every open: a library of another shape must not share the memory. */
struct table_header {
	_Atomic uint64_t magic; /* written last: 0 = not laid out yet */
	uint32_t version;
	uint32_t lock_bytes, cell_bytes;
	uint32_t entries_most;
	uint32_t shard_count; /* a power of two */
	uint32_t shard_sets;
	uint64_t size; /* of the memory */
	uint64_t seed; /* of the hash: strangers cannot choose colliding addresses */
	_Alignas(64) _Atomic int64_t used; /* cells, over all shards; set right by every sweep */
};

struct shard {
	_Alignas(64) pthread_mutex_t lock; /* robust and process-shared */
	/* Under the lock; statistics read them without. */
	_Atomic uint32_t used;
	_Atomic uint32_t recovered;
	_Atomic uint32_t evicted;
	_Atomic uint32_t dropped;
};

struct session_table {
	struct table_header *header;
	struct shard *shards;
	uint8_t *tags; /* of all shards, a set's 16 together; 0 = the cell is empty */
	struct cell *cells;
	/* Copies: the memory's own could be overwritten by a broken process. */
	uint32_t entries_most, shard_count, shard_sets;
	uint64_t seed;
};

/* Where a key may stand: one shard, two sets of it (as indexes over the whole table). */
struct place {
	uint32_t shard;
	uint32_t sets[2]; /* equal when the shard has one set only */
	uint8_t tag; /* not 0 */
};

struct place place_of(const struct session_table *table, const struct session_key *key);

/* False when the lock is of no use: then there is no persistence, but there is traffic. What a dead
 * owner left is looked through before true is returned. */
bool shard_lock(struct session_table *table, uint32_t shard);
void shard_unlock(struct session_table *table, uint32_t shard);
/* All below with the lock held. */
/* Bit i: tag i of the set is `tag` (0: the cell is empty). */
uint32_t tags_matching(const uint8_t *tags, uint8_t tag);
/* Stands where its key belongs, with a target. */
bool cell_is_sound(const struct session_table *table, uint32_t index);
/* Into an empty cell, the tag last. */
void cell_put(struct session_table *table, const struct place *place, uint32_t index,
	      const struct session_entry *entry);
/* Another target, or a refresh. */
void cell_set(struct cell *cell, const struct session_entry *entry);
struct session_entry cell_read(const struct cell *cell);
/* The index of the key's cell, or UINT32_MAX. */
uint32_t cell_find(const struct session_table *table, const struct place *place,
		   const struct session_key *key);
/* Empties a cell. */
void cell_free(struct session_table *table, uint32_t shard, uint32_t index);

/* SP-23: idle time, not absolute. */
static inline bool is_alive(uint32_t used_s, uint32_t expire_s, uint32_t now_s)
{
	int64_t age_s = (int64_t)now_s - (int64_t)used_s;

	return age_s >= -TABLE_AHEAD_MOST_S && age_s <= (int64_t)expire_s;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session table's memory: laying it out, locking a shard, and what a killed owner of a lock
 * leaves behind. Any thread of any process that maps the memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/hash.h"
#include "base/random.h"
#include "sticky/table_layout.h"

_Static_assert(sizeof(struct cell) == 40, "a new shape needs a new TABLE_VERSION");
_Static_assert(sizeof(struct table_header) <= TABLE_HEADER_BYTES, "the header is one page");
_Static_assert(sizeof(struct cell) + 1 < SESSION_CELL_BYTES, "no slack for the sets");
_Static_assert(TABLE_HEADER_BYTES + 64 <= SESSION_BASE_BYTES, "header and alignment");

struct place place_of(const struct session_table *table, const struct session_key *key)
{
	uint64_t hash = hash_bytes_seeded(key, sizeof(*key), table->seed);
	uint32_t shard = (uint32_t)hash & (table->shard_count - 1);
	/* Bits that the shard does not use; 22 of them are more than a shard has sets. */
	uint32_t a = (uint32_t)((hash >> 20 & 0x3fffff) * table->shard_sets >> 22);
	uint32_t b = (uint32_t)((hash >> 42) * table->shard_sets >> 22);

	if (a == b)
		b = (a + 1) % table->shard_sets;
	return (struct place){
		.shard = shard,
		.sets = { shard * table->shard_sets + a, shard * table->shard_sets + b },
		.tag = (uint8_t)(hash >> 12) ? (uint8_t)(hash >> 12) : 1,
	};
}

static uint32_t key_check(const struct session_key *key)
{
	return (uint32_t)hash_bytes(key, sizeof(*key));
}

struct session_entry cell_read(const struct cell *cell)
{
	uint64_t target = atomic_load_explicit(&cell->target, memory_order_relaxed);
	struct session_entry entry = { .key.scope = cell->scope,
				       .target = target >> 16,
				       .used_s = atomic_load_explicit(&cell->used_s,
								      memory_order_relaxed),
				       .expire_s = (uint16_t)target };

	memcpy(entry.key.ip, cell->ip, sizeof(entry.key.ip));
	return entry;
}

bool cell_is_sound(const struct session_table *table, uint32_t index)
{
	const struct cell *cell = &table->cells[index];
	struct session_entry entry = cell_read(cell);
	struct place place = place_of(table, &entry.key);
	uint32_t set = index / TABLE_SET;

	return entry.key.scope && entry.target && cell->key_check == key_check(&entry.key) &&
	       table->tags[index] == place.tag && (set == place.sets[0] || set == place.sets[1]);
}

void cell_set(struct cell *cell, const struct session_entry *entry)
{
	atomic_store_explicit(&cell->target, entry->target << 16 | entry->expire_s,
			      memory_order_relaxed);
	atomic_store_explicit(&cell->used_s, entry->used_s, memory_order_relaxed);
}

void cell_put(struct session_table *table, const struct place *place, uint32_t index,
	      const struct session_entry *entry)
{
	struct cell *cell = &table->cells[index];

	cell->scope = entry->key.scope;
	memcpy(cell->ip, entry->key.ip, sizeof(cell->ip));
	cell->key_check = key_check(&entry->key);
	cell_set(cell, entry);
	/* Neither the compiler nor the processor moves what stands above behind this. */
	__atomic_store_n(&table->tags[index], place->tag, __ATOMIC_RELEASE);
	atomic_fetch_add_explicit(&table->shards[place->shard].used, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&table->header->used, 1, memory_order_relaxed);
}

void cell_free(struct session_table *table, uint32_t shard, uint32_t index)
{
	/* Before anything else is written there. */
	__atomic_store_n(&table->tags[index], 0, __ATOMIC_SEQ_CST);
	atomic_fetch_sub_explicit(&table->shards[shard].used, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&table->header->used, 1, memory_order_relaxed);
}

uint32_t tags_matching(const uint8_t *tags, uint8_t tag)
{
#ifdef __SSE2__
	__m128i all = _mm_loadu_si128((const __m128i *)(const void *)tags);

	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8((char)tag)));
#else
	uint32_t mask = 0;

	for (int i = 0; i < TABLE_SET; i++)
		mask |= (uint32_t)(tags[i] == tag) << i;
	return mask;
#endif
}

uint32_t cell_find(const struct session_table *table, const struct place *place,
		   const struct session_key *key)
{
	for (int i = 0; i < 2; i++) {
		uint32_t first = place->sets[i] * TABLE_SET;
		uint32_t mask = tags_matching(&table->tags[first], place->tag);

		for (; mask; mask &= mask - 1) {
			uint32_t index = first + (uint32_t)__builtin_ctz(mask);
			const struct cell *cell = &table->cells[index];

			if (cell->scope == key->scope &&
			    memcmp(cell->ip, key->ip, sizeof(cell->ip)) == 0)
				return index;
		}
	}
	return UINT32_MAX;
}

/* Its owner was killed. No cell can be half-written; only the count may be off by one. */
static void shard_recover(struct session_table *table, uint32_t number)
{
	struct shard *shard = &table->shards[number];
	uint32_t first = number * table->shard_sets * TABLE_SET;
	uint32_t count = table->shard_sets * TABLE_SET, used = 0;

	for (uint32_t index = first; index < first + count; index++) {
		if (!table->tags[index])
			continue;
		if (cell_is_sound(table, index)) {
			used++;
			continue;
		}
		table->tags[index] = 0;
		atomic_fetch_add_explicit(&shard->dropped, 1, memory_order_relaxed);
	}
	atomic_store_explicit(&shard->used, used, memory_order_relaxed);
	atomic_fetch_add_explicit(&shard->recovered, 1, memory_order_relaxed);
}

bool shard_lock(struct session_table *table, uint32_t number)
{
	int error = pthread_mutex_lock(&table->shards[number].lock);

	if (error == EOWNERDEAD) {
		shard_recover(table, number);
		error = pthread_mutex_consistent(&table->shards[number].lock);
	}
	return error == 0;
}

void shard_unlock(struct session_table *table, uint32_t number)
{
	pthread_mutex_unlock(&table->shards[number].lock);
}

/* The shape that fits into `size`. */
static int shape_make(size_t size, struct table_header *ret)
{
	const size_t least = SESSION_BASE_BYTES + (size_t)SESSIONS_LEAST * SESSION_CELL_BYTES;
	size_t entries, shards = 1, room;

	if (size < least)
		return -EBADMSG;
	entries = (size - SESSION_BASE_BYTES) / SESSION_CELL_BYTES;
	if (entries > SESSIONS_MOST)
		return -EBADMSG;
	while (shards < TABLE_SHARDS_MOST && entries / shards > TABLE_SHARD_ENTRIES)
		shards *= 2;
	room = entries * SESSION_CELL_BYTES - shards * sizeof(struct shard);
	*ret = (struct table_header){
		.magic = TABLE_MAGIC,
		.version = TABLE_VERSION,
		.lock_bytes = sizeof(pthread_mutex_t),
		.cell_bytes = sizeof(struct cell),
		.entries_most = (uint32_t)entries,
		.shard_count = (uint32_t)shards,
		.shard_sets = (uint32_t)(room / shards / (TABLE_SET * (sizeof(struct cell) + 1))),
		.size = size,
	};
	return 0;
}

static void view_make(struct session_table *table, char *memory, const struct table_header *shape)
{
	size_t sets = (size_t)shape->shard_count * shape->shard_sets;

	*table = (struct session_table){
		.header = (struct table_header *)memory,
		.shards = (struct shard *)(memory + TABLE_HEADER_BYTES),
		.entries_most = shape->entries_most,
		.shard_count = shape->shard_count,
		.shard_sets = shape->shard_sets,
	};
	table->tags = (uint8_t *)(table->shards + shape->shard_count);
	table->cells = (struct cell *)(table->tags + sets * TABLE_SET);
}

static int locks_make(struct session_table *table)
{
	pthread_mutexattr_t attributes;
	int error = pthread_mutexattr_init(&attributes);

	if (!error)
		error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	if (!error)
		error = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	for (uint32_t i = 0; i < table->shard_count && !error; i++)
		error = pthread_mutex_init(&table->shards[i].lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return -error;
}

/* All zeros so far. */
static int table_lay_out(struct session_table *table, const struct table_header *shape)
{
	struct table_header *header = table->header;
	uint64_t seed;
	int error = random_bytes(&seed, sizeof(seed));

	if (!error)
		error = locks_make(table);
	if (error)
		return error;
	header->version = shape->version;
	header->lock_bytes = shape->lock_bytes;
	header->cell_bytes = shape->cell_bytes;
	header->entries_most = shape->entries_most;
	header->shard_count = shape->shard_count;
	header->shard_sets = shape->shard_sets;
	header->size = shape->size;
	header->seed = seed;
	atomic_store_explicit(&header->magic, TABLE_MAGIC, memory_order_release);
	return 0;
}

static bool is_of_shape(const struct table_header *header, const struct table_header *shape)
{
	return header->magic == shape->magic && header->version == shape->version &&
	       header->lock_bytes == shape->lock_bytes && header->cell_bytes == shape->cell_bytes &&
	       header->entries_most == shape->entries_most &&
	       header->shard_count == shape->shard_count &&
	       header->shard_sets == shape->shard_sets && header->size == shape->size;
}

int session_table_open(void *memory, size_t size, struct session_table **ret)
{
	struct table_header shape;
	struct session_table *table;
	int error = shape_make(size, &shape);

	if (error)
		return error;
	table = malloc(sizeof(*table));
	if (!table)
		return -ENOMEM;
	view_make(table, memory, &shape);
	if (!atomic_load_explicit(&table->header->magic, memory_order_acquire))
		error = table_lay_out(table, &shape);
	if (!error && !is_of_shape(table->header, &shape))
		error = -EBADMSG;
	if (error) {
		free(table);
		return error;
	}
	table->seed = table->header->seed;
	*ret = table;
	return 0;
}

struct session_table *session_table_close(struct session_table *table)
{
	free(table);
	return NULL;
}

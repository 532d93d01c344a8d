/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session table's operations. Each takes one shard's lock, looks at two sets of cells, and lets
 * go; only sweeping and copying, which run in the background, look at a whole shard.
 */
#include "sticky/table.h"

#include <errno.h>
#include <string.h>

#include "sticky/table_layout.h"

#define NOWHERE UINT32_MAX

struct session_key session_key_of(uint64_t listener, uint16_t epoch, const struct address *client)
{
	struct session_key key = { .scope = session_scope(listener, epoch) };

	if (client->family == ADDRESS_IPV4) {
		key.ip[10] = key.ip[11] = 0xff;
		memcpy(key.ip + 12, client->ip, 4);
	} else {
		memcpy(key.ip, client->ip, sizeof(key.ip));
	}
	return key;
}

/* Forward only: another worker's clock may be a second ahead. */
static void cell_use(struct cell *cell, uint16_t expire_s, uint32_t now_s)
{
	struct session_entry entry = cell_read(cell);

	if (entry.used_s == now_s && entry.expire_s == expire_s)
		return;
	entry.used_s = now_s > entry.used_s ? now_s : entry.used_s;
	entry.expire_s = expire_s;
	cell_set(cell, &entry);
}

enum session_found session_table_find(struct session_table *table, const struct session_key *key,
				      uint16_t expire_s, uint32_t now_s, uint64_t *ret_target)
{
	struct place place = place_of(table, key);
	enum session_found found = SESSION_NONE;
	uint32_t index;

	if (!shard_lock(table, place.shard))
		return SESSION_NONE;
	index = cell_find(table, &place, key);
	if (index != NOWHERE) {
		struct cell *cell = &table->cells[index];
		struct session_entry entry = cell_read(cell);

		found = SESSION_EXPIRED;
		if (is_alive(entry.used_s, expire_s, now_s)) {
			found = SESSION_ALIVE;
			*ret_target = entry.target;
			cell_use(cell, expire_s, now_s);
		}
	}
	shard_unlock(table, place.shard);
	return found;
}

/* An empty cell in the emptier of the two sets. */
static uint32_t cell_empty(const struct session_table *table, const struct place *place)
{
	uint32_t best = NOWHERE;
	int most = 0;

	for (int i = 0; i < 2; i++) {
		uint32_t first = place->sets[i] * TABLE_SET;
		uint32_t mask = tags_matching(&table->tags[first], 0);

		if (__builtin_popcount(mask) > most) {
			most = __builtin_popcount(mask);
			best = first + (uint32_t)__builtin_ctz(mask);
		}
	}
	return best;
}

/* The cell of both sets that is over for longest, or else used longest ago. */
static uint32_t cell_oldest(const struct session_table *table, const struct place *place,
			    uint32_t now_s, bool *ret_is_alive)
{
	uint32_t best = NOWHERE;
	int64_t best_age = 0;
	bool best_alive = true;

	for (int i = 0; i < 2 * TABLE_SET; i++) {
		uint32_t index = place->sets[i / TABLE_SET] * TABLE_SET + (uint32_t)i % TABLE_SET;
		struct session_entry entry;
		int64_t age;
		bool alive;

		if (!table->tags[index])
			continue;
		entry = cell_read(&table->cells[index]);
		age = (int64_t)now_s - (int64_t)entry.used_s;
		alive = is_alive(entry.used_s, entry.expire_s, now_s);
		if (best == NOWHERE || (best_alive && !alive) ||
		    (best_alive == alive && age > best_age)) {
			best = index;
			best_age = age;
			best_alive = alive;
		}
	}
	*ret_is_alive = best_alive;
	return best;
}

static bool is_full(const struct session_table *table)
{
	return atomic_load_explicit(&table->header->used, memory_order_relaxed) >=
	       (int64_t)table->entries_most;
}

/* Room for a new key; true when a live entry went for it. NOWHERE only while the table is full and
 * both sets are empty: somebody else's sets hold the entries. */
static uint32_t cell_make_room(struct session_table *table, const struct place *place,
			       uint32_t now_s, bool *ret_was_evicted)
{
	uint32_t index = cell_empty(table, place);
	bool alive;

	if (index != NOWHERE && !is_full(table))
		return index;
	index = cell_oldest(table, place, now_s, &alive);
	if (index == NOWHERE)
		return NOWHERE;
	*ret_was_evicted = alive;
	if (alive)
		atomic_fetch_add_explicit(&table->shards[place->shard].evicted, 1,
					  memory_order_relaxed);
	cell_free(table, place->shard, index);
	return index;
}

/* What stands in the key's cell already, and what becomes of it. */
static uint64_t cell_claim(struct cell *cell, const struct session_entry *entry,
			   uint64_t instead_of, bool is_newcomer)
{
	struct session_entry there = cell_read(cell);
	bool alive = is_alive(there.used_s, entry->expire_s, entry->used_s);

	if (!alive || (there.target != entry->target && there.target == instead_of)) {
		cell_set(cell, entry);
		return entry->target;
	}
	if (there.target == entry->target || is_newcomer)
		cell_use(cell, entry->expire_s, entry->used_s);
	return there.target;
}

static struct session_claim table_claim(struct session_table *table,
					const struct session_entry *entry, uint64_t instead_of,
					bool is_newcomer)
{
	struct session_claim claim = { .target = entry->target };
	struct place place = place_of(table, &entry->key);
	uint32_t index;

	if (!shard_lock(table, place.shard))
		return claim;
	index = cell_find(table, &place, &entry->key);
	if (index != NOWHERE) {
		claim.target = cell_claim(&table->cells[index], entry, instead_of, is_newcomer);
	} else {
		index = cell_make_room(table, &place, entry->used_s, &claim.was_evicted);
		if (index != NOWHERE)
			cell_put(table, &place, index, entry);
	}
	shard_unlock(table, place.shard);
	return claim;
}

struct session_claim session_table_claim(struct session_table *table,
					 const struct session_entry *entry, uint64_t instead_of)
{
	return table_claim(table, entry, instead_of, true);
}

void session_table_touch(struct session_table *table, const struct session_entry *entry)
{
	table_claim(table, entry, 0, false);
}

void session_table_statistics(struct session_table *table, struct session_statistics *ret)
{
	int64_t used = atomic_load_explicit(&table->header->used, memory_order_relaxed);

	*ret = (struct session_statistics){ .entries = used > 0 ? (uint64_t)used : 0,
					    .entries_most = table->entries_most };
	for (uint32_t i = 0; i < table->shard_count; i++) {
		const struct shard *shard = &table->shards[i];

		ret->evicted += atomic_load_explicit(&shard->evicted, memory_order_relaxed);
		ret->dropped += atomic_load_explicit(&shard->dropped, memory_order_relaxed);
		ret->recovered += atomic_load_explicit(&shard->recovered, memory_order_relaxed);
	}
}

uint32_t session_table_shards(const struct session_table *table)
{
	return table->shard_count;
}

uint32_t session_table_shard_most(const struct session_table *table)
{
	return table->shard_sets * TABLE_SET;
}

/* Crashes may have left the sum off by what was under way. */
static void used_set_right(struct session_table *table)
{
	int64_t before = atomic_load_explicit(&table->header->used, memory_order_relaxed), sum = 0;

	for (uint32_t i = 0; i < table->shard_count; i++)
		sum += atomic_load_explicit(&table->shards[i].used, memory_order_relaxed);
	/* Inserts go on meanwhile: what they added since is in `used` and perhaps in `sum`; the
	 * next pass sees to it. */
	atomic_fetch_add_explicit(&table->header->used, sum - before, memory_order_relaxed);
}

/* A listener may have been given a longer time since the entry was used, so its own time is not
 * enough to drop it. */
static bool is_over(const struct session_entry *entry, uint32_t now_s)
{
	return !is_alive(entry->used_s, SESSION_EXPIRE_MOST_S, now_s);
}

uint32_t session_table_sweep(struct session_table *table, uint32_t shard, uint32_t now_s)
{
	uint32_t count = session_table_shard_most(table), first = shard * count, kept;

	if (shard >= table->shard_count || !shard_lock(table, shard))
		return 0;
	for (uint32_t index = first; index < first + count; index++) {
		struct session_entry entry;

		if (!table->tags[index])
			continue;
		entry = cell_read(&table->cells[index]);
		if (is_over(&entry, now_s))
			cell_free(table, shard, index);
	}
	kept = atomic_load_explicit(&table->shards[shard].used, memory_order_relaxed);
	shard_unlock(table, shard);
	if (shard == table->shard_count - 1)
		used_set_right(table);
	return kept;
}

uint32_t session_table_copy(struct session_table *table, uint32_t shard, uint32_t now_s,
			    struct session_entry *out, uint32_t room)
{
	uint32_t count = session_table_shard_most(table), first = shard * count, copied = 0;

	if (shard >= table->shard_count || !shard_lock(table, shard))
		return 0;
	for (uint32_t index = first; index < first + count && copied < room; index++) {
		if (!table->tags[index] || !cell_is_sound(table, index))
			continue;
		out[copied] = cell_read(&table->cells[index]);
		if (!is_over(&out[copied], now_s))
			copied++;
	}
	shard_unlock(table, shard);
	return copied;
}

static bool can_be_ours(const struct session_entry *entry, uint32_t now_s)
{
	return entry->key.scope && entry->target && entry->target <= LIMIT_NUMBER &&
	       entry->expire_s >= SESSION_EXPIRE_LEAST_S &&
	       entry->expire_s <= SESSION_EXPIRE_MOST_S &&
	       entry->used_s <= (uint64_t)now_s + TABLE_AHEAD_MOST_S;
}

int session_table_restore(struct session_table *table, const struct session_entry *entry,
			  uint32_t now_s)
{
	struct place place;
	uint32_t index;
	int result = 0;

	if (!can_be_ours(entry, now_s))
		return -EINVAL;
	if (is_over(entry, now_s))
		return 0;
	place = place_of(table, &entry->key);
	if (!shard_lock(table, place.shard))
		return -ENOTRECOVERABLE;
	index = cell_find(table, &place, &entry->key);
	if (index != NOWHERE) {
		if (cell_read(&table->cells[index]).used_s < entry->used_s)
			cell_set(&table->cells[index], entry);
	} else {
		index = is_full(table) ? NOWHERE : cell_empty(table, &place);
		if (index == NOWHERE)
			result = -ENOSPC;
		else
			cell_put(table, &place, index, entry);
	}
	shard_unlock(table, place.shard);
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots: small dense numbers into the shared regions, given out lowest first. The database knows
 * who holds which; the bitmaps here are its image. A freed slot stays taken (table freed_slot,
 * filled by triggers) until a snapshot newer than its deletion is live. Control's one thread.
 */
#include "control/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t slot_roofs[SLOT_KINDS] = {
	[SLOT_LISTENER] = LIMIT_LISTENERS,
	[SLOT_RULE] = LIMIT_RULES,
	[SLOT_TARGET] = LIMIT_TARGETS,
};

static size_t slots_size(uint32_t most)
{
	return (most + 63) / 64 * sizeof(uint64_t);
}

int slots_init(struct slots slots[SLOT_KINDS])
{
	for (size_t kind = 1; kind < SLOT_KINDS; kind++) {
		slots[kind] = (struct slots){ .most = slot_roofs[kind] };
		slots[kind].words = calloc(1, slots_size(slots[kind].most));
		if (!slots[kind].words)
			return -ENOMEM;
	}
	return 0;
}

void slots_done(struct slots slots[SLOT_KINDS])
{
	for (size_t kind = 1; kind < SLOT_KINDS; kind++) {
		free(slots[kind].words);
		slots[kind].words = NULL;
	}
}

static bool slots_mark(struct slots *slots, uint32_t slot)
{
	uint64_t bit = 1ull << (slot % 64);
	bool was_free = (slots->words[slot / 64] & bit) == 0;

	slots->words[slot / 64] |= bit;
	return was_free;
}

int slots_take(struct slots *slots, uint32_t *ret_slot)
{
	for (uint32_t word = slots->lowest / 64; word * 64 < slots->most; word++) {
		uint64_t free_bits = ~slots->words[word];
		uint32_t slot;

		if (free_bits == 0)
			continue;
		slot = word * 64 + (uint32_t)__builtin_ctzll(free_bits);
		if (slot >= slots->most)
			break;
		slots_mark(slots, slot);
		slots->lowest = slot + 1;
		*ret_slot = slot;
		return 0;
	}
	slots->lowest = slots->most;
	return -EDQUOT;
}

void slots_release(struct slots *slots, uint32_t slot)
{
	slots->words[slot / 64] &= ~(1ull << (slot % 64));
	if (slot < slots->lowest)
		slots->lowest = slot;
}

static int load_slot(struct row *row, void *context)
{
	struct slots *slots = context;
	int64_t kind = row_integer(row, 0, 1, SLOT_KINDS - 1);
	int64_t slot = row->error == 0 ? row_integer(row, 1, 0, slots[kind].most - 1) : 0;

	if (row->error == 0 && !slots_mark(&slots[kind], (uint32_t)slot))
		row_bad(row, 1, "slot held twice");
	return row->error;
}

int store_load_slots(struct store *store)
{
	static const struct query query = { STATEMENT_LOAD_SLOTS, "slots", load_slot, NULL, 0 };
	struct slots fresh[SLOT_KINDS] = { 0 }, old[SLOT_KINDS];
	int error = slots_init(fresh);

	if (error == 0)
		error = store_query(store, &query, fresh);
	if (error == 0) {
		memcpy(old, store->slots, sizeof(old));
		memcpy(store->slots, fresh, sizeof(old));
		memcpy(fresh, old, sizeof(old));
	}
	slots_done(fresh);
	return error;
}

static int release_slot(struct row *row, void *context)
{
	struct store *store = context;
	int64_t kind = row_integer(row, 0, 1, SLOT_KINDS - 1);
	int64_t slot = row->error == 0 ? row_integer(row, 1, 0, slot_roofs[kind] - 1) : 0;

	if (row->error == 0)
		slots_release(&store->slots[kind], (uint32_t)slot);
	return row->error;
}

int store_release_slots(struct store *store, uint64_t live)
{
	const struct value value = value_integer((int64_t)live);
	const struct query query = { STATEMENT_RELEASE_SLOTS, "freed_slot", release_slot, &value,
				     1 };
	int error = store_query(store, &query, store);

	/* The rows may still be there: what was given free above is not. */
	if (error != 0)
		store_load_slots(store);
	return error;
}

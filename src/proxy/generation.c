/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening generations. Runs on the proxy's main thread; only the reference count is touched by
 * others.
 */
#include "proxy/generation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/balance.h"

/* The row of the old snapshot that is the same rule: slots are unique within one snapshot. */
static uint32_t *rows_by_slot(const struct snapshot *snapshot)
{
	uint32_t *rows = malloc(LIMIT_TURNS * sizeof(*rows));

	if (!rows)
		return NULL;
	memset(rows, 0xff, LIMIT_TURNS * sizeof(*rows));
	for (uint32_t i = 0; i < snapshot->rule_count; i++)
		rows[snapshot->rules[i].slot] = i;
	return rows;
}

static bool same_order(const struct snapshot *old, const struct snapshot_rule *a,
		       const struct snapshot *new, const struct snapshot_rule *b)
{
	if (a->targets.count != b->targets.count || a->turns.count != b->turns.count)
		return false;
	for (uint32_t i = 0; i < a->targets.count; i++) {
		const struct snapshot_target *x = &old->targets[a->targets.first + i];
		const struct snapshot_target *y = &new->targets[b->targets.first + i];

		if (x->number != y->number || x->weight != y->weight)
			return false;
	}
	return true;
}

/* What to add to `turn` so that it falls on `position` of a period of `count`. */
static uint64_t offset_to(uint64_t turn, uint64_t position, uint32_t count)
{
	return (position + count - turn % count) % count;
}

/* The first generation of a proxy: what the one before it left, if it was about the same turns. */
static uint64_t offset_kept(const struct region_turn *kept, const struct snapshot_rule *rule,
			    uint64_t turn)
{
	if (atomic_load_explicit(&kept->rule, memory_order_relaxed) != rule->number ||
	    atomic_load_explicit(&kept->period, memory_order_relaxed) != rule->turns.count)
		return offset_to(turn, 0, rule->turns.count);
	return atomic_load_explicit(&kept->offset, memory_order_relaxed);
}

static void offset_keep(struct region_turn *kept, const struct snapshot_rule *rule, uint64_t offset)
{
	atomic_store_explicit(&kept->rule, rule->number, memory_order_relaxed);
	atomic_store_explicit(&kept->period, rule->turns.count, memory_order_relaxed);
	atomic_store_explicit(&kept->offset, offset, memory_order_relaxed);
}

static uint64_t offset_of_rule(const struct generation *generation,
			       const struct generation *previous, const uint32_t *old_rows,
			       const struct regions *regions, const struct snapshot_rule *rule)
{
	uint64_t turn =
		atomic_load_explicit(&regions->turns[rule->slot].turn, memory_order_relaxed);
	uint32_t old_row = old_rows ? old_rows[rule->slot] : SNAPSHOT_NONE;
	const struct snapshot_rule *old;
	uint32_t position;

	if (!rule->turns.count)
		return 0;
	if (!previous)
		return offset_kept(&regions->turns[rule->slot], rule, turn);
	if (old_row == SNAPSHOT_NONE)
		return offset_to(turn, 0, rule->turns.count);
	old = &previous->snapshot.rules[old_row];
	if (old->number != rule->number || !old->turns.count)
		return offset_to(turn, 0, rule->turns.count);
	if (same_order(&previous->snapshot, old, &generation->snapshot, rule))
		return previous->turn_offsets[old_row];
	position = (uint32_t)((turn + previous->turn_offsets[old_row]) % old->turns.count);
	position =
		round_robin_carry(&previous->snapshot, old, position, &generation->snapshot, rule);
	return offset_to(turn, position, rule->turns.count);
}

static int offsets_make(struct generation *generation, const struct generation *previous,
			struct regions *regions)
{
	const struct snapshot *snapshot = &generation->snapshot;
	uint32_t *old_rows = NULL;

	generation->turn_offsets = calloc(snapshot->rule_count + 1, sizeof(uint64_t));
	if (!generation->turn_offsets)
		return -ENOMEM;
	if (previous) {
		old_rows = rows_by_slot(&previous->snapshot);
		if (!old_rows)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < snapshot->rule_count; i++) {
		const struct snapshot_rule *rule = &snapshot->rules[i];

		generation->turn_offsets[i] =
			offset_of_rule(generation, previous, old_rows, regions, rule);
		offset_keep(&regions->turns[rule->slot], rule, generation->turn_offsets[i]);
	}
	free(old_rows);
	return 0;
}

/*
 * What the last owner of a slot left is not its new one's. Control gives a slot away only after a
 * generation without the old owner was live everywhere, so nobody counts for it any more.
 */
static void listener_slot_own(struct regions *regions, const struct snapshot_listener *listener)
{
	struct region_listener *region = &regions->listeners[listener->slot];
	uint64_t owner = atomic_load_explicit(&region->number, memory_order_relaxed);

	if (owner == listener->number)
		return;
	for (unsigned bank = 0; bank < REGION_BANKS; bank++)
		atomic_store_explicit(&region->connections[bank], 0, memory_order_relaxed);
	atomic_store_explicit(&region->second, 0, memory_order_relaxed);
	atomic_store_explicit(&region->number, listener->number, memory_order_relaxed);
	for (unsigned worker = 0; owner && worker < regions_workers(regions); worker++) {
		struct counters *counters = &regions->columns[worker].counters[listener->slot];

		for (unsigned i = 0; i < COUNTERS_USED; i++)
			atomic_store_explicit(&counters->values[i], 0, memory_order_relaxed);
	}
}

/* Newcomers among the targets find their count empty. The keeper emptied the whole bank of a proxy
 * that just began. */
static int target_slots_own(struct regions *regions, const struct snapshot *snapshot,
			    const struct snapshot *previous)
{
	uint64_t *owners = calloc(LIMIT_TARGETS, sizeof(*owners));

	if (!owners)
		return -ENOMEM;
	for (uint32_t i = 0; i < previous->target_count; i++)
		owners[previous->targets[i].slot] = previous->targets[i].number;
	for (uint32_t i = 0; i < snapshot->target_count; i++) {
		const struct snapshot_target *target = &snapshot->targets[i];

		for (unsigned bank = 0;
		     owners[target->slot] != target->number && bank < REGION_BANKS; bank++)
			atomic_store_explicit(&regions->target_connections[bank][target->slot], 0,
					      memory_order_relaxed);
	}
	free(owners);
	return 0;
}

static int slots_own(struct regions *regions, const struct snapshot *snapshot,
		     const struct generation *previous)
{
	for (uint32_t i = 0; i < snapshot->listener_count; i++)
		listener_slot_own(regions, &snapshot->listeners[i]);
	return previous ? target_slots_own(regions, snapshot, &previous->snapshot) : 0;
}

static int patterns_make(struct generation *generation, const struct generation *previous,
			 char *why, size_t why_size)
{
	static const struct snapshot no_snapshot;
	static const struct pattern_set no_patterns;
	char fault[160] = "";
	int error = pattern_set_init(&generation->patterns, &generation->snapshot,
				     previous ? &previous->patterns : &no_patterns,
				     previous ? &previous->snapshot : &no_snapshot, fault);

	if (error != -EINVAL)
		return error;
	snprintf(why, why_size, "%s", fault);
	return -EBADMSG;
}

int generation_open(int fd, const struct generation *previous, struct regions *regions,
		    struct generation **ret, char *why, size_t why_size)
{
	struct generation *generation = calloc(1, sizeof(*generation));
	int result;

	if (!generation)
		return -ENOMEM;
	result = snapshot_open(fd, true, &generation->snapshot, why, why_size);
	if (result < 0) {
		free(generation);
		return result;
	}
	generation->number = generation->snapshot.header->generation;
	atomic_init(&generation->references, 1);
	result = patterns_make(generation, previous, why, why_size);
	if (result == 0)
		result = offsets_make(generation, previous, regions);
	if (result == 0)
		result = slots_own(regions, &generation->snapshot, previous);
	if (result < 0) {
		generation_unpin(generation);
		return result;
	}
	*ret = generation;
	return 0;
}

void generation_pin(struct generation *generation)
{
	atomic_fetch_add_explicit(&generation->references, 1, memory_order_relaxed);
}

struct generation *generation_unpin(struct generation *generation)
{
	if (!generation)
		return NULL;
	if (atomic_fetch_sub_explicit(&generation->references, 1, memory_order_acq_rel) == 1) {
		pattern_set_done(&generation->patterns);
		snapshot_close(&generation->snapshot);
		free(generation->turn_offsets);
		free(generation);
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See schedule.h. Nothing here is locked: a turn is taken with one atomic operation, counts and
 * health are what they are at the moment they are read.
 */
#include "proxy/schedule.h"

#include "balance/balance.h"
#include "model/words.h"
#include "proxy/health.h"
#include "proxy/worker.h"

#define SEEKS_MOST 16 /* other workers move the turn at the same moment only so often */

/* Those of the rule's targets that are down. False: nobody is, or there would be nobody left. */
static bool down_ones(const struct regions *regions, const struct snapshot *snapshot,
		      const struct snapshot_rule *rule, struct left_out *out)
{
	bool is_any_down = false, is_any_up = false;

	if (health_is_plain(regions, rule))
		return false;
	*out = (struct left_out){ 0 };
	for (uint32_t i = 0; i < rule->targets.count; i++) {
		const struct snapshot_target *target = &snapshot->targets[rule->targets.first + i];

		if (!target->weight)
			continue;
		if (atomic_load_explicit(&regions->health[target->slot].is_down,
					 memory_order_relaxed)) {
			left_out_add(out, i);
			is_any_down = true;
		} else {
			is_any_up = true;
		}
	}
	return is_any_down && is_any_up;
}

/* The next turn; with somebody down the next one of somebody who is up, those between being used
 * up. */
static uint64_t turn_take(const struct schedule *schedule, const struct left_out *down)
{
	const struct generation *generation = schedule->generation;
	const struct snapshot_rule *rule = &generation->snapshot.rules[schedule->rule];
	struct regions *regions = schedule->worker->regions;
	_Atomic uint64_t *turn = &regions->turns[rule->slot].turn;
	uint64_t offset = generation->turn_offsets[schedule->rule];
	uint64_t value;

	if (!down)
		return generation_turn(generation, regions, schedule->rule);
	value = atomic_load_explicit(turn, memory_order_relaxed);
	for (int i = 0; i < SEEKS_MOST; i++) {
		uint64_t found =
			value + round_robin_gap(&generation->snapshot, rule, value + offset, down);

		if (atomic_compare_exchange_weak_explicit(
			    turn, &value, found + 1, memory_order_relaxed, memory_order_relaxed))
			return found + offset;
	}
	/* One after the other, which nobody can come in between of. */
	value = generation_turn(generation, regions, schedule->rule);
	for (uint32_t i = 0;
	     i < rule->turns.count && round_robin_gap(&generation->snapshot, rule, value, down);
	     i++)
		value = generation_turn(generation, regions, schedule->rule);
	return value;
}

/* By what is open at each target, over all workers and both proxies of an upgrade. */
static uint32_t least_conn(const struct regions *regions, const struct snapshot *snapshot,
			   const struct snapshot_rule *rule, uint64_t turn,
			   const struct left_out *out)
{
	uint32_t active[LIMIT_TARGETS_PER_RULE];

	for (uint32_t i = 0; i < rule->targets.count; i++) {
		uint32_t slot = snapshot->targets[rule->targets.first + i].slot;

		active[i] = 0;
		for (unsigned bank = 0; bank < REGION_BANKS; bank++)
			active[i] += atomic_load_explicit(&regions->target_connections[bank][slot],
							  memory_order_relaxed);
	}
	return least_conn_choose(snapshot, rule, turn, active, out);
}

uint32_t schedule_target(const struct schedule *schedule, const uint32_t *tried, size_t tried_count,
			 struct scheduled_turn *turn)
{
	const struct snapshot *snapshot = &schedule->generation->snapshot;
	const struct snapshot_rule *rule = &snapshot->rules[schedule->rule];
	const struct regions *regions = schedule->worker->regions;
	struct left_out left_out, *out = NULL;

	if (!rule->turns.count)
		return SNAPSHOT_NONE; /* all of weight 0: no turn is used up */
	if (down_ones(regions, snapshot, rule, &left_out))
		out = &left_out;
	if (rule->scheduler != SCHEDULER_IP_HASH && !turn->is_taken) {
		turn->number = turn_take(schedule, out);
		turn->is_taken = true;
	}
	if (tried_count && !out) {
		left_out = (struct left_out){ 0 };
		out = &left_out;
	}
	for (size_t i = 0; i < tried_count; i++) {
		if (tried[i] - rule->targets.first < rule->targets.count)
			left_out_add(out, tried[i] - rule->targets.first);
	}
	switch (rule->scheduler) {
	case SCHEDULER_IP_HASH:
		return ip_hash_choose(snapshot, rule, schedule->client, out);
	case SCHEDULER_LEAST_CONN:
		return least_conn(regions, snapshot, rule, turn->number, out);
	default:
		return round_robin_choose(snapshot, rule, turn->number, out);
	}
}

void target_count_add(struct worker *worker, uint32_t target_slot)
{
	atomic_fetch_add_explicit(&worker->regions->target_connections[worker->bank][target_slot],
				  1, memory_order_relaxed);
}

void target_count_take(struct worker *worker, uint32_t target_slot)
{
	_Atomic uint32_t *count = &worker->regions->target_connections[worker->bank][target_slot];
	uint32_t value = atomic_load_explicit(count, memory_order_relaxed);

	/* A slot may have been emptied for another owner in between. */
	while (value &&
	       !atomic_compare_exchange_weak_explicit(count, &value, value - 1,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

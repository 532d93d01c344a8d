/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the shared region. One thread writes them, so plain loads and stores of atomics do; who
 * reads a row between two of them sees either state of the target, each of which is true.
 */
#include "proxy/health_region.h"

#include "proxy/health_judge.h"

static uint8_t load8(const _Atomic uint8_t *field)
{
	return atomic_load_explicit(field, memory_order_relaxed);
}

static void store8(_Atomic uint8_t *field, uint8_t value)
{
	if (load8(field) != value)
		atomic_store_explicit(field, value, memory_order_relaxed);
}

static void down_set(struct region_health *row, uint8_t bit, bool is_down)
{
	uint8_t old = load8(&row->is_down) & (HEALTH_DOWN_CHECKED | HEALTH_DOWN_BLOCKED);

	store8(&row->is_down, is_down ? old | bit : old & (uint8_t)~bit);
}

/* What traffic looks at first. */
static void rule_tell(struct regions *regions, const struct snapshot *snapshot,
		      const struct snapshot_rule *rule)
{
	_Atomic uint32_t *told = &regions->turns[rule->slot].down;
	struct health_tally tally = { .targets = rule->targets.count };
	uint32_t verdict;

	for (uint32_t i = 0; i < rule->targets.count; i++) {
		const struct snapshot_target *target = &snapshot->targets[rule->targets.first + i];
		bool is_down = load8(&regions->health[target->slot].is_down) != 0;

		tally.down += is_down;
		tally.weighted += target->weight > 0;
		tally.weighted_down += target->weight > 0 && is_down;
	}
	verdict = (uint32_t)health_tally_verdict(&tally);
	/* Workers look at this line all the time. */
	if (atomic_load_explicit(told, memory_order_relaxed) != verdict)
		atomic_store_explicit(told, verdict, memory_order_relaxed);
}

static void state_set(struct region_health *row, struct health_standing standing, int64_t wall_s)
{
	if (load8(&row->state) != standing.state)
		atomic_store_explicit(&row->changed_s, wall_s, memory_order_relaxed);
	store8(&row->state, standing.state);
	store8(&row->streak, standing.streak);
}

static void row_begin(struct region_health *row, uint64_t number, int64_t wall_s)
{
	atomic_store_explicit(&row->number, 0, memory_order_relaxed);
	atomic_store_explicit(&row->changed_s, wall_s, memory_order_relaxed);
	atomic_store_explicit(&row->blocked_until_ms, 0, memory_order_relaxed);
	store8(&row->state, HEALTH_CLOSE);
	store8(&row->streak, 0);
	store8(&row->failures, 0);
	store8(&row->is_down, 0);
	atomic_store_explicit(&row->ups, 0, memory_order_relaxed);
	atomic_store_explicit(&row->downs, 0, memory_order_relaxed);
	atomic_store_explicit(&row->number, number, memory_order_release);
}

static void row_adopt(struct region_health *row, uint64_t number, bool is_checked,
		      bool is_presumed_up, int64_t wall_s)
{
	uint8_t state;

	if (atomic_load_explicit(&row->number, memory_order_relaxed) != number)
		row_begin(row, number, wall_s);
	state = load8(&row->state);
	if (!is_checked) {
		state_set(row, (struct health_standing){ .state = HEALTH_CLOSE }, wall_s);
		down_set(row, HEALTH_DOWN_CHECKED, false);
	} else if (state != HEALTH_ALIVE && state != HEALTH_DEAD && state != HEALTH_UNKNOWN) {
		state_set(row, (struct health_standing){ .state = HEALTH_UNKNOWN }, wall_s);
		down_set(row, HEALTH_DOWN_CHECKED, !is_presumed_up);
	} else if (state != HEALTH_UNKNOWN) {
		down_set(row, HEALTH_DOWN_CHECKED, state == HEALTH_DEAD);
	}
	down_set(row, HEALTH_DOWN_BLOCKED,
		 atomic_load_explicit(&row->blocked_until_ms, memory_order_relaxed) != 0);
}

static bool rule_has_alive(const struct regions *regions, const struct snapshot *snapshot,
			   const struct snapshot_rule *rule)
{
	for (uint32_t i = 0; i < rule->targets.count; i++) {
		const struct snapshot_target *target = &snapshot->targets[rule->targets.first + i];

		if (health_region_is_known(regions, target) &&
		    load8(&regions->health[target->slot].state) == HEALTH_ALIVE)
			return true;
	}
	return false;
}

void health_region_adopt(struct regions *regions, const struct snapshot *snapshot, uint32_t rule,
			 int64_t wall_s)
{
	const struct snapshot_rule *row = &snapshot->rules[rule];
	bool is_checked = row->check != SNAPSHOT_NONE;
	bool is_presumed_up = is_checked && !rule_has_alive(regions, snapshot, row);

	for (uint32_t i = 0; i < row->targets.count; i++) {
		const struct snapshot_target *target = &snapshot->targets[row->targets.first + i];

		row_adopt(&regions->health[target->slot], target->number, is_checked,
			  is_presumed_up, wall_s);
	}
	rule_tell(regions, snapshot, row);
}

bool health_region_result(struct regions *regions, const struct snapshot *snapshot, uint32_t target,
			  bool is_good, int64_t wall_s, struct health_change *ret)
{
	const struct snapshot_target *place = &snapshot->targets[target];
	const struct snapshot_rule *rule = &snapshot->rules[place->rule];
	const struct snapshot_health *check = &snapshot->checks[rule->check];
	struct region_health *row = &regions->health[place->slot];
	struct health_standing standing = { load8(&row->state), load8(&row->streak) };
	uint8_t was_down = load8(&row->is_down);
	uint8_t from = standing.state;
	bool has_changed =
		health_judge(&standing, is_good, check->healthy_count, check->unhealthy_count);

	state_set(row, standing, wall_s);
	if (standing.state != HEALTH_UNKNOWN)
		down_set(row, HEALTH_DOWN_CHECKED, standing.state == HEALTH_DEAD);
	else if (!is_good)
		down_set(row, HEALTH_DOWN_CHECKED, true); /* what was presumed is not so */
	if (load8(&row->is_down) != was_down)
		rule_tell(regions, snapshot, rule);
	*ret = (struct health_change){ from, standing.state };
	return has_changed;
}

void health_region_block(struct regions *regions, const struct snapshot *snapshot, uint32_t target,
			 uint64_t until_ms)
{
	const struct snapshot_target *place = &snapshot->targets[target];
	struct region_health *row = &regions->health[place->slot];

	atomic_store_explicit(&row->blocked_until_ms, until_ms, memory_order_relaxed);
	store8(&row->failures, 0);
	down_set(row, HEALTH_DOWN_BLOCKED, until_ms != 0);
	rule_tell(regions, snapshot, &snapshot->rules[place->rule]);
}

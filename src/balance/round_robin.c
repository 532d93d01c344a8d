/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weighted round robin over a snapshot's order of turns: whose turn it is, and where the turn goes
 * on after an edit. Pure; any thread.
 */
#include "balance/balance.h"

#include <string.h>

/* A target's place that is not in the other generation (or gets no turns there). */
#define GONE UINT16_MAX

uint32_t round_robin_gap(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			 uint64_t turn, const struct left_out *out)
{
	const uint16_t *turns = snapshot->turns + rule->turns.first;
	uint32_t period = rule->turns.count;
	uint32_t at = period > 0 ? (uint32_t)(turn % period) : 0;

	for (uint32_t i = 0; i < period; i++) {
		if (!left_out_has(out, turns[at]))
			return i;
		at = at + 1 == period ? 0 : at + 1;
	}
	return 0;
}

uint32_t round_robin_choose(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			    uint64_t turn, const struct left_out *out)
{
	const uint16_t *turns = snapshot->turns + rule->turns.first;
	uint32_t period = rule->turns.count;
	uint32_t at;

	if (!period)
		return SNAPSHOT_NONE;
	at = (uint32_t)(turn % period) + round_robin_gap(snapshot, rule, turn, out);
	at = turns[at >= period ? at - period : at];
	return left_out_has(out, at) ? SNAPSHOT_NONE : rule->targets.first + at;
}

/* One rule in one generation. */
struct order {
	const struct snapshot_target *targets;
	const uint16_t *turns;
	uint32_t target_count, period;
};

static struct order order_of(const struct snapshot *snapshot, const struct snapshot_rule *rule)
{
	return (struct order){ snapshot->targets + rule->targets.first,
			       snapshot->turns + rule->turns.first, rule->targets.count,
			       rule->turns.count };
}

static bool order_is_same(const struct order *old, const struct order *new)
{
	if (old->target_count != new->target_count || old->period != new->period ||
	    memcmp(old->turns, new->turns, old->period * sizeof(*old->turns)) != 0)
		return false;
	for (uint32_t i = 0; i < old->target_count; i++) {
		if (old->targets[i].number != new->targets[i].number)
			return false;
	}
	return true;
}

/* For each target of `from` its place in `to`, or GONE. Both runs are in order of their numbers. */
static void order_match(const struct order *from, const struct order *to, uint16_t *ret_places)
{
	uint32_t other = 0;

	for (uint32_t i = 0; i < from->target_count; i++) {
		uint64_t number = from->targets[i].number;

		while (other < to->target_count && to->targets[other].number < number)
			other++;
		ret_places[i] = other < to->target_count && to->targets[other].number == number &&
						to->targets[other].weight > 0
					? (uint16_t)other
					: GONE;
	}
}

static double share_of(const struct order *order, uint32_t place, double weight_sum)
{
	return order->targets[place].weight / weight_sum;
}

static double weight_sum(const struct order *order)
{
	double sum = 0;

	for (uint32_t i = 0; i < order->target_count; i++)
		sum += order->targets[i].weight;
	return sum;
}

/*
 * What each target of the new generation is owed at the old position, in turns: its share of the
 * turns so far in this period less those it had. A newcomer is owed nothing.
 */
static void debts_at(const struct order *old, uint32_t position, const uint16_t *old_to_new,
		     const struct order *new, double *ret_debts)
{
	double sum = weight_sum(old);

	memset(ret_debts, 0, new->target_count * sizeof(*ret_debts));
	for (uint32_t i = 0; i < old->target_count; i++) {
		if (old_to_new[i] != GONE)
			ret_debts[old_to_new[i]] = position * share_of(old, i, sum);
	}
	for (uint32_t i = 0; i < position; i++) {
		if (old_to_new[old->turns[i]] != GONE)
			ret_debts[old_to_new[old->turns[i]]] -= 1;
	}
}

/*
 * The position of the new order at which what everybody is owed is nearest to `debts`, among those
 * where `next` has the turn, or (`is_after`) has just had it. `next` has at least one turn.
 */
static uint32_t nearest_position(const struct order *new, uint16_t next, bool is_after,
				 const double *debts)
{
	double sum = weight_sum(new), best_distance = -1;
	uint32_t had[LIMIT_TARGETS_PER_RULE] = { 0 };
	uint32_t best = 0;

	for (uint32_t position = 0; position < new->period; position++) {
		uint16_t holder = new->turns[position];
		uint32_t at = is_after ? position + 1 : position;
		double distance = 0;

		if (is_after)
			had[holder]++;
		if (holder == next) {
			for (uint32_t i = 0; i < new->target_count; i++) {
				double owed = at * share_of(new, i, sum) - had[i] - debts[i];

				distance += owed * owed;
			}
			if (best_distance < 0 || distance < best_distance) {
				best_distance = distance;
				best = at % new->period;
			}
		}
		if (!is_after)
			had[holder]++;
	}
	return best;
}

/* True when the order gives `place` two turns in a row somewhere. */
static bool order_repeats(const struct order *order, uint16_t place)
{
	for (uint32_t i = 0; i < order->period; i++) {
		if (order->turns[i] == place && order->turns[(i + 1) % order->period] == place)
			return true;
	}
	return false;
}

uint32_t round_robin_carry(const struct snapshot *old_snapshot,
			   const struct snapshot_rule *old_rule, uint32_t old_position,
			   const struct snapshot *new_snapshot,
			   const struct snapshot_rule *new_rule)
{
	struct order old = order_of(old_snapshot, old_rule);
	struct order new = order_of(new_snapshot, new_rule);
	uint16_t old_to_new[LIMIT_TARGETS_PER_RULE];
	double debts[LIMIT_TARGETS_PER_RULE];
	uint16_t next = GONE, last;

	if (old.period == 0 || new.period == 0)
		return 0;
	old_position %= old.period;
	if (order_is_same(&old, &new))
		return old_position;
	order_match(&old, &new, old_to_new);
	for (uint32_t i = 0; i < old.period && next == GONE; i++)
		next = old_to_new[old.turns[(old_position + i) % old.period]];
	if (next == GONE)
		return 0;
	debts_at(&old, old_position, old_to_new, &new, debts);
	/* The last one would have a second turn in a row that the new order never gives it. */
	last = old_to_new[old.turns[(old_position + old.period - 1) % old.period]];
	return nearest_position(&new, next, last == next && !order_repeats(&new, next), debts);
}

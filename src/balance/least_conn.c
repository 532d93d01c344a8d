/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Least connections: the target with the fewest open ones for its weight. Pure; any thread.
 */
#include "balance/balance.h"

uint32_t least_conn_choose(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			   uint64_t turn, const uint32_t *active, const uint32_t *tried,
			   size_t tried_count)
{
	const struct snapshot_target *targets = snapshot->targets + rule->targets.first;
	uint32_t begin = round_robin_choose(snapshot, rule, turn, tried, tried_count);
	uint32_t count = rule->targets.count, best;

	if (begin == SNAPSHOT_NONE)
		return SNAPSHOT_NONE;
	best = begin - rule->targets.first;
	for (uint32_t i = 1, at = best + 1; i < count; i++, at++) {
		bool is_tried = false;

		if (at >= count)
			at = 0;
		for (size_t k = 0; k < tried_count; k++)
			is_tried |= tried[k] == rule->targets.first + at;
		/* active / weight < best's, without a division. */
		if (!is_tried && targets[at].weight > 0 &&
		    (uint64_t)active[at] * targets[best].weight <
			    (uint64_t)active[best] * targets[at].weight)
			best = at;
	}
	return rule->targets.first + best;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Least connections: the target with the fewest open ones for its weight. Pure; any thread.
 */
#include "balance/balance.h"

uint32_t least_conn_choose(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			   uint64_t turn, const uint32_t *active, const struct left_out *out)
{
	const struct snapshot_target *targets = snapshot->targets + rule->targets.first;
	uint32_t begin = round_robin_choose(snapshot, rule, turn, out);
	uint32_t count = rule->targets.count, best;

	if (begin == SNAPSHOT_NONE)
		return SNAPSHOT_NONE;
	best = begin - rule->targets.first;
	for (uint32_t i = 1, at = best + 1; i < count; i++, at++) {
		if (at >= count)
			at = 0;
		/* active / weight < best's, without a division. */
		if (targets[at].weight > 0 && !left_out_has(out, at) &&
		    (uint64_t)active[at] * targets[best].weight <
			    (uint64_t)active[best] * targets[at].weight)
			best = at;
	}
	return rule->targets.first + best;
}

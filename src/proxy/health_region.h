/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of targets, in the shared region: the only place that writes struct region_health
 * and region_turn.down. Runs on the checker's thread; time is an argument.
 */
#ifndef PROXY_HEALTH_REGION_H
#define PROXY_HEALTH_REGION_H

#include "model/snapshot.h"
#include "process/regions.h"

/* Bits of region_health.is_down: why a target gets nothing new. */
#define HEALTH_DOWN_CHECKED 1 /* Dead, or Unknown and not presumed to be up */
#define HEALTH_DOWN_BLOCKED 2 /* passive checks */

/*
 * Makes the rows of a rule's targets true to the generation. Known ones (the number is the slot's)
 * go on. New ones of a checked rule are Unknown, and down as long as something of the rule is known
 * to be alive; while nothing is, they are presumed to be up until a probe fails: a site that begins
 * serves at once, and no single target gets everything because it was probed first.
 */
void health_region_adopt(struct regions *regions, const struct snapshot *snapshot, uint32_t rule,
			 int64_t wall_s);

struct health_change {
	uint8_t from, to; /* enum health_state */
};

/* A probe's result for a target of the snapshot. True when the state changed. */
bool health_region_result(struct regions *regions, const struct snapshot *snapshot, uint32_t target,
			  bool is_good, int64_t wall_s, struct health_change *ret);

/* Blocks a target, or ends that (until_ms 0). Its failures in a row begin anew. */
void health_region_block(struct regions *regions, const struct snapshot *snapshot, uint32_t target,
			 uint64_t until_ms);

static inline bool health_region_is_known(const struct regions *regions,
					  const struct snapshot_target *target)
{
	return atomic_load_explicit(&regions->health[target->slot].number, memory_order_relaxed) ==
	       target->number;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which targets are up. A thread of its own probes them (features.md section 6) and writes what it
 * finds into the shared region (struct region_health), where workers read one byte; so a slow probe
 * never waits for traffic nor traffic for a probe, and what is known outlives generations and the
 * process. Workers add what they see themselves (passive checks).
 */
#ifndef PROXY_HEALTH_H
#define PROXY_HEALTH_H

#include <stdbool.h>

#include "model/snapshot.h"
#include "process/regions.h"

struct generation;
struct health;

/* Starts the thread, without anything to check. NULL when memory or descriptors are out. */
struct health *health_new(struct regions *regions);
/*
 * Another proxy checks from now on: no probe is under way afterwards, and the region is written no
 * more. What is adopted or reported later changes nothing. Accepts NULL.
 */
void health_stop(struct health *health);
/* Ends the thread: no probe is under way afterwards. Accepts NULL, returns NULL. */
struct health *health_free(struct health *health);

/*
 * The main thread, before a generation is handed to the workers: from here on these targets are
 * checked. A target that is new to its slot is down (Unknown) until its first checks passed, when
 * its rule is checked at all, so it gets no traffic before; one that was known keeps its state. The
 * region is true to the generation when this returns. -ENOMEM with the old one in force.
 */
int health_adopt(struct health *health, struct generation *generation);

/*
 * A worker: forwarding to this target failed (connect, timeout before the answer, broken answer).
 * The third in a row blocks it for 10 s (features.md 6, passive checks); HTTP rules only. Nothing
 * happens when health is NULL (tests).
 */
void health_failed(struct health *health, struct regions *regions, const struct snapshot *snapshot,
		   uint32_t target);

/* A worker: an answer came. Costs a load when nothing was wrong. */
static inline void health_succeeded(struct regions *regions, uint32_t target_slot)
{
	struct region_health *row = &regions->health[target_slot];

	if (atomic_load_explicit(&row->failures, memory_order_relaxed))
		atomic_store_explicit(&row->failures, 0, memory_order_relaxed);
}

/* True when no target of the rule needs to be left out: nothing is down, or everything is. */
static inline bool health_is_plain(const struct regions *regions, const struct snapshot_rule *rule)
{
	return atomic_load_explicit(&regions->turns[rule->slot].down, memory_order_relaxed) !=
	       REGION_SOME_DOWN;
}

/* May the target get something new? (Its weight is another question.) */
static inline bool health_is_up(const struct regions *regions, const struct snapshot_rule *rule,
				const struct snapshot_target *target)
{
	return health_is_plain(regions, rule) ||
	       !atomic_load_explicit(&regions->health[target->slot].is_down, memory_order_relaxed);
}

#endif

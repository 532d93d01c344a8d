/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler of a rule at work, for both layers: brings the pure choice (balance) together with
 * what workers share: the turn, the counts of what is open at each target, health. Runs on the
 * worker's thread.
 */
#ifndef PROXY_SCHEDULE_H
#define PROXY_SCHEDULE_H

#include "proxy/generation.h"

struct worker;

/* The turn that all tries of one request or connection share: zeros at its beginning. */
struct scheduled_turn {
	uint64_t number;
	bool is_taken;
};

struct schedule {
	struct worker *worker;
	const struct generation *generation;
	uint32_t rule; /* row */
	struct bytes client; /* its address as text: IP_HASH; else it may be empty */
};

/*
 * The target to try next, a row, or SNAPSHOT_NONE: those in `tried` (rows, others' too) are left
 * out, and so are those that are down, unless all are. A turn that falls on a target that is down
 * passes, so that the shares of the others stay those of their weights.
 */
uint32_t schedule_target(const struct schedule *schedule, const uint32_t *tried, size_t tried_count,
			 struct scheduled_turn *turn);

/* A request or connection goes to the target with this slot, and ends. What is taken off must have
 * been added by this worker; the count never goes below 0. */
void target_count_add(struct worker *worker, uint32_t target_slot);
void target_count_take(struct worker *worker, uint32_t target_slot);

#endif

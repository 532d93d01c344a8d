/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What results mean and when the next one is due: the pure part of health checks. Time is an
 * argument.
 */
#ifndef PROXY_HEALTH_JUDGE_H
#define PROXY_HEALTH_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "process/regions.h"

/* What is known of a target; struct region_health keeps it. */
struct health_standing {
	uint8_t state; /* enum health_state */
	/* Results in a row that speak against the state. While it is Unknown both kinds do: those
	 * that failed are counted with HEALTH_STREAK_FAILED. */
	uint8_t streak;
};

#define HEALTH_STREAK_FAILED 0x80

/* One more result; what was not checked before begins as Unknown. True when it changed the state.
 */
bool health_judge(struct health_standing *standing, bool is_good, uint8_t healthy_count,
		  uint8_t unhealthy_count);

/*
 * When a target that is new to the checker is probed first: at once when there are few, over the
 * whole interval when `newcomers` came with it, so that from then on each has its own time. `key`
 * tells them apart.
 */
uint64_t health_first_due_ms(uint64_t now_ms, uint64_t key, uint32_t newcomers,
			     uint32_t interval_ms);
/* The next multiple of the interval behind `due_ms` that is still to come: what a pause left out is
 * not made up for, and nobody loses its own time. */
uint64_t health_next_due_ms(uint64_t due_ms, uint32_t interval_ms, uint64_t now_ms);

/* Which of a rule's targets get new traffic; see health_region.c. */
struct health_tally {
	uint32_t targets, down; /* all */
	uint32_t weighted, weighted_down; /* those of a weight above 0 */
};

enum region_down health_tally_verdict(const struct health_tally *tally);

#endif

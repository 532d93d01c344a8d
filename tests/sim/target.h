/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The servers behind the proxy: they check every request to the byte, answer by its plan, and
 * misbehave where the plan says so.
 */
#ifndef SIM_TARGET_H
#define SIM_TARGET_H

#include "net.h"

struct target_habits {
	unsigned refuses_percent, silent_percent, closes_idle_percent;
	uint32_t slow_ms;
	bool gets_whole_bodies; /* with their length, whatever they came in */
};

void targets_begin(const struct target_habits *habits);
/* Connections that are still held are forgotten. */
void targets_end(void);
void target_listen(const struct address *address);
/* What a sweep does: the `nth` event at any target's connection resets or ends it; 0 = never. */
void target_break_at(unsigned nth, bool is_reset);
unsigned target_events(void);

#endif

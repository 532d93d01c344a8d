/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every part of the simulation shares: the dice, the invented time, and the record of what
 * happened. One run at a time, one thread; everything follows from the seed, so a run that failed
 * can be watched again.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_START_MS 1000000 /* boot time at the beginning of a run */
#define SIM_NEVER UINT64_MAX

struct sim {
	uint64_t dice;
	uint64_t now_ms;
	uint64_t steps; /* of the network, in this run */
	uint64_t all_steps; /* in all runs */
	char replay[200]; /* arguments that repeat this run */
	bool is_verbose;
};

extern struct sim sim;

void sim_begin(uint64_t seed, bool is_verbose);
/* 0..most-1; 0 when most is 0. */
uint32_t dice_below(uint32_t most);
bool dice_percent(unsigned percent);
/* One line of the record. */
void sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints the record's end and how to repeat the run; ends the process. */
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define SIM_MUST(condition)                           \
	do {                                          \
		if (!(condition))                     \
			sim_fail("not: " #condition); \
	} while (0)

#endif

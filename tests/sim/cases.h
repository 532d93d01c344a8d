/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runs of the simulation: those thrown from a seed, and the sweeps, which do one thing to a
 * fixed exchange at every place where it can be done.
 */
#ifndef SIM_CASES_H
#define SIM_CASES_H

#include "sim.h"

/* One run with everything thrown. */
void case_seed(uint64_t seed, bool is_verbose);

struct sweep {
	const char *name;
	/* False when the exchange has no place `at` any more. */
	bool (*run)(unsigned variant, unsigned at);
	unsigned variants;
};

extern const struct sweep sweeps[];
extern const unsigned sweep_count;

/* One place of a sweep. */
bool case_sweep(const struct sweep *sweep, unsigned variant, unsigned at, bool is_verbose);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulation's runner: all sweeps, then a fixed set of seeds; with SIM_SECONDS further seeds
 * for that long. --seed N or --sweep NAME:VARIANT:AT repeats one run, --verbose prints its record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cases.h"
#include "world.h"

#define SEEDS 1000
#define PLACES_MOST 20000

int __real_clock_gettime(clockid_t id, struct timespec *ret);

static double seconds_now(void)
{
	struct timespec now;

	__real_clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void sweep_all(const struct sweep *sweep)
{
	unsigned long runs = 0;

	for (unsigned variant = 0; variant < sweep->variants; variant++) {
		for (unsigned at = 0; case_sweep(sweep, variant, at, false); at++) {
			if (at == PLACES_MOST)
				sim_fail("the sweep has no end");
			runs++;
		}
	}
	printf("sweep %s: %lu runs\n", sweep->name, runs);
}

static int sweep_one(const char *what, bool is_verbose)
{
	char name[16];
	unsigned variant, at;

	if (sscanf(what, "%15[a-z]:%u:%u", name, &variant, &at) != 3)
		return 2;
	for (unsigned i = 0; i < sweep_count; i++) {
		if (strcmp(sweeps[i].name, name) || variant >= sweeps[i].variants)
			continue;
		case_sweep(&sweeps[i], variant, at, is_verbose);
		return 0;
	}
	return 2;
}

static void run_all(void)
{
	const char *more = getenv("SIM_SECONDS");
	double begin = seconds_now(), seeds_begin;
	uint64_t seed = 0, steps;

	for (unsigned i = 0; i < sweep_count; i++)
		sweep_all(&sweeps[i]);
	seeds_begin = seconds_now();
	steps = sim.all_steps;
	while (seed < SEEDS || (more && seconds_now() - begin < atof(more)))
		case_seed(++seed, false);
	printf("%llu seeds, %.0f a second, %.0f steps a second\n", (unsigned long long)seed,
	       (double)seed / (seconds_now() - seeds_begin),
	       (double)(sim.all_steps - steps) / (seconds_now() - seeds_begin));
}

int main(int count, char **arguments)
{
	const char *seed = NULL, *sweep = NULL;
	bool is_verbose = false;
	int result = 0;

	for (int i = 1; i < count; i++) {
		if (!strcmp(arguments[i], "--verbose"))
			is_verbose = true;
		else if (!strcmp(arguments[i], "--seed") && i + 1 < count)
			seed = arguments[++i];
		else if (!strcmp(arguments[i], "--sweep") && i + 1 < count)
			sweep = arguments[++i];
		else
			result = 2;
	}
	world_open();
	if (result == 0 && seed)
		case_seed(strtoull(seed, NULL, 10), is_verbose);
	else if (result == 0 && sweep)
		result = sweep_one(sweep, is_verbose);
	else if (result == 0)
		run_all();
	world_close();
	if (result)
		fprintf(stderr,
			"usage: test_sim [--seed N | --sweep NAME:VARIANT:AT] [--verbose]\n");
	return result;
}

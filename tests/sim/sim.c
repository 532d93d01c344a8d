/* SPDX-License-Identifier: Apache-2.0 */
/* The dice, the record of a run, and how a failed run is reported. One thread. */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTES 120
#define NOTE_SIZE 160

struct sim sim;

static char notes[NOTES][NOTE_SIZE];
static unsigned note_count;

void sim_begin(uint64_t seed, bool is_verbose)
{
	sim.dice = seed * 0x9e3779b97f4a7c15ull + 1;
	sim.now_ms = SIM_START_MS;
	sim.all_steps += sim.steps;
	sim.steps = 0;
	sim.is_verbose = is_verbose;
	note_count = 0;
}

/* SplitMix64: any seed is as good as another. */
static uint64_t dice_throw(void)
{
	uint64_t z = sim.dice += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint32_t dice_below(uint32_t most)
{
	return most ? (uint32_t)(dice_throw() % most) : 0;
}

bool dice_percent(unsigned percent)
{
	return dice_below(100) < percent;
}

static void note_print(unsigned number)
{
	fprintf(stderr, "%s\n", notes[number % NOTES]);
}

void sim_note(const char *format, ...)
{
	char *note = notes[note_count % NOTES];
	int size =
		snprintf(note, NOTE_SIZE, "%9.3f %6llu  ",
			 (double)(sim.now_ms - SIM_START_MS) / 1000, (unsigned long long)sim.steps);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(note + size, NOTE_SIZE - (size_t)size, format, arguments);
	va_end(arguments);
	if (sim.is_verbose)
		note_print(note_count);
	note_count++;
}

void sim_fail(const char *format, ...)
{
	va_list arguments;

	if (!sim.is_verbose) {
		for (unsigned i = note_count > NOTES ? note_count - NOTES : 0; i < note_count; i++)
			note_print(i);
	}
	fprintf(stderr,
		"FAILED at %llu ms, step %llu: ", (unsigned long long)(sim.now_ms - SIM_START_MS),
		(unsigned long long)sim.steps);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\nreplay: test_sim %s --verbose\n", sim.replay);
	abort();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exponential ambiguity of an expression's automaton, by the criterion of Weber and Seidl: a
 * position p and two different walks over the same bytes that both lead from p to p. Searched among
 * pairs of positions; all of it bit operations on fixed memory. Pure; any thread.
 */
#include "model/pattern_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (PATTERN_POSITIONS / 64)
#define PAIRS (PATTERN_POSITIONS * PATTERN_POSITIONS)

/* Too much for a stack. */
struct search {
	unsigned count;
	struct pattern_bits reach[PATTERN_POSITIONS];
	struct pattern_bits forward[PATTERN_POSITIONS]; /* pairs */
	struct pattern_bits steps[PATTERN_POSITIONS]; /* edges within one loop, either way round */
	struct pattern_bits meets[PATTERN_POSITIONS]; /* positions with a byte in common */
	struct pattern_bits seen[PATTERN_POSITIONS]; /* pairs */
	uint16_t queue[PAIRS]; /* of pairs; each once */
	uint32_t queued;
};

static bool bits_meet(const struct pattern_bits *a, const struct pattern_bits *b)
{
	for (unsigned i = 0; i < WORDS; i++) {
		if (a->words[i] & b->words[i])
			return true;
	}
	return false;
}

/* By Warshall: which positions each one leads to, over one step or more. */
static void reach_make(const struct pattern_automaton *automaton, struct pattern_bits *reach)
{
	memcpy(reach, automaton->follow, automaton->count * sizeof(*reach));
	for (unsigned middle = 0; middle < automaton->count; middle++) {
		for (unsigned from = 0; from < automaton->count; from++) {
			if (!pattern_bit(&reach[from], middle))
				continue;
			for (unsigned i = 0; i < WORDS; i++)
				reach[from].words[i] |= reach[middle].words[i];
		}
	}
}

static void pair_add(struct search *search, unsigned first, unsigned second)
{
	pattern_bit_set(&search->seen[first], second);
	search->queue[search->queued++] = (uint16_t)(first * PATTERN_POSITIONS + second);
}

/* All pairs that steps lead to from a pair of equals. */
static void search_run(struct search *search)
{
	memset(search->seen, 0, sizeof(search->seen));
	search->queued = 0;
	for (unsigned position = 0; position < search->count; position++)
		pair_add(search, position, position);
	for (uint32_t done = 0; done < search->queued; done++) {
		const struct pattern_bits *left =
			&search->steps[search->queue[done] / PATTERN_POSITIONS];
		const struct pattern_bits *right =
			&search->steps[search->queue[done] % PATTERN_POSITIONS];

		for (unsigned first = 0; first < search->count; first++) {
			if (!pattern_bit(left, first))
				continue;
			for (unsigned i = 0; i < WORDS; i++) {
				uint64_t fresh = right->words[i] & search->meets[first].words[i] &
						 ~search->seen[first].words[i];

				for (; fresh; fresh &= fresh - 1)
					pair_add(search, first,
						 i * 64 + (unsigned)__builtin_ctzll(fresh));
			}
		}
	}
}

/* Steps that stay within a loop; forward, or each the other way round. */
static void steps_make(struct search *search, const struct pattern_automaton *automaton,
		       bool is_forward)
{
	memset(search->steps, 0, sizeof(search->steps));
	for (unsigned from = 0; from < automaton->count; from++) {
		for (unsigned to = 0; to < automaton->count; to++) {
			if (!pattern_bit(&automaton->follow[from], to) ||
			    !pattern_bit(&search->reach[to], from))
				continue;
			pattern_bit_set(&search->steps[is_forward ? from : to],
					is_forward ? to : from);
		}
	}
}

static bool has_doubled_step(const struct pattern_automaton *automaton,
			     const struct pattern_bits *reach)
{
	for (unsigned from = 0; from < automaton->count; from++) {
		for (unsigned to = 0; to < automaton->count; to++) {
			if (pattern_bit(&automaton->doubled[from], to) &&
			    pattern_bit(&reach[to], from))
				return true;
		}
	}
	return false;
}

static void meets_make(struct search *search, const struct pattern_automaton *automaton)
{
	for (unsigned a = 0; a < automaton->count; a++) {
		for (unsigned b = 0; b < automaton->count; b++) {
			if (bits_meet(&automaton->classes[a], &automaton->classes[b]))
				pattern_bit_set(&search->meets[a], b);
		}
	}
}

/*
 * A pair of two different positions that lies on a way from a pair of equals and on one back to
 * such a pair. Within one loop all pairs of equals lead to each other.
 */
static bool has_double_walk(struct search *search, const struct pattern_automaton *automaton)
{
	meets_make(search, automaton);
	steps_make(search, automaton, true);
	search_run(search);
	memcpy(search->forward, search->seen, sizeof(search->forward));
	steps_make(search, automaton, false);
	search_run(search);
	for (unsigned a = 0; a < automaton->count; a++) {
		for (unsigned b = 0; b < automaton->count; b++) {
			if (a != b && pattern_bit(&search->forward[a], b) &&
			    pattern_bit(&search->seen[a], b))
				return true;
		}
	}
	return false;
}

int pattern_is_costly(const struct pattern_automaton *automaton)
{
	struct search *search = calloc(1, sizeof(*search));
	bool is_costly;

	if (!search)
		return -ENOMEM;
	search->count = automaton->count;
	reach_make(automaton, search->reach);
	is_costly =
		has_doubled_step(automaton, search->reach) || has_double_walk(search, automaton);
	free(search);
	return is_costly;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP hash: weighted rendezvous hashing. Each pair of client and target has a number u, evenly
 * spread over (0, 1); the target with the lowest -ln(u) / weight has the client. Those scores are
 * exponential of rate weight, and the least of exponentials is each one's with a probability of its
 * rate over the sum: so weights hold exactly, and a change to one target touches no other pair.
 * Pure; any thread.
 */
#include "balance/balance.h"

#include <math.h>

#include "base/hash.h"

/* The finalizer of SplitMix64: a bijection in which every bit moves every other. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ value >> 27) * 0x94d049bb133111ebull;
	return value ^ value >> 31;
}

/* Numbers are small and close to each other: an odd factor spreads them before they are mixed. */
static uint64_t draw_of(uint64_t client, const struct snapshot_target *target)
{
	return mix(client ^ target->number * 0x9e3779b97f4a7c15ull) >> 11;
}

/* Never 0 and never 1. */
static double score_of(uint64_t draw, uint16_t weight)
{
	return -log(((double)draw + 0.5) * 0x1p-53) / weight;
}

uint32_t ip_hash_choose(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			struct bytes client, const struct left_out *out)
{
	const struct snapshot_target *targets = snapshot->targets + rule->targets.first;
	uint64_t seed = hash_bytes_seeded(client.at, client.size, rule->number);
	uint32_t best = SNAPSHOT_NONE;
	uint64_t best_draw = 0;
	uint16_t best_weight = 0;
	double best_score = 0;

	for (uint32_t i = 0; i < rule->targets.count; i++) {
		uint16_t weight = targets[i].weight;
		uint64_t draw;
		double score;

		if (!weight || left_out_has(out, i))
			continue;
		draw = draw_of(seed, &targets[i]);
		/* Smaller in both cannot be better: with equal weights that spares most of the
		 * logarithms. */
		if (draw <= best_draw && weight <= best_weight)
			continue;
		score = score_of(draw, weight);
		if (best != SNAPSHOT_NONE && score >= best_score)
			continue;
		best = i;
		best_draw = draw;
		best_weight = weight;
		best_score = score;
	}
	return best == SNAPSHOT_NONE ? best : rule->targets.first + best;
}

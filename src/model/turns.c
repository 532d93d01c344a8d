/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Smooth weighted round robin, exactly nginx's order: at every step each server gains its weight,
 * the richest one (the first among equals) takes the turn and pays the sum. Servers of one weight
 * gain alike, so they take turns in a circle; only the head of each circle has to be compared,
 * which makes a step cost the number of different weights (at most 100), not of servers. Pure.
 */
#include "model/turns.h"

#include <assert.h>

#include "model/limits.h"

/* The servers of one weight. */
struct circle {
	int32_t weight; /* divided by the common divisor */
	int32_t credit; /* of the head */
	uint16_t first, size; /* its run of `members` */
	uint16_t head; /* place within the run */
};

static unsigned common_divisor(const uint16_t *weights, size_t count)
{
	unsigned divisor = 0;

	for (size_t i = 0; i < count && divisor != 1; i++) {
		unsigned a = weights[i], b = divisor;

		if (a == b)
			continue;
		while (b != 0) {
			unsigned rest = a % b;

			a = b;
			b = rest;
		}
		divisor = a;
	}
	return divisor;
}

size_t turns_period(const uint16_t *weights, size_t count)
{
	unsigned divisor = common_divisor(weights, count);
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += weights[i];
	return divisor == 0 ? 0 : sum / divisor;
}

static unsigned circles_make(const uint16_t *weights, size_t count, unsigned divisor,
			     struct circle circles[WEIGHT_MOST], uint16_t *members)
{
	uint16_t places[WEIGHT_MOST + 1] = { 0 };
	uint16_t first = 0;
	unsigned circle_count = 0;

	for (size_t i = 0; i < count; i++)
		places[weights[i]]++;
	places[0] = 0;
	for (unsigned weight = 1; weight <= WEIGHT_MOST; weight++) {
		uint16_t size = places[weight];

		if (size > 0)
			circles[circle_count++] = (struct circle){
				.weight = (int32_t)(weight / divisor), .first = first, .size = size
			};
		places[weight] = first;
		first += size;
	}
	for (size_t i = 0; i < count; i++) {
		if (weights[i] > 0)
			members[places[weights[i]]++] = (uint16_t)i;
	}
	return circle_count;
}

void turns_layout(const uint16_t *weights, size_t count, uint16_t *ret_turns)
{
	struct circle circles[WEIGHT_MOST];
	uint16_t members[LIMIT_TARGETS_PER_RULE];
	size_t period = turns_period(weights, count);
	unsigned circle_count;

	assert(count <= LIMIT_TARGETS_PER_RULE);
	if (period == 0)
		return;
	circle_count =
		circles_make(weights, count, common_divisor(weights, count), circles, members);
	for (size_t turn = 0; turn < period; turn++) {
		struct circle *best = &circles[0];
		uint16_t best_head = members[best->first + best->head];

		best->credit += best->weight;
		for (unsigned i = 1; i < circle_count; i++) {
			struct circle *circle = &circles[i];
			uint16_t head = members[circle->first + circle->head];

			circle->credit += circle->weight;
			if (circle->credit > best->credit ||
			    (circle->credit == best->credit && head < best_head)) {
				best = circle;
				best_head = head;
			}
		}
		ret_turns[turn] = best_head;
		/* The next of the circle has not paid in this round; the first one has. */
		if (++best->head == best->size) {
			best->head = 0;
			best->credit -= (int32_t)period;
		}
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Smooth weighted round robin, exactly nginx's order: at every step each server gains its weight,
 * the richest one (the first among equals) takes the turn and pays the sum. Servers of one weight
 * gain alike, so they take turns in a circle; only the head of each circle has to be compared,
 * which makes a step cost the number of different weights (at most 100), four at a time. Pure.
 */
#include "model/turns.h"

#include <assert.h>

#include "model/limits.h"

/*
 * A head's credit and place in one number that sorts right: the credit above, 1023 less the place
 * below. |credit| stays under 8 * 100,000 (the sum of weights times the harmonic number of 1,000
 * servers), so 31 bits hold it.
 */
#define PLACE_BITS 10
#define PLACE_MASK ((1 << PLACE_BITS) - 1)

_Static_assert(LIMIT_TARGETS_PER_RULE <= PLACE_MASK, "a place fits its bits");
_Static_assert(8ll * LIMIT_TARGETS_PER_RULE * WEIGHT_MOST < INT32_MAX >> PLACE_BITS,
	       "a credit fits the bits above");

typedef int32_t lanes __attribute__((vector_size(16)));

#define LANES 4
#define CIRCLE_ROWS ((WEIGHT_MOST + LANES - 1) / LANES)

/* The servers of each weight: a run of `members`, and the place of its head within the run. */
struct circles {
	lanes keys[CIRCLE_ROWS], gains[CIRCLE_ROWS];
	unsigned rows;
	uint16_t first[WEIGHT_MOST], size[WEIGHT_MOST], head[WEIGHT_MOST];
	uint16_t members[LIMIT_TARGETS_PER_RULE];
	uint8_t circle_of[LIMIT_TARGETS_PER_RULE]; /* by server */
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

/* Adds the servers of one weight, if there are any, as the next circle. */
static unsigned circle_add(struct circles *circles, unsigned circle, uint16_t first, uint16_t size,
			   unsigned gain)
{
	lanes *keys = &circles->keys[circle / LANES], *gains = &circles->gains[circle / LANES];

	if (size == 0)
		return circle;
	if (circle % LANES == 0) {
		/* Lanes without a circle gain nothing and never win. */
		*keys = (lanes){ INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN };
		*gains = (lanes){ 0 };
		circles->rows++;
	}
	circles->first[circle] = first;
	circles->size[circle] = size;
	circles->head[circle] = 0;
	for (uint16_t i = 0; i < size; i++)
		circles->circle_of[circles->members[first + i]] = (uint8_t)circle;
	(*keys)[circle % LANES] = PLACE_MASK - circles->members[first];
	(*gains)[circle % LANES] = (int32_t)(gain << PLACE_BITS);
	return circle + 1;
}

static void circles_init(struct circles *circles, const uint16_t *weights, size_t count)
{
	unsigned divisor = common_divisor(weights, count), circle = 0;
	uint16_t ends[WEIGHT_MOST + 1] = { 0 };
	uint16_t first = 0;

	for (size_t i = 0; i < count; i++)
		ends[weights[i]]++;
	ends[0] = 0;
	for (unsigned weight = 1; weight <= WEIGHT_MOST; weight++) {
		first += ends[weight];
		ends[weight] = (uint16_t)(first - ends[weight]);
	}
	for (size_t i = 0; i < count; i++) {
		if (weights[i] > 0)
			circles->members[ends[weights[i]]++] = (uint16_t)i;
	}
	circles->rows = 0;
	first = 0;
	for (unsigned weight = 1; weight <= WEIGHT_MOST; weight++) {
		circle = circle_add(circles, circle, first, (uint16_t)(ends[weight] - first),
				    weight / divisor);
		first = ends[weight];
	}
}

/* Everybody gains; the server with the turn. */
static uint16_t richest(struct circles *circles)
{
	lanes best = circles->keys[0] + circles->gains[0];
	int32_t most;

	circles->keys[0] = best;
	for (unsigned row = 1; row < circles->rows; row++) {
		lanes key = circles->keys[row] + circles->gains[row];
		lanes is_more = key > best;

		circles->keys[row] = key;
		best = (key & is_more) | (best & ~is_more);
	}
	most = best[0];
	for (int i = 1; i < LANES; i++)
		most = best[i] > most ? best[i] : most;
	return (uint16_t)(PLACE_MASK - (most & PLACE_MASK));
}

void turns_layout(const uint16_t *weights, size_t count, uint16_t *ret_turns)
{
	size_t period = turns_period(weights, count);
	struct circles circles;

	assert(count <= LIMIT_TARGETS_PER_RULE);
	if (period == 0)
		return;
	circles_init(&circles, weights, count);
	for (size_t turn = 0; turn < period; turn++) {
		uint16_t server = richest(&circles);
		unsigned circle = circles.circle_of[server];
		const uint16_t *members = circles.members + circles.first[circle];
		int32_t change;

		ret_turns[turn] = server;
		/* The next of the circle has not paid in this round; the first one has. */
		if (++circles.head[circle] < circles.size[circle]) {
			change = 0;
		} else {
			circles.head[circle] = 0;
			change = (int32_t)(period << PLACE_BITS);
		}
		circles.keys[circle / LANES][circle % LANES] +=
			server - members[circles.head[circle]] - change;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of weighted round robin, laid out when a snapshot is built: the smooth order of nginx
 * (each server as evenly spread as its weight allows), one period of it. Here and not in balance/
 * because the order is part of the snapshot's contents. Pure.
 */
#ifndef MODEL_TURNS_H
#define MODEL_TURNS_H

#include <stddef.h>
#include <stdint.h>

/* Entries of one period: sum(weights) / gcd(weights); 0 when all weights are 0. */
size_t turns_period(const uint16_t *weights, size_t count);

/*
 * Writes one period, indexes into weights, to ret_turns[0..turns_period). count <=
 * LIMIT_TARGETS_PER_RULE, weights <= WEIGHT_MOST.
 */
void turns_layout(const uint16_t *weights, size_t count, uint16_t *ret_turns);

#endif

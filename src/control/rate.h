/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a key may call an action: a token bucket for each pair, in a table of fixed size. Pure
 * but for its memory; time is an argument. One thread.
 */
#ifndef CONTROL_RATE_H
#define CONTROL_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate;

/* `per_second` is the steady rate and the burst; 0 = no roof. NULL when memory is out. */
struct rate *rate_new(unsigned per_second);
struct rate *rate_free(struct rate *rate);

/* True when this call is within the rate, and counts it. */
bool rate_take(struct rate *rate, const char *key_id, const char *action, uint64_t boot_ms);

#endif

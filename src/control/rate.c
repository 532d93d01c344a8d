/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets in sets of four. A pair whose set is full takes the place of the bucket that was
 * used longest ago, which by then has mostly refilled: a crowded table errs towards letting calls
 * through. Only authenticated callers get here.
 */
#include "control/rate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

#define SETS 2048 /* every key of API_KEYS_MOST may use all actions it can name and still fit */
#define WAYS 4
#define TOKEN_MS \
	1000 /* a token, in thousandths, so that a millisecond refills `per_second` of them */

struct bucket {
	uint64_t pair; /* hash of key and action; 0 = never used */
	uint64_t used_ms;
	uint64_t tokens; /* thousandths */
};

struct rate {
	unsigned per_second;
	struct bucket sets[SETS][WAYS];
};

struct rate *rate_new(unsigned per_second)
{
	struct rate *rate = calloc(1, sizeof(*rate));

	if (rate)
		rate->per_second = per_second;
	return rate;
}

struct rate *rate_free(struct rate *rate)
{
	free(rate);
	return NULL;
}

static struct bucket *bucket_of(struct rate *rate, uint64_t pair, uint64_t boot_ms)
{
	struct bucket *set = rate->sets[pair % SETS];
	struct bucket *oldest = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].pair == pair)
			return &set[i];
		if (set[i].used_ms < oldest->used_ms)
			oldest = &set[i];
	}
	*oldest = (struct bucket){
		.pair = pair,
		.used_ms = boot_ms,
		.tokens = (uint64_t)rate->per_second * TOKEN_MS,
	};
	return oldest;
}

bool rate_take(struct rate *rate, const char *key_id, const char *action, uint64_t boot_ms)
{
	uint64_t full = (uint64_t)rate->per_second * TOKEN_MS;
	struct bucket *bucket;
	uint64_t waited_ms;
	char text[256];
	int size;

	if (rate->per_second == 0)
		return true;
	size = snprintf(text, sizeof(text), "%s/%s", key_id, action);
	if (size < 0 || (size_t)size >= sizeof(text))
		return false;
	bucket = bucket_of(rate, hash_bytes(text, (size_t)size) | 1, boot_ms);
	waited_ms = boot_ms > bucket->used_ms ? boot_ms - bucket->used_ms : 0;
	bucket->used_ms = boot_ms;
	if (waited_ms >= 1000 || bucket->tokens + waited_ms * rate->per_second >= full)
		bucket->tokens = full;
	else
		bucket->tokens += waited_ms * rate->per_second;
	if (bucket->tokens < TOKEN_MS)
		return false;
	bucket->tokens -= TOKEN_MS;
	return true;
}

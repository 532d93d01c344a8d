/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions of domains and URLs, over PCRE2 (bytes, not UTF-8; a match may stand anywhere
 * unless the expression says "^" or "$", as in nginx). Compiled ones are immutable and counted, so
 * that threads and generations share them. docs/decisions/patterns.md.
 */
#ifndef MODEL_PATTERN_H
#define MODEL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum pattern_result {
	PATTERN_NO,
	PATTERN_MATCH,
	PATTERN_LIMIT, /* it would take too long, or too much memory: nobody knows */
};

struct pattern; /* compiled */
struct pattern_matcher; /* what one thread needs to match */
struct snapshot;

/*
 * All that stands against an expression: its syntax, constructs that are not accepted, exponential
 * cost, size. 0; -EINVAL with `why` filled ("at character 7: ..."); -ENOMEM.
 */
int pattern_check(struct bytes text, bool is_caseless, char *why, size_t why_size);

/*
 * Compiles; to machine code where the kernel allows that. One reference. -EINVAL (what
 * pattern_check refuses, but for cost), -ENOMEM.
 */
int pattern_new(struct bytes text, bool is_caseless, struct pattern **ret);
struct pattern *pattern_pin(struct pattern *pattern);
struct pattern *pattern_unpin(struct pattern *pattern); /* returns NULL; accepts it */

/* For one thread at a time. NULL: no memory. */
struct pattern_matcher *pattern_matcher_new(void);
struct pattern_matcher *pattern_matcher_free(struct pattern_matcher *matcher);

/* Bounded by LIMIT_PATTERN_STEPS; a subject above LIMIT_PATTERN_SUBJECT is PATTERN_LIMIT. */
enum pattern_result pattern_match(const struct pattern *pattern, struct pattern_matcher *matcher,
				  struct bytes subject);

/* Whether expressions run as machine code here: PCRE2 and the kernel both have a say. */
bool pattern_is_fast(void);

/* The compiled expressions of one snapshot, by row of SNAPSHOT_PATTERNS. */
struct pattern_set {
	struct pattern **patterns;
	uint32_t count;
};

/*
 * What `previous` (a zeroed one is none) has compiled is used again. -EINVAL with the row in `why`
 * (PCRE2 refuses what the checker of snapshots let through), -ENOMEM; then nothing is held.
 */
int pattern_set_init(struct pattern_set *set, const struct snapshot *snapshot,
		     const struct pattern_set *previous, const struct snapshot *previous_snapshot,
		     char why[160]);
void pattern_set_done(struct pattern_set *set);

#endif

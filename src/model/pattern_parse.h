/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a regular expression of ours may be made of, and the automaton that it stands for: one
 * position for every character or class, and which may follow which. From that pattern_is_costly()
 * tells exactly whether a subject exists on which a backtracking matcher takes exponential time.
 * For model/pattern.c and the checker of snapshots. Pure; any thread.
 */
#ifndef MODEL_PATTERN_PARSE_H
#define MODEL_PATTERN_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "model/limits.h"

#define PATTERN_POSITIONS 256 /* LIMIT_URL is less */
#define PATTERN_NESTING 32 /* groups within groups: the parser calls itself for each */

/* Bytes, or positions. */
struct pattern_bits {
	uint64_t words[PATTERN_POSITIONS / 64];
};

struct pattern_automaton {
	unsigned count;
	struct pattern_bits classes[PATTERN_POSITIONS]; /* the bytes of each position */
	struct pattern_bits follow[PATTERN_POSITIONS];
	struct pattern_bits doubled[PATTERN_POSITIONS]; /* of those: by two ways */
};

struct pattern_fault {
	size_t at; /* byte of the text */
	const char *reason; /* static; ends a sentence that began with the place */
};

/*
 * Accepted: characters, "." and classes with ranges, "\d" "\w" "\s" "\b" and "\" before
 * punctuation, "^" "$", groups "( )" and "(?: )", look-ahead "(?= )" "(?! )", "|", and "*" "+" "?"
 * with "?" or "+" behind them. Anything else that PCRE2 knows (back references, recursion, verbs,
 * callouts, conditions, look-behind, option letters, counted repetition, POSIX classes) is refused.
 * -EINVAL with *ret_fault filled. `automaton` may be NULL: then only the text is looked at.
 */
int pattern_parse(struct bytes text, struct pattern_automaton *automaton,
		  struct pattern_fault *ret_fault);

/* Upper and lower case become one. */
void pattern_fold(struct pattern_automaton *automaton);

/*
 * 1 when some text can be read in a number of ways that grows exponentially with its length, as
 * with "(a+)+": two different walks from a position back to itself over the same bytes. Else 0, or
 * -ENOMEM. Exact but for assertions and possessive repetition, which are taken as if they were not
 * there. At most some ten milliseconds.
 */
int pattern_is_costly(const struct pattern_automaton *automaton);

static inline bool pattern_bit(const struct pattern_bits *bits, unsigned bit)
{
	return bits->words[bit / 64] >> (bit % 64) & 1;
}

static inline void pattern_bit_set(struct pattern_bits *bits, unsigned bit)
{
	bits->words[bit / 64] |= 1ull << (bit % 64);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a custom configuration, before anybody asks what they mean: statements of one line
 * that end in ";", comments from "#", quotes. Pure; everything returned is borrowed from the text.
 */
#ifndef MODEL_STATEMENT_H
#define MODEL_STATEMENT_H

#include "base/bytes.h"
#include "model/problem.h"

#define STATEMENT_WORDS_MOST 16 /* error_page with a dozen codes */

struct statement {
	unsigned line; /* from 1 */
	struct bytes words[STATEMENT_WORDS_MOST]; /* [0] is the name; quotes are cut off */
	size_t count;
};

struct statement_reader {
	struct bytes text;
	size_t at;
	unsigned line;
	const char *field; /* for problems */
};

/* A sentence "line 3: what: reason" (`what` may be empty) as InvalidParameterValue; -EINVAL. */
__attribute__((format(printf, 5, 6))) int statement_refuse(const struct statement_reader *reader,
							   unsigned line, struct bytes what,
							   struct problem *problem,
							   const char *format, ...);

void statement_reader_init(struct statement_reader *reader, struct bytes text, const char *field);

/* 1 with *ret filled, 0 at the end, -EINVAL with *problem. */
int statement_next(struct statement_reader *reader, struct statement *ret, struct problem *problem);

#endif

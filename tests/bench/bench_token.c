/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token costs, in nanoseconds per call: remembered, computed, and refused. One thread; run
 * it on an optimised build.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sticky/token.h"

#define TOKENS 20000 /* more than the box remembers */
#define STAMP 1700000000

static struct snapshot_key key = { .id = 1, .secret = "a secret of thirty-two bytes...." };
static char texts[TOKENS][TOKEN_TEXT_SIZE + 1];

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Each of `different` targets in turn, `calls` in all; a new second with every round when `ages`.
 */
static double bench_seal(struct token_box *box, unsigned calls, unsigned different, bool ages)
{
	char text[TOKEN_TEXT_SIZE + 1];
	double start = now_ns();

	for (unsigned i = 0; i < calls; i++) {
		const struct token token = { 7, i % different, STAMP + (ages ? i / different : 0) };

		if (token_seal(box, &key, 1, &token, text) != 0)
			abort();
	}
	return (now_ns() - start) / calls;
}

static double bench_open(struct token_box *box, unsigned calls, unsigned different, int expected)
{
	double start = now_ns();

	for (unsigned i = 0; i < calls; i++) {
		struct bytes text = { texts[i % different], TOKEN_TEXT_SIZE };
		struct token token;

		if (token_open(box, &key, 1, text, STAMP, &token) != expected)
			abort();
	}
	return (now_ns() - start) / calls;
}

int main(void)
{
	struct token_box *box = token_box_new();

	if (!box)
		return 1;
	for (unsigned i = 0; i < TOKENS; i++) {
		const struct token token = { 7, i, STAMP };

		if (token_seal(box, &key, 1, &token, texts[i]) != 0)
			return 1;
	}
	printf("seal remembered, 10 targets    %8.1f ns\n", bench_seal(box, 10000000, 10, false));
	printf("seal remembered, 1000 targets  %8.1f ns\n", bench_seal(box, 10000000, 1000, false));
	printf("seal computed                  %8.1f ns\n", bench_seal(box, 300000, 10, true));
	printf("open remembered, 10 clients    %8.1f ns\n", bench_open(box, 10000000, 10, 0));
	printf("open remembered, 1000 clients  %8.1f ns\n", bench_open(box, 10000000, 1000, 0));
	printf("open computed, 20000 clients   %8.1f ns\n", bench_open(box, 300000, TOKENS, 0));
	for (unsigned i = 0; i < TOKENS; i++)
		texts[i][20] = texts[i][20] == 'A' ? 'B' : 'A';
	printf("open forged                    %8.1f ns\n",
	       bench_open(box, 300000, TOKENS, -EBADMSG));
	token_box_free(box);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Turns over a period, passing over targets, and going on after an edit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "balance/balance.h"
#include "sample.h"

#define SERVERS_MOST 30

/* One rule whose targets are servers: the stable number of server i is 100 + i. */
struct pool {
	struct snapshot snapshot;
	const struct snapshot_rule *rule;
};

/* weights[i] < 0: server i is not there. */
static void pool_open(struct pool *pool, const int *weights, size_t count)
{
	struct sample sample;
	struct rule *rule;

	sample_init(&sample);
	rule = sample_rule(&sample,
			   sample_listener(&sample, sample_instance(&sample, "127.0.0.1"), 80), "",
			   "/");
	for (size_t i = 0; i < count; i++) {
		sample.next_number = 100 + i;
		if (weights[i] >= 0)
			sample_target(&sample, rule, "10.0.0.1:80", (uint16_t)weights[i]);
	}
	sample_open(&sample, 1, &pool->snapshot);
	pool->rule = pool->snapshot.rules;
	sample_done(&sample);
}

static void pool_close(struct pool *pool)
{
	snapshot_close(&pool->snapshot);
}

/* The server of a turn, or -1. */
static int server_of(const struct pool *pool, uint64_t turn)
{
	uint32_t row = round_robin_choose(&pool->snapshot, pool->rule, turn, NULL);

	return row == SNAPSHOT_NONE ? -1 : (int)(pool->snapshot.targets[row].number - 100);
}

static uint32_t carry(const struct pool *old, uint32_t position, const struct pool *new)
{
	return round_robin_carry(&old->snapshot, old->rule, position, &new->snapshot, new->rule);
}

static void counts_are_exact_in_any_period(void **state)
{
	const int weights[] = { 10, 0, 30, 10, 50 };
	struct pool pool;

	pool_open(&pool, weights, 5);
	assert_int_equal(pool.rule->turns.count, 10);
	for (uint64_t start = UINT64_MAX - 25; start != 5; start++) {
		unsigned had[5] = { 0 };

		/* The counter may wrap within a period only at 2^64, which is 584,542 years away.
		 */
		if (start > UINT64_MAX - 10)
			continue;
		for (unsigned i = 0; i < 10; i++)
			had[server_of(&pool, start + i)]++;
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(had[i], weights[i] / 10);
	}
	pool_close(&pool);
}

static void those_left_out_are_passed_over(void **state)
{
	const int weights[] = { 50, 10, 10, 0 };
	struct pool pool;

	pool_open(&pool, weights, 4);
	for (uint64_t turn = 0; turn < 20; turn++) {
		struct left_out out = { 0 };
		uint32_t row;

		left_out_add(&out, 1);
		row = round_robin_choose(&pool.snapshot, pool.rule, turn, &out);
		assert_true(row == 0 || row == 2);
		left_out_add(&out, 0);
		row = round_robin_choose(&pool.snapshot, pool.rule, turn, &out);
		assert_int_equal(row, 2);
		left_out_add(&out, 2);
		row = round_robin_choose(&pool.snapshot, pool.rule, turn, &out);
		assert_int_equal(row, SNAPSHOT_NONE);
		assert_int_equal(round_robin_gap(&pool.snapshot, pool.rule, turn, &out), 0);
	}
	pool_close(&pool);
}

/*
 * Who lets the turns of those left out pass gives the others exactly the order they would have
 * without them, for any weights: a period of the whole order has one period's turns of each.
 */
static void gaps_keep_the_shares_of_the_others(void **state)
{
	srandom(6);
	for (unsigned round = 0; round < 200; round++) {
		unsigned count = 2 + (unsigned)random() % 9, had[10] = { 0 };
		struct left_out out = { 0 };
		uint64_t turn = (uint64_t)random(), end;
		int weights[10];
		struct pool pool;

		for (unsigned i = 0; i < count; i++)
			weights[i] = 1 + (int)(random() % 20);
		for (unsigned i = 1; i < count; i++) {
			if (random() % 3 == 0)
				left_out_add(&out, i);
		}
		pool_open(&pool, weights, count);
		end = turn + pool.rule->turns.count * 3ull;
		for (;;) {
			turn += round_robin_gap(&pool.snapshot, pool.rule, turn, &out);
			if (turn >= end)
				break;
			had[round_robin_choose(&pool.snapshot, pool.rule, turn++, &out)]++;
		}
		for (unsigned i = 0; i < count; i++) {
			unsigned turns = 0;

			for (uint32_t k = 0; k < pool.rule->turns.count; k++)
				turns += pool.snapshot.turns[pool.rule->turns.first + k] == i;
			assert_int_equal(had[i], left_out_has(&out, i) ? 0 : turns * 3);
		}
		pool_close(&pool);
	}
}

static void nobody_has_weight(void **state)
{
	const int zeros[] = { 0, 0 }, ones[] = { 1, 1 };
	struct pool idle, empty, busy;

	pool_open(&idle, zeros, 2);
	pool_open(&empty, zeros, 0);
	pool_open(&busy, ones, 2);
	assert_int_equal(server_of(&idle, 5), -1);
	assert_int_equal(server_of(&empty, 5), -1);
	assert_int_equal(carry(&idle, 0, &busy), 0);
	assert_int_equal(carry(&busy, 1, &idle), 0);
	assert_int_equal(carry(&empty, 7, &empty), 0);
	pool_close(&idle);
	pool_close(&empty);
	pool_close(&busy);
}

static void no_edit_no_move(void **state)
{
	const int weights[] = { 3, 1, 2 }, doubled[] = { 6, 2, 4 };
	struct pool pool, other;

	pool_open(&pool, weights, 3);
	pool_open(&other, doubled, 3);
	for (uint32_t position = 0; position < 6; position++) {
		assert_int_equal(carry(&pool, position, &pool), position);
		assert_int_equal(carry(&pool, position, &other), position);
		assert_int_equal(carry(&pool, position + 6, &pool), position);
	}
	pool_close(&pool);
	pool_close(&other);
}

static void small_edits_by_hand(void **state)
{
	const int three[] = { 10, 10, 10, -1 }, four[] = { 10, 10, 10, 10 };
	const int without_b[] = { 10, -1, 10, -1 }, b_drained[] = { 10, 0, 10, -1 };
	const int one[] = { 10, -1, -1, -1 }, a_and_d[] = { 10, -1, -1, 10 };
	struct pool from, to;

	/* a had its turn, b is next: it stays next, whoever joins or leaves. */
	pool_open(&from, three, 4);
	pool_open(&to, four, 4);
	assert_int_equal(server_of(&to, carry(&from, 1, &to)), 1);
	assert_int_equal(server_of(&to, carry(&from, 1, &to) + 1), 2);
	assert_int_equal(server_of(&to, carry(&from, 1, &to) + 2), 3);
	pool_close(&to);
	/* b is gone or drained: c is. */
	pool_open(&to, without_b, 4);
	assert_int_equal(server_of(&to, carry(&from, 1, &to)), 2);
	pool_close(&to);
	pool_open(&to, b_drained, 4);
	assert_int_equal(server_of(&to, carry(&from, 1, &to)), 2);
	pool_close(&to);
	/* a had its turn; b and c give way to d: not a again. */
	pool_open(&to, a_and_d, 4);
	assert_int_equal(server_of(&to, carry(&from, 1, &to)), 3);
	pool_close(&to);
	pool_close(&from);
	/* The only one gets company: the newcomer is next. */
	pool_open(&from, one, 4);
	pool_open(&to, a_and_d, 4);
	assert_int_equal(server_of(&to, carry(&from, 0, &to)), 3);
	assert_int_equal(server_of(&from, carry(&to, 1, &from)), 0);
	pool_close(&to);
	pool_close(&from);
}

/*
 * Equal weights, edits at random: no server has two turns in a row while there is another, and
 * nobody waits longer than one round of all who were there meanwhile.
 */
static void equal_weights_through_edits(void **state)
{
	srandom(4);
	for (unsigned round = 0; round < 30; round++) {
		int weights[SERVERS_MOST];
		unsigned waited[SERVERS_MOST] = { 0 };
		struct pool pool, next;
		uint64_t turn = 0;
		int last = -1;

		for (size_t i = 0; i < SERVERS_MOST; i++)
			weights[i] = random() % 2 ? 10 : -1;
		weights[0] = weights[1] = 10;
		pool_open(&pool, weights, SERVERS_MOST);
		for (unsigned edit = 0; edit < 40; edit++) {
			size_t at = 2 + (size_t)random() % (SERVERS_MOST - 2);
			unsigned turns = 1 + (unsigned)random() % 12;

			for (unsigned i = 0; i < turns; i++) {
				int server = server_of(&pool, turn++);

				assert_int_not_equal(server, last);
				last = server;
				for (size_t j = 0; j < SERVERS_MOST; j++)
					waited[j] = weights[j] < 0 ? 0 : waited[j] + 1;
				waited[server] = 0;
				for (size_t j = 0; j < SERVERS_MOST; j++)
					assert_true(waited[j] < SERVERS_MOST);
			}
			weights[at] = weights[at] < 0 ? 10 : -1;
			pool_open(&next, weights, SERVERS_MOST);
			turn = carry(&pool, (uint32_t)(turn % pool.rule->turns.count), &next);
			pool_close(&pool);
			pool = next;
		}
		pool_close(&pool);
	}
}

/*
 * Unequal weights, an edit every few turns for a long time: the shares of those who are never
 * touched stay those of their weights.
 */
static void unequal_weights_keep_their_shares(void **state)
{
	const int fixed[] = { 50, 30, 20, 10 };
	double expected[4] = { 0 };
	unsigned had[5] = { 0 };
	int weights[5] = { 50, 30, 20, 10, -1 };
	struct pool pool, next;
	uint64_t turn = 0;

	srandom(5);
	pool_open(&pool, weights, 5);
	for (unsigned edit = 0; edit < 2000; edit++) {
		double sum = 110 + (weights[4] > 0 ? weights[4] : 0);
		unsigned turns = 1 + (unsigned)random() % 9;

		for (unsigned i = 0; i < turns; i++) {
			had[server_of(&pool, turn++)]++;
			for (size_t j = 0; j < 4; j++)
				expected[j] += fixed[j] / sum;
		}
		weights[4] = (int)(random() % 5) * 10 - 10;
		pool_open(&next, weights, 5);
		turn = carry(&pool, (uint32_t)(turn % pool.rule->turns.count), &next);
		pool_close(&pool);
		pool = next;
	}
	pool_close(&pool);
	for (size_t i = 0; i < 4; i++) {
		double ratio = had[i] / expected[i];

		print_message("server %zu: %u turns, %.0f by weight\n", i, had[i], expected[i]);
		assert_true(ratio > 0.9 && ratio < 1.1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_exact_in_any_period),
		cmocka_unit_test(those_left_out_are_passed_over),
		cmocka_unit_test(gaps_keep_the_shares_of_the_others),
		cmocka_unit_test(nobody_has_weight),
		cmocka_unit_test(no_edit_no_move),
		cmocka_unit_test(small_edits_by_hand),
		cmocka_unit_test(equal_weights_through_edits),
		cmocka_unit_test(unequal_weights_keep_their_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

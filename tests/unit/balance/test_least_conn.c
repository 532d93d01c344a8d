/* SPDX-License-Identifier: Apache-2.0 */
/* Least connections against a plain search, over random weights, counts and targets left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "balance/balance.h"
#include "sample.h"

#define TARGETS_MOST 12

static void rule_open(struct snapshot *ret, const uint16_t *weights, unsigned count)
{
	struct sample sample;
	struct listener *listener;

	sample_init(&sample);
	listener = sample_layer4(&sample, sample_instance(&sample, "127.0.0.1"), PROTOCOL_TCP, 80);
	for (unsigned i = 0; i < count; i++)
		sample_listener_target(&sample, listener, "10.0.0.1:80", weights[i]);
	sample_open(&sample, 1, ret);
	sample_done(&sample);
}

static uint32_t choose(const struct snapshot *snapshot, uint64_t turn, const uint32_t *active,
		       const struct left_out *out)
{
	return least_conn_choose(snapshot, snapshot->rules, turn, active, out);
}

static void test_the_lowest_for_its_weight_wins(void **state)
{
	const uint16_t weights[] = { 10, 20, 0, 40 };
	const struct left_out third = { { 1 << 3 } };
	struct snapshot snapshot;

	rule_open(&snapshot, weights, 4);
	for (uint64_t turn = 0; turn < 20; turn++) {
		assert_int_equal(choose(&snapshot, turn, (uint32_t[]){ 1, 3, 0, 5 }, NULL), 0);
		assert_int_equal(choose(&snapshot, turn, (uint32_t[]){ 2, 3, 0, 8 }, NULL), 1);
		assert_int_equal(choose(&snapshot, turn, (uint32_t[]){ 2, 4, 0, 7 }, NULL), 3);
		assert_int_equal(choose(&snapshot, turn, (uint32_t[]){ 2, 4, 0, 7 }, &third),
				 round_robin_choose(&snapshot, snapshot.rules, turn, &third));
	}
	/* Counts beyond 32 bits when multiplied. */
	assert_int_equal(
		choose(&snapshot, 0, (uint32_t[]){ UINT32_MAX, UINT32_MAX, 0, UINT32_MAX }, NULL),
		3);
	snapshot_close(&snapshot);
}

static void test_ties_go_by_turn(void **state)
{
	const uint16_t weights[] = { 10, 30, 20 };
	const uint32_t active[] = { 0, 0, 0 };
	struct snapshot snapshot;
	unsigned had[3] = { 0 };

	rule_open(&snapshot, weights, 3);
	for (uint64_t turn = 0; turn < 60; turn++)
		had[choose(&snapshot, turn, active, NULL)]++;
	assert_int_equal(had[0], 10);
	assert_int_equal(had[1], 30);
	assert_int_equal(had[2], 20);
	snapshot_close(&snapshot);
}

static void test_nobody_is_there(void **state)
{
	const uint16_t zeros[] = { 0, 0 };
	const uint32_t active[] = { 0, 0 };
	struct snapshot snapshot;

	rule_open(&snapshot, zeros, 2);
	assert_int_equal(choose(&snapshot, 0, active, NULL), SNAPSHOT_NONE);
	snapshot_close(&snapshot);
	rule_open(&snapshot, zeros, 0);
	assert_int_equal(choose(&snapshot, 5, active, NULL), SNAPSHOT_NONE);
	snapshot_close(&snapshot);
}

static void test_as_a_plain_search(void **state)
{
	srand(99);
	for (int round = 0; round < 300; round++) {
		unsigned count = 1 + (unsigned)rand() % TARGETS_MOST;
		uint16_t weights[TARGETS_MOST];
		struct snapshot snapshot;

		for (unsigned i = 0; i < count; i++)
			weights[i] = (uint16_t)(rand() % 4 ? rand() % (WEIGHT_MOST + 1) : 0);
		rule_open(&snapshot, weights, count);
		for (int k = 0; k < 20; k++) {
			uint32_t active[TARGETS_MOST], chosen;
			struct left_out out = { 0 };
			uint64_t turn = (uint64_t)rand();
			double best = -1;

			for (unsigned i = 0; i < count; i++)
				active[i] = (uint32_t)rand() % 50;
			for (int i = rand() % 3; i > 0; i--)
				left_out_add(&out, (uint32_t)rand() % count);
			chosen = choose(&snapshot, turn, active, &out);
			for (unsigned i = 0; i < count; i++) {
				double load = weights[i] ? (double)active[i] / weights[i] : -1;

				if (load >= 0 && !left_out_has(&out, i) &&
				    (best < 0 || load < best))
					best = load;
			}
			if (best < 0) {
				assert_int_equal(chosen, SNAPSHOT_NONE);
				continue;
			}
			assert_true(chosen < count && weights[chosen] > 0);
			assert_false(left_out_has(&out, chosen));
			assert_true((double)active[chosen] / weights[chosen] == best);
		}
		snapshot_close(&snapshot);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_lowest_for_its_weight_wins),
		cmocka_unit_test(test_ties_go_by_turn),
		cmocka_unit_test(test_nobody_is_there),
		cmocka_unit_test(test_as_a_plain_search),
	};

	return cmocka_run_group_tests_name("balance_least_conn", tests, NULL, NULL);
}

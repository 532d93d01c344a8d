/* SPDX-License-Identifier: Apache-2.0 */
/* Thresholds, times and tallies of health checks, with invented time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proxy/health_judge.h"

/* The state after results ("+" good, "-" failed) with both thresholds 3. */
static struct health_standing after(enum health_state state, const char *results)
{
	struct health_standing standing = { .state = (uint8_t)state };

	for (; *results; results++) {
		uint8_t before = standing.state;
		bool has_changed = health_judge(&standing, *results == '+', 3, 3);

		/* That checks begin is no news. */
		if (before == HEALTH_UNKNOWN || before == HEALTH_ALIVE || before == HEALTH_DEAD)
			assert_int_equal(has_changed, before != standing.state);
	}
	return standing;
}

static void test_states(void **state)
{
	static const struct {
		enum health_state from;
		const char *results;
		enum health_state to;
	} cases[] = {
		{ HEALTH_UNKNOWN, "++", HEALTH_UNKNOWN },
		{ HEALTH_UNKNOWN, "+++", HEALTH_ALIVE },
		{ HEALTH_UNKNOWN, "--", HEALTH_UNKNOWN },
		{ HEALTH_UNKNOWN, "---", HEALTH_DEAD },
		{ HEALTH_UNKNOWN, "--++--++", HEALTH_UNKNOWN },
		{ HEALTH_UNKNOWN, "--+---", HEALTH_DEAD },
		{ HEALTH_UNKNOWN, "++-+++", HEALTH_ALIVE },
		{ HEALTH_ALIVE, "--", HEALTH_ALIVE },
		{ HEALTH_ALIVE, "--+--", HEALTH_ALIVE },
		{ HEALTH_ALIVE, "---", HEALTH_DEAD },
		{ HEALTH_DEAD, "++-++", HEALTH_DEAD },
		{ HEALTH_DEAD, "+++", HEALTH_ALIVE },
		{ HEALTH_ALIVE, "---+++---", HEALTH_DEAD },
		{ HEALTH_CLOSE, "+", HEALTH_UNKNOWN },
		{ HEALTH_CLOSE, "+++", HEALTH_ALIVE },
		{ (enum health_state)77, "---", HEALTH_DEAD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(after(cases[i].from, cases[i].results).state, cases[i].to);
}

static void test_a_damaged_streak_ends(void **state)
{
	struct health_standing standing = { HEALTH_UNKNOWN, 0x7f };

	(void)state;
	assert_false(health_judge(&standing, false, 3, 3));
	standing.streak = 0xff;
	health_judge(&standing, false, 200, 200);
	assert_int_equal(standing.streak, HEALTH_STREAK_FAILED | 1);
	standing = (struct health_standing){ HEALTH_ALIVE, 0xff };
	assert_true(health_judge(&standing, false, 3, 3));
}

/* features.md 6: from the first failed result to Dead, interval x (n - 1). */
static void test_windows(void **state)
{
	struct health_standing standing = { HEALTH_ALIVE, 0 };
	uint64_t due = 1000, first = 0;

	(void)state;
	for (;; due = health_next_due_ms(due, 5000, due + 3)) {
		if (!first)
			first = due;
		if (health_judge(&standing, false, 3, 3))
			break;
	}
	assert_int_equal(due - first, 10000);
}

static void test_first_probes(void **state)
{
	uint64_t buckets[50] = { 0 };

	(void)state;
	for (uint64_t key = 1; key < 100; key++) {
		uint64_t due = health_first_due_ms(7000, key, 2, 5000);

		assert_in_range(due, 7000, 7099);
	}
	/* 5,000 at once: no 100 ms get more than twice their share. */
	for (uint64_t key = 1; key <= 5000; key++) {
		uint64_t due = health_first_due_ms(7000, key, 5000, 5000);

		assert_in_range(due, 7000, 11999);
		buckets[(due - 7000) / 100]++;
	}
	for (int i = 0; i < 50; i++)
		assert_in_range(buckets[i], 50, 200);
	assert_int_equal(health_first_due_ms(7000, 1, 1, 0), 7000);
	assert_in_range(health_first_due_ms(7000, 1, UINT32_MAX, 300000), 7000, 306999);
}

static void test_next_probes(void **state)
{
	(void)state;
	assert_int_equal(health_next_due_ms(1000, 5000, 1000), 6000);
	assert_int_equal(health_next_due_ms(1000, 5000, 1064), 6000); /* no drift */
	assert_int_equal(health_next_due_ms(1000, 5000, 5999), 6000);
	assert_int_equal(health_next_due_ms(1000, 5000, 6000), 11000);
	/* An hour asleep: one probe, at its own time. */
	assert_int_equal(health_next_due_ms(1000, 5000, 3601500), 3606000);
	assert_int_equal(health_next_due_ms(9000, 5000, 1000), 9000);
	assert_int_equal(health_next_due_ms(1000, 0, 2000), 2001);
}

static void test_tallies(void **state)
{
	static const struct {
		struct health_tally tally;
		enum region_down verdict;
	} cases[] = {
		{ { 0, 0, 0, 0 }, REGION_ALL_UP },    { { 3, 0, 3, 0 }, REGION_ALL_UP },
		{ { 3, 1, 3, 1 }, REGION_SOME_DOWN }, { { 3, 3, 3, 3 }, REGION_ALL_DOWN },
		{ { 3, 2, 2, 2 }, REGION_ALL_DOWN }, /* only one of weight 0 is up */
		{ { 3, 1, 2, 0 }, REGION_SOME_DOWN }, /* only one of weight 0 is down */
		{ { 2, 2, 0, 0 }, REGION_ALL_DOWN },  { { 2, 1, 0, 0 }, REGION_SOME_DOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(health_tally_verdict(&cases[i].tally), cases[i].verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),      cmocka_unit_test(test_a_damaged_streak_ends),
		cmocka_unit_test(test_windows),     cmocka_unit_test(test_first_probes),
		cmocka_unit_test(test_next_probes), cmocka_unit_test(test_tallies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The timer wheel under invented time: nothing fires early, nothing later than a tick, nothing is
 * lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "io/timer.h"

#define TIMERS 500

struct probe {
	struct timer timer;
	uint64_t wanted_ms; /* 0 = must not fire */
	uint64_t fired_ms;
};

static uint64_t now;

static void probe_fire(struct timer *timer)
{
	struct probe *probe = list_entry(timer, struct probe, timer);

	probe->fired_ms = now;
}

static struct timer_wheel *wheel_new(void)
{
	struct timer_wheel *wheel = malloc(sizeof(*wheel));

	assert_non_null(wheel);
	now = 1000000;
	timer_wheel_init(wheel, now);
	return wheel;
}

static void probe_set(struct timer_wheel *wheel, struct probe *probe, uint64_t after_ms)
{
	probe->wanted_ms = now + after_ms;
	probe->fired_ms = 0;
	timer_set(wheel, &probe->timer, probe->wanted_ms);
}

static void advance(struct timer_wheel *wheel, uint64_t by_ms)
{
	now += by_ms;
	timer_wheel_run(wheel, now);
}

static void test_fires_once_and_not_early(void **state)
{
	struct timer_wheel *wheel = wheel_new();
	struct probe probe = { 0 };

	timer_init(&probe.timer, probe_fire);
	probe_set(wheel, &probe, 75000);
	while (now < probe.wanted_ms - 1)
		advance(wheel, 1);
	assert_int_equal(probe.fired_ms, 0);
	while (!probe.fired_ms)
		advance(wheel, 1);
	assert_in_range(probe.fired_ms, probe.wanted_ms, probe.wanted_ms + 2 * TIMER_TICK_MS);
	probe.fired_ms = 0;
	advance(wheel, 1000000);
	assert_int_equal(probe.fired_ms, 0);
	free(wheel);
}

static void test_pushed_back_and_pulled_forward(void **state)
{
	struct timer_wheel *wheel = wheel_new();
	struct probe probe = { 0 };

	timer_init(&probe.timer, probe_fire);
	probe_set(wheel, &probe, 1000);
	for (int i = 0; i < 100; i++) {
		advance(wheel, 500);
		probe_set(wheel, &probe, 1000);
	}
	assert_int_equal(probe.fired_ms, 0);
	probe_set(wheel, &probe, 500000);
	probe_set(wheel, &probe, 100);
	advance(wheel, 100 + TIMER_TICK_MS);
	assert_int_not_equal(probe.fired_ms, 0);
	probe_set(wheel, &probe, 100);
	timer_set(wheel, &probe.timer, 0);
	probe.fired_ms = 0;
	advance(wheel, 10000);
	assert_int_equal(probe.fired_ms, 0);
	assert_int_equal(wheel->count, 0);
	free(wheel);
}

static void test_beyond_the_horizon_and_long_pauses(void **state)
{
	struct timer_wheel *wheel = wheel_new();
	struct probe near = { 0 }, far = { 0 };

	timer_init(&near.timer, probe_fire);
	timer_init(&far.timer, probe_fire);
	probe_set(wheel, &near, 10);
	probe_set(wheel, &far, 3600000);
	advance(wheel, 3599000); /* a machine that slept */
	assert_int_not_equal(near.fired_ms, 0);
	assert_int_equal(far.fired_ms, 0);
	advance(wheel, 1000 + TIMER_TICK_MS);
	assert_int_not_equal(far.fired_ms, 0);
	free(wheel);
}

static void test_timeout_names_the_next_slot(void **state)
{
	struct timer_wheel *wheel = wheel_new();
	struct probe probe = { 0 };

	timer_init(&probe.timer, probe_fire);
	assert_int_equal(timer_wheel_timeout_ms(wheel, now), -1);
	for (uint64_t after = 1; after < 200000; after = after * 3 + 1) {
		int timeout;

		probe_set(wheel, &probe, after);
		for (int waits = 0; !probe.fired_ms; waits++) {
			timeout = timer_wheel_timeout_ms(wheel, now);
			assert_in_range(timeout, 0, TIMER_TICK_MS * TIMER_SLOTS);
			assert_in_range(waits, 0, 3); /* a wait too many a round, not a spin */
			advance(wheel, (uint64_t)timeout);
		}
		assert_in_range(probe.fired_ms, probe.wanted_ms,
				probe.wanted_ms + 2 * TIMER_TICK_MS);
	}
	free(wheel);
}

/* A callback that sets and ends others of its own slot. */
static struct probe pair[2];
static struct timer_wheel *pair_wheel;

static void pair_fire(struct timer *timer)
{
	struct probe *probe = list_entry(timer, struct probe, timer);

	probe->fired_ms = now;
	timer_done(pair_wheel, &pair[probe == &pair[0]].timer);
	timer_set(pair_wheel, timer, now + 1000);
}

static void test_callbacks_may_do_anything(void **state)
{
	pair_wheel = wheel_new();
	for (int i = 0; i < 2; i++) {
		timer_init(&pair[i].timer, pair_fire);
		pair[i].fired_ms = 0;
		timer_set(pair_wheel, &pair[i].timer, now + 100);
	}
	advance(pair_wheel, 100 + TIMER_TICK_MS);
	assert_true(!pair[0].fired_ms != !pair[1].fired_ms);
	assert_int_equal(pair_wheel->count, 1);
	free(pair_wheel);
}

static void test_random_against_a_plain_list(void **state)
{
	struct timer_wheel *wheel = wheel_new();
	struct probe *probes = calloc(TIMERS, sizeof(*probes));

	assert_non_null(probes);
	srandom(7);
	for (int i = 0; i < TIMERS; i++)
		timer_init(&probes[i].timer, probe_fire);
	for (int turn = 0; turn < 20000; turn++) {
		struct probe *probe = &probes[random() % TIMERS];

		if (random() % 4) {
			probe_set(wheel, probe, 1 + (uint64_t)random() % 300000);
		} else {
			timer_set(wheel, &probe->timer, 0);
			probe->wanted_ms = 0;
		}
		advance(wheel, (uint64_t)random() % 200);
		for (int i = 0; i < TIMERS; i++) {
			struct probe *each = &probes[i];

			if (each->fired_ms) {
				assert_true(each->wanted_ms && each->fired_ms >= each->wanted_ms);
				each->fired_ms = each->wanted_ms = 0;
			}
			if (each->wanted_ms)
				assert_true(each->wanted_ms + 2 * TIMER_TICK_MS > now);
		}
	}
	for (int i = 0; i < TIMERS; i++)
		timer_done(wheel, &probes[i].timer);
	assert_int_equal(wheel->count, 0);
	assert_int_equal(timer_wheel_timeout_ms(wheel, now), -1);
	free(probes);
	free(wheel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fires_once_and_not_early),
		cmocka_unit_test(test_pushed_back_and_pulled_forward),
		cmocka_unit_test(test_beyond_the_horizon_and_long_pauses),
		cmocka_unit_test(test_timeout_names_the_next_slot),
		cmocka_unit_test(test_callbacks_may_do_anything),
		cmocka_unit_test(test_random_against_a_plain_list),
	};

	return cmocka_run_group_tests_name("io_timer", tests, NULL, NULL);
}

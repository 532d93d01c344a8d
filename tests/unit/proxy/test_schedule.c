/* SPDX-License-Identifier: Apache-2.0 */
/* Schedulers over what workers share: shares are exact with any weights, from any number of
 * threads, and with targets that are down. */
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/schedule.h"

#define THREADS 4

static struct schedule schedule_of(unsigned worker)
{
	return (struct schedule){
		.worker = &stage.workers[worker],
		.generation = stage.workers[worker].current->generation,
	};
}

/* A fresh request's target, 0 .., or -1. */
static int choose(unsigned worker, const uint32_t *tried, size_t tried_count)
{
	struct schedule schedule = schedule_of(worker);
	struct scheduled_turn turn = { 0 };
	uint32_t row = schedule_target(&schedule, tried, tried_count, &turn);

	return row == SNAPSHOT_NONE ? -1 : (int)row;
}

static void assert_order(const char *expected)
{
	char order[64] = { 0 };

	for (size_t i = 0; i < strlen(expected); i++)
		order[i] = (char)('A' + choose(i % STAGE_WORKERS, NULL, 0));
	assert_string_equal(order, expected);
}

static void test_turns_of_those_down_pass(void **state)
{
	stage_open(3);
	assert_order("ABCABC");
	stage_set_down(1, true);
	assert_order("ACACAC");
	stage_set_down(2, true);
	assert_order("AAA");
	stage_set_down(0, true); /* all down = all up; nobody has two turns on the way */
	assert_order("BCABCA");
	stage_set_down(2, false);
	assert_order("CCC");
	stage_set_down(1, false);
	stage_set_down(0, false);
	assert_order("ABCA");
	stage_close();
}

/* The rule's flag and the targets' bytes are written one after the other. */
static void test_a_moment_in_between_is_no_outage(void **state)
{
	struct region_turn *turn;

	stage_open(2);
	turn = &stage.regions->turns[LIMIT_RULES + stage.listener->slot];
	stage_set_down(0, true);
	stage_set_down(1, true);
	turn->down = REGION_SOME_DOWN;
	assert_order("ABAB");
	stage_set_down(0, false);
	stage_set_down(1, false);
	turn->down = REGION_SOME_DOWN;
	assert_order("ABAB");
	stage_close();
}

static void test_tries_pass_over_those_down(void **state)
{
	const uint32_t tried[] = { 2, 0, 1 };

	stage_open(3);
	stage_set_down(1, true);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(choose(0, tried, 1), 0);
		assert_int_equal(choose(0, tried, 2), -1);
		assert_int_equal(choose(0, tried, 3), -1);
		/* Rows of other rules do no harm. */
		assert_true(choose(0, (uint32_t[]){ 77, UINT32_MAX }, 2) >= 0);
	}
	stage_set_down(1, false);
	assert_int_equal(choose(0, tried, 2), 1);
	stage_close();
}

static void test_weight_0_uses_no_turn_up(void **state)
{
	stage_open(2);
	assert_order("AB");
	stage.listener->targets[0]->weight = stage.listener->targets[1]->weight = 0;
	stage_publish();
	assert_int_equal(choose(0, NULL, 0), -1);
	stage.listener->targets[0]->weight = stage.listener->targets[1]->weight = 10;
	stage_publish();
	assert_order("AB");
	stage_close();
}

struct hammer {
	pthread_t thread;
	unsigned worker, calls;
	unsigned had[STAGE_TARGETS];
};

static void *hammer_run(void *argument)
{
	struct hammer *hammer = argument;

	for (unsigned i = 0; i < hammer->calls; i++) {
		int target = choose(hammer->worker, NULL, 0);

		if (target >= 0)
			hammer->had[target]++;
	}
	return NULL;
}

/* `calls` in all, over THREADS threads at once. */
static void hammer_all(unsigned calls, unsigned ret_had[STAGE_TARGETS])
{
	struct hammer hammers[THREADS] = { 0 };

	for (unsigned i = 0; i < THREADS; i++) {
		hammers[i].worker = i % STAGE_WORKERS;
		hammers[i].calls = calls / THREADS + (i < calls % THREADS);
		assert_int_equal(pthread_create(&hammers[i].thread, NULL, hammer_run, &hammers[i]),
				 0);
	}
	memset(ret_had, 0, STAGE_TARGETS * sizeof(*ret_had));
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(hammers[i].thread, NULL);
		for (unsigned k = 0; k < STAGE_TARGETS; k++)
			ret_had[k] += hammers[i].had[k];
	}
}

/* Some periods' worth of requests: each target has exactly its weight's share, to the last one. */
static void test_shares_are_exact_over_threads(void **state)
{
	srandom(11);
	stage_open(STAGE_TARGETS);
	for (unsigned round = 0; round < 40; round++) {
		const struct snapshot *snapshot;
		unsigned had[STAGE_TARGETS], turns[STAGE_TARGETS] = { 0 }, up_turns = 0;
		unsigned periods = 1 + (unsigned)random() % 20;

		for (unsigned i = 0; i < STAGE_TARGETS; i++) {
			stage.listener->targets[i]->weight =
				(uint16_t)(i ? random() % (WEIGHT_MOST + 1) : 1 + random() % 9);
			stage_set_down(i, i && random() % 3 == 0);
		}
		stage_publish();
		snapshot = &stage.workers[0].current->generation->snapshot;
		for (uint32_t i = 0; i < snapshot->rules[0].turns.count; i++)
			turns[snapshot->turns[snapshot->rules[0].turns.first + i]]++;
		for (unsigned i = 0; i < STAGE_TARGETS; i++) {
			if (stage.regions->health[i].is_down)
				turns[i] = 0;
			up_turns += turns[i];
		}
		hammer_all(up_turns * periods, had);
		for (unsigned i = 0; i < STAGE_TARGETS; i++)
			assert_int_equal(had[i], turns[i] * periods);
	}
	stage_close();
}

/* Nothing open anywhere: equal loads go by turn, and those down do not give theirs to a
 * neighbour. With loads: the least for its weight among those that are up. */
static void test_least_conn(void **state)
{
	unsigned had[STAGE_TARGETS];

	stage_open(4);
	stage.listener->scheduler = SCHEDULER_LEAST_CONN;
	stage_publish();
	stage_set_down(1, true);
	assert_order("ACDACDACD");
	hammer_all(3000, had);
	assert_int_equal(had[0], 1000);
	assert_int_equal(had[1], 0);
	assert_int_equal(had[2], 1000);
	target_count_add(&stage.workers[0], 0);
	target_count_add(&stage.workers[1], 3);
	assert_order("CCC");
	target_count_add(&stage.workers[1], 2);
	target_count_add(&stage.workers[1], 2);
	assert_int_equal(choose(0, (uint32_t[]){ 0 }, 1), 3);
	target_count_take(&stage.workers[0], 0);
	assert_order("AA");
	/* What the other proxy of an upgrade has open counts as well. */
	stage.regions->target_connections[1][0] = 5;
	assert_order("DD");
	stage.regions->target_connections[1][0] = 0;
	target_count_take(&stage.workers[1], 0); /* never below 0 */
	assert_int_equal(stage_active(0), 0);
	for (unsigned i = 0; i < 4; i++)
		stage.regions->target_connections[0][i] = 0;
	stage_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns_of_those_down_pass),
		cmocka_unit_test(test_a_moment_in_between_is_no_outage),
		cmocka_unit_test(test_tries_pass_over_those_down),
		cmocka_unit_test(test_weight_0_uses_no_turn_up),
		cmocka_unit_test(test_shares_are_exact_over_threads),
		cmocka_unit_test(test_least_conn),
	};

	stage_begin();
	return cmocka_run_group_tests_name("proxy_schedule", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the shared region says of targets, over generations and results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "proxy/health_region.h"
#include "sample.h"

static struct regions *regions;
static struct sample sample;
static struct rule *rule;
static struct snapshot snapshot;
static uint64_t generation;

static int begin(void **state)
{
	struct clock_anchor anchor = { 0 };
	struct listener *listener;
	int fd;

	(void)state;
	assert_int_equal(regions_create(&anchor, 2, &fd, &regions), 0);
	close(fd);
	sample_init(&sample);
	listener = sample_listener(&sample, sample_instance(&sample, "127.0.0.1"), 80);
	rule = sample_rule(&sample, listener, "a.example", "/");
	sample_target(&sample, rule, "127.0.0.1:1001", 10);
	sample_target(&sample, rule, "127.0.0.1:1002", 10);
	health_check_defaults(&rule->health_check, PROTOCOL_HTTP);
	return 0;
}

static int end(void **state)
{
	(void)state;
	snapshot_close(&snapshot);
	snapshot = (struct snapshot){ 0 };
	sample_done(&sample);
	regions_close(regions);
	return 0;
}

static void publish(void)
{
	snapshot_close(&snapshot);
	sample_open(&sample, ++generation, &snapshot);
	for (uint32_t i = 0; i < snapshot.rule_count; i++)
		health_region_adopt(regions, &snapshot, i, 1000);
}

static struct region_health *row(uint32_t target)
{
	return &regions->health[snapshot.targets[target].slot];
}

static void results(uint32_t target, const char *text)
{
	struct health_change change;

	for (; *text; text++)
		health_region_result(regions, &snapshot, target, *text == '+', 2000, &change);
}

static uint32_t told(void)
{
	return regions->turns[snapshot.rules[0].slot].down;
}

static void assert_row(uint32_t target, enum health_state state, bool is_down)
{
	assert_int_equal(row(target)->number, snapshot.targets[target].number);
	assert_int_equal(row(target)->state, state);
	assert_int_equal(row(target)->is_down != 0, is_down);
}

static void test_a_site_begins(void **state)
{
	(void)state;
	publish();
	/* Nothing is known of anybody: all serve, until a probe says otherwise. */
	assert_row(0, HEALTH_UNKNOWN, false);
	assert_row(1, HEALTH_UNKNOWN, false);
	assert_int_equal(told(), REGION_ALL_UP);
	results(0, "-");
	assert_row(0, HEALTH_UNKNOWN, true);
	assert_int_equal(told(), REGION_SOME_DOWN);
	results(1, "+++");
	assert_row(1, HEALTH_ALIVE, false);
	results(0, "++");
	assert_row(0, HEALTH_UNKNOWN, true);
	results(0, "+");
	assert_row(0, HEALTH_ALIVE, false);
	assert_int_equal(told(), REGION_ALL_UP);
	assert_int_equal(row(0)->changed_s, 2000);
}

static void test_a_newcomer_waits(void **state)
{
	(void)state;
	publish();
	results(0, "+++");
	sample_target(&sample, rule, "127.0.0.1:1003", 10);
	publish();
	assert_row(1, HEALTH_UNKNOWN, false); /* was presumed to be up before */
	assert_row(2, HEALTH_UNKNOWN, true);
	assert_int_equal(told(), REGION_SOME_DOWN);
	publish();
	assert_row(2, HEALTH_UNKNOWN, true);
	results(2, "+++");
	assert_row(2, HEALTH_ALIVE, false);
	assert_int_equal(told(), REGION_ALL_UP);
}

static void test_all_dead_is_all_alive(void **state)
{
	(void)state;
	publish();
	results(0, "+++---");
	assert_int_equal(told(), REGION_SOME_DOWN);
	results(1, "+++---");
	assert_row(0, HEALTH_DEAD, true);
	assert_row(1, HEALTH_DEAD, true);
	assert_int_equal(told(), REGION_ALL_DOWN);
	/* Another generation, and another process, knows the same. */
	publish();
	assert_row(0, HEALTH_DEAD, true);
	assert_int_equal(told(), REGION_ALL_DOWN);
	results(1, "+++");
	assert_int_equal(told(), REGION_SOME_DOWN);
}

static void test_weight_0_helps_nobody(void **state)
{
	(void)state;
	rule->targets[1]->weight = 0;
	publish();
	results(1, "+++");
	results(0, "---");
	assert_int_equal(told(), REGION_ALL_DOWN);
	results(0, "+++");
	assert_int_equal(told(), REGION_ALL_UP);
	results(1, "---");
	assert_row(1, HEALTH_DEAD, true);
	assert_int_equal(told(), REGION_SOME_DOWN);
}

static void test_the_switch(void **state)
{
	(void)state;
	publish();
	results(0, "---");
	rule->health_check.is_on = false;
	publish();
	assert_row(0, HEALTH_CLOSE, false);
	assert_int_equal(told(), REGION_ALL_UP);
	rule->health_check.is_on = true;
	publish();
	assert_row(0, HEALTH_UNKNOWN, false);
	assert_row(1, HEALTH_UNKNOWN, false);
}

static void test_another_owner_of_a_slot(void **state)
{
	(void)state;
	publish();
	results(1, "---");
	rule->targets[1]->number = 4711;
	publish();
	assert_row(1, HEALTH_UNKNOWN, false);
	assert_int_equal(row(1)->streak, 0);
	assert_int_equal(row(1)->changed_s, 1000);
}

static void test_blocks(void **state)
{
	(void)state;
	rule->health_check.is_on = false;
	publish();
	row(0)->failures = 3;
	health_region_block(regions, &snapshot, 0, 5000);
	assert_row(0, HEALTH_CLOSE, true);
	assert_int_equal(row(0)->failures, 0);
	assert_int_equal(told(), REGION_SOME_DOWN);
	publish();
	assert_row(0, HEALTH_CLOSE, true);
	health_region_block(regions, &snapshot, 1, 6000);
	assert_int_equal(told(), REGION_ALL_DOWN);
	health_region_block(regions, &snapshot, 0, 0);
	assert_row(0, HEALTH_CLOSE, false);
	assert_int_equal(told(), REGION_SOME_DOWN);
	/* What checks say and what forwards say are two reasons. */
	rule->health_check.is_on = true;
	publish();
	assert_row(1, HEALTH_UNKNOWN, true);
	results(1, "+++");
	assert_row(1, HEALTH_ALIVE, true);
	results(1, "---");
	health_region_block(regions, &snapshot, 1, 0);
	assert_row(1, HEALTH_DEAD, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_site_begins, begin, end),
		cmocka_unit_test_setup_teardown(test_a_newcomer_waits, begin, end),
		cmocka_unit_test_setup_teardown(test_all_dead_is_all_alive, begin, end),
		cmocka_unit_test_setup_teardown(test_weight_0_helps_nobody, begin, end),
		cmocka_unit_test_setup_teardown(test_the_switch, begin, end),
		cmocka_unit_test_setup_teardown(test_another_owner_of_a_slot, begin, end),
		cmocka_unit_test_setup_teardown(test_blocks, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

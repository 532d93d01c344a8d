/* SPDX-License-Identifier: Apache-2.0 */
/* The rates of the last five minutes, and the guard that asks for them. Time is invented. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/traffic_watch.h"
#include "noun_fixture.h"
#include "process/regions.h"

#define MEGABYTE 1000000ull

static struct regions *regions;
static int regions_fd;
static struct traffic_watch *watch;
static char id[32], listener[32];
static uint64_t now_ms;

static int setup(void **state)
{
	const struct clock_anchor anchor = { 0 };

	noun_setup(state);
	assert_int_equal(regions_create(&anchor, 2, &regions_fd, &regions), 0);
	noun.control.regions = regions;
	watch = noun.control.traffic_watch = traffic_watch_new();
	assert_non_null(watch);
	strcpy(id, noun_instance("127.0.0.1"));
	strcpy(listener, noun_listener(id, 80));
	now_ms = clock_boot_ms();
	return 0;
}

static int teardown(void **state)
{
	noun.control.traffic_watch = traffic_watch_free(watch);
	regions_close(regions);
	close(regions_fd);
	noun.control.regions = NULL;
	return noun_teardown(state);
}

static const struct instance *instance(void)
{
	return noun.control.model.instances[0];
}

static void move(enum traffic which, uint64_t bytes)
{
	const struct listener *row = instance()->listeners[0];
	struct traffic_rows *rows = &regions->columns[1].traffic[0];

	traffic_add(traffic_row(rows, TRAFFIC_LISTENER, row->slot, row->number), which, bytes);
}

static void turn_after(uint64_t ms)
{
	now_ms += ms;
	traffic_watch_turn(watch, &noun.control.model, regions, now_ms);
}

static void expect_peak(uint64_t bits)
{
	assert_int_equal(traffic_watch_peak(watch, instance(), regions, now_ms), bits);
}

static void keeps_the_peak_of_five_minutes(void **state)
{
	/* What was before the first look is not known. */
	move(TRAFFIC_BYTES_TO_CLIENT, 1000 * MEGABYTE);
	expect_peak(0);
	turn_after(0);
	expect_peak(0);
	/* Of what is not over: over what there is of it, a second at least. */
	move(TRAFFIC_BYTES_TO_CLIENT, 10 * MEGABYTE);
	expect_peak(80 * MEGABYTE);
	now_ms += 5000;
	expect_peak(16 * MEGABYTE);
	turn_after(5000);
	expect_peak(8 * MEGABYTE);
	/* The busier direction counts, not both together. */
	move(TRAFFIC_BYTES_FROM_CLIENT, 30 * MEGABYTE);
	move(TRAFFIC_BYTES_TO_CLIENT, 20 * MEGABYTE);
	turn_after(10000);
	expect_peak(24 * MEGABYTE);
	for (int i = 0; i < 29; i++)
		turn_after(10000);
	expect_peak(24 * MEGABYTE);
	turn_after(10000);
	expect_peak(0);
}

static void forgets_what_it_slept_through(void **state)
{
	turn_after(0);
	move(TRAFFIC_BYTES_TO_CLIENT, 100 * MEGABYTE);
	turn_after(10000);
	expect_peak(80 * MEGABYTE);
	turn_after(299000);
	expect_peak(80 * MEGABYTE);
	turn_after(301000);
	expect_peak(0);
	/* A clock that goes back begins anew. */
	move(TRAFFIC_BYTES_TO_CLIENT, 100 * MEGABYTE);
	now_ms -= 100000;
	expect_peak(0);
	turn_after(0);
	expect_peak(0);
	/* A new proxy, or a listener that left, lets sums fall. */
	noun_do("DeleteListener", "{'LoadBalancerId':'%s','ListenerId':'%s'}", id, listener);
	turn_after(10000);
	expect_peak(0);
}

static void guards_against_deletion(void **state)
{
	char rule[32];

	strcpy(rule, noun_rule(id, listener, "", "/"));
	traffic_watch_turn(watch, &noun.control.model, regions, clock_boot_ms());
	move(TRAFFIC_BYTES_TO_CLIENT, 100 * MEGABYTE);
	noun_do("RegisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s',"
		"'Targets':[{'EniIp':'10.0.0.1','Port':80}]}",
		id, listener, rule);
	noun_refuse("DeleteLoadBalancer", "FailedOperation.TrafficCheckRisk", "LoadBalancerIds[0]",
		    "{'LoadBalancerIds':['%s']}", id);
	/* Without servers nobody is served. */
	noun_do("DeregisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s',"
		"'Targets':[{'EniIp':'10.0.0.1','Port':80}]}",
		id, listener, rule);
	noun_do("DeleteLoadBalancer", "{'LoadBalancerIds':['%s']}", id);
	assert_int_equal(noun.control.model.instance_count, 0);
}

static void force_deletes(void **state)
{
	char rule[32];

	strcpy(rule, noun_rule(id, listener, "", "/"));
	noun_do("RegisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s',"
		"'Targets':[{'EniIp':'10.0.0.1','Port':80}]}",
		id, listener, rule);
	traffic_watch_turn(watch, &noun.control.model, regions, clock_boot_ms());
	move(TRAFFIC_BYTES_FROM_CLIENT, 100 * MEGABYTE);
	noun_refuse("DeleteLoadBalancer", "FailedOperation.TrafficCheckRisk", NULL,
		    "{'LoadBalancerIds':['%s'],'ForceDelete':false}", id);
	noun_do("DeleteLoadBalancer", "{'LoadBalancerIds':['%s'],'ForceDelete':true}", id);
	assert_int_equal(noun.control.model.instance_count, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_the_peak_of_five_minutes),
		TEST(forgets_what_it_slept_through),
		TEST(guards_against_deletion),
		TEST(force_deletes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Layer 4 and targets that are down or draining: SP-45..SP-48, DrainPolicy, RescheduleUnhealthy. */
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

static void stage_open_session(unsigned targets, uint32_t expire_s)
{
	stage_open(targets);
	stage.listener->session_expire_s = expire_s;
	stage_publish();
}

/* A connection there and gone again; which target got it. */
static unsigned visit(unsigned worker, unsigned host)
{
	unsigned which;
	int client = client_connect(worker, host);
	int target = targets_accept(&which);

	close(client);
	assert_int_equal(read_end(target), 0);
	close(target);
	stage_turn();
	return which;
}

static void test_who_is_down_gets_nothing_new(void **state)
{
	stage_open(3);
	assert_int_equal(visit(0, 1), 0);
	stage_set_down(1, true);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(visit(i % 2, 1), i % 2 ? 0 : 2);
	stage_set_down(1, false);
	assert_int_equal(visit(0, 1), 1);
	stage_close();
}

/* SP-46: away at once, and no way back while the new pin lives. */
static void test_pins_to_a_dead_target_move_for_good(void **state)
{
	unsigned first, second;

	stage_open_session(3, 60);
	first = visit(0, 1);
	assert_int_equal(visit(1, 1), first);
	stage_set_down(first, true);
	second = visit(1, 1);
	assert_int_not_equal(second, first);
	assert_int_equal(stage_counter(COUNTER_SESSION_DEAD), 1);
	assert_int_equal(visit(0, 1), second);
	stage_set_down(first, false);
	stage_advance_ms(30000);
	assert_int_equal(visit(0, 1), second);
	assert_int_equal(stage_counter(COUNTER_SESSION_DEAD), 1);
	assert_int_equal(stage_counter(COUNTER_CONNECT_FAILED), 0);
	stage_close();
}

/* SP-47. */
static void test_when_all_are_dead_pins_are_honoured(void **state)
{
	unsigned first;

	stage_open_session(3, 60);
	first = visit(0, 1);
	for (unsigned i = 0; i < 3; i++)
		stage_set_down(i, true);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(visit(i % 2, 1), first);
	assert_int_equal(stage_counter(COUNTER_SESSION_DEAD), 0);
	stage_close();
}

static void test_a_draining_target_keeps_its_clients(void **state)
{
	unsigned first;

	stage_open_session(2, 60);
	first = visit(0, 1);
	stage.listener->layer4.keeps_draining = true;
	stage.listener->targets[first]->weight = 0;
	stage_publish();
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(visit(i % 2, 1), first);
		assert_int_equal(visit(i % 2, 2 + i), !first); /* newcomers go elsewhere */
	}
	assert_int_equal(stage_counter(COUNTER_SESSION_DRAINED), 0);
	/* Dead is dead. */
	stage_set_down(first, true);
	assert_int_equal(visit(0, 1), !first);
	assert_int_equal(stage_counter(COUNTER_SESSION_DEAD), 1);
	stage_close();
}

static void test_a_draining_target_is_left_at_the_end(void **state)
{
	unsigned first;

	stage_open_session(2, 60);
	first = visit(0, 1);
	stage.listener->layer4.keeps_draining = true;
	stage.listener->targets[first]->weight = 0;
	stage_publish();
	stage_advance_ms(50000);
	assert_int_equal(visit(0, 1), first);
	stage_advance_ms(62000);
	assert_int_equal(visit(0, 1), !first);
	/* MOVE again: whoever still is there leaves. */
	stage.listener->targets[first]->weight = 10;
	stage_publish();
	first = visit(0, 9);
	stage.listener->targets[first]->weight = 0;
	stage.listener->layer4.keeps_draining = false;
	stage_publish();
	assert_int_equal(visit(0, 9), !first);
	assert_int_equal(stage_counter(COUNTER_SESSION_DRAINED), 1);
	stage_close();
}

static void open_many(unsigned count, int *clients, int *targets, unsigned *ret_which)
{
	for (unsigned i = 0; i < count; i++) {
		clients[i] = client_connect(i % 2, 1);
		targets[i] = targets_accept(&ret_which[i]);
	}
}

static void close_many(unsigned count, const int *clients, const int *targets)
{
	for (unsigned i = 0; i < count; i++) {
		close(clients[i]);
		close(targets[i]);
	}
}

static void assert_open_after(int64_t ms, uint32_t open)
{
	stage_advance_ms(ms);
	stage_turn();
	assert_int_equal(stage_open_connections(), open);
}

/* SP-48: off, connections to the dead stay. */
static void test_without_the_switch_connections_stay(void **state)
{
	int clients[4], targets[4];
	unsigned which[4];

	stage_open(2);
	open_many(4, clients, targets, which);
	stage_set_down(0, true);
	assert_open_after(5000, 4);
	for (unsigned i = 0; i < 4; i++) {
		send_text(clients[i], "on");
		assert_reads(targets[i], "on");
	}
	close_many(4, clients, targets);
	stage_close();
}

static void test_unhealthy_targets_are_left(void **state)
{
	int clients[8], targets[8];
	unsigned which[8];

	stage_open(2);
	stage.listener->layer4.reschedules_unhealthy = true;
	stage.listener->layer4.reschedule_start_s = 10;
	stage.listener->layer4.reschedule_interval_s = 20;
	stage_publish();
	open_many(8, clients, targets, which);
	assert_open_after(5000, 8);
	stage_set_down(0, true);
	assert_open_after(1100, 8); /* seen by now: cut at 10, 15, 20, 25 s from here */
	assert_open_after(8000, 8);
	assert_open_after(3000, 7);
	/* It comes back: the others are spared. */
	stage_set_down(0, false);
	assert_open_after(1100, 7);
	assert_open_after(60000, 7);
	/* And dies again. */
	stage_set_down(0, true);
	assert_open_after(1100, 7);
	assert_open_after(40000, 4);
	assert_int_equal(stage_counter(COUNTER_L4_RESCHEDULED), 4);
	for (unsigned i = 0; i < 8; i++) {
		if (which[i]) {
			send_text(clients[i], "on");
			assert_reads(targets[i], "on");
		} else {
			assert_int_equal(read_end(clients[i]), ECONNRESET);
			assert_int_equal(read_end(targets[i]), ECONNRESET);
		}
	}
	/* All dead = all alive: nobody is better off elsewhere. */
	stage_set_down(1, true);
	assert_open_after(60000, 4);
	close_many(8, clients, targets);
	stage_close();
}

/* Between two looks one comes back and the other dies. */
static void test_others_are_down_than_before(void **state)
{
	int clients[6], targets[6];
	unsigned which[6];

	stage_open(3);
	stage.listener->layer4.reschedules_unhealthy = true;
	stage_publish();
	open_many(6, clients, targets, which);
	stage_set_down(0, true);
	assert_open_after(1100, 6);
	assert_open_after(200, 4);
	stage_set_down(0, false);
	stage_set_down(1, true);
	assert_open_after(1100, 4);
	assert_open_after(200, 2);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(which[i], i % 3);
	send_text(clients[2], "on");
	assert_reads(targets[2], "on");
	close_many(6, clients, targets);
	stage_close();
}

static void test_the_switch_may_come_and_go(void **state)
{
	int clients[4], targets[4];
	unsigned which[4];

	stage_open(2);
	open_many(4, clients, targets, which);
	stage_set_down(0, true);
	stage.listener->layer4.reschedules_unhealthy = true;
	stage.listener->layer4.reschedule_start_s = 5;
	stage_publish();
	assert_open_after(2000, 4);
	stage.listener->layer4.reschedules_unhealthy = false;
	stage_publish();
	assert_open_after(10000, 4);
	stage.listener->layer4.reschedules_unhealthy = true;
	stage.listener->layer4.reschedule_start_s = 0;
	stage_publish();
	assert_open_after(200, 2);
	close_many(4, clients, targets);
	stage_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_down_gets_nothing_new),
		cmocka_unit_test(test_pins_to_a_dead_target_move_for_good),
		cmocka_unit_test(test_when_all_are_dead_pins_are_honoured),
		cmocka_unit_test(test_a_draining_target_keeps_its_clients),
		cmocka_unit_test(test_a_draining_target_is_left_at_the_end),
		cmocka_unit_test(test_without_the_switch_connections_stay),
		cmocka_unit_test(test_unhealthy_targets_are_left),
		cmocka_unit_test(test_others_are_down_than_before),
		cmocka_unit_test(test_the_switch_may_come_and_go),
	};

	stage_begin();
	return cmocka_run_group_tests_name("proxy_pin_health", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Persistence by source IP, least connections, and what edits do to open connections. */
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "sticky/table.h"

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

static void test_without_persistence_turns_are_taken(void **state)
{
	stage_open(3);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(visit(i % 2, 1), i % 3);
	stage_close();
}

static void test_a_client_stays_and_others_spread(void **state)
{
	unsigned first[20];

	stage_open_session(2, 60);
	for (unsigned host = 0; host < 20; host++)
		first[host] = visit(host / 2 % 2, 2 + host);
	for (unsigned host = 0; host < 20; host++) {
		assert_int_equal(first[host], host % 2);
		assert_int_equal(visit(host % 2, 2 + host), first[host]);
	}
	assert_int_equal(stage_counter(COUNTER_SESSION_NEW), 20);
	assert_int_equal(stage_counter(COUNTER_SESSION_KEPT), 20);
	stage_close();
}

static void test_idle_time_is_exact_and_uses_refresh_it(void **state)
{
	unsigned first;

	stage_open_session(2, 30);
	stage_advance_ms(1000 - (int64_t)(clock_boot_ms() % 1000));
	first = visit(0, 1);
	for (int i = 0; i < 5; i++) {
		stage_advance_ms(29000);
		assert_int_equal(visit(0, 1), first);
	}
	stage_advance_ms(32000);
	assert_int_equal(visit(0, 1), !first);
	assert_int_equal(stage_counter(COUNTER_SESSION_EXPIRED), 1);
	stage_close();
}

/* Bytes count, and so does the end. */
static void test_an_open_connection_keeps_its_pin(void **state)
{
	unsigned first;
	int client, target;

	stage_open_session(2, 30);
	client = client_connect(0, 1);
	target = targets_accept(&first);
	for (int i = 0; i < 5; i++) {
		stage_advance_ms(25000);
		send_text(i % 2 ? client : target, "x");
		assert_reads(i % 2 ? target : client, "x");
	}
	stage_advance_ms(25000);
	assert_int_equal(visit(1, 1), first);
	stage_advance_ms(25000);
	stage_turn();
	close(client);
	assert_int_equal(read_end(target), 0);
	close(target);
	stage_turn();
	stage_advance_ms(25000);
	assert_int_equal(visit(0, 1), first);
	assert_int_equal(stage_counter(COUNTER_SESSION_EXPIRED), 0);
	stage_close();
}

static void test_two_workers_agree(void **state)
{
	unsigned which[2];
	int clients[2], targets[2];

	stage_open_session(6, 60);
	for (unsigned host = 1; host < 30; host++) {
		for (unsigned i = 0; i < 2; i++)
			clients[i] = client_connect(i, host);
		for (unsigned i = 0; i < 2; i++)
			targets[i] = targets_accept(&which[i]);
		assert_int_equal(which[0], which[1]);
		for (unsigned i = 0; i < 2; i++) {
			close(clients[i]);
			close(targets[i]);
		}
		stage_turn();
	}
	stage_close();
}

static void test_a_dead_target_loses_its_pins(void **state)
{
	unsigned second;

	stage_open_session(3, 60);
	assert_int_equal(visit(0, 1), 0);
	close(stage.target_fds[0]);
	stage.target_fds[0] = -1;
	second = visit(0, 1);
	assert_int_not_equal(second, 0);
	assert_int_equal(stage_counter(COUNTER_SESSION_DEAD), 1);
	/* The next one does not even try the dead one. */
	assert_int_equal(visit(1, 1), second);
	assert_int_equal(stage_counter(COUNTER_CONNECT_FAILED), 1);
	stage_close();
}

static void test_drained_and_gone_targets_lose_their_pins(void **state)
{
	int client, target;
	unsigned first, second;

	stage_open_session(2, 60);
	client = client_connect(0, 1);
	target = targets_accept(&first);
	stage.listener->targets[first]->weight = 0;
	stage_publish();
	second = visit(0, 1);
	assert_int_equal(second, !first);
	assert_int_equal(stage_counter(COUNTER_SESSION_DRAINED), 1);
	send_text(client, "still");
	assert_reads(target, "still");
	/* No way back while the new pin lives, however busy the old connection is. */
	stage.listener->targets[first]->weight = 10;
	stage_publish();
	stage_advance_ms(2000);
	send_text(client, "busy");
	assert_reads(target, "busy");
	assert_int_equal(visit(1, 1), second);
	listener_remove_target(stage.listener, stage.listener->targets[second]);
	stage_publish();
	assert_int_equal(visit(0, 1), first);
	assert_int_equal(stage_counter(COUNTER_SESSION_GONE), 1);
	close(client);
	close(target);
	stage_close();
}

static void test_turned_off_and_on_begins_anew(void **state)
{
	int client, target;
	unsigned first;

	stage_open_session(2, 60);
	client = client_connect(0, 1);
	target = targets_accept(&first);
	listener_set_session_expire(stage.listener, 0);
	stage_publish();
	assert_int_equal(visit(0, 1), !first);
	assert_int_equal(visit(0, 1), first);
	assert_int_equal(visit(0, 1), !first);
	listener_set_session_expire(stage.listener, 60);
	stage_publish();
	/* The open connection is of the life before. */
	stage_advance_ms(2000);
	send_text(client, "x");
	assert_reads(target, "x");
	assert_int_equal(visit(0, 1), first);
	assert_int_equal(visit(0, 1), first);
	assert_int_equal(stage_counter(COUNTER_SESSION_NEW), 2);
	close(client);
	close(target);
	stage_close();
}

static void test_a_longer_time_holds_for_open_connections_too(void **state)
{
	unsigned first, which;
	int client, target;

	stage_open_session(2, 30);
	client = client_connect(0, 1);
	target = targets_accept(&first);
	stage.listener->session_expire_s = 3600;
	stage_publish();
	stage_advance_ms(2000);
	send_text(client, "x");
	assert_reads(target, "x");
	close(client);
	assert_int_equal(read_end(target), 0);
	close(target);
	stage_turn();
	stage_advance_ms(3000 * 1000);
	for (uint32_t shard = 0; shard < session_table_shards(stage.sessions); shard++)
		session_table_sweep(stage.sessions, shard, (uint32_t)stage.workers[0].session_s);
	client = client_connect(0, 1);
	target = targets_accept(&which);
	assert_int_equal(which, first);
	close(client);
	close(target);
	stage_close();
}

static void test_least_connections_over_all_workers(void **state)
{
	int clients[12], targets[12];
	unsigned which[12], counts[3] = { 0 };

	stage_open(3);
	stage.listener->scheduler = SCHEDULER_LEAST_CONN;
	stage.listener->targets[2]->weight = 20;
	stage_publish();
	for (unsigned i = 0; i < 12; i++) {
		clients[i] = client_connect(i % 2, 1);
		targets[i] = targets_accept(&which[i]);
		counts[which[i]]++;
	}
	assert_int_equal(counts[0], 3);
	assert_int_equal(counts[1], 3);
	assert_int_equal(counts[2], 6);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(stage_active(i), counts[i]);
	/* Whoever lost connections gets the next ones. */
	for (unsigned i = 0; i < 12; i++) {
		if (which[i] != 1)
			continue;
		close(clients[i]);
		close(targets[i]);
		stage_turn();
		clients[i] = -1;
	}
	assert_int_equal(stage_active(1), 0);
	for (unsigned i = 0; i < 12; i++) {
		unsigned now;

		if (clients[i] >= 0)
			continue;
		clients[i] = client_connect(i % 2, 1);
		targets[i] = targets_accept(&now);
		assert_int_equal(now, 1);
	}
	for (unsigned i = 0; i < 12; i++) {
		close(clients[i]);
		close(targets[i]);
	}
	stage_close();
}

/* Opens `count` connections by turn over two targets. */
static void open_many(unsigned count, int *clients, int *targets)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned which;

		clients[i] = client_connect(i % 2, 1);
		targets[i] = targets_accept(&which);
		assert_int_equal(which, i % 2);
	}
}

static void close_many(unsigned count, const int *clients, const int *targets)
{
	for (unsigned i = 0; i < count; i++) {
		close(clients[i]);
		close(targets[i]);
	}
}

static void test_without_switches_connections_live_on(void **state)
{
	int clients[4], targets[4];

	stage_open(2);
	open_many(4, clients, targets);
	listener_remove_target(stage.listener, stage.listener->targets[0]);
	stage.listener->targets[0]->weight = 0;
	stage_publish();
	stage_advance_ms(700 * 1000);
	for (unsigned i = 0; i < 4; i++) {
		send_text(clients[i], "on");
		assert_reads(targets[i], "on");
	}
	close_many(4, clients, targets);
	stage_close();
}

static void test_deregistered_targets_are_cut(void **state)
{
	int clients[4], targets[4];

	stage_open(2);
	stage.listener->layer4.resets_deregistered = true;
	stage_publish();
	open_many(4, clients, targets);
	listener_remove_target(stage.listener, stage.listener->targets[0]);
	stage_publish();
	stage_advance_ms(100);
	stage_turn();
	for (unsigned i = 0; i < 4; i += 2) {
		assert_int_equal(read_end(clients[i]), ECONNRESET);
		assert_int_equal(read_end(targets[i]), ECONNRESET);
		send_text(clients[i + 1], "on");
		assert_reads(targets[i + 1], "on");
	}
	assert_int_equal(stage_counter(COUNTER_L4_DEREGISTERED), 2);
	close_many(4, clients, targets);
	stage_close();
}

/* How many are open at each of some moments. */
static void assert_open_after(int64_t ms, uint32_t open)
{
	stage_advance_ms(ms);
	stage_turn();
	assert_int_equal(stage_open_connections(), open);
}

static void test_reschedules_are_spread_over_the_interval(void **state)
{
	int clients[8], targets[8];

	stage_open(2);
	stage.listener->layer4.reschedules_zero_weight = true;
	stage.listener->layer4.reschedule_start_s = 10;
	stage.listener->layer4.reschedule_interval_s = 20;
	stage_publish();
	open_many(8, clients, targets);
	stage.listener->targets[1]->weight = 0;
	stage_publish();
	assert_open_after(9000, 8);
	assert_open_after(2000, 7); /* at 11 s; the others at 15, 20, 25 */
	assert_open_after(5000, 6);
	assert_open_after(5000, 5);
	assert_open_after(9000, 4);
	assert_open_after(100000, 4);
	assert_int_equal(stage_counter(COUNTER_L4_RESCHEDULED), 4);
	close_many(8, clients, targets);
	stage_close();
}

static void test_a_weight_that_comes_back_calls_it_off(void **state)
{
	int clients[4], targets[4];

	stage_open(2);
	stage.listener->layer4.reschedules_zero_weight = true;
	stage.listener->layer4.reschedule_start_s = 10;
	stage_publish();
	open_many(4, clients, targets);
	stage.listener->targets[1]->weight = 0;
	stage_publish();
	assert_open_after(5000, 4);
	stage.listener->targets[1]->weight = 10;
	stage_publish();
	assert_open_after(20000, 4);
	close_many(4, clients, targets);
	stage_close();
}

static void test_other_targets_reschedule_all(void **state)
{
	int clients[4], targets[4];
	char text[ADDRESS_TEXT_SIZE];

	stage_open(2);
	stage.listener->layer4.reschedules_expand = true;
	stage.listener->layer4.reschedule_interval_s = 8;
	stage_publish();
	open_many(4, clients, targets);
	stage.listener->targets[1]->weight = 20; /* a weight is no expansion */
	stage_publish();
	assert_open_after(20000, 4);
	address_format(&stage.targets[2], text);
	sample_listener_target(&stage.sample, stage.listener, text, 10);
	stage_publish();
	assert_open_after(3000, 2); /* 0, 4 on one worker; 0, 4 on the other */
	stage_publish(); /* another change in between keeps the times */
	assert_open_after(3000, 0);
	assert_int_equal(stage_counter(COUNTER_L4_RESCHEDULED), 4);
	close_many(4, clients, targets);
	stage_close();
}

/* A slot's new owner does not inherit what is open to the old one. */
static void test_slots_change_hands(void **state)
{
	int clients[4], targets[4];
	char text[ADDRESS_TEXT_SIZE];

	stage_open(2);
	open_many(4, clients, targets);
	assert_int_equal(stage_active(1), 2);
	listener_remove_target(stage.listener, stage.listener->targets[1]);
	stage_publish();
	stage.sample.next_target = 1;
	address_format(&stage.targets[2], text);
	sample_listener_target(&stage.sample, stage.listener, text, 10);
	stage_publish();
	assert_int_equal(stage_active(0), 2);
	assert_int_equal(stage_active(1), 0);
	close_many(4, clients, targets);
	stage_turn();
	assert_int_equal(stage_active(0), 0);
	assert_int_equal(stage_active(1), 0);
	stage_close();
}

static int setup(void **state)
{
	stage_begin();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_persistence_turns_are_taken),
		cmocka_unit_test(test_a_client_stays_and_others_spread),
		cmocka_unit_test(test_idle_time_is_exact_and_uses_refresh_it),
		cmocka_unit_test(test_an_open_connection_keeps_its_pin),
		cmocka_unit_test(test_two_workers_agree),
		cmocka_unit_test(test_a_dead_target_loses_its_pins),
		cmocka_unit_test(test_drained_and_gone_targets_lose_their_pins),
		cmocka_unit_test(test_turned_off_and_on_begins_anew),
		cmocka_unit_test(test_a_longer_time_holds_for_open_connections_too),
		cmocka_unit_test(test_least_connections_over_all_workers),
		cmocka_unit_test(test_without_switches_connections_live_on),
		cmocka_unit_test(test_deregistered_targets_are_cut),
		cmocka_unit_test(test_reschedules_are_spread_over_the_interval),
		cmocka_unit_test(test_a_weight_that_comes_back_calls_it_off),
		cmocka_unit_test(test_other_targets_reschedule_all),
		cmocka_unit_test(test_slots_change_hands),
	};

	return cmocka_run_group_tests_name("proxy_pin", tests, setup, NULL);
}

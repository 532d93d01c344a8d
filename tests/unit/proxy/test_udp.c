/* SPDX-License-Identifier: Apache-2.0 */
/* The life of UDP flows: who answers whom, how they begin and end, what generations do to them. */
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/listener.h"
#include "proxy/udp_life.h"

#define PATIENCE 200
#define NOBODY STAGE_TARGETS

/* A client's socket that talks to that worker, from 127.0.0.`host`. */
static int client_open(unsigned worker, unsigned host)
{
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(0x7f000000 | host) };
	struct sockaddr_storage to;
	socklen_t size = sizeof(to);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(getsockname(stage.listening[worker], (struct sockaddr *)&to, &size), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, size), 0);
	return fd;
}

/* The target that `text` came to, within some turns, and from where; NOBODY. */
static unsigned target_of(const char *text, struct sockaddr_in *ret_from)
{
	char got[64] = "";

	for (int round = 0; round < PATIENCE; round++) {
		for (unsigned i = 0; i < STAGE_TARGETS; i++) {
			socklen_t size = sizeof(*ret_from);
			ssize_t count;

			if (stage.target_fds[i] < 0)
				continue;
			count = recvfrom(stage.target_fds[i], got, sizeof(got) - 1, 0,
					 (struct sockaddr *)ret_from, &size);
			if (count < 0)
				continue;
			got[count] = 0;
			assert_string_equal(got, text);
			return i;
		}
		stage_turn();
		usleep(round > 20 ? 500 : 0);
	}
	return NOBODY;
}

static unsigned ask(int client, const char *text, struct sockaddr_in *ret_from)
{
	assert_int_equal(send(client, text, strlen(text), 0), strlen(text));
	return target_of(text, ret_from);
}

static void answer(unsigned target, const struct sockaddr_in *to, const char *text)
{
	assert_int_equal(sendto(stage.target_fds[target], text, strlen(text), 0,
				(const struct sockaddr *)to, sizeof(*to)),
			 strlen(text));
	stage_turn();
}

static bool hears(int client, const char *text)
{
	char got[64] = "";

	for (int round = 0; round < 20; round++) {
		ssize_t count = recv(client, got, sizeof(got) - 1, 0);

		if (count >= 0) {
			got[count] = 0;
			assert_string_equal(got, text);
			return true;
		}
		stage_turn();
	}
	return false;
}

/* A question and its answer; returns the target. */
static unsigned exchange(int client)
{
	struct sockaddr_in from;
	unsigned target = ask(client, "?", &from);

	assert_true(target < NOBODY);
	answer(target, &from, "!");
	assert_true(hears(client, "!"));
	return target;
}

static void listener_set(uint32_t expire_s, uint16_t responses)
{
	listener_set_session_expire(stage.listener, expire_s);
	stage.listener->layer4.udp_responses = responses;
	stage_publish();
}

static void test_a_flow_keeps_its_target(void **state)
{
	struct sockaddr_in first, next;
	int clients[4];
	unsigned target;

	stage_open_udp(2);
	for (unsigned i = 0; i < 4; i++)
		clients[i] = client_open(0, 1);
	target = ask(clients[0], "a", &first);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ask(clients[0], "b", &next), target);
		assert_memory_equal(&first, &next, sizeof(first));
		answer(target, &first, "c");
		assert_true(hears(clients[0], "c"));
	}
	/* Another port is another flow: the next target's turn. */
	assert_int_equal(exchange(clients[1]), !target);
	assert_int_equal(exchange(clients[2]), target);
	assert_int_equal(exchange(clients[3]), !target);
	assert_int_equal(stage_open_connections(), 4);
	assert_int_equal(stage_active(0), 2);
	assert_int_equal(stage_active(1), 2);
	assert_int_equal(stage_counter(COUNTER_CONNECTIONS), 4);
	for (unsigned i = 0; i < 4; i++)
		close(clients[i]);
	stage_close();
}

static void test_only_the_target_is_heard(void **state)
{
	struct sockaddr_in from;
	unsigned target;
	int client;

	stage_open_udp(2);
	client = client_open(0, 1);
	target = ask(client, "a", &from);
	answer(!target, &from, "forged"); /* the other target's address, no flow of its */
	answer(3, &from, "forged"); /* no target at all */
	assert_false(hears(client, "nothing"));
	answer(target, &from, "real");
	assert_true(hears(client, "real"));
	close(client);
	stage_close();
}

static void test_the_client_address_is_pinned(void **state)
{
	unsigned target;

	stage_open_udp(4);
	listener_set(30, 1);
	for (unsigned host = 1; host < 9; host++) {
		int client = client_open(host % 2, host);

		target = exchange(client);
		close(client);
		for (int i = 0; i < 5; i++) { /* other ports, other workers */
			client = client_open((unsigned)i % 2, host);
			assert_int_equal(exchange(client), target);
			close(client);
		}
	}
	assert_int_equal(stage_counter(COUNTER_SESSION_NEW), 8);
	assert_int_equal(stage_counter(COUNTER_SESSION_KEPT), 40);
	stage_close();
}

static void silence(uint32_t idle_s)
{
	unsigned seen = 0;

	stage_open_udp(2);
	listener_set(30, 0);
	stage.listener->layer4.idle_timeout_s = idle_s;
	stage_publish();
	for (int i = 0; i < 4; i++) {
		unsigned target = NOBODY;

		for (int k = 0; k < 4; k++) {
			int client = client_open(0, 1);
			unsigned got = exchange(client);

			assert_true(target == NOBODY || got == target);
			target = got;
			close(client);
			stage_advance_ms(5000);
		}
		seen |= 1u << target;
		for (int k = 0; k < 45; k++) {
			stage_advance_ms(1000);
			stage_turn();
		}
	}
	assert_int_equal(seen, 3);
	assert_int_equal(stage_counter(COUNTER_L4_IDLE), 16);
	assert_int_equal(stage_open_connections(), 0);
	stage_close();
}

static void test_answers_end_the_flow(void **state)
{
	struct sockaddr_in from, again;
	unsigned target;
	int client;

	stage_open_udp(1);
	listener_set(0, 2);
	client = client_open(0, 1);
	target = ask(client, "q", &from);
	answer(target, &from, "1");
	assert_true(hears(client, "1"));
	assert_int_equal(stage_open_connections(), 1);
	answer(target, &from, "2");
	assert_true(hears(client, "2"));
	assert_int_equal(stage_open_connections(), 0);
	assert_int_equal(stage_counter(COUNTER_L4_CLOSED), 1);
	answer(target, &from, "3"); /* too late */
	assert_false(hears(client, "3"));
	/* Two questions at once are owed four answers. */
	assert_int_equal(ask(client, "q", &again), target);
	assert_int_equal(ask(client, "q", &again), target);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(stage_open_connections(), 1);
		answer(target, &again, "a");
		assert_true(hears(client, "a"));
	}
	assert_int_equal(stage_open_connections(), 0);
	close(client);
	stage_close();
}

static void test_silence_ends_the_flow(void **state)
{
	struct sockaddr_in from;
	unsigned target;
	int client;

	stage_open_udp(1);
	stage.listener->layer4.idle_timeout_s = 10;
	stage_publish();
	client = client_open(0, 1);
	target = ask(client, "q", &from);
	for (int i = 0; i < 3; i++) { /* either direction counts */
		stage_advance_ms(9900);
		answer(target, &from, "a");
		assert_true(hears(client, "a"));
		stage_advance_ms(9900);
		assert_int_equal(ask(client, "q", &from), target);
	}
	assert_int_equal(stage_open_connections(), 1);
	/* A new time counts from the last datagram. */
	stage_advance_ms(9000);
	stage.listener->layer4.idle_timeout_s = 20;
	stage_publish();
	stage_advance_ms(10900);
	stage_turn();
	assert_int_equal(stage_open_connections(), 1);
	stage_advance_ms(200);
	stage_turn();
	assert_int_equal(stage_open_connections(), 0);
	assert_int_equal(stage_counter(COUNTER_L4_IDLE), 1);
	close(client);
	stage_close();
}

/* T2-k, and that a flow which ends by silence does not bring its pin to life again. */
static void test_after_silence_it_is_scheduled_afresh(void **state)
{
	silence(10);
	silence(40);
}

static struct udp_table *table(void)
{
	return list_entry(stage.workers[0].udp->tables.next, struct udp_table, link);
}

static void test_a_full_table_keeps_live_flows(void **state)
{
	int clients[6];

	stage_open_udp(2);
	table()->most = 4;
	for (unsigned i = 0; i < 6; i++)
		clients[i] = client_open(0, 1 + i);
	for (unsigned i = 0; i < 4; i++)
		exchange(clients[i]);
	for (unsigned i = 4; i < 6; i++)
		assert_int_equal(send(clients[i], "x", 1, 0), 1);
	stage_turn();
	assert_int_equal(stage_counter(COUNTER_UDP_FLOWS_FULL), 2);
	assert_int_equal(stage_counter(COUNTER_CONNECTIONS), 4);
	for (unsigned i = 0; i < 4; i++)
		exchange(clients[i]);
	assert_int_equal(stage_open_connections(), 4);
	for (unsigned i = 0; i < 6; i++)
		close(clients[i]);
	stage_close();
}

static void test_max_conn_and_max_cps(void **state)
{
	struct sockaddr_in from;
	int clients[6];

	stage_open_udp(1);
	stage.listener->layer4.max_conn = 2;
	stage_publish();
	for (unsigned i = 0; i < 6; i++)
		clients[i] = client_open(i % 2, 1 + i);
	exchange(clients[0]);
	exchange(clients[1]);
	assert_int_equal(ask(clients[2], "x", &from), NOBODY);
	assert_int_equal(stage_counter(COUNTER_REFUSED_MAX_CONN), 1);
	exchange(clients[0]);
	stage.listener->layer4.max_conn = -1;
	stage.listener->layer4.max_cps = 1;
	stage_publish();
	stage_advance_ms(1000 - (int64_t)(clock_boot_ms() % 1000));
	exchange(clients[3]);
	assert_int_equal(ask(clients[4], "x", &from), NOBODY);
	assert_int_equal(stage_counter(COUNTER_REFUSED_MAX_CPS), 1);
	exchange(clients[0]);
	for (unsigned i = 0; i < 6; i++)
		close(clients[i]);
	stage_close();
}

/* Nobody is there: at the first datagram another target takes over, and the pin goes with it. */
static void test_an_unreachable_target_is_left(void **state)
{
	struct sockaddr_in from;
	unsigned target;
	int client, dead;

	stage_open_udp(2);
	listener_set(60, 0);
	client = client_open(0, 1);
	target = exchange(client);
	close(client);
	dead = stage.target_fds[target];
	stage.target_fds[target] = -1;
	close(dead);
	client = client_open(0, 1);
	assert_int_equal(ask(client, "lost", &from), NOBODY); /* the pin holds until it is known */
	assert_int_equal(stage_counter(COUNTER_UDP_UNREACHABLE), 1);
	assert_int_equal(stage_counter(COUNTER_SESSION_DEAD), 1);
	assert_int_equal(exchange(client), !target); /* the same flow */
	close(client);
	client = client_open(1, 1);
	assert_int_equal(exchange(client), !target); /* and the pin */
	assert_int_equal(stage_counter(COUNTER_UDP_UNREACHABLE), 1);
	close(client);
	stage_close();
}

static void test_a_target_that_dies_ends_its_flows(void **state)
{
	struct sockaddr_in from;
	int client, dead;

	stage_open_udp(1);
	client = client_open(0, 1);
	exchange(client);
	dead = stage.target_fds[0];
	stage.target_fds[0] = -1;
	close(dead);
	assert_int_equal(ask(client, "lost", &from), NOBODY);
	assert_int_equal(stage_counter(COUNTER_TARGET_RESET), 1);
	assert_int_equal(stage_open_connections(), 0);
	/* With no other target the next flow ends as well, and so on. */
	assert_int_equal(ask(client, "lost", &from), NOBODY);
	assert_int_equal(stage_counter(COUNTER_L4_NOT_CONNECTED), 1);
	assert_int_equal(stage_open_connections(), 0);
	assert_int_equal(stage_active(0), 0);
	close(client);
	stage_close();
}

static void test_flows_of_a_removed_target_end(void **state)
{
	unsigned target;
	int clients[2];

	stage_open_udp(2);
	listener_set(60, 0);
	clients[0] = client_open(0, 1);
	clients[1] = client_open(0, 2);
	target = exchange(clients[0]);
	assert_int_equal(exchange(clients[1]), !target);
	listener_remove_target(stage.listener, stage.listener->targets[target]);
	stage_publish();
	assert_int_equal(stage_open_connections(), 1);
	assert_int_equal(stage_counter(COUNTER_L4_DEREGISTERED), 1);
	assert_int_equal(exchange(clients[0]), !target);
	assert_int_equal(exchange(clients[1]), !target);
	close(clients[0]);
	close(clients[1]);
	stage_close();
}

/* SP-45, T2-j */
static void test_weight_0_leaves_flows_alone(void **state)
{
	unsigned target;
	int client, other;

	stage_open_udp(2);
	listener_set(60, 0);
	client = client_open(0, 1);
	target = exchange(client);
	stage.listener->targets[target]->weight = 0;
	stage_publish();
	assert_int_equal(exchange(client), target);
	other = client_open(0, 1);
	assert_int_equal(exchange(other), !target);
	assert_int_equal(exchange(client), target);
	close(other);
	/* Its pin is the other's now. */
	stage.listener->targets[target]->weight = 10;
	stage_publish();
	other = client_open(0, 1);
	assert_int_equal(exchange(other), !target);
	close(other);
	close(client);
	stage_close();
}

/* SP-48 */
static void test_reschedule_switches_cut(void **state)
{
	int clients[4];
	unsigned target;

	stage_open_udp(2);
	stage.listener->layer4.reschedules_zero_weight = true;
	stage.listener->layer4.reschedule_start_s = 5;
	stage.listener->layer4.reschedule_interval_s = 10;
	stage_publish();
	for (unsigned i = 0; i < 4; i++) {
		clients[i] = client_open(0, 1);
		exchange(clients[i]);
	}
	target = exchange(clients[0]);
	stage.listener->targets[target]->weight = 0;
	stage_publish();
	stage_advance_ms(4900);
	assert_int_equal(exchange(clients[0]), target);
	stage_advance_ms(200);
	stage_turn();
	assert_int_equal(stage_counter(COUNTER_L4_RESCHEDULED), 1);
	stage_advance_ms(5000);
	stage_turn();
	assert_int_equal(stage_counter(COUNTER_L4_RESCHEDULED), 2);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(exchange(clients[i]), !target);
		close(clients[i]);
	}
	stage_close();
}

static void test_turning_persistence_off(void **state)
{
	unsigned target, seen = 0;
	int client;

	stage_open_udp(2);
	listener_set(60, 1);
	client = client_open(0, 1);
	target = exchange(client);
	assert_int_equal(exchange(client), target);
	listener_set(0, 1);
	for (int i = 0; i < 4; i++)
		seen |= 1u << exchange(client);
	assert_int_equal(seen, 3);
	close(client);
	stage_close();
}

static void test_a_deleted_listener_lets_go(void **state)
{
	struct sockaddr_in from;
	int client;

	stage_open_udp(1);
	client = client_open(0, 1);
	exchange(client);
	instance_remove_listener(stage.sample.model.instances[0], stage.listener);
	stage_publish();
	assert_int_equal(stage_open_connections(), 0);
	assert_true(list_is_empty(&stage.workers[0].listeners));
	assert_int_equal(ask(client, "x", &from), NOBODY);
	close(client);
	stage_close();
}

static void stop(int64_t grace_ms)
{
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		worker_ask_to_stop(&stage.workers[i], grace_ms);
	stage_turn();
}

static void test_a_stopping_worker_passes_answers_on(void **state)
{
	struct sockaddr_in from, other;
	int clients[2];

	stage_open_udp(1);
	clients[0] = client_open(0, 1);
	clients[1] = client_open(0, 2);
	exchange(clients[0]);
	ask(clients[1], "q", &from);
	stop(60000);
	assert_int_equal(stage_open_connections(), 1); /* the other was served */
	assert_false(stage.workers[0].is_ended);
	assert_true(stage.workers[1].is_ended);
	assert_int_equal(ask(clients[1], "not read", &other), NOBODY);
	for (int i = 0; i < 4; i++) {
		stage_advance_ms(2500);
		answer(0, &from, "part");
		assert_true(hears(clients[1], "part"));
	}
	stage_advance_ms(3100);
	stage_turn();
	assert_true(stage.workers[0].is_ended);
	close(clients[0]);
	close(clients[1]);
	stage_close();
}

static void test_answers_that_end_a_stopping_worker_arrive(void **state)
{
	struct sockaddr_in from;
	int client;

	stage_open_udp(1);
	listener_set(0, 1);
	client = client_open(0, 1);
	ask(client, "q", &from);
	stop(60000);
	answer(0, &from, "last");
	assert_true(hears(client, "last"));
	assert_true(stage.workers[0].is_ended);
	close(client);
	stage_close();
}

static void test_grace_ends_flows(void **state)
{
	struct sockaddr_in from;
	int client;

	stage_open_udp(1);
	client = client_open(0, 1);
	ask(client, "q", &from);
	stop(1000);
	assert_false(stage.workers[0].is_ended);
	stage_advance_ms(1200);
	stage_turn();
	assert_true(stage.workers[0].is_ended);
	assert_int_equal(stage_counter(COUNTER_L4_STOPPED), 1);
	close(client);
	stage_close();
}

/* A datagram with our own address as its sender would be answered to ourselves for ever. */
static void test_the_listener_does_not_talk_to_itself(void **state)
{
	struct sockaddr_in self, from;
	socklen_t size = sizeof(self);

	stage_open_udp(1);
	assert_int_equal(getsockname(stage.listening[0], (struct sockaddr *)&self, &size), 0);
	assert_int_equal(sendto(stage.listening[0], "loop", 4, 0, (struct sockaddr *)&self, size),
			 4);
	assert_int_equal(target_of("loop", &from), NOBODY);
	assert_int_equal(stage_counter(COUNTER_UDP_DROPPED), 1);
	stage_close();
}

static void test_descriptors_out_drops_new_flows_only(void **state)
{
	int clients[8];

	stage_open_udp(1);
	/* Two listening sockets, three to the target. */
	stage.workers[0].descriptors->roof = 6;
	for (unsigned i = 0; i < 8; i++)
		clients[i] = client_open(0, 1 + i);
	for (unsigned i = 0; i < 3; i++)
		exchange(clients[i]);
	for (unsigned i = 3; i < 8; i++) {
		assert_int_equal(send(clients[i], "x", 1, 0), 1);
		stage_turn();
	}
	assert_int_equal(stage_counter(COUNTER_UDP_FLOWS_FULL), 5);
	for (unsigned i = 0; i < 3; i++)
		exchange(clients[i]);
	assert_int_equal(stage_open_connections(), 3);
	for (unsigned i = 0; i < 8; i++)
		close(clients[i]);
	stage_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_flow_keeps_its_target),
		cmocka_unit_test(test_only_the_target_is_heard),
		cmocka_unit_test(test_the_client_address_is_pinned),
		cmocka_unit_test(test_after_silence_it_is_scheduled_afresh),
		cmocka_unit_test(test_answers_end_the_flow),
		cmocka_unit_test(test_silence_ends_the_flow),
		cmocka_unit_test(test_a_full_table_keeps_live_flows),
		cmocka_unit_test(test_max_conn_and_max_cps),
		cmocka_unit_test(test_an_unreachable_target_is_left),
		cmocka_unit_test(test_a_target_that_dies_ends_its_flows),
		cmocka_unit_test(test_flows_of_a_removed_target_end),
		cmocka_unit_test(test_weight_0_leaves_flows_alone),
		cmocka_unit_test(test_reschedule_switches_cut),
		cmocka_unit_test(test_turning_persistence_off),
		cmocka_unit_test(test_a_deleted_listener_lets_go),
		cmocka_unit_test(test_a_stopping_worker_passes_answers_on),
		cmocka_unit_test(test_answers_that_end_a_stopping_worker_arrive),
		cmocka_unit_test(test_grace_ends_flows),
		cmocka_unit_test(test_the_listener_does_not_talk_to_itself),
		cmocka_unit_test(test_descriptors_out_drops_new_flows_only),
	};

	stage_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

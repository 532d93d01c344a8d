/* SPDX-License-Identifier: Apache-2.0 */
/* The life of TCP connections at layer 4: bytes, ends, other tries, timeouts, roofs. */
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_bytes_go_both_ways(void **state)
{
	unsigned which;
	int client, target;

	stage_open(2);
	client = client_connect(0, 1);
	send_text(client, "hello");
	target = targets_accept(&which);
	assert_reads(target, "hello");
	send_text(target, "world");
	assert_reads(client, "world");
	assert_int_equal(stage_open_connections(), 1);
	assert_int_equal(stage_active(which), 1);
	close(client);
	assert_int_equal(read_end(target), 0);
	close(target);
	stage_turn();
	assert_int_equal(stage_open_connections(), 0);
	assert_int_equal(stage_active(which), 0);
	assert_int_equal(stage_counter(COUNTER_CONNECTIONS), 1);
	assert_int_equal(stage_counter(COUNTER_L4_CLOSED), 1);
	stage_close();
}

static void test_a_target_may_speak_first(void **state)
{
	unsigned which;
	int client, target;

	stage_open(1);
	client = client_connect(0, 1);
	target = targets_accept(&which);
	send_text(target, "220 ready");
	assert_reads(client, "220 ready");
	close(target);
	assert_int_equal(read_end(client), 0);
	send_text(client, "x"); /* meets a closed target */
	stage_turn();
	assert_int_equal(send(client, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(stage_counter(COUNTER_TARGET_RESET), 1);
	close(client);
	stage_close();
}

static void test_one_side_may_end_first(void **state)
{
	unsigned which;
	int ends[2];

	for (int first = 0; first < 2; first++) {
		stage_open(1);
		ends[0] = client_connect(0, 1);
		ends[1] = targets_accept(&which);
		send_text(ends[first], "last words");
		shutdown(ends[first], SHUT_WR);
		assert_reads(ends[!first], "last words");
		assert_int_equal(read_end(ends[!first]), 0);
		for (int i = 0; i < 3; i++) {
			send_text(ends[!first], "answer");
			assert_reads(ends[first], "answer");
		}
		close(ends[!first]);
		assert_int_equal(read_end(ends[first]), 0);
		close(ends[first]);
		stage_turn();
		assert_int_equal(stage_counter(COUNTER_L4_CLOSED), 1);
		stage_close();
	}
}

static void test_a_client_may_end_before_its_target_answers(void **state)
{
	int client, target;
	unsigned which;

	stage_open(1);
	client = client_connect(0, 1);
	assert_int_equal(send(client, "request", 7, MSG_NOSIGNAL), 7);
	shutdown(client, SHUT_WR);
	target = targets_accept(&which);
	assert_reads(target, "request");
	assert_int_equal(read_end(target), 0);
	send_text(target, "answer");
	close(target);
	assert_reads(client, "answer");
	assert_int_equal(read_end(client), 0);
	close(client);
	stage_close();
}

static void test_resets_are_passed_on(void **state)
{
	unsigned which;
	int ends[2];

	for (int first = 0; first < 2; first++) {
		stage_open(1);
		ends[0] = client_connect(0, 1);
		ends[1] = targets_accept(&which);
		send_text(ends[0], "a");
		assert_reads(ends[1], "a");
		close_reset(ends[first]);
		assert_int_equal(read_end(ends[!first]), ECONNRESET);
		close(ends[!first]);
		assert_int_equal(stage_counter(COUNTER_CLIENT_RESET), first == 0);
		assert_int_equal(stage_counter(COUNTER_TARGET_RESET), first == 1);
		assert_int_equal(stage_counter(COUNTER_L4_CLOSED), 0);
		assert_int_equal(stage_active(0), 0);
		stage_close();
	}
}

static void test_words_before_a_reset_arrive(void **state)
{
	unsigned which;
	int client, target;

	stage_open(1);
	client = client_connect(0, 1);
	target = targets_accept(&which);
	send_text(client, "never read");
	assert_int_equal(send(target, "answer", 6, MSG_NOSIGNAL), 6);
	close(target); /* over unread bytes: a reset right behind the answer */
	stage_turn();
	assert_reads(client, "answer");
	assert_int_equal(read_end(client), ECONNRESET);
	close(client);
	assert_int_equal(stage_counter(COUNTER_TARGET_RESET), 1);
	stage_close();
}

static void target_stop(unsigned i)
{
	close(stage.target_fds[i]);
	stage.target_fds[i] = -1;
}

static void test_another_target_is_tried(void **state)
{
	int client, target;

	stage_open(3);
	target_stop(0);
	target_stop(1);
	client = client_connect(0, 1);
	send_text(client, "kept");
	target = target_accept(2);
	assert_reads(target, "kept");
	assert_int_equal(stage_counter(COUNTER_CONNECT_FAILED), 2);
	assert_int_equal(stage_counter(COUNTER_RETRIES), 2);
	assert_int_equal(stage_active(0), 0);
	assert_int_equal(stage_active(1), 0);
	assert_int_equal(stage_active(2), 1);
	close(client);
	close(target);
	stage_close();
}

static void test_when_all_fail_the_client_is_reset(void **state)
{
	int client;

	stage_open(4);
	for (unsigned i = 0; i < 4; i++)
		target_stop(i);
	client = client_connect(0, 1);
	assert_int_equal(read_end(client), ECONNRESET);
	close(client);
	assert_int_equal(stage_counter(COUNTER_CONNECT_FAILED), L4_CONNECT_TRIES);
	assert_int_equal(stage_counter(COUNTER_L4_NOT_CONNECTED), 1);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(stage_active(i), 0);
	stage_close();
}

static void test_without_targets_the_client_is_reset(void **state)
{
	int client;

	for (unsigned targets = 0; targets < 2; targets++) {
		stage_open(targets);
		if (targets) {
			stage.listener->targets[0]->weight = 0;
			stage_publish();
		}
		client = client_connect(0, 1);
		assert_int_equal(read_end(client), ECONNRESET);
		close(client);
		assert_int_equal(stage_counter(COUNTER_NO_TARGET), 1);
		assert_int_equal(stage_counter(COUNTER_L4_NOT_CONNECTED), 1);
		stage_close();
	}
}

/* A target whose backlog is full answers no handshake. */
static void backlog_fill(unsigned i, int *fds, unsigned count)
{
	struct sockaddr_storage to;
	socklen_t size = address_to_sockaddr(&stage.targets[i], &to);

	assert_int_equal(listen(stage.target_fds[i], 0), 0);
	for (unsigned k = 0; k < count; k++) {
		fds[k] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fds[k], (struct sockaddr *)&to, size);
	}
}

static void test_a_silent_target_is_given_up(void **state)
{
	int fds[4], client, target;

	stage_open(2);
	backlog_fill(0, fds, 4);
	client = client_connect(0, 1);
	stage_advance_ms(L4_CONNECT_TIMEOUT_MS - 200);
	stage_turn();
	assert_int_equal(stage_counter(COUNTER_CONNECT_TIMEOUT), 0);
	stage_advance_ms(400);
	target = target_accept(1);
	assert_int_equal(stage_counter(COUNTER_CONNECT_TIMEOUT), 1);
	send_text(client, "x");
	assert_reads(target, "x");
	close(client);
	close(target);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	stage_close();
}

static void test_a_client_that_leaves_early_is_forgotten(void **state)
{
	int fds[4], client;

	stage_open(1);
	backlog_fill(0, fds, 4);
	client = client_connect(0, 1);
	assert_int_equal(stage_open_connections(), 1);
	close_reset(client);
	stage_turn();
	assert_int_equal(stage_open_connections(), 0);
	assert_int_equal(stage_counter(COUNTER_CLIENT_RESET), 1);
	assert_int_equal(stage_active(0), 0);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	stage_close();
}

static void test_silence_ends_both(void **state)
{
	unsigned which;
	int client, target;

	stage_open(1);
	client = client_connect(0, 1);
	target = targets_accept(&which);
	for (int i = 0; i < 4; i++) {
		stage_advance_ms(800 * 1000);
		stage_turn();
		send_text(i % 2 ? client : target, "x");
		assert_reads(i % 2 ? target : client, "x");
	}
	stage_advance_ms(TCP_IDLE_TIMEOUT_S * 1000 - 500);
	stage_turn();
	assert_int_equal(stage_open_connections(), 1);
	stage_advance_ms(1000);
	stage_turn();
	assert_int_equal(stage_open_connections(), 0);
	assert_int_equal(read_end(client), ECONNRESET);
	assert_int_equal(read_end(target), ECONNRESET);
	assert_int_equal(stage_counter(COUNTER_L4_IDLE), 1);
	close(client);
	close(target);
	stage_close();
}

static void test_max_conn_refuses_by_reset(void **state)
{
	int clients[4], target;
	unsigned which;

	stage_open(1);
	stage.listener->layer4.max_conn = 3;
	stage_publish();
	for (unsigned i = 0; i < 4; i++)
		clients[i] = client_connect(i % 2, 1 + i);
	assert_int_equal(read_end(clients[3]), ECONNRESET);
	assert_int_equal(stage_open_connections(), 3);
	assert_int_equal(stage_counter(COUNTER_REFUSED_MAX_CONN), 1);
	close(clients[3]);
	target = targets_accept(&which);
	close(clients[0]);
	assert_int_equal(read_end(target), 0);
	close(target);
	stage_turn();
	assert_int_equal(stage_open_connections(), 2);
	clients[0] = client_connect(0, 1);
	assert_int_equal(stage_open_connections(), 3);
	for (unsigned i = 0; i < 3; i++)
		close(clients[i]);
	stage_close();
}

static void test_max_cps_counts_seconds(void **state)
{
	int clients[10];

	stage_open(1);
	stage.listener->layer4.max_cps = 4;
	stage_publish();
	stage_advance_ms(1000 - (int64_t)(clock_boot_ms() % 1000));
	for (unsigned i = 0; i < 5; i++)
		clients[i] = client_connect(i % 2, 1);
	assert_int_equal(read_end(clients[4]), ECONNRESET);
	assert_int_equal(stage_counter(COUNTER_REFUSED_MAX_CPS), 1);
	assert_int_equal(stage_open_connections(), 4);
	stage_advance_ms(1000);
	for (unsigned i = 5; i < 9; i++)
		clients[i] = client_connect(i % 2, 1);
	assert_int_equal(stage_open_connections(), 8);
	assert_int_equal(stage_counter(COUNTER_CONNECTIONS), 8);
	for (unsigned i = 0; i < 9; i++)
		close(clients[i]);
	stage_close();
}

static void test_grace_ends_what_is_left(void **state)
{
	unsigned which;
	int client, target;

	stage_open(1);
	client = client_connect(0, 1);
	target = targets_accept(&which);
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		worker_ask_to_stop(&stage.workers[i], 5000);
	stage_turn();
	stage_advance_ms(4000);
	stage_turn();
	send_text(client, "still");
	assert_reads(target, "still");
	stage_advance_ms(1200);
	stage_turn();
	assert_int_equal(read_end(client), ECONNRESET);
	assert_int_equal(read_end(target), ECONNRESET);
	assert_int_equal(stage_counter(COUNTER_L4_STOPPED), 1);
	close(client);
	close(target);
	stage_close();
}

/* Both directions at once, from readers that sometimes do not read. */
static void test_bulk_is_whole(void **state)
{
	static const size_t size = 24 << 20;
	static unsigned char block[1 << 17];
	size_t sent[2] = { 0 }, got[2] = { 0 };
	unsigned which;
	int ends[2];

	stage_open(1);
	ends[0] = client_connect(0, 1);
	ends[1] = targets_accept(&which);
	srand(4711);
	for (int turn = 0; got[0] < size || got[1] < size; turn++) {
		for (int i = 0; i < 2; i++) {
			size_t part =
				size - sent[i] < sizeof(block) ? size - sent[i] : sizeof(block);
			ssize_t count;

			for (size_t k = 0; k < part; k++)
				block[k] = (unsigned char)((sent[i] + k) / 7 + (size_t)i);
			count = part ? send(ends[i], block, part, MSG_NOSIGNAL) : 0;
			sent[i] += count > 0 ? (size_t)count : 0;
			if (sent[i] == size && part)
				shutdown(ends[i], SHUT_WR);
			if (rand() % 3 == 0)
				continue;
			count = read(ends[!i], block, sizeof(block) - (size_t)(rand() % 100000));
			for (ssize_t k = 0; k < count; k++)
				if (block[k] !=
				    (unsigned char)((got[i] + (size_t)k) / 7 + (size_t)i))
					fail_msg("byte %zu differs", got[i] + (size_t)k);
			got[i] += count > 0 ? (size_t)count : 0;
		}
		stage_turn();
		assert_true(turn < 100000);
	}
	assert_int_equal(read_end(ends[0]), 0);
	assert_int_equal(read_end(ends[1]), 0);
	assert_int_equal(stage_counter(COUNTER_L4_CLOSED), 1);
	close(ends[0]);
	close(ends[1]);
	stage_close();
}

static void test_targets_are_told_who_comes(void **state)
{
	unsigned char header[28];
	unsigned which;
	int client, target;

	stage_open(1);
	stage.listener->layer4.has_proxy_protocol = true;
	stage_publish();
	client = client_connect(0, 7);
	send_text(client, "behind it");
	target = targets_accept(&which);
	assert_int_equal(read(target, header, sizeof(header)), sizeof(header));
	assert_memory_equal(header, "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x07\x7f\0\0\x01",
			    24);
	assert_int_equal(header[26] << 8 | header[27], stage.address.port);
	assert_reads(target, "behind it");
	close(client);
	close(target);
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
		cmocka_unit_test(test_bytes_go_both_ways),
		cmocka_unit_test(test_a_target_may_speak_first),
		cmocka_unit_test(test_one_side_may_end_first),
		cmocka_unit_test(test_a_client_may_end_before_its_target_answers),
		cmocka_unit_test(test_resets_are_passed_on),
		cmocka_unit_test(test_words_before_a_reset_arrive),
		cmocka_unit_test(test_another_target_is_tried),
		cmocka_unit_test(test_when_all_fail_the_client_is_reset),
		cmocka_unit_test(test_without_targets_the_client_is_reset),
		cmocka_unit_test(test_a_silent_target_is_given_up),
		cmocka_unit_test(test_a_client_that_leaves_early_is_forgotten),
		cmocka_unit_test(test_silence_ends_both),
		cmocka_unit_test(test_max_conn_refuses_by_reset),
		cmocka_unit_test(test_max_cps_counts_seconds),
		cmocka_unit_test(test_grace_ends_what_is_left),
		cmocka_unit_test(test_bulk_is_whole),
		cmocka_unit_test(test_targets_are_told_who_comes),
	};

	return cmocka_run_group_tests_name("proxy_tcp", tests, setup, NULL);
}

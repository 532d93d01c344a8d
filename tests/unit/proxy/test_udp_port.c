/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of sockets towards UDP targets, under invented time: who shares a socket, how long a
 * lane rests, what happens when descriptors are out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proxy/udp_port.h"
#include "proxy/worker.h"

#define FLOWS 400
#define TARGETS 5
#define STEPS 60000

static struct worker worker;
static struct descriptors descriptors;
static struct udp_ports ports;
static struct address targets[TARGETS];
static uint64_t random_state = 7;

static uint32_t random_next(uint32_t below)
{
	/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)(random_state * 0x2545f4914f6cdd1dull >> 33) % below;
}

static void ready(struct io_source *source)
{
}

static int set_up(void **state)
{
	const char *texts[TARGETS] = { "127.0.0.1:9", "127.0.0.2:9", "127.0.0.1:10", "[::1]:9",
				       "[::1]:10" };

	memset(&worker, 0, sizeof(worker));
	worker.now_ms = 1000000;
	worker.io = io_new();
	worker.descriptors = &descriptors;
	descriptors = (struct descriptors){ .roof = 4000 };
	timer_wheel_init(&worker.wheel, worker.now_ms);
	for (int i = 0; i < TARGETS; i++)
		assert_int_equal(address_parse(bytes_of(texts[i]), &targets[i]), 0);
	return upstream_table_init(&worker.upstreams) | udp_ports_init(&ports, &worker, ready);
}

static int tear_down(void **state)
{
	udp_ports_done(&ports);
	upstream_table_done(&worker);
	io_free(worker.io);
	return (int)descriptors.used;
}

static void advance(uint64_t ms)
{
	worker.now_ms += ms;
	timer_wheel_run(&worker.wheel, worker.now_ms);
}

/* Only the pool's own use of it matters: flows are told apart by their address in memory. */
static struct udp_flow *flow_number(int i)
{
	static char flows[FLOWS];

	return (struct udp_flow *)&flows[i];
}

static struct udp_path path_open(int target, int flow)
{
	struct udp_path path = { 0 };

	assert_int_equal(udp_path_open(&ports, &targets[target], flow_number(flow), &path), 0);
	assert_true(path.port->source.fd >= 0);
	return path;
}

static struct udp_flow *flow_at(const struct udp_port *port, int target)
{
	union datagram_address address;

	assert_int_equal(datagram_address_from(&targets[target], &address), 0);
	return udp_port_flow(port, &address);
}

static void test_targets_share_sockets(void **state)
{
	struct udp_path paths[9];

	for (int i = 0; i < 9; i++)
		paths[i] = path_open(i % 3, i);
	/* Three flows to each of three targets: three sockets. */
	assert_int_equal(ports.open_count, 3);
	assert_int_equal(descriptors.used, 3);
	for (int i = 0; i < 9; i++) {
		assert_ptr_equal(flow_at(paths[i].port, i % 3), flow_number(i));
		for (int j = 0; j < i; j++)
			assert_false(paths[i].port == paths[j].port &&
				     paths[i].peer == paths[j].peer);
	}
	assert_null(flow_at(paths[0].port, 3)); /* never asked */
	for (int i = 0; i < 9; i++) {
		struct udp_port *port = paths[i].port;

		udp_path_close(&paths[i], true);
		assert_null(paths[i].peer);
		assert_null(flow_at(port, i % 3));
		udp_path_close(&paths[i], true); /* leads nowhere */
	}
}

static void test_families_have_sockets_of_their_own(void **state)
{
	struct udp_path four = path_open(0, 0), six = path_open(3, 1);

	assert_ptr_not_equal(four.port, six.port);
	assert_int_equal(ports.open_count, 2);
	udp_path_close(&four, true);
	udp_path_close(&six, true);
}

static void test_a_lane_rests(void **state)
{
	struct udp_path path = path_open(0, 0), next;
	struct udp_port *first = path.port;

	udp_path_close(&path, true);
	next = path_open(0, 1); /* in the same moment: another socket */
	assert_ptr_not_equal(next.port, first);
	advance(UDP_REST_ANSWERED_MS);
	path = path_open(0, 2);
	assert_ptr_equal(path.port, first);
	udp_path_close(&path, false);
	advance(UDP_REST_OPEN_MS - 1000);
	path = path_open(0, 3);
	assert_ptr_not_equal(path.port, first);
	udp_path_close(&next, true);
	udp_path_close(&path, true);
	/* Another target's lane on the same socket does not wait for it. */
	path = path_open(1, 4);
	assert_ptr_equal(path.port, first);
	udp_path_close(&path, true);
}

static void test_answered_flows_need_few_sockets(void **state)
{
	for (int i = 0; i < 20000; i++) { /* 20 a millisecond */
		struct udp_path path = path_open(0, i % FLOWS);

		udp_path_close(&path, true);
		if (i % 20 == 0)
			advance(1);
	}
	assert_true(ports.open_count <= 20 * (UDP_REST_ANSWERED_MS + 2));
}

static unsigned local_port(const struct udp_port *port)
{
	union datagram_address local = { 0 };
	socklen_t size = sizeof(local);

	assert_int_equal(getsockname(port->source.fd, &local.any, &size), 0);
	return local.ipv4.sin_port;
}

static void test_at_the_roof_a_resting_lane_gets_a_new_socket(void **state)
{
	struct udp_path paths[30], path = { 0 };
	unsigned before;

	descriptors.roof = 40; /* a quarter of it is not for us */
	for (int i = 0; i < 30; i++) {
		paths[i] = path_open(0, i);
		sendto(paths[i].port->source.fd, "", 0, 0, &paths[i].peer->address.any,
		       sizeof(struct sockaddr_in));
	}
	assert_int_equal(udp_path_open(&ports, &targets[0], flow_number(30), &path), -EMFILE);
	assert_null(path.peer);
	before = local_port(paths[7].port);
	assert_true(before);
	udp_path_close(&paths[7], false);
	path = path_open(0, 31);
	assert_int_equal(ports.open_count, 30);
	assert_int_equal(descriptors.used, 30);
	assert_int_equal(local_port(path.port), 0); /* not bound yet: a new one */
	paths[7] = path;
	/* One whose socket somebody else uses has to rest. */
	path = path_open(1, 32);
	udp_path_close(&paths[path.port->index], false);
	assert_int_equal(udp_path_open(&ports, &targets[0], flow_number(33), &paths[0]), -EMFILE);
	for (int i = 0; i < 30; i++)
		udp_path_close(&paths[i], true);
	udp_path_close(&path, true);
}

static void test_idle_sockets_are_given_back(void **state)
{
	struct udp_path paths[50], kept = path_open(1, 0);

	for (int i = 0; i < 50; i++)
		paths[i] = path_open(0, i + 1);
	for (int i = 0; i < 50; i++)
		udp_path_close(&paths[i], false);
	assert_int_equal(descriptors.used, 50);
	udp_ports_shed(&ports);
	assert_int_equal(descriptors.used, 1);
	assert_true(kept.port->source.fd >= 0);
	for (int i = 0; i < 50; i++)
		paths[i] = path_open(2, i + 1); /* closed ones are opened again */
	assert_int_equal(descriptors.used, 50);
	for (int i = 0; i < 50; i++)
		udp_path_close(&paths[i], true);
	for (int i = 0; i < 10; i++)
		advance(10000);
	assert_int_equal(descriptors.used, 1);
	assert_int_equal(ports.peer_count, 1);
	udp_path_close(&kept, true);
	for (int i = 0; i < 20; i++)
		advance(10000);
	assert_int_equal(descriptors.used, 0);
	assert_int_equal(ports.peer_count, 0);
	assert_int_equal(ports.trim_timer.deadline_ms, 0);
}

/* Whatever happens: a (socket, target) carries one flow, and nobody finds another's. */
static void test_lanes_are_never_shared(void **state)
{
	static struct udp_path paths[FLOWS];
	static int target_of[FLOWS];
	int refused = 0;

	descriptors.roof = 200;
	for (int step = 0; step < STEPS; step++) {
		int i = (int)random_next(FLOWS);

		if (paths[i].peer) {
			assert_ptr_equal(flow_at(paths[i].port, target_of[i]), flow_number(i));
			udp_path_close(&paths[i], random_next(2));
		} else {
			int target = (int)random_next(TARGETS);

			target_of[i] = target;
			if (udp_path_open(&ports, &targets[target], flow_number(i), &paths[i]) < 0)
				refused++;
			else
				assert_ptr_equal(flow_at(paths[i].port, target), flow_number(i));
		}
		assert_true(descriptors.used <= 150);
		assert_int_equal(descriptors.used, ports.open_count);
		if (random_next(50) == 0)
			advance(random_next(2000));
		if (random_next(5000) == 0)
			udp_ports_shed(&ports);
	}
	assert_true(refused < STEPS / 1000);
	for (int i = 0; i < FLOWS; i++)
		udp_path_close(&paths[i], true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_targets_share_sockets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_families_have_sockets_of_their_own, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_lane_rests, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_answered_flows_need_few_sockets, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_at_the_roof_a_resting_lane_gets_a_new_socket,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_idle_sockets_are_given_back, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_lanes_are_never_shared, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

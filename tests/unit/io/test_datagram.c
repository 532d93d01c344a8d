/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of datagrams over real loopback sockets: whole, in order, from the right address, and
 * what the network says about those that were lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/datagram.h"

#define LARGEST_IPV4 65507
#define LARGEST_IPV6 65527

static struct datagram_batch *batch;
static uint64_t random_state = 12345;

static uint32_t random_next(uint32_t below)
{
	/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)(random_state * 0x2545f4914f6cdd1dull >> 33) % below;
}

static int set_up(void **state)
{
	batch = datagram_batch_new();
	return batch ? 0 : -1;
}

static int tear_down(void **state)
{
	batch = datagram_batch_free(batch);
	return 0;
}

/* A socket at `ip`, any port; *ret is where it can be reached. */
static int socket_at(const char *ip, union datagram_address *ret)
{
	struct address address;
	socklen_t size = sizeof(*ret);
	int buffer = 4 << 20;
	int fd;

	assert_int_equal(address_parse_ip(bytes_of(ip), &address), 0);
	assert_int_equal(datagram_address_from(&address, ret), 0);
	fd = socket(ret->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	assert_int_equal(bind(fd, &ret->any, datagram_address_size(ret)), 0);
	assert_int_equal(getsockname(fd, &ret->any, &size), 0);
	return fd;
}

/* Waits for `count` datagrams at fd. */
static struct datagram *receive(int fd, int count)
{
	struct datagram *first = NULL, *datagrams;
	int got = 0;

	while (got < count) {
		struct pollfd waiting = { .fd = fd, .events = POLLIN };
		int more;

		assert_int_equal(poll(&waiting, 1, 2000), 1);
		more = datagram_receive(batch, fd, DATAGRAM_BATCH, &datagrams);
		assert_true(more > 0);
		if (!got)
			first = datagrams;
		got += more;
	}
	assert_int_equal(got, count);
	return first;
}

static unsigned flush(void)
{
	const struct datagram_out *outs;
	unsigned count;

	return datagram_flush(batch, &outs, &count);
}

static void fill(char *data, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 31 + seed);
}

static void echo_sizes(const char *ip, size_t largest)
{
	const size_t sizes[] = { 0, 1, 512, 1452, 1472, 1473, 4096, 9000, largest };
	static char data[DATAGRAM_MOST], got[DATAGRAM_MOST];
	union datagram_address here, there;
	int near = socket_at(ip, &here), far = socket_at(ip, &there);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct datagram *datagram;

		fill(data, sizes[i], (unsigned)i);
		assert_int_equal(
			sendto(far, data, sizes[i], 0, &here.any, datagram_address_size(&here)),
			sizes[i]);
		datagram = receive(near, 1);
		assert_int_equal(datagram->size, sizes[i]);
		assert_false(datagram->is_cut);
		assert_memory_equal(datagram->data, data, sizes[i]);
		assert_memory_equal(&datagram->from, &there, sizeof(there));
		datagram_put(batch,
			     &(struct datagram_out){
				     .fd = near, .datagram = datagram, .to = datagram->from },
			     NULL);
		assert_int_equal(flush(), 0);
		assert_int_equal(recv(far, got, sizeof(got), 0), sizes[i]);
		assert_memory_equal(got, data, sizes[i]);
	}
	close(near);
	close(far);
}

static void test_every_size_both_ways(void **state)
{
	echo_sizes("127.0.0.1", LARGEST_IPV4);
	echo_sizes("::1", LARGEST_IPV6);
}

static void test_one_at_a_time(void **state)
{
	static char data[LARGEST_IPV4];
	union datagram_address here, there;
	int near = socket_at("127.0.0.1", &here), far = socket_at("127.0.0.1", &there);
	const size_t sizes[] = { 0, 5, LARGEST_IPV4 };
	struct datagram *datagram;

	fill(data, sizeof(data), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sendto(far, data, sizes[i], 0, &here.any, sizeof(here.ipv4)),
				 sizes[i]);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(datagram_receive(batch, near, 1, &datagram), 1);
		assert_int_equal(datagram->size, sizes[i]);
		assert_false(datagram->is_cut);
		assert_memory_equal(&datagram->from, &there, sizeof(there));
		assert_memory_equal(datagram->data, data, sizes[i]);
	}
	assert_int_equal(datagram_receive(batch, near, 1, &datagram), -EAGAIN);
	assert_int_equal(datagram_room(batch), DATAGRAM_BATCH - 3);
	assert_int_equal(flush(), 0);
	close(near);
	close(far);
}

static void test_none_waits(void **state)
{
	union datagram_address here;
	struct datagram *datagrams;
	int fd = socket_at("127.0.0.1", &here);

	assert_int_equal(datagram_receive(batch, fd, DATAGRAM_BATCH, &datagrams), -EAGAIN);
	assert_int_equal(datagram_room(batch), DATAGRAM_BATCH);
	close(fd);
}

#define PEERS 3

/* Runs of one size to one peer may travel together; nobody must be able to tell. */
static void one_mix(int near, const union datagram_address *here, const int *fars,
		    const union datagram_address *theres)
{
	static char data[DATAGRAM_BATCH][2000];
	size_t sizes[DATAGRAM_BATCH];
	unsigned to[DATAGRAM_BATCH];
	unsigned count = 1 + random_next(DATAGRAM_BATCH);
	int sender = socket(here->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct datagram *datagrams;

	for (unsigned i = 0; i < count; i++) {
		bool is_run = i && random_next(4);

		sizes[i] = is_run ? sizes[i - 1] : random_next(4) ? random_next(1500) : 0;
		if (is_run && random_next(8) == 0)
			sizes[i] = sizes[i] / 2;
		to[i] = is_run ? to[i - 1] : random_next(PEERS);
		fill(data[i], sizes[i], random_next(256));
		assert_true(sendto(sender, data[i], sizes[i], 0, &here->any,
				   datagram_address_size(here)) >= 0);
	}
	datagrams = receive(near, (int)count);
	assert_int_equal(datagram_room(batch), DATAGRAM_BATCH - count);
	for (unsigned i = 0; i < count; i++)
		datagram_put(batch,
			     &(struct datagram_out){
				     .fd = near, .datagram = &datagrams[i], .to = theres[to[i]] },
			     NULL);
	assert_int_equal(flush(), 0);
	assert_int_equal(datagram_room(batch), DATAGRAM_BATCH);
	for (unsigned i = 0; i < count; i++) {
		char got[4000];

		assert_int_equal(recv(fars[to[i]], got, sizeof(got), 0), sizes[i]);
		assert_memory_equal(got, data[i], sizes[i]);
	}
	close(sender);
}

static void test_mixed_batches_stay_whole_and_in_order(void **state)
{
	const char *ips[] = { "127.0.0.1", "::1" };

	for (int family = 0; family < 2; family++) {
		union datagram_address here, theres[PEERS];
		int near = socket_at(ips[family], &here), fars[PEERS];
		char byte;

		for (int i = 0; i < PEERS; i++)
			fars[i] = socket_at(ips[family], &theres[i]);
		for (int i = 0; i < 300; i++)
			one_mix(near, &here, fars, theres);
		for (int i = 0; i < PEERS; i++) {
			assert_int_equal(recv(fars[i], &byte, 1, 0), -1); /* and no more */
			close(fars[i]);
		}
		close(near);
	}
}

static void answer_from(const char *any, const char *ip)
{
	union datagram_address here, asked, from;
	struct address address;
	socklen_t size = sizeof(from);
	int near = socket_at(any, &here);
	int far = socket(here.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct datagram *datagrams;
	char got[8];

	datagram_prepare(near, here.any.sa_family, true);
	assert_int_equal(address_parse_ip(bytes_of(ip), &address), 0);
	address.port = ntohs(here.ipv4.sin_port);
	assert_int_equal(datagram_address_from(&address, &asked), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			sendto(far, "ask", 3, 0, &asked.any, datagram_address_size(&asked)), 3);
	datagrams = receive(near, 3);
	for (int i = 0; i < 3; i++)
		datagram_put(batch,
			     &(struct datagram_out){ .fd = near,
						     .datagram = &datagrams[i],
						     .to = datagrams[i].from },
			     &datagrams[i].to);
	assert_int_equal(flush(), 0);
	for (int i = 0; i < 3; i++) {
		memset(&from, 0, sizeof(from));
		assert_int_equal(recvfrom(far, got, sizeof(got), 0, &from.any, &size), 3);
		assert_memory_equal(&from, &asked, sizeof(from));
	}
	close(near);
	close(far);
}

static void test_answers_leave_from_the_address_asked(void **state)
{
	answer_from("0.0.0.0", "127.0.0.1");
	answer_from("0.0.0.0", "127.0.0.77");
	answer_from("::", "::1");
}

static void test_too_long_a_datagram_is_dropped_alone(void **state)
{
	static char data[LARGEST_IPV6];
	union datagram_address six, there;
	int near6 = socket_at("::1", &six), far = socket_at("127.0.0.1", &there);
	int out = datagram_open(AF_INET);
	const struct datagram_out *outs;
	struct datagram *datagrams;
	unsigned count;
	char got[8];

	assert_true(out >= 0);
	assert_int_equal(sendto(near6, "a", 1, 0, &six.any, sizeof(six.ipv6)), 1);
	assert_int_equal(sendto(near6, data, sizeof(data), 0, &six.any, sizeof(six.ipv6)),
			 sizeof(data));
	assert_int_equal(sendto(near6, "c", 1, 0, &six.any, sizeof(six.ipv6)), 1);
	datagrams = receive(near6, 3);
	for (unsigned i = 0; i < 3; i++)
		datagram_put(
			batch,
			&(struct datagram_out){
				.fd = out, .mark = 7 + i, .datagram = &datagrams[i], .to = there },
			NULL);
	assert_int_equal(datagram_flush(batch, &outs, &count), 1);
	assert_int_equal(count, 3);
	assert_int_equal(outs[0].error, 0);
	assert_int_equal(outs[1].error, -EMSGSIZE);
	assert_int_equal(outs[1].mark, 8);
	assert_int_equal(outs[2].error, 0);
	assert_int_equal(recv(far, got, sizeof(got), 0), 1);
	assert_int_equal(got[0], 'a');
	assert_int_equal(recv(far, got, sizeof(got), 0), 1);
	assert_int_equal(got[0], 'c');
	close(near6);
	close(far);
	close(out);
}

static void put_text(int out, int feeder, const union datagram_address *feed,
		     const union datagram_address *to)
{
	struct datagram *datagram;

	assert_int_equal(sendto(feeder, "x", 1, 0, &feed->any, datagram_address_size(feed)), 1);
	datagram = receive(feeder, 1);
	datagram_put(batch, &(struct datagram_out){ .fd = out, .datagram = datagram, .to = *to },
		     NULL);
}

static void one_unreachable(const char *ip)
{
	union datagram_address feed, dead, there;
	int feeder = socket_at(ip, &feed), far = socket_at(ip, &there);
	int gone = socket_at(ip, &dead);
	int out = datagram_open(feed.any.sa_family);
	struct pollfd waiting = { .fd = out };
	struct datagram_error error;
	struct datagram *datagrams;
	char byte;

	assert_true(out >= 0);
	close(gone);
	assert_false(datagram_error(out, &error));
	put_text(out, feeder, &feed, &dead);
	assert_int_equal(flush(), 0);
	assert_int_equal(poll(&waiting, 1, 2000), 1);
	assert_true(waiting.revents & POLLERR);
	/* The next call is told of it, and must not take it for its own fate. */
	put_text(out, feeder, &feed, &there);
	assert_int_equal(flush(), 0);
	assert_int_equal(recv(far, &byte, 1, 0), 1);
	assert_true(datagram_error(out, &error));
	assert_int_equal(error.error, ECONNREFUSED);
	assert_true(error.is_unreachable);
	assert_memory_equal(&error.to, &dead, sizeof(dead));
	assert_false(datagram_error(out, &error));
	assert_int_equal(datagram_receive(batch, out, 1, &datagrams), -EAGAIN);
	close(feeder);
	close(far);
	close(out);
}

static void test_unreachable_peers_are_told_of(void **state)
{
	one_unreachable("127.0.0.1");
	one_unreachable("::1");
}

static void test_addresses(void **state)
{
	union datagram_address raw, again;
	struct address address, back;

	assert_int_equal(address_parse(bytes_of("192.0.2.1:53"), &address), 0);
	assert_int_equal(datagram_address_from(&address, &raw), 0);
	assert_int_equal(datagram_address_size(&raw), sizeof(struct sockaddr_in));
	assert_int_equal(datagram_address_to(&raw, &back), 0);
	assert_true(address_equal(&address, &back));
	assert_int_equal(address_parse(bytes_of("[2001:db8::1]:53"), &address), 0);
	assert_int_equal(datagram_address_from(&address, &raw), 0);
	assert_int_equal(datagram_address_size(&raw), sizeof(struct sockaddr_in6));
	assert_int_equal(datagram_address_to(&raw, &back), 0);
	assert_true(address_equal(&address, &back));
	assert_int_equal(datagram_address_from(&back, &again), 0);
	assert_memory_equal(&raw, &again, sizeof(raw));
	assert_int_equal(datagram_address_from(&(struct address){ 0 }, &raw), -EAFNOSUPPORT);
	assert_int_equal(datagram_address_size(&(union datagram_address){ 0 }), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_size_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_none_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mixed_batches_stay_whole_and_in_order, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_answers_leave_from_the_address_asked, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_too_long_a_datagram_is_dropped_alone, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_unreachable_peers_are_told_of, set_up,
						tear_down),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets on the loopback interface: sharing, conflicts, handover, retirement, the roof
 * of descriptors. */
#include "keeper/socket_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "process/log.h"

#define WORKERS 2

static struct message message;

/* A port that nobody uses at this moment. */
static struct address free_address(const char *ip)
{
	struct address address = { 0 };
	struct sockaddr_storage storage;
	socklen_t size;
	int fd;

	assert_int_equal(address_parse_ip(bytes_of(ip), &address), 0);
	size = address_to_sockaddr(&address, &storage);
	fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&storage, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&storage, &size), 0);
	assert_int_equal(address_from_sockaddr(&storage, &address), 0);
	close(fd);
	return address;
}

/* A stranger's socket; -1 with errno. */
static int open_stranger(const struct address *address, int option, bool does_listen)
{
	struct sockaddr_storage storage;
	socklen_t size = address_to_sockaddr(address, &storage);
	int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (option)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on)), 0);
	if (bind(fd, (struct sockaddr *)&storage, size) < 0 || (does_listen && listen(fd, 5) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int connect_to(const struct address *address)
{
	struct sockaddr_storage storage;
	socklen_t size = address_to_sockaddr(address, &storage);
	int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&storage, size) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A snapshot of listeners only: what the keeper looks at. */
struct wanted {
	struct snapshot snapshot;
	struct snapshot_header header;
	struct snapshot_listener listeners[8];
};

static void want(struct wanted *wanted, uint64_t generation)
{
	memset(wanted, 0, sizeof(*wanted));
	wanted->header.generation = generation;
	wanted->snapshot.header = &wanted->header;
	wanted->snapshot.listeners = wanted->listeners;
}

static void want_listener(struct wanted *wanted, uint64_t number, struct address address)
{
	wanted->listeners[wanted->snapshot.listener_count++] = (struct snapshot_listener){
		.number = number, .address = address, .protocol = PROTOCOL_HTTP
	};
}

static const struct socket_entry *entry_of(const struct socket_set *set, uint64_t number)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->entries[i]->number == number)
			return set->entries[i];
	}
	return NULL;
}

static void listening_sockets_share(void **state)
{
	struct address address = free_address("127.0.0.1");
	int fds[8], clients[64];
	unsigned workers_reached = 0;

	assert_int_equal(sockets_open(&address, false, 8, fds), 0);
	for (int i = 0; i < 64; i++)
		assert_true((clients[i] = connect_to(&address)) >= 0);
	for (int i = 0; i < 8; i++) {
		struct pollfd wait = { .fd = fds[i], .events = POLLIN };

		workers_reached += poll(&wait, 1, 0) == 1;
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		close(fds[i]);
	}
	for (int i = 0; i < 64; i++)
		close(clients[i]);
	assert_true(workers_reached >= 4);
}

static void wait_for_client(const int *fds, int *ret_accepted)
{
	struct pollfd waits[WORKERS];

	for (int i = 0; i < WORKERS; i++)
		waits[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	assert_int_equal(poll(waits, WORKERS, 5000), 1);
	*ret_accepted = accept(waits[0].revents ? fds[0] : fds[1], NULL, NULL);
	assert_true(*ret_accepted >= 0);
}

static void strangers_are_seen(void **state)
{
	static const int options[] = { 0, SO_REUSEADDR, SO_REUSEPORT };
	struct address address = free_address("127.0.0.1"), any = address;
	int fds[WORKERS], client, accepted;

	assert_int_equal(address_parse_ip(BYTES_LITERAL("0.0.0.0"), &any), 0);
	any.port = address.port;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		int stranger = open_stranger(&address, options[i], true);

		assert_true(stranger >= 0);
		assert_int_equal(sockets_open(&address, false, WORKERS, fds), -EADDRINUSE);
		assert_int_equal(sockets_open(&any, false, WORKERS, fds), -EADDRINUSE);
		close(stranger);
	}
	assert_int_equal(sockets_open(&address, false, WORKERS, fds), 0);
	assert_int_equal(open_stranger(&address, SO_REUSEADDR, true), -1);
	/* A connection of this life that ends in TIME_WAIT on our side does not stand in the way of
	 * the next. */
	client = connect_to(&address);
	wait_for_client(fds, &accepted);
	close(accepted);
	close(client);
	for (int i = 0; i < WORKERS; i++)
		close(fds[i]);
	assert_int_equal(sockets_open(&address, false, WORKERS, fds), 0);
	for (int i = 0; i < WORKERS; i++)
		close(fds[i]);
}

static void a_single_socket_is_not_shared(void **state)
{
	struct address address = free_address("127.0.0.1");
	int fd;

	assert_int_equal(sockets_open(&address, false, 1, &fd), 0);
	assert_int_equal(open_stranger(&address, SO_REUSEPORT, true), -1);
	close(fd);
}

static void addresses_that_cannot_be(void **state)
{
	struct address address = free_address("127.0.0.1");
	int fds[WORKERS];

	assert_int_equal(address_parse(BYTES_LITERAL("192.0.2.1:80"), &address), 0);
	assert_int_equal(sockets_open(&address, false, WORKERS, fds), -EADDRNOTAVAIL);
	address.family = ADDRESS_NONE;
	assert_int_equal(sockets_open(&address, false, WORKERS, fds), -EAFNOSUPPORT);
}

static void both_families_on_one_port(void **state)
{
	struct address v4 = free_address("0.0.0.0"), v6;
	int four[WORKERS], six[WORKERS], result;

	assert_int_equal(address_parse_ip(BYTES_LITERAL("::"), &v6), 0);
	v6.port = v4.port;
	result = sockets_open(&v6, false, WORKERS, six);
	if (result == -EAFNOSUPPORT)
		skip();
	assert_int_equal(result, 0);
	assert_int_equal(sockets_open(&v4, false, WORKERS, four), 0);
	for (int i = 0; i < WORKERS; i++) {
		close(four[i]);
		close(six[i]);
	}
}

static void opens_keeps_and_retires(void **state)
{
	struct address a = free_address("127.0.0.1"), b = free_address("127.0.0.2");
	struct socket_set set;
	struct wanted wanted;
	int fd;

	socket_set_init(&set, WORKERS, 100);
	want(&wanted, 1);
	want_listener(&wanted, 7, a);
	want_listener(&wanted, 3, b);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.open_count, 2 * WORKERS);
	assert_true(set.retry_due_ms == UINT64_MAX);
	fd = entry_of(&set, 7)->fds[1];
	want(&wanted, 2);
	want_listener(&wanted, 7, a);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(entry_of(&set, 7)->fds[1], fd);
	assert_int_equal(entry_of(&set, 3)->retired_in, 2);
	/* Served until the proxy has let go. */
	assert_int_equal(socket_set_close_retired(&set, 1), 0);
	fd = connect_to(&b);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(socket_set_close_retired(&set, 2), 1);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.open_count, WORKERS);
	assert_int_equal(connect_to(&b), -1);
	socket_set_done(&set);
	assert_int_equal(connect_to(&a), -1);
}

static void a_new_listener_inherits(void **state)
{
	struct address a = free_address("127.0.0.1"), b = free_address("127.0.0.2");
	struct socket_set set;
	struct wanted wanted;
	int fd, client;

	socket_set_init(&set, WORKERS, 100);
	want(&wanted, 1);
	want_listener(&wanted, 1, a);
	want_listener(&wanted, 2, b);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	fd = entry_of(&set, 1)->fds[0];
	client = connect_to(&a); /* waits in a backlog */
	assert_true(client >= 0);
	want(&wanted, 2); /* 1 goes and 3 comes in one snapshot */
	want_listener(&wanted, 2, b);
	want_listener(&wanted, 3, a);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_null(entry_of(&set, 1));
	assert_int_equal(entry_of(&set, 3)->fds[0], fd);
	assert_int_equal(set.open_count, 2 * WORKERS);
	want(&wanted, 3); /* 3 goes; 4 comes before the proxy let go */
	want_listener(&wanted, 2, b);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	want(&wanted, 4);
	want_listener(&wanted, 2, b);
	want_listener(&wanted, 4, a);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(entry_of(&set, 4)->fds[0], fd);
	assert_int_equal(socket_set_close_retired(&set, 4), 0);
	assert_int_equal(set.count, 2);
	close(client);
	socket_set_done(&set);
}

/* What the other end got: how many sockets, and for which listeners (bits). */
static unsigned receive_sockets(int channel, size_t *ret_count)
{
	unsigned listeners = 0;

	*ret_count = 0;
	while (message_receive(channel, &message) == 1) {
		const struct message_socket *rows = (const struct message_socket *)message.payload;

		assert_int_equal(message.header.type, MESSAGE_SOCKETS);
		assert_int_equal(message.header.size, message.fd_count * sizeof(*rows));
		for (size_t i = 0; i < message.fd_count; i++) {
			listeners |= 1u << rows[i].listener;
			assert_in_range(rows[i].worker, 0, LIMIT_WORKERS - 1);
		}
		*ret_count += message.fd_count;
		message_close_fds(&message);
	}
	return listeners;
}

static void only_news_are_sent(void **state)
{
	struct address a = free_address("127.0.0.1"), b = free_address("127.0.0.2");
	struct socket_set set;
	struct wanted wanted;
	size_t count;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	socket_set_init(&set, 50, 1000); /* three listeners of 50 sockets do not fit one message */
	want(&wanted, 1);
	want_listener(&wanted, 1, a);
	want_listener(&wanted, 2, b);
	want_listener(&wanted, 3, free_address("127.0.0.3"));
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(socket_set_send(&set, ends[0], 1, 1), 0);
	assert_int_equal(receive_sockets(ends[1], &count), 1 << 1 | 1 << 2 | 1 << 3);
	assert_int_equal(count, 150);
	assert_int_equal(socket_set_send(&set, ends[0], 1, 1), 0);
	assert_int_equal(receive_sockets(ends[1], &count), 0);
	want(&wanted, 2); /* 2's sockets become 4's; 3 retires */
	want_listener(&wanted, 1, a);
	want_listener(&wanted, 4, b);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(socket_set_send(&set, ends[0], 2, 1), 0);
	assert_int_equal(receive_sockets(ends[1], &count), 1 << 4);
	want(&wanted, 3); /* 3 was retired and comes back */
	want_listener(&wanted, 3, set.entries[1]->address);
	assert_int_equal(set.entries[1]->number, 3);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(socket_set_send(&set, ends[0], 3, 1), 0);
	assert_int_equal(receive_sockets(ends[1], &count), 1 << 3);
	socket_set_forget_sent(&set, 1); /* a new proxy gets all that is wanted, and only that */
	assert_int_equal(socket_set_send(&set, ends[0], 3, 1), 0);
	assert_int_equal(receive_sockets(ends[1], &count), 1 << 3);
	close(ends[1]);
	socket_set_forget_sent(&set, 1);
	assert_int_equal(socket_set_send(&set, ends[0], 3, 1), -EPIPE);
	close(ends[0]);
	socket_set_done(&set);
}

static void failures_are_reported_and_retried(void **state)
{
	struct address a = free_address("127.0.0.1"), b = free_address("127.0.0.2");
	int stranger = open_stranger(&a, SO_REUSEPORT, true);
	struct message_bind binds[4];
	struct socket_retry retry;
	struct socket_set set;
	struct wanted wanted;

	socket_set_init(&set, WORKERS, 100);
	want(&wanted, 1);
	want_listener(&wanted, 1, a);
	want_listener(&wanted, 2, b);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 1000), 0);
	assert_int_equal(socket_set_binds(&set, binds, 4), 1);
	assert_int_equal(binds[0].listener, 1);
	assert_int_equal(binds[0].error, EADDRINUSE);
	assert_int_equal(socket_set_binds(&set, binds, 0), 1);
	assert_true(set.retry_due_ms == 1000 + SOCKET_RETRY_LEAST_MS);
	for (int i = 0; i < 8; i++) {
		retry = socket_set_retry(&set, 2000);
		assert_int_equal(retry.opened + retry.changed, 0);
	}
	assert_true(set.retry_due_ms == 2000 + SOCKET_RETRY_MOST_MS);
	close(stranger);
	retry = socket_set_retry(&set, 5000);
	assert_int_equal(retry.opened, 1);
	assert_int_equal(retry.changed, 1);
	assert_int_equal(socket_set_binds(&set, binds, 4), 0);
	assert_true(set.retry_due_ms == UINT64_MAX);
	socket_set_done(&set);
}

static void an_own_conflict_ends_with_retirement(void **state)
{
	struct address any = free_address("0.0.0.0"), one;
	struct socket_set set;
	struct wanted wanted;

	assert_int_equal(address_parse_ip(BYTES_LITERAL("127.0.0.1"), &one), 0);
	one.port = any.port;
	socket_set_init(&set, WORKERS, 100);
	want(&wanted, 1);
	want_listener(&wanted, 1, any);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	want(&wanted, 2);
	want_listener(&wanted, 2, one);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(entry_of(&set, 2)->error, EADDRINUSE);
	assert_int_equal(socket_set_close_retired(&set, 2), 1);
	assert_int_equal(socket_set_retry(&set, 0).opened, 1);
	assert_int_equal(entry_of(&set, 2)->error, 0);
	socket_set_done(&set);
}

static void descriptors_have_a_roof(void **state)
{
	struct address a = free_address("127.0.0.1"), b = free_address("127.0.0.2");
	struct message_bind binds[4];
	struct socket_set set;
	struct wanted wanted;

	socket_set_init(&set, WORKERS, 2 * WORKERS - 1);
	want(&wanted, 1);
	want_listener(&wanted, 1, a);
	want_listener(&wanted, 2, b);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(socket_set_binds(&set, binds, 4), 1);
	assert_int_equal(binds[0].listener, 2);
	assert_int_equal(binds[0].error, EMFILE);
	want(&wanted, 2);
	want_listener(&wanted, 2, b);
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(socket_set_close_retired(&set, 2), 1);
	assert_int_equal(socket_set_retry(&set, 0).opened, 1);
	socket_set_done(&set);
}

static void other_protocols_have_no_socket(void **state)
{
	struct socket_set set;
	struct wanted wanted;

	socket_set_init(&set, WORKERS, 100);
	want(&wanted, 1);
	want_listener(&wanted, 1, free_address("127.0.0.1"));
	wanted.listeners[0].protocol = PROTOCOL_QUIC;
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(set.count, 0);
	socket_set_done(&set);
}

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

/* Many clients, each with a port of its own: the kernel spreads them, and each stays where it is.
 */
static void datagrams_are_spread(const struct address *address, const int *fds)
{
	struct sockaddr_storage storage;
	socklen_t size = address_to_sockaddr(address, &storage);
	unsigned got[WORKERS] = { 0 };
	char byte;

	for (int i = 0; i < 64; i++) {
		int client = socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		unsigned before = got[0];

		for (int turn = 0; turn < 2; turn++)
			assert_int_equal(
				sendto(client, "x", 1, 0, (struct sockaddr *)&storage, size), 1);
		for (int worker = 0; worker < WORKERS; worker++) {
			while (recv(fds[worker], &byte, 1, 0) == 1)
				got[worker]++;
		}
		assert_true((got[0] - before) % 2 == 0);
		close(client);
	}
	assert_int_equal(got[0] + got[1], 128);
	assert_true(got[0] > 0 && got[1] > 0);
}

static void datagram_sockets(void **state)
{
	static const char *const ips[] = { "127.0.0.1", "::1" };

	for (int i = 0; i < 2; i++) {
		struct address address = free_address(ips[i]);
		bool is_ipv6 = address.family == ADDRESS_IPV6;
		struct sockaddr_storage storage;
		socklen_t size = address_to_sockaddr(&address, &storage);
		int fds[WORKERS], more[WORKERS], stranger, on = 1;

		assert_int_equal(sockets_open(&address, true, WORKERS, fds), 0);
		assert_int_equal(sockets_open(&address, true, WORKERS, more), -EADDRINUSE);
		assert_int_equal(sockets_open(&address, false, WORKERS, more), 0);
		for (int worker = 0; worker < WORKERS; worker++) {
			assert_int_equal(
				is_ipv6 ? option_of(fds[worker], IPPROTO_IPV6, IPV6_RECVPKTINFO)
					: option_of(fds[worker], IPPROTO_IP, IP_PKTINFO),
				1);
			assert_true(fcntl(fds[worker], F_GETFL) & O_NONBLOCK);
			assert_int_equal(fcntl(fds[worker], F_GETFD), FD_CLOEXEC);
			close(more[worker]);
		}
		stranger = socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		setsockopt(stranger, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		assert_int_equal(bind(stranger, (struct sockaddr *)&storage, size), -1);
		close(stranger);
		datagrams_are_spread(&address, fds);
		for (int worker = 0; worker < WORKERS; worker++)
			close(fds[worker]);
	}
}

static void transports_have_ports_of_their_own(void **state)
{
	struct address a = free_address("127.0.0.1");
	struct socket_set set;
	struct wanted wanted;
	int fd;

	socket_set_init(&set, WORKERS, 100);
	want(&wanted, 1);
	want_listener(&wanted, 1, a);
	want_listener(&wanted, 2, a);
	wanted.listeners[0].protocol = PROTOCOL_TCP;
	wanted.listeners[1].protocol = PROTOCOL_UDP;
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(entry_of(&set, 1)->error, 0);
	assert_int_equal(entry_of(&set, 2)->error, 0);
	assert_int_equal(option_of(entry_of(&set, 1)->fds[0], SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	assert_int_equal(option_of(entry_of(&set, 2)->fds[0], SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
	fd = entry_of(&set, 2)->fds[0];
	/* 4 inherits from 2, never from 1; 5 from 1. */
	want(&wanted, 2);
	want_listener(&wanted, 4, a);
	want_listener(&wanted, 5, a);
	wanted.listeners[0].protocol = PROTOCOL_UDP;
	wanted.listeners[1].protocol = PROTOCOL_HTTP;
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(entry_of(&set, 4)->fds[0], fd);
	assert_int_equal(option_of(entry_of(&set, 5)->fds[0], SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.open_count, 2 * WORKERS);
	/* The same number as another transport is another socket. */
	want(&wanted, 3);
	want_listener(&wanted, 4, a);
	wanted.listeners[0].protocol = PROTOCOL_TCP;
	assert_int_equal(socket_set_adopt(&set, &wanted.snapshot, 0), 0);
	assert_int_equal(socket_set_close_retired(&set, 3), 1);
	assert_int_equal(set.count, 1);
	assert_int_equal(option_of(entry_of(&set, 4)->fds[0], SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	socket_set_done(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listening_sockets_share),
		cmocka_unit_test(strangers_are_seen),
		cmocka_unit_test(a_single_socket_is_not_shared),
		cmocka_unit_test(addresses_that_cannot_be),
		cmocka_unit_test(both_families_on_one_port),
		cmocka_unit_test(opens_keeps_and_retires),
		cmocka_unit_test(a_new_listener_inherits),
		cmocka_unit_test(only_news_are_sent),
		cmocka_unit_test(failures_are_reported_and_retried),
		cmocka_unit_test(an_own_conflict_ends_with_retirement),
		cmocka_unit_test(descriptors_have_a_roof),
		cmocka_unit_test(other_protocols_have_no_socket),
		cmocka_unit_test(datagram_sockets),
		cmocka_unit_test(transports_have_ports_of_their_own),
	};

	log_init("test", (enum log_level)0, LOG_KEY_VALUE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop and TCP streams over real loopback sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/stream.h"

static struct io *loop;
static int calls;

static void count_call(struct io_source *source)
{
	calls++;
}

static int listen_somewhere(struct address *ret_address)
{
	struct sockaddr_in place = { .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_storage storage;
	socklen_t size = sizeof(storage);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&place, sizeof(place)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&storage, &size), 0);
	assert_int_equal(address_from_sockaddr(&storage, ret_address), 0);
	return fd;
}

static void wait_until_connected(struct stream *stream)
{
	for (int i = 0; i < 100 && stream_connected(stream) == -EINPROGRESS; i++) {
		assert_int_equal(io_wait(loop, 1000), 0);
		io_turn(loop);
	}
	assert_int_equal(stream_connected(stream), 0);
}

static void pair_open(struct stream *client, struct stream *server)
{
	struct address address, peer;
	int listening = listen_somewhere(&address);

	assert_int_equal(stream_connect(&address, client), 0);
	client->source.on_ready = count_call;
	assert_int_equal(io_add_stream(loop, &client->source), 0);
	wait_until_connected(client);
	assert_int_equal(stream_accept(listening, server, &peer), 0);
	assert_int_equal(peer.family, ADDRESS_IPV4);
	server->source.on_ready = count_call;
	assert_int_equal(io_add_stream(loop, &server->source), 0);
	close(listening);
}

static void turn(void)
{
	assert_int_equal(io_wait(loop, 1000), 0);
	io_turn(loop);
}

static void test_bytes_and_readiness(void **state)
{
	struct stream client, server;
	char data[16];
	struct iovec parts[2] = { { "hel", 3 }, { "lo", 2 } };

	pair_open(&client, &server);
	assert_int_equal(stream_read(&server, data, sizeof(data)), -EAGAIN);
	assert_false(server.source.is_readable);
	assert_true(stream_is_quiet(&server));
	assert_int_equal(stream_write(&client, parts, 2), 5);
	while (!server.source.is_readable)
		turn();
	assert_true(stream_has_input(&server));
	assert_false(stream_is_quiet(&server));
	assert_int_equal(stream_read(&server, data, sizeof(data)), 5);
	assert_memory_equal(data, "hello", 5);
	assert_false(server.source.is_readable); /* short: nothing is left */
	stream_finish(&client);
	while (!server.source.is_ended)
		turn();
	assert_int_equal(stream_read(&server, data, sizeof(data)), 0);
	io_close(loop, &client.source);
	io_close(loop, &server.source);
}

static void test_full_and_drained(void **state)
{
	static char block[65536];
	struct stream client, server;
	struct iovec part = { block, sizeof(block) };
	size_t sent = 0, got = 0;
	ssize_t count;

	pair_open(&client, &server);
	while ((count = stream_write(&client, &part, 1)) > 0)
		sent += (size_t)count;
	assert_int_equal(count, -EAGAIN);
	assert_false(client.source.is_writable);
	while (got < sent) {
		count = stream_read(&server, block, sizeof(block));
		if (count == -EAGAIN)
			turn();
		else
			got += (size_t)count;
	}
	while (!client.source.is_writable)
		turn();
	io_close(loop, &client.source);
	io_close(loop, &server.source);
}

static void test_reset_and_refused(void **state)
{
	struct stream client, server;
	struct address address;
	char byte;
	int listening;

	pair_open(&client, &server);
	stream_abort(&server);
	io_close(loop, &server.source);
	while (!client.source.is_ended)
		turn();
	assert_int_equal(stream_read(&client, &byte, 1), -ECONNRESET);
	io_close(loop, &client.source);

	listening = listen_somewhere(&address);
	close(listening); /* nobody listens there now */
	if (stream_connect(&address, &client) == 0) {
		client.source.on_ready = count_call;
		assert_int_equal(io_add_stream(loop, &client.source), 0);
		while (stream_connected(&client) == -EINPROGRESS)
			turn();
		io_close(loop, &client.source);
	}
}

static void close_other(struct io_source *source);
static struct stream victims[2];

static void close_other(struct io_source *source)
{
	calls++;
	io_close(loop, &victims[source == &victims[0].source].source);
}

static void test_events_of_the_closed_are_dropped(void **state)
{
	struct stream peers[2];

	for (int i = 0; i < 2; i++) {
		pair_open(&peers[i], &victims[i]);
		turn();
		victims[i].source.on_ready = close_other;
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(stream_write(&peers[i], &(struct iovec){ "x", 1 }, 1), 1);
	calls = 0;
	while (!calls)
		turn();
	/* Both were ready in one turn; the first called closed the other. */
	assert_true((victims[0].source.fd < 0) != (victims[1].source.fd < 0));
	for (int i = 0; i < 2; i++) {
		io_close(loop, &victims[i].source);
		io_close(loop, &peers[i].source);
	}
}

static void test_again_without_an_event(void **state)
{
	struct stream client, server;

	pair_open(&client, &server);
	turn();
	calls = 0;
	io_again(loop, &client.source);
	io_again(loop, &client.source);
	assert_int_equal(io_wait(loop, -1), 0); /* does not sleep */
	io_turn(loop);
	assert_int_equal(calls, 1);
	io_close(loop, &server.source); /* its events would count too */
	io_again(loop, &client.source);
	io_close(loop, &client.source);
	calls = 0;
	assert_int_equal(io_wait(loop, 0), 0);
	io_turn(loop);
	assert_int_equal(calls, 0);
}

static int setup(void **state)
{
	loop = io_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	loop = io_free(loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes_and_readiness, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_and_drained, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_and_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events_of_the_closed_are_dropped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_again_without_an_event, setup, teardown),
	};

	return cmocka_run_group_tests_name("io_loop", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The demo server's connection over a socket pair: answers, bodies, pipelines, refusals, slow
 * readers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "command/demo_connection.h"

struct pair {
	struct demo_connection *connection;
	int client;
	enum demo_wish wish;
	char got[65536];
	size_t size;
};

static void pair_open(struct pair *pair)
{
	int fds[2];

	memset(pair, 0, sizeof(*pair));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	pair->client = fds[0];
	pair->connection = demo_connection_new(fds[1], "one");
	assert_non_null(pair->connection);
}

static void pair_close(struct pair *pair)
{
	demo_connection_free(pair->connection);
	close(pair->client);
}

/* Gives turns until the connection has nothing to do; keeps what it sent. */
static void pump(struct pair *pair)
{
	for (int i = 0; i < 64; i++) {
		ssize_t got;

		pair->wish = demo_connection_turn(pair->connection);
		got = recv(pair->client, pair->got + pair->size, sizeof(pair->got) - 1 - pair->size,
			   0);
		if (got > 0)
			pair->size += (size_t)got;
		if (pair->wish == DEMO_CLOSE)
			break;
	}
	pair->got[pair->size] = '\0';
}

static void say(struct pair *pair, const char *text)
{
	assert_int_equal(send(pair->client, text, strlen(text), 0), (ssize_t)strlen(text));
	pump(pair);
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

static void test_answers(void **state)
{
	static const struct {
		const char *request;
		const char *parts[4];
		const char *missing;
		enum demo_wish wish;
	} cases[] = {
		{ "GET /a?b=1 HTTP/1.1\r\nHost: x\r\n\r\n",
		  { "HTTP/1.1 200 OK\r\n", "X-Server: one\r\n", "\r\n\r\none /a?b=1\n" },
		  "Connection:",
		  DEMO_READ },
		{ "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", { "200 OK" }, NULL, DEMO_READ },
		{ "GET / HTTP/1.0\r\n\r\n",
		  { "200 OK", "Connection: close\r\n" },
		  NULL,
		  DEMO_CLOSE },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		  { "Connection: keep-alive\r\n" },
		  NULL,
		  DEMO_READ },
		{ "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		  { "Connection: close\r\n" },
		  NULL,
		  DEMO_CLOSE },
		{ "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
		  { "Content-Length: 6\r\n" },
		  "one /\n",
		  DEMO_READ },
		{ "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		  { "one /\n" },
		  NULL,
		  DEMO_READ },
		{ "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		  { "one /\n" },
		  NULL,
		  DEMO_READ },
		{ "GET / HTTP/1.1\r\n\r\n", { "HTTP/1.1 400 " }, "200", DEMO_CLOSE },
		{ "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
		  { "HTTP/1.1 405 " },
		  NULL,
		  DEMO_CLOSE },
		{ "GET / HTTP/1.1\nHost: x\n\n", { "HTTP/1.1 400 " }, NULL, DEMO_CLOSE },
		{ "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		  { "" },
		  "200",
		  DEMO_CLOSE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair pair;

		pair_open(&pair);
		say(&pair, cases[i].request);
		if (pair.wish != cases[i].wish)
			fail_msg("%s: wish %d: %s", cases[i].request, pair.wish, pair.got);
		for (size_t j = 0; j < 4 && cases[i].parts[j]; j++) {
			if (!strstr(pair.got, cases[i].parts[j]))
				fail_msg("%s: %s", cases[i].request, pair.got);
		}
		if (cases[i].missing && strstr(pair.got, cases[i].missing))
			fail_msg("%s: %s", cases[i].request, pair.got);
		pair_close(&pair);
	}
}

static void test_every_split(void **state)
{
	static const char text[] =
		"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
		"PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4;x\r\nbody\r\n0\r\nA: b\r\n\r\n"
		"GET /g HTTP/1.1\r\nHost: x\r\n\r\n";

	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		struct pair pair;
		char first[sizeof(text)];

		pair_open(&pair);
		memcpy(first, text, cut);
		first[cut] = '\0';
		say(&pair, first);
		say(&pair, text + cut);
		assert_int_equal(count(pair.got, "HTTP/1.1 200 OK\r\n"), 3);
		assert_int_equal(count(pair.got, "one /p\n"), 1);
		assert_int_equal(count(pair.got, "one /c\n"), 1);
		assert_int_equal(count(pair.got, "one /g\n"), 1);
		assert_int_equal(pair.wish, DEMO_READ);
		pair_close(&pair);
	}
}

static void test_continue(void **state)
{
	struct pair pair;

	pair_open(&pair);
	say(&pair,
	    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	assert_string_equal(pair.got, "HTTP/1.1 100 Continue\r\n\r\n");
	say(&pair, "ab");
	assert_int_equal(count(pair.got, "200 OK"), 1);
	pair_close(&pair);
}

static void test_large_body_and_long_path(void **state)
{
	struct pair pair;
	char piece[5001], head[9000];

	pair_open(&pair);
	say(&pair, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n");
	memset(piece, 'x', 5000);
	piece[5000] = '\0';
	for (int i = 0; i < 100; i++)
		say(&pair, piece);
	assert_int_equal(count(pair.got, "200 OK"), 1);
	snprintf(head, sizeof(head), "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", piece);
	say(&pair, head);
	assert_int_equal(count(pair.got, "200 OK"), 2);
	assert_int_equal(pair.wish, DEMO_READ);
	pair_close(&pair);
}

static void test_head_roof(void **state)
{
	struct pair pair;
	char piece[4097];

	pair_open(&pair);
	say(&pair, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
	memset(piece, 'x', 4096);
	piece[4096] = '\0';
	for (int i = 0; i < 4 && pair.wish != DEMO_CLOSE; i++)
		say(&pair, piece);
	assert_int_equal(pair.wish, DEMO_CLOSE);
	assert_non_null(strstr(pair.got, "HTTP/1.1 431 "));
	pair_close(&pair);
}

/* A client that sends and never reads stops the connection, and costs no more than its buffers. */
static void test_reader_that_does_not_read(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct pair pair;
	enum demo_wish wish = DEMO_READ;
	unsigned sent = 0;

	pair_open(&pair);
	for (int i = 0; i < 100000 && wish == DEMO_READ; i++) {
		if (send(pair.client, request, sizeof(request) - 1, 0) ==
		    (ssize_t)sizeof(request) - 1)
			sent++;
		wish = demo_connection_turn(pair.connection);
	}
	assert_int_equal(wish, DEMO_WRITE);
	while (pair.size < sizeof(pair.got) - 1) {
		ssize_t got = recv(pair.client, pair.got, sizeof(pair.got), 0);

		if (got < 0 && demo_connection_turn(pair.connection) == DEMO_READ &&
		    recv(pair.client, pair.got, sizeof(pair.got), MSG_PEEK) < 0)
			break;
	}
	assert_true(sent > 100);
	pair_close(&pair);
}

static void test_peer_gone(void **state)
{
	struct pair pair;

	pair_open(&pair);
	shutdown(pair.client, SHUT_RDWR);
	assert_int_equal(demo_connection_turn(pair.connection), DEMO_CLOSE);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),   cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_continue),  cmocka_unit_test(test_large_body_and_long_path),
		cmocka_unit_test(test_head_roof), cmocka_unit_test(test_reader_that_does_not_read),
		cmocka_unit_test(test_peer_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes against real sockets of the loopback, with invented time: servers that answer, drip, lie,
 * flood, hang and vanish.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "model/words.h"
#include "proxy/health_probe.h"

#define TURNS 400

static struct io *loop;
static struct timer_wheel wheel;
static struct prober prober;
static enum probe_verdict verdict;
static unsigned verdicts;
static struct snapshot snapshot;
static char text[2048];
static struct snapshot_health check;
static struct address address;
static int server; /* listening, or bound */
static int peer; /* accepted */

static void take_verdict(struct prober *from, struct probe *probe, enum probe_verdict what)
{
	assert_ptr_equal(from, &prober);
	assert_ptr_equal(probe->owner, &verdicts);
	verdict = what;
	verdicts++;
}

static int begin(void **state)
{
	(void)state;
	loop = io_new();
	assert_non_null(loop);
	timer_wheel_init(&wheel, 1000);
	assert_int_equal(prober_init(&prober, loop, &wheel), 0);
	prober.on_end = take_verdict;
	prober.now_ms = 1000;
	snapshot = (struct snapshot){ .text = text };
	check = (struct snapshot_health){ .interval_ms = 5000, .timeout_ms = 2000 };
	verdict = PROBE_UNDER_WAY;
	verdicts = 0;
	server = peer = -1;
	return 0;
}

static int end(void **state)
{
	(void)state;
	prober_done(&prober);
	assert_int_equal(prober.count, 0);
	assert_int_equal(wheel.count, 0);
	io_free(loop);
	if (peer >= 0)
		close(peer);
	if (server >= 0)
		close(server);
	return 0;
}

static struct snapshot_text put_text(size_t at, const char *bytes, size_t size)
{
	assert_true(at + size < sizeof(text));
	memcpy(text + at, bytes, size);
	text[at + size] = '\0';
	return (struct snapshot_text){ (uint32_t)at, (uint32_t)size };
}

static void serve(const char *ip, int kind)
{
	struct sockaddr_storage storage;
	socklen_t size;

	assert_int_equal(address_parse_ip(bytes_of(ip), &address), 0);
	size = address_to_sockaddr(&address, &storage);
	server = socket(storage.ss_family, kind | SOCK_NONBLOCK, 0);
	assert_true(server >= 0);
	assert_int_equal(bind(server, (struct sockaddr *)&storage, size), 0);
	size = sizeof(storage);
	assert_int_equal(getsockname(server, (struct sockaddr *)&storage, &size), 0);
	assert_int_equal(address_from_sockaddr(&storage, &address), 0);
	if (kind == SOCK_STREAM)
		assert_int_equal(listen(server, 16), 0);
}

static struct probe *ask_by(bool is_datagram)
{
	struct probe *probe = NULL;
	enum probe_verdict known = probe_begin(&prober,
					       &(struct probe_order){
						       .snapshot = &snapshot,
						       .check = &check,
						       .address = &address,
						       .is_datagram = is_datagram,
						       .owner = &verdicts,
					       },
					       &probe);

	if (known != PROBE_UNDER_WAY) {
		assert_null(probe);
		verdict = known;
		verdicts++;
	}
	return probe;
}

static struct probe *ask(void)
{
	return ask_by(false);
}

static struct probe *ask_datagram(void)
{
	return ask_by(true);
}

static void turn(int wait_ms)
{
	assert_int_equal(io_wait(loop, wait_ms), 0);
	io_turn(loop);
	timer_wheel_run(&wheel, prober.now_ms);
	prober_free_dead(&prober);
}

static void pass_ms(uint64_t ms)
{
	prober.now_ms += ms;
	turn(0);
}

static enum probe_verdict wait_verdict(void)
{
	for (int i = 0; i < TURNS && !verdicts; i++)
		turn(5);
	assert_int_equal(verdicts, 1);
	assert_int_equal(prober.count, 0);
	return verdict;
}

static void take_peer(void)
{
	for (int i = 0; i < TURNS && peer < 0; i++) {
		turn(1);
		peer = accept(server, NULL, NULL);
	}
	assert_true(peer >= 0);
}

/* What the server has read until an empty line, or until `size` bytes came. */
static const char *hear(size_t size)
{
	static char heard[2048];
	size_t count = 0;

	take_peer();
	for (int i = 0; i < TURNS; i++) {
		ssize_t got = recv(peer, heard + count, sizeof(heard) - 1 - count, MSG_DONTWAIT);

		if (got > 0)
			count += (size_t)got;
		heard[count] = '\0';
		if (size ? count >= size : strstr(heard, "\r\n\r\n") != NULL)
			return heard;
		turn(1);
	}
	fail_msg("the server heard %zu bytes", count);
	return NULL;
}

static void say(const char *bytes, size_t size, size_t piece)
{
	for (size_t at = 0; at < size && !verdicts; at += piece) {
		size_t now = size - at < piece ? size - at : piece;

		if (send(peer, bytes + at, now, MSG_NOSIGNAL) < 0)
			return; /* the probe had heard enough */
		turn(piece == 1 ? 1 : 5);
	}
}

/* --- TCP. */

static void test_tcp(void **state)
{
	char byte;

	(void)state;
	check.type = CHECK_TCP;
	serve("127.0.0.1", SOCK_STREAM);
	ask();
	assert_int_equal(wait_verdict(), PROBE_GOOD);
	take_peer();
	/* The end is a reset: no port of ours waits afterwards. */
	assert_int_equal(recv(peer, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void test_tcp_over_ipv6(void **state)
{
	(void)state;
	check.type = CHECK_TCP;
	serve("::1", SOCK_STREAM);
	ask();
	assert_int_equal(wait_verdict(), PROBE_GOOD);
}

static void test_check_port(void **state)
{
	(void)state;
	check.type = CHECK_TCP;
	serve("127.0.0.1", SOCK_STREAM);
	check.port = address.port;
	address.port = 1;
	ask();
	assert_int_equal(wait_verdict(), PROBE_GOOD);
}

static void test_nobody_listens(void **state)
{
	(void)state;
	check.type = CHECK_TCP;
	serve("127.0.0.1", SOCK_STREAM);
	close(server);
	server = -1;
	ask();
	assert_int_equal(wait_verdict(), PROBE_REFUSED);
}

static void test_a_full_queue_is_a_timeout(void **state)
{
	struct sockaddr_storage storage;
	socklen_t size;
	int fillers[4];

	(void)state;
	check.type = CHECK_TCP;
	serve("127.0.0.1", SOCK_STREAM);
	assert_int_equal(listen(server, 0), 0);
	size = address_to_sockaddr(&address, &storage);
	for (int i = 0; i < 4; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fillers[i], (struct sockaddr *)&storage, size);
	}
	ask();
	for (int i = 0; i < 5; i++)
		turn(5);
	assert_int_equal(verdicts, 0);
	pass_ms(1900);
	assert_int_equal(verdicts, 0);
	pass_ms(100 + TIMER_TICK_MS);
	assert_int_equal(wait_verdict(), PROBE_TIMEOUT);
	for (int i = 0; i < 4; i++)
		close(fillers[i]);
}

/* --- HTTP. */

static void http_check(const char *path, const char *domain)
{
	check.type = CHECK_HTTP;
	check.http_code = 31;
	check.minor = 1;
	check.path = put_text(0, path, strlen(path));
	check.domain = put_text(1024, domain, strlen(domain));
}

static void test_http_requests(void **state)
{
	char expected[256];

	(void)state;
	http_check("/alive?x=1", "a.example");
	serve("127.0.0.1", SOCK_STREAM);
	ask();
	assert_string_equal(hear(0), "HEAD /alive?x=1 HTTP/1.1\r\nHost: a.example\r\n"
				     "User-Agent: clb-healthcheck\r\nConnection: close\r\n\r\n");
	close(peer);
	peer = -1;
	assert_int_equal(wait_verdict(), PROBE_CLOSED);
	verdicts = 0;
	check.is_get = 1;
	check.minor = 0;
	check.domain.size = 0;
	ask();
	snprintf(expected, sizeof(expected),
		 "GET /alive?x=1 HTTP/1.0\r\nHost: 127.0.0.1:%u\r\n"
		 "User-Agent: clb-healthcheck\r\nConnection: close\r\n\r\n",
		 address.port);
	assert_string_equal(hear(0), expected);
}

static void test_the_largest_request_fits(void **state)
{
	char path[LIMIT_URL + 1], domain[LIMIT_DOMAIN + 1];

	(void)state;
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[LIMIT_URL] = '\0';
	memset(domain, 'd', sizeof(domain));
	domain[LIMIT_DOMAIN] = '\0';
	http_check(path, domain);
	check.is_get = 1;
	serve("127.0.0.1", SOCK_STREAM);
	ask();
	assert_non_null(strstr(hear(0), domain));
}

#define HEAD(status) "HTTP/1.1 " status "\r\nContent-Length: 3\r\n\r\n"

static const struct {
	const char *answer;
	uint8_t mask;
	enum probe_verdict verdict;
} answers[] = {
	{ HEAD("200 OK") "abc", 31, PROBE_GOOD },
	{ HEAD("200 OK"), 2, PROBE_GOOD },
	{ HEAD("200 OK"), 29, PROBE_STATUS },
	{ HEAD("302 Found"), 4, PROBE_GOOD },
	{ HEAD("404 Not Found"), 15, PROBE_GOOD },
	{ HEAD("404 Not Found"), 23, PROBE_STATUS },
	{ HEAD("500 Oops"), 31, PROBE_GOOD },
	{ HEAD("500 Oops"), 15, PROBE_STATUS },
	{ HEAD("600 What"), 31, PROBE_STATUS },
	{ HEAD("999 What"), 31, PROBE_STATUS },
	{ "HTTP/1.0 200 OK\r\n\r\n", 2, PROBE_GOOD },
	{ "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" HEAD("200 OK"), 2, PROBE_GOOD },
	{ "HTTP/1.1 100 Continue\r\n\r\n" HEAD("500 Oops"), 2 | 1, PROBE_STATUS },
	{ "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 1,
	  PROBE_GOOD },
	{ "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", 31, PROBE_BAD_ANSWER },
	{ "HTTP/2.0 200 OK\r\n\r\n", 31, PROBE_BAD_ANSWER },
	{ "HTTP/1.1 200 OK\nContent-Length: 0\n\n", 31, PROBE_BAD_ANSWER },
	{ "HTTP/1.1 abc OK\r\n\r\n", 31, PROBE_BAD_ANSWER },
	{ "HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n", 31, PROBE_BAD_ANSWER },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 31,
	  PROBE_BAD_ANSWER },
	{ "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 31, PROBE_BAD_ANSWER },
};

static void test_http_answers(void **state)
{
	(void)state;
	http_check("/", "a.example");
	serve("127.0.0.1", SOCK_STREAM);
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		for (size_t piece = 1; piece <= 1024; piece *= 32) {
			check.http_code = answers[i].mask;
			verdicts = 0;
			ask();
			hear(0);
			say(answers[i].answer, strlen(answers[i].answer), piece);
			if (wait_verdict() != answers[i].verdict)
				fail_msg("answer %zu: verdict %d", i, verdict);
			close(peer);
			peer = -1;
		}
	}
}

static void test_http_ends_early(void **state)
{
	(void)state;
	http_check("/", "a.example");
	serve("127.0.0.1", SOCK_STREAM);
	ask();
	hear(0);
	say("HTTP/1.1 200 OK\r\nServer: x", 26, 26);
	close(peer);
	peer = -1;
	assert_int_equal(wait_verdict(), PROBE_CLOSED);
}

static void test_http_floods(void **state)
{
	size_t size = 1 << 20, sent = 0;
	char *flood = malloc(size);

	(void)state;
	http_check("/", "a.example");
	serve("127.0.0.1", SOCK_STREAM);
	/* One endless field. */
	memset(flood, 'x', size);
	memcpy(flood, "HTTP/1.1 200 OK\r\nA: ", 20);
	ask();
	hear(0);
	while (!verdicts && sent < size) {
		ssize_t put = send(peer, flood + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (put > 0)
			sent += (size_t)put;
		turn(1);
	}
	assert_int_equal(wait_verdict(), PROBE_BAD_ANSWER);
	close(peer);
	peer = -1;
	/* Interim answers without an end. */
	verdicts = 0;
	for (size_t at = 0; at + 25 <= size; at += 25)
		memcpy(flood + at, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	ask();
	hear(0);
	say(flood, 25 * 20, 25 * 20);
	assert_int_equal(wait_verdict(), PROBE_BAD_ANSWER);
	free(flood);
}

static void test_http_drips(void **state)
{
	(void)state;
	http_check("/", "a.example");
	serve("127.0.0.1", SOCK_STREAM);
	ask();
	hear(0);
	/* A byte now and then holds up no end. */
	for (int i = 0; i < 19; i++) {
		say(&"HTTP/1.1 200 OK\r\nServer"[i], 1, 1);
		pass_ms(100);
		assert_int_equal(verdicts, 0);
	}
	pass_ms(100 + TIMER_TICK_MS);
	assert_int_equal(wait_verdict(), PROBE_TIMEOUT);
}

/* --- CUSTOM. */

static void custom_check(const char *send, size_t send_size, const char *receive,
			 size_t receive_size)
{
	check.type = CHECK_CUSTOM;
	check.send = put_text(0, send, send_size);
	check.receive = put_text(1024, receive, receive_size);
}

static void test_custom(void **state)
{
	static const struct {
		const char *answer;
		size_t size;
		enum probe_verdict verdict;
	} cases[] = {
		{ "\0PONG", 5, PROBE_GOOD },     { "\0PONG and more", 14, PROBE_GOOD },
		{ "\0PONX", 5, PROBE_MISMATCH }, { "x", 1, PROBE_MISMATCH },
		{ "\0PON", 4, PROBE_CLOSED },    { "", 0, PROBE_CLOSED },
	};

	(void)state;
	custom_check("\0PING\n", 6, "\0PONG", 5);
	serve("127.0.0.1", SOCK_STREAM);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t piece = 1; piece <= 32; piece *= 32) {
			verdicts = 0;
			ask();
			assert_memory_equal(hear(6), "\0PING\n", 6);
			say(cases[i].answer, cases[i].size, piece);
			shutdown(peer, SHUT_WR);
			assert_int_equal(wait_verdict(), cases[i].verdict);
			close(peer);
			peer = -1;
		}
	}
}

static void test_the_longest_words(void **state)
{
	char words[500];

	(void)state;
	memset(words, 'w', sizeof(words));
	custom_check(words, sizeof(words), words, sizeof(words));
	serve("127.0.0.1", SOCK_STREAM);
	ask();
	hear(500);
	say(words, sizeof(words), 7);
	assert_int_equal(wait_verdict(), PROBE_GOOD);
}

/* --- UDP. */

/* The datagram that came; where from in *ret_from. */
static size_t hear_datagram(char bytes[2048], struct sockaddr_storage *ret_from)
{
	for (int i = 0; i < TURNS; i++) {
		socklen_t length = sizeof(*ret_from);
		ssize_t got = recvfrom(server, bytes, 2048, MSG_DONTWAIT,
				       (struct sockaddr *)ret_from, &length);

		if (got >= 0)
			return (size_t)got;
		turn(1);
	}
	fail_msg("no datagram came");
	return 0;
}

static void answer_datagram(const struct sockaddr_storage *to, const char *bytes, size_t size)
{
	assert_int_equal(sendto(server, bytes, size, 0, (const struct sockaddr *)to, sizeof(*to)),
			 size);
}

static void test_udp_ping(void **state)
{
	struct sockaddr_storage from;
	char bytes[2048];

	(void)state;
	check.type = CHECK_PING;
	for (int i = 0; i < 2; i++) {
		const char *ip = i ? "::1" : "127.0.0.1";

		verdicts = 0;
		serve(ip, SOCK_DGRAM);
		ask_datagram();
		assert_int_equal(hear_datagram(bytes, &from), 12);
		assert_memory_equal(bytes, "HEALTH CHECK", 12);
		for (int turns = 0; turns < 10; turns++)
			turn(5);
		/* Until the end the port might still be told closed. */
		assert_int_equal(verdicts, 0);
		pass_ms(2000 + TIMER_TICK_MS);
		assert_int_equal(wait_verdict(), PROBE_GOOD);
		/* One that speaks is known to be there. */
		verdicts = 0;
		ask_datagram();
		hear_datagram(bytes, &from);
		answer_datagram(&from, "x", 1);
		assert_int_equal(wait_verdict(), PROBE_GOOD);
		close(server);
		server = -1;
	}
}

static void test_udp_closed_port(void **state)
{
	(void)state;
	check.type = CHECK_PING;
	serve("127.0.0.1", SOCK_DGRAM);
	close(server);
	server = -1;
	ask_datagram();
	assert_int_equal(wait_verdict(), PROBE_REFUSED);
}

static void test_udp_no_echo(void **state)
{
	struct probe *probe;

	(void)state;
	check.type = CHECK_PING;
	serve("127.0.0.1", SOCK_DGRAM);
	probe = ask_datagram();
	if (!probe->ping.is_waiting)
		skip(); /* pings are not allowed here */
	ping_end(&prober.pinger, probe); /* as if the echo were lost */
	for (int i = 0; i < 5; i++)
		turn(5);
	pass_ms(2000 + TIMER_TICK_MS);
	assert_int_equal(wait_verdict(), PROBE_NO_ECHO);
}

/* Echoes of others, with a nonce or from an address that was not asked, count for nobody. */
static void test_udp_foreign_echo(void **state)
{
	struct probe *probe;

	(void)state;
	check.type = CHECK_PING;
	serve("127.0.0.1", SOCK_DGRAM);
	probe = ask_datagram();
	if (!probe->ping.is_waiting)
		skip();
	probe->ping.nonce++;
	for (int i = 0; i < 5; i++)
		turn(5);
	assert_false(probe->is_echoed);
	assert_true(probe->ping.is_waiting);
	probe_cancel(probe);
	probe = ask_datagram();
	probe->address.ip[3] = 2;
	for (int i = 0; i < 5; i++)
		turn(5);
	assert_false(probe->is_echoed);
	probe_cancel(probe);
	assert_null(prober.pinger.waiting[probe->ping.sequence]);
}

static void test_udp_custom(void **state)
{
	struct sockaddr_storage from;
	char bytes[2048];

	(void)state;
	custom_check("PING", 4, "\0PONG", 5);
	serve("127.0.0.1", SOCK_DGRAM);
	ask_datagram();
	assert_int_equal(hear_datagram(bytes, &from), 4);
	assert_memory_equal(bytes, "PING", 4);
	answer_datagram(&from, "\0PONG!", 6);
	assert_int_equal(wait_verdict(), PROBE_GOOD);
	verdicts = 0;
	ask_datagram();
	hear_datagram(bytes, &from);
	answer_datagram(&from, "\0PON", 4);
	assert_int_equal(wait_verdict(), PROBE_MISMATCH);
	verdicts = 0;
	ask_datagram();
	hear_datagram(bytes, &from);
	pass_ms(2000 + TIMER_TICK_MS);
	assert_int_equal(wait_verdict(), PROBE_TIMEOUT);
	verdicts = 0;
	close(server);
	server = -1;
	ask_datagram();
	assert_int_equal(wait_verdict(), PROBE_REFUSED);
}

/* --- Lives. */

static void test_cancel(void **state)
{
	struct probe *probe;

	(void)state;
	http_check("/", "a.example");
	serve("127.0.0.1", SOCK_STREAM);
	probe = ask();
	hear(0);
	send(peer, "HTTP/1.1 200 OK\r\n\r\n", 19, 0);
	probe_cancel(probe);
	probe_cancel(NULL);
	turn(5);
	assert_int_equal(verdicts, 0);
	ask();
	check.type = CHECK_PING;
	ask_datagram(); /* left to prober_done */
}

static void test_verdicts(void **state)
{
	(void)state;
	assert_int_equal(probe_verdict_of(-EMFILE), PROBE_NO_ROOM);
	assert_int_equal(probe_verdict_of(-ECONNREFUSED), PROBE_REFUSED);
	assert_int_equal(probe_verdict_of(-EHOSTUNREACH), PROBE_UNREACHABLE);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_tcp),
		ONE(test_tcp_over_ipv6),
		ONE(test_check_port),
		ONE(test_nobody_listens),
		ONE(test_a_full_queue_is_a_timeout),
		ONE(test_http_requests),
		ONE(test_the_largest_request_fits),
		ONE(test_http_answers),
		ONE(test_http_ends_early),
		ONE(test_http_floods),
		ONE(test_http_drips),
		ONE(test_custom),
		ONE(test_the_longest_words),
		ONE(test_udp_ping),
		ONE(test_udp_closed_port),
		ONE(test_udp_no_echo),
		ONE(test_udp_foreign_echo),
		ONE(test_udp_custom),
		ONE(test_cancel),
		ONE(test_verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

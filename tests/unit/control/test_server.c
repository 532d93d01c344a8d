/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server over real loopback sockets, turned by hand: whole calls, roofs, hostile heads, and the
 * listening socket that has to outlive it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "api_fixture.h"
#include "control/server.h"

static int listening = -1;
static struct server *server;

static int setup(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };

	if (fixture_setup(state) != 0)
		return -1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listening, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listening, 64) != 0)
		return -1;
	return server_open(listening, fixture.api, &server);
}

static int teardown(void **state)
{
	server = server_close(server);
	close(listening);
	return fixture_teardown(state);
}

static int dial(void)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &size), 0);
	if (connect(fd, (struct sockaddr *)&address, size) != 0)
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

static void turn(int times)
{
	struct pollfd wait = { .fd = server_fd(server), .events = POLLIN };

	for (int i = 0; i < times; i++) {
		poll(&wait, 1, 2);
		server_turn(server);
	}
}

static void send_all(int fd, const char *data, size_t size)
{
	for (int tries = 0; size > 0 && tries < 20000; tries++) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		} else if (errno != EAGAIN && errno != ENOTCONN) {
			return; /* the server had enough */
		}
		turn(1);
	}
}

/* What came within some turns; `*ret_is_closed` tells whether the server closed. */
static char *receive(int fd, bool *ret_is_closed)
{
	static char text[65536];
	size_t size = 0;
	bool is_closed = false;

	for (int tries = 0; tries < 100 && !is_closed; tries++) {
		ssize_t n = recv(fd, text + size, sizeof(text) - 1 - size, 0);

		if (n > 0)
			size += (size_t)n;
		else if (n == 0 || errno == ECONNRESET)
			is_closed = true;
		else if (size > 0 && tries > 20)
			break;
		turn(1);
	}
	text[size] = '\0';
	if (ret_is_closed)
		*ret_is_closed = is_closed;
	return text;
}

static char *exchange(const char *data, size_t size, bool *ret_is_closed)
{
	int fd = dial();
	char *text;

	send_all(fd, data, size);
	text = receive(fd, ret_is_closed);
	close(fd);
	turn(2);
	assert_false(server_is_busy(server));
	return text;
}

/* The wire form of a signed request, with more header lines. */
static char *wire(struct fixture_request *request, const char *more, size_t *ret_size)
{
	size_t room = strlen(request->body) + 8192;
	char *text = malloc(room);
	size_t size = (size_t)snprintf(text, room, "%s /%s%s HTTP/1.1\r\n%sContent-Length: %zu\r\n",
				       request->method, *request->query ? "?" : "", request->query,
				       more, strlen(request->body));

	for (size_t i = 0; request->headers[i]; i += 2)
		size += (size_t)snprintf(text + size, room - size, "%s: %s\r\n",
					 request->headers[i], request->headers[i + 1]);
	size += (size_t)snprintf(text + size, room - size, "\r\n%s", request->body);
	*ret_size = size;
	return text;
}

static char *call(const char *action, const char *body, const char *more)
{
	struct fixture_request request;
	size_t size;
	char *data, *answer;

	fixture_sign(&request, action, body);
	data = wire(&request, more, &size);
	answer = exchange(data, size, NULL);
	free(data);
	return answer;
}

static void test_whole_call(void **state)
{
	char *answer = call("Read", "{\"Name\":\"abc\"}",
			    "X-TC-TraceId: 0f2c1b8e-1111-4222-8333-444455556666\r\n"
			    "Accept-Encoding: gzip\r\n");

	assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
	assert_non_null(strstr(answer, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(answer, "X-TC-TraceId: 0f2c1b8e-1111-4222-8333-444455556666\r\n"));
	assert_non_null(strstr(answer, "{\"Response\":{\"Name\":\"abc\",\"RequestId\":\""));
	assert_int_equal(fixture.runs, 1);
}

static void test_errors_are_200(void **state)
{
	static const char *const plain[] = {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /?Action=DescribeQuota&SignatureMethod=HmacSHA256 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		char *answer = exchange(plain[i], strlen(plain[i]), NULL);

		assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
		assert_non_null(strstr(answer, "Content-Type: application/json\r\n"));
		assert_non_null(strstr(answer, "AuthFailure.InvalidAuthorization"));
		assert_null(strstr(answer, "X-TC-TraceId"));
	}
	assert_non_null(strstr(call("Read", "{", ""), "\"InvalidParameter\""));
	assert_int_equal(fixture.runs, 0);
}

static void test_methods_and_paths(void **state)
{
	static const char *const methods[] = { "PUT", "DELETE", "PATCH", "OPTIONS", "BREW" };
	char text[256];
	char *answer;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: x\r\n\r\n", methods[i]);
		answer = exchange(text, strlen(text), NULL);
		assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
		assert_non_null(strstr(answer, "\"UnsupportedProtocol\""));
	}
	snprintf(text, sizeof(text), "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_memory_equal(exchange(text, strlen(text), NULL), "HTTP/1.1 200 ", 13);
	snprintf(text, sizeof(text), "GET /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n");
	answer = exchange(text, strlen(text), NULL);
	assert_memory_equal(answer, "HTTP/1.1 404 ", 13);
	assert_non_null(strstr(answer, "{\"Error\":"));
	snprintf(text, sizeof(text), "GET //?a HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_memory_equal(exchange(text, strlen(text), NULL), "HTTP/1.1 404 ", 13);
}

static void test_trace_id_is_not_echoed_blindly(void **state)
{
	char more[200] = "X-TC-TraceId: ";

	memset(more + strlen(more), 'a', 65);
	strcat(more, "\r\n");
	assert_null(strstr(call("Read", "{}", more), "TraceId"));
	assert_null(strstr(call("Read", "{}", "X-TC-TraceId: a b<script>\r\n"), "TraceId"));
}

static void test_keep_alive(void **state)
{
	struct fixture_request request;
	size_t size;
	char *data;
	int fd = dial();
	bool is_closed;

	fixture_sign(&request, "Read", "{}");
	data = wire(&request, "", &size);
	for (int i = 0; i < 3; i++) {
		send_all(fd, data, size);
		assert_memory_equal(receive(fd, &is_closed), "HTTP/1.1 200 ", 13);
		assert_false(is_closed);
	}
	assert_int_equal(fixture.runs, 3);
	free(data);
	close(fd);
}

static void test_body_at_its_roof(void **state)
{
	size_t size = API_BODY_MOST;
	char *body = malloc(size + 2);

	memset(body, ' ', size + 1);
	memcpy(body, "{}", 2);
	body[size] = '\0';
	assert_non_null(strstr(call("Read", body, ""), "{\"Response\":{\"RequestId\""));
	body[size] = ' ';
	body[size + 1] = '\0';
	assert_non_null(strstr(call("Read", body, ""), "\"RequestSizeLimitExceeded\""));
	assert_int_equal(fixture.runs, 1);
	free(body);
}

static void test_body_of_a_stranger_is_not_kept(void **state)
{
	size_t size = 4u << 20;
	char *data = malloc(size);
	int head = snprintf(data, size, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %u\r\n\r\n",
			    100u << 20);
	bool is_closed = false;
	int fd = dial();

	memset(data + head, 'x', size - (size_t)head);
	send_all(fd, data, size);
	assert_true(server_is_busy(server));
	assert_false(API_DRAIN_MOST < size);
	/* 32 MiB are read and dropped, then the connection ends. */
	for (int i = 0; i < 10; i++)
		send_all(fd, data + head, size - (size_t)head);
	receive(fd, &is_closed);
	assert_true(is_closed);
	turn(5);
	assert_false(server_is_busy(server));
	close(fd);
	free(data);
}

static void test_query(void **state)
{
	static char data[API_QUERY_MOST + 4096];
	int size = snprintf(data, sizeof(data), "GET /?");
	char *answer;

	memset(data + size, 'q', API_QUERY_MOST + 1);
	strcpy(data + size + API_QUERY_MOST + 1, " HTTP/1.1\r\nHost: x\r\n\r\n");
	answer = exchange(data, strlen(data), NULL);
	assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
	assert_non_null(strstr(answer, "\"RequestSizeLimitExceeded\""));
}

static void test_hostile_heads(void **state)
{
	static char endless[600000];
	static const char *const heads[] = {
		"\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"GET /",
		"\x16\x03\x01\x02",
		"GET / HTTP/9.9\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET /%zz%00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n c\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		exchange(heads[i], strlen(heads[i]), NULL);
	memset(endless, 'a', sizeof(endless));
	memcpy(endless, "GET /", 5);
	exchange(endless, sizeof(endless), NULL);
	memcpy(endless, "GET / HTTP/1.1\r\nA: ", 19);
	exchange(endless, sizeof(endless), NULL);
	assert_memory_equal(call("Read", "{}", ""), "HTTP/1.1 200 ", 13);
}

static void test_socket_outlives_its_server(void **state)
{
	int kept = dial();
	int fd, waiting;

	turn(5);
	server_quiesce(server);
	waiting = dial();
	turn(5);
	server = server_close(server);
	assert_int_equal(server_open(listening, fixture.api, &server), 0);
	/* A connection that waited while nobody served is answered by the new server. */
	send_all(waiting, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	assert_memory_equal(receive(waiting, NULL), "HTTP/1.1 200 ", 13);
	fd = dial();
	send_all(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	assert_memory_equal(receive(fd, NULL), "HTTP/1.1 200 ", 13);
	close(fd);
	close(waiting);
	close(kept);
}

static void test_many_connections(void **state)
{
	int fds[API_CONNECTIONS_MOST + 20];
	size_t count = sizeof(fds) / sizeof(fds[0]);

	for (size_t i = 0; i < count; i++) {
		fds[i] = dial();
		turn(1);
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	turn(50);
	assert_memory_equal(call("Read", "{}", ""), "HTTP/1.1 200 ", 13);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_whole_call),
		TEST(test_errors_are_200),
		TEST(test_methods_and_paths),
		TEST(test_trace_id_is_not_echoed_blindly),
		TEST(test_keep_alive),
		TEST(test_body_at_its_roof),
		TEST(test_body_of_a_stranger_is_not_kept),
		TEST(test_query),
		TEST(test_hostile_heads),
		TEST(test_socket_outlives_its_server),
		TEST(test_many_connections),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

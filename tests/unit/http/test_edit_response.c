/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of servers on their way to a client, byte for byte; and the answers of the balancer. */
#include "heads.h"

#include <errno.h>

#include "http/edit.h"

struct edit_case {
	const char *in, *out;
	enum http_framing framing;
	enum http_method method;
	uint8_t minor;
	bool closes;
	const char *set_cookie, *date;
};

static const struct edit_case cases[] = {
	{ "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n\r\n", HTTP_LENGTH, HTTP_GET, 1 },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\nConnection: close\r\n\r\n", HTTP_LENGTH,
	  HTTP_GET, 1, true },
	/* Status and reason as they came, fields in their bytes. */
	{ "HTTP/1.0 299 My  own \r\ncontent-length:003\r\na:b  \r\nB:\r\n\r\n",
	  "HTTP/1.1 299 My  own \r\nContent-Length: 3\r\na:b  \r\nB:\r\n\r\n", HTTP_LENGTH,
	  HTTP_GET, 1 },
	{ "HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",
	  HTTP_LENGTH, HTTP_GET, 1 },
	/* RFC 9110 section 7.6.1. */
	{ "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\n"
	  "Upgrade: h2c\r\nTrailer: A\r\nProxy-Connection: b\r\nTransfer-Encoding: chunked\r\n"
	  "Proxy-Authenticate: Basic\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nProxy-Authenticate: Basic\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	  HTTP_CHUNKED, HTTP_GET, 1 },
	{ "HTTP/1.1 200 OK\r\nConnection: Set-Cookie, Content-Length, Date\r\nSet-Cookie: a=b\r\n"
	  "Date: now\r\nContent-Length: 1\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nDate: now\r\nContent-Length: 1\r\n\r\n",
	  HTTP_LENGTH, HTTP_GET, 1 },
	/* Trailer stays where trailers can follow, unless Connection takes some of them. */
	{ "HTTP/1.1 200 OK\r\nTrailer: A\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nTrailer: A\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_CHUNKED,
	  HTTP_GET, 1 },
	{ "HTTP/1.1 200 OK\r\nTrailer: A\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", HTTP_UNTIL_CLOSE, HTTP_GET, 0 },
	{ "HTTP/1.1 200 OK\r\nTrailer: A\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "HTTP/1.1 200 OK\r\n\r\n", HTTP_NO_BODY, HTTP_HEAD, 1 },
	{ "HTTP/1.1 200 OK\r\nTrailer: A\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_CHUNKED, HTTP_GET, 1 },
	/* Bodies without an end of their own. */
	{ "HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_CHUNKED, HTTP_GET,
	  1 },
	{ "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n",
	  HTTP_UNTIL_CLOSE, HTTP_GET, 0 },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", HTTP_UNTIL_CLOSE, HTTP_GET, 0 },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n", HTTP_LENGTH,
	  HTTP_GET, 0 },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n", HTTP_LENGTH,
	  HTTP_GET, 0, true },
	/* No body: the length that a GET would have had stays, except where there is none to tell.
	 */
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", HTTP_NO_BODY, HTTP_HEAD, 1 },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
	  HTTP_NO_BODY, HTTP_HEAD, 1 },
	{ "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n",
	  HTTP_NO_BODY, HTTP_HEAD, 0 },
	{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
	  "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", HTTP_NO_BODY, HTTP_GET, 1 },
	{ "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
	  HTTP_NO_BODY, HTTP_GET, 1 },
	/* RFC 9110 section 15.2: informational heads bear nothing of the last one. */
	{ "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: b\r\nB: c\r\n\r\n",
	  "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", HTTP_NO_BODY, HTTP_GET, 1, true, "x=y",
	  "today" },
	{ "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", HTTP_NO_BODY, HTTP_PUT,
	  1 },
	{ "HTTP/1.1 100 Continue\r\n\r\n", "", HTTP_NO_BODY, HTTP_PUT, 0 },
	/* RFC 6455. */
	{ "HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
	  "Sec-WebSocket-Accept: k\r\nContent-Length: 0\r\n\r\n",
	  "HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: k\r\nSet-Cookie: x=y\r\n"
	  "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	  HTTP_NO_BODY, HTTP_GET, 1, false, "x=y" },
	/* What is added. */
	{ "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 3\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 3\r\nDate: today\r\n"
	  "Set-Cookie: x=y\r\n\r\n",
	  HTTP_LENGTH, HTTP_GET, 1, false, "x=y", "today" },
	{ "HTTP/1.1 200 OK\r\ndate: then\r\nContent-Length: 3\r\n\r\n",
	  "HTTP/1.1 200 OK\r\ndate: then\r\nContent-Length: 3\r\n\r\n", HTTP_LENGTH, HTTP_GET, 1,
	  false, NULL, "today" },
};

static void test_cases(void **state)
{
	static struct http_response response, again;
	char out[2048];

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct edit_case *one = &cases[i];
		const struct http_response_edit edit = {
			.client_minor = one->minor,
			.keeps_connection = !one->closes,
			.set_cookie = bytes_of(one->set_cookie),
			.date = bytes_of(one->date),
		};
		size_t expected = strlen(one->out);
		enum http_framing framing = (enum http_framing)99;
		int result;

		assert_int_equal(
			http_response_parse(one->in, strlen(one->in), one->method, &response), 0);
		result = http_response_edit(one->in, &response, &edit, out, sizeof(out) - 1,
					    &framing);
		assert_true(result >= 0);
		out[result] = 0;
		assert_string_equal(out, one->out);
		assert_int_equal(framing, one->framing);
		if (result)
			assert_int_equal(http_response_parse(out, expected, one->method, &again),
					 0);
		for (size_t room = 0; room < expected; room++) {
			char *exact = test_malloc(room + 1);

			framing = (enum http_framing)99;
			result = http_response_edit(one->in, &response, &edit, exact, room,
						    &framing);
			assert_int_equal(result, -ENOBUFS);
			assert_int_equal(framing, 99);
			test_free(exact);
		}
	}
}

static void test_answers(void **state)
{
	static const unsigned statuses[] = { 301, 400, 404, 405, 408, 413, 414,
					     417, 431, 501, 502, 503, 504, 505 };
	static struct http_response response;
	char out[1024], head_only[1024];

	for (size_t i = 0; i < COUNT(statuses); i++) {
		struct http_answer answer = {
			.status = statuses[i],
			.keeps_connection = i & 1,
			.request_id = BYTES_LITERAL("0123-abc"),
			.date = BYTES_LITERAL("Sun, 06 Nov 1994 08:49:37 GMT"),
			.location = bytes_of(statuses[i] == 301 ? "/a/?b" : NULL),
		};
		int size = http_answer_write(&answer, out, sizeof(out) - 1), head_size;
		struct http_scan scan = { 0 };

		assert_true(size > 0);
		out[size] = 0;
		head_size = http_head_scan(out, (size_t)size, &scan);
		assert_true(head_size > 0);
		assert_int_equal(http_response_parse(out, (size_t)head_size, HTTP_GET, &response),
				 0);
		assert_int_equal(response.status, statuses[i]);
		assert_int_equal(response.framing, HTTP_LENGTH);
		assert_int_equal(response.length, size - head_size);
		assert_int_equal(response.is_keepalive, i & 1);
		assert_span(out, response.reason, http_status_text(statuses[i]));
		assert_non_null(strstr(out + head_size, "0123-abc"));
		assert_non_null(strstr(out + head_size, http_status_text(statuses[i])));
		assert_int_equal(strstr(out, "\r\nLocation: /a/?b\r\n") != NULL,
				 statuses[i] == 301);
		assert_int_equal(strstr(out, "\r\nAllow: ") != NULL, statuses[i] == 405);
		answer.is_head = true;
		assert_int_equal(http_answer_write(&answer, head_only, sizeof(head_only)),
				 head_size);
		assert_memory_equal(out, head_only, head_size);
		for (size_t room = 0; room < (size_t)head_size; room++)
			assert_int_equal(http_answer_write(&answer, head_only, room), -ENOBUFS);
	}
}

static void test_answer_bytes(void **state)
{
	const struct http_answer answer = { .status = 404, .request_id = BYTES_LITERAL("id") };
	char out[1024];
	int size = http_answer_write(&answer, out, sizeof(out) - 1);

	assert_true(size > 0);
	out[size] = 0;
	assert_string_equal(out,
			    "HTTP/1.1 404 Not Found\r\nContent-Type: text/html; charset=utf-8\r\n"
			    "Content-Length: 128\r\nConnection: close\r\n\r\n"
			    "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head>\n"
			    "<body><h1>404 Not Found</h1><p>Request id: id</p></body></html>\n");
}

/* Nothing from outside can end a line of the head or open an element of the body. */
static void test_answers_refuse(void **state)
{
	static const struct http_answer bad[] = {
		{ .status = 199, .request_id = BYTES_LITERAL("a") },
		{ .status = 1000, .request_id = BYTES_LITERAL("a") },
		{ .status = 404, .request_id = BYTES_LITERAL("<b>") },
		{ .status = 404, .request_id = BYTES_LITERAL("a b") },
		{ .status = 301, .location = BYTES_LITERAL("/a\r\nB: c") },
		{ .status = 301, .location = BYTES_LITERAL("/a b") },
		{ .status = 404, .date = BYTES_LITERAL("a\nb") },
	};
	struct http_answer answer = { .status = 404 };
	char out[1024], long_id[512];

	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(http_answer_write(&bad[i], out, sizeof(out)), -EINVAL);
	answer.status = 200;
	assert_true(http_answer_write(&answer, out, sizeof(out)) > 0);
	answer.status = 999;
	assert_true(http_answer_write(&answer, out, sizeof(out)) > 0);
	answer.request_id = (struct bytes){ long_id, sizeof(long_id) };
	memset(long_id, 'a', sizeof(long_id));
	assert_int_equal(http_answer_write(&answer, out, sizeof(out)), -ENOBUFS);
	assert_string_equal(http_status_text(599), "Unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_answer_bytes),
		cmocka_unit_test(test_answers_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

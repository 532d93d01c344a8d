/* SPDX-License-Identifier: Apache-2.0 */
/* Requests on their way to a server, byte for byte. */
#include "heads.h"

#include <errno.h>

#include "http/edit.h"

/* What every edited request of these tests ends with, when the client sent no X-Forwarded-For. */
#define TAIL(xff)                                                          \
	"X-Forwarded-For: " xff "192.0.2.9\r\nX-Forwarded-Proto: http\r\n" \
	"X-Forwarded-Port: 8080\r\nX-Real-IP: 192.0.2.9\r\n"

struct edit_case {
	const char *in, *out;
	const char *strip;
	bool closes;
};

static const struct edit_case cases[] = {
	{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\n" TAIL("") "Connection: close\r\n\r\n", NULL, true },
	/* Order and bytes of end-to-end fields; Host comes first, without its white space. */
	{ "PUT /p?q HTTP/1.1\r\nb:  2 \r\nHOST:\t A:81 \r\nA:1\r\nA: \r\nc: \x80\t.\r\n\r\n",
	  "PUT /p?q HTTP/1.1\r\nHost: A:81\r\nb:  2 \r\nA:1\r\nA: \r\nc: \x80\t.\r\n" TAIL(
		  "") "\r\n" },
	/* RFC 9112 section 3.2.2: origin-form to the server, Host from the target. */
	{ "GET http://A:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
	  "GET /x?y HTTP/1.1\r\nHost: A:80\r\n" TAIL("") "\r\n" },
	{ "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	{ "GET https://a?b HTTP/1.1\r\nHost: a\r\n\r\n",
	  "GET /?b HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	{ "GET http://a:/ HTTP/1.1\r\nHost: a\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	/* RFC 9112 section 3.2.4. */
	{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	  "OPTIONS * HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	{ "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
	  "OPTIONS * HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	{ "OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n",
	  "OPTIONS /x HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	{ "OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
	  "OPTIONS / HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	{ "OPTIONS http://a?b HTTP/1.1\r\nHost: a\r\n\r\n",
	  "OPTIONS /?b HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	/* HTTP/1.0 clients: a Host is made, Expect is not passed on, RFC 9110 section 10.1.1. */
	{ "GET / HTTP/1.0\r\nExpect: 100-continue\r\nA: b\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: 198.51.100.1:8080\r\nA: b\r\n" TAIL("") "\r\n" },
	{ "GET / HTTP/1.1\r\nHost:\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: 198.51.100.1:8080\r\n" TAIL("") "\r\n" },
	{ "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
	  "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n" TAIL(
		  "") "\r\n" },
	/* Framing is written anew. */
	{ "POST / HTTP/1.1\r\nHost: a\r\nA: b\r\ncontent-length:  0012 \r\nC: d\r\n\r\n",
	  "POST / HTTP/1.1\r\nHost: a\r\nA: b\r\nContent-Length: 12\r\nC: d\r\n" TAIL("") "\r\n" },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" TAIL("") "\r\n" },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n",
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n" TAIL("") "\r\n" },
	{ "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: CHUNKED\r\nA: b\r\n\r\n",
	  "POST / HTTP/1.1\r\nHost: a\r\nA: b\r\n" TAIL("") "Transfer-Encoding: chunked\r\n\r\n" },
	{ "POST / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	/* RFC 9110 section 7.6.1: hop-by-hop fields. */
	{ "GET / HTTP/1.1\r\nKeep-Alive: 5\r\nHost: a\r\nConnection: keep-alive, X-Hop\r\nx-hop: 1\r\n"
	  "Proxy-Connection: b\r\nTE: trailers\r\nTrailer: c\r\nUpgrade: h2c\r\n"
	  "HTTP2-Settings: d\r\nProxy-Authorization: e\r\nX-Hop: 2\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\nProxy-Authorization: e\r\n" TAIL(
		  "") "TE: trailers\r\nConnection: TE\r\n\r\n" },
	/* RFC 9110 section 10.1.4: one member of TE can be passed on. */
	{ "GET / HTTP/1.1\r\nHost: a\r\nTE: gzip;q=0.5\r\nConnection: te\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers;q=0, trailersx\r\nTE:\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nte: gzip\r\nTE: deflate ,, Trailers\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\n" TAIL("") "TE: trailers\r\nConnection: close, TE\r\n\r\n",
	  NULL, true },
	{ "GET / HTTP/1.0\r\nHost: a\r\nTE: trailers\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\n" TAIL("") "\r\n" },
	/* Trailer stays where trailers can follow, unless Connection takes some of them. */
	{ "PUT / HTTP/1.1\r\nHost: a\r\nTrailer: B\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "PUT / HTTP/1.1\r\nHost: a\r\nTrailer: B\r\n" TAIL(
		  "") "Transfer-Encoding: chunked\r\n\r\n" },
	{ "PUT / HTTP/1.1\r\nHost: a\r\nTrailer: B\r\nContent-Length: 1\r\n\r\n",
	  "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n" TAIL("") "\r\n" },
	{ "PUT / HTTP/1.1\r\nHost: a\r\nTrailer: B\r\nConnection: close, TE, b\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	  "PUT / HTTP/1.1\r\nHost: a\r\n" TAIL("") "Transfer-Encoding: chunked\r\n\r\n" },
	{ "PUT / HTTP/1.1\r\nHost: a\r\nTrailer: B\r\nConnection: close, TE, keep-alive, upgrade\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n",
	  "PUT / HTTP/1.1\r\nHost: a\r\nTrailer: B\r\n" TAIL(
		  "") "Transfer-Encoding: chunked\r\n\r\n" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nCookie: b\r\nConnection: host, cookie, x-forwarded-for\r\n"
	  "X-Forwarded-For: 1\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\nCookie: b\r\n" TAIL("1, ") "\r\n" },
	{ "POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 2\r\n\r\n",
	  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n" TAIL("") "\r\n" },
	/* RFC 6455: a websocket keeps its upgrade, and only that one. */
	{ "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c, WebSocket\r\nSec-WebSocket-Key: k\r\n"
	  "Connection: keep-alive, Upgrade\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: k\r\n" TAIL(
		  "") "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	  NULL, true },
	/* What proxies before us said is kept in one field; what only we may say is replaced. */
	{ "GET / HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1\r\nHost: a\r\nx-forwarded-for:\r\n"
	  "X-Forwarded-For:  2.2.2.2, 3.3.3.3 \r\nX-Forwarded-Proto: https\r\n"
	  "X-Forwarded-Port: 1\r\nx-real-ip: 4.4.4.4\r\nA: b\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n" TAIL("1.1.1.1, 2.2.2.2, 3.3.3.3, ") "\r\n" },
	/* Look-alikes that CGI would take for ours or for framing. */
	{ "GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 1\r\nX-Forwarded_Proto: 2\r\n"
	  "X_Real_IP: 3\r\nContent_Length: 4\r\nTransfer_Encoding: chunked\r\nX_A: 5\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\nX_A: 5\r\n" TAIL("") "\r\n" },
	/* The cookie that is not the server's business; all others in their bytes. */
	{ "GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1; s=2;  y=3\r\nA: b\r\ncookie:s=2\r\n"
	  "COOKIE:   z=4 \r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1;  y=3\r\nA: b\r\nCOOKIE:   z=4\r\n" TAIL(
		  "") "\r\n",
	  "s" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1; s=2\r\n\r\n",
	  "GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1; s=2\r\n" TAIL("") "\r\n" },
};

static struct http_request_edit edit_of(const struct edit_case *edit_case)
{
	return (struct http_request_edit){
		.client_ip = BYTES_LITERAL("192.0.2.9"),
		.proto = BYTES_LITERAL("http"),
		.port = BYTES_LITERAL("8080"),
		.host = BYTES_LITERAL("198.51.100.1:8080"),
		.strip_cookie = bytes_of(edit_case->strip),
		.keeps_connection = !edit_case->closes,
	};
}

static void test_cases(void **state)
{
	static struct http_request request, again;
	char out[2048];

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct http_request_edit edit = edit_of(&cases[i]);
		size_t size = strlen(cases[i].in), expected = strlen(cases[i].out);
		int result;

		assert_int_equal(http_request_parse(cases[i].in, size, &request), 0);
		result = http_request_edit(cases[i].in, &request, &edit, out, sizeof(out) - 1);
		assert_true(result > 0);
		out[result] = 0;
		assert_string_equal(out, cases[i].out);
		assert_int_equal(result, expected);
		assert_int_equal(http_request_parse(out, expected, &again), 0);
		assert_int_equal(again.framing, request.framing);
		assert_int_equal(again.length, request.length);
		assert_int_equal(again.wants_websocket, request.wants_websocket);
		/* It fits exactly, and in nothing smaller, of which nothing is overrun. */
		for (size_t room = 0; room <= expected; room++) {
			char *exact = test_malloc(room + 1);

			result = http_request_edit(cases[i].in, &request, &edit, exact, room);
			assert_int_equal(result, room < expected ? -ENOBUFS : (int)expected);
			test_free(exact);
		}
	}
}

/* A body that was read before: nobody is asked for a 100, and chunks leave no word. */
static void test_whole_body(void **state)
{
	static const char *const heads[][2] = {
		{ "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
		  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n" },
		{ "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTrailer: X\r\n"
		  "Transfer-Encoding: chunked\r\nA: b\r\n\r\n",
		  "POST / HTTP/1.1\r\nHost: a\r\nA: b\r\n" },
	};
	const struct http_request_edit edit = {
		.client_ip = BYTES_LITERAL("1.2.3.4"),
		.proto = BYTES_LITERAL("http"),
		.port = BYTES_LITERAL("80"),
		.host = BYTES_LITERAL("b"),
		.keeps_connection = true,
		.has_whole_body = true,
	};

	for (size_t i = 0; i < 2; i++) {
		struct http_request request;
		char out[512];
		int size;

		assert_int_equal(http_request_parse(heads[i][0], strlen(heads[i][0]), &request), 0);
		size = http_request_edit(heads[i][0], &request, &edit, out, sizeof(out) - 1);
		assert_true(size > 0);
		out[size] = 0;
		assert_memory_equal(out, heads[i][1], strlen(heads[i][1]));
		assert_null(strstr(out, "chunked"));
		assert_null(strstr(out, "Trailer"));
		assert_null(strstr(out, "Expect"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_whole_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of answers: what is trusted, how the body is framed, whether the connection can be kept. */
#include "heads.h"

#include <errno.h>

#define OK(fields) RAW("HTTP/1.1 200 OK\r\n" fields "\r\n")

struct reading {
	const char *raw;
	size_t size;
	enum http_method method;
	bool is_bad;
	/* Otherwise: */
	unsigned status;
	enum http_framing framing;
	uint64_t length;
	bool is_keepalive;
};

static const struct reading readings[] = {
	/* RFC 9112 section 4: the status line */
	{ OK("Content-Length: 3\r\n"), HTTP_GET, false, 200, HTTP_LENGTH, 3, true },
	{ RAW("HTTP/1.1 200\r\n\r\n"), HTTP_GET, false, 200, HTTP_UNTIL_CLOSE, 0, false },
	{ RAW("HTTP/1.1 200 \r\n\r\n"), HTTP_GET, false, 200, HTTP_UNTIL_CLOSE, 0, false },
	{ RAW("HTTP/1.1 200 a\tb \xe9\r\n\r\n"), HTTP_GET, false, 200, HTTP_UNTIL_CLOSE, 0, false },
	{ RAW("HTTP/1.1 999 x\r\n\r\n"), HTTP_GET, false, 999, HTTP_UNTIL_CLOSE, 0, false },
	{ RAW("HTTP/1.7 200 OK\r\nContent-Length: 0\r\n\r\n"), HTTP_GET, false, 200, HTTP_LENGTH, 0,
	  true },
	{ RAW("HTTP/2.0 200 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/0.9 200 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1 200 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.x 200 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1./ 200 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.10 200 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("http/1.1 200 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("ICY 200 OK here\r\n\r\n"), HTTP_GET, true },
	{ RAW(" HTTP/1.1 200 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("\r\nHTTP/1.1 200 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1  200 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1\t200 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 20 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 2000 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 099 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 000 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 2x0 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 -20 OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 200OK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 200\tOK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 200 O\rK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 200 O\rKA: b\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 200 O\n\nA: b\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 200 O\0K\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 200 O\x7fK\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 200 OK\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 200 OK\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 200\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 200"), HTTP_GET, true },
	{ RAW("HTTP/1.1"), HTTP_GET, true },
	{ RAW(""), HTTP_GET, true },
	{ RAW("<html>no head at all</html>\r\n"), HTTP_GET, true },
	/* RFC 9112 sections 2.2, 5.1, 5.2: the fields, no more lenient than a request's */
	{ OK("A: b\rc\r\n"), HTTP_GET, true },
	{ OK("A: b\nc: d\r\n"), HTTP_GET, true },
	{ OK("A: b\0\r\n"), HTTP_GET, true },
	{ OK("A : b\r\n"), HTTP_GET, true },
	{ OK("A: b\r\n c\r\n"), HTTP_GET, true },
	{ OK(": b\r\n"), HTTP_GET, true },
	{ OK("A\r\n"), HTTP_GET, true },
	{ OK("\r\n"), HTTP_GET, true },
	/* RFC 9112 section 6.3, items 3 to 5 */
	{ OK("Content-Length: 3\r\nContent-Length: 3\r\n"), HTTP_GET, true },
	{ OK("Content-Length: 3\r\nContent-Length: 4\r\n"), HTTP_GET, true },
	{ OK("Content-Length: 3, 3\r\n"), HTTP_GET, true },
	{ OK("Content-Length: -1\r\n"), HTTP_GET, true },
	{ OK("Content-Length:\r\n"), HTTP_GET, true },
	{ OK("Content-Length: 9223372036854775808\r\n"), HTTP_GET, true },
	{ OK("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), HTTP_GET, true },
	{ OK("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), HTTP_HEAD, true },
	{ OK("Transfer-Encoding: chunked\r\n"), HTTP_GET, false, 200, HTTP_CHUNKED, 0, true },
	{ OK("Transfer-Encoding: ChunkeD\r\n"), HTTP_GET, false, 200, HTTP_CHUNKED, 0, true },
	{ OK("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), HTTP_GET, true },
	{ OK("Transfer-Encoding: gzip, chunked\r\n"), HTTP_GET, true },
	{ OK("Transfer-Encoding: identity\r\n"), HTTP_GET, true },
	{ OK("Transfer-Encoding: chunked, identity\r\n"), HTTP_GET, true },
	{ OK("Transfer-Encoding:\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_HEAD, true },
	/* RFC 9112 section 6.3, item 1: no body, whatever the fields say */
	{ OK("Content-Length: 3\r\n"), HTTP_HEAD, false, 200, HTTP_NO_BODY, 3, true },
	{ OK("Transfer-Encoding: chunked\r\n"), HTTP_HEAD, false, 200, HTTP_NO_BODY, 0, true },
	{ OK(""), HTTP_HEAD, false, 200, HTTP_NO_BODY, 0, true },
	{ RAW("HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, false, 304, HTTP_NO_BODY, 3,
	  true },
	{ RAW("HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_GET, false, 304,
	  HTTP_NO_BODY, 0, true },
	{ RAW("HTTP/1.1 204 x\r\n\r\n"), HTTP_GET, false, 204, HTTP_NO_BODY, 0, true },
	{ RAW("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n"), HTTP_GET, false, 204, HTTP_NO_BODY, 0,
	  true },
	{ RAW("HTTP/1.1 204 x\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, false, 204, HTTP_NO_BODY, 3,
	  false },
	{ RAW("HTTP/1.1 204 x\r\nContent-Length: 1\r\n\r\n"), HTTP_GET, false, 204, HTTP_NO_BODY, 1,
	  false },
	{ RAW("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_GET, false, 204,
	  HTTP_NO_BODY, 0, false },
	{ RAW("HTTP/1.1 205 x\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, false, 205, HTTP_LENGTH, 3,
	  true },
	{ RAW("HTTP/1.1 100 Continue\r\n\r\n"), HTTP_POST, false, 100, HTTP_NO_BODY, 0, true },
	{ RAW("HTTP/1.1 103 x\r\nLink: </a>\r\n\r\n"), HTTP_GET, false, 103, HTTP_NO_BODY, 0,
	  true },
	{ RAW("HTTP/1.1 199 x\r\nContent-Length: 0\r\n\r\n"), HTTP_GET, false, 199, HTTP_NO_BODY, 0,
	  true },
	{ RAW("HTTP/1.1 100 x\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 100 x\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_GET, true },
	{ RAW("HTTP/1.1 101 x\r\n\r\n"), HTTP_GET, false, 101, HTTP_NO_BODY, 0, false },
	{ RAW("HTTP/1.1 101 x\r\nContent-Length: 3\r\n\r\n"), HTTP_GET, true },
	/* RFC 9112 section 6.3, item 8, and section 9.3 */
	{ OK(""), HTTP_GET, false, 200, HTTP_UNTIL_CLOSE, 0, false },
	{ OK("Connection: keep-alive\r\n"), HTTP_GET, false, 200, HTTP_UNTIL_CLOSE, 0, false },
	{ OK("Connection: close\r\nContent-Length: 1\r\n"), HTTP_GET, false, 200, HTTP_LENGTH, 1,
	  false },
	{ OK("Connection: a, Close\r\nTransfer-Encoding: chunked\r\n"), HTTP_GET, false, 200,
	  HTTP_CHUNKED, 0, false },
	{ RAW("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"), HTTP_GET, false, 200, HTTP_LENGTH, 1,
	  false },
	{ RAW("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n"), HTTP_GET,
	  false, 200, HTTP_LENGTH, 1, true },
	{ RAW("HTTP/1.0 204 x\r\n\r\n"), HTTP_GET, false, 204, HTTP_NO_BODY, 0, false },
};

static void test_readings(void **state)
{
	static struct http_response response;

	for (size_t i = 0; i < COUNT(readings); i++) {
		const struct reading *reading = &readings[i];
		char *copy = test_malloc(reading->size + 1);
		int result;

		memcpy(copy, reading->raw, reading->size);
		result = http_response_parse(copy, reading->size, reading->method, &response);
		test_free(copy);
		if (result != (reading->is_bad ? -EBADMSG : 0))
			fail_msg("%d: %s", result, readable(reading->raw, reading->size));
		if (reading->is_bad)
			continue;
		if (response.status != reading->status || response.framing != reading->framing ||
		    response.length != reading->length ||
		    response.is_keepalive != reading->is_keepalive)
			fail_msg("%s", readable(reading->raw, reading->size));
		assert_int_equal(response.head_size, reading->size);
		assert_int_equal(scan_everywhere(reading->raw, reading->size), reading->size);
	}
}

static void test_parts(void **state)
{
	static const char raw[] = "HTTP/1.0 404 Not  here \r\nA:  b c \r\n\r\n";
	static struct http_response response;

	assert_int_equal(http_response_parse(RAW(raw), HTTP_GET, &response), 0);
	assert_int_equal(response.minor, 0);
	assert_span(raw, response.reason, "Not  here ");
	assert_int_equal(response.field_count, 1);
	assert_span(raw, response.fields[0].name, "A");
	assert_span(raw, response.fields[0].value, "b c");
}

/* RFC 6455 section 4.1. */
static void test_websocket(void **state)
{
	static const struct {
		const char *raw;
		bool is_websocket;
	} cases[] = {
		{ "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", true },
		{ "HTTP/1.1 101 x\r\nupgrade: WebSocket\r\n\r\n", true },
		{ "HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", false },
		{ "HTTP/1.1 101 x\r\nConnection: Upgrade\r\n\r\n", false },
		{ "HTTP/1.1 200 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", false },
		{ "HTTP/1.1 426 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", false },
	};
	static struct http_response response;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(http_response_parse(cases[i].raw, strlen(cases[i].raw), HTTP_GET,
						     &response),
				 0);
		assert_int_equal(response.is_websocket, cases[i].is_websocket);
	}
}

static void test_truncated_anywhere(void **state)
{
	static const char raw[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: a, b\r\n"
				  "X_Y: z\r\n\r\n";
	static struct http_response response;

	for (size_t size = 0; size < sizeof(raw) - 1; size++) {
		char *copy = test_malloc(size + 1);

		memcpy(copy, raw, size);
		assert_int_equal(http_response_parse(copy, size, HTTP_GET, &response), -EBADMSG);
		test_free(copy);
	}
	assert_int_equal(http_response_parse(RAW(raw), HTTP_GET, &response), 0);
}

static void test_roof(void **state)
{
	static struct http_response response;
	static char head[4096];

	for (unsigned count = HTTP_FIELDS_ROOM; count <= HTTP_FIELDS_ROOM + 1; count++) {
		size_t size = (size_t)sprintf(head, "HTTP/1.1 200 OK\r\n");

		for (unsigned i = 0; i < count; i++)
			size += (size_t)sprintf(head + size, "A%u:\r\n", i);
		size += (size_t)sprintf(head + size, "\r\n");
		assert_int_equal(http_response_parse(head, size, HTTP_GET, &response),
				 count > HTTP_FIELDS_ROOM ? -E2BIG : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readings),  cmocka_unit_test(test_parts),
		cmocka_unit_test(test_websocket), cmocka_unit_test(test_truncated_anywhere),
		cmocka_unit_test(test_roof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

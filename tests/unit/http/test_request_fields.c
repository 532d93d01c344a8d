/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of requests, their framing, Connection, Expect and Upgrade. */
#include "heads.h"

#include "model/limits.h"

_Static_assert(HTTP_FIELDS_ROOM == HTTP_FIELDS_MOST, "one roof, two names");
_Static_assert(HTTP_TARGET_ROOM == HTTP_TARGET_MOST, "one roof, two names");
_Static_assert(HTTP_CHUNK_LINE_ROOM == HTTP_CHUNK_LINE_MOST, "one roof, two names");
_Static_assert(HTTP_TRAILER_ROOM == HTTP_TRAILER_MOST, "one roof, two names");
_Static_assert(HTTP_FIELD_NAMES <= 32, "`present` has a bit for each");

struct reading {
	const char *raw;
	size_t size;
	int status; /* 0 = accepted, with: */
	enum http_framing framing;
	uint64_t length;
};

static const struct reading readings[] = {
	/* RFC 9112 section 5, RFC 9110 section 5.1: the name is a token, the colon follows it */
	{ GET("A: b\r\n"), 0, HTTP_NO_BODY },
	{ GET("A:b\r\n"), 0, HTTP_NO_BODY },
	{ GET("A:\r\n"), 0, HTTP_NO_BODY },
	{ GET("A: \t \r\n"), 0, HTTP_NO_BODY },
	{ GET("A: b:c\r\n"), 0, HTTP_NO_BODY },
	{ GET("!#$%&'*+-.^_`|~09: b\r\n"), 0, HTTP_NO_BODY },
	{ GET("A-Very-Long-Name-Of-More-Than-Sixteen-Bytes: b\r\n"), 0, HTTP_NO_BODY },
	{ GET("A-Very-Long-Name-Of_More-Than-Sixteen-Bytes1: b\r\n"), 0, HTTP_NO_BODY },
	{ GET("A : b\r\n"), 400 },
	{ GET("A\t: b\r\n"), 400 },
	{ GET(": b\r\n"), 400 },
	{ GET("A\r\n"), 400 },
	{ GET("A b: c\r\n"), 400 },
	{ GET("A(b): c\r\n"), 400 },
	{ GET("A@b: c\r\n"), 400 },
	{ GET("A/b: c\r\n"), 400 },
	{ GET("A=b\r\n"), 400 },
	{ GET("{a}: b\r\n"), 400 },
	{ GET("\"a\": b\r\n"), 400 },
	{ GET("A\0: b\r\n"), 400 },
	{ GET("A\x80: b\r\n"), 400 },
	{ GET("\xef\xbb\xbf"
	      "A: b\r\n"),
	  400 },
	/* RFC 9112 section 2.2: white space ahead of the first field line */
	{ RAW("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n"), 400 },
	/* RFC 9112 section 5.2: obsolete folding */
	{ GET("A: b\r\n c\r\n"), 400 },
	{ GET("A: b\r\n\tc\r\n"), 400 },
	{ GET("A: b\r\n \r\n"), 400 },
	{ GET("A: b\r\n :c\r\n"), 400 },
	/* RFC 9110 section 5.5, RFC 9112 section 2.2: bare CR, bare LF, NUL and other controls */
	{ GET("A: b\rc\r\n"), 400 },
	{ GET("A: b\r\r\n"), 400 },
	{ GET("A: b\rcd: e\r\n"), 400 },
	{ GET("A: b\n\nc: d\r\n"), 400 },
	{ GET("A: b\nc: d\r\n"), 400 },
	{ GET("A: b\n\r\n"), 400 },
	{ GET("A: b\0c\r\n"), 400 },
	{ GET("A: b\x01\r\n"), 400 },
	{ GET("A: b\x0b\r\n"), 400 },
	{ GET("A: b\x1f\r\n"), 400 },
	{ GET("A: b\x7f\r\n"), 400 },
	{ GET("A: b\tc d\r\n"), 0, HTTP_NO_BODY },
	{ GET("A: b\x80\xff\r\n"), 0, HTTP_NO_BODY },
	/* RFC 9112 section 2.1: the empty line ends it, once */
	{ RAW("GET / HTTP/1.1\r\nHost: a\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a\r\n\r\nA: b\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a\r\n\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a\r\n\r"), 400 },
	/* RFC 9110 section 8.6, RFC 9112 section 6.3: Content-Length, digits and nothing else */
	{ POST("Content-Length: 0\r\n"), 0, HTTP_LENGTH, 0 },
	{ POST("Content-Length: 5\r\n"), 0, HTTP_LENGTH, 5 },
	{ POST("content-length:5 \r\n"), 0, HTTP_LENGTH, 5 },
	{ POST("Content-Length: 0000000000000000000000007\r\n"), 0, HTTP_LENGTH, 7 },
	{ POST("Content-Length: 9223372036854775807\r\n"), 0, HTTP_LENGTH, INT64_MAX },
	{ GET("Content-Length: 5\r\n"), 0, HTTP_LENGTH, 5 },
	{ RAW("POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\n"), 0, HTTP_LENGTH, 5 },
	{ POST("Content-Length: 9223372036854775808\r\n"), 400 },
	{ POST("Content-Length: 18446744073709551616\r\n"), 400 },
	{ POST("Content-Length: 99999999999999999999999999\r\n"), 400 },
	{ POST("Content-Length:\r\n"), 400 },
	{ POST("Content-Length: +5\r\n"), 400 },
	{ POST("Content-Length: -5\r\n"), 400 },
	{ POST("Content-Length: -0\r\n"), 400 },
	{ POST("Content-Length: 0x5\r\n"), 400 },
	{ POST("Content-Length: 5a\r\n"), 400 },
	{ POST("Content-Length: 5 5\r\n"), 400 },
	{ POST("Content-Length: 5.0\r\n"), 400 },
	{ POST("Content-Length: 1e2\r\n"), 400 },
	{ POST("Content-Length: 1_000\r\n"), 400 },
	{ POST("Content-Length: \"5\"\r\n"), 400 },
	{ POST("Content-Length: 5,5\r\n"), 400 },
	{ POST("Content-Length: 5, 5\r\n"), 400 },
	{ POST("Content-Length: 5, 6\r\n"), 400 },
	{ POST("Content-Length: 5;\r\n"), 400 },
	{ POST("Content-Length: \xef\xbc\x95\r\n"), 400 },
	{ POST("Content-Length: 5\r\nContent-Length: 5\r\n"), 400 },
	{ POST("Content-Length: 5\r\nContent-Length: 6\r\n"), 400 },
	{ POST("Content-Length: 5\r\ncontent-length:\r\n"), 400 },
	{ POST("Content-Length : 5\r\n"), 400 },
	{ POST(" Content-Length: 5\r\n"), 400 },
	/* RFC 9112 sections 6.1 and 6.3: Transfer-Encoding, chunked and nothing else */
	{ POST("Transfer-Encoding: chunked\r\n"), 0, HTTP_CHUNKED },
	{ POST("transfer-encoding:CHUNKED\t\r\n"), 0, HTTP_CHUNKED },
	{ GET("Transfer-Encoding: chunked\r\n"), 0, HTTP_CHUNKED },
	{ POST("Transfer-Encoding: gzip, chunked\r\n"), 501 },
	{ POST("Transfer-Encoding: identity, chunked\r\n"), 501 },
	{ POST("Transfer-Encoding: foo;a=b, Chunked\r\n"), 501 },
	{ POST("Transfer-Encoding: gzip\r\n"), 400 },
	{ POST("Transfer-Encoding: identity\r\n"), 400 },
	{ POST("Transfer-Encoding: chunked, gzip\r\n"), 400 },
	{ POST("Transfer-Encoding: chunked, identity\r\n"), 400 },
	{ POST("Transfer-Encoding: chunked, chunked\r\n"), 400 },
	{ POST("Transfer-Encoding: chunked, gzip, chunked\r\n"), 400 },
	{ POST("Transfer-Encoding:\r\n"), 400 },
	{ POST("Transfer-Encoding: ,chunked\r\n"), 400 },
	{ POST("Transfer-Encoding: chunked,\r\n"), 400 },
	{ POST("Transfer-Encoding: \"chunked\"\r\n"), 400 },
	{ POST("Transfer-Encoding: a;b=\", chunked\r\n"), 400 },
	{ POST("Transfer-Encoding: xchunked\r\n"), 400 },
	{ POST("Transfer-Encoding: chunkedx\r\n"), 400 },
	{ POST("Transfer-Encoding: chunked;a=b\r\n"), 400 },
	{ POST("Transfer-Encoding: chun ked\r\n"), 400 },
	{ POST("Transfer-Encoding: \x0b"
	       "chunked\r\n"),
	  400 },
	{ POST("Transfer-Encoding: \xc2\xa0"
	       "chunked\r\n"),
	  400 },
	{ POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400 },
	{ POST("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), 400 },
	{ POST("Transfer-Encoding : chunked\r\n"), 400 },
	{ POST("Transfer-Encoding\r\n : chunked\r\n"), 400 },
	{ RAW("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400 },
	{ RAW("POST / HTTP/1.0\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), 400 },
	{ POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400 },
	{ POST("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400 },
	{ POST("Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n"), 400 },
	{ POST("Transfer-Encoding: identity\r\nContent-Length: 5\r\n"), 400 },
	{ POST("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400 },
	{ POST("X: y\r\n"), 0, HTTP_NO_BODY },
	/* Not these fields, though they look like them; edit tests show that they are not passed
	   on. */
	{ POST("Transfer_Encoding: chunked\r\n"), 0, HTTP_NO_BODY },
	{ POST("Content_Length: 5\r\n"), 0, HTTP_NO_BODY },
	{ POST("Transfer-Encodin: chunked\r\n"), 0, HTTP_NO_BODY },
	{ POST("TransferXEncoding: chunked\r\n"), 0, HTTP_NO_BODY },
	/* RFC 9110 section 10.1.1: Expect */
	{ POST("Content-Length: 5\r\nExpect: 100-continue\r\n"), 0, HTTP_LENGTH, 5 },
	{ POST("Content-Length: 5\r\nExpect: 100-Continue\r\n"), 0, HTTP_LENGTH, 5 },
	{ POST("Expect: 200-ok\r\n"), 417 },
	{ POST("Expect:\r\n"), 417 },
	{ POST("Expect: 100-continue, x\r\n"), 417 },
	{ POST("Expect: 100-continue\r\nExpect: x\r\n"), 417 },
	{ POST("Expect: x\r\nContent-Length: x\r\n"), 400 },
};

static void test_readings(void **state)
{
	static struct http_request request;

	for (size_t i = 0; i < COUNT(readings); i++) {
		const struct reading *reading = &readings[i];
		int status = http_request_parse(reading->raw, reading->size, &request);

		if (status != reading->status)
			fail_msg("%d, not %d: %s", status, reading->status,
				 readable(reading->raw, reading->size));
		if (status)
			continue;
		assert_int_equal(request.framing, reading->framing);
		assert_int_equal(request.length, reading->length);
		assert_int_equal(scan_everywhere(reading->raw, reading->size), reading->size);
	}
}

/* Every byte in a name and in a value, in the middle and near each end of a 16-byte block. */
static void test_every_byte(void **state)
{
	static const char tokens[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static struct http_request request;
	char head[128];

	for (unsigned at = 0; at < 40; at++) {
		for (int byte = 0; byte < 256; byte++) {
			bool is_token = byte && strchr(tokens, byte);
			bool is_value = byte == '\t' || (byte >= ' ' && byte != 0x7f);
			int size =
				snprintf(head, sizeof(head), "GET / HTTP/1.0\r\n%.40sN: v\r\n\r\n",
					 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");

			head[16 + at] = (char)byte;
			/* A colon makes the rest of the name a value; as the first byte it does
			 * not. */
			if (byte == ':')
				is_token = at > 0;
			assert_int_equal(http_request_parse(head, (size_t)size, &request),
					 is_token ? 0 : 400);
			size = snprintf(head, sizeof(head), "GET / HTTP/1.0\r\nN: %.40s\r\n\r\n",
					"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
			head[19 + at] = (char)byte;
			assert_int_equal(http_request_parse(head, (size_t)size, &request),
					 is_value ? 0 : 400);
		}
	}
}

static const struct {
	const char *name;
	enum http_field_name id;
} names[] = {
	{ "Host", HTTP_HOST },
	{ "Connection", HTTP_CONNECTION },
	{ "Keep-Alive", HTTP_KEEP_ALIVE },
	{ "Proxy-Connection", HTTP_PROXY_CONNECTION },
	{ "Content-Length", HTTP_CONTENT_LENGTH },
	{ "Transfer-Encoding", HTTP_TRANSFER_ENCODING },
	{ "TE", HTTP_TE },
	{ "Trailer", HTTP_TRAILER },
	{ "Upgrade", HTTP_UPGRADE },
	{ "HTTP2-Settings", HTTP_HTTP2_SETTINGS },
	{ "Proxy-Authenticate", HTTP_PROXY_AUTHENTICATE },
	{ "Proxy-Authorization", HTTP_PROXY_AUTHORIZATION },
	{ "Expect", HTTP_EXPECT },
	{ "Cookie", HTTP_COOKIE },
	{ "Set-Cookie", HTTP_SET_COOKIE },
	{ "Date", HTTP_DATE },
	{ "X-Forwarded-For", HTTP_X_FORWARDED_FOR },
	{ "X-Forwarded-Proto", HTTP_X_FORWARDED_PROTO },
	{ "X-Forwarded-Port", HTTP_X_FORWARDED_PORT },
	{ "X-Real-IP", HTTP_X_REAL_IP },
	{ "User-Agent", HTTP_USER_AGENT },
	{ "Referer", HTTP_REFERER },
};

static enum http_field_name id_of(const char *name)
{
	static struct http_response response;
	char head[128];
	/* An answer, because it takes any value of any name but the two of framing. */
	const char *value = strncasecmp(name, "tr", 2) == 0 ? "chunked" : "5";
	int size = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n%s: %s\r\n\r\n", name, value);

	assert_int_equal(http_response_parse(head, (size_t)size, HTTP_GET, &response), 0);
	assert_int_equal(response.present, 1u << response.fields[0].id);
	assert_ptr_equal(http_field_first(response.fields, response.present,
					  (enum http_field_name)response.fields[0].id),
			 &response.fields[0]);
	assert_null(http_field_first(response.fields, response.present,
				     response.fields[0].id ? HTTP_OTHER : HTTP_HOST));
	return (enum http_field_name)response.fields[0].id;
}

static void test_names(void **state)
{
	char changed[32];

	assert_int_equal(COUNT(names), HTTP_FIELD_NAMES - 1);
	for (size_t i = 0; i < COUNT(names); i++) {
		size_t size = strlen(names[i].name);

		assert_int_equal(id_of(names[i].name), names[i].id);
		for (size_t at = 0; at < size; at++) {
			strcpy(changed, names[i].name);
			changed[at] ^= changed[at] >= 'A' ? 0x20 : 0;
			assert_int_equal(id_of(changed), names[i].id);
			changed[at] = '~';
			assert_int_equal(id_of(changed), HTTP_OTHER);
			changed[at] = '_';
			assert_int_equal(id_of(changed), HTTP_OTHER);
			changed[at] = '^';
			assert_int_equal(id_of(changed), HTTP_OTHER);
		}
		snprintf(changed, sizeof(changed), "%sx", names[i].name);
		assert_int_equal(id_of(changed), HTTP_OTHER);
		snprintf(changed, sizeof(changed), "x%s", names[i].name);
		assert_int_equal(id_of(changed), HTTP_OTHER);
	}
}

struct life {
	const char *raw;
	bool is_keepalive, wants_websocket, expects_continue;
};

/* RFC 9112 section 9.3; RFC 9110 sections 7.8 and 10.1.1; RFC 6455 section 4.1. */
static const struct life lives[] = {
	{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: a,CLOSE ,b\r\n\r\n", false },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", false },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: a\r\nConnection: close\r\n\r\n", false },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: ,, ,\r\n\r\n", true },
	{ "GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n", true },
	{ "GET / HTTP/1.0\r\n\r\n", false },
	{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false },
	{ "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n", false },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", true,
	  true },
	{ "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n\r\n",
	  true, true },
	{ "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c, websocket\r\nConnection: upgrade\r\n\r\n",
	  true, true },
	{ "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
	  true, true },
	{ "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n",
	  true, true },
	{ "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 1\r\n\r\n",
	  true, false },
	{ "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n",
	  true, false },
	{ "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", true, false },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n", true, false },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", true, false },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket/13\r\n\r\n", true,
	  false },
	{ "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", true,
	  false },
	{ "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", false, false },
	{ "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", true, false, true },
	{ "PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", false, false, false },
};

static void test_lives(void **state)
{
	static struct http_request request;

	for (size_t i = 0; i < COUNT(lives); i++) {
		const struct life *life = &lives[i];

		assert_int_equal(http_request_parse(life->raw, strlen(life->raw), &request), 0);
		if (request.is_keepalive != life->is_keepalive ||
		    request.wants_websocket != life->wants_websocket ||
		    request.expects_continue != life->expects_continue)
			fail_msg("%s", readable(life->raw, strlen(life->raw)));
	}
}

/* RFC 9110 section 7.6.1: what Connection names, wherever it stands; and what it cannot name. */
static void test_nominated(void **state)
{
	static const char raw[] =
		"GET / HTTP/1.1\r\nA: 1\r\nHost: a\r\nb: 2\r\nX_Forwarded-For: 3\r\n"
		"Connection: B, host, Cookie\r\nCookie: c=d\r\nA-B: 4\r\n"
		"Connection: a-b\r\n\r\n";
	static const bool expected[] = { false, false, true, true, false, false, true, false };
	static struct http_request request;

	assert_int_equal(http_request_parse(RAW(raw), &request), 0);
	assert_int_equal(request.field_count, COUNT(expected));
	for (size_t i = 0; i < COUNT(expected); i++)
		assert_int_equal(request.fields[i].is_named_by_connection, expected[i]);
}

static void test_roofs(void **state)
{
	static struct http_request request;
	static char head[4096];

	for (unsigned count = HTTP_FIELDS_ROOM; count <= HTTP_FIELDS_ROOM + 1; count++) {
		size_t size = (size_t)sprintf(head, "GET / HTTP/1.0\r\n");

		for (unsigned i = 0; i < count; i++)
			size += (size_t)sprintf(head + size, "A%u:\r\n", i);
		size += (size_t)sprintf(head + size, "\r\n");
		assert_int_equal(http_request_parse(head, size, &request),
				 count > HTTP_FIELDS_ROOM ? 431 : 0);
	}
	for (unsigned count = HTTP_OPTIONS_ROOM; count <= HTTP_OPTIONS_ROOM + 1; count++) {
		size_t size = (size_t)sprintf(head, "GET / HTTP/1.0\r\nConnection: ");

		for (unsigned i = 0; i < count; i++)
			size += (size_t)sprintf(head + size, ",a%u", i);
		size += (size_t)sprintf(head + size, "\r\n\r\n");
		assert_int_equal(http_request_parse(head, size, &request),
				 count > HTTP_OPTIONS_ROOM ? 431 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readings),  cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_names),     cmocka_unit_test(test_lives),
		cmocka_unit_test(test_nominated), cmocka_unit_test(test_roofs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

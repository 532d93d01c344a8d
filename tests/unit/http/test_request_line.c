/* SPDX-License-Identifier: Apache-2.0 */
/* Request lines, targets and Host: what is accepted, what is refused and with which status. */
#include "heads.h"

struct refusal {
	const char *raw;
	size_t size;
	int status; /* 0 = accepted */
};

static const struct refusal lines[] = {
	/* RFC 9112 section 3: method SP request-target SP HTTP-version CRLF */
	{ RAW("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.0\r\n\r\n"), 0 },
	{ RAW("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW(" / HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\t\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET /\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / \r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET  HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"), 400 },
	{ RAW("GET / a HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\rHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"), 400 },
	/* RFC 9110 section 9.1: method = token */
	{ RAW("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("get / HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GETS / HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("PUX / HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("PATCK / HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("DELETF / HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("G@T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET: / HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("G(T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("\"GET\" / HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	/* RFC 9112 section 2.3: the version, case matters */
	{ RAW("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505 },
	{ RAW("GET / HTTP/1.9\r\nHost: a\r\n\r\n"), 505 },
	{ RAW("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), 505 },
	{ RAW("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505 },
	{ RAW("GET / HTTP/9.1\r\nHost: a\r\n\r\n"), 505 },
	{ RAW("GET / HTTP/3.1\r\nHost: a\r\n\r\n"), 505 },
	{ RAW("PRI * HTTP/2.0\r\n\r\n"), 505 },
	{ RAW("GET / http/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / Http/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/11\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/01.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.a\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP /1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1,1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / ICY/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTPS/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/\r\nHost: abcd\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.\r\nHost: abcd\r\n\r\n"), 400 },
	/* RFC 9112 section 3.2.1: origin-form; what stands in it is the server's matter */
	{ RAW("GET /a/b;c=d?e=f&g=h HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET //double HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET /../.. HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET /\\\"<>^`{|}[] HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET /? HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET /?a?b HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET ?a HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET a/b HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	/* RFC 9112 section 3.2.2: absolute-form */
	{ RAW("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET hTTp://A/ HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET HTTPS://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET https://a/ HTTP/1.1\r\nHost: a:443\r\n\r\n"), 0 },
	{ RAW("GET http://a:8080/ HTTP/1.1\r\nHost: a:8080\r\n\r\n"), 0 },
	{ RAW("GET http://a:/ HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET http://[::1]/ HTTP/1.1\r\nHost: [::1]\r\n\r\n"), 0 },
	{ RAW("GET http://a/ HTTP/1.0\r\n\r\n"), 0 },
	{ RAW("GET http://a/x@y HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"), 400 },
	{ RAW("GET http://a/ HTTP/1.0\r\nHost: b\r\n\r\n"), 400 },
	{ RAW("GET http://a:8080/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET http://a/ HTTP/1.1\r\nHost: a:8080\r\n\r\n"), 400 },
	{ RAW("GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n"), 400 },
	{ RAW("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n"), 400 },
	{ RAW("GET http://a/ HTTP/1.1\r\n\r\n"), 400 },
	{ RAW("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET http://?a HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET http:a HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET http://a:65536/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET ftps-://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET ftp-://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET ws://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	/* RFC 9110 section 4.2.4: user information is refused */
	{ RAW("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET http://u@a/ HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400 },
	/* RFC 9112 section 3.2.3: authority-form is for CONNECT, which is not allowed */
	{ RAW("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), 405 },
	{ RAW("CONNECT a:443 HTTP/1.0\r\n\r\n"), 405 },
	{ RAW("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"), 405 },
	{ RAW("connect a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	/* RFC 9112 section 3.2.4: asterisk-form */
	{ RAW("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 0 },
	{ RAW("OPTIONS *a HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("options * HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	/* RFC 9112 section 3.2: exactly one Host, and a valid one */
	{ RAW("GET / HTTP/1.1\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHosts: a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: \t \r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nhOsT:a\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost:\t a \t\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: a:\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: a:9090\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: [11111111112222222222333333333344444444445555::]\r\n\r\n"),
	  400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a:0\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: a:00080\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a:99999999999999999999\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a:-1\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a:+1\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a#b\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: \"a\"\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: <a>\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a\xc3\xa9\r\n\r\n"), 400 },
	/* RFC 3986 section 3.2.2: reg-name, IP-literal */
	{ RAW("GET / HTTP/1.1\r\nHost: A-b_c~d!$&'()*+,;=.z\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: xn--bcher-kva.example.\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: a%41\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: a%4\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: a%4g\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: [::ffff:192.0.2.1]\r\n\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: []\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: [::1]]\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: [1:2:3:4:5:6:7:8:9]\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: [192.0.2.1]\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: [v1.a]\r\n\r\n"), 400 },
	{ RAW("GET / HTTP/1.1\r\nHost: "
	      "[0000000000000000000000000000000000000000000000000000000::1]\r\n\r\n"),
	  400 },
};

static void test_lines(void **state)
{
	static struct http_request request;

	for (size_t i = 0; i < COUNT(lines); i++) {
		int status = http_request_parse(lines[i].raw, lines[i].size, &request);

		if (status != lines[i].status)
			fail_msg("%d, not %d: %s", status, lines[i].status,
				 readable(lines[i].raw, lines[i].size));
		if (status == 0)
			assert_int_equal(scan_everywhere(lines[i].raw, lines[i].size),
					 lines[i].size);
	}
}

/* Any end of a head must be refused, not overrun: the sanitizers watch copies of exact size. */
static void test_truncated_anywhere(void **state)
{
	static const char raw[] = "POST http://a.example:80/b?c HTTP/1.1\r\nHost: a.example\r\n"
				  "Content-Length: 3\r\nConnection: a, upgrade\r\nX_Y: z\r\n\r\n";
	static struct http_request request;

	for (size_t size = 0; size < sizeof(raw) - 1; size++) {
		char *copy = test_malloc(size + 1);

		memcpy(copy, raw, size);
		assert_int_equal(http_request_parse(copy, size, &request), 400);
		test_free(copy);
	}
	assert_int_equal(http_request_parse(RAW(raw), &request), 0);
}

struct parts {
	const char *raw, *method, *path, *origin, *host, *authority;
	enum http_method id;
};

static const struct parts parts[] = {
	{ "GET /a?b HTTP/1.1\r\nHost: h:81\r\n\r\n", "GET", "/a", "/a?b", "h", "h:81", HTTP_GET },
	{ "PUT / HTTP/1.0\r\n\r\n", "PUT", "/", "/", "", "", HTTP_PUT },
	{ "POST /? HTTP/1.1\r\nHost:\r\n\r\n", "POST", "/", "/?", "", "", HTTP_POST },
	{ "HEAD /x HTTP/1.1\r\nHost: [::1]:8\r\n\r\n", "HEAD", "/x", "/x", "[::1]", "[::1]:8",
	  HTTP_HEAD },
	{ "DELETE http://h HTTP/1.1\r\nHost: h\r\n\r\n", "DELETE", "/", "/", "h", "h",
	  HTTP_DELETE },
	{ "PATCH https://H:7/y/?z HTTP/1.1\r\nHost: h:7\r\n\r\n", "PATCH", "/y/", "/y/?z", "H",
	  "H:7", HTTP_PATCH },
	{ "TRACE http://h?q/r HTTP/1.1\r\nHost: h\r\n\r\n", "TRACE", "/", "?q/r", "h", "h",
	  HTTP_TRACE },
	{ "OPTIONS * HTTP/1.1\r\nHost: h:\r\n\r\n", "OPTIONS", "*", "*", "h", "h", HTTP_OPTIONS },
	{ "PUX / HTTP/1.1\r\nHost: h\r\n\r\n", "PUX", "/", "/", "h", "h", HTTP_METHOD_OTHER },
	{ "PATCK / HTTP/1.1\r\nHost: h\r\n\r\n", "PATCK", "/", "/", "h", "h", HTTP_METHOD_OTHER },
	{ "get /?a=/b HTTP/1.1\r\nHost: h\r\n\r\n", "get", "/", "/?a=/b", "h", "h",
	  HTTP_METHOD_OTHER },
};

static void test_parts(void **state)
{
	static struct http_request request;

	for (size_t i = 0; i < COUNT(parts); i++) {
		const char *raw = parts[i].raw;

		assert_int_equal(http_request_parse(raw, strlen(raw), &request), 0);
		assert_int_equal(request.head_size, strlen(raw));
		assert_int_equal(request.method, parts[i].id);
		assert_span(raw, request.method_text, parts[i].method);
		assert_span(raw, request.path, parts[i].path);
		assert_span(raw, request.origin, parts[i].origin);
		assert_span(raw, request.host, parts[i].host);
		assert_span(raw, request.authority, parts[i].authority);
	}
}

/* RFC 9112 section 3: 8,000 bytes at least must pass; our roof answers 414. */
static void test_target_roof(void **state)
{
	static char raw[HTTP_TARGET_ROOM + 64];
	static struct http_request request;

	for (size_t size = HTTP_TARGET_ROOM; size <= HTTP_TARGET_ROOM + 1; size++) {
		size_t at = 4;

		memcpy(raw, "GET ", 4);
		memset(raw + at, 'a', size);
		raw[at] = '/';
		at += size;
		memcpy(raw + at, " HTTP/1.1\r\nHost: a\r\n\r\n", 22);
		assert_int_equal(http_request_parse(raw, at + 22, &request),
				 size > HTTP_TARGET_ROOM ? 414 : 0);
	}
}

/* Every byte in a method, in a target and in a Host, against the grammar written out once more. */
static void test_every_byte(void **state)
{
	static const char tokens[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char hosts[] = "-._~!$&'()*+,;=0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ:"; /* "bx:" has an empty port */
	static struct http_request request;
	char method[] = "G_T / HTTP/1.1\r\nHost: a\r\n\r\n";
	char target[] = "GET /abcdefghijklm_opqrstuvwxyz HTTP/1.1\r\nHost: a\r\n\r\n";
	char host[] = "GET / HTTP/1.1\r\nHost: b_\r\n\r\n";

	for (int byte = 0; byte < 256; byte++) {
		bool is_token = byte && strchr(tokens, byte), is_host = byte && strchr(hosts, byte);
		bool is_target = byte > 0x20 && byte < 0x7f && byte != '#';

		method[1] = target[18] = host[23] = (char)byte;
		/* "G T / HTTP/1.1" reads as another line, which is no better. */
		assert_int_equal(http_request_parse(RAW(method), &request), is_token ? 0 : 400);
		assert_int_equal(http_request_parse(RAW(target), &request), is_target ? 0 : 400);
		/* White space at the end of a value is not part of it, RFC 9110 section 5.5. */
		is_host |= byte == ' ' || byte == '\t';
		assert_int_equal(http_request_parse(RAW(host), &request), is_host ? 0 : 400);
	}
}

static void test_idempotent(void **state)
{
	static const bool expected[] = {
		[HTTP_METHOD_OTHER] = false, [HTTP_GET] = true,   [HTTP_HEAD] = true,
		[HTTP_POST] = false,         [HTTP_PUT] = true,   [HTTP_DELETE] = true,
		[HTTP_OPTIONS] = true,       [HTTP_TRACE] = true, [HTTP_CONNECT] = false,
		[HTTP_PATCH] = false,
	};

	for (unsigned method = 0; method < COUNT(expected); method++)
		assert_int_equal(http_method_is_idempotent((enum http_method)method),
				 expected[method]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),      cmocka_unit_test(test_truncated_anywhere),
		cmocka_unit_test(test_parts),      cmocka_unit_test(test_target_roof),
		cmocka_unit_test(test_every_byte), cmocka_unit_test(test_idempotent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

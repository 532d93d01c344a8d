/* SPDX-License-Identifier: Apache-2.0 */
/* Custom configurations: every directive with its range, and what a text may look like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/directives.h"
#include "model/limits.h"

#define VALUE "InvalidParameterValue"
#define UNSUPPORTED "UnsupportedOperation"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct directives parse(const char *text)
{
	struct directives directives = { 0 };
	struct problem problem = { 0 };

	if (directives_parse(bytes_of(text), "ConfigContent", &directives, &problem) != 0)
		fail_msg("%s: %s", text, problem.text);
	assert_null(problem.code);
	assert_null(directives_out_of_range(&directives));
	return directives;
}

/* Of texts without headers and pages there is nothing to free. */
static void accept(const char *text)
{
	struct directives directives = parse(text);

	directives_done(&directives);
	assert_memory_equal(&directives, &directives_default, sizeof(directives));
}

static void refuse_bytes(struct bytes text, const char *code, const char *says)
{
	struct directives directives, before;
	struct problem problem = { 0 };

	memset(&directives, 0x5a, sizeof(directives));
	before = directives;
	if (directives_parse(text, "ConfigContent", &directives, &problem) != -EINVAL)
		fail_msg("not refused: %.*s", (int)text.size, text.at);
	if (strcmp(problem.code, code) != 0 || !strstr(problem.text, says))
		fail_msg("%.*s: %s, %s; not %s, %s", (int)text.size, text.at, problem.code,
			 problem.text, code, says);
	assert_string_equal(problem.field, "ConfigContent");
	assert_memory_equal(&directives, &before, sizeof(before));
}

static void refuse(const char *text, const char *code, const char *says)
{
	refuse_bytes(bytes_of(text), code, says);
}

static void refuse_value(const char *name, const char *value)
{
	char text[256], says[64];

	(void)snprintf(text, sizeof(text), "# one\n%s %s;\n", name, value);
	(void)snprintf(says, sizeof(says), "line 2: %s: it takes ", name);
	refuse(text, VALUE, says);
}

static void defaults_are_in_range(void **state)
{
	struct directives directives = parse("");

	assert_null(directives_out_of_range(&directives_default));
	assert_memory_equal(&directives, &directives_default, sizeof(directives));
	assert_int_equal(directives.keepalive_timeout_ms, 75000);
	directives.keepalive_timeout_ms = 3600001;
	assert_string_equal(directives_out_of_range(&directives), "keepalive_timeout");
	directives.keepalive_timeout_ms = 0;
	assert_null(directives_out_of_range(&directives));
	directives.body_most = (1 << 20) - 1;
	assert_string_equal(directives_out_of_range(&directives), "client_max_body_size");
}

#define AT(field) offsetof(struct directives, field)

/* Texts that give `least` and `most`, and the nearest ones that do not. */
static const struct {
	const char *name;
	size_t offset;
	uint64_t least, most;
	const char *least_text, *most_text, *below, *above;
} ranges[] = {
	{ "client_header_timeout", AT(header_timeout_ms), 30000, 120000, "30s", "2m", "29999ms",
	  "120001ms" },
	{ "client_body_timeout", AT(body_timeout_ms), 30000, 120000, "30", "120s", "29", "121" },
	{ "client_max_body_size", AT(body_most), 1048576, 10737418240ull, "1M", "10240m", "1023k",
	  "10737418241" },
	{ "keepalive_timeout", AT(keepalive_timeout_ms), 0, 3600000, "0", "1h", "-1", "3601" },
	{ "keepalive_requests", AT(keepalive_requests), 1, 10000, "1", "10000", "0", "10001" },
	{ "proxy_connect_timeout", AT(connect_timeout_ms), 4000, 120000, "4s", "120", "3s",
	  "121s" },
	{ "proxy_read_timeout", AT(read_timeout_ms), 30000, 3600000, "30s", "60m", "29s", "61m" },
	{ "proxy_send_timeout", AT(send_timeout_ms), 30000, 3600000, "30s", "3600s", "29s",
	  "3601s" },
	{ "send_timeout", AT(client_send_timeout_ms), 1000, 3600000, "1s", "3600", "999ms", "2h" },
	{ "client_header_buffer_size", AT(head_buffer_size), 1024, 262144, "1k", "256K", "1023",
	  "257k" },
};

static void values_reach_their_fields(void **state)
{
	for (size_t i = 0; i < COUNT(ranges); i++) {
		for (int most = 0; most < 2; most++) {
			struct directives directives, expected = directives_default;
			uint64_t value = most ? ranges[i].most : ranges[i].least;
			char text[128];

			(void)snprintf(text, sizeof(text), "%s %s;", ranges[i].name,
				       most ? ranges[i].most_text : ranges[i].least_text);
			directives = parse(text);
			memcpy((char *)&expected + ranges[i].offset, &value, sizeof(value));
			assert_memory_equal(&directives, &expected, sizeof(expected));
		}
		refuse_value(ranges[i].name, ranges[i].below);
		refuse_value(ranges[i].name, ranges[i].above);
	}
}

static void bad_values_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   "1 2",
					   "s",
					   "10x",
					   "10S",
					   "10 s",
					   "1.5s",
					   "+60",
					   "0x40",
					   "\"\"",
					   "\"60 s\"",
					   "60ss",
					   "99999999999999999999" };

	for (size_t i = 0; i < COUNT(ranges); i++) {
		for (size_t j = 0; j < COUNT(bad); j++)
			refuse_value(ranges[i].name, bad[j]);
	}
	refuse_value("client_max_body_size", "10s");
	refuse_value("client_max_body_size", "17179869183G");
	refuse_value("client_max_body_size", "17179869184G");
	refuse_value("keepalive_timeout", "10M");
	refuse_value("keepalive_requests", "10s");
	assert_int_equal(parse("client_max_body_size 1g;").body_most, 1 << 30);
	assert_int_equal(parse("client_max_body_size 2048K;").body_most, 2 << 20);
	assert_int_equal(parse("client_max_body_size \"2M\";").body_most, 2 << 20);
}

/* Values that are right, and values that are not. */
static const struct {
	const char *name, *good[3], *bad[6];
} words[] = {
	{ "ssl_protocols",
	  { "TLSv1 TLSv1.1 TLSv1.2", "TLSv1.3" },
	  { "", "SSLv3", "TLSv1.2 TLSv1.2", "tlsv1.2" } },
	{ "ssl_ciphers",
	  { "ECDHE-RSA-AES128-GCM-SHA256:!aNULL:@SECLEVEL=1", "'A B'" },
	  { "", "a b", "\"\"", "\"a;b\"" } },
	{ "server_tokens", { "on", "off" }, { "", "yes", "ON", "on off" } },
	{ "proxy_request_buffering", { "on", "off" }, { "", "1", "off on" } },
	{ "proxy_redirect", { "http:// https://" }, { "", "https:// http://", "off" } },
	{ "proxy_ignore_client_abort", { "on", "off" }, { "", "x" } },
	{ "ssl_verify_depth", { "1", "10" }, { "0", "11", "1s" } },
	{ "http2_max_field_size", { "1k", "256k" }, { "512", "257k" } },
	{ "proxy_buffers", { "8 4k", "3 16k" }, { "8", "2 4k", "9 4k", "8 3k", "8 17k" } },
	{ "ssl_early_data", { "off" }, { "", "maybe" } },
};

static void words_are_checked(void **state)
{
	for (size_t i = 0; i < COUNT(words); i++) {
		for (size_t j = 0; j < COUNT(words[i].good) && words[i].good[j]; j++) {
			char text[256];

			(void)snprintf(text, sizeof(text), "%s %s;", words[i].name,
				       words[i].good[j]);
			accept(text);
		}
		for (size_t j = 0; j < COUNT(words[i].bad) && words[i].bad[j]; j++)
			refuse_value(words[i].name, words[i].bad[j]);
	}
	assert_int_equal(parse("proxy_request_buffering on;").buffers_request, 1);
	assert_int_equal(parse("proxy_request_buffering off;").buffers_request, 0);
	assert_int_equal(parse("proxy_ignore_client_abort on;").ignores_client_abort, 1);
	assert_int_equal(parse("server_tokens off;").shows_version, 0);
	assert_int_equal(parse("").shows_version, 1);
	assert_int_equal(parse("proxy_redirect http:// https://;").redirects_to_https, 1);
	assert_true(parse("proxy_buffers 5 8k;").response_buffers == DIRECTIVE_BUFFERS(5, 8192));
	assert_int_equal(parse("proxy_buffers 8 8k;proxy_buffer_size 8k;").response_head_size,
			 8192);
}

static void combinations(void **state)
{
	assert_int_equal(parse("client_max_body_size 1G; proxy_request_buffering off;").body_most,
			 1 << 30);
	assert_int_equal(parse("client_max_body_size 1G;").body_most, 1 << 30);
	accept("client_max_body_size 256M; proxy_request_buffering on;");
	refuse("client_max_body_size 257M;\nproxy_request_buffering on;", VALUE,
	       "line 1: client_max_body_size: more than 256M needs proxy_request_buffering off.");
	refuse("proxy_buffer_size 4k;", VALUE, "line 1: proxy_buffer_size: it needs");
	refuse("proxy_buffers 3 4k;\nproxy_buffer_size 5k;", VALUE, "line 1: proxy_buffers: ");
	accept("proxy_buffers 3 4k;\nproxy_buffer_size 4k;");
	refuse("ssl_early_data on;", VALUE, "line 1: ssl_early_data: it needs TLSv1.3");
	refuse("ssl_early_data on;ssl_protocols TLSv1.2;", VALUE, "it needs TLSv1.3");
	accept("ssl_early_data on;ssl_protocols TLSv1.2 TLSv1.3;");
	refuse("send_timeout 1s;\nsend_timeout 2s;", VALUE,
	       "line 2: send_timeout: line 1 has it already.");
}

static void expect_header(const char *text, size_t at, enum header_kind kind, const char *name,
			  const char *value)
{
	struct directives directives = parse(text);

	assert_true(at < directives.header_count);
	assert_int_equal(directives.headers[at].kind, kind);
	assert_string_equal(directives.headers[at].name, name);
	assert_string_equal(directives.headers[at].value, value);
	for (size_t i = 0; i < directives.header_count; i++)
		assert_null(directive_header_fault((enum header_kind)directives.headers[i].kind,
						   bytes_of(directives.headers[i].name),
						   bytes_of(directives.headers[i].value)));
	directives_done(&directives);
}

static void headers_of_answers(void **state)
{
	expect_header("add_header X-A b;", 0, HEADER_ADD, "X-A", "b");
	expect_header("add_header X-A \" b; c # d \";", 0, HEADER_ADD, "X-A", "b; c # d");
	expect_header("add_header X-A b; add_header x-a c;", 1, HEADER_ADD, "x-a", "c");
	expect_header("add_header X-A \"\\\"b\\\" \\\\ \\d \\'\";", 0, HEADER_ADD, "X-A",
		      "\"b\" \\ \\d '");
	expect_header("add_header X-A \"\xc3\xa4\";", 0, HEADER_ADD, "X-A", "\xc3\xa4");
	expect_header("more_set_headers \"X-A: b\" 'C: d;e:f';", 1, HEADER_SET, "C", "d;e:f");
	expect_header("more_set_headers X-A:b;", 0, HEADER_SET, "X-A", "b");
	expect_header("more_set_headers \"X-A: \";", 0, HEADER_SET, "X-A", "");
	/* The last word on a name holds. */
	expect_header("more_set_headers 'X: 1'; more_set_headers 'x: 2';", 0, HEADER_SET, "X", "2");
	assert_true(header_is_added(200) && header_is_added(304) && header_is_added(308));
	assert_false(header_is_added(202) || header_is_added(404) || header_is_added(300));
	refuse("\nadd_header X-A;", VALUE, "line 2: add_header: it takes a name and a value.");
	refuse("add_header X-A \"\";", VALUE, "it takes a name and a value.");
	refuse("add_header X-A b always;", VALUE, "it takes a name and a value.");
	refuse("add_header \"X A\" b;", VALUE, "the name of a header");
	refuse("add_header X: b;", VALUE, "the name of a header");
	refuse("add_header X-A $remote_addr;", VALUE, "has no variables");
	refuse("add_header X-A a$;", VALUE, "has no variables");
	refuse("add_header X-A \"a\tb\x7f\";", VALUE, "control character");
	refuse("more_set_headers;", VALUE, "line 1: more_set_headers: it takes \"Name: value\".");
	refuse("more_set_headers X-A;", VALUE, "it takes \"Name: value\".");
	refuse("more_set_headers ':b';", VALUE, "it takes \"Name: value\".");
	refuse("more_set_headers 'X A:b';", VALUE, "the name of a header");
	refuse("more_set_headers -s '404' 'X: 1';", VALUE, "it takes \"Name: value\".");
	refuse("more_set_headers 'X: 1' 'Set-Cookie: a=b';", VALUE, "the balancer's own");
}

static void headers_of_the_balancer_are_kept(void **state)
{
	static const char *const names[] = {
		"Connection",        "keep-alive", "Proxy-Connection", "Proxy-Authenticate",
		"Transfer-Encoding", "te",         "Trailer",          "Upgrade",
		"HTTP2-Settings",    "DATE",       "Content-Length",   "set-cookie",
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "add_header %s b;", names[i]);
		refuse(text, VALUE, "line 1: add_header: this header is the balancer's own");
		(void)snprintf(text, sizeof(text), "more_set_headers '%s:';", names[i]);
		refuse(text, VALUE, "line 1: more_set_headers: this header is the balancer's own");
	}
	expect_header("more_set_headers 'Server: me';", 0, HEADER_SET, "Server", "me");
	expect_header("add_header Connections b;", 0, HEADER_ADD, "Connections", "b");
}

static void headers_to_targets(void **state)
{
	expect_header("proxy_set_header X-Real-Port $remote_port;", 0, HEADER_TO_TARGET,
		      "X-Real-Port", "\x11");
	expect_header("proxy_set_header x-method $request_method;", 0, HEADER_TO_TARGET, "x-method",
		      "\x14");
	expect_header("proxy_set_header X-Uri '$scheme://${host}:${vport}$request_uri';", 0,
		      HEADER_TO_TARGET, "X-Uri", "\x17://\x18:\x13\x15");
	expect_header("proxy_set_header X-clb-stgw-vip $vip;proxy_set_header X-Uri $uri;", 0,
		      HEADER_TO_TARGET, "X-clb-stgw-vip", "\x12");
	expect_header("proxy_set_header Stgw-request-id $stgw_request_id-$request_id;", 0,
		      HEADER_TO_TARGET, "Stgw-request-id", "\x19-\x19");
	expect_header("proxy_set_header X-Real-IP $server_addr$remote_addr;", 0, HEADER_TO_TARGET,
		      "X-Real-IP", "\x12\x10");
	expect_header("proxy_set_header X-Forwarded-Port $server_port;", 0, HEADER_TO_TARGET,
		      "X-Forwarded-Port", "\x13");
	expect_header("proxy_set_header X-Forwarded-Proto \"\";", 0, HEADER_TO_TARGET,
		      "X-Forwarded-Proto", "");
	refuse("proxy_set_header Host a;", VALUE,
	       "line 1: proxy_set_header: it takes X-Real-Port, ");
	refuse("proxy_set_header X-Forwarded-For a;", VALUE, "it takes X-Real-Port, ");
	refuse("proxy_set_header;", VALUE, "it takes a name and a value.");
	refuse("proxy_set_header X-Uri;", VALUE, "it takes a name and a value.");
	refuse("proxy_set_header X-Uri a b;", VALUE, "it takes a name and a value.");
	refuse("proxy_set_header X-Uri $args;", VALUE, "there is no such variable.");
	refuse("proxy_set_header X-Uri $uris;", VALUE, "there is no such variable.");
	refuse("proxy_set_header X-Uri $;", VALUE, "there is no such variable.");
	refuse("proxy_set_header X-Uri \"$\";", VALUE, "there is no such variable.");
	refuse("proxy_set_header X-Uri \"${uri\";", VALUE, "there is no such variable.");
	refuse("proxy_set_header X-Uri \"${}\";", VALUE, "there is no such variable.");
	refuse("proxy_set_header X-Uri a;\nproxy_set_header x-uri b;", VALUE,
	       "line 2: proxy_set_header: a line before sets this header already.");
	refuse("proxy_set_header X-Uri "
	       "$uri$uri$uri$uri$uri$uri$uri$uri$uri$uri$uri$uri$uri$uri$uri$uri$uri;",
	       VALUE, "16 variables at most");
}

static void lists_have_roofs(void **state)
{
	static char text[16384];
	size_t at = 0;

	for (int i = 0; i < LIMIT_CUSTOM_HEADERS; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "add_header X-%d b;\n", i);
	accept(text);
	(void)snprintf(text + at, sizeof(text) - at, "more_set_headers 'A: b';");
	refuse(text, VALUE, "line 65: more_set_headers: a configuration has 64 headers at most.");
	at = (size_t)snprintf(text, sizeof(text), "add_header X %04096d;\n", 0);
	accept(text);
	(void)snprintf(text + at, sizeof(text) - at, "add_header X %04086d;\n", 0);
	accept(text);
	(void)snprintf(text + at, sizeof(text) - at, "add_header X %04087d;\n", 0);
	refuse(text, VALUE, "line 2: add_header: the headers of a configuration have 8192 bytes");
	(void)snprintf(text, sizeof(text), "add_header X %04097d;\n", 0);
	refuse(text, VALUE, "a header's value has 4096 bytes at most.");
	(void)snprintf(text, sizeof(text), "add_header X%0128d b;\n", 0);
	refuse(text, VALUE, "the name of a header");
	at = 0;
	for (int i = 0; i < LIMIT_CUSTOM_PAGES; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "error_page %d /;\n", 400 + i);
	accept(text);
	(void)snprintf(text + at, sizeof(text) - at, "error_page 500 /;");
	refuse(text, VALUE, "line 65: error_page: a configuration has pages for 64 codes at most.");
}

static void pages(void **state)
{
	struct directives directives = parse("error_page 404 /404.html;\n"
					     "error_page 500 502 =307 /x?y;");

	assert_int_equal(directives.page_count, 3);
	assert_int_equal(directives.pages[0].status, 404);
	assert_int_equal(directives.pages[0].response, 302);
	assert_string_equal(directives.pages[0].uri, "/404.html");
	assert_int_equal(directives.pages[2].status, 502);
	assert_int_equal(directives.pages[2].response, 307);
	assert_string_equal(directives.pages[2].uri, "/x?y");
	directives_done(&directives);
	refuse("error_page;", VALUE, "line 1: error_page: it takes codes from 400 to 599");
	refuse("error_page 404;", VALUE, "it takes codes");
	refuse("error_page /x;", VALUE, "it takes codes");
	refuse("error_page =302 /x;", VALUE, "the codes are");
	refuse("error_page 404 =1000 /x;", VALUE, "it takes codes");
	refuse("error_page 404 =abc /x;", VALUE, "it takes codes");
	refuse("error_page 399 /x;", VALUE, "the codes are");
	refuse("error_page 499 /x;", VALUE, "the codes are");
	refuse("error_page 600 /x;", VALUE, "the codes are");
	refuse("error_page 404x /x;", VALUE, "the codes are");
	refuse("error_page 404 x;", VALUE, "the page is a path");
	refuse("error_page 404 //evil.example/;", VALUE, "the page is a path");
	refuse("error_page 404 \"/a b\";", VALUE, "the page is a path");
	refuse("error_page 404 @named;", VALUE, "the page is a path");
	refuse("error_page 404 https://a.example/;", VALUE, "the page is a path");
	refuse("error_page 404 503 404 /x;", VALUE, "one of its codes has a page already.");
	refuse("error_page 404 /x;\nerror_page 404 /y;", VALUE, "line 2: error_page: one of its");
	refuse("error_page 404 =304 /x;", VALUE, "the response is 301, 302, 303, 307 or 308.");
	refuse("error_page 404 = /e;", UNSUPPORTED, "line 1: error_page: a page is a redirection");
	refuse("\n\nerror_page 404 =200 /e;", UNSUPPORTED, "line 3: error_page: a page is");
}

static bool are_equal(const char *one_text, const char *other_text)
{
	struct directives one = parse(one_text), other = parse(other_text);
	bool result = directives_are_equal(&one, &other);

	directives_done(&one);
	directives_done(&other);
	return result;
}

static void comparing(void **state)
{
	assert_true(are_equal("", "# nothing\nsend_timeout 60s;"));
	assert_true(are_equal("add_header A b; error_page 404 /;",
			      "error_page 404 =302 /; add_header A 'b';"));
	assert_false(are_equal("", "send_timeout 61s;"));
	assert_false(are_equal("", "add_header A b;"));
	assert_false(are_equal("add_header A c;", "add_header A b;"));
	assert_false(are_equal("add_header B b;", "add_header A b;"));
	assert_false(are_equal("more_set_headers A:b;", "add_header A b;"));
	assert_false(are_equal("", "error_page 404 /;"));
	assert_false(are_equal("error_page 404 /a;", "error_page 404 /;"));
	assert_false(are_equal("error_page 404 =303 /;", "error_page 404 /;"));
	assert_false(are_equal("error_page 403 /;", "error_page 404 /;"));
}

static void shapes_of_text(void **state)
{
	struct directives directives =
		parse("\r\n# a comment; with\tmuch: {}\"\r\n"
		      "\tkeepalive_timeout   10s ; # behind\r\n"
		      "  send_timeout\t1m;client_body_timeout '60s';\r\n\r\n  # the end");

	assert_int_equal(directives.keepalive_timeout_ms, 10000);
	assert_int_equal(directives.client_send_timeout_ms, 60000);
	assert_int_equal(
		parse("# \xc3\xa4\xf0\x9f\x98\x80\nsend_timeout 2;").client_send_timeout_ms, 2000);
	assert_int_equal(parse("send_timeout 2;\r").client_send_timeout_ms, 2000);
	refuse("keepalive_timeout 10s", VALUE, "line 1: keepalive_timeout: the line must end in");
	refuse("\nkeepalive_timeout 10s\nsend_timeout 1s;", VALUE, "line 2: keepalive_timeout: ");
	refuse("keepalive_timeout 10s # ;", VALUE, "the line must end in");
	refuse("keepalive_timeout\n10s;", VALUE, "line 1: keepalive_timeout: the line must");
	refuse("a;;", VALUE, "line 1: a: there is no such directive");
	refuse("send_timeout 1s;;", VALUE, "line 1: there is nothing before");
	refuse("Keepalive_timeout 1s;", VALUE, "no such directive");
	refuse("keepalive_timeou 1s;", VALUE, "no such directive");
	refuse("\n\nload_module evil.so;", VALUE, "line 3: load_module: there is no such");
	refuse("location / {\n}", VALUE, "there are no blocks");
	refuse("add_header A \"b;\nsend_timeout 1s;", VALUE, "a quote has no end");
	refuse("add_header A \"b\\", VALUE, "a quote has no end");
	refuse("add_header A \"b\\\n\";", VALUE, "a quote has no end");
	refuse("add_header A \"b\"c;", VALUE, "a quote has no end");
	refuse("error_page 400 401 402 403 404 405 406 407 408 409 410 411 412 413 414 /x;", VALUE,
	       "more values than any");
	refuse("a\rb;", VALUE, "U+000D");
	refuse("#\n#\x1b[31m", VALUE, "line 2: the control character U+001B");
	refuse("\n\xff", VALUE, "line 2: this is not UTF-8");
	refuse_bytes(BYTES_LITERAL("send_timeout 1s;\n\0"), VALUE, "line 2: the control character");
}

static void size_has_a_roof(void **state)
{
	struct directives directives = { 0 };
	struct problem problem = { 0 };
	size_t size = LIMIT_CUSTOM_CONTENT + 1;
	char *text = malloc(size);

	assert_non_null(text);
	memset(text, '\n', size);
	assert_int_equal(directives_parse((struct bytes){ text, size - 1 }, "ConfigContent",
					  &directives, &problem),
			 0);
	refuse_bytes((struct bytes){ text, size }, VALUE ".Length", "65536");
	memset(text, 'a', size);
	refuse_bytes((struct bytes){ text, size - 1 }, VALUE, "must end in");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_in_range),
		cmocka_unit_test(values_reach_their_fields),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(words_are_checked),
		cmocka_unit_test(headers_of_answers),
		cmocka_unit_test(headers_of_the_balancer_are_kept),
		cmocka_unit_test(headers_to_targets),
		cmocka_unit_test(lists_have_roofs),
		cmocka_unit_test(pages),
		cmocka_unit_test(comparing),
		cmocka_unit_test(combinations),
		cmocka_unit_test(shapes_of_text),
		cmocka_unit_test(size_has_a_roof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* Right values of what is not built say so; wrong ones say what is wrong. */
static const struct {
	const char *name, *good[3], *bad[6];
} unbuilt[] = {
	{ "ssl_protocols",
	  { "TLSv1 TLSv1.1 TLSv1.2", "TLSv1.3" },
	  { "", "SSLv3", "TLSv1.2 TLSv1.2", "tlsv1.2" } },
	{ "ssl_ciphers",
	  { "ECDHE-RSA-AES128-GCM-SHA256:!aNULL:@SECLEVEL=1", "'A B'" },
	  { "", "a b", "\"\"", "\"a;b\"" } },
	{ "client_header_buffer_size", { "1k", "256k", "4096" }, { "0", "257k", "1023", "4s" } },
	{ "add_header",
	  { "X-A b", "X-A \"b; c # d\"", "X-A $remote_addr" },
	  { "X-A", "\"X A\" b", "X-A b c" } },
	{ "more_set_headers",
	  { "\"X-A: b\"", "\"X-A:\"", "'A:b' 'C: d;e'" },
	  { "", "X-A", "\"X A:b\"", "\":b\"" } },
	{ "server_tokens", { "on", "off" }, { "", "yes", "ON", "on off" } },
	{ "proxy_request_buffering", { "on" }, { "", "1", "off on" } },
	{ "proxy_set_header",
	  { "X-Real-Port $remote_port", "x-method $request_method" },
	  { "Host a", "X-Uri", "X-Uri a b" } },
	{ "proxy_redirect", { "http:// https://" }, { "", "https:// http://", "off" } },
	{ "proxy_ignore_client_abort", { "on", "off" }, { "", "x" } },
	{ "ssl_verify_depth", { "1", "10" }, { "0", "11", "1s" } },
	{ "http2_max_field_size", { "1k", "256k" }, { "512", "257k" } },
	{ "error_page",
	  { "404 /404.html", "500 502 =200 /x?y", "404 = /e" },
	  { "404", "/x", "299 /x", "600 /x", "404 x", "=200 /x" } },
	{ "proxy_buffers", { "8 4k", "3 16k" }, { "8", "2 4k", "9 4k", "8 3k", "8 17k" } },
	{ "ssl_early_data", { "off" }, { "", "maybe" } },
};

static void unbuilt_directives_say_so(void **state)
{
	for (size_t i = 0; i < COUNT(unbuilt); i++) {
		for (size_t j = 0; j < COUNT(unbuilt[i].good) && unbuilt[i].good[j]; j++) {
			char text[256], says[128];

			(void)snprintf(text, sizeof(text), "keepalive_timeout 1s;\n\n%s %s;",
				       unbuilt[i].name, unbuilt[i].good[j]);
			(void)snprintf(says, sizeof(says), "line 3: %s%s is not built yet",
				       unbuilt[i].name,
				       strcmp(unbuilt[i].name, "proxy_request_buffering") == 0
					       ? " on"
					       : "");
			refuse(text, UNSUPPORTED, says);
		}
		for (size_t j = 0; j < COUNT(unbuilt[i].bad) && unbuilt[i].bad[j]; j++)
			refuse_value(unbuilt[i].name, unbuilt[i].bad[j]);
	}
	refuse("add_header A b; # one\nserver_tokens on;\nadd_header C d;", UNSUPPORTED,
	       "line 1: add_header is not built yet.");
	/* What is wrong comes before what is not built, wherever it stands. */
	refuse("add_header A b;\nkeepalive_timeout 10y;", VALUE, "line 2: keepalive_timeout: ");
}

static void combinations(void **state)
{
	assert_int_equal(parse("client_max_body_size 1G; proxy_request_buffering off;").body_most,
			 1 << 30);
	refuse("proxy_buffer_size 4k;", VALUE, "line 1: proxy_buffer_size: it needs");
	refuse("proxy_buffers 3 4k;\nproxy_buffer_size 5k;", VALUE, "line 1: proxy_buffers: ");
	refuse("proxy_buffers 3 4k;\nproxy_buffer_size 4k;", UNSUPPORTED, "line 1: ");
	refuse("ssl_early_data on;", VALUE, "line 1: ssl_early_data: it needs TLSv1.3");
	refuse("ssl_early_data on;ssl_protocols TLSv1.2;", VALUE, "it needs TLSv1.3");
	refuse("ssl_early_data on;ssl_protocols TLSv1.2 TLSv1.3;", UNSUPPORTED, "ssl_early_data");
	refuse("send_timeout 1s;\nsend_timeout 2s;", VALUE,
	       "line 2: send_timeout: line 1 has it already.");
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
	refuse("add_header A \"b\\\";\";", UNSUPPORTED, "add_header");
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
		cmocka_unit_test(unbuilt_directives_say_so),
		cmocka_unit_test(combinations),
		cmocka_unit_test(shapes_of_text),
		cmocka_unit_test(size_has_a_roof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

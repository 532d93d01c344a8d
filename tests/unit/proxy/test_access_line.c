/* SPDX-License-Identifier: Apache-2.0 */
/* The access log's two formats, and hostile bytes in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proxy/access_line.h"

static char out[ACCESS_LINE_MOST + 1];

static struct access_line sample(void)
{
	return (struct access_line){
		.values = {
			[ACCESS_REQUEST_ID] = access_text(BYTES_LITERAL("00ff00ff00ff00ff")),
			[ACCESS_TIME_LOCAL] = access_text(BYTES_LITERAL("01/Jul/2019:11:11:00 +0800")),
			[ACCESS_PROTOCOL_TYPE] = access_text(BYTES_LITERAL("HTTP")),
			[ACCESS_SERVER_ADDRESS] = access_text(BYTES_LITERAL("198.51.100.1:80")),
			[ACCESS_SERVER_NAME] = access_text(BYTES_LITERAL("a.example")),
			[ACCESS_REMOTE_ADDRESS] = access_text(BYTES_LITERAL("2001:db8::1:4711")),
			[ACCESS_STATUS] = access_number(200),
			[ACCESS_UPSTREAM_ADDRESS] = access_text(BYTES_LITERAL("10.0.0.1:80, 10.0.0.2:80")),
			[ACCESS_UPSTREAM_STATUS] = access_text(BYTES_LITERAL("502, 200")),
			[ACCESS_PROXY_HOST] = access_text(BYTES_LITERAL("loc-12345678")),
			[ACCESS_REQUEST] = access_text(BYTES_LITERAL("GET /a?b=c HTTP/1.1")),
			[ACCESS_REQUEST_LENGTH] = access_number(78),
			[ACCESS_BYTES_SENT] = access_number(1234567890123),
			[ACCESS_HTTP_HOST] = access_text(BYTES_LITERAL("a.example")),
			[ACCESS_REQUEST_TIME] = access_seconds(1005),
			[ACCESS_UPSTREAM_RESPONSE_TIME] = access_seconds(0),
			[ACCESS_VIP_VPCID] = access_number(-1),
			[ACCESS_URI] = access_text(BYTES_LITERAL("/a")),
			[ACCESS_SERVER_PROTOCOL] = access_text(BYTES_LITERAL("HTTP/1.1")),
		},
	};
}

static const char *write_line(const struct access_line *line, enum access_log_format format)
{
	size_t size = access_line_write(line, format, false, out);

	assert_true(size <= ACCESS_LINE_MOST);
	out[size] = '\0';
	assert_int_equal(strlen(out), size);
	return out;
}

static void test_brackets(void **state)
{
	struct access_line line = sample();

	(void)state;
	assert_string_equal(
		write_line(&line, ACCESS_LOG_BRACKETS),
		"[00ff00ff00ff00ff] [01/Jul/2019:11:11:00 +0800] [HTTP] [198.51.100.1:80] "
		"[a.example] [2001:db8::1:4711] [200] [10.0.0.1:80, 10.0.0.2:80] "
		"[502, 200] [loc-12345678] [GET /a?b=c HTTP/1.1] [78] [1234567890123] "
		"[a.example] [-] [-] [1.005] [0.000] [-] [-] [-] [-] [-] [-] [-] [-] [-1] [/a] "
		"[HTTP/1.1]\n");
}

static void test_json(void **state)
{
	struct access_line line = sample();
	json_error_t error;
	json_t *object;
	const char *key;
	json_t *value;
	unsigned field = 0;

	(void)state;
	object = json_loads(write_line(&line, ACCESS_LOG_JSON), JSON_REJECT_DUPLICATES, &error);
	assert_non_null(object);
	assert_int_equal(json_object_size(object), ACCESS_FIELDS);
	json_object_foreach(object, key, value)
		assert_string_equal(key, access_field_name((enum access_field)field++));
	assert_int_equal(json_integer_value(json_object_get(object, "status")), 200);
	assert_int_equal(json_integer_value(json_object_get(object, "vip_vpcid")), -1);
	assert_true(json_real_value(json_object_get(object, "request_time")) > 1.0049);
	assert_string_equal(json_string_value(json_object_get(object, "upstream_status")),
			    "502, 200");
	assert_string_equal(json_string_value(json_object_get(object, "remote_addr:remote_port")),
			    "2001:db8::1:4711");
	assert_true(json_is_null(json_object_get(object, "http_referer")));
	assert_true(json_is_null(json_object_get(object, "ssl_cipher")));
	json_decref(object);
}

struct hostile {
	const char *bytes;
	size_t size;
	const char *brackets, *json;
};

#define HOSTILE(text) text, sizeof(text) - 1

static const struct hostile hostiles[] = {
	{ HOSTILE("plain"), "plain", "plain" },
	{ HOSTILE("a] [200] [b"), "a\\x5D \\x5B200\\x5D \\x5Bb", "a] [200] [b" },
	{ HOSTILE("a\"b\\c"), "a\\x22b\\x5Cc", "a\\\"b\\\\c" },
	{ HOSTILE("a\r\nb\0c\td\x7f"), "a\\x0D\\x0Ab\\x00c\\x09d\\x7F",
	  "a\\u000D\\u000Ab\\u0000c\\u0009d\\u007F" },
	{ HOSTILE("\x1b[31m"), "\\x1B\\x5B31m", "\\u001B[31m" },
	{ HOSTILE("Gr\xc3\xbc\xc3\x9f"), "Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f" },
	{ HOSTILE("\xe2\x82\xac\xf0\x9f\x98\x80"), "\xe2\x82\xac\xf0\x9f\x98\x80",
	  "\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ HOSTILE("\xff\xfe"), "\\xFF\\xFE", "\\\\xFF\\\\xFE" },
	{ HOSTILE("\xc0\xaf"), "\\xC0\\xAF", "\\\\xC0\\\\xAF" }, /* overlong */
	{ HOSTILE("\xed\xa0\x80"), "\\xED\\xA0\\x80", "\\\\xED\\\\xA0\\\\x80" }, /* surrogate */
	{ HOSTILE("\xf4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80", "\\\\xF4\\\\x90\\\\x80\\\\x80" },
	{ HOSTILE("\xc2\x9b"), "\\xC2\\x9B", "\\\\xC2\\\\x9B" }, /* a C1 control */
	{ HOSTILE("a\xe2\x82"), "a\\xE2\\x82", "a\\\\xE2\\\\x82" }, /* cut short */
	{ HOSTILE("\xc3"), "\\xC3", "\\\\xC3" },
};

static void test_hostile(void **state)
{
	char wanted[256];

	(void)state;
	for (size_t i = 0; i < sizeof(hostiles) / sizeof(hostiles[0]); i++) {
		struct access_line line = {
			.values[ACCESS_HTTP_USER_AGENT] =
				access_text((struct bytes){ hostiles[i].bytes, hostiles[i].size })
		};

		snprintf(wanted, sizeof(wanted), " [-] [%s] [-] ", hostiles[i].brackets);
		assert_non_null(strstr(write_line(&line, ACCESS_LOG_BRACKETS), wanted));
		snprintf(wanted, sizeof(wanted), "\"http_user_agent\":\"%s\",", hostiles[i].json);
		assert_non_null(strstr(write_line(&line, ACCESS_LOG_JSON), wanted));
	}
}

/* Every field as long as it may be, of the bytes that need the longest escapes. */
static void test_longest(void **state)
{
	static const unsigned char worst[] = { 'a', 0x01, 0xff, '"', 0xc3 };
	static char text[20000];

	(void)state;
	for (size_t i = 0; i < sizeof(worst); i++) {
		struct access_line line;

		memset(text, worst[i], sizeof(text));
		for (int field = 0; field < ACCESS_FIELDS; field++)
			line.values[field] = access_text((struct bytes){ text, sizeof(text) });
		for (int format = ACCESS_LOG_BRACKETS; format <= ACCESS_LOG_JSON; format++) {
			json_error_t error;
			json_t *object;
			size_t size =
				access_line_write(&line, (enum access_log_format)format, true, out);

			assert_true(size <= ACCESS_LINE_STDERR_MOST);
			/* Those that are numbers have no room for text: the longest are numbers. */
			size = access_line_write(&line, (enum access_log_format)format, false, out);
			assert_true(size <= ACCESS_LINE_MOST);
			assert_true(out[size - 1] == '\n' &&
				    memchr(out, '\n', size) == out + size - 1);
			if (format == ACCESS_LOG_BRACKETS)
				continue;
			object = json_loadb(out, size, 0, &error);
			assert_non_null(object);
			json_decref(object);
		}
	}
}

static void test_longest_numbers(void **state)
{
	static char text[20000];
	struct access_line line;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (int field = 0; field < ACCESS_FIELDS; field++)
		line.values[field] = access_text((struct bytes){ text, sizeof(text) });
	for (int field = 0; field < ACCESS_FIELDS; field++) {
		struct access_line one = { 0 };

		one.values[field] = line.values[field];
		/* Shorter than "null": no room for text, so it is a number's. */
		if (access_line_write(&one, ACCESS_LOG_JSON, false, out) <
		    access_line_write(&(struct access_line){ 0 }, ACCESS_LOG_JSON, false, out))
			line.values[field] = access_number(INT64_MIN);
	}
	assert_true(access_line_write(&line, ACCESS_LOG_JSON, true, out) <=
		    ACCESS_LINE_STDERR_MOST);
	assert_true(access_line_write(&line, ACCESS_LOG_JSON, false, out) <= ACCESS_LINE_MOST);
	assert_non_null(strstr(out, "-9223372036854775808"));
}

/* A text is cut where a character or an escape ends. */
static void test_cut(void **state)
{
	static char text[300];
	struct access_line line = { .values[ACCESS_HTTP_HOST] =
					    access_text((struct bytes){ text, sizeof(text) }) };

	(void)state;
	memset(text, 'x', 254);
	memcpy(text + 254, "\xe2\x82\xac", 3);
	assert_non_null(strstr(write_line(&line, ACCESS_LOG_BRACKETS), "xxx] ["));
	memset(text, 'x', 253);
	memcpy(text + 253, "\xe2\x82\xac", 3);
	assert_non_null(strstr(write_line(&line, ACCESS_LOG_BRACKETS), "xxx\xe2\x82\xac] ["));
	text[254] = 'x';
	assert_non_null(strstr(write_line(&line, ACCESS_LOG_BRACKETS), "xxx] ["));
}

static void test_time(void **state)
{
	char text[ACCESS_TIME_SIZE];

	(void)state;
	setenv("TZ", "CST-8", 1);
	tzset();
	assert_int_equal(access_time_write(1561950660, text), 26);
	assert_string_equal(text, "01/Jul/2019:11:11:00 +0800");
	setenv("TZ", "UTC", 1);
	tzset();
	access_time_write(1561950660, text);
	assert_string_equal(text, "01/Jul/2019:03:11:00 +0000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brackets),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_longest_numbers),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

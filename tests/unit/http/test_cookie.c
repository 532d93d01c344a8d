/* SPDX-License-Identifier: Apache-2.0 */
/* Cookies found, stripped and set; dates. */
#include "heads.h"

#include <errno.h>
#include <time.h>

#include "http/cookie.h"
#include "http/edit.h"

static const struct {
	const char *fields;
	unsigned count;
	const char *value;
} finds[] = {
	/* RFC 6265 section 5.4 */
	{ "", 0, "" },
	{ "Cookie: \r\n", 0, "" },
	{ "Cookie: s=v\r\n", 1, "v" },
	{ "Cookie: a=b; s=v\r\n", 1, "v" },
	{ "Cookie: s=v; a=b\r\n", 1, "v" },
	{ "Cookie: a=b; s=v; c=d\r\n", 1, "v" },
	{ "Cookie: a=b;s=v;c=d\r\n", 1, "v" },
	{ "Cookie: a=b;\t  s=v \t;c=d\r\n", 1, "v" },
	{ "cookie:s=v\r\n", 1, "v" },
	{ "Cookie: a=b\r\nX: s=x\r\nCookie: s=v\r\n", 1, "v" },
	{ "Cookie: s=\r\n", 1, "" },
	{ "Cookie: s==v=\r\n", 1, "=v=" },
	/* one pair of double quotes */
	{ "Cookie: s=\"v\"\r\n", 1, "v" },
	{ "Cookie: s=\"\"\r\n", 1, "" },
	{ "Cookie: s=\"\"v\"\"\r\n", 1, "\"v\"" },
	{ "Cookie: s=\"v\r\n", 1, "\"v" },
	{ "Cookie: s=\"\r\n", 1, "\"" },
	{ "Cookie: s= \"v\" ; a=b\r\n", 1, "v" },
	/* names that only look like it */
	{ "Cookie: S=v\r\n", 0, "" },
	{ "Cookie: ss=v\r\n", 0, "" },
	{ "Cookie: as=v\r\n", 0, "" },
	{ "Cookie: a=s=v\r\n", 0, "" },
	{ "Cookie: s\r\n", 0, "" },
	{ "Cookie: s ; a=b\r\n", 0, "" },
	{ "Cookie: s =v\r\n", 0, "" },
	{ "Cookie: $s=v\r\n", 0, "" },
	{ "Cookie: a s=v\r\n", 0, "" },
	{ "Cookie: a=b, s=v\r\n", 0, "" },
	{ "Cookies: s=v\r\n", 0, "" },
	{ "Set-Cookie: s=v\r\n", 0, "" },
	/* junk around it */
	{ "Cookie: ;;; ;junk; =x; s=v; =; ;\r\n", 1, "v" },
	{ "Cookie: \x80\xff; s=v\r\n", 1, "v" },
	{ "Cookie: a=\"b; s=v; c\"\r\n", 1, "v" },
	/* duplicates: the first is told, and that there are more */
	{ "Cookie: s=v; s=w\r\n", 2, "v" },
	{ "Cookie: s=v; s=w; s=x\r\n", 2, "v" },
	{ "Cookie: s=v\r\nCookie: s=v\r\n", 2, "v" },
};

static void test_finds(void **state)
{
	static struct http_request request;
	char head[512];

	for (size_t i = 0; i < COUNT(finds); i++) {
		int size =
			snprintf(head, sizeof(head), "GET / HTTP/1.0\r\n%s\r\n", finds[i].fields);
		struct bytes value;

		assert_int_equal(http_request_parse(head, (size_t)size, &request), 0);
		assert_int_equal(http_cookie_find(head, &request, BYTES_LITERAL("s"), &value),
				 finds[i].count);
		assert_int_equal(
			http_cookie_find(head, &request, BYTES_LITERAL(""), &(struct bytes){ 0 }),
			0);
		if (!bytes_equal(value, bytes_of(finds[i].value)))
			fail_msg("%.*s: %s", (int)value.size, value.at, head);
	}
}

static const struct {
	const char *value, *stripped;
} strips[] = {
	{ "", "" },
	{ "s=v", "" },
	{ "s=v;", "" },
	{ "a=b", "a=b" },
	{ "s=v; a=b", "a=b" },
	{ "a=b; s=v", "a=b" },
	{ "a=b; s=v; c=d", "a=b; c=d" },
	{ "a=b;s=v;c=d", "a=b;c=d" },
	{ "s=v; s=w; a=b; s=x", "a=b" },
	{ "a=\"b\"; ; junk; s=v;  ss=w;", "a=\"b\"; ; junk;  ss=w;" },
	{ "a=b; s", "a=b; s" },
	{ " ; a=b;;", " ; a=b;;" },
	{ "; s=v; a=b; s=v;", "; a=b;" },
	{ "s=v; ; a=b", "; a=b" },
	{ "a=b; S=v", "a=b; S=v" },
};

static void test_strips(void **state)
{
	for (size_t i = 0; i < COUNT(strips); i++) {
		size_t expected = strlen(strips[i].stripped);

		for (size_t room = 0; room <= expected + 1; room++) {
			char *out = test_malloc(room + 1);
			int size = http_cookie_strip(bytes_of(strips[i].value), BYTES_LITERAL("s"),
						     out, room);

			if (room < expected) {
				assert_int_equal(size, -ENOBUFS);
			} else {
				assert_int_equal(size, expected);
				assert_memory_equal(out, strips[i].stripped, expected);
			}
			test_free(out);
		}
	}
}

static void test_set(void **state)
{
	static const char expected[] = "setia_route=abc; Path=/; Expires=Sun, 06 Nov 1994 08:49:37 "
				       "GMT; Max-Age=1000; HttpOnly";
	char out[128];
	int size;

	size = http_set_cookie_write(BYTES_LITERAL("setia_route"), BYTES_LITERAL("abc"),
				     784111777 - 1000, 1000, out, sizeof(out));
	assert_int_equal(size, sizeof(expected) - 1);
	assert_memory_equal(out, expected, sizeof(expected) - 1);
	for (size_t room = 0; room < sizeof(expected) - 1; room++)
		assert_int_equal(http_set_cookie_write(BYTES_LITERAL("setia_route"),
						       BYTES_LITERAL("abc"), 784111777 - 1000, 1000,
						       out, room),
				 -ENOBUFS);
}

static void assert_date(int64_t second)
{
	char text[HTTP_DATE_SIZE + 1], expected[64];
	time_t time = (time_t)second;
	struct tm parts;

	http_date_write(second, text);
	gmtime_r(&time, &parts);
	/* The tests run in the C locale, whose names of days and months are HTTP's. */
	strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &parts);
	assert_string_equal(text, expected);
}

static void test_dates(void **state)
{
	char text[HTTP_DATE_SIZE + 1];

	/* Each day of 500 years, each at another time of day; then steps through 8,000. */
	for (int64_t day = 0; day < 183000; day++)
		assert_date(day * 86400 + day * 7919 % 86400);
	for (int64_t second = 0; second <= 253402300799; second += 86400 * 97 + 12345)
		assert_date(second);
	assert_date(253402300799);
	http_date_write(-1, text);
	assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
	http_date_write(INT64_MAX, text);
	assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds),
		cmocka_unit_test(test_strips),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of validate.h with its code, and what the sentences must name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/validate.h"

typedef int text_check(const char *text, const char *field, struct problem *problem);

#define GOOD(check, text) text_gives(check, text, NULL, NULL)
#define BAD(check, text, code, says) text_gives(check, text, code, says)
#define VALUE "InvalidParameterValue"
#define LENGTH "InvalidParameterValue.Length"

static void text_gives(text_check *check, const char *text, const char *code, const char *says)
{
	struct problem problem = { 0 };
	int error = check(text, "Rules[0].Field", &problem);

	assert_int_equal(error, code ? -EINVAL : 0);
	if (!code) {
		assert_null(problem.code);
		return;
	}
	assert_string_equal(problem.code, code);
	assert_string_equal(problem.field, "Rules[0].Field");
	assert_non_null(strstr(problem.text, "Field"));
	assert_null(strstr(problem.text, "Rules"));
	assert_non_null(strstr(problem.text, says));
}

/* `size` letters. */
static const char *letters(size_t size, const char *first)
{
	static char text[512];

	memset(text, 'a', size);
	memcpy(text, first, strlen(first));
	text[size] = '\0';
	return text;
}

static void names(void **state)
{
	char wide[LIMIT_NAME * 3 + 4] = "";

	GOOD(validate_name, "web 1");
	GOOD(validate_name, letters(80, ""));
	for (int i = 0; i < LIMIT_NAME; i++)
		strcat(wide, "\xe5\x90\x8d");
	GOOD(validate_name, wide);
	strcat(wide, "x");
	BAD(validate_name, wide, LENGTH, "1 to 80");
	BAD(validate_name, "", LENGTH, "1 to 80");
	BAD(validate_name, letters(81, ""), LENGTH, "1 to 80");
	BAD(validate_name, "a\nb", VALUE, "U+000A");
	BAD(validate_name, "a\xff", VALUE, "byte 0xff");
	BAD(validate_name, "\xf0\x9f\x98\x80", VALUE, "U+1F600");
}

static void domains(void **state)
{
	GOOD(validate_domain, "a");
	GOOD(validate_domain, "www.example-1.com");
	GOOD(validate_domain, "a_b.example");
	GOOD(validate_domain, "127.0.0.1");
	GOOD(validate_domain, letters(80, ""));
	BAD(validate_domain, letters(81, ""), LENGTH, "1 to 80");
	BAD(validate_domain, "", LENGTH, "1 to 80");
	BAD(validate_domain, "_a.example", VALUE, "begin");
	BAD(validate_domain, "Example.com", VALUE, "\"E\"");
	BAD(validate_domain, "a b", VALUE, "U+0020");
	BAD(validate_domain, "a/b", VALUE, "\"/\"");
	BAD(validate_domain, "a:80", VALUE, "\":\"");
	BAD(validate_domain, "\xe5\x90\x8d.cn", VALUE, "\xe5\x90\x8d");
	BAD(validate_domain, ".example.com", VALUE, ".");
	BAD(validate_domain, "example.com.", VALUE, ".");
	BAD(validate_domain, "a..b", VALUE, ".");
}

static void wildcards(void **state)
{
	GOOD(validate_domain, "*.example.com");
	GOOD(validate_domain, "*.com");
	GOOD(validate_domain, "www.example.*");
	GOOD(validate_domain, "www.*");
	BAD(validate_domain, "*", VALUE, "one \"*\"");
	BAD(validate_domain, "*.", VALUE, "begin or end");
	BAD(validate_domain, ".*", VALUE, "begin or end");
	BAD(validate_domain, "*.*", VALUE, "one \"*\"");
	BAD(validate_domain, "*.a.*", VALUE, "one \"*\"");
	BAD(validate_domain, "*a.com", VALUE, "one \"*\"");
	BAD(validate_domain, "www*", VALUE, "one \"*\"");
	BAD(validate_domain, "a.*.com", VALUE, "one \"*\"");
	BAD(validate_domain, "**.com", VALUE, "one \"*\"");
	BAD(validate_domain, "*..com", VALUE, "two of them");
	BAD(validate_domain, "*._a.com", VALUE, "begin");
	BAD(validate_domain, "_a.*", VALUE, "begin");
	BAD(validate_domain, "*.A.com", VALUE, "\"A\"");
}

static void domain_patterns(void **state)
{
	GOOD(validate_domain, "~^www\\d+\\.example\\.com$");
	GOOD(validate_domain, "~a-z0-9.-?=_+\\^*!$&|()[]]");
	GOOD(validate_domain, letters(80, "~"));
	BAD(validate_domain, letters(81, "~"), LENGTH, "1 to 80");
	BAD(validate_domain, "~", VALUE, "no expression");
	BAD(validate_domain, "~~a", VALUE, "\"~\" is not allowed");
	BAD(validate_domain, "~a~", VALUE, "\"~\" is not allowed");
	BAD(validate_domain, "~A", VALUE, "\"A\" is not allowed");
	BAD(validate_domain, "~a/b", VALUE, "\"/\" is not allowed");
	BAD(validate_domain, "~a:b", VALUE, "\":\" is not allowed");
	BAD(validate_domain, "~a{2}", VALUE, "\"{\" is not allowed");
	BAD(validate_domain, "~a b", VALUE, "U+0020");
	BAD(validate_domain, "~(a", VALUE, "at character 1: \"(\" is not closed");
	BAD(validate_domain, "~*.example.com", VALUE, "nothing here to repeat");
	BAD(validate_domain, "~(a)\\1", VALUE, "back references");
	BAD(validate_domain, "~(a+)+$", VALUE, "repetition within a repetition");
}

static void urls(void **state)
{
	GOOD(validate_url, "/");
	GOOD(validate_url, "=/");
	GOOD(validate_url, "/a-b._~!$&'()*+,;=:@/%2F%c3");
	GOOD(validate_url, "=/exact");
	GOOD(validate_url, letters(200, "/"));
	GOOD(validate_url, letters(200, "=/"));
	BAD(validate_url, letters(201, "/"), LENGTH, "1 to 200");
	BAD(validate_url, "", LENGTH, "1 to 200");
	BAD(validate_url, "abc", VALUE, "begin");
	BAD(validate_url, "=", VALUE, "begin");
	BAD(validate_url, "=abc", VALUE, "begin");
	BAD(validate_url, "==/abc", VALUE, "begin");
	BAD(validate_url, "= /abc", VALUE, "begin");
	BAD(validate_url, "/a?b=c", VALUE, "query");
	BAD(validate_url, "/a#b", VALUE, "\"#\"");
	BAD(validate_url, "/a%2", VALUE, "hexadecimal");
	BAD(validate_url, "/a b", VALUE, "U+0020");
	BAD(validate_url, "/a\"b", VALUE, "not allowed");
	BAD(validate_url, "/a\\b", VALUE, "not allowed");
	BAD(validate_url, "/\xc3\xa9", VALUE, "\xc3\xa9");
}

static void url_forms(void **state)
{
	GOOD(validate_url, "^~/");
	GOOD(validate_url, "^~/a~b");
	GOOD(validate_url, "~^/a(/.*)?[.]php$");
	GOOD(validate_url, "~*[.](gif|JPG)$");
	GOOD(validate_url, "~aA0.-_/=?^$:()[]*+]|x");
	GOOD(validate_url, letters(200, "~*"));
	BAD(validate_url, letters(201, "~"), LENGTH, "1 to 200");
	BAD(validate_url, "^~", VALUE, "begin");
	BAD(validate_url, "^~a", VALUE, "begin");
	BAD(validate_url, "^~ /a", VALUE, "begin");
	BAD(validate_url, "^/a", VALUE, "begin");
	BAD(validate_url, "^~/a?b", VALUE, "query");
	BAD(validate_url, "~", VALUE, "no expression");
	BAD(validate_url, "~*", VALUE, "no expression");
	BAD(validate_url, "~ /a", VALUE, "U+0020");
	BAD(validate_url, "~[.]php~", VALUE, "\"~\" is not allowed");
	BAD(validate_url, "~\\.php$", VALUE, "\"\\\" is not allowed");
	BAD(validate_url, "~a{2}", VALUE, "\"{\" is not allowed");
	BAD(validate_url, "~**", VALUE, "nothing here to repeat");
	BAD(validate_url, "~(?R)", VALUE, "behind \"(?\"");
	BAD(validate_url, "~(*UTF)a", VALUE, "\"(*\"");
	BAD(validate_url, "~^/([a-z]+)*$", VALUE, "repetition within a repetition");
	BAD(validate_url, "~*^/(a|A)*$", VALUE, "repetition within a repetition");
	GOOD(validate_url, "~^/(a|A)*$");
}

static void cookie_names(void **state)
{
	GOOD(validate_cookie_name, "a");
	GOOD(validate_cookie_name, COOKIE_NAME_DEFAULT);
	GOOD(validate_cookie_name, "!#$%&'*+-.^_`|~");
	GOOD(validate_cookie_name, letters(64, ""));
	BAD(validate_cookie_name, letters(65, ""), VALUE, "1 to 64");
	BAD(validate_cookie_name, "", VALUE, "1 to 64");
	BAD(validate_cookie_name, "a=b", VALUE, "\"=\"");
	BAD(validate_cookie_name, "a;b", VALUE, "\";\"");
	BAD(validate_cookie_name, "a b", VALUE, "U+0020");
	BAD(validate_cookie_name, "a\r\nb", VALUE, "U+000D");
	BAD(validate_cookie_name, "\xc3\xa9", VALUE, "not allowed");
}

static void session_times(void **state)
{
	const int64_t good[] = { 0, 30, 31, 1800, 3600 };
	const int64_t bad[] = { 1, 29, -1, -30, 3601, 86400, INT64_MAX, INT64_MIN };
	struct problem problem = { 0 };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(validate_session_expire(good[i], "SessionExpireTime", &problem),
				 0);
	assert_null(problem.code);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		problem = (struct problem){ 0 };
		assert_int_equal(validate_session_expire(bad[i], "SessionExpireTime", &problem),
				 -EINVAL);
		assert_string_equal(problem.code, VALUE);
		assert_non_null(strstr(problem.text, "SessionExpireTime must be 0 (off) or between "
						     "30 and 3600 seconds"));
	}
}

static void session_goes_with_wrr(void **state)
{
	const char *field = "Rules[1].SessionExpireTime";
	struct problem problem = { 0 };

	assert_int_equal(validate_session_scheduler(60, SCHEDULER_WRR, field, &problem), 0);
	assert_int_equal(validate_session_scheduler(0, SCHEDULER_LEAST_CONN, field, &problem), 0);
	assert_int_equal(validate_session_scheduler(0, SCHEDULER_IP_HASH, field, &problem), 0);
	assert_int_equal(validate_session_scheduler(60, SCHEDULER_LEAST_CONN, field, &problem),
			 -EINVAL);
	assert_string_equal(problem.code, "InvalidParameter");
	assert_non_null(strstr(problem.text, "Weighted least connections cannot be combined with "
					     "session persistence."));
	assert_non_null(strstr(problem.text, "SessionExpireTime"));
	problem = (struct problem){ 0 };
	assert_int_equal(validate_session_scheduler(60, SCHEDULER_IP_HASH, field, &problem),
			 -EINVAL);
	assert_string_equal(problem.code, "InvalidParameter");
	assert_string_equal(problem.field, field);
}

/* NULL code: must be accepted. */
static void health_gives(const struct health_check *check, enum protocol protocol, const char *code,
			 const char *member)
{
	struct problem problem = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "HealthCheck.%s", member ? member : "");
	assert_int_equal(validate_health_check(check, protocol, "HealthCheck", &problem),
			 code ? -EINVAL : 0);
	if (!code)
		return;
	assert_string_equal(problem.code, code);
	assert_string_equal(problem.field, path);
	assert_memory_equal(problem.text, member, strlen(member));
}

#define CHECK(protocol, code, member, ...)                    \
	do {                                                  \
		struct health_check check;                    \
		health_check_defaults(&check, protocol);      \
		__VA_ARGS__;                                  \
		health_gives(&check, protocol, code, member); \
	} while (0)

static void health_check_ranges(void **state)
{
	for (enum protocol protocol = PROTOCOL_HTTP; protocol <= PROTOCOL_QUIC; protocol++)
		CHECK(protocol, NULL, NULL, (void)0);
	CHECK(PROTOCOL_HTTP, VALUE, "TimeOut", check.timeout_s = 1);
	CHECK(PROTOCOL_HTTP, VALUE, "TimeOut", check.timeout_s = 61, check.interval_s = 100);
	CHECK(PROTOCOL_HTTP, VALUE, "TimeOut", check.timeout_s = 5);
	CHECK(PROTOCOL_HTTP, VALUE, "IntervalTime", check.interval_s = 1);
	CHECK(PROTOCOL_HTTP, VALUE, "IntervalTime", check.interval_s = 301);
	CHECK(PROTOCOL_HTTP, VALUE, "HealthNum", check.healthy_count = 1);
	CHECK(PROTOCOL_HTTP, VALUE, "UnHealthNum", check.unhealthy_count = 11);
	CHECK(PROTOCOL_HTTP, VALUE, "HttpCode", check.http_code = 0);
	CHECK(PROTOCOL_HTTP, VALUE, "HttpCode", check.http_code = 32);
	CHECK(PROTOCOL_TCP, VALUE, "CheckPort", check.port = 65536);
	CHECK(PROTOCOL_TCP, VALUE, "CheckPort", check.port = -1);
	CHECK(PROTOCOL_TCP, NULL, NULL, check.port = 8080);
	CHECK(PROTOCOL_HTTP, "InvalidParameter", "CheckPort", check.port = 8080);
	CHECK(PROTOCOL_HTTP, VALUE, "TimeOut", check.is_on = false, check.timeout_s = 0);
}

static void health_check_types(void **state)
{
	CHECK(PROTOCOL_HTTP, VALUE, "CheckType", check.type = CHECK_TCP);
	CHECK(PROTOCOL_HTTP, VALUE, "CheckType", check.type = CHECK_HTTPS);
	CHECK(PROTOCOL_HTTP, VALUE, "CheckType", check.type = 0);
	CHECK(PROTOCOL_HTTP, NULL, NULL, check.type = CHECK_GRPC);
	CHECK(PROTOCOL_HTTPS, NULL, NULL, check.type = CHECK_HTTPS);
	CHECK(PROTOCOL_UDP, VALUE, "CheckType", check.type = CHECK_TCP);
	CHECK(PROTOCOL_TCP, VALUE, "CheckType", check.type = CHECK_PING);
	CHECK(PROTOCOL_TCP_SSL, VALUE, "CheckType", check.type = CHECK_CUSTOM);
}

static void health_check_texts(void **state)
{
	char longest[600];

	CHECK(PROTOCOL_HTTP, NULL, NULL, check.path = (char *)"/health?full=1");
	CHECK(PROTOCOL_HTTP, VALUE, "HttpCheckPath", check.path = (char *)"health");
	CHECK(PROTOCOL_HTTP, VALUE, "HttpCheckPath", check.path = (char *)"/a\r\nHost: b");
	CHECK(PROTOCOL_HTTP, LENGTH, "HttpCheckPath", check.path = (char *)"");
	CHECK(PROTOCOL_HTTP, LENGTH, "HttpCheckPath", check.path = (char *)letters(201, "/"));
	CHECK(PROTOCOL_HTTP, VALUE, "HttpCheckDomain", check.domain = (char *)"*.a");
	CHECK(PROTOCOL_HTTP, LENGTH, "HttpCheckDomain", check.domain = (char *)letters(81, ""));
	CHECK(PROTOCOL_HTTP, VALUE, "HttpVersion", check.http_version = (char *)"HTTP/2");
	CHECK(PROTOCOL_HTTP, VALUE, "ContextType", check.context_type = (char *)"BASE64");
	memset(longest, 'A', sizeof(longest));
	longest[501] = '\0';
	CHECK(PROTOCOL_TCP, LENGTH, "SendContext", check.send_context = longest);
	CHECK(PROTOCOL_TCP, VALUE, "RecvContext", check.receive_context = (char *)"a\tb");
	CHECK(PROTOCOL_TCP, VALUE, "SendContext", check.context_type = (char *)"HEX",
	      check.send_context = (char *)"ABC");
	CHECK(PROTOCOL_TCP, VALUE, "SendContext", check.context_type = (char *)"HEX",
	      check.send_context = (char *)"ab");
}

static void health_check_partners(void **state)
{
	CHECK(PROTOCOL_TCP, "InvalidParameter", "HttpCheckDomain", check.type = CHECK_HTTP);
	CHECK(PROTOCOL_TCP, "InvalidParameter", "HttpVersion", check.type = CHECK_HTTP,
	      check.domain = (char *)"a");
	CHECK(PROTOCOL_TCP, NULL, NULL, check.type = CHECK_HTTP, check.domain = (char *)"a",
	      check.http_version = (char *)"HTTP/1.1");
	CHECK(PROTOCOL_UDP, "InvalidParameter", "ContextType", check.type = CHECK_CUSTOM);
	CHECK(PROTOCOL_UDP, "InvalidParameter", "SendContext", check.type = CHECK_CUSTOM,
	      check.context_type = (char *)"TEXT");
	CHECK(PROTOCOL_UDP, "InvalidParameter", "RecvContext", check.type = CHECK_CUSTOM,
	      check.context_type = (char *)"TEXT", check.send_context = (char *)"ping");
	CHECK(PROTOCOL_UDP, NULL, NULL, check.type = CHECK_CUSTOM,
	      check.context_type = (char *)"HEX", check.send_context = (char *)"0A",
	      check.receive_context = (char *)"FF");
}

static void extended_codes(void **state)
{
	const char *good[] = { "12", "0", "99", "20,25", "0-99", "1,3-5,7" };
	const char *bad[] = {
		"", "100", "a", "1,", ",1", "5-3", "1-", "-1", "1 2", "1--2", "0001"
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(PROTOCOL_HTTP, NULL, NULL, check.extended_code = (char *)good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(PROTOCOL_HTTP, VALUE, "ExtendedCode", check.extended_code = (char *)bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(domains),
		cmocka_unit_test(wildcards),
		cmocka_unit_test(domain_patterns),
		cmocka_unit_test(urls),
		cmocka_unit_test(url_forms),
		cmocka_unit_test(cookie_names),
		cmocka_unit_test(session_times),
		cmocka_unit_test(session_goes_with_wrr),
		cmocka_unit_test(health_check_ranges),
		cmocka_unit_test(health_check_types),
		cmocka_unit_test(health_check_texts),
		cmocka_unit_test(health_check_partners),
		cmocka_unit_test(extended_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TC3 signatures: the two worked vectors of the API's contract, the forms honest clients use, and
 * what must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "control/sign.h"

#define SECRET_ID "AKIDEXAMPLE0123456789"
#define SECRET_KEY "SECRETEXAMPLE0123456789"
#define VECTOR_TIME 1760000000
#define VECTOR_BODY                                                                  \
	"{\"LoadBalancerId\":\"lb-1a2b3c4d\",\"Ports\":[8080],\"Protocol\":\"TCP\"," \
	"\"SessionExpireTime\":30}"
#define VECTOR_POST "d74f60a1cb969f8aaf460bcd16c5efab5bd223bade8686f5410194002c38b17c"
#define VECTOR_GET "39660c4a156a134516bb61c69bbdcb667f3ff398570a1828d3c1039bc72585ff"
#define HEAD "TC3-HMAC-SHA256 Credential=" SECRET_ID "/2025-10-09/clb/tc3_request, "
#define SIGNED "SignedHeaders=content-type;host, Signature="

struct headers {
	const char *content_type, *host, *payload;
};

static const char *header_of(void *context, const char *name)
{
	const struct headers *headers = context;

	if (strcmp(name, "content-type") == 0)
		return headers->content_type;
	if (strcmp(name, "host") == 0)
		return headers->host;
	if (strcmp(name, "x-tc-content-sha256") == 0)
		return headers->payload;
	return NULL;
}

static int verify(const char *authorization, const char *host, const char *body, int64_t timestamp)
{
	struct headers headers = { "application/json", host, NULL };
	struct sign_request request = {
		.method = "POST",
		.body = bytes_of(body),
		.timestamp = timestamp,
		.header = header_of,
		.context = &headers,
	};
	struct sign_authorization parsed;

	assert_int_equal(sign_parse_authorization(authorization, &parsed), 0);
	return sign_verify(&request, &parsed, SECRET_KEY);
}

static void test_post_vector(void **state)
{
	const char *value = HEAD SIGNED VECTOR_POST;

	assert_int_equal(verify(value, "clb.example.internal", VECTOR_BODY, VECTOR_TIME), 0);
	assert_int_equal(verify(value, "clb.example.internal", VECTOR_BODY " ", VECTOR_TIME),
			 -EACCES);
	assert_int_equal(verify(value, "clb.example.external", VECTOR_BODY, VECTOR_TIME), -EACCES);
	assert_int_equal(verify(value, "clb.example.internal", VECTOR_BODY, VECTOR_TIME + 1),
			 -EACCES);
	assert_int_equal(verify(value, "clb.example.internal", VECTOR_BODY, VECTOR_TIME + 86400),
			 -EACCES);
}

static void test_get_vector(void **state)
{
	struct headers headers = { "application/x-www-form-urlencoded", "clb.example.internal",
				   NULL };
	struct sign_request request = {
		.method = "GET",
		.query = BYTES_LITERAL("LoadBalancerId=lb-1a2b3c4d&ListenerIds.0=lbl-5e6f7a8b"),
		.timestamp = VECTOR_TIME,
		.header = header_of,
		.context = &headers,
	};
	struct sign_authorization parsed;

	assert_int_equal(sign_parse_authorization(HEAD SIGNED VECTOR_GET, &parsed), 0);
	assert_int_equal(sign_verify(&request, &parsed, SECRET_KEY), 0);
	assert_int_equal(sign_verify(&request, &parsed, SECRET_KEY "x"), -EACCES);
	request.query.size--;
	assert_int_equal(sign_verify(&request, &parsed, SECRET_KEY), -EACCES);
}

static void make(const char *service, const char *type, const char *host, const char *body,
		 char out[512])
{
	struct sign_making making = {
		.secret_id = SECRET_ID,
		.secret_key = SECRET_KEY,
		.service = service,
		.content_type = type,
		.host = host,
		.body = bytes_of(body),
		.timestamp = VECTOR_TIME,
	};

	assert_int_equal(sign_make(&making, out, 512), 0);
}

static void test_make_gives_the_vector(void **state)
{
	char text[512], small[32];
	struct sign_making making = {
		.secret_id = SECRET_ID,
		.secret_key = SECRET_KEY,
		.service = "clb",
		.content_type = "application/json",
		.host = "clb.example.internal",
		.body = bytes_of(VECTOR_BODY),
		.timestamp = VECTOR_TIME,
	};

	make("clb", "application/json", "clb.example.internal", VECTOR_BODY, text);
	assert_string_equal(text, HEAD SIGNED VECTOR_POST);
	assert_int_equal(sign_make(&making, small, sizeof(small)), -ENOBUFS);
}

static void test_host_with_and_without_port(void **state)
{
	char text[512];

	/* Signed without the port, sent with it: the Node SDK. Any service word. */
	make("127", "application/json", "127.0.0.1", "{}", text);
	assert_int_equal(verify(text, "127.0.0.1:34765", "{}", VECTOR_TIME), 0);
	assert_int_equal(verify(text, " 127.0.0.1:34765\t", "{}", VECTOR_TIME), 0);
	/* Signed and sent with the port: Go and Python. */
	make("clb", "application/json", "127.0.0.1:34765", "{}", text);
	assert_int_equal(verify(text, "127.0.0.1:34765", "{}", VECTOR_TIME), 0);
	assert_int_equal(verify(text, "127.0.0.1", "{}", VECTOR_TIME), -EACCES);
	assert_int_equal(verify(text, "127.0.0.1:34766", "{}", VECTOR_TIME), -EACCES);
	make("clb", "application/json", "[::1]", "{}", text);
	assert_int_equal(verify(text, "[::1]:9080", "{}", VECTOR_TIME), 0);
	assert_int_equal(verify(text, "[::1]", "{}", VECTOR_TIME), 0);
}

static void test_lower_cased_values(void **state)
{
	char text[512];

	make("clb", "application/json", "lb.example", "{}", text);
	assert_int_equal(verify(text, "LB.Example", "{}", VECTOR_TIME), 0);
	assert_int_equal(verify(text, "LB.Example:80", "{}", VECTOR_TIME), 0);
	make("clb", "application/json", "LB.Example", "{}", text);
	assert_int_equal(verify(text, "LB.Example:80", "{}", VECTOR_TIME), 0);
	assert_int_equal(verify(text, "lb.example", "{}", VECTOR_TIME), -EACCES);
}

static void test_unsigned_payload(void **state)
{
	char text[512];
	struct headers headers = { "application/json", "h", "UNSIGNED-PAYLOAD" };
	struct sign_request request = {
		.method = "POST",
		.body = BYTES_LITERAL("whatever"),
		.timestamp = VECTOR_TIME,
		.header = header_of,
		.context = &headers,
	};
	struct sign_authorization parsed;

	make("clb", "application/json", "h", "UNSIGNED-PAYLOAD", text);
	assert_int_equal(sign_parse_authorization(text, &parsed), 0);
	assert_int_equal(sign_verify(&request, &parsed, SECRET_KEY), 0);
	headers.payload = "unsigned-payload";
	assert_int_equal(sign_verify(&request, &parsed, SECRET_KEY), -EACCES);
	headers.payload = NULL;
	assert_int_equal(sign_verify(&request, &parsed, SECRET_KEY), -EACCES);
}

static void test_malformed_authorization(void **state)
{
	static const char *const bad[] = {
		"",
		"SKIP",
		"TC3-HMAC-SHA256",
		"TC3-HMAC-SHA256 ",
		"TC3-HMAC-SHA1 Credential=a/2025-10-09/clb/tc3_request, " SIGNED VECTOR_POST,
		HEAD,
		HEAD SIGNED,
		HEAD SIGNED "d74f60a1",
		HEAD SIGNED VECTOR_POST "0",
		HEAD SIGNED "D74F60A1CB969F8AAF460BCD16C5EFAB5BD223BADE8686F5410194002C38B17C",
		HEAD "SignedHeaders=, Signature=" VECTOR_POST,
		HEAD "SignedHeaders=Host, Signature=" VECTOR_POST,
		HEAD "SignedHeaders=host\n, Signature=" VECTOR_POST,
		"TC3-HMAC-SHA256 Credential=/2025-10-09/clb/tc3_request, " SIGNED VECTOR_POST,
		"TC3-HMAC-SHA256 Credential=a/2025-1-09/clb/tc3_request, " SIGNED VECTOR_POST,
		"TC3-HMAC-SHA256 Credential=a/2025-10-09//tc3_request, " SIGNED VECTOR_POST,
		"TC3-HMAC-SHA256 Credential=a/2025-10-09/clb/tc4_request, " SIGNED VECTOR_POST,
		"TC3-HMAC-SHA256 Credential=a/2025-10-09/clb/x/tc3_request, " SIGNED VECTOR_POST,
		"TC3-HMAC-SHA256 Credential=a/2025-10-09/clb, " SIGNED VECTOR_POST,
		"TC3-HMAC-SHA256 "
		"Credential=0123456789012345678901234567890123456789012345678901234567890123/"
		"2025-10-09/clb/tc3_request, " SIGNED VECTOR_POST,
	};
	struct sign_authorization parsed;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sign_parse_authorization(bad[i], &parsed), -EINVAL);
	assert_int_equal(sign_parse_authorization(HEAD "SignedHeaders=content-type;host,"
						       "Signature=" VECTOR_POST,
						  &parsed),
			 0);
	assert_string_equal(parsed.secret_id, SECRET_ID);
	assert_string_equal(parsed.date, "2025-10-09");
	assert_string_equal(parsed.service, "clb");
}

static void test_signed_header_lists(void **state)
{
	static const char *const lists[] = { "content-type;host;x-not-there", "content-type;;host",
					     "content-type;host;", ";host", ";" };
	char value[1024], many[900] = "host";

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		snprintf(value, sizeof(value), HEAD "SignedHeaders=%s, Signature=" VECTOR_POST,
			 lists[i]);
		assert_int_equal(verify(value, "h", "{}", VECTOR_TIME), -EACCES);
	}
	for (size_t i = 0; i < 100; i++)
		memcpy(many + 4 + i * 5, ";host", 6);
	snprintf(value, sizeof(value), HEAD "SignedHeaders=%s, Signature=" VECTOR_POST, many);
	assert_int_equal(verify(value, "h", "{}", VECTOR_TIME), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_post_vector),
		cmocka_unit_test(test_get_vector),
		cmocka_unit_test(test_make_gives_the_vector),
		cmocka_unit_test(test_host_with_and_without_port),
		cmocka_unit_test(test_lower_cased_values),
		cmocka_unit_test(test_unsigned_payload),
		cmocka_unit_test(test_malformed_authorization),
		cmocka_unit_test(test_signed_header_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

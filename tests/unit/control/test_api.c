/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatch: who gets in, in which order mistakes are told, what a change leaves behind when it
 * works and when it does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "api_fixture.h"
#include "base/clock.h"
#include "control/credential.h"
#include "control/envelope.h"
#include "control/rate.h"

static void expect_header(const char *name, const char *value, const char *code)
{
	struct fixture_request request;

	fixture_sign(&request, "Read", "{}");
	fixture_header(&request, name, value);
	fixture_expect_request(&request, code);
}

static void test_authentication(void **state)
{
	char late[24];

	fixture_expect("Read", "{}", NULL);
	expect_header("authorization", NULL, "AuthFailure.InvalidAuthorization");
	expect_header("authorization", "SKIP", "AuthFailure.InvalidAuthorization");
	expect_header("x-tc-token", "t", "AuthFailure.TokenFailure");
	expect_header("x-tc-token", "", NULL);
	expect_header("x-tc-timestamp", NULL, "AuthFailure.InvalidAuthorization");
	expect_header("x-tc-timestamp", "-5", "AuthFailure.InvalidAuthorization");
	expect_header("x-tc-timestamp", "0", "AuthFailure.SignatureExpire");
	snprintf(late, sizeof(late), "%lld", (long long)clock_wall_s() - 302);
	expect_header("x-tc-timestamp", late, "AuthFailure.SignatureExpire");
	snprintf(late, sizeof(late), "%lld", (long long)clock_wall_s() + 302);
	expect_header("x-tc-timestamp", late, "AuthFailure.SignatureExpire");
	/* Within the window, but not what was signed. */
	snprintf(late, sizeof(late), "%lld", (long long)clock_wall_s() - 7);
	expect_header("x-tc-timestamp", late, "AuthFailure.SignatureFailure");
	expect_header("host", "other", "AuthFailure.SignatureFailure");
	expect_header("content-type", NULL, "AuthFailure.SignatureFailure");
	assert_int_equal(fixture.runs, 2);
}

static void test_keys_that_do_not_open(void **state)
{
	fake.keys[0].is_enabled = false;
	keyring_reload(fixture.control.keyring);
	fixture_expect("Read", "{}", "AuthFailure.SecretIdNotFound");
	fake.keys[0].is_enabled = true;
	snprintf(fake.keys[0].secret_key, sizeof(fake.keys[0].secret_key), "another");
	keyring_reload(fixture.control.keyring);
	fixture_expect("Read", "{}", "AuthFailure.SignatureFailure");
}

static void test_order_of_checks(void **state)
{
	struct fixture_request request;

	/* All wrong at once; each call mends the first mistake. */
	fixture_sign(&request, "NoSuchAction", "{\"Foo\":");
	request.method = "PUT";
	fixture_header(&request, "x-tc-version", "2017-01-01");
	fixture_header(&request, "host", "other");
	fixture_expect_request(&request, "UnsupportedProtocol");
	request.method = "POST";
	fixture_expect_request(&request, "AuthFailure.SignatureFailure");
	fixture_header(&request, "host", "127.0.0.1");
	fixture_expect_request(&request, "InvalidAction");
	fixture_header(&request, "x-tc-action", NULL);
	fixture_expect_request(&request, "InvalidAction");
	fixture_header(&request, "x-tc-action", "Change");
	fixture_expect_request(&request, "NoSuchVersion");
	fixture_header(&request, "x-tc-version", NULL);
	fixture_expect_request(&request, "NoSuchVersion");
	fixture_header(&request, "x-tc-version", "2018-03-17");
	fixture_expect_request(&request, "InvalidParameter");
	fixture_expect("Change", "{\"Number\":\"x\",\"Foo\":1}", "UnknownParameter");
	fixture_expect("Change", "{\"Number\":\"x\"}", "InvalidParameter");
	fixture_expect("Change", "{\"Name\":\"\"}", "InvalidParameterValue.Length");
	fixture_expect("DescribeRewrite", "{", "UnsupportedOperation");
	fixture_expect("RenewLoadBalancers", "{}", "UnsupportedOperation");
	assert_int_equal(fixture.runs, 0);
	assert_int_equal(fake.begins, 0);
}

static void expect_message(const char *body, const char *part)
{
	struct fixture_request request;
	json_t *response;
	const char *message;

	fixture_sign(&request, "Read", body);
	response = fixture_call(&request);
	message = json_string_value(json_object_get(json_object_get(response, "Error"), "Message"));
	assert_non_null(message);
	if (!strstr(message, part))
		fail_msg("%s: %s", body, message);
	json_decref(response);
}

static void test_malformed_json(void **state)
{
	static const char *const bad[] = {
		"{",
		"[]",
		"1",
		"null",
		"{} x",
		"{\"Name\":1,\"Name\":2}",
		"{\"Name\":\"\xff\"}",
		"{\"Name\":\"\\u0000\"}",
		"{'Name':1}",
		"{\"Name\":NaN}",
		"{\"Number\":99999999999999999999}",
		"\xef\xbb\xbf{}",
		" ",
	};
	char deep[2000] = "";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		fixture_expect("Read", bad[i], "InvalidParameter");
	expect_message("{\n  \"Name\": x}", "line 2, column");
	expect_message("{\"a\":1,\"a\":2}", "duplicate");
	expect_message("{\"\xff\":1}", "line 1");
	fixture_expect("Read", "", NULL);
	fixture_expect("Read", "{\"Name\":\"[[[[[[\"}", NULL);
	memset(deep, '[', 33);
	memset(deep + 33, ']', 33);
	expect_message(deep, "deeper than 32");
	memset(deep, '{', 1500);
	expect_message(deep, "deeper than 32");
}

static void test_roof_of_values(void **state)
{
	size_t size = 2u << 20;
	char *body = malloc(size + 1);

	memset(body, ',', size);
	body[0] = '[';
	body[size] = '\0';
	expect_message(body, "more than 1000000 values");
	free(body);
}

static void test_query(void **state)
{
	struct fixture_request request;
	static char large[API_QUERY_MOST + 8];

	memset(large, 'a', API_QUERY_MOST + 1);
	fixture_sign(&request, "Read", "{}");
	request.method = "GET";
	request.query = large;
	fixture_expect_request(&request, "RequestSizeLimitExceeded");
	request.query = "Name=a";
	fixture_expect_request(&request, "AuthFailure.SignatureFailure");
}

static void test_unavailable(void **state)
{
	struct fixture_request request;
	json_t *response;

	api_set_unavailable(fixture.api, "The database is damaged.");
	fixture_sign(&request, "Read", "{}");
	response = fixture_call(&request);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(response, "Error"), "Message")),
		"The database is damaged.");
	json_decref(response);
	fixture_expect_request(&request, "ServiceUnavailable");
	api_set_unavailable(fixture.api, NULL);
	fixture_expect("Read", "{}", NULL);
}

static void test_rate(void **state)
{
	fixture_teardown(NULL);
	fixture.options.api_rate = 3;
	fixture_reopen();
	for (int i = 0; i < 3; i++)
		fixture_expect("Read", "{}", NULL);
	fixture_expect("Read", "{}", "RequestLimitExceeded");
	fixture_expect("Change", "{}", NULL);
}

static void test_buckets(void **state)
{
	struct rate *rate = rate_new(20);
	struct rate *off = rate_new(0);
	uint64_t now = 1000000;

	for (int i = 0; i < 20; i++)
		assert_true(rate_take(rate, "k", "a", now));
	assert_false(rate_take(rate, "k", "a", now));
	assert_true(rate_take(rate, "k", "b", now));
	assert_true(rate_take(rate, "l", "a", now));
	assert_false(rate_take(rate, "k", "a", now + 49));
	assert_true(rate_take(rate, "k", "a", now + 50));
	assert_false(rate_take(rate, "k", "a", now + 50));
	assert_false(rate_take(rate, "k", "a", now));
	for (int i = 0; i < 20; i++)
		assert_true(rate_take(rate, "k", "a", now + 10000000));
	assert_false(rate_take(rate, "k", "a", now + 10000000));
	for (int i = 0; i < 1000; i++)
		assert_true(rate_take(off, "k", "a", now));
	rate_free(rate);
	rate_free(off);
}

static void test_change_that_works(void **state)
{
	struct fixture_request request;
	json_t *response;

	fixture_sign(&request, "Change",
		     "{\"Name\":\"x\",\"CertKey\":\"SECRET1\",\"Content\":\"SECRET2\"}");
	response = fixture_call(&request);
	assert_int_equal(json_integer_value(json_object_get(response, "Run")), 1);
	assert_int_equal(fake.begins, 1);
	assert_int_equal(fake.commits, 1);
	assert_int_equal(fake.rollbacks, 0);
	assert_int_equal(fake.audits, 1);
	assert_int_equal(fake.tasks, 1);
	assert_int_equal(fake.publishes, 1);
	assert_int_equal(fake.task_status, TASK_RUNNING);
	assert_string_equal(fake.task_id,
			    json_string_value(json_object_get(response, "RequestId")));
	assert_string_equal(fake.audit_key, FIXTURE_ID);
	assert_string_equal(fake.audit_action, "Change");
	assert_string_equal(fake.audit_result, "ok");
	assert_non_null(strstr(fake.audit_detail, "\"Name\":\"x\""));
	assert_null(strstr(fake.audit_detail, "SECRET"));
	json_decref(response);
}

static void test_change_without_trace(void **state)
{
	fixture_expect("Change", "{\"DryRun\":true}", NULL);
	assert_int_equal(fake.rollbacks, 1);
	assert_int_equal(fake.loads, 1);
	assert_int_equal(fake.begins, 2);
	assert_int_equal(fake.commits, 1);
	assert_int_equal(fake.audits, 1);
	assert_string_equal(fake.audit_result, "ok");
	assert_non_null(strstr(fake.audit_detail, "\"DryRun\":true"));
	assert_null(strstr(fake.audit_detail, "Concerns"));
	assert_int_equal(fake.tasks, 1);
	assert_int_equal(fake.task_status, TASK_DONE);
	assert_int_equal(fake.publishes, 0);
	/* A repetition of a dry run is one too: its token is not kept. */
	fixture_expect("Change", "{\"DryRun\":true,\"ClientToken\":\"t\"}", NULL);
	fixture_expect("Change", "{\"ClientToken\":\"t\"}", NULL);
	assert_int_equal(fake.publishes, 1);
	fake.publishes = 0;
	fake.commits = 0;
	fixture_expect("Change", "{\"Same\":true}", NULL);
	assert_int_equal(fake.commits, 1);
	assert_int_equal(fake.task_status, TASK_DONE);
	assert_int_equal(fake.publishes, 0);
}

static void test_change_refused(void **state)
{
	fixture.run_error = -EINVAL;
	fixture_expect("Change", "{}", "InvalidParameterValue");
	assert_int_equal(fake.rollbacks, 1);
	assert_int_equal(fake.loads, 1);
	assert_int_equal(fake.commits + fake.tasks + fake.publishes, 0);
	assert_string_equal(fake.audit_result, "InvalidParameterValue");
	fixture.run_error = -ENOMEM;
	fixture_expect("Change", "{}", "InternalError");
	assert_string_equal(fake.audit_result, "InternalError");
	fixture_expect("Read", "{}", "InternalError");
}

static void test_bad_input_leaves_a_row(void **state)
{
	static const struct {
		const char *body, *code;
	} cases[] = {
		{ "{\"Foo\":1}", "UnknownParameter" },
		{ "{\"Other\":{\"SecretKey\":\"SECRET\"}}", "UnknownParameter" },
		{ "{\"Name\":", "InvalidParameter" },
		{ "{\"ClientToken\":\"t \"}", "InvalidParameterValue" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake.audits = 0;
		fixture_expect("Change", cases[i].body, cases[i].code);
		assert_int_equal(fake.audits, 1);
		assert_string_equal(fake.audit_action, "Change");
		assert_string_equal(fake.audit_key, FIXTURE_ID);
		assert_string_equal(fake.audit_result, cases[i].code);
		assert_null(strstr(fake.audit_detail, "\"SECRET\""));
		assert_int_equal(fake.begins + fake.tasks + fake.publishes, 0);
	}
	/* What only reads, and what is not built, changes nothing anyway. */
	fake.audits = 0;
	fixture_expect("Read", "{\"Foo\":1}", "UnknownParameter");
	assert_int_equal(fake.audits, 0);
	/* A row that cannot be written does not hide the reason. */
	fake.audit_error = -EROFS;
	fixture_expect("Change", "{\"Foo\":1}", "UnknownParameter");
}

static void test_store_that_fails(void **state)
{
	fake.begin_error = -EBUSY;
	fixture_expect("Change", "{}", "FailedOperation");
	assert_int_equal(fixture.runs, 0);
	fake.begin_error = 0;
	fake.commit_error = -ENOSPC;
	fixture_expect("Change", "{}", "FailedOperation");
	assert_int_equal(fake.publishes, 0);
	fake.commit_error = 0;
	fake.task_error = -EIO;
	fixture_expect("Change", "{}", "FailedOperation");
	fake.task_error = 0;
	fake.audit_error = -EROFS;
	fixture_expect("Change", "{}", "FailedOperation");
	assert_int_equal(fake.publishes, 0);
	assert_false(api_lost_store(fixture.api));
	/* Nothing may be served from a model that could not be read back. */
	fake.load_error = -EIO;
	fixture_expect("Change", "{}", "FailedOperation");
	assert_true(api_lost_store(fixture.api));
	fixture_expect("Read", "{}", "ServiceUnavailable");
}

static void test_client_token(void **state)
{
	struct fixture_request request;
	json_t *first, *again;

	fixture_sign(&request, "Change", "{\"Name\":\"x\",\"ClientToken\":\"t-1\"}");
	first = fixture_call(&request);
	fixture_sign(&request, "Change", " {\"ClientToken\":\"t-1\", \"Name\":\"x\"}");
	again = fixture_call(&request);
	assert_true(json_equal(first, again));
	assert_int_equal(fixture.runs, 1);
	assert_int_equal(fake.commits, 1);
	fixture_expect("Change", "{\"Name\":\"y\",\"ClientToken\":\"t-1\"}", "InvalidParameter");
	fixture_expect("Change", "{\"ClientToken\":\"t \"}", "InvalidParameterValue");
	fixture_expect("Change", "{\"ClientToken\":\"\xc3\xa4\"}", "InvalidParameterValue");
	fake.token_created_at -= CLIENT_TOKEN_LIFE_S + 60;
	fixture_expect("Change", "{\"Name\":\"x\",\"ClientToken\":\"t-1\"}",
		       "InvalidParameter.ClientTokenLimitExceeded");
	assert_int_equal(fixture.runs, 1);
	json_decref(first);
	json_decref(again);
}

static void test_call_from_inside(void **state)
{
	json_t *input = json_pack("{s:s}", "Name", "x");
	json_t *output = NULL;
	struct problem problem = { 0 };

	assert_int_equal(api_call(fixture.api, "Change", "config", input, &problem, &output), 0);
	assert_string_equal(fake.audit_key, "config");
	json_decref(output);
	json_object_set_new(input, "Foo", json_true());
	assert_int_equal(api_call(fixture.api, "Change", "config", input, &problem, &output),
			 -EINVAL);
	assert_string_equal(problem.code, "UnknownParameter");
	memset(&problem, 0, sizeof(problem));
	assert_int_equal(api_call(fixture.api, "Nothing", "config", input, &problem, &output),
			 -EINVAL);
	assert_string_equal(problem.code, "InvalidAction");
	json_decref(input);
}

static void expect_envelope(const char *field, const char *text, const char *message)
{
	struct problem problem = { .code = "InvalidParameter" };
	char wanted[200];
	char *answer;

	snprintf(problem.field, sizeof(problem.field), "%s", field);
	snprintf(problem.text, sizeof(problem.text), "%s", text);
	snprintf(wanted, sizeof(wanted), "\"Message\":\"%s\"", message);
	answer = envelope_problem(&problem, "id");
	assert_non_null(strstr(answer, wanted));
	free(answer);
}

static void test_message_names_the_place(void **state)
{
	expect_envelope("", "No.", "No.");
	expect_envelope("Url", "Url must go.", "Url must go.");
	expect_envelope("Rules[1].Url", "Rules[1].Url must go.", "Rules[1].Url must go.");
	expect_envelope("Rules[1].Url", "Url must go.", "Rules[1].Url must go.");
	expect_envelope("Rules[1].Url", "There is one.", "Rules[1].Url: There is one.");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_authentication),
		TEST(test_keys_that_do_not_open),
		TEST(test_order_of_checks),
		TEST(test_malformed_json),
		TEST(test_roof_of_values),
		TEST(test_query),
		TEST(test_unavailable),
		TEST(test_rate),
		TEST(test_buckets),
		TEST(test_change_that_works),
		TEST(test_change_without_trace),
		TEST(test_change_refused),
		TEST(test_bad_input_leaves_a_row),
		TEST(test_store_that_fails),
		TEST(test_client_token),
		TEST(test_call_from_inside),
		TEST(test_message_names_the_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

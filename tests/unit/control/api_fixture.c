/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture's table: one action of each kind, and those of action_key.c. */
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
#include "control/sign.h"

struct api_fixture fixture;

static const struct field things_fields[] = {
	{ .name = "Name", .type = FIELD_TEXT, .least = 1, .most = 8 },
	{ .name = "Number", .type = FIELD_INTEGER },
	{ .name = "CertKey", .type = FIELD_TEXT },
	{ .name = "Content", .type = FIELD_TEXT },
	{ .name = "DryRun", .type = FIELD_BOOLEAN },
	{ .name = "Same", .type = FIELD_BOOLEAN },
	{ .name = "ClientToken", .type = FIELD_TEXT, .least = 1, .most = 64 },
	{ .name = NULL },
};

static int read_things(struct call *call)
{
	assert_false(fake.is_open);
	fixture.runs++;
	json_object_update(call->output, (json_t *)call->input);
	return fixture.run_error;
}

static int change_things(struct call *call)
{
	assert_true(fake.is_open);
	fixture.runs++;
	json_object_set_new(call->output, "Run", json_integer(fixture.runs));
	call->wants_rollback = input_boolean(call->input, "DryRun", false);
	call->is_unchanged = input_boolean(call->input, "Same", false);
	if (fixture.run_error == -EINVAL)
		return problem_set(&call->problem, "InvalidParameterValue", "Name", "Name: no.");
	return fixture.run_error;
}

static const struct action things[] = {
	{ "Change", ACTION_CHANGE, things_fields, change_things, "" },
	{ "Read", ACTION_READ, things_fields, read_things, "" },
	{ .name = "DescribeRewrite" },
	{ .name = "RenewLoadBalancers", .about = "there is nothing to pay here." },
	{ "ListApiKeys", ACTION_READ, list_api_keys_fields, list_api_keys, "" },
	{ "CreateApiKey", ACTION_CHANGE, create_api_key_fields, create_api_key, "" },
	{ "ModifyApiKey", ACTION_CHANGE, modify_api_key_fields, modify_api_key, "" },
	{ "DeleteApiKey", ACTION_CHANGE, delete_api_key_fields, delete_api_key, "" },
	{ "RotateCookieKey", ACTION_CHANGE, rotate_cookie_key_fields, rotate_cookie_key, "" },
};

static const struct action *find_thing(const char *name)
{
	for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++) {
		if (strcmp(things[i].name, name) == 0)
			return &things[i];
	}
	return NULL;
}

int fixture_setup(void **state)
{
	fake_reset();
	memset(&fixture, 0, sizeof(fixture));
	fake_add_key(FIXTURE_ID, FIXTURE_KEY, true);
	return fixture_reopen();
}

int fixture_reopen(void)
{
	fixture.control.options = &fixture.options;
	fixture.control.anchor.offset_s = 1000000000;
	if (keyring_open(NULL, "/nonexistent", &fixture.control.keyring) != 0)
		return -1;
	return api_new(&fixture.control, find_thing, &fixture.api);
}

int fixture_teardown(void **state)
{
	api_free(fixture.api);
	keyring_free(fixture.control.keyring);
	return 0;
}

void fixture_header(struct fixture_request *request, const char *name, const char *value)
{
	size_t i = 0;

	while (request->headers[i] && strcmp(request->headers[i], name) != 0)
		i += 2;
	assert_true(i + 2 < 32);
	request->headers[i] = name;
	request->headers[i + 1] = value;
}

void fixture_sign(struct fixture_request *request, const char *action, const char *body)
{
	struct sign_making making = {
		.secret_id = FIXTURE_ID,
		.secret_key = FIXTURE_KEY,
		.service = "clb",
		.content_type = "application/json",
		.host = "127.0.0.1",
		.body = bytes_of(body),
		.timestamp = clock_wall_s(),
	};

	memset(request, 0, sizeof(*request));
	request->method = "POST";
	request->query = "";
	request->body = body;
	assert_int_equal(sign_make(&making, request->authorization, sizeof(request->authorization)),
			 0);
	snprintf(request->timestamp, sizeof(request->timestamp), "%lld",
		 (long long)making.timestamp);
	fixture_header(request, "authorization", request->authorization);
	fixture_header(request, "content-type", "application/json");
	fixture_header(request, "host", "127.0.0.1:9080");
	fixture_header(request, "x-tc-timestamp", request->timestamp);
	fixture_header(request, "x-tc-version", "2018-03-17");
	fixture_header(request, "x-tc-action", action);
	fixture_header(request, "x-tc-region", "anywhere-1");
}

static const char *header_of(void *context, const char *name)
{
	const struct fixture_request *request = context;

	for (size_t i = 0; request->headers[i]; i += 2) {
		if (strcmp(request->headers[i], name) == 0)
			return request->headers[i + 1];
	}
	return NULL;
}

json_t *fixture_call(struct fixture_request *request)
{
	struct api_request call = {
		.method = request->method,
		.query = bytes_of(request->query),
		.body = bytes_of(request->body),
		.header = header_of,
		.context = request,
	};
	char *text = api_answer(fixture.api, &call, NULL);
	json_t *outer, *response;

	assert_non_null(text);
	outer = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	assert_non_null(outer);
	assert_int_equal(json_object_size(outer), 1);
	response = json_incref(json_object_get(outer, "Response"));
	json_decref(outer);
	assert_non_null(response);
	assert_int_equal(strlen(json_string_value(json_object_get(response, "RequestId"))), 36);
	assert_false(fake.is_open);
	return response;
}

void fixture_expect_request(struct fixture_request *request, const char *code)
{
	json_t *response = fixture_call(request);
	json_t *error = json_object_get(response, "Error");

	if (!code) {
		assert_null(error);
	} else {
		assert_non_null(error);
		assert_string_equal(json_string_value(json_object_get(error, "Code")), code);
		assert_non_null(json_string_value(json_object_get(error, "Message")));
		assert_int_equal(json_object_size(response), 2);
	}
	json_decref(response);
}

void fixture_expect(const char *action, const char *body, const char *code)
{
	struct fixture_request request;

	fixture_sign(&request, action, body);
	fixture_expect_request(&request, code);
}

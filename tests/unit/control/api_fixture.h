/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API over the fake store with a table of actions of its own, and signed requests to it. One
 * fixture per test.
 */
#ifndef TEST_API_FIXTURE_H
#define TEST_API_FIXTURE_H

#include <jansson.h>

#include "control/api.h"
#include "fake_store.h"

#define FIXTURE_ID "AKIDEXAMPLE0123456789"
#define FIXTURE_KEY "SECRETEXAMPLE0123456789"

struct api_fixture {
	struct run_options options;
	struct control control;
	struct api *api;
	int runs; /* of the test's own actions */
	int run_error; /* what Change and Read return */
};

extern struct api_fixture fixture;

/* cmocka's setup and teardown. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* After a teardown, with fixture.options as they are now. */
int fixture_reopen(void);

/* Headers of a request: pairs of lower-case name and value, NULL ended. A later pair replaces an
 * earlier one. */
struct fixture_request {
	const char *method, *query, *body;
	const char *headers[32];
	char authorization[512], timestamp[24];
};

/* A POST of `action`, signed now. */
void fixture_sign(struct fixture_request *request, const char *action, const char *body);
void fixture_header(struct fixture_request *request, const char *name, const char *value);
/* The answer's "Response"; the caller ends it. Checks that it is an envelope. */
json_t *fixture_call(struct fixture_request *request);
/* Signs, calls, and checks the code; NULL = success. */
void fixture_expect(const char *action, const char *body, const char *code);
void fixture_expect_request(struct fixture_request *request, const char *code);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stranger can send to the API before and after he is known: an Authorization value, a
 * flattened query and a JSON body, each read by the product's own code and checked against the
 * field tables of actions that nest deepest. One thread.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/actions.h"
#include "control/audit.h"
#include "control/input.h"
#include "control/sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *header_of(void *context, const char *name)
{
	return strcmp(name, "host") == 0 ? "[::1]:80" : context;
}

static void check_authorization(const char *text)
{
	struct sign_authorization authorization;
	struct sign_request request = {
		.method = "GET",
		.query = bytes_of(text),
		.timestamp = 1760000000,
		.header = header_of,
		.context = (void *)text,
	};

	if (sign_parse_authorization(text, &authorization) == 0)
		(void)sign_verify(&request, &authorization, "key");
}

static void check_input(const struct field *fields, json_t *input)
{
	struct problem problem = { 0 };
	char *detail;

	/* A refusal always names its code; what is kept of any input is bounded. */
	if (fields_check(fields, input, "", &problem) != 0 && !problem.code)
		abort();
	detail = audit_detail(input);
	if (detail && strlen(detail) > AUDIT_DETAIL_MOST)
		abort();
	free(detail);
	json_decref(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "CreateRule", "CreateListener", "CreateLoadBalancer",
					     "DescribeLoadBalancers" };
	const struct field *fields;
	struct problem problem = { 0 };
	struct bytes rest;
	json_t *input;
	char *text;

	if (size < 1)
		return 0;
	fields = action_find(names[data[0] / 3 % 4])->fields;
	text = strndup((const char *)data + 1, size - 1);
	rest = bytes_of(text);
	if (data[0] % 3 == 0)
		check_authorization(text);
	else if (data[0] % 3 == 1 && input_from_query(fields, rest, &input, &problem) == 0)
		check_input(fields, input);
	else if (data[0] % 3 == 2 && input_from_body(rest, &input, &problem) == 0)
		check_input(fields, input);
	free(text);
	return 0;
}

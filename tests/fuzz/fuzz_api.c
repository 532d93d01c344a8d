/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stranger can send to the API before and after he is known: an Authorization value, a
 * flattened query and a JSON body, each read by the product's own code and checked against the
 * field tables of actions that nest deepest. The settings of listeners, for each protocol, and of
 * rules are read as well; what is accepted keeps every rule of the model and makes a snapshot. One
 * thread.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/actions.h"
#include "control/answer.h"
#include "control/audit.h"
#include "control/input.h"
#include "control/listener_input.h"
#include "control/rule_input.h"
#include "control/sign.h"
#include "model/snapshot.h"
#include "model/validate.h"

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

static void expect(bool is_true)
{
	if (!is_true)
		abort();
}

static char *copied(const char *text)
{
	char *copy = strdup(text);

	expect(copy);
	return copy;
}

/* Takes `rule` over (NULL: none). What the API accepts can always be published. */
static void check_snapshot(const struct listener *settings, struct rule *rule)
{
	struct model model = { 0 };
	struct instance *instance = instance_new();
	struct listener *listener = listener_new();
	int fd = -1;

	expect(instance && listener && listener_copy_settings(settings, listener) == 0);
	instance->number = 1;
	instance->network = NETWORK_OPEN;
	instance->vip = (struct address){ .ip = { 127, 0, 0, 1 }, .family = ADDRESS_IPV4 };
	strcpy(instance->id, "lb-aaaaaaaa");
	free(instance->name);
	instance->name = copied("a");
	listener->number = 2;
	listener->port = 80;
	strcpy(listener->id, "lbl-aaaaaaaa");
	expect(instance_add_listener(instance, listener) == 0);
	expect(model_add_instance(&model, instance) == 0);
	if (rule) {
		rule->number = 3;
		strcpy(rule->id, "loc-aaaaaaaa");
		expect(listener_add_rule(listener, rule) == 0);
	}
	expect(snapshot_build(&model, 1, &fd) == 0);
	close(fd);
	model_done(&model);
}

static void check_listener(const struct listener *listener)
{
	enum protocol protocol = (enum protocol)listener->protocol;
	struct problem problem = { 0 };
	struct listener *copy = listener_new();
	json_t *answer = answer_listener(NULL, listener);

	expect(copy && answer && json_object_size(answer) == 31);
	expect(validate_layer4(&listener->layer4, protocol, "", &problem) == 0);
	expect(validate_session_expire(listener->session_expire_s, "", &problem) == 0);
	expect(validate_session_scheduler(listener->session_expire_s,
					  (enum scheduler)listener->scheduler, "", &problem) == 0);
	expect(validate_health_check(&listener->health_check, protocol, "", &problem) == 0);
	expect(listener_copy_settings(listener, copy) == 0);
	expect(memcmp(&copy->layer4, &listener->layer4, sizeof(copy->layer4)) == 0);
	expect(strcmp(copy->access_log, listener->access_log) == 0);
	expect(!*copy->access_log || validate_access_log(copy->access_log, "", &problem) == 0);
	check_snapshot(listener, NULL);
	json_decref(answer);
	listener_free(copy);
}

/* A fresh listener, and the same input once more as a modification. */
static void check_settings(const json_t *input)
{
	static const enum protocol protocols[] = { PROTOCOL_HTTP, PROTOCOL_TCP, PROTOCOL_UDP };
	struct instance instance = { .vip = { .family = ADDRESS_IPV4 } };

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		struct listener *listener = listener_new();
		struct call call = { .input = input };
		int error = listener_check_values(&call);

		expect(listener);
		listener_defaults(listener, protocols[i]);
		for (int turn = 0; turn < 2 && error == 0; turn++) {
			error = listener_read(&call, &instance, listener);
			if (error == 0)
				check_listener(listener);
			else
				expect(turn == 0);
		}
		expect((error == -EINVAL) == (call.problem.code != NULL));
		listener_free(listener);
	}
}

/* Each of a CreateRule's. */
static void check_rules(const json_t *input)
{
	const json_t *list = input_get(input, "Rules"), *item;
	struct listener *settings = listener_new();
	size_t i;

	expect(settings);
	listener_defaults(settings, PROTOCOL_HTTP);
	json_array_foreach((json_t *)list, i, item)
	{
		struct rule *rule = rule_new();
		struct call call = { .input = input };
		int error;

		expect(rule);
		error = rule_read_new(&call, item, "Rules[0]", rule);
		if (error == 0)
			error = rule_check(&call, rule, "Rules[0]");
		expect((error == -EINVAL) == (call.problem.code != NULL));
		if (error != 0) {
			rule_free(rule);
			continue;
		}
		expect(rule->session_expire_s == 0 || rule->scheduler == SCHEDULER_WRR);
		check_snapshot(settings, rule);
	}
	listener_free(settings);
}

static void check_input(const struct action *action, json_t *input)
{
	struct problem problem = { 0 };
	char *detail;

	/* A refusal always names its code; what is kept of any input is bounded. */
	if (fields_check(action->fields, input, "", &problem) != 0)
		expect(problem.code);
	else if (strstr(action->name, "Listener"))
		check_settings(input);
	else if (strcmp(action->name, "CreateRule") == 0)
		check_rules(input);
	detail = audit_detail(input, NULL);
	expect(!detail || strlen(detail) <= AUDIT_DETAIL_MOST);
	free(detail);
	json_decref(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "CreateRule",          "CreateListener",
					     "CreateLoadBalancer",  "DescribeLoadBalancers",
					     "ModifyListener",      "RegisterTargets",
					     "DescribeTargetHealth" };
	const struct action *action;
	struct problem problem = { 0 };
	struct bytes rest;
	json_t *input;
	char *text;

	if (size < 1)
		return 0;
	action = action_find(names[data[0] / 3 % 7]);
	text = strndup((const char *)data + 1, size - 1);
	rest = bytes_of(text);
	if (data[0] % 3 == 0)
		check_authorization(text);
	else if (data[0] % 3 == 1 && input_from_query(action->fields, rest, &input, &problem) == 0)
		check_input(action, input);
	else if (data[0] % 3 == 2 && input_from_body(rest, &input, &problem) == 0)
		check_input(action, input);
	free(text);
	return 0;
}

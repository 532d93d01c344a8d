/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of a configuration file: made from the API's, and no field of them is one that
 * applying would pass over in silence when the object is there already.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "apply_fixture.h"
#include "control/configuration_compare.h"
#include "control/configuration_fields.h"

static const struct field *below(const struct field *fields, const char *name)
{
	const struct field *field = field_find(fields, name);

	assert_non_null(field);
	assert_int_equal(field->type, FIELD_OBJECT_LIST);
	assert_non_null(field->fields);
	return field->fields;
}

static const struct field *instance_fields(void)
{
	assert_non_null(configuration_fields());
	return below(configuration_fields(), "LoadBalancers");
}

static void test_tables(void **state)
{
	const struct field *instances = instance_fields();
	const struct field *listeners = below(instances, "Listeners");
	const struct field *rules = below(listeners, "Rules");

	assert_int_equal(field_find(instances, "LoadBalancerName")->use, FIELD_REQUIRED);
	assert_int_equal(field_find(instances, "LoadBalancerType")->use, FIELD_OPTIONAL);
	assert_non_null(field_find(instances, "DeleteProtect"));
	assert_null(field_find(instances, "Number"));
	assert_int_equal(field_find(listeners, "Port")->type, FIELD_INTEGER);
	assert_int_equal(field_find(listeners, "Port")->use, FIELD_REQUIRED);
	assert_int_equal(field_find(listeners, "Port")->most, 65535);
	assert_null(field_find(listeners, "LoadBalancerId"));
	assert_null(field_find(listeners, "ListenerNames"));
	assert_ptr_equal(below(rules, "Targets"), below(listeners, "Targets"));
	assert_int_equal(field_find(rules, "Targets")->most, 0);
	assert_int_equal(field_find(rules, "Url")->use, FIELD_REQUIRED);
}

static bool is_among(const char *const *names, const char *name)
{
	for (; *names; names++) {
		if (!strcmp(*names, name))
			return true;
	}
	return false;
}

/* Every field that may be given is compared, looked at by the modifying action, or handled by name.
 */
static void expect_all(const struct field *fields, const struct comparison *comparison,
		       const char *action, const char *const *handled)
{
	for (; fields->name; fields++) {
		if (fields->use == FIELD_IGNORED || fields->use == FIELD_UNSUPPORTED)
			continue;
		if (!json_object_get(comparison->now, fields->name) &&
		    !field_find(action_find(action)->fields, fields->name) &&
		    !is_among(handled, fields->name))
			fail_msg("%s: %s of an existing object would be passed over", action,
				 fields->name);
	}
}

static void test_nothing_is_passed_over(void **state)
{
	static const char *const of_instance[] = {
		"LoadBalancerName", "Listeners", "CustomConfig", "Tags", "Stopped",
		"AccessControl",    NULL
	};
	static const char *const of_listener[] = { "Protocol",    "Port",    "Rules", "Targets",
						   "TargetGroup", "Stopped", NULL };
	static const char *const of_rule[] = { "Domain",        "Domains",  "Url",
					       "DefaultServer", "Redirect", "Targets",
					       "TargetGroup",   NULL };
	struct fixture *fixture = *state;
	json_t *nothing = json_object();
	struct problem problem = { 0 };
	struct plan_instance instance = { .input = nothing };
	struct plan_listener listener = { .parent = &instance, .input = nothing };
	struct plan_rule rule = { .parent = &listener, .input = nothing };
	struct comparison comparison;

	assert_int_equal(
		fixture_apply(
			fixture,
			"LoadBalancers: [{LoadBalancerName: a, Listeners: [{Protocol: HTTP, Port: 80, "
			"Rules: [{Url: /}]}, {Protocol: TCP, Port: 90}, {Protocol: UDP, Port: 90}]}]\n",
			false),
		0);
	instance.instance = fixture->control.model.instances[0];
	listener.listener = instance.instance->listeners[0];
	rule.rule = listener.listener->rules[0];

	assert_int_equal(compare_instance(&instance, &comparison), 0);
	expect_all(instance_fields(), &comparison, "ModifyLoadBalancerAttributes", of_instance);
	comparison_done(&comparison);
	assert_int_equal(compare_listener(&listener, &comparison, &problem), 0);
	expect_all(below(instance_fields(), "Listeners"), &comparison, "ModifyListener",
		   of_listener);
	comparison_done(&comparison);
	for (size_t i = 1; i < 3; i++) {
		listener.listener = instance.instance->listeners[i];
		assert_int_equal(compare_listener(&listener, &comparison, &problem), 0);
		expect_all(below(instance_fields(), "Listeners"), &comparison, "ModifyListener",
			   of_listener);
		comparison_done(&comparison);
	}
	listener.listener = instance.instance->listeners[0];
	assert_int_equal(compare_rule(&rule, &comparison, &problem), 0);
	expect_all(below(below(instance_fields(), "Listeners"), "Rules"), &comparison, "ModifyRule",
		   of_rule);
	comparison_done(&comparison);
	json_decref(nothing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test_setup_teardown(test_nothing_is_passed_over, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Actions on servers: api.md section 9, SP-43 (a registration is an identity), SP-44, SP-45. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noun_fixture.h"

static char instance[32], listener[32], rule_id[32];

#define AT_RULE "'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s'"
#define RULE instance, listener, rule_id

static int set_up(void **state)
{
	noun_setup(state);
	strcpy(instance, noun_instance("127.0.0.1"));
	strcpy(listener, noun_listener(instance, 80));
	strcpy(rule_id, noun_rule(instance, listener, "a.example", "/x"));
	return 0;
}

static const struct rule *rule(void)
{
	return noun.control.model.instances[0]->listeners[0]->rules[0];
}

static const struct target *target(const char *address)
{
	struct address parsed;

	assert_int_equal(address_parse(bytes_of(address), &parsed), 0);
	return rule_find_target(rule(), &parsed);
}

static void registers_and_describes(void **state)
{
	json_t *answer;
	const json_t *found;

	noun_do("RegisterTargets",
		"{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80},"
		"{'EniIp':'2001:DB8:0::1','Port':81,'Weight':0,'Tag':'v6','Type':'ENI',"
		"'InstanceId':''}]}",
		RULE);
	answer = noun_call("DescribeTargets", "{'LoadBalancerId':'%s'}", instance);
	assert_string_equal(noun_text(answer, "Listeners.0.ListenerId"), listener);
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.0.LocationId"), rule_id);
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.0.Domain"), "a.example");
	assert_true(json_is_null(noun_at(answer, "Listeners.0.Targets")));
	found = noun_at(answer, "Listeners.0.Rules.0.Targets.0");
	assert_string_equal(noun_text(found, "Type"), "ENI");
	assert_int_equal(noun_integer(found, "Weight"), 10);
	assert_int_equal(noun_integer(found, "Port"), 80);
	assert_string_equal(noun_text(found, "PrivateIpAddresses.0"), "10.0.0.1");
	assert_true(json_is_null(noun_at(found, "PublicIpAddresses")));
	assert_int_equal(json_object_size(found), 11);
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.0.Targets.1.PrivateIpAddresses.0"),
			    "2001:db8::1");
	json_decref(answer);
	noun_restart();
	assert_int_equal(rule()->target_count, 2);
}

static void a_registration_is_an_identity(void **state)
{
	uint64_t number;

	noun_do("RegisterTargets",
		"{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80,'Tag':'t'}]}", RULE);
	number = target("10.0.0.1:80")->number;
	/* Again: a weight update, and what is not given stays. */
	noun_do("RegisterTargets",
		"{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80,'Weight':3}]}", RULE);
	noun_do("ModifyTargetWeight", "{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80}]}",
		RULE);
	assert_int_equal(target("10.0.0.1:80")->weight, 10);
	assert_string_equal(target("10.0.0.1:80")->tag, "t");
	noun_do("ModifyTargetWeight",
		"{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80,'Weight':0}],'Weight':7}",
		RULE);
	assert_int_equal(target("10.0.0.1:80")->weight, 0);
	assert_int_equal(target("10.0.0.1:80")->number, number);
	assert_int_equal(rule()->target_count, 1);
	/* A port change and a new binding make another server. */
	noun_do("ModifyTargetPort",
		"{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80}],'NewPort':80}", RULE);
	assert_int_equal(target("10.0.0.1:80")->number, number);
	noun_do("ModifyTargetPort",
		"{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80}],'NewPort':81}", RULE);
	assert_null(target("10.0.0.1:80"));
	assert_true(target("10.0.0.1:81")->number > number);
	assert_int_equal(target("10.0.0.1:81")->weight, 0);
	assert_string_equal(target("10.0.0.1:81")->tag, "t");
	number = target("10.0.0.1:81")->number;
	noun_do("DeregisterTargets", "{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':81}]}",
		RULE);
	noun_restart();
	noun_do("RegisterTargets", "{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':81}]}",
		RULE);
	assert_true(target("10.0.0.1:81")->number > number);
}

static void refuses_bad_servers(void **state)
{
	static const struct {
		const char *code, *field, *target;
	} cases[] = {
		{ "MissingParameter", "Targets[0].Port", "{'EniIp':'10.0.0.1'}" },
		{ "MissingParameter", "Targets[0].EniIp", "{'Port':80}" },
		{ "InvalidParameterValue", "Targets[0].Port", "{'EniIp':'10.0.0.1','Port':0}" },
		{ "InvalidParameterValue", "Targets[0].Port", "{'EniIp':'10.0.0.1','Port':65536}" },
		{ "InvalidParameterValue", "Targets[0].Weight",
		  "{'EniIp':'10.0.0.1','Port':80,'Weight':101}" },
		{ "InvalidParameterValue", "Targets[0].Weight",
		  "{'EniIp':'10.0.0.1','Port':80,'Weight':-1}" },
		{ "InvalidParameter", "Targets[0].Weight",
		  "{'EniIp':'10.0.0.1','Port':80,'Weight':'1'}" },
		{ "InvalidParameter.FormatError", "Targets[0].EniIp",
		  "{'EniIp':'host','Port':80}" },
		{ "InvalidParameter.FormatError", "Targets[0].EniIp",
		  "{'EniIp':'10.0.0.01','Port':80}" },
		{ "InvalidParameterValue", "Targets[0].EniIp", "{'EniIp':'0.0.0.0','Port':80}" },
		{ "InvalidParameterValue", "Targets[0].EniIp", "{'EniIp':'224.0.0.1','Port':80}" },
		{ "InvalidParameterValue", "Targets[0].EniIp",
		  "{'EniIp':'255.255.255.255','Port':80}" },
		{ "InvalidParameterValue", "Targets[0].EniIp", "{'EniIp':'::','Port':80}" },
		{ "InvalidParameterValue", "Targets[0].EniIp", "{'EniIp':'ff02::1','Port':80}" },
		{ "InvalidParameterValue", "Targets[0].EniIp", "{'EniIp':'fe80::1','Port':80}" },
		{ "UnsupportedOperation", "Targets[0].InstanceId",
		  "{'InstanceId':'ins-1','Port':80}" },
		{ "InvalidParameterValue.Duplicate", "Targets[1]",
		  "{'EniIp':'::1','Port':80},{'EniIp':'0:0::1','Port':80}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		noun_refuse("RegisterTargets", cases[i].code, cases[i].field,
			    "{" AT_RULE ",'Targets':[%s]}", RULE, cases[i].target);
	noun_refuse("RegisterTargets", "InvalidParameterValue.Length", "Targets",
		    "{" AT_RULE ",'Targets':[]}", RULE);
}

static void not_bound_is_invalid_parameter(void **state)
{
	static const char *const names[] = { "DeregisterTargets", "ModifyTargetWeight" };

	noun_do("RegisterTargets", "{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80}]}",
		RULE);
	for (int i = 0; i < 2; i++)
		noun_refuse(names[i], "InvalidParameter", "Targets[1]",
			    "{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80},"
			    "{'EniIp':'10.0.0.1','Port':81}]}",
			    RULE);
	noun_refuse("ModifyTargetPort", "InvalidParameter", "Targets[0]",
		    "{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':81}],'NewPort':82}", RULE);
}

static void new_ports_must_be_free(void **state)
{
	noun_do("RegisterTargets",
		"{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80},"
		"{'EniIp':'10.0.0.1','Port':81},{'EniIp':'10.0.0.2','Port':80}]}",
		RULE);
	noun_refuse("ModifyTargetPort", "InvalidParameterValue.Duplicate", "Targets[0]",
		    "{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80}],'NewPort':81}", RULE);
	noun_refuse("ModifyTargetPort", "InvalidParameterValue.Duplicate", "Targets[1]",
		    "{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80},"
		    "{'EniIp':'10.0.0.1','Port':81}],'NewPort':82}",
		    RULE);
	noun_refuse("ModifyTargetPort", "InvalidParameterValue", "NewPort",
		    "{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80}],'NewPort':0}", RULE);
	noun_do("ModifyTargetPort",
		"{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80},"
		"{'EniIp':'10.0.0.2','Port':80}],'NewPort':90}",
		RULE);
	assert_non_null(target("10.0.0.2:90"));
}

static void names_its_rule(void **state)
{
	static const char one[] = "'Targets':[{'EniIp':'10.0.0.1','Port':80}]";

	noun_do("RegisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','Domain':'A.Example','Url':'/x',%s}",
		instance, listener, one);
	assert_int_equal(rule()->target_count, 1);
	/* LocationId wins. */
	noun_do("RegisterTargets", "{" AT_RULE ",'Domain':'b','Url':'/y',%s}", RULE, one);
	noun_refuse("RegisterTargets", "MissingParameter", "LocationId",
		    "{'LoadBalancerId':'%s','ListenerId':'%s',%s}", instance, listener, one);
	noun_refuse("RegisterTargets", "MissingParameter", "Url",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','Domain':'a.example',%s}", instance,
		    listener, one);
	noun_refuse("RegisterTargets", "InvalidParameter.LocationNotFound", "Url",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','Url':'/x',%s}", instance, listener,
		    one);
	noun_refuse("RegisterTargets", "InvalidParameter.LocationNotFound", "LocationId",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'loc-00000000',%s}",
		    instance, listener, one);
	noun_refuse("RegisterTargets", "InvalidParameter.ListenerIdNotFound", "ListenerId",
		    "{'LoadBalancerId':'%s','ListenerId':'x','LocationId':'%s',%s}", instance,
		    rule_id, one);
}

static void describes_by_filter(void **state)
{
	static const struct {
		const char *extra;
		int listeners, rules, targets;
	} cases[] = {
		{ "'Protocol':'HTTP'", 1, 2, 2 },
		{ "'Protocol':'TCP'", 0, 0, 0 },
		{ "'Port':81", 0, 0, 0 },
		{ "'Filters':[{'Name':'private-ip-address','Values':['10.0.0.2']}]", 1, 1, 1 },
		{ "'Filters':[{'Name':'tag','Values':['x','t']}]", 1, 1, 1 },
		{ "'Filters':[{'Name':'tag','Values':['x']}]", 0, 0, 0 },
		{ "'Filters':[{'Name':'location-id','Values':['loc-00000000']}]", 0, 0, 0 },
	};

	noun_rule(instance, listener, "", "/empty");
	noun_do("RegisterTargets",
		"{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80,'Tag':'t'},"
		"{'EniIp':'10.0.0.2','Port':80}]}",
		RULE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *answer = noun_call("DescribeTargets", "{'LoadBalancerId':'%s',%s}",
					   instance, cases[i].extra);

		assert_int_equal(json_array_size(noun_at(answer, "Listeners")), cases[i].listeners);
		if (cases[i].listeners > 0) {
			assert_int_equal(json_array_size(noun_at(answer, "Listeners.0.Rules")),
					 cases[i].rules);
			assert_int_equal(
				json_array_size(noun_at(answer, "Listeners.0.Rules.0.Targets")),
				cases[i].targets);
		}
		json_decref(answer);
	}
}

static void keeps_to_its_quota(void **state)
{
	for (int i = 0; i < 100; i++)
		noun_do("RegisterTargets",
			"{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':%d}]}", RULE, 1000 + i);
	noun_refuse("RegisterTargets", "LimitExceeded", NULL,
		    "{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':80}]}", RULE);
	/* An update is no addition. */
	noun_do("RegisterTargets",
		"{" AT_RULE ",'Targets':[{'EniIp':'10.0.0.1','Port':1000,'Weight':1}]}", RULE);
}

#define NOUN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOUN_TEST(registers_and_describes), NOUN_TEST(a_registration_is_an_identity),
		NOUN_TEST(refuses_bad_servers),     NOUN_TEST(not_bound_is_invalid_parameter),
		NOUN_TEST(new_ports_must_be_free),  NOUN_TEST(names_its_rule),
		NOUN_TEST(describes_by_filter),     NOUN_TEST(keeps_to_its_quota),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

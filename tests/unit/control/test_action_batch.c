/* SPDX-License-Identifier: Apache-2.0 */
/* Actions on servers of many rules and listeners at once: api.md section 9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noun_fixture.h"

static char instance[32], listener[32], rule_a[32], rule_b[32], tcp[32];

static int set_up(void **state)
{
	json_t *answer;

	noun_setup(state);
	strcpy(instance, noun_instance("127.0.0.1"));
	strcpy(listener, noun_listener(instance, 80));
	strcpy(rule_a, noun_rule(instance, listener, "a.example", "/"));
	strcpy(rule_b, noun_rule(instance, listener, "b.example", "/"));
	answer = noun_call("CreateListener",
			   "{'LoadBalancerId':'%s','Protocol':'TCP','Ports':[90]}", instance);
	strcpy(tcp, noun_text(answer, "ListenerIds.0"));
	json_decref(answer);
	return 0;
}

static const struct listener *at(size_t index)
{
	return noun.control.model.instances[0]->listeners[index];
}

#define AT "'LoadBalancerId':'%s'"
#define ON_A "{'ListenerId':'%s','LocationId':'%s','EniIp':'10.0.0.1','Port':80}"
#define ON_TCP "{'ListenerId':'%s','EniIp':'10.0.0.1','Port':80,'Weight':0,'Tag':'t'}"

static void binds_and_unbinds_in_many_places(void **state)
{
	json_t *answer = noun_call("BatchRegisterTargets",
				   "{" AT ",'Targets':[" ON_A "," ON_A "," ON_TCP
				   ",{'ListenerId':'%s','EniIp':'10.0.0.1','Port':81}]}",
				   instance, listener, rule_a, listener, rule_b, tcp, tcp);

	assert_int_equal(json_array_size(noun_at(answer, "FailListenerIdSet")), 0);
	assert_string_equal(noun_text(answer, "Message"), "");
	json_decref(answer);
	assert_int_equal(at(0)->rules[0]->target_count, 1);
	assert_int_equal(at(0)->rules[0]->targets[0]->weight, 10);
	assert_int_equal(at(0)->rules[1]->target_count, 1);
	assert_int_equal(at(1)->target_count, 2);
	assert_int_equal(at(1)->targets[0]->weight, 0);
	assert_string_equal(at(1)->targets[0]->tag, "t");
	/* Again: what is given is taken over, what is not stays. */
	noun_do("BatchRegisterTargets",
		"{" AT ",'Targets':[{'ListenerId':'%s','EniIp':'10.0.0.1','Port':80,'Weight':5}]}",
		instance, tcp);
	assert_int_equal(at(1)->targets[0]->weight, 5);
	assert_string_equal(at(1)->targets[0]->tag, "t");
	noun_do("BatchDeregisterTargets", "{" AT ",'Targets':[" ON_A "," ON_TCP "]}", instance,
		listener, rule_b, tcp);
	assert_int_equal(at(0)->rules[0]->target_count, 1);
	assert_int_equal(at(0)->rules[1]->target_count, 0);
	assert_int_equal(at(1)->target_count, 1);
}

/* The call must leave this one listener out, for a reason with this in it. */
static void fail_one(const char *action, const char *failed, const char *reason,
		     const char *targets)
{
	json_t *answer = noun_call(action, "{" AT ",'Targets':[%s]}", instance, targets);

	assert_int_equal(json_array_size(noun_at(answer, "FailListenerIdSet")), 1);
	assert_string_equal(noun_text(answer, "FailListenerIdSet.0"), failed);
	if (strncmp(noun_text(answer, "Message"), failed, strlen(failed)) != 0 ||
	    !strstr(noun_text(answer, "Message"), reason))
		fail_msg("%s", noun_text(answer, "Message"));
	json_decref(answer);
}

static void a_listener_is_done_whole_or_named(void **state)
{
	char text[1024];

	noun_do("CreateListener",
		"{'LoadBalancerId':'%s','Protocol':'UDP','Ports':[91],"
		"'TargetType':'TARGETGROUP'}",
		instance);
	snprintf(text, sizeof(text),
		 ON_A ",{'ListenerId':'%s','LocationId':'loc-00000000','EniIp':'10.0.0.2',"
		      "'Port':80}," ON_TCP,
		 listener, rule_a, listener, tcp);
	fail_one("BatchRegisterTargets", listener, "has no rule loc-00000000", text);
	assert_int_equal(at(0)->rules[0]->target_count, 0);
	assert_int_equal(at(1)->target_count, 1);
	fail_one("BatchRegisterTargets", "lbl-00000000", "has no listener lbl-00000000",
		 "{'ListenerId':'lbl-00000000','EniIp':'10.0.0.2','Port':80}");
	snprintf(text, sizeof(text), "{'ListenerId':'%s','EniIp':'10.0.0.2','Port':80}", listener);
	fail_one("BatchRegisterTargets", listener, "LocationId", text);
	snprintf(text, sizeof(text), ON_A, tcp, rule_a);
	fail_one("BatchRegisterTargets", tcp, "no rules", text);
	snprintf(text, sizeof(text), "{'ListenerId':'%s','EniIp':'10.0.0.2','Port':80}", at(2)->id);
	fail_one("BatchRegisterTargets", at(2)->id, "TARGETGROUP", text);
	snprintf(text, sizeof(text), ON_TCP ",{'ListenerId':'%s','EniIp':'10.0.0.2','Port':80}",
		 tcp, tcp);
	fail_one("BatchDeregisterTargets", tcp, "has no server 10.0.0.2:80", text);
	assert_int_equal(at(1)->target_count, 1);
}

static void the_quota_is_of_each_rule(void **state)
{
	char *text = malloc(40000);
	size_t size = 0;

	for (int i = 0; i < 101; i++)
		size += (size_t)snprintf(text + size, 40000 - size,
					 "%s{'ListenerId':'%s','EniIp':'10.0.0.1','Port':%d}",
					 i ? "," : "", tcp, 1000 + i);
	fail_one("BatchRegisterTargets", tcp, "TOTAL_TARGET_BIND_QUOTA", text);
	assert_int_equal(at(1)->target_count, 0);
	*strrchr(text, '{') = '\0';
	text[strlen(text) - 1] = '\0';
	noun_do("BatchRegisterTargets", "{" AT ",'Targets':[%s," ON_A "]}", instance, text,
		listener, rule_a);
	assert_int_equal(at(1)->target_count, 100);
	assert_int_equal(at(0)->rules[0]->target_count, 1);
	/* An update is no addition. */
	noun_do("BatchRegisterTargets", "{" AT ",'Targets':[%s]}", instance, text);
	free(text);
}

static void refuses_what_no_listener_could_do(void **state)
{
	static const struct {
		const char *code, *field, *targets;
	} cases[] = {
		{ "MissingParameter", "Targets[0].ListenerId", "{'EniIp':'10.0.0.1','Port':80}" },
		{ "MissingParameter", "Targets[0].Port", "{'ListenerId':'x','EniIp':'10.0.0.1'}" },
		{ "MissingParameter", "Targets[0].EniIp", "{'ListenerId':'x','Port':80}" },
		{ "UnsupportedOperation", "Targets[0].InstanceId",
		  "{'ListenerId':'x','Port':80,'InstanceId':'ins-1'}" },
		{ "InvalidParameter.FormatError", "Targets[0].EniIp",
		  "{'ListenerId':'x','Port':80,'EniIp':'host'}" },
		{ "InvalidParameterValue", "Targets[0].Weight",
		  "{'ListenerId':'x','Port':80,'EniIp':'10.0.0.1','Weight':101}" },
		{ "InvalidParameterValue.Duplicate", "Targets[1]",
		  "{'ListenerId':'x','Port':80,'EniIp':'10.0.0.1'},"
		  "{'ListenerId':'x','LocationId':'','Port':80,'EniIp':'10.0.0.1'}" },
		{ "InvalidParameterValue.Length", "Targets", "" },
	};
	static const char *const names[] = { "BatchRegisterTargets", "BatchDeregisterTargets" };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int j = 0; j < 2; j++)
			noun_refuse(names[j], cases[i].code, cases[i].field,
				    "{" AT ",'Targets':[%s]}", instance, cases[i].targets);
	noun_refuse("BatchRegisterTargets", "InvalidParameter.LBIdNotFound", "LoadBalancerId",
		    "{'LoadBalancerId':'lb-00000000','Targets':[" ON_TCP "]}", tcp);
}

static void weights_change_together(void **state)
{
	noun_do("BatchRegisterTargets", "{" AT ",'Targets':[" ON_A "," ON_TCP "]}", instance,
		listener, rule_a, tcp);
	noun_do("BatchModifyTargetWeight",
		"{" AT ",'ModifyList':[{'ListenerId':'%s','LocationId':'%s','Weight':7,"
		"'Targets':[{'EniIp':'10.0.0.1','Port':80}]},{'ListenerId':'%s','Weight':7,"
		"'Targets':[{'EniIp':'10.0.0.1','Port':80,'Weight':100}]}]}",
		instance, listener, rule_a, tcp);
	assert_int_equal(at(0)->rules[0]->targets[0]->weight, 7);
	assert_int_equal(at(1)->targets[0]->weight, 100);
	/* Domain and Url name a rule too; without a weight it is 10. */
	noun_do("BatchModifyTargetWeight",
		"{" AT ",'ModifyList':[{'ListenerId':'%s','Domain':'a.example','Url':'/',"
		"'Targets':[{'EniIp':'10.0.0.1','Port':80}]}]}",
		instance, listener);
	assert_int_equal(at(0)->rules[0]->targets[0]->weight, 10);
}

#define ON_TCP_LIST "{'ListenerId':'%s','Targets':[{'EniIp':'10.0.0.1','Port':80}]}"

static void refuses_lists_whole(void **state)
{
	static const char *const names[] = { "BatchModifyTargetWeight", "BatchModifyTargetTag" };
	static const struct {
		const char *code, *field, *list;
	} cases[] = {
		{ "InvalidParameter.ListenerIdNotFound", "ModifyList[1].ListenerId",
		  "{'ListenerId':'lbl-00000000','Targets':[{'EniIp':'10.0.0.1','Port':80}]}" },
		{ "InvalidParameterValue.Length", "ModifyList[1].Targets",
		  "{'ListenerId':'lbl-00000000','Targets':[]}" },
		{ "MissingParameter", "ModifyList[1].Targets[0].EniIp",
		  "{'ListenerId':'lbl-00000000','Targets':[{'Port':80}]}" },
		{ "MissingParameter", "ModifyList[1].ListenerId",
		  "{'Targets':[{'EniIp':'10.0.0.1','Port':80}]}" },
	};

	noun_do("BatchRegisterTargets", "{" AT ",'Targets':[" ON_TCP "]}", instance, tcp);
	for (int j = 0; j < 2; j++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			noun_refuse(names[j], cases[i].code, cases[i].field,
				    "{" AT ",'ModifyList':[" ON_TCP_LIST ",%s]}", instance, tcp,
				    cases[i].list);
		noun_refuse(names[j], "InvalidParameterValue.Duplicate", "ModifyList[1].Targets[0]",
			    "{" AT ",'ModifyList':[" ON_TCP_LIST "," ON_TCP_LIST "]}", instance,
			    tcp, tcp);
		noun_refuse(names[j], "InvalidParameter", "ModifyList[0].Targets[0]",
			    "{" AT ",'ModifyList':[{'ListenerId':'%s','LocationId':'%s',"
			    "'Targets':[{'EniIp':'10.0.0.1','Port':80}]}]}",
			    instance, listener, rule_a);
		noun_refuse(names[j], "MissingParameter", "ModifyList[0].LocationId",
			    "{" AT ",'ModifyList':[" ON_TCP_LIST "]}", instance, listener);
	}
	noun_refuse("BatchModifyTargetWeight", "InvalidParameterValue", "ModifyList[0].Weight",
		    "{" AT ",'ModifyList':[{'ListenerId':'%s','Weight':101,'Targets':"
		    "[{'EniIp':'10.0.0.1','Port':80}]}]}",
		    instance, tcp);
}

/* 11 lists of 50 servers. */
static void at_most_500_servers_in_all(void **state)
{
	char *text = malloc(40000);
	size_t size = 0;

	for (int i = 0; i < 11; i++) {
		size += (size_t)snprintf(text + size, 40000 - size,
					 "%s{\"ListenerId\":\"%s\",\"Targets\":[", i ? "," : "",
					 tcp);
		for (int j = 0; j < 50; j++)
			size += (size_t)snprintf(text + size, 40000 - size,
						 "%s{\"EniIp\":\"10.0.0.1\",\"Port\":%d}",
						 j ? "," : "", 1000 + i * 50 + j);
		size += (size_t)snprintf(text + size, 40000 - size, "]}");
	}
	noun_refuse("BatchModifyTargetWeight", "InvalidParameterValue.Length", "ModifyList",
		    "{" AT ",'ModifyList':[%s]}", instance, text);
	free(text);
}

static void tags_change_at_once(void **state)
{
	noun_do("BatchRegisterTargets", "{" AT ",'Targets':[" ON_A "," ON_TCP "]}", instance,
		listener, rule_a, tcp);
	noun_do("BatchModifyTargetTag",
		"{" AT ",'ModifyList':[{'ListenerId':'%s','LocationId':'%s','Tag':'list',"
		"'Targets':[{'EniIp':'10.0.0.1','Port':80,'Tag':''}]},{'ListenerId':'%s',"
		"'Tag':'list','Targets':[{'EniIp':'10.0.0.1','Port':80,'Tag':'own'}]}]}",
		instance, listener, rule_a, tcp);
	assert_string_equal(at(0)->rules[0]->targets[0]->tag, "list");
	assert_string_equal(at(1)->targets[0]->tag, "own");
	assert_int_equal(at(1)->targets[0]->weight, 0);
	noun_do("BatchModifyTargetTag",
		"{" AT ",'ModifyList':[{'ListenerId':'%s','Tag':'','Targets':"
		"[{'EniIp':'10.0.0.1','Port':80}]}]}",
		instance, tcp);
	assert_string_equal(at(1)->targets[0]->tag, "");
	/* Rules are named by LocationId alone here. */
	noun_refuse("BatchModifyTargetTag", "UnknownParameter", "ModifyList[0].Url",
		    "{" AT ",'ModifyList':[{'ListenerId':'%s','Url':'/','Tag':'a','Targets':"
		    "[{'EniIp':'10.0.0.1','Port':80}]}]}",
		    instance, listener);
	noun_refuse("BatchModifyTargetTag", "MissingParameter", "ModifyList[0].Targets[0].Tag",
		    "{" AT ",'ModifyList':[" ON_TCP_LIST "]}", instance, tcp);
}

#define NOUN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOUN_TEST(binds_and_unbinds_in_many_places),
		NOUN_TEST(a_listener_is_done_whole_or_named),
		NOUN_TEST(the_quota_is_of_each_rule),
		NOUN_TEST(refuses_what_no_listener_could_do),
		NOUN_TEST(weights_change_together),
		NOUN_TEST(refuses_lists_whole),
		NOUN_TEST(at_most_500_servers_in_all),
		NOUN_TEST(tags_change_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target groups: api.md section 11. After every call the fixture compares the model with the store,
 * whose reader refuses a binding whose servers are not the members.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noun_fixture.h"

static char instance[32], listener[32], rule_id[32], tcp[32], group_id[32];

static const char *make_group(const char *fields)
{
	static char id[32];
	json_t *answer = noun_call("CreateTargetGroup", "{%s}", fields);

	snprintf(id, sizeof(id), "%s", noun_text(answer, "TargetGroupId"));
	json_decref(answer);
	return id;
}

/* An HTTP listener with a rule and a TCP listener, both for groups, and a group of two. */
static int set_up(void **state)
{
	json_t *answer;

	noun_setup(state);
	strcpy(instance, noun_instance("127.0.0.1"));
	strcpy(listener, noun_listener(instance, 80));
	answer = noun_call("CreateRule",
			   "{'LoadBalancerId':'%s','ListenerId':'%s','Rules':[{'Domain':"
			   "'a.example','Url':'/','TargetType':'TARGETGROUP'}]}",
			   instance, listener);
	strcpy(rule_id, noun_text(answer, "LocationIds.0"));
	json_decref(answer);
	answer = noun_call("CreateListener",
			   "{'LoadBalancerId':'%s','Protocol':'TCP','Ports':[90],"
			   "'TargetType':'TARGETGROUP'}",
			   instance);
	strcpy(tcp, noun_text(answer, "ListenerIds.0"));
	json_decref(answer);
	strcpy(group_id,
	       make_group("'TargetGroupName':'web','Port':8080,'TargetGroupInstances':"
			  "[{'BindIP':'10.0.0.1'},{'BindIP':'10.0.0.2','Port':81,'Weight':0}]"));
	return 0;
}

static const struct listener *listener_at(size_t index)
{
	return noun.control.model.instances[0]->listeners[index];
}

static const struct rule *rule(void)
{
	return listener_at(0)->rules[0];
}

static const struct target *target(const char *address)
{
	struct address parsed;

	assert_int_equal(address_parse(bytes_of(address), &parsed), 0);
	return rule_find_target(rule(), &parsed);
}

#define RULE_OF "{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s','TargetGroupId':'%s'}"
#define TCP_OF "{'LoadBalancerId':'%s','ListenerId':'%s','TargetGroupId':'%s'}"
#define BOTH instance, listener, rule_id, group_id, instance, tcp, group_id

static void associate_both(void)
{
	noun_do("AssociateTargetGroups", "{'Associations':[" RULE_OF "," TCP_OF "]}", BOTH);
}

static void creates_and_describes(void **state)
{
	json_t *answer;
	const json_t *found;

	assert_int_equal(strncmp(group_id, "lbtg-", 5), 0);
	assert_int_equal(strlen(group_id), 13);
	make_group("'VpcId':'vpc-1','Port':1,'Type':'v1','Tags':"
		   "[{'TagKey':'k','TagValue':'v'},{'TagKey':'other','TagValue':''}]");
	answer = noun_call("DescribeTargetGroups", "{}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 2);
	found = noun_at(answer, "TargetGroupSet.0");
	assert_int_equal(json_object_size(found), 20);
	assert_string_equal(noun_text(found, "TargetGroupId"), group_id);
	assert_string_equal(noun_text(found, "TargetGroupName"), "web");
	assert_string_equal(noun_text(found, "TargetGroupType"), "v1");
	assert_int_equal(noun_integer(found, "Port"), 8080);
	assert_int_equal(noun_integer(found, "RegisteredInstancesCount"), 2);
	assert_int_equal(noun_integer(found, "AssociatedRuleCount"), 0);
	assert_int_equal(json_array_size(noun_at(found, "AssociatedRule")), 0);
	found = noun_at(answer, "TargetGroupSet.1");
	/* Without a name it is the id. */
	assert_string_equal(noun_text(found, "TargetGroupName"), noun_text(found, "TargetGroupId"));
	assert_string_equal(noun_text(found, "VpcId"), "vpc-1");
	assert_string_equal(noun_text(found, "Tag.0.TagKey"), "k");
	assert_int_equal(json_array_size(noun_at(found, "Tag")), 2);
	json_decref(answer);
	answer = noun_call("DescribeTargetGroupList", "{'TargetGroupIds':['%s']}", group_id);
	assert_int_equal(noun_integer(answer, "TotalCount"), 1);
	assert_true(json_is_null(noun_at(answer, "TargetGroupSet.0.AssociatedRule")));
	json_decref(answer);
	noun_restart();
	assert_int_equal(noun.control.model.group_count, 2);
	assert_int_equal(noun.control.model.groups[0]->member_count, 2);
}

static void refuses_bad_groups(void **state)
{
	static const struct {
		const char *code, *field, *input;
	} cases[] = {
		{ "MissingParameter", "Port", "" },
		{ "MissingParameter", "Port", "'TargetGroupInstances':[]" },
		{ "MissingParameter", "TargetGroupInstances[1].Port",
		  "'TargetGroupInstances':[{'BindIP':'10.0.0.1','Port':80},{'BindIP':'10.0.0.2'}]" },
		{ "MissingParameter", "TargetGroupInstances[0].BindIP",
		  "'Port':1,'TargetGroupInstances':[{'Port':80}]" },
		{ "InvalidParameter", "TargetGroupInstances[0].BindIP",
		  "'Port':1,'TargetGroupInstances':[{'BindIP':'host'}]" },
		{ "InvalidParameterValue", "TargetGroupInstances[0].BindIP",
		  "'Port':1,'TargetGroupInstances':[{'BindIP':'0.0.0.0'}]" },
		{ "InvalidParameterValue", "TargetGroupInstances[0].Weight",
		  "'Port':1,'TargetGroupInstances':[{'BindIP':'10.0.0.1','Weight':101}]" },
		{ "InvalidParameterValue", "TargetGroupInstances[1]",
		  "'Port':80,'TargetGroupInstances':[{'BindIP':'::1'},"
		  "{'BindIP':'0::1','Port':80}]" },
		{ "InvalidParameterValue", "Port", "'Port':0" },
		{ "InvalidParameterValue", "Port", "'Port':65536" },
		{ "InvalidParameterValue", "TargetGroupName", "'Port':1,'TargetGroupName':''" },
		{ "InvalidParameterValue", "TargetGroupName", "'Port':1,'TargetGroupName':'a\\n'" },
		{ "InvalidParameterValue", "Type", "'Port':1,'Type':'v3'" },
		{ "UnsupportedOperation", "Type", "'Port':1,'Type':'v2'" },
		{ "UnsupportedOperation", "Protocol", "'Port':1,'Protocol':'HTTP'" },
		{ "UnsupportedOperation", "HealthCheck",
		  "'Port':1,'HealthCheck':{'HealthSwitch':true}" },
		{ "UnsupportedOperation", "ScheduleAlgorithm",
		  "'Port':1,'ScheduleAlgorithm':'WRR'" },
		{ "UnsupportedOperation", "Weight", "'Port':1,'Weight':10" },
		{ "UnsupportedOperation", "FullListenSwitch", "'Port':1,'FullListenSwitch':true" },
		{ "UnsupportedOperation", "KeepaliveEnable", "'Port':1,'KeepaliveEnable':true" },
		{ "UnsupportedOperation", "SessionExpireTime", "'Port':1,'SessionExpireTime':30" },
		{ "UnsupportedOperation", "SnatEnable", "'Port':1,'SnatEnable':true" },
		{ "UnsupportedOperation", "IpVersion", "'Port':1,'IpVersion':'IPv6'" },
		{ "InvalidParameterValue", "Tags[1].TagKey",
		  "'Port':1,'Tags':[{'TagKey':'a','TagValue':''},{'TagKey':'a','TagValue':'b'}]" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		noun_refuse("CreateTargetGroup", cases[i].code, cases[i].field, "{%s}",
			    cases[i].input);
	/* What asks for nothing is taken. */
	make_group("'Port':1,'SnatEnable':false,'FullListenSwitch':false,'SessionExpireTime':0,"
		   "'Protocol':'','HealthCheck':{}");
}

static void lists_have_roofs(void **state)
{
	char text[8000] = "";
	size_t size = 0;

	for (int i = 0; i < 51; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size,
					 "%s{'BindIP':'10.0.0.1','Port':%d,'NewPort':1}",
					 i ? "," : "", 1000 + i);
	noun_refuse("CreateTargetGroup", "InvalidParameterValue", "TargetGroupInstances",
		    "{'TargetGroupInstances':[%s]}", text);
	noun_refuse("DeregisterTargetGroupInstances", "InvalidParameterValue",
		    "TargetGroupInstances", "{'TargetGroupId':'%s','TargetGroupInstances':[%s]}",
		    group_id, text);
	for (int i = 0; i < 98; i++)
		noun_do("RegisterTargetGroupInstances",
			"{'TargetGroupId':'%s','TargetGroupInstances':"
			"[{'BindIP':'10.0.0.1','Port':%d}]}",
			group_id, 1000 + i);
	noun_refuse("RegisterTargetGroupInstances", "LimitExceeded", NULL,
		    "{'TargetGroupId':'%s','TargetGroupInstances':[{'BindIP':'10.0.0.9'}]}",
		    group_id);
	for (int i = 0; i < 199; i++)
		make_group("'Port':1");
	noun_refuse("CreateTargetGroup", "LimitExceeded", NULL, "{'Port':1}");
}

static void is_shared(void **state)
{
	json_t *answer;
	uint64_t number;

	associate_both();
	assert_int_equal(rule()->target_count, 2);
	assert_int_equal(listener_at(1)->target_count, 2);
	assert_int_equal(target("10.0.0.1:8080")->weight, 10);
	assert_int_equal(target("10.0.0.2:81")->weight, 0);
	number = target("10.0.0.1:8080")->number;
	assert_int_not_equal(number, listener_at(1)->targets[0]->number);
	answer = noun_call("DescribeListeners", "{'LoadBalancerId':'%s'}", instance);
	assert_string_equal(noun_text(answer, "Listeners.0.TargetType"), "NODE");
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.0.TargetType"), "TARGETGROUP");
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.0.TargetGroup.TargetGroupId"),
			    group_id);
	assert_string_equal(noun_text(answer, "Listeners.1.TargetType"), "TARGETGROUP");
	assert_string_equal(noun_text(answer, "Listeners.1.TargetGroupList.0.TargetGroupName"),
			    "web");
	json_decref(answer);
	answer = noun_call("DescribeTargetGroups", "{}");
	assert_int_equal(noun_integer(answer, "TargetGroupSet.0.AssociatedRuleCount"), 2);
	assert_string_equal(noun_text(answer, "TargetGroupSet.0.AssociatedRule.0.LocationId"),
			    rule_id);
	assert_string_equal(noun_text(answer, "TargetGroupSet.0.AssociatedRule.0.Domain"),
			    "a.example");
	assert_string_equal(noun_text(answer, "TargetGroupSet.0.AssociatedRule.1.ListenerId"), tcp);
	assert_true(json_is_null(noun_at(answer, "TargetGroupSet.0.AssociatedRule.1.Url")));
	json_decref(answer);
	answer = noun_call("DescribeTargetHealth", "{'LoadBalancerIds':['%s']}", instance);
	assert_string_equal(
		noun_text(answer, "LoadBalancers.0.Listeners.0.Rules.0.Targets.0.TargetGroupId"),
		group_id);
	json_decref(answer);
	noun_restart();
	assert_int_equal(target("10.0.0.1:8080")->number, number);
}

#define MEMBERS "{'TargetGroupId':'%s','TargetGroupInstances':[%s]}"

static void members_change_everywhere(void **state)
{
	uint64_t number, other;

	associate_both();
	number = target("10.0.0.1:8080")->number;
	other = target("10.0.0.2:81")->number;
	noun_do("RegisterTargetGroupInstances", MEMBERS, group_id,
		"{'BindIP':'10.0.0.3','Weight':5},{'BindIP':'10.0.0.2','Port':81,'Weight':9}");
	assert_int_equal(rule()->target_count, 3);
	assert_int_equal(target("10.0.0.3:8080")->weight, 5);
	assert_int_equal(target("10.0.0.2:81")->weight, 9);
	assert_int_equal(listener_at(1)->targets[1]->weight, 9);
	/* One that is there already keeps the weight that is not given. */
	noun_do("RegisterTargetGroupInstances", MEMBERS, group_id, "{'BindIP':'10.0.0.3'}");
	assert_int_equal(target("10.0.0.3:8080")->weight, 5);
	noun_do("ModifyTargetGroupInstancesWeight", MEMBERS, group_id,
		"{'BindIP':'10.0.0.3','Port':8080},{'BindIP':'10.0.0.2','Port':81,'Weight':0}");
	assert_int_equal(target("10.0.0.3:8080")->weight, 10);
	assert_int_equal(listener_at(1)->targets[1]->weight, 0);
	noun_do("DeregisterTargetGroupInstances", MEMBERS, group_id,
		"{'BindIP':'10.0.0.3','Port':8080}");
	assert_int_equal(rule()->target_count, 2);
	assert_int_equal(listener_at(1)->target_count, 2);
	/* On another port it is another server; the rest is what it was. */
	noun_do("ModifyTargetGroupInstancesPort", MEMBERS, group_id,
		"{'BindIP':'10.0.0.2','Port':81,'NewPort':82},"
		"{'BindIP':'10.0.0.1','Port':8080,'NewPort':8080}");
	assert_null(target("10.0.0.2:81"));
	assert_true(target("10.0.0.2:82")->number > other);
	assert_int_equal(target("10.0.0.2:82")->weight, 0);
	assert_int_equal(target("10.0.0.1:8080")->number, number);
}

static void refuses_bad_members(void **state)
{
	static const char *const known[] = { "DeregisterTargetGroupInstances",
					     "ModifyTargetGroupInstancesWeight" };

	for (int i = 0; i < 2; i++) {
		noun_refuse(known[i], "InvalidParameter", "TargetGroupInstances[1]", MEMBERS,
			    group_id,
			    "{'BindIP':'10.0.0.2','Port':81},{'BindIP':'10.0.0.1','Port':81}");
		noun_refuse(known[i], "MissingParameter", "TargetGroupInstances[0].Port", MEMBERS,
			    group_id, "{'BindIP':'10.0.0.2'}");
		noun_refuse(known[i], "InvalidParameterValue", "TargetGroupInstances[1]", MEMBERS,
			    group_id,
			    "{'BindIP':'10.0.0.2','Port':81},{'BindIP':'10.0.0.2','Port':81}");
		noun_refuse(known[i], "InvalidParameter", "TargetGroupId", MEMBERS, "lbtg-00000000",
			    "{'BindIP':'10.0.0.2','Port':81}");
		noun_refuse(known[i], "InvalidParameterValue", "TargetGroupInstances", MEMBERS,
			    group_id, "");
	}
	noun_refuse("ModifyTargetGroupInstancesWeight", "InvalidParameterValue",
		    "TargetGroupInstances[0].Weight", MEMBERS, group_id,
		    "{'BindIP':'10.0.0.2','Port':81,'Weight':-1}");
	noun_refuse("ModifyTargetGroupInstancesPort", "MissingParameter",
		    "TargetGroupInstances[0].NewPort", MEMBERS, group_id,
		    "{'BindIP':'10.0.0.2','Port':81}");
	noun_refuse("ModifyTargetGroupInstancesPort", "InvalidParameter", "TargetGroupInstances[0]",
		    MEMBERS, group_id, "{'BindIP':'10.0.0.2','Port':80,'NewPort':81}");
	noun_do("RegisterTargetGroupInstances", MEMBERS, group_id, "{'BindIP':'10.0.0.2'}");
	noun_refuse("ModifyTargetGroupInstancesPort", "InvalidParameterValue",
		    "TargetGroupInstances[0].NewPort", MEMBERS, group_id,
		    "{'BindIP':'10.0.0.2','Port':8080,'NewPort':81}");
	noun_refuse("ModifyTargetGroupInstancesPort", "InvalidParameterValue",
		    "TargetGroupInstances[1].NewPort", MEMBERS, group_id,
		    "{'BindIP':'10.0.0.2','Port':8080,'NewPort':83},"
		    "{'BindIP':'10.0.0.2','Port':81,'NewPort':83}");
	noun_refuse("RegisterTargetGroupInstances", "MissingParameter",
		    "TargetGroupInstances[0].Port", MEMBERS,
		    make_group("'TargetGroupInstances':[{'BindIP':'10.0.0.1','Port':1}]"),
		    "{'BindIP':'10.0.0.2'}");
}

static void names_and_default_ports_change(void **state)
{
	noun_do("ModifyTargetGroupAttribute",
		"{'TargetGroupId':'%s','TargetGroupName':'new','Port':9}", group_id);
	noun_do("ModifyTargetGroupAttribute", "{'TargetGroupId':'%s'}", group_id);
	assert_string_equal(noun.control.model.groups[0]->name, "new");
	assert_int_equal(noun.control.model.groups[0]->port, 9);
	assert_int_equal(noun.control.model.groups[0]->members[0].address.port, 8080);
	noun_refuse("ModifyTargetGroupAttribute", "InvalidParameter", "TargetGroupId",
		    "{'TargetGroupId':'lbtg-00000000'}");
	noun_refuse("ModifyTargetGroupAttribute", "InvalidParameterValue", "TargetGroupName",
		    "{'TargetGroupId':'%s','TargetGroupName':''}", group_id);
	noun_refuse("ModifyTargetGroupAttribute", "UnsupportedOperation", "Weight",
		    "{'TargetGroupId':'%s','Weight':1}", group_id);
	noun_refuse("ModifyTargetGroupAttribute", "UnsupportedOperation", "KeepaliveEnable",
		    "{'TargetGroupId':'%s','KeepaliveEnable':true}", group_id);
}

static void one_group_each(void **state)
{
	char second[32], node[32];

	strcpy(second, make_group("'Port':1"));
	strcpy(node, noun_rule(instance, listener, "b.example", "/"));
	associate_both();
	noun_refuse("AssociateTargetGroups", "InvalidParameter", "Associations[0]",
		    "{'Associations':[" TCP_OF "]}", instance, tcp, second);
	noun_refuse("AssociateTargetGroups", "InvalidParameter", "Associations[0]",
		    "{'Associations':[" TCP_OF "]}", instance, tcp, group_id);
	noun_refuse("AssociateTargetGroups", "InvalidParameter", "Associations[0]",
		    "{'Associations':[" RULE_OF "]}", instance, listener, node, second);
	noun_refuse("DisassociateTargetGroups", "InvalidParameter", "Associations[1]",
		    "{'Associations':[" RULE_OF "," TCP_OF "]}", instance, listener, rule_id,
		    group_id, instance, tcp, second);
	noun_do("DisassociateTargetGroups", "{'Associations':[" RULE_OF "," TCP_OF "]}", BOTH);
	assert_int_equal(rule()->target_count, 0);
	assert_null(rule()->group);
	assert_int_equal(listener_at(1)->target_count, 0);
	noun_refuse("DisassociateTargetGroups", "InvalidParameter", "Associations[0]",
		    "{'Associations':[" TCP_OF "]}", instance, tcp, group_id);
	noun_do("AssociateTargetGroups", "{'Associations':[" TCP_OF "]}", instance, tcp, second);
	assert_string_equal(listener_at(1)->group->id, second);
}

static void refuses_bad_associations(void **state)
{
	static const struct {
		const char *code, *field, *member;
	} cases[] = {
		{ "MissingParameter", "Associations[0].LoadBalancerId",
		  "'TargetGroupId':'x','ListenerId':'x'" },
		{ "MissingParameter", "Associations[0].TargetGroupId",
		  "'LoadBalancerId':'x','ListenerId':'x'" },
		{ "MissingParameter", "Associations[0].ListenerId",
		  "'LoadBalancerId':'x','TargetGroupId':'x'" },
		{ "InvalidParameter.LBIdNotFound", "Associations[0].LoadBalancerId",
		  "'LoadBalancerId':'lb-00000000','TargetGroupId':'x','ListenerId':'x'" },
		{ "InvalidParameterValue", "Associations[0].Weight",
		  "'LoadBalancerId':'x','TargetGroupId':'x','ListenerId':'x','Weight':101" },
		{ "UnknownParameter", "Associations[0].Url",
		  "'LoadBalancerId':'x','TargetGroupId':'x','ListenerId':'x','Url':'/'" },
	};
	static const char *const names[] = { "AssociateTargetGroups", "DisassociateTargetGroups" };

	for (int j = 0; j < 2; j++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			noun_refuse(names[j], cases[i].code, cases[i].field,
				    "{'Associations':[{%s}]}", cases[i].member);
		noun_refuse(names[j], "InvalidParameterValue", "Associations",
			    "{'Associations':[]}");
		noun_refuse(names[j], "InvalidParameter.ListenerIdNotFound",
			    "Associations[0].ListenerId", "{'Associations':[" TCP_OF "]}", instance,
			    "lbl-00000000", group_id);
		noun_refuse(names[j], "InvalidParameter", "Associations[0].TargetGroupId",
			    "{'Associations':[" TCP_OF "]}", instance, tcp, "lbtg-00000000");
		noun_refuse(names[j], "MissingParameter", "Associations[0].LocationId",
			    "{'Associations':[" TCP_OF "]}", instance, listener, group_id);
		noun_refuse(names[j], "InvalidParameter.LocationNotFound",
			    "Associations[0].LocationId", "{'Associations':[" RULE_OF "]}",
			    instance, tcp, rule_id, group_id);
	}
}

#define TARGETS_OF_RULE                                                         \
	"{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s','Targets':" \
	"[{'EniIp':'10.0.0.1','Port':8080}]%s}"

/* Members are changed in the group only. */
static void servers_of_a_group_are_no_rules_own(void **state)
{
	static const struct {
		const char *action, *extra;
	} cases[] = {
		{ "RegisterTargets", "" },
		{ "DeregisterTargets", "" },
		{ "ModifyTargetWeight", "" },
		{ "ModifyTargetPort", ",'NewPort':1" },
	};

	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			noun_refuse(cases[i].action, "InvalidParameter", "Targets", TARGETS_OF_RULE,
				    instance, listener, rule_id, cases[i].extra);
		if (turn == 0)
			associate_both();
	}
	noun_refuse("BatchModifyTargetWeight", "InvalidParameter", "ModifyList[0].Targets[0]",
		    "{'LoadBalancerId':'%s','ModifyList':[{'ListenerId':'%s','Targets':"
		    "[{'EniIp':'10.0.0.1','Port':8080}]}]}",
		    instance, tcp);
}

static void types_change_only_while_free(void **state)
{
	noun_do("ModifyListener", "{'LoadBalancerId':'%s','ListenerId':'%s','TargetType':'NODE'}",
		instance, tcp);
	noun_do("RegisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','Targets':[{'EniIp':'10.0.0.1','Port':1}]}",
		instance, tcp);
	noun_refuse("ModifyListener", "InvalidParameter", "TargetType",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','TargetType':'TARGETGROUP'}",
		    instance, tcp);
	/* The type it has, and other settings, are no change of it. */
	noun_do("ModifyListener",
		"{'LoadBalancerId':'%s','ListenerId':'%s','TargetType':'NODE','MaxConn':5}",
		instance, tcp);
	noun_do("DeregisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','Targets':[{'EniIp':'10.0.0.1','Port':1}]}",
		instance, tcp);
	noun_do("ModifyListener",
		"{'LoadBalancerId':'%s','ListenerId':'%s','TargetType':'TARGETGROUP'}", instance,
		tcp);
	associate_both();
	noun_refuse("ModifyListener", "InvalidParameter", "TargetType",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','TargetType':'NODE'}", instance, tcp);
	noun_do("ModifyListener",
		"{'LoadBalancerId':'%s','ListenerId':'%s','Scheduler':'LEAST_CONN'}", instance,
		tcp);
	assert_int_equal(listener_at(1)->target_count, 2);
	noun_refuse("ModifyListener", "UnsupportedOperation", "TargetType",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','TargetType':'TARGETGROUP-V2'}",
		    instance, tcp);
	noun_refuse("CreateListener", "InvalidParameter", "TargetType",
		    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[99],"
		    "'TargetType':'TARGETGROUP'}",
		    instance);
}

static void goes_when_nothing_stands_on_it(void **state)
{
	char second[32];

	strcpy(second, make_group("'Port':1"));
	associate_both();
	noun_refuse("DeleteTargetGroups", "FailedOperation", "TargetGroupIds[1]",
		    "{'TargetGroupIds':['%s','%s']}", second, group_id);
	noun_refuse("DeleteTargetGroups", "InvalidParameter", "TargetGroupIds[1]",
		    "{'TargetGroupIds':['%s','%s']}", second, second);
	noun_refuse("DeleteTargetGroups", "InvalidParameterValue", "TargetGroupIds",
		    "{'TargetGroupIds':[]}");
	noun_do("DeleteRule", "{'LoadBalancerId':'%s','ListenerId':'%s','LocationIds':['%s']}",
		instance, listener, rule_id);
	noun_refuse("DeleteTargetGroups", "FailedOperation", "TargetGroupIds[0]",
		    "{'TargetGroupIds':['%s']}", group_id);
	noun_do("DeleteListener", "{'LoadBalancerId':'%s','ListenerId':'%s'}", instance, tcp);
	noun_do("DeleteTargetGroups", "{'TargetGroupIds':['%s','%s']}", second, group_id);
	assert_int_equal(noun.control.model.group_count, 0);
	noun_refuse("DescribeTargetGroupInstanceStatus", "UnsupportedOperation", NULL,
		    "{'TargetGroupId':'%s'}", group_id);
}

static void counts(const char *action, const char *input, int64_t total, const char *list,
		   size_t size)
{
	json_t *answer = noun_call(action, "{%s}", input);

	if (noun_integer(answer, "TotalCount") != total ||
	    json_array_size(noun_at(answer, list)) != size)
		fail_msg("%s %s: %s", action, input, json_dumps(answer, 0));
	json_decref(answer);
}

static void describes_by_filter_and_page(void **state)
{
	static const struct {
		const char *input;
		int64_t total;
		size_t size;
	} groups[] = {
		{ "'Limit':2", 4, 2 },
		{ "'Offset':3", 4, 1 },
		{ "'Offset':9", 4, 0 },
		{ "'Limit':0", 4, 0 },
		{ "'TargetGroupIds':['lbtg-00000000']", 0, 0 },
		{ "'Filters':[{'Name':'TargetGroupName','Values':['web','x']}]", 1, 1 },
		{ "'Filters':[{'Name':'TargetGroupVpcId','Values':['vpc']}]", 2, 2 },
		{ "'Filters':[{'Name':'Tag','Values':['key']}]", 2, 2 },
		{ "'Filters':[{'Name':'Tag','Values':['key:b']}]", 1, 1 },
		{ "'Filters':[{'Name':'Tag','Values':['keys','key:','ke']}]", 0, 0 },
	};
	static const struct {
		const char *input;
		int64_t total;
		size_t size;
	} members[] = {
		{ "'Filters':[{'Name':'BindIP','Values':['10.0.0.1']}]", 2, 2 },
		{ "'Filters':[{'Name':'BindIP','Values':['10.0.0.1']}],'Limit':1", 1, 1 },
		{ "'Filters':[{'Name':'InstanceId','Values':['ins-1']}]", 0, 0 },
		{ "'Filters':[{'Name':'TargetGroupId','Values':['lbtg-00000000']}]", 0, 0 },
	};

	make_group("'Port':1,'VpcId':'vpc','TargetGroupName':'two','Tags':"
		   "[{'TagKey':'key','TagValue':'a'}]");
	make_group("'Port':1,'VpcId':'vpc','Tags':[{'TagKey':'key','TagValue':'b'}]");
	make_group("'Port':1,'TargetGroupInstances':[{'BindIP':'10.0.0.1'}]");
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		counts("DescribeTargetGroups", groups[i].input, groups[i].total, "TargetGroupSet",
		       groups[i].size);
		counts("DescribeTargetGroupList", groups[i].input, groups[i].total,
		       "TargetGroupSet", groups[i].size);
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		counts("DescribeTargetGroupInstances", members[i].input, members[i].total,
		       "TargetGroupInstanceSet", members[i].size);
	noun_refuse("DescribeTargetGroups", "InvalidParameter", "Filters",
		    "{'TargetGroupIds':['x'],'Filters':[{'Name':'Tag','Values':['x']}]}");
	noun_refuse("DescribeTargetGroups", "InvalidParameterValue", "Filters[0].Name",
		    "{'Filters':[{'Name':'Nothing','Values':['x']}]}");
	noun_refuse("DescribeTargetGroups", "InvalidParameterValue", "Limit", "{'Limit':101}");
	noun_refuse("DescribeTargetGroupInstances", "MissingParameter", "Filters", "{}");
}

static void members_are_answered(void **state)
{
	json_t *answer = noun_call("DescribeTargetGroupInstances",
				   "{'Filters':[{'Name':'TargetGroupId','Values':['%s']}],"
				   "'Limit':1,'Offset':1}",
				   group_id);
	const json_t *member = noun_at(answer, "TargetGroupInstanceSet.0");

	assert_int_equal(noun_integer(answer, "TotalCount"), 1);
	assert_int_equal(noun_integer(answer, "RealCount"), 2);
	assert_int_equal(json_object_size(member), 11);
	assert_string_equal(noun_text(member, "TargetGroupId"), group_id);
	assert_string_equal(noun_text(member, "Type"), "ENI");
	assert_string_equal(noun_text(member, "PrivateIpAddresses.0"), "10.0.0.2");
	assert_int_equal(noun_integer(member, "Port"), 81);
	assert_int_equal(noun_integer(member, "Weight"), 0);
	json_decref(answer);
}

#define NOUN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOUN_TEST(creates_and_describes),
		NOUN_TEST(refuses_bad_groups),
		NOUN_TEST(lists_have_roofs),
		NOUN_TEST(is_shared),
		NOUN_TEST(members_change_everywhere),
		NOUN_TEST(refuses_bad_members),
		NOUN_TEST(names_and_default_ports_change),
		NOUN_TEST(one_group_each),
		NOUN_TEST(refuses_bad_associations),
		NOUN_TEST(servers_of_a_group_are_no_rules_own),
		NOUN_TEST(types_change_only_while_free),
		NOUN_TEST(goes_when_nothing_stands_on_it),
		NOUN_TEST(describes_by_filter_and_page),
		NOUN_TEST(members_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

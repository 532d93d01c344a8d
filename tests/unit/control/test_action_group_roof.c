/* SPDX-License-Identifier: Apache-2.0 */
/* Roofs of what calls on target groups may bring, and the operator's quotas that groups meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "control/quota.h"
#include "noun_fixture.h"

#define VALUE "InvalidParameterValue"
#define MEMBERS "{'TargetGroupId':'%s','TargetGroupInstances':[%s]}"

static char instance[32], tcp[2][32], group_id[32];

/* A group of two, and two TCP listeners for groups. */
static int set_up(void **state)
{
	json_t *answer;

	noun_setup(state);
	strcpy(instance, noun_instance("127.0.0.1"));
	answer = noun_call("CreateListener",
			   "{'LoadBalancerId':'%s','Protocol':'TCP','Ports':[90,91],"
			   "'TargetType':'TARGETGROUP'}",
			   instance);
	strcpy(tcp[0], noun_text(answer, "ListenerIds.0"));
	strcpy(tcp[1], noun_text(answer, "ListenerIds.1"));
	json_decref(answer);
	answer = noun_call("CreateTargetGroup",
			   "{'Port':80,'TargetGroupInstances':[{'BindIP':'10.0.0.1'},"
			   "{'BindIP':'10.0.0.2'}]}");
	strcpy(group_id, noun_text(answer, "TargetGroupId"));
	json_decref(answer);
	return 0;
}

static int tear_down(void **state)
{
	quota_use(NULL);
	return noun_teardown(state);
}

static const struct listener *listener_at(size_t index)
{
	return noun.control.model.instances[0]->listeners[index];
}

static void associate(const char *listener)
{
	noun_do("AssociateTargetGroups",
		"{'Associations':[{'LoadBalancerId':'%s','ListenerId':'%s','TargetGroupId':'%s'}]}",
		instance, listener, group_id);
}

/* `count` elements, each as printf makes it of its index. */
static const char *list_of(int count, const char *format)
{
	static char text[16384];
	size_t size = 0;

	for (int i = 0; i < count; i++) {
		size += (size_t)snprintf(text + size, sizeof(text) - size, "%s", i ? "," : "");
		size += (size_t)snprintf(text + size, sizeof(text) - size, format, i);
	}
	return text;
}

static const char *text_of(size_t size)
{
	static char text[512];

	memset(text, 'a', size);
	text[size] = '\0';
	return text;
}

static void lists_have_roofs(void **state)
{
	static const struct {
		const char *action, *list;
		int most;
		const char *format;
	} cases[] = {
		{ "DeregisterTargetGroupInstances", "TargetGroupInstances", 20,
		  "{'BindIP':'10.0.0.1','Port':%d}" },
		{ "RegisterTargetGroupInstances", "TargetGroupInstances", 50,
		  "{'BindIP':'10.0.0.1','Port':%d}" },
		{ "ModifyTargetGroupInstancesWeight", "TargetGroupInstances", 50,
		  "{'BindIP':'10.0.0.1','Port':%d}" },
		{ "ModifyTargetGroupInstancesPort", "TargetGroupInstances", 50,
		  "{'BindIP':'10.0.0.1','Port':%d,'NewPort':1}" },
		{ "DeleteTargetGroups", "TargetGroupIds", 20, "'lbtg-%08d'" },
		{ "AssociateTargetGroups", "Associations", 20,
		  "{'LoadBalancerId':'lb-%08d','ListenerId':'x','TargetGroupId':'x'}" },
		{ "DisassociateTargetGroups", "Associations", 20,
		  "{'LoadBalancerId':'lb-%08d','ListenerId':'x','TargetGroupId':'x'}" },
		{ "DescribeTargetGroups", "TargetGroupIds", 100, "'lbtg-%08d'" },
		{ "DescribeTargetGroupList", "TargetGroupIds", 100, "'lbtg-%08d'" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *group = strcmp(cases[i].list, "TargetGroupInstances") == 0
					    ? "'TargetGroupId':'lbtg-00000000',"
					    : "";

		noun_refuse(cases[i].action, VALUE, cases[i].list, "{%s'%s':[%s]}", group,
			    cases[i].list, list_of(cases[i].most + 1, cases[i].format));
	}
}

static void texts_have_roofs(void **state)
{
	static const struct {
		const char *field;
		size_t most;
		const char *begin, *end;
	} cases[] = {
		{ "TargetGroupName", 80, "'TargetGroupName':'", "'" },
		{ "VpcId", 64, "'VpcId':'", "'" },
		{ "Tags[0].TagKey", 127, "'Tags':[{'TagKey':'", "','TagValue':''}]" },
		{ "Tags[0].TagValue", 255, "'Tags':[{'TagKey':'a','TagValue':'", "'}]" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		noun_refuse("CreateTargetGroup", VALUE, cases[i].field, "{'Port':1,%s%s%s}",
			    cases[i].begin, text_of(cases[i].most + 1), cases[i].end);
		noun_do("CreateTargetGroup", "{'Port':1,%s%s%s}", cases[i].begin,
			text_of(cases[i].most), cases[i].end);
	}
	noun_refuse("CreateTargetGroup", VALUE, "Tags[0].TagKey",
		    "{'Port':1,'Tags':[{'TagKey':'','TagValue':''}]}");
	noun_refuse("CreateTargetGroup", VALUE, "Tags", "{'Port':1,'Tags':[%s]}",
		    list_of(21, "{'TagKey':'%d','TagValue':''}"));
	noun_do("CreateTargetGroup", "{'Port':1,'Tags':[%s]}",
		list_of(20, "{'TagKey':'%d','TagValue':''}"));
	noun_refuse("ModifyTargetGroupAttribute", VALUE, "TargetGroupName",
		    "{'TargetGroupId':'%s','TargetGroupName':'%s'}", group_id, text_of(81));
	noun_refuse("ModifyTargetGroupAttribute", VALUE, "Port", "{'TargetGroupId':'%s','Port':0}",
		    group_id);
	noun_refuse("ModifyTargetGroupInstancesPort", VALUE, "TargetGroupInstances[0].NewPort",
		    MEMBERS, group_id, "{'BindIP':'10.0.0.1','Port':80,'NewPort':65536}");
}

/* What v2 alone has is refused where a group is modified too. */
static void modifying_knows_no_v2(void **state)
{
	static const struct {
		const char *field, *value;
	} cases[] = {
		{ "HealthCheck", "{'HealthSwitch':true}" },
		{ "ScheduleAlgorithm", "'WRR'" },
		{ "Weight", "5" },
		{ "KeepaliveEnable", "true" },
		{ "SessionExpireTime", "30" },
		{ "SnatEnable", "true" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		noun_refuse("ModifyTargetGroupAttribute", "UnsupportedOperation", cases[i].field,
			    "{'TargetGroupId':'%s','%s':%s}", group_id, cases[i].field,
			    cases[i].value);
}

static void groups_meet_the_quota_of_rules(void **state)
{
	struct quotas quotas = quotas_default();

	quota_use(&quotas);
	quotas.most[QUOTA_OF_TARGETS] = 1;
	noun_refuse("AssociateTargetGroups", "LimitExceeded", NULL,
		    "{'Associations':[{'LoadBalancerId':'%s','ListenerId':'%s',"
		    "'TargetGroupId':'%s'}]}",
		    instance, tcp[0], group_id);
	quotas.most[QUOTA_OF_TARGETS] = 2;
	associate(tcp[0]);
	/* A group that something stands on grows no further than that may; others do. */
	noun_refuse("RegisterTargetGroupInstances", "LimitExceeded", NULL, MEMBERS, group_id,
		    "{'BindIP':'10.0.0.3'}");
	noun_do("CreateTargetGroup", "{'TargetGroupInstances':[%s]}",
		list_of(5, "{'BindIP':'10.0.0.1','Port':1%d}"));
	quotas.most[QUOTA_OF_TARGETS] = 1;
	/* A lower one breaks nothing that is there: weights and ports change, servers leave. */
	noun_do("RegisterTargetGroupInstances", MEMBERS, group_id,
		"{'BindIP':'10.0.0.1','Weight':3}");
	noun_do("ModifyTargetGroupInstancesPort", MEMBERS, group_id,
		"{'BindIP':'10.0.0.1','Port':80,'NewPort':81}");
	assert_int_equal(listener_at(0)->target_count, 2);
	noun_do("DeregisterTargetGroupInstances", MEMBERS, group_id,
		"{'BindIP':'10.0.0.1','Port':81}");
	associate(tcp[1]);
	assert_int_equal(listener_at(1)->target_count, 1);
	quotas.most[QUOTA_OF_MEMBERS] = 1;
	noun_refuse("RegisterTargetGroupInstances", "LimitExceeded", NULL, MEMBERS, group_id,
		    "{'BindIP':'10.0.0.3'}");
	noun_refuse("CreateTargetGroup", "LimitExceeded", NULL,
		    "{'Port':1,'TargetGroupInstances':[{'BindIP':'10.0.0.1'},"
		    "{'BindIP':'10.0.0.2'}]}");
}

/* The second association cannot be made, so the first is not. */
static void associations_are_all_or_none(void **state)
{
	noun_refuse("AssociateTargetGroups", "InvalidParameter", "Associations[1]",
		    "{'Associations':[{'LoadBalancerId':'%s','ListenerId':'%s',"
		    "'TargetGroupId':'%s'},{'LoadBalancerId':'%s','ListenerId':'%s',"
		    "'TargetGroupId':'%s','LocationId':'','Weight':10}]}",
		    instance, tcp[0], group_id, instance, tcp[0], group_id);
	assert_null(listener_at(0)->group);
	associate(tcp[0]);
	associate(tcp[1]);
	noun_do("DeleteLoadBalancer", "{'LoadBalancerIds':['%s']}", instance);
	noun_do("DeleteTargetGroups", "{'TargetGroupIds':['%s']}", group_id);
	noun_restart();
	assert_int_equal(noun.control.model.group_count, 0);
}

#define ROOF_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOF_TEST(lists_have_roofs),
		ROOF_TEST(texts_have_roofs),
		ROOF_TEST(modifying_knows_no_v2),
		ROOF_TEST(groups_meet_the_quota_of_rules),
		ROOF_TEST(associations_are_all_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

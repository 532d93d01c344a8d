/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances beside their making and their end: stops, tags, lists of networks, security groups that
 * do not exist, and the table of details (api.md section 6).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/access_input.h"
#include "noun_fixture.h"

static char id[32], web[32], second[32];

/* An instance with two HTTP listeners. */
static void make(void)
{
	strcpy(id, noun_instance("127.0.0.1"));
	strcpy(web, noun_listener(id, 80));
	strcpy(second, noun_listener(id, 81));
}

static void set_status(const char *operation, const char *listener)
{
	if (listener)
		noun_do("SetLoadBalancerStartStatus",
			"{'LoadBalancerId':'%s','OperationType':'%s','ListenerIds':['%s']}", id,
			operation, listener);
	else
		noun_do("SetLoadBalancerStartStatus",
			"{'LoadBalancerId':'%s','OperationType':'%s'}", id, operation);
}

/* 's' or 'r' of the instance, then of each listener. */
static void expect_states(const char *states)
{
	json_t *balancers = noun_call("DescribeLoadBalancers", "{'LoadBalancerIds':['%s']}", id);
	json_t *listeners = noun_call("DescribeListeners", "{'LoadBalancerId':'%s'}", id);
	const json_t *list = noun_at(listeners, "Listeners");
	char is[16] = "";

	is[0] = json_array_size(noun_at(balancers, "LoadBalancerSet.0.AttributeFlags")) ? 's' : 'r';
	for (size_t i = 0; i < json_array_size(list); i++)
		is[i + 1] =
			json_array_size(noun_at(json_array_get(list, i), "AttrFlags")) ? 's' : 'r';
	assert_string_equal(is, states);
	json_decref(balancers);
	json_decref(listeners);
}

static void stops_and_starts(void **state)
{
	make();
	expect_states("rrr");
	set_status("Stop", NULL);
	expect_states("sss");
	set_status("Stop", NULL);
	expect_states("sss");
	/* One of them starts the instance, and only itself. */
	set_status("Start", second);
	expect_states("rsr");
	set_status("Stop", second);
	expect_states("sss");
	/* A new one is stopped like the others, and has its port. */
	noun_listener(id, 82);
	expect_states("ssss");
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[0]",
		    "{'LoadBalancerId':'%s','Protocol':'TCP','Ports':[81]}", id);
	set_status("Start", NULL);
	expect_states("rrrr");
	set_status("Stop", web);
	expect_states("rsrr");
	noun_do("SetLoadBalancerStartStatus",
		"{'LoadBalancerId':'%s','OperationType':'Start','ListenerIds':[]}", id);
	expect_states("rrrr");
}

static void refuses_bad_stops(void **state)
{
	char empty[32];

	strcpy(empty, noun_instance("127.0.0.1"));
	make();
	noun_refuse("SetLoadBalancerStartStatus", "FailedOperation.NoListenerInLB",
		    "LoadBalancerId", "{'LoadBalancerId':'%s','OperationType':'Stop'}", empty);
	noun_refuse("SetLoadBalancerStartStatus", "InvalidParameter.LBIdNotFound", "LoadBalancerId",
		    "{'LoadBalancerId':'lb-00000000','OperationType':'Stop'}");
	noun_refuse("SetLoadBalancerStartStatus", "InvalidParameter.ListenerIdNotFound",
		    "ListenerIds[1]",
		    "{'LoadBalancerId':'%s','OperationType':'Stop','ListenerIds':['%s','lbl-x']}",
		    id, web);
	noun_refuse("SetLoadBalancerStartStatus", "InvalidParameterValue", "OperationType",
		    "{'LoadBalancerId':'%s','OperationType':'stop'}", id);
	noun_refuse("SetLoadBalancerStartStatus", "MissingParameter", "OperationType",
		    "{'LoadBalancerId':'%s'}", id);
	expect_states("rrr");
}

static void changes_tags(void **state)
{
	json_t *answer;

	make();
	noun_do("ModifyLoadBalancerTags",
		"{'LoadBalancerId':'%s','Tags':[{'TagKey':'a','TagValue':'1'},"
		"{'TagKey':'b','TagValue':''}]}",
		id);
	answer = noun_call("DescribeLoadBalancers", "{'Filters':[{'Name':'tag:a','Values':['1']},"
						    "{'Name':'tag-key','Values':['x','b']}]}");
	assert_string_equal(noun_text(answer, "LoadBalancerSet.0.Tags.1.TagKey"), "b");
	json_decref(answer);
	answer =
		noun_call("DescribeLoadBalancers", "{'Filters':[{'Name':'tag:a','Values':['2']}]}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 0);
	json_decref(answer);
	noun_refuse("ModifyLoadBalancerTags", "InvalidParameterValue.Duplicate", "Tags[1].TagKey",
		    "{'LoadBalancerId':'%s','Tags':[{'TagKey':'a','TagValue':'1'},"
		    "{'TagKey':'a','TagValue':'2'}]}",
		    id);
	noun_refuse("ModifyLoadBalancerTags", "MissingParameter", "Tags", "{'LoadBalancerId':'%s'}",
		    id);
	noun_refuse("ModifyLoadBalancerTags", "InvalidParameter.LBIdNotFound", "LoadBalancerId",
		    "{'LoadBalancerId':'lb-00000000','Tags':[]}");
	noun_do("ModifyLoadBalancerTags", "{'LoadBalancerId':'%s','Tags':[]}", id);
	assert_int_equal(noun.control.model.instances[0]->tag_count, 0);
}

static void expect_lists(const char *allow, const char *deny)
{
	json_t *answer =
		noun_call("DescribeLoadBalancerAccessControl", "{'LoadBalancerId':'%s'}", id);
	char *is_allow = json_dumps(noun_at(answer, "Allow"), JSON_COMPACT);
	char *is_deny = json_dumps(noun_at(answer, "Deny"), JSON_COMPACT);

	assert_string_equal(is_allow, allow);
	assert_string_equal(is_deny, deny);
	free(is_allow);
	free(is_deny);
	json_decref(answer);
}

static void keeps_lists(void **state)
{
	json_t *answer;

	make();
	expect_lists("[]", "[]");
	answer = noun_call("SetLoadBalancerAccessControl",
			   "{'LoadBalancerId':'%s','Allow':['10.0.0.0/8','2001:DB8::/32']}", id);
	assert_string_equal(noun_text(answer, "Allow.1"), "2001:db8::/32");
	json_decref(answer);
	noun_do("SetLoadBalancerAccessControl", "{'LoadBalancerId':'%s','Deny':['10.9.0.1']}", id);
	expect_lists("[\"10.0.0.0/8\",\"2001:db8::/32\"]", "[\"10.9.0.1/32\"]");
	noun_do("SetLoadBalancerAccessControl", "{'LoadBalancerId':'%s'}", id);
	expect_lists("[\"10.0.0.0/8\",\"2001:db8::/32\"]", "[\"10.9.0.1/32\"]");
	noun_restart();
	noun_do("SetLoadBalancerAccessControl", "{'LoadBalancerId':'%s','Allow':[]}", id);
	expect_lists("[]", "[\"10.9.0.1/32\"]");
	noun_do("SetLoadBalancerAccessControl", "{'LoadBalancerId':'%s','Deny':[]}", id);
	expect_lists("[]", "[]");
}

static void refuses_bad_lists(void **state)
{
	static const struct {
		const char *code, *field, *lists;
	} cases[] = {
		{ "InvalidParameter.FormatError", "Allow[1]", "'Allow':['10.0.0.0/8','x']" },
		{ "InvalidParameter.FormatError", "Deny[0]", "'Deny':['10.0.0.1/8']" },
		{ "InvalidParameter.FormatError", "Deny[0]", "'Deny':['::ffff:10.0.0.0/104']" },
		{ "InvalidParameter.FormatError", "Deny[0]", "'Deny':['']" },
		{ "InvalidParameterValue.Duplicate", "Allow[2]",
		  "'Allow':['10.0.0.0/8','11.0.0.0/8','10.0.0.0/8']" },
		{ "InvalidParameterValue.Duplicate", "Deny[1]", "'Deny':['::1','0::1/128']" },
		{ "InvalidParameter", "Deny[0]", "'Deny':[1]" },
		{ "InvalidParameter", "Deny", "'Deny':'10.0.0.0/8'" },
		{ "UnknownParameter", "allow", "'allow':[]" },
	};

	make();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		noun_refuse("SetLoadBalancerAccessControl", cases[i].code, cases[i].field,
			    "{'LoadBalancerId':'%s',%s}", id, cases[i].lists);
	noun_refuse("SetLoadBalancerAccessControl", "InvalidParameter.LBIdNotFound",
		    "LoadBalancerId", "{'LoadBalancerId':'lb-00000000','Allow':[]}");
	noun_refuse("DescribeLoadBalancerAccessControl", "InvalidParameter.LBIdNotFound",
		    "LoadBalancerId", "{'LoadBalancerId':'lb-00000000'}");
}

/* The calls' own roof is the field's; here it is that a long list is read soon. */
static void reads_ten_thousand(void **state)
{
	json_t *list = json_array();
	struct problem problem = { 0 };
	struct cidr *cidrs;
	size_t count;

	for (unsigned i = 0; i < LIMIT_CIDRS; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		assert_int_equal(json_array_append_new(list, json_string(text)), 0);
	}
	assert_int_equal(access_read(list, "Deny", &cidrs, &count, &problem), 0);
	assert_int_equal(count, LIMIT_CIDRS);
	free(cidrs);
	json_array_append_new(list, json_string("10.0.0.77/32"));
	assert_int_equal(access_read(list, "Deny", &cidrs, &count, &problem), -EINVAL);
	assert_string_equal(problem.field, "Deny[10000]");
	json_decref(list);
}

static void has_no_security_groups(void **state)
{
	make();
	noun_do("SetLoadBalancerSecurityGroups", "{'LoadBalancerId':'%s'}", id);
	noun_do("SetLoadBalancerSecurityGroups", "{'LoadBalancerId':'%s','SecurityGroups':[]}", id);
	noun_refuse("SetLoadBalancerSecurityGroups", "UnsupportedOperation", "SecurityGroups",
		    "{'LoadBalancerId':'%s','SecurityGroups':['sg-1']}", id);
	noun_refuse("SetLoadBalancerSecurityGroups", "InvalidParameter.LBIdNotFound",
		    "LoadBalancerId", "{'LoadBalancerId':'lb-00000000'}");
	noun_do("SetSecurityGroupForLoadbalancers",
		"{'SecurityGroup':'sg-1','OperationType':'ADD','LoadBalancerIds':[]}");
	noun_refuse("SetSecurityGroupForLoadbalancers", "UnsupportedOperation", "SecurityGroup",
		    "{'SecurityGroup':'sg-1','OperationType':'DEL','LoadBalancerIds':['%s']}", id);
	noun_refuse("SetSecurityGroupForLoadbalancers", "InvalidParameterValue", "OperationType",
		    "{'SecurityGroup':'sg-1','OperationType':'SET','LoadBalancerIds':[]}");
}

static void bind_server(const char *rule, const char *ip, int port)
{
	noun_do("RegisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s',"
		"'Targets':[{'EniIp':'%s','Port':%d}]}",
		id, web, rule, ip, port);
}

/* Two rules of web, of which one has two servers; `second` has no rule; another instance nothing.
 */
static void make_table(char full[32])
{
	make();
	strcpy(full, noun_rule(id, web, "a.example", "/"));
	noun_rule(id, web, "b.example", "/x");
	bind_server(full, "10.0.0.1", 80);
	bind_server(full, "2001:db8::1", 81);
	noun_do("CreateLoadBalancer",
		"{'LoadBalancerType':'INTERNAL','LoadBalancerName':'other','VpcId':'vpc-1',"
		"'ProjectId':7,'AddressIPVersion':'IPv6FullChain',"
		"'Tags':[{'TagKey':'k','TagValue':'v'}]}");
}

static void lists_details(void **state)
{
	char full[32];
	const json_t *row;
	json_t *answer;

	make_table(full);
	answer = noun_call("DescribeLoadBalancersDetail", "{'TargetType':'NODE'}");
	/* Two servers, a rule without, a listener without rules, an instance without listeners. */
	assert_int_equal(noun_integer(answer, "TotalCount"), 5);
	row = noun_at(answer, "LoadBalancerDetailSet.0");
	assert_int_equal(json_object_size(row), 43);
	assert_string_equal(noun_text(row, "LoadBalancerId"), id);
	assert_string_equal(noun_text(row, "LoadBalancerType"), "Public");
	assert_string_equal(noun_text(row, "Address"), "127.0.0.1");
	assert_string_equal(noun_text(row, "AddressIPVersion"), "IPv4");
	assert_string_equal(noun_text(row, "ListenerId"), web);
	assert_string_equal(noun_text(row, "Protocol"), "HTTP");
	assert_int_equal(noun_integer(row, "Port"), 80);
	assert_string_equal(noun_text(row, "LocationId"), full);
	assert_string_equal(noun_text(row, "Domain"), "a.example");
	assert_string_equal(noun_text(row, "Domains"), "a.example");
	assert_string_equal(noun_text(row, "Url"), "/");
	assert_string_equal(noun_text(row, "TargetAddress"), "10.0.0.1");
	assert_int_equal(noun_integer(row, "TargetPort"), 80);
	assert_int_equal(noun_integer(row, "TargetWeight"), 10);
	assert_string_equal(noun_text(row, "TargetHealth"), "Unknown");
	assert_int_equal(noun_integer(row, "LoadBalancerPassToTarget"), 0);
	assert_int_equal(noun_integer(row, "SniSwitch"), 0);
	assert_int_equal(json_array_size(noun_at(row, "SecurityGroup")), 0);
	row = noun_at(answer, "LoadBalancerDetailSet.2");
	assert_string_equal(noun_text(row, "Domain"), "b.example");
	assert_true(json_is_null(noun_at(row, "TargetAddress")));
	row = noun_at(answer, "LoadBalancerDetailSet.3");
	assert_string_equal(noun_text(row, "ListenerId"), second);
	assert_true(json_is_null(noun_at(row, "LocationId")));
	row = noun_at(answer, "LoadBalancerDetailSet.4");
	assert_string_equal(noun_text(row, "LoadBalancerType"), "Private");
	assert_true(json_is_null(noun_at(row, "ListenerId")));
	assert_true(json_is_null(noun_at(row, "Address")));
	assert_string_equal(noun_text(row, "AddressIPv6"), "::");
	json_decref(answer);
}

static void pages_details(void **state)
{
	char full[32];
	json_t *answer;

	make_table(full);
	answer = noun_call("DescribeLoadBalancersDetail",
			   "{'TargetType':'NODE','Offset':1,'Limit':2}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 5);
	assert_int_equal(json_array_size(noun_at(answer, "LoadBalancerDetailSet")), 2);
	assert_string_equal(noun_text(answer, "LoadBalancerDetailSet.0.TargetAddress"),
			    "2001:db8::1");
	assert_string_equal(noun_text(answer, "LoadBalancerDetailSet.1.Domain"), "b.example");
	json_decref(answer);
	answer = noun_call("DescribeLoadBalancersDetail", "{'Offset':2147483647,'Limit':100}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 2);
	assert_int_equal(json_array_size(noun_at(answer, "LoadBalancerDetailSet")), 0);
	json_decref(answer);
	/* Without columns of what is behind them rows are instances. */
	answer = noun_call("DescribeLoadBalancersDetail", "{'Fields':['VpcId']}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 2);
	assert_string_equal(noun_text(answer, "LoadBalancerDetailSet.1.VpcId"), "vpc-1");
	assert_string_equal(noun_text(answer, "LoadBalancerDetailSet.1.LoadBalancerName"), "other");
	assert_true(json_is_null(noun_at(answer, "LoadBalancerDetailSet.1.ProjectId")));
	assert_true(json_is_null(noun_at(answer, "LoadBalancerDetailSet.0.ListenerId")));
	json_decref(answer);
	answer = noun_call("DescribeLoadBalancersDetail",
			   "{'Fields':['TargetPort'],'TargetType':'GROUP'}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 0);
	json_decref(answer);
}

static void filters_details(void **state)
{
	static const struct {
		const char *filters, *type;
		int rows;
	} cases[] = {
		{ "{'Name':'network','Values':['Private']}", "NODE", 1 },
		{ "{'Name':'network','Values':['Public','Private']}", "NODE", 5 },
		{ "{'Name':'network','Values':['OPEN']}", "NODE", 0 },
		{ "{'Name':'project-id','Values':['7']}", "NODE", 1 },
		{ "{'Name':'vpcid','Values':['vpc-1']}", "NODE", 1 },
		{ "{'Name':'vip','Values':['0::0']}", "NODE", 1 },
		{ "{'Name':'target-ip','Values':['2001:DB8:0::1']}", "NODE", 1 },
		{ "{'Name':'target-ip','Values':['10.0.0.1','10.0.0.2']}", "NODE", 1 },
		{ "{'Name':'target-ip','Values':[]}", "NODE", 0 },
		{ "{'Name':'target-ip','Values':['10.0.0.1']},"
		  "{'Name':'target-ip','Values':['2001:db8::1']}",
		  "NODE", 0 },
		{ "{'Name':'zone','Values':['ap-1']}", "NODE", 0 },
		{ "{'Name':'tag-key','Values':['k']}", "NODE", 1 },
		{ "{'Name':'tag:k','Values':['w','v']}", "NODE", 1 },
		{ "{'Name':'tag:k','Values':['w']}", "NODE", 0 },
		{ "{'Name':'fuzzy-search','Values':['127.0.']}", "NODE", 4 },
		{ "{'Name':'fuzzy-search','Values':['the']}", "NODE", 1 },
		{ "{'Name':'loadbalancer-id','Values':['lb-00000000']}", "NODE", 0 },
	};
	char full[32];

	make_table(full);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *answer = noun_call("DescribeLoadBalancersDetail",
					   "{'TargetType':'%s','Filters':[%s]}", cases[i].type,
					   cases[i].filters);

		if (noun_integer(answer, "TotalCount") != cases[i].rows)
			fail_msg("%s: %d rows", cases[i].filters,
				 (int)noun_integer(answer, "TotalCount"));
		json_decref(answer);
	}
	noun_refuse("DescribeLoadBalancersDetail", "InvalidParameterValue.InvalidFilter",
		    "Filters[0].Name", "{'Filters':[{'Name':'name','Values':['x']}]}");
	noun_refuse("DescribeLoadBalancersDetail", "MissingParameter", "TargetType",
		    "{'Fields':['LoadBalancerName','Url']}");
	noun_refuse("DescribeLoadBalancersDetail", "InvalidParameterValue", "Fields[0]",
		    "{'Fields':['url']}");
	noun_refuse("DescribeLoadBalancersDetail", "InvalidParameterValue.Range", "Limit",
		    "{'Limit':101}");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, noun_setup, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stops_and_starts),       TEST(refuses_bad_stops),
		TEST(changes_tags),           TEST(keeps_lists),
		TEST(refuses_bad_lists),      TEST(reads_ten_thousand),
		TEST(has_no_security_groups), TEST(lists_details),
		TEST(pages_details),          TEST(filters_details),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

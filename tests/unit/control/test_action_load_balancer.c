/* SPDX-License-Identifier: Apache-2.0 */
/* Actions on instances, and quotas: api.md sections 5, 6 and 12. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noun_fixture.h"

static void creates_with_defaults(void **state)
{
	json_t *answer = noun_call("CreateLoadBalancer", "{'LoadBalancerType':'INTERNAL'}");
	const json_t *found;
	char id[32];

	snprintf(id, sizeof(id), "%s", noun_text(answer, "LoadBalancerIds.0"));
	assert_int_equal(strlen(id), 11);
	assert_int_equal(strspn(id + 3, "abcdefghijklmnopqrstuvwxyz0123456789"), 8);
	assert_true(strlen(noun_text(answer, "DealName")) == 36);
	json_decref(answer);
	answer = noun_call("DescribeLoadBalancers", "{}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 1);
	found = noun_at(answer, "LoadBalancerSet.0");
	assert_string_equal(noun_text(found, "LoadBalancerId"), id);
	assert_string_equal(noun_text(found, "LoadBalancerName"), id);
	assert_string_equal(noun_text(found, "LoadBalancerType"), "INTERNAL");
	assert_string_equal(noun_text(found, "AddressIPVersion"), "ipv4");
	assert_string_equal(noun_text(found, "LoadBalancerVips.0"), "0.0.0.0");
	assert_int_equal(noun_integer(found, "NetworkAttributes.InternetMaxBandwidthOut"), 10);
	assert_int_equal(noun_integer(found, "Forward"), 1);
	assert_int_equal(noun_integer(found, "Status"), 1);
	assert_int_equal(strlen(noun_text(found, "CreateTime")), 19);
	assert_true(json_is_null(noun_at(found, "TargetCount")));
	assert_int_equal(json_array_size(noun_at(found, "AttributeFlags")), 0);
	assert_int_equal(json_object_size(found), 59);
	json_decref(answer);
}

static void creates_with_everything(void **state)
{
	json_t *answer = noun_call(
		"CreateLoadBalancer",
		"{'LoadBalancerType':'OPEN','LoadBalancerName':'web','VpcId':'vpc-1',"
		"'SubnetId':'net-1','ProjectId':7,'AddressIPVersion':'ipv4','Number':2,"
		"'Vip':'127.0.0.9','ZoneId':'z','SlaType':'s','VipIsp':'BGP','MasterZoneId':'',"
		"'Tags':[{'TagKey':'stage','TagValue':'test'}],"
		"'InternetAccessible':{'InternetMaxBandwidthOut':10},"
		"'LoadBalancerPassToTarget':true}");
	json_t *all;

	assert_int_equal(json_array_size(noun_at(answer, "LoadBalancerIds")), 2);
	all = noun_call("DescribeLoadBalancers", "{'OrderType':0}");
	assert_string_equal(noun_text(all, "LoadBalancerSet.0.LoadBalancerName"), "web");
	/* A name in use is replaced. */
	assert_string_equal(noun_text(all, "LoadBalancerSet.1.LoadBalancerName"),
			    noun_text(answer, "LoadBalancerIds.1"));
	assert_string_equal(noun_text(all, "LoadBalancerSet.1.VpcId"), "vpc-1");
	assert_int_equal(noun_integer(all, "LoadBalancerSet.1.ProjectId"), 7);
	assert_string_equal(noun_text(all, "LoadBalancerSet.1.Tags.0.TagValue"), "test");
	assert_true(json_is_true(noun_at(all, "LoadBalancerSet.1.LoadBalancerPassToTarget")));
	json_decref(answer);
	json_decref(all);
	all = noun_call("CreateLoadBalancer",
			"{'LoadBalancerType':'OPEN','AddressIPVersion':'IPv6FullChain'}");
	json_decref(all);
	all = noun_call("DescribeLoadBalancers", "{'LoadBalancerVips':['::']}");
	assert_string_equal(noun_text(all, "LoadBalancerSet.0.AddressIPv6"), "::");
	assert_string_equal(noun_text(all, "LoadBalancerSet.0.AddressIPVersion"), "ipv6");
	json_decref(all);
}

static void refuses_bad_creates(void **state)
{
	static const struct {
		const char *code, *field, *extra;
	} cases[] = {
		{ "InvalidParameterValue", "Forward", "'Forward':0" },
		{ "InvalidParameterValue.Length", "LoadBalancerName", "'LoadBalancerName':''" },
		{ "InvalidParameterValue", "LoadBalancerName", "'LoadBalancerName':'a\\u0007'" },
		{ "InvalidParameterValue.Range", "Number", "'Number':0" },
		{ "InvalidParameterValue.Range", "Number", "'Number':21" },
		{ "InvalidParameter.FormatError", "Vip", "'Vip':'300.1.1.1'" },
		{ "InvalidParameter.FormatError", "Vip", "'Vip':'127.0.0.1:80'" },
		{ "ResourceInsufficient", "Vip", "'Vip':'192.0.2.77'" },
		{ "ResourceInsufficient", "Vip", "'Vip':'fe80::1'" },
		{ "ResourceInsufficient", "Vip", "'Vip':'2001:db8::77'" },
		{ "InvalidParameter", "Vip",
		  "'Vip':'127.0.0.1','AddressIPVersion':'IPv6FullChain'" },
		{ "UnsupportedOperation", "AddressIPVersion", "'AddressIPVersion':'IPV6'" },
		{ "InvalidParameterValue", "AddressIPVersion", "'AddressIPVersion':'V4'" },
		{ "InvalidParameterValue.Range", "InternetAccessible.InternetMaxBandwidthOut",
		  "'InternetAccessible':{'InternetMaxBandwidthOut':61441}" },
		{ "UnsupportedOperation", "InternetAccessible.InternetMaxBandwidthOut",
		  "'InternetAccessible':{'InternetMaxBandwidthOut':11}" },
		{ "InvalidParameterValue.Duplicate", "Tags[1].TagKey",
		  "'Tags':[{'TagKey':'a','TagValue':'1'},{'TagKey':'a','TagValue':'2'}]" },
		{ "MissingParameter", "Tags[0].TagValue", "'Tags':[{'TagKey':'a'}]" },
		{ "UnsupportedOperation", "SnatPro", "'SnatPro':true" },
		{ "UnsupportedOperation", "LBChargeType", "'LBChargeType':'PREPAID'" },
		{ "UnknownParameter", "Nonsense", "'Nonsense':1" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		noun_refuse("CreateLoadBalancer", cases[i].code, cases[i].field,
			    "{'LoadBalancerType':'OPEN',%s}", cases[i].extra);
	noun_refuse("CreateLoadBalancer", "InvalidParameterValue", "LoadBalancerType",
		    "{'LoadBalancerType':'PUBLIC'}");
	noun_refuse("CreateLoadBalancer", "MissingParameter", "LoadBalancerType", "{}");
}

static void keeps_to_quotas(void **state)
{
	json_t *answer;

	for (int i = 0; i < 5; i++)
		noun_do("CreateLoadBalancer", "{'LoadBalancerType':'OPEN','Number':20}");
	noun_refuse("CreateLoadBalancer", "LimitExceeded", NULL, "{'LoadBalancerType':'OPEN'}");
	assert_non_null(strstr(noun.problem.text, "TOTAL_OPEN_CLB_QUOTA"));
	noun_do("CreateLoadBalancer", "{'LoadBalancerType':'INTERNAL'}");
	answer = noun_call("DescribeQuota", "{}");
	assert_string_equal(noun_text(answer, "QuotaSet.0.QuotaId"), "TOTAL_OPEN_CLB_QUOTA");
	assert_int_equal(noun_integer(answer, "QuotaSet.0.QuotaCurrent"), 100);
	assert_int_equal(noun_integer(answer, "QuotaSet.0.QuotaLimit"), 100);
	assert_int_equal(noun_integer(answer, "QuotaSet.1.QuotaCurrent"), 1);
	assert_true(json_is_null(noun_at(answer, "QuotaSet.2.QuotaCurrent")));
	json_decref(answer);
}

static void describes_by_filter_order_and_page(void **state)
{
	static const struct {
		const char *input;
		int count;
	} cases[] = {
		{ "{}", 3 },
		{ "{'LoadBalancerIds':['lb-00000000']}", 0 },
		{ "{'LoadBalancerType':'INTERNAL'}", 1 },
		{ "{'LoadBalancerName':'sho'}", 2 },
		{ "{'SearchKey':'127.0.0.2'}", 1 },
		{ "{'LoadBalancerVips':['127.0.0.1']}", 1 },
		{ "{'VpcId':'vpc-2'}", 1 },
		{ "{'ProjectId':5}", 1 },
		{ "{'WithRs':1}", 1 },
		{ "{'WithRs':0}", 2 },
		{ "{'BackendPrivateIps':['10.0.0.1']}", 1 },
		{ "{'BackendPrivateIps':['10.0.0.2']}", 0 },
		{ "{'BackendPublicIps':['10.0.0.1']}", 0 },
		{ "{'Forward':0}", 0 },
		{ "{'Domain':'x'}", 0 },
		{ "{'SecurityGroup':'sg'}", 0 },
		{ "{'Filters':[{'Name':'tag-key','Values':['a','b']}]}", 1 },
		{ "{'Filters':[{'Name':'tag:a','Values':['1']}]}", 1 },
		{ "{'Filters':[{'Name':'tag:a','Values':['2']}]}", 0 },
		{ "{'Filters':[{'Name':'charge-type','Values':['POSTPAID_BY_HOUR']}]}", 3 },
		{ "{'Filters':[{'Name':'charge-type','Values':['PREPAID']}]}", 0 },
	};
	char instance[32], listener[32];
	json_t *answer;

	noun_do("CreateLoadBalancer", "{'LoadBalancerType':'OPEN','LoadBalancerName':'shop',"
				      "'Vip':'127.0.0.1','Tags':[{'TagKey':'a','TagValue':'1'}]}");
	noun_do("CreateLoadBalancer", "{'LoadBalancerType':'INTERNAL','LoadBalancerName':'b-shop',"
				      "'Vip':'127.0.0.2','VpcId':'vpc-2','ProjectId':5}");
	strcpy(instance, noun_instance("127.0.0.3"));
	strcpy(listener, noun_listener(instance, 80));
	noun_rule(instance, listener, "", "/");
	noun_do("RegisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','Url':'/',"
		"'Targets':[{'EniIp':'10.0.0.1','Port':80}]}",
		instance, listener);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		answer = noun_call("DescribeLoadBalancers", "%s", cases[i].input);
		if (noun_integer(answer, "TotalCount") != cases[i].count)
			fail_msg("%s: %d", cases[i].input, (int)noun_integer(answer, "TotalCount"));
		json_decref(answer);
	}
	answer = noun_call("DescribeLoadBalancers",
			   "{'OrderBy':'LoadBalancerName','OrderType':0,'Offset':1,'Limit':1}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 3);
	assert_int_equal(json_array_size(noun_at(answer, "LoadBalancerSet")), 1);
	json_decref(answer);
	answer = noun_call("DescribeLoadBalancers",
			   "{'Limit':1,'AdditionalFields':['TargetCount']}");
	assert_string_equal(noun_text(answer, "LoadBalancerSet.0.LoadBalancerId"), instance);
	assert_int_equal(noun_integer(answer, "LoadBalancerSet.0.TargetCount"), 1);
	json_decref(answer);
	noun_refuse("DescribeLoadBalancers", "InvalidParameterValue.Range", "Limit",
		    "{'Limit':101}");
	noun_refuse("DescribeLoadBalancers", "InvalidParameterValue.InvalidFilter",
		    "Filters[0].Name", "{'Filters':[{'Name':'x','Values':[]}]}");
}

static void modifies(void **state)
{
	char id[32];
	json_t *answer;

	strcpy(id, noun_instance("127.0.0.1"));
	noun_do("CreateLoadBalancer", "{'LoadBalancerType':'OPEN','LoadBalancerName':'taken'}");
	answer = noun_call(
		"ModifyLoadBalancerAttributes",
		"{'LoadBalancerId':'%s','LoadBalancerName':'n\xc3\xa4me','DeleteProtect':true,"
		"'InternetChargeInfo':{'InternetMaxBandwidthOut':10}}",
		id);
	assert_true(json_is_null(noun_at(answer, "DealName")));
	json_decref(answer);
	answer = noun_call("DescribeLoadBalancers", "{'LoadBalancerIds':['%s']}", id);
	assert_string_equal(noun_text(answer, "LoadBalancerSet.0.LoadBalancerName"), "n\xc3\xa4me");
	assert_string_equal(noun_text(answer, "LoadBalancerSet.0.AttributeFlags.0"),
			    "DeleteProtect");
	json_decref(answer);
	noun_do("ModifyLoadBalancerAttributes",
		"{'LoadBalancerId':'%s','LoadBalancerName':'n\xc3\xa4me'}", id);
	noun_refuse("ModifyLoadBalancerAttributes", "InvalidParameterValue", "LoadBalancerName",
		    "{'LoadBalancerId':'%s','LoadBalancerName':'taken'}", id);
	noun_refuse("ModifyLoadBalancerAttributes", "InvalidParameter.LBIdNotFound",
		    "LoadBalancerId", "{'LoadBalancerId':'lb-00000000'}");
	noun_refuse("ModifyLoadBalancerAttributes", "UnsupportedOperation",
		    "InternetChargeInfo.InternetMaxBandwidthOut",
		    "{'LoadBalancerId':'%s','InternetChargeInfo':{'InternetMaxBandwidthOut':20}}",
		    id);
	/* What a database of before has stays as it is. */
	noun.control.model.instances[0]->bandwidth_out = 100;
	noun_do("ModifyLoadBalancerAttributes",
		"{'LoadBalancerId':'%s','InternetChargeInfo':{'InternetMaxBandwidthOut':100}}", id);
	noun_refuse("ModifyLoadBalancerAttributes", "UnsupportedOperation", "SwitchFlag",
		    "{'LoadBalancerId':'%s','SwitchFlag':1}", id);
}

static void deletes_with_guards(void **state)
{
	char id[32], listener[32];

	strcpy(id, noun_instance("127.0.0.1"));
	noun_do("ModifyLoadBalancerAttributes", "{'LoadBalancerId':'%s','DeleteProtect':true}", id);
	noun_refuse("DeleteLoadBalancer", "FailedOperation", "LoadBalancerIds[0]",
		    "{'LoadBalancerIds':['%s']}", id);
	noun_do("ModifyLoadBalancerAttributes", "{'LoadBalancerId':'%s','DeleteProtect':false}",
		id);
	strcpy(listener, noun_listener(id, 80));
	noun_rule(id, listener, "", "/");
	for (int i = 0; i < 20; i++)
		noun_do("RegisterTargets",
			"{'LoadBalancerId':'%s','ListenerId':'%s','Url':'/',"
			"'Targets':[{'EniIp':'10.0.0.1','Port':%d}]}",
			id, listener, 80 + i);
	noun_refuse("DeleteLoadBalancer", "FailedOperation.TargetNumCheckRisk",
		    "LoadBalancerIds[0]", "{'LoadBalancerIds':['%s']}", id);
	noun_refuse("DeleteLoadBalancer", "InvalidParameter.LBIdNotFound", "LoadBalancerIds[1]",
		    "{'LoadBalancerIds':['%s','lb-00000000'],'ForceDelete':true}", id);
	noun_refuse("DeleteLoadBalancer", "InvalidParameterValue.Length", "LoadBalancerIds",
		    "{'LoadBalancerIds':[]}");
	noun_do("DeleteLoadBalancer", "{'LoadBalancerIds':['%s','%s'],'ForceDelete':true}", id, id);
	assert_int_equal(noun.control.model.instance_count, 0);
	for (int i = 0; i < 28; i++) {
		strcpy(id, noun_instance("127.0.0.1"));
		noun_do("DeleteLoadBalancer", "{'LoadBalancerIds':['%s']}", id);
	}
	strcpy(id, noun_instance("127.0.0.1"));
	noun_do("DeleteLoadBalancer", "{'LoadBalancerIds':['%s']}", id);
	strcpy(id, noun_instance("127.0.0.1"));
	noun_refuse("DeleteLoadBalancer", "FailedOperation.FrequencyCheckRisk", NULL,
		    "{'LoadBalancerIds':['%s'],'ForceDelete':true}", id);
}

#define NOUN_TEST(name) cmocka_unit_test_setup_teardown(name, noun_setup, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOUN_TEST(creates_with_defaults),
		NOUN_TEST(creates_with_everything),
		NOUN_TEST(refuses_bad_creates),
		NOUN_TEST(keeps_to_quotas),
		NOUN_TEST(describes_by_filter_order_and_page),
		NOUN_TEST(modifies),
		NOUN_TEST(deletes_with_guards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

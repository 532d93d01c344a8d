/* SPDX-License-Identifier: Apache-2.0 */
/* Actions on listeners: api.md section 7, SP-8, ports across instances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noun_fixture.h"

static char instance[32];

static int set_up(void **state)
{
	noun_setup(state);
	strcpy(instance, noun_instance("127.0.0.1"));
	return 0;
}

static void creates_several(void **state)
{
	json_t *answer = noun_call("CreateListener",
				   "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[80,8080],"
				   "'ListenerNames':['one','two'],'KeepaliveEnable':0}",
				   instance);
	const json_t *found;

	assert_int_equal(json_array_size(noun_at(answer, "ListenerIds")), 2);
	json_decref(answer);
	noun_listener(instance, 81);
	answer = noun_call("DescribeListeners", "{'LoadBalancerId':'%s'}", instance);
	assert_int_equal(noun_integer(answer, "TotalCount"), 3);
	found = noun_at(answer, "Listeners.1");
	assert_string_equal(noun_text(found, "ListenerName"), "two");
	assert_string_equal(noun_text(found, "Protocol"), "HTTP");
	assert_int_equal(noun_integer(found, "Port"), 8080);
	assert_int_equal(noun_integer(found, "KeepaliveEnable"), 0);
	assert_int_equal(noun_integer(found, "SniSwitch"), 0);
	assert_int_equal(noun_integer(found, "EndPort"), 0);
	assert_int_equal(noun_integer(found, "MaxConn"), -1);
	assert_true(json_is_null(noun_at(found, "BindError")));
	assert_true(json_is_null(noun_at(found, "DrainPolicy")));
	assert_string_equal(noun_text(found, "AccessLog"), "off");
	assert_string_equal(noun_text(found, "AccessLogFormat"), "brackets");
	assert_int_equal(json_array_size(noun_at(found, "Rules")), 0);
	assert_int_equal(json_object_size(found), 31);
	assert_string_equal(noun_text(answer, "Listeners.2.ListenerName"), "HTTP-81");
	assert_int_equal(noun_integer(answer, "Listeners.2.KeepaliveEnable"), 1);
	json_decref(answer);
}

static void refuses_bad_creates(void **state)
{
	static const struct {
		const char *code, *field, *extra;
	} cases[] = {
		{ "InvalidParameterValue.Length", "ListenerNames", "'ListenerNames':['a','b']" },
		{ "InvalidParameterValue.Length", "ListenerNames[0]", "'ListenerNames':['']" },
		{ "InvalidParameter", "HealthCheck", "'HealthCheck':{'HealthSwitch':1}" },
		{ "InvalidParameter", "Certificate", "'Certificate':{'CertId':'x'}" },
		{ "InvalidParameter", "MultiCertInfo",
		  "'MultiCertInfo':{'SSLMode':'MUTUAL','CertList':[]}" },
		{ "InvalidParameter", "SessionExpireTime", "'SessionExpireTime':30" },
		{ "InvalidParameterValue", "SessionExpireTime", "'SessionExpireTime':29" },
		{ "InvalidParameterValue", "SessionExpireTime", "'SessionExpireTime':-1" },
		{ "InvalidParameter", "SessionExpireTime", "'SessionExpireTime':'30'" },
		{ "InvalidParameter", "SessionExpireTime", "'SessionExpireTime':30.5" },
		{ "InvalidParameter", "SessionType", "'SessionType':'QUIC_CID'" },
		{ "InvalidParameter", "Scheduler", "'Scheduler':'LEAST_CONN'" },
		{ "InvalidParameterValue", "Scheduler", "'Scheduler':'IP_HASH'" },
		{ "InvalidParameter", "SniSwitch", "'SniSwitch':1" },
		{ "InvalidParameter", "TargetType", "'TargetType':'TARGETGROUP'" },
		{ "InvalidParameterValue", "KeepaliveEnable", "'KeepaliveEnable':2" },
		{ "InvalidParameter", "IdleConnectTimeout", "'IdleConnectTimeout':900" },
		{ "InvalidParameter", "DeregisterTargetRst", "'DeregisterTargetRst':true" },
		{ "InvalidParameter", "RescheduleInterval", "'RescheduleInterval':1" },
		{ "InvalidParameterValue", "MaxConn", "'MaxConn':0" },
		{ "UnsupportedOperation", "MaxCps", "'MaxCps':1" },
		{ "InvalidParameterValue", "MaxCps", "'MaxCps':-2" },
		{ "InvalidParameter", "UdpResponses", "'UdpResponses':1" },
		{ "InvalidParameter", "ProxyProtocol", "'ProxyProtocol':true" },
		{ "InvalidParameter", "DrainPolicy", "'DrainPolicy':'KEEP'" },
		{ "InvalidParameterValue", "DrainPolicy", "'DrainPolicy':'STAY'" },
		{ "InvalidParameterValue", "AccessLog", "'AccessLog':'../a.log'" },
		{ "InvalidParameterValue", "AccessLog", "'AccessLog':'a/b'" },
		{ "InvalidParameterValue", "AccessLog", "'AccessLog':'.hidden'" },
		{ "InvalidParameterValue", "AccessLog", "'AccessLog':'a b'" },
		{ "InvalidParameterValue.Length", "AccessLog", "'AccessLog':''" },
		{ "InvalidParameterValue.Length", "AccessLog",
		  "'AccessLog':'12345678901234567890123456789012345678901234567890123456789012345'" },
		{ "InvalidParameter", "AccessLog", "'AccessLog':7" },
		{ "InvalidParameterValue", "AccessLogFormat", "'AccessLogFormat':'JSON'" },
		{ "UnsupportedOperation", "EndPort", "'EndPort':99" },
		{ "UnsupportedOperation", "H2cSwitch", "'H2cSwitch':true" },
		{ "UnsupportedOperation", "DataCompressMode",
		  "'DataCompressMode':'compatibility'" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		noun_refuse("CreateListener", cases[i].code, cases[i].field,
			    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[80],%s}", instance,
			    cases[i].extra);
	noun_do("CreateListener",
		"{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[80],'SessionExpireTime':0,"
		"'Scheduler':'WRR','TargetType':'NODE','SessionType':'NORMAL','SniSwitch':0,"
		"'SnatEnable':true,'MaxConn':-1,'EndPort':0,'DataCompressMode':'transparent'}",
		instance);
}

static void access_logs_change(void **state)
{
	static const struct {
		const char *extra, *log, *format;
	} steps[] = {
		{ "'AccessLog':'a-B_1.log'", "a-B_1.log", "brackets" },
		{ "'AccessLogFormat':'json'", "a-B_1.log", "json" },
		{ "'AccessLog':'stderr'", "stderr", "json" },
		{ "'ListenerName':'named'", "stderr", "json" },
		{ "'AccessLog':'off','AccessLogFormat':'brackets'", "off", "brackets" },
	};
	char listener[32];

	strcpy(listener, noun_listener(instance, 81));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		json_t *answer;

		noun_do("ModifyListener", "{'LoadBalancerId':'%s','ListenerId':'%s',%s}", instance,
			listener, steps[i].extra);
		noun_restart();
		answer = noun_call("DescribeListeners", "{'LoadBalancerId':'%s'}", instance);
		assert_string_equal(noun_text(answer, "Listeners.0.AccessLog"), steps[i].log);
		assert_string_equal(noun_text(answer, "Listeners.0.AccessLogFormat"),
				    steps[i].format);
		json_decref(answer);
	}
	noun_refuse("ModifyListener", "InvalidParameterValue", "AccessLog",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','AccessLog':'/etc/passwd',"
		    "'ListenerName':'x'}",
		    instance, listener);
}

static void refuses_other_protocols_and_ports(void **state)
{
	static const char *const later[] = { "HTTPS", "TCP_SSL", "QUIC" };

	for (int i = 0; i < 3; i++)
		noun_refuse("CreateListener", "UnsupportedOperation", "Protocol",
			    "{'LoadBalancerId':'%s','Protocol':'%s','Ports':[80]}", instance,
			    later[i]);
	noun_refuse("CreateListener", "InvalidParameterValue", "Protocol",
		    "{'LoadBalancerId':'%s','Protocol':'http','Ports':[80]}", instance);
	noun_refuse("CreateListener", "InvalidParameterValue.Length", "Ports",
		    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[]}", instance);
	noun_refuse("CreateListener", "InvalidParameterValue", "Ports[1]",
		    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[80,65536]}", instance);
	noun_refuse("CreateListener", "InvalidParameterValue", "Ports[0]",
		    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[0]}", instance);
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[1]",
		    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[80,80]}", instance);
	noun_refuse("CreateListener", "InvalidParameter.LBIdNotFound", "LoadBalancerId",
		    "{'LoadBalancerId':'lb-00000000','Protocol':'HTTP','Ports':[80]}");
}

static void ports_are_unique_per_address(void **state)
{
	char second[32], any[32], any6[32], listener[32];

	strcpy(listener, noun_listener(instance, 80));
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[0]",
		    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[80]}", instance);
	assert_non_null(strstr(noun.problem.text, listener));
	strcpy(second, noun_instance("127.0.0.2"));
	noun_listener(second, 80);
	strcpy(any, noun_instance("0.0.0.0"));
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[0]",
		    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[80]}", any);
	noun_listener(any, 81);
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[0]",
		    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[81]}", second);
	/* The other family is another address. */
	strcpy(any6, noun_instance("::"));
	noun_listener(any6, 80);
	noun_listener(any6, 81);
	/* And a deleted one's port is free. */
	noun_do("DeleteListener", "{'LoadBalancerId':'%s','ListenerId':'%s'}", instance, listener);
	noun_listener(instance, 80);
}

static void modifies_and_deletes(void **state)
{
	char id[32];
	json_t *answer;

	strcpy(id, noun_listener(instance, 80));
	noun_do("ModifyListener",
		"{'LoadBalancerId':'%s','ListenerId':'%s','ListenerName':'x','KeepaliveEnable':0}",
		instance, id);
	noun_do("ModifyListener", "{'LoadBalancerId':'%s','ListenerId':'%s'}", instance, id);
	answer = noun_call("DescribeListeners", "{'LoadBalancerId':'%s','ListenerIds':['%s','x']}",
			   instance, id);
	assert_string_equal(noun_text(answer, "Listeners.0.ListenerName"), "x");
	assert_int_equal(noun_integer(answer, "Listeners.0.KeepaliveEnable"), 0);
	json_decref(answer);
	noun_refuse("ModifyListener", "InvalidParameter", "SessionExpireTime",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','SessionExpireTime':60}", instance,
		    id);
	noun_refuse("ModifyListener", "InvalidParameter.ListenerIdNotFound", "ListenerId",
		    "{'LoadBalancerId':'%s','ListenerId':'lbl-00000000'}", instance);
	noun_refuse("ModifyListener", "UnknownParameter", "Ports",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','Ports':[1]}", instance, id);
	noun_do("DeleteListener", "{'LoadBalancerId':'%s','ListenerId':'%s'}", instance, id);
	noun_refuse("DeleteListener", "InvalidParameter.ListenerIdNotFound", "ListenerId",
		    "{'LoadBalancerId':'%s','ListenerId':'%s'}", instance, id);
}

static void deletes_several(void **state)
{
	char ids[3][32];

	for (int i = 0; i < 3; i++)
		strcpy(ids[i], noun_listener(instance, 80 + (unsigned)i));
	noun_refuse("DeleteLoadBalancerListeners", "InvalidParameter.ListenerIdNotFound",
		    "ListenerIds[1]", "{'LoadBalancerId':'%s','ListenerIds':['%s','lbl-00000000']}",
		    instance, ids[0]);
	/* Nothing is not everything. */
	noun_refuse("DeleteLoadBalancerListeners", "InvalidParameterValue.Length", "ListenerIds",
		    "{'LoadBalancerId':'%s','ListenerIds':[]}", instance);
	noun_refuse("DeleteLoadBalancerListeners", "InvalidParameter.LBIdNotFound",
		    "LoadBalancerId", "{'LoadBalancerId':'lb-00000000'}");
	noun_do("DeleteLoadBalancerListeners",
		"{'LoadBalancerId':'%s','ListenerIds':['%s','%s','%s']}", instance, ids[2], ids[0],
		ids[2]);
	assert_int_equal(noun.control.model.instances[0]->listener_count, 1);
	assert_string_equal(noun.control.model.instances[0]->listeners[0]->id, ids[1]);
	noun_listener(instance, 80);
	noun_do("DeleteLoadBalancerListeners", "{'LoadBalancerId':'%s','ListenerIds':null}",
		instance);
	assert_int_equal(noun.control.model.instances[0]->listener_count, 0);
	noun_do("DeleteLoadBalancerListeners", "{'LoadBalancerId':'%s'}", instance);
}

static void describes_by_filter(void **state)
{
	static const struct {
		const char *extra;
		int count;
	} cases[] = {
		{ "'Port':80", 1 },         { "'Port':79", 0 },
		{ "'Protocol':'HTTP'", 2 }, { "'Protocol':'TCP'", 0 },
		{ "'ListenerIds':[]", 2 },  { "'ListenerIds':['lbl-00000000']", 0 },
	};

	noun_listener(instance, 80);
	noun_listener(instance, 81);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *answer = noun_call("DescribeListeners", "{'LoadBalancerId':'%s',%s}",
					   instance, cases[i].extra);

		assert_int_equal(noun_integer(answer, "TotalCount"), cases[i].count);
		json_decref(answer);
	}
	noun_refuse("DescribeListeners", "InvalidParameter.LBIdNotFound", "LoadBalancerId",
		    "{'LoadBalancerId':'lb-00000000'}");
}

static void keeps_to_its_quota(void **state)
{
	for (unsigned i = 0; i < 50; i++)
		noun_listener(instance, 1000 + i);
	noun_refuse("CreateListener", "LimitExceeded", NULL,
		    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[80]}", instance);
	assert_non_null(strstr(noun.problem.text, "50"));
}

#define NOUN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOUN_TEST(creates_several),
		NOUN_TEST(refuses_bad_creates),
		NOUN_TEST(access_logs_change),
		NOUN_TEST(refuses_other_protocols_and_ports),
		NOUN_TEST(ports_are_unique_per_address),
		NOUN_TEST(modifies_and_deletes),
		NOUN_TEST(deletes_several),
		NOUN_TEST(describes_by_filter),
		NOUN_TEST(keeps_to_its_quota),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

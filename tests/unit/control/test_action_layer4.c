/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and UDP listeners and their servers: api.md sections 7 and 9, SP-1..20, 29, 50, 54. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noun_fixture.h"

static char instance[32], tcp[32], udp[32];

static void create(const char *in, const char *protocol, unsigned port, const char *extra,
		   char id[32])
{
	json_t *answer = noun_call("CreateListener",
				   "{'LoadBalancerId':'%s','Protocol':'%s','Ports':[%u]%s}", in,
				   protocol, port, extra);

	snprintf(id, 32, "%s", noun_text(answer, "ListenerIds.0"));
	json_decref(answer);
}

static int set_up(void **state)
{
	noun_setup(state);
	strcpy(instance, noun_instance("127.0.0.1"));
	create(instance, "TCP", 80, "", tcp);
	create(instance, "UDP", 80, "", udp);
	return 0;
}

static const struct listener *the(const char *id)
{
	const struct listener *listener =
		instance_find_listener(noun.control.model.instances[0], id);

	assert_non_null(listener);
	return listener;
}

/* One member of a listener as DescribeListeners shows it, as JSON text. */
static const char *shown(const char *id, const char *name)
{
	static char text[512];
	json_t *answer = noun_call("DescribeListeners",
				   "{'LoadBalancerId':'%s','ListenerIds':['%s']}", instance, id);
	char path[64], *value;

	snprintf(path, sizeof(path), "Listeners.0.%s", name);
	value = json_dumps(noun_at(answer, path), JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
	snprintf(text, sizeof(text), "%s", value);
	free(value);
	json_decref(answer);
	return text;
}

struct shown_as {
	const char *name, *value;
};

static void expect(const char *id, const struct shown_as *members, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = shown(id, members[i].name);

		if (strcmp(value, members[i].value) != 0)
			fail_msg("%s of %s is %s, not %s", members[i].name, id, value,
				 members[i].value);
	}
}

#define EXPECT(id, table) expect((id), (table), sizeof(table) / sizeof((table)[0]))

static void has_its_defaults(void **state)
{
	static const struct shown_as of_both[] = {
		{ "Port", "80" },
		{ "EndPort", "0" },
		{ "Rules", "null" },
		{ "Scheduler", "\"WRR\"" },
		{ "SessionExpireTime", "0" },
		{ "SessionType", "\"NORMAL\"" },
		{ "TargetType", "\"NODE\"" },
		{ "SniSwitch", "0" },
		{ "KeepaliveEnable", "null" },
		{ "MaxConn", "-1" },
		{ "MaxCps", "-1" },
		{ "DeregisterTargetRst", "false" },
		{ "RescheduleStartTime", "0" },
		{ "RescheduleInterval", "0" },
		{ "AttrFlags", "[]" },
		{ "Toa", "false" },
		{ "BindError", "null" },
		{ "DrainPolicy", "\"MOVE\"" },
		{ "AccessLog", "null" },
		{ "AccessLogFormat", "null" },
	};
	static const struct shown_as of_tcp[] = {
		{ "ListenerName", "\"TCP-80\"" },    { "Protocol", "\"TCP\"" },
		{ "IdleConnectTimeout", "900" },     { "UdpResponses", "null" },
		{ "HealthCheck.HealthSwitch", "1" }, { "HealthCheck.CheckType", "\"TCP\"" },
		{ "HealthCheck.CheckPort", "null" },
	};
	static const struct shown_as of_udp[] = {
		{ "ListenerName", "\"UDP-80\"" },        { "Protocol", "\"UDP\"" },
		{ "IdleConnectTimeout", "300" },         { "UdpResponses", "0" },
		{ "HealthCheck.CheckType", "\"PING\"" },
	};
	json_t *answer;

	EXPECT(tcp, of_both);
	EXPECT(udp, of_both);
	EXPECT(tcp, of_tcp);
	EXPECT(udp, of_udp);
	/* The same members as an HTTP listener has. */
	noun_listener(instance, 81);
	answer = noun_call("DescribeListeners", "{'LoadBalancerId':'%s'}", instance);
	for (size_t i = 0; i < 2; i++) {
		const json_t *listeners = noun_at(answer, "Listeners");
		const char *name;
		json_t *value;

		assert_int_equal(json_object_size(json_array_get(listeners, i)), 31);
		json_object_foreach(json_array_get(listeners, 2), name, value)
			assert_non_null(json_object_get(json_array_get(listeners, i), name));
	}
	json_decref(answer);
}

static void takes_every_setting(void **state)
{
	static const struct shown_as of_tcp[] = {
		{ "SessionExpireTime", "3600" },
		{ "MaxConn", "1" },
		{ "MaxCps", "16777216" },
		{ "DeregisterTargetRst", "true" },
		{ "AttrFlags", "[\"ProxyProtocol\",\"RescheduleTargetZeroWeight\","
			       "\"RescheduleUnhealthy\",\"RescheduleExpandTarget\"]" },
		{ "RescheduleStartTime", "3600" },
		{ "RescheduleInterval", "7" },
		{ "IdleConnectTimeout", "900" },
		{ "HealthCheck.CheckType", "\"HTTP\"" },
		{ "HealthCheck.HttpVersion", "\"HTTP/1.1\"" },
		{ "HealthCheck.HttpCheckDomain", "\"a.example\"" },
		{ "HealthCheck.CheckPort", "8080" },
	};
	static const struct shown_as of_udp[] = {
		{ "Scheduler", "\"LEAST_CONN\"" },
		{ "IdleConnectTimeout", "1980" },
		{ "UdpResponses", "65535" },
		{ "HealthCheck.CheckType", "\"CUSTOM\"" },
		{ "HealthCheck.SendContext", "\"00FF\"" },
	};
	char first[32], second[32];

	create(instance, "TCP", 9000,
	       ",'SessionExpireTime':3600,'MaxConn':1,'MaxCps':16777216,'Scheduler':'WRR',"
	       "'DeregisterTargetRst':true,'RescheduleTargetZeroWeight':true,"
	       "'RescheduleUnhealthy':true,'RescheduleExpandTarget':true,"
	       "'RescheduleStartTime':3600,'RescheduleInterval':7,'ProxyProtocol':true,"
	       "'IdleConnectTimeout':900,'SessionType':'NORMAL','TargetType':'NODE',"
	       "'SnatEnable':false,'KeepaliveEnable':0,'SniSwitch':0,'EndPort':0,"
	       "'HealthCheck':{'CheckType':'HTTP','HttpVersion':'HTTP/1.1',"
	       "'HttpCheckDomain':'a.example','CheckPort':8080}",
	       first);
	create(instance, "UDP", 9000,
	       ",'Scheduler':'LEAST_CONN','IdleConnectTimeout':1980,'UdpResponses':65535,"
	       "'SnatEnable':true,'HealthCheck':{'CheckType':'CUSTOM','ContextType':'HEX',"
	       "'SendContext':'00FF','RecvContext':'00'}",
	       second);
	EXPECT(first, of_tcp);
	EXPECT(second, of_udp);
	/* The store has all of it, and what is not given stays. */
	noun_restart();
	noun_do("ModifyListener", "{'LoadBalancerId':'%s','ListenerId':'%s'}", instance, first);
	noun_do("ModifyListener", "{'LoadBalancerId':'%s','ListenerId':'%s','ListenerName':'x'}",
		instance, second);
	EXPECT(first, of_tcp);
	EXPECT(second, of_udp);
	/* Every one of them back. */
	noun_do("ModifyListener",
		"{'LoadBalancerId':'%s','ListenerId':'%s','SessionExpireTime':0,'MaxConn':-1,"
		"'MaxCps':-1,'DeregisterTargetRst':false,'RescheduleTargetZeroWeight':false,"
		"'RescheduleUnhealthy':false,'RescheduleExpandTarget':false,"
		"'RescheduleStartTime':0,'RescheduleInterval':0,'ProxyProtocol':false,"
		"'HealthCheck':{'CheckType':'TCP','CheckPort':-1}}",
		instance, first);
	assert_string_equal(shown(first, "AttrFlags"), "[]");
	assert_string_equal(shown(first, "MaxCps"), "-1");
	assert_string_equal(shown(first, "HealthCheck.CheckPort"), "null");
	assert_int_equal(the(first)->session_expire_s, 0);
}

static void creates_several(void **state)
{
	json_t *answer = noun_call("CreateListener",
				   "{'LoadBalancerId':'%s','Protocol':'UDP','Ports':[1,2,3],"
				   "'ListenerNames':['a','b','c'],'SessionExpireTime':60,"
				   "'HealthCheck':{'CheckType':'CUSTOM','ContextType':'TEXT',"
				   "'SendContext':'x','RecvContext':'y'}}",
				   instance);

	assert_int_equal(json_array_size(noun_at(answer, "ListenerIds")), 3);
	for (size_t i = 0; i < 3; i++) {
		const struct listener *listener = noun.control.model.instances[0]->listeners[2 + i];

		assert_int_equal(listener->session_expire_s, 60);
		assert_string_equal(listener->health_check.send_context, "x");
		assert_int_equal(listener->port, 1 + i);
	}
	json_decref(answer);
}

/* What is wrong for a protocol, on creating and on modifying alike. */
static const struct {
	const char *protocol, *code, *field, *extra;
} wrong[] = {
	{ "TCP", "InvalidParameterValue", "SessionExpireTime", "'SessionExpireTime':29" },
	{ "UDP", "InvalidParameterValue", "SessionExpireTime", "'SessionExpireTime':3601" },
	{ "TCP", "InvalidParameterValue", "SessionExpireTime",
	  "'SessionExpireTime':9223372036854775807" },
	{ "TCP", "InvalidParameter", "SessionExpireTime", "'SessionExpireTime':'60'" },
	{ "TCP", "InvalidParameter", "SessionExpireTime", "'SessionExpireTime':60.0" },
	{ "TCP", "InvalidParameter", "SessionExpireTime",
	  "'SessionExpireTime':60,'Scheduler':'LEAST_CONN'" },
	{ "UDP", "InvalidParameter", "SessionExpireTime",
	  "'SessionExpireTime':60,'Scheduler':'LEAST_CONN'" },
	{ "TCP", "InvalidParameterValue", "Scheduler", "'Scheduler':'IP_HASH'" },
	{ "TCP", "InvalidParameter", "SessionType", "'SessionType':'QUIC_CID'" },
	{ "UDP", "UnsupportedOperation", "SessionType", "'SessionType':'QUIC_CID'" },
	{ "UDP", "InvalidParameter", "SessionType",
	  "'SessionType':'QUIC_CID','Scheduler':'LEAST_CONN'" },
	{ "UDP", "InvalidParameterValue", "SessionType", "'SessionType':'COOKIE'" },
	{ "TCP", "InvalidParameterValue", "IdleConnectTimeout", "'IdleConnectTimeout':899" },
	{ "TCP", "InvalidParameterValue", "IdleConnectTimeout", "'IdleConnectTimeout':0" },
	{ "UDP", "InvalidParameterValue", "IdleConnectTimeout", "'IdleConnectTimeout':9" },
	{ "UDP", "InvalidParameterValue", "IdleConnectTimeout", "'IdleConnectTimeout':1981" },
	{ "UDP", "InvalidParameterValue", "IdleConnectTimeout", "'IdleConnectTimeout':4294967306" },
	{ "TCP", "InvalidParameterValue", "MaxConn", "'MaxConn':0" },
	{ "TCP", "InvalidParameterValue", "MaxConn", "'MaxConn':4294967297" },
	{ "UDP", "InvalidParameterValue", "MaxCps", "'MaxCps':-2" },
	{ "TCP", "InvalidParameter", "MaxCps", "'MaxCps':true" },
	{ "TCP", "InvalidParameterValue", "RescheduleStartTime", "'RescheduleStartTime':3601" },
	{ "UDP", "InvalidParameterValue", "RescheduleInterval", "'RescheduleInterval':-1" },
	{ "TCP", "InvalidParameter", "DeregisterTargetRst", "'DeregisterTargetRst':1" },
	{ "UDP", "InvalidParameter", "ProxyProtocol", "'ProxyProtocol':true" },
	{ "TCP", "InvalidParameter", "UdpResponses", "'UdpResponses':1" },
	{ "UDP", "InvalidParameterValue", "UdpResponses", "'UdpResponses':65536" },
	{ "TCP", "UnsupportedOperation", "TargetType", "'TargetType':'TARGETGROUP-V2'" },
	{ "UDP", "UnsupportedOperation", "TargetType", "'TargetType':'TARGETGROUP-V2'" },
	{ "TCP", "InvalidParameter", "Certificate", "'Certificate':{'CertId':'x'}" },
	{ "UDP", "InvalidParameter", "MultiCertInfo",
	  "'MultiCertInfo':{'SSLMode':'MUTUAL','CertList':[]}" },
	{ "TCP", "InvalidParameter", "SniSwitch", "'SniSwitch':1" },
	{ "TCP", "InvalidParameter", "KeepaliveEnable", "'KeepaliveEnable':1" },
	{ "TCP", "UnsupportedOperation", "DataCompressMode", "'DataCompressMode':'compatibility'" },
	{ "TCP", "InvalidParameterValue", "HealthCheck.CheckType",
	  "'HealthCheck':{'CheckType':'PING'}" },
	{ "UDP", "InvalidParameterValue", "HealthCheck.CheckType",
	  "'HealthCheck':{'CheckType':'TCP'}" },
	{ "TCP", "InvalidParameter", "HealthCheck.HttpCheckDomain",
	  "'HealthCheck':{'CheckType':'HTTP','HttpVersion':'HTTP/1.0'}" },
	{ "TCP", "InvalidParameter", "HealthCheck.HttpVersion",
	  "'HealthCheck':{'CheckType':'HTTP','HttpCheckDomain':'a'}" },
	{ "UDP", "InvalidParameter", "HealthCheck.ContextType",
	  "'HealthCheck':{'CheckType':'CUSTOM'}" },
	{ "TCP", "InvalidParameterValue", "HealthCheck.TimeOut",
	  "'HealthCheck':{'TimeOut':5,'IntervalTime':5}" },
	{ "TCP", "UnknownParameter", "HealthCheck.Nonsense", "'HealthCheck':{'Nonsense':1}" },
};

static void refuses_what_is_wrong(void **state)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		noun_refuse("CreateListener", wrong[i].code, wrong[i].field,
			    "{'LoadBalancerId':'%s','Protocol':'%s','Ports':[90,91],%s}", instance,
			    wrong[i].protocol, wrong[i].extra);
		noun_refuse("ModifyListener", wrong[i].code, wrong[i].field,
			    "{'LoadBalancerId':'%s','ListenerId':'%s','ListenerName':'changed',%s}",
			    instance, *wrong[i].protocol == 'T' ? tcp : udp, wrong[i].extra);
	}
	noun_refuse("ModifyListener", "InvalidParameterValue", "IdleConnectTimeout",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','IdleConnectTimeout':300}", instance,
		    tcp);
	assert_non_null(strstr(noun.problem.text, "900"));
	noun_refuse("CreateListener", "UnsupportedOperation", "EndPort",
		    "{'LoadBalancerId':'%s','Protocol':'TCP','Ports':[90],'EndPort':99}", instance);
	noun_refuse("CreateRule", "InvalidParameter.ProtocolCheckFailed", "ListenerId",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','Rules':[{'Url':'/'}]}", instance,
		    tcp);
}

static void quic_needs_ipv4(void **state)
{
	char six[32];

	strcpy(six, noun_instance("::1"));
	noun_refuse("CreateListener", "InvalidParameter", "SessionType",
		    "{'LoadBalancerId':'%s','Protocol':'UDP','Ports':[90],"
		    "'SessionType':'QUIC_CID'}",
		    six);
}

/* SP-16, SP-17, SP-18, SP-50. */
static void persistence_and_scheduler(void **state)
{
#define MODIFY(extra) "{'LoadBalancerId':'%s','ListenerId':'%s'," extra "}", instance, tcp
	noun_do("ModifyListener", MODIFY("'SessionExpireTime':60"));
	noun_do("ModifyListener", MODIFY("'MaxConn':5"));
	assert_int_equal(the(tcp)->session_expire_s, 60);
	noun_refuse("ModifyListener", "InvalidParameter", "SessionExpireTime",
		    MODIFY("'Scheduler':'LEAST_CONN'"));
	assert_int_equal(the(tcp)->layer4.session_epoch, 0);
	noun_do("ModifyListener", MODIFY("'Scheduler':'LEAST_CONN','SessionExpireTime':0"));
	assert_int_equal(the(tcp)->layer4.session_epoch, 1);
	noun_refuse("ModifyListener", "InvalidParameter", "SessionExpireTime",
		    MODIFY("'SessionExpireTime':60"));
	noun_do("ModifyListener", MODIFY("'Scheduler':'WRR','SessionExpireTime':30"));
	noun_do("ModifyListener", MODIFY("'SessionExpireTime':3600"));
	assert_int_equal(the(tcp)->layer4.session_epoch, 1);
	noun_do("ModifyListener", MODIFY("'SessionExpireTime':0"));
	noun_do("ModifyListener", MODIFY("'SessionExpireTime':0"));
	noun_restart();
	assert_int_equal(the(tcp)->layer4.session_epoch, 2);
#undef MODIFY
}

static void ports_have_two_spaces(void **state)
{
	static const char *const same[] = { "TCP", "HTTP" };
	char other[32], any[32], id[32];

	/* set_up made TCP:80 and UDP:80. */
	for (int i = 0; i < 2; i++)
		noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[0]",
			    "{'LoadBalancerId':'%s','Protocol':'%s','Ports':[80]}", instance,
			    same[i]);
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[1]",
		    "{'LoadBalancerId':'%s','Protocol':'UDP','Ports':[81,80]}", instance);
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[1]",
		    "{'LoadBalancerId':'%s','Protocol':'UDP','Ports':[81,81]}", instance);
	noun_listener(instance, 82);
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[0]",
		    "{'LoadBalancerId':'%s','Protocol':'TCP','Ports':[82]}", instance);
	create(instance, "UDP", 82, "", id);
	/* Across instances: the same address, and any-addresses of the family. */
	strcpy(other, noun_instance("127.0.0.1"));
	strcpy(any, noun_instance("0.0.0.0"));
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[0]",
		    "{'LoadBalancerId':'%s','Protocol':'UDP','Ports':[80]}", other);
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[0]",
		    "{'LoadBalancerId':'%s','Protocol':'UDP','Ports':[80]}", any);
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", "Ports[0]",
		    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[80]}", any);
	strcpy(any, noun_instance("::"));
	create(any, "TCP", 80, "", id);
	create(any, "UDP", 80, "", id);
}

#define AT "'LoadBalancerId':'%s','ListenerId':'%s'"
#define TCP instance, tcp

static const struct target *target(const char *address)
{
	struct address parsed;

	assert_int_equal(address_parse(bytes_of(address), &parsed), 0);
	return listener_find_target(the(tcp), &parsed);
}

static void binds_servers(void **state)
{
	json_t *answer;
	uint64_t number;

	noun_do("RegisterTargets",
		"{" AT ",'Targets':[{'EniIp':'10.0.0.1','Port':80,'Tag':'t'},"
		"{'EniIp':'2001:DB8::1','Port':81,'Weight':0}],'LocationId':''}",
		TCP);
	noun_restart();
	assert_int_equal(the(tcp)->target_count, 2);
	assert_int_equal(the(udp)->target_count, 0);
	answer = noun_call("DescribeTargets", "{'LoadBalancerId':'%s'}", instance);
	assert_true(json_is_null(noun_at(answer, "Listeners.0.Rules")));
	assert_string_equal(noun_text(answer, "Listeners.0.Protocol"), "TCP");
	assert_int_equal(noun_integer(answer, "Listeners.0.Targets.0.Weight"), 10);
	assert_string_equal(noun_text(answer, "Listeners.0.Targets.0.Type"), "ENI");
	assert_string_equal(noun_text(answer, "Listeners.0.Targets.1.PrivateIpAddresses.0"),
			    "2001:db8::1");
	assert_int_equal(json_array_size(noun_at(answer, "Listeners.1.Targets")), 0);
	json_decref(answer);
	number = target("10.0.0.1:80")->number;
	noun_do("ModifyTargetWeight",
		"{" AT ",'Targets':[{'EniIp':'10.0.0.1','Port':80}],'Weight':3}", TCP);
	noun_do("RegisterTargets",
		"{" AT ",'Targets':[{'EniIp':'2001:db8::1','Port':81,'Weight':5}]}", TCP);
	assert_int_equal(target("10.0.0.1:80")->weight, 3);
	assert_int_equal(target("10.0.0.1:80")->number, number);
	noun_do("ModifyTargetPort",
		"{" AT ",'Targets':[{'EniIp':'10.0.0.1','Port':80}],'NewPort':90}", TCP);
	assert_true(target("10.0.0.1:90")->number > number);
	assert_string_equal(target("10.0.0.1:90")->tag, "t");
	noun_do("DeregisterTargets", "{" AT ",'Targets':[{'EniIp':'10.0.0.1','Port':90}]}", TCP);
	noun_restart();
	assert_int_equal(the(tcp)->target_count, 1);
	/* They go with their listener. */
	noun_do("DeleteListener", "{" AT "}", TCP);
}

static void refuses_rules_and_strangers(void **state)
{
	static const char one[] = "'Targets':[{'EniIp':'10.0.0.1','Port':80}]";
	static const char *const names[] = { "RegisterTargets", "DeregisterTargets",
					     "ModifyTargetWeight" };

	for (int i = 0; i < 3; i++) {
		noun_refuse(names[i], "InvalidParameter.LocationNotFound", "LocationId",
			    "{" AT ",'LocationId':'loc-00000000',%s}", TCP, one);
		noun_refuse(names[i], "InvalidParameter.LocationNotFound", "Url",
			    "{" AT ",'Domain':'a.example','Url':'/',%s}", TCP, one);
		noun_refuse(names[i], "InvalidParameter.LocationNotFound", "Domain",
			    "{" AT ",'Domain':'a.example',%s}", TCP, one);
	}
	for (int i = 1; i < 3; i++)
		noun_refuse(names[i], "InvalidParameter", "Targets[0]", "{" AT ",%s}", TCP, one);
	assert_non_null(strstr(noun.problem.text, tcp));
	noun_refuse("ModifyTargetPort", "InvalidParameter", "Targets[0]",
		    "{" AT ",'NewPort':81,%s}", TCP, one);
	noun_do("RegisterTargets",
		"{" AT ",'Targets':[{'EniIp':'10.0.0.1','Port':80},"
		"{'EniIp':'10.0.0.1','Port':81}]}",
		TCP);
	noun_refuse("ModifyTargetPort", "InvalidParameterValue.Duplicate", "Targets[0]",
		    "{" AT ",'NewPort':81,%s}", TCP, one);
	noun_refuse("RegisterTargets", "InvalidParameter.ListenerIdNotFound", "ListenerId",
		    "{" AT ",%s}", instance, "lbl-00000000", one);
}

static void keeps_to_its_quota(void **state)
{
	for (int i = 0; i < 5; i++) {
		char targets[4096] = "";

		for (int j = 0; j < 20; j++)
			snprintf(targets + strlen(targets), sizeof(targets) - strlen(targets),
				 "%s{'EniIp':'10.0.%d.%d','Port':80}", j ? "," : "", i, j + 1);
		noun_do("RegisterTargets", "{" AT ",'Targets':[%s]}", TCP, targets);
	}
	noun_refuse("RegisterTargets", "LimitExceeded", NULL,
		    "{" AT ",'Targets':[{'EniIp':'10.1.0.1','Port':80}]}", TCP);
	noun_do("RegisterTargets", "{" AT ",'Targets':[{'EniIp':'10.0.0.1','Port':80,'Weight':1}]}",
		TCP);
	noun_do("RegisterTargets", "{" AT ",'Targets':[{'EniIp':'10.1.0.1','Port':80}]}", instance,
		udp);
}

static void filters_find_servers(void **state)
{
	static const struct {
		const char *extra;
		size_t count;
	} cases[] = {
		{ "'Protocol':'TCP'", 1 },
		{ "'Protocol':'UDP'", 1 },
		{ "'Port':80", 2 },
		{ "'Filters':[{'Name':'private-ip-address','Values':['10.0.0.1']}]", 1 },
		{ "'Filters':[{'Name':'tag','Values':['x']}]", 0 },
		{ "'Filters':[{'Name':'location-id','Values':['x']}]", 0 },
	};

	noun_do("RegisterTargets", "{" AT ",'Targets':[{'EniIp':'10.0.0.1','Port':80}]}", TCP);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *answer = noun_call("DescribeTargets", "{'LoadBalancerId':'%s',%s}",
					   instance, cases[i].extra);

		assert_int_equal(json_array_size(noun_at(answer, "Listeners")), cases[i].count);
		json_decref(answer);
	}
	for (int i = 0; i < 2; i++) {
		json_t *answer = noun_call("DescribeLoadBalancers", "{'BackendPrivateIps':['%s']}",
					   i ? "10.0.0.1" : "10.0.0.2");

		assert_int_equal(noun_integer(answer, "TotalCount"), i);
		json_decref(answer);
	}
}

static void tells_health(void **state)
{
	char http[32], rule[32];
	const json_t *found;
	json_t *answer;

	strcpy(http, noun_listener(instance, 81));
	strcpy(rule, noun_rule(instance, http, "a.example", "/"));
	noun_do("RegisterTargets", "{" AT ",'Targets':[{'EniIp':'10.0.0.1','Port':80}]}", TCP);
	noun_do("RegisterTargets",
		"{" AT ",'LocationId':'%s','Targets':[{'EniIp':'10.0.0.2','Port':80}]}", instance,
		http, rule);
	noun_do("ModifyListener", "{" AT ",'HealthCheck':{'HealthSwitch':0}}", TCP);
	answer = noun_call("DescribeTargetHealth", "{'LoadBalancerIds':['%s']}", instance);
	found = noun_at(answer, "LoadBalancers.0");
	assert_int_equal(json_array_size(noun_at(found, "Listeners")), 3);
	assert_int_equal(json_array_size(noun_at(found, "Listeners.0.Rules")), 1);
	assert_true(json_is_null(noun_at(found, "Listeners.0.Rules.0.Domain")));
	assert_true(json_is_null(noun_at(found, "Listeners.0.Rules.0.Url")));
	assert_string_equal(noun_text(found, "Listeners.0.Rules.0.Targets.0.IP"), "10.0.0.1");
	assert_string_equal(noun_text(found, "Listeners.0.Rules.0.Targets.0.HealthStatusDetail"),
			    "Close");
	assert_true(json_is_true(noun_at(found, "Listeners.0.Rules.0.Targets.0.HealthStatus")));
	assert_int_equal(json_array_size(noun_at(found, "Listeners.1.Rules.0.Targets")), 0);
	assert_string_equal(noun_text(found, "Listeners.2.Rules.0.LocationId"), rule);
	assert_string_equal(noun_text(found, "Listeners.2.Rules.0.Domain"), "a.example");
	assert_string_equal(noun_text(found, "Listeners.2.Rules.0.Targets.0.HealthStatusDetial"),
			    "Unknown");
	assert_int_equal(noun_integer(found, "Listeners.2.Rules.0.Targets.0.Weight"), 10);
	json_decref(answer);
	answer = noun_call("DescribeTargetHealth",
			   "{'LoadBalancerIds':['%s'],'LocationIds':['%s','x']}", instance, rule);
	assert_int_equal(json_array_size(noun_at(answer, "LoadBalancers.0.Listeners")), 1);
	json_decref(answer);
	answer = noun_call("DescribeTargetHealth",
			   "{'LoadBalancerIds':['%s'],'ListenerIds':['%s']}", instance, udp);
	assert_int_equal(json_array_size(noun_at(answer, "LoadBalancers.0.Listeners")), 1);
	json_decref(answer);
	noun_refuse("DescribeTargetHealth", "InvalidParameter.LBIdNotFound", "LoadBalancerIds[1]",
		    "{'LoadBalancerIds':['%s','lb-00000000']}", instance);
	noun_refuse("DescribeTargetHealth", "InvalidParameterValue.Length", "LoadBalancerIds",
		    "{'LoadBalancerIds':[]}");
	noun_refuse("DescribeTargetHealth", "MissingParameter", "LoadBalancerIds", "{}");
}

#define NOUN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOUN_TEST(has_its_defaults),
		NOUN_TEST(takes_every_setting),
		NOUN_TEST(creates_several),
		NOUN_TEST(refuses_what_is_wrong),
		NOUN_TEST(quic_needs_ipv4),
		NOUN_TEST(persistence_and_scheduler),
		NOUN_TEST(ports_have_two_spaces),
		NOUN_TEST(binds_servers),
		NOUN_TEST(refuses_rules_and_strangers),
		NOUN_TEST(keeps_to_its_quota),
		NOUN_TEST(filters_find_servers),
		NOUN_TEST(tells_health),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

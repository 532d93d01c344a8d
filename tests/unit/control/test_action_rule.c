/* SPDX-License-Identifier: Apache-2.0 */
/* Actions on rules: api.md section 8, SP-1..SP-18, the default domain of features.md section 3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noun_fixture.h"

static char instance[32], listener[32];

#define AT_LISTENER "'LoadBalancerId':'%s','ListenerId':'%s'"

static int set_up(void **state)
{
	noun_setup(state);
	strcpy(instance, noun_instance("127.0.0.1"));
	strcpy(listener, noun_listener(instance, 80));
	return 0;
}

/* The listener's rules; the caller ends it. */
static json_t *describe(void)
{
	return noun_call("DescribeListeners", "{'LoadBalancerId':'%s'}", instance);
}

/* The Domain of the rules whose DefaultServer is true; all of them must have the same. */
static void expect_default(const char *domain)
{
	json_t *answer = describe();
	const json_t *rule;
	bool is_found = false;
	size_t i;

	json_array_foreach((json_t *)noun_at(answer, "Listeners.0.Rules"), i, rule)
	{
		bool is_default = json_is_true(noun_at(rule, "DefaultServer"));

		is_found = is_found || is_default;
		assert_int_equal(is_default, strcmp(noun_text(rule, "Domain"), domain) == 0);
	}
	assert_true(is_found);
	json_decref(answer);
}

static void creates_with_defaults(void **state)
{
	json_t *answer = noun_call("CreateRule", "{" AT_LISTENER ",'Rules':[{'Url':'/'}]}",
				   instance, listener);
	const json_t *rule;

	assert_int_equal(strncmp(noun_text(answer, "LocationIds.0"), "loc-", 4), 0);
	json_decref(answer);
	answer = describe();
	rule = noun_at(answer, "Listeners.0.Rules.0");
	assert_string_equal(noun_text(rule, "Domain"), "");
	assert_int_equal(json_array_size(noun_at(rule, "Domains")), 0);
	assert_string_equal(noun_text(rule, "Url"), "/");
	assert_string_equal(noun_text(rule, "ListenerId"), listener);
	assert_string_equal(noun_text(rule, "Scheduler"), "WRR");
	assert_string_equal(noun_text(rule, "ForwardType"), "HTTP");
	assert_int_equal(noun_integer(rule, "SessionExpireTime"), 0);
	assert_string_equal(noun_text(rule, "CookieName"), "setia_route");
	assert_true(json_is_false(noun_at(rule, "StripCookie")));
	assert_string_equal(noun_text(rule, "DrainPolicy"), "MOVE");
	assert_true(json_is_true(noun_at(rule, "DefaultServer")));
	assert_string_equal(noun_text(rule, "QuicStatus"), "QUIC_INACTIVE");
	assert_int_equal(noun_integer(rule, "HealthCheck.HealthSwitch"), 1);
	assert_int_equal(noun_integer(rule, "HealthCheck.TimeOut"), 2);
	assert_int_equal(noun_integer(rule, "HealthCheck.IntervalTime"), 5);
	assert_int_equal(noun_integer(rule, "HealthCheck.HttpCode"), 31);
	assert_string_equal(noun_text(rule, "HealthCheck.HttpCheckMethod"), "HEAD");
	assert_string_equal(noun_text(rule, "HealthCheck.HttpCheckPath"), "/");
	assert_true(json_is_null(noun_at(rule, "HealthCheck.HttpCheckDomain")));
	assert_int_equal(json_object_size(noun_at(rule, "HealthCheck")), 17);
	assert_int_equal(json_object_size(rule), 27);
	json_decref(answer);
}

static void creates_with_everything(void **state)
{
	json_t *answer = noun_call(
		"CreateRule",
		"{" AT_LISTENER
		",'Rules':[{'Domains':['Shop.Example'],'Url':'=/a','Scheduler':'WRR',"
		"'SessionExpireTime':30,'CookieName':'c','StripCookie':true,'ForwardType':'HTTP',"
		"'Http2':false,'TargetType':'NODE','Quic':false,'Certificate':{},"
		"'HealthCheck':{'HealthSwitch':0,'TimeOut':10,'IntervalTime':20,'HealthNum':2,"
		"'UnHealthNum':10,'HttpCode':2,'HttpCheckPath':'/h?x=1','HttpCheckDomain':'h',"
		"'HttpCheckMethod':'GET','CheckType':'HTTP','HttpVersion':'HTTP/1.1',"
		"'CheckPort':-1,'SourceIpType':0}},"
		"{'Domain':'b.example','Url':'/','SessionExpireTime':3600}]}",
		instance, listener);

	assert_int_equal(json_array_size(noun_at(answer, "LocationIds")), 2);
	json_decref(answer);
	answer = describe();
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.0.Domain"), "shop.example");
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.0.CookieName"), "c");
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.0.HealthCheck.HttpCheckDomain"),
			    "h");
	assert_int_equal(noun_integer(answer, "Listeners.0.Rules.0.HealthCheck.HealthSwitch"), 0);
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.1.HealthCheck.HttpCheckDomain"),
			    "b.example");
	assert_int_equal(noun_integer(answer, "Listeners.0.Rules.1.SessionExpireTime"), 3600);
	json_decref(answer);
	noun_restart();
	answer = describe();
	assert_int_equal(json_array_size(noun_at(answer, "Listeners.0.Rules")), 2);
	json_decref(answer);
}

/* T1-o and its neighbours: each alone, and behind a good rule that must not stay either. */
static void refuses_bad_rules(void **state)
{
	static const struct {
		const char *code, *field, *extra;
	} cases[] = {
		{ "InvalidParameterValue", "SessionExpireTime", "'SessionExpireTime':29" },
		{ "InvalidParameterValue", "SessionExpireTime", "'SessionExpireTime':1" },
		{ "InvalidParameterValue", "SessionExpireTime", "'SessionExpireTime':3601" },
		{ "InvalidParameterValue", "SessionExpireTime", "'SessionExpireTime':-1" },
		{ "InvalidParameterValue", "SessionExpireTime",
		  "'SessionExpireTime':9223372036854775807" },
		{ "InvalidParameter", "SessionExpireTime", "'SessionExpireTime':'60'" },
		{ "InvalidParameter", "SessionExpireTime", "'SessionExpireTime':60.0" },
		{ "InvalidParameter", "SessionExpireTime", "'SessionExpireTime':true" },
		{ "InvalidParameter", "SessionExpireTime",
		  "'Scheduler':'LEAST_CONN','SessionExpireTime':60" },
		{ "InvalidParameter", "SessionExpireTime",
		  "'Scheduler':'IP_HASH','SessionExpireTime':60" },
		{ "InvalidParameterValue", "DrainPolicy", "'DrainPolicy':'keep'" },
		{ "UnsupportedOperation", "HealthCheck.CheckType",
		  "'HealthCheck':{'CheckType':'GRPC'}" },
		{ "UnsupportedOperation", "HealthCheck.CheckType",
		  "'HealthCheck':{'CheckType':'GRPC','HealthSwitch':0}" },
		{ "InvalidParameterValue", "Scheduler", "'Scheduler':'wrr'" },
		{ "InvalidParameterValue", "CookieName", "'CookieName':''" },
		{ "InvalidParameterValue", "CookieName", "'CookieName':'a b'" },
		{ "InvalidParameter", "ForwardType", "'ForwardType':'HTTPS'" },
		{ "UnsupportedOperation", "ForwardType", "'ForwardType':'TRPC'" },
		{ "InvalidParameter", "Http2", "'Http2':true" },
		{ "InvalidParameter", "Certificate", "'Certificate':{'CertId':'x'}" },
		{ "UnsupportedOperation", "TargetType", "'TargetType':'TARGETGROUP-V2'" },
		{ "UnsupportedOperation", "Quic", "'Quic':true" },
		{ "InvalidParameterValue.Duplicate", "Domains[1]", "'Domains':['a','A']" },
		{ "InvalidParameterValue.Length", "Domains[1]", "'Domains':['a','']" },
		{ "InvalidParameter", "Domains", "'Domain':'a','Domains':['b']" },
		{ "InvalidParameterValue", "Domain", "'Domain':'www.*.example'" },
		{ "InvalidParameterValue", "Domain", "'Domain':'~^(a+)+$'" },
		{ "InvalidParameterValue", "Domain", "'Domain':'~^\\\\D$'" },
		{ "InvalidParameterValue", "Domains[0]", "'Domains':['_a']" },
		{ "InvalidParameterValue", "Domain", "'Domain':'a/b'" },
		{ "InvalidParameterValue", "HealthCheck.HttpCode",
		  "'HealthCheck':{'HttpCode':32}" },
		{ "InvalidParameterValue", "HealthCheck.TimeOut", "'HealthCheck':{'TimeOut':5}" },
		{ "InvalidParameterValue", "HealthCheck.CheckPort",
		  "'HealthCheck':{'CheckPort':0}" },
		{ "InvalidParameter", "HealthCheck.CheckPort", "'HealthCheck':{'CheckPort':80}" },
		{ "InvalidParameterValue", "HealthCheck.CheckType",
		  "'HealthCheck':{'CheckType':'TCP'}" },
		{ "UnsupportedOperation", "HealthCheck.SourceIpType",
		  "'HealthCheck':{'SourceIpType':1}" },
		{ "UnknownParameter", "Nonsense", "'Nonsense':1" },
	};
	char field[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(field, sizeof(field), "Rules[0].%s", cases[i].field);
		noun_refuse("CreateRule", cases[i].code, field,
			    "{" AT_LISTENER ",'Rules':[{'Url':'/',%s}]}", instance, listener,
			    cases[i].extra);
		snprintf(field, sizeof(field), "Rules[1].%s", cases[i].field);
		noun_refuse("CreateRule", cases[i].code, field,
			    "{" AT_LISTENER ",'Rules':[{'Url':'/good'},{'Url':'/',%s}]}", instance,
			    listener, cases[i].extra);
	}
	noun_refuse("CreateRule", "MissingParameter", "Rules[0].Url",
		    "{" AT_LISTENER ",'Rules':[{'Domain':'a'}]}", instance, listener);
	noun_refuse("CreateRule", "InvalidParameterValue", "Rules[0].Url",
		    "{" AT_LISTENER ",'Rules':[{'Url':'a'}]}", instance, listener);
	noun_refuse("CreateRule", "InvalidParameterValue.Length", "Rules[0].Url",
		    "{" AT_LISTENER ",'Rules':[{'Url':''}]}", instance, listener);
	noun_refuse("CreateRule", "InvalidParameterValue", "Rules[0].Url",
		    "{" AT_LISTENER ",'Rules':[{'Url':'~(a'}]}", instance, listener);
	noun_refuse("CreateRule", "InvalidParameterValue.Length", "Rules",
		    "{" AT_LISTENER ",'Rules':[]}", instance, listener);
}

static void url_is_unique_per_domain(void **state)
{
	noun_rule(instance, listener, "a.example", "/");
	noun_rule(instance, listener, "a.example", "=/");
	noun_rule(instance, listener, "b.example", "/");
	noun_refuse("CreateRule", "InvalidParameterValue", "Rules[0].Url",
		    "{" AT_LISTENER ",'Rules':[{'Domain':'A.EXAMPLE','Url':'/'}]}", instance,
		    listener);
	noun_refuse("CreateRule", "InvalidParameterValue", "Rules[1].Url",
		    "{" AT_LISTENER ",'Rules':[{'Domain':'c','Url':'/'},{'Domain':'c','Url':'/'}]}",
		    instance, listener);
	noun_refuse("CreateRule", "InvalidParameterValue", "Rules[0].Url",
		    "{" AT_LISTENER ",'Rules':[{'Domain':'b.example','Url':'^~/'}]}", instance,
		    listener);
	noun_refuse("CreateRule", "InvalidParameterValue", "Rules[0].Url",
		    "{" AT_LISTENER ",'Rules':[{'Domains':['c','b.example'],'Url':'/'}]}", instance,
		    listener);
	noun_refuse("CreateRule", "InvalidParameter.ListenerIdNotFound", "ListenerId",
		    "{'LoadBalancerId':'%s','ListenerId':'lbl-00000000','Rules':[{'Url':'/'}]}",
		    instance);
}

/* 'd0','d1',... */
static const char *domain_texts(int count)
{
	static char text[1024];
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size, "%s'd%d'",
					 i > 0 ? "," : "", i);
	return text;
}

static void has_several_domains(void **state)
{
	json_t *answer;
	const json_t *rule;

	noun_refuse("CreateRule", "InvalidParameterValue.Length", "Rules[0].Domains",
		    "{" AT_LISTENER ",'Rules':[{'Url':'/','Domains':[%s]}]}", instance, listener,
		    domain_texts(21));
	noun_do("CreateRule", "{" AT_LISTENER ",'Rules':[{'Url':'/','Domains':[%s]}]}", instance,
		listener, domain_texts(20));
	noun_do("CreateRule",
		"{" AT_LISTENER ",'Rules':[{'Url':'/','Domains':['*.B','~^c[0-9]$','A']}]}",
		instance, listener);
	noun_restart();
	answer = describe();
	rule = noun_at(answer, "Listeners.0.Rules.0");
	assert_string_equal(noun_text(rule, "Domain"), "d0");
	assert_string_equal(noun_text(rule, "Domains.19"), "d19");
	assert_string_equal(noun_text(rule, "HealthCheck.HttpCheckDomain"), "d0");
	rule = noun_at(answer, "Listeners.0.Rules.1");
	assert_string_equal(noun_text(rule, "Domain"), "*.b");
	assert_string_equal(noun_text(rule, "Domains.1"), "~^c[0-9]$");
	assert_int_equal(json_array_size(noun_at(rule, "Domains")), 3);
	assert_true(json_is_null(noun_at(rule, "HealthCheck.HttpCheckDomain")));
	json_decref(answer);
	expect_default("d0");
}

static void expressions_have_a_roof(void **state)
{
	char url[32];

	for (int i = 0; i < LIMIT_PATTERNS_PER_LISTENER / 8; i++) {
		snprintf(url, sizeof(url), "~^/%d", i);
		noun_do("CreateRule",
			"{" AT_LISTENER ",'Rules':[{'Url':'%s','Domains':['~a%d','~b%d','~c%d',"
			"'~d%d','~e%d','~f%d','~g%d']}]}",
			instance, listener, url, i, i, i, i, i, i, i);
	}
	noun_rule(instance, listener, "plain", "/");
	noun_refuse("CreateRule", "LimitExceeded", "Rules[1]",
		    "{" AT_LISTENER ",'Rules':[{'Url':'/x'},{'Url':'~x'}]}", instance, listener);
	noun_refuse("CreateRule", "LimitExceeded", "Rules[0]",
		    "{" AT_LISTENER ",'Rules':[{'Domain':'~x','Url':'/x'}]}", instance, listener);
	/* A domain counts once, whatever the number of its rules. */
	noun_do("CreateRule", "{" AT_LISTENER ",'Rules':[{'Domain':'~a0','Url':'/x'}]}", instance,
		listener);
	noun_refuse("ModifyDomain", "LimitExceeded", "NewDomain",
		    "{" AT_LISTENER ",'Domain':'plain','NewDomain':'~x'}", instance, listener);
	noun_refuse("ModifyRule", "LimitExceeded", "Url",
		    "{" AT_LISTENER ",'LocationId':'%s','Url':'~x'}", instance, listener,
		    noun.control.model.instances[0]->listeners[0]->rules[25]->id);
}

static void session_follows_sp_16_to_18(void **state)
{
	char id[32];
	json_t *answer;

	strcpy(id, noun_rule(instance, listener, "", "/"));
	noun_do("ModifyRule", "{" AT_LISTENER ",'LocationId':'%s','SessionExpireTime':60}",
		instance, listener, id);
	/* SP-16, SP-17 */
	noun_refuse("ModifyRule", "InvalidParameter", "SessionExpireTime",
		    "{" AT_LISTENER ",'LocationId':'%s','Scheduler':'LEAST_CONN'}", instance,
		    listener, id);
	noun_refuse("ModifyRule", "InvalidParameter", "SessionExpireTime",
		    "{" AT_LISTENER ",'LocationId':'%s','Scheduler':'IP_HASH'}", instance, listener,
		    id);
	noun_do("ModifyRule",
		"{" AT_LISTENER ",'LocationId':'%s','Scheduler':'IP_HASH','SessionExpireTime':0}",
		instance, listener, id);
	noun_refuse("ModifyRule", "InvalidParameter", "SessionExpireTime",
		    "{" AT_LISTENER ",'LocationId':'%s','SessionExpireTime':60}", instance,
		    listener, id);
	noun_refuse("ModifyRule", "InvalidParameter", "SessionExpireTime",
		    "{" AT_LISTENER
		    ",'LocationId':'%s','Scheduler':'LEAST_CONN','SessionExpireTime':60}",
		    instance, listener, id);
	noun_do("ModifyRule", "{" AT_LISTENER ",'LocationId':'%s','Scheduler':'LEAST_CONN'}",
		instance, listener, id);
	noun_restart();
	answer = describe();
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.0.Scheduler"), "LEAST_CONN");
	json_decref(answer);
	noun_do("ModifyRule",
		"{" AT_LISTENER ",'LocationId':'%s','Scheduler':'WRR','SessionExpireTime':60}",
		instance, listener, id);
	noun_refuse("ModifyRule", "InvalidParameterValue", "SessionExpireTime",
		    "{" AT_LISTENER ",'LocationId':'%s','SessionExpireTime':29}", instance,
		    listener, id);
	/* SP-18 */
	noun_do("ModifyRule", "{" AT_LISTENER ",'LocationId':'%s','CookieName':'n'}", instance,
		listener, id);
	answer = describe();
	assert_int_equal(noun_integer(answer, "Listeners.0.Rules.0.SessionExpireTime"), 60);
	json_decref(answer);
	noun_do("ModifyRule", "{" AT_LISTENER ",'LocationId':'%s','SessionExpireTime':0}", instance,
		listener, id);
	answer = describe();
	assert_int_equal(noun_integer(answer, "Listeners.0.Rules.0.SessionExpireTime"), 0);
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.0.CookieName"), "n");
	json_decref(answer);
}

static void modifies(void **state)
{
	char id[32];
	json_t *answer;

	noun_rule(instance, listener, "a", "/taken");
	strcpy(id, noun_rule(instance, listener, "a", "/"));
	noun_do("ModifyRule",
		"{" AT_LISTENER ",'LocationId':'%s','Url':'/new','StripCookie':true,"
		"'HealthCheck':{'IntervalTime':30}}",
		instance, listener, id);
	noun_do("ModifyRule", "{" AT_LISTENER ",'LocationId':'%s','HealthCheck':{'TimeOut':20}}",
		instance, listener, id);
	noun_do("ModifyRule", "{" AT_LISTENER ",'LocationId':'%s'}", instance, listener, id);
	answer = describe();
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.1.Url"), "/new");
	assert_int_equal(noun_integer(answer, "Listeners.0.Rules.1.HealthCheck.IntervalTime"), 30);
	assert_int_equal(noun_integer(answer, "Listeners.0.Rules.1.HealthCheck.TimeOut"), 20);
	assert_true(json_is_true(noun_at(answer, "Listeners.0.Rules.1.StripCookie")));
	json_decref(answer);
	noun_refuse("ModifyRule", "InvalidParameterValue", "Url",
		    "{" AT_LISTENER ",'LocationId':'%s','Url':'/taken'}", instance, listener, id);
	noun_refuse("ModifyRule", "InvalidParameterValue", "Url",
		    "{" AT_LISTENER ",'LocationId':'%s','Url':'^~/taken'}", instance, listener, id);
	noun_do("ModifyRule", "{" AT_LISTENER ",'LocationId':'%s','Url':'^~/new'}", instance,
		listener, id);
	noun_refuse("ModifyRule", "InvalidParameter.LocationNotFound", "LocationId",
		    "{" AT_LISTENER ",'LocationId':'loc-00000000'}", instance, listener);
	noun_refuse("ModifyRule", "UnsupportedOperation", "OAuth",
		    "{" AT_LISTENER ",'LocationId':'%s','OAuth':{'OAuthEnable':true}}", instance,
		    listener, id);
}

static void one_domain_is_the_default(void **state)
{
	noun_rule(instance, listener, "a", "/");
	noun_rule(instance, listener, "b", "/");
	noun_rule(instance, listener, "c", "/");
	expect_default("a");
	noun_do("CreateRule",
		"{" AT_LISTENER ",'Rules':[{'Domain':'B','Url':'/2','DefaultServer':true}]}",
		instance, listener);
	expect_default("b");
	noun_refuse("CreateRule", "InvalidParameter", "Rules[1].DefaultServer",
		    "{" AT_LISTENER ",'Rules':[{'Domain':'x','Url':'/','DefaultServer':true},"
		    "{'Domain':'y','Url':'/','DefaultServer':true}]}",
		    instance, listener);
	/* The default's last rule goes: the named one, or the oldest. */
	noun_refuse("DeleteRule", "InvalidParameter", "NewDefaultServerDomain",
		    "{" AT_LISTENER ",'Domain':'b','NewDefaultServerDomain':'b'}", instance,
		    listener);
	noun_do("DeleteRule", "{" AT_LISTENER ",'Domain':'b','Url':'/2'}", instance, listener);
	expect_default("b");
	noun_do("DeleteRule", "{" AT_LISTENER ",'Domain':'b','NewDefaultServerDomain':'C'}",
		instance, listener);
	expect_default("c");
	noun_do("DeleteRule", "{" AT_LISTENER ",'Domain':'c'}", instance, listener);
	expect_default("a");
	noun_do("DeleteRule", "{" AT_LISTENER ",'Domain':'a'}", instance, listener);
	noun_rule(instance, listener, "d", "/");
	expect_default("d");
}

static void rules_without_domain_are_the_default(void **state)
{
	noun_rule(instance, listener, "a", "/");
	noun_rule(instance, listener, "", "/");
	expect_default("");
	noun_refuse("CreateRule", "InvalidParameter", "Rules[0].DefaultServer",
		    "{" AT_LISTENER ",'Rules':[{'Domain':'b','Url':'/','DefaultServer':true}]}",
		    instance, listener);
	noun_refuse("DeleteRule", "InvalidParameter", "NewDefaultServerDomain",
		    "{" AT_LISTENER ",'Domain':'a','NewDefaultServerDomain':'a'}", instance,
		    listener);
	noun_do("DeleteRule", "{" AT_LISTENER ",'Url':'/'}", instance, listener);
	expect_default("a");
}

static void deletes(void **state)
{
	char first[32], second[32];

	strcpy(first, noun_rule(instance, listener, "a", "/1"));
	strcpy(second, noun_rule(instance, listener, "a", "/2"));
	noun_refuse("DeleteRule", "MissingParameter", "LocationIds", "{" AT_LISTENER "}", instance,
		    listener);
	noun_refuse("DeleteRule", "InvalidParameter.LocationNotFound", "LocationIds[1]",
		    "{" AT_LISTENER ",'LocationIds':['%s','loc-00000000']}", instance, listener,
		    first);
	noun_refuse("DeleteRule", "InvalidParameter.LocationNotFound", "Domain",
		    "{" AT_LISTENER ",'Domain':'a','Url':'/3'}", instance, listener);
	noun_do("DeleteRule", "{" AT_LISTENER ",'LocationIds':['%s','%s','%s']}", instance,
		listener, first, second, first);
	assert_int_equal(noun.control.model.instances[0]->listeners[0]->rule_count, 0);
}

/* By domain a rule loses what it is at that domain; by id it goes whole. */
static void deletes_domains(void **state)
{
	json_t *answer;

	noun_do("CreateRule",
		"{" AT_LISTENER ",'Rules':[{'Url':'/','Domains':['a','b','c']},"
		"{'Url':'/2','Domain':'a'},{'Url':'/3','Domains':['a','b']}]}",
		instance, listener);
	/* Any domain of a rule names it, and it goes whole. */
	noun_do("DeleteRule", "{" AT_LISTENER ",'Domain':'B','Url':'/3'}", instance, listener);
	answer = describe();
	assert_int_equal(json_array_size(noun_at(answer, "Listeners.0.Rules")), 2);
	json_decref(answer);
	expect_default("a");
	noun_do("CreateRule", "{" AT_LISTENER ",'Rules':[{'Url':'/','Domain':'d'}]}", instance,
		listener);
	noun_refuse("DeleteRule", "InvalidParameter", "NewDefaultServerDomain",
		    "{" AT_LISTENER ",'Domain':'a','NewDefaultServerDomain':'c'}", instance,
		    listener);
	noun_do("DeleteRule", "{" AT_LISTENER ",'Domain':'a','NewDefaultServerDomain':'d'}",
		instance, listener);
	noun_restart();
	answer = describe();
	assert_int_equal(json_array_size(noun_at(answer, "Listeners.0.Rules")), 1);
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.0.Domain"), "d");
	json_decref(answer);
	expect_default("d");
	noun_refuse("DeleteRule", "InvalidParameter.LocationNotFound", "Domain",
		    "{" AT_LISTENER ",'Domain':'c'}", instance, listener);
	noun_do("DeleteRule", "{" AT_LISTENER ",'Domain':'d'}", instance, listener);
	assert_int_equal(noun.control.model.instances[0]->listeners[0]->rule_count, 0);
}

static void keeps_to_its_quota(void **state)
{
	char url[16];

	for (int i = 0; i < 49; i++) {
		snprintf(url, sizeof(url), "/%d", i);
		noun_rule(instance, listener, "", url);
	}
	noun_refuse("CreateRule", "LimitExceeded", NULL,
		    "{" AT_LISTENER ",'Rules':[{'Url':'/a'},{'Url':'/b'}]}", instance, listener);
	noun_rule(instance, listener, "", "/a");
}

#define NOUN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOUN_TEST(creates_with_defaults),
		NOUN_TEST(creates_with_everything),
		NOUN_TEST(refuses_bad_rules),
		NOUN_TEST(url_is_unique_per_domain),
		NOUN_TEST(has_several_domains),
		NOUN_TEST(expressions_have_a_roof),
		NOUN_TEST(session_follows_sp_16_to_18),
		NOUN_TEST(modifies),
		NOUN_TEST(one_domain_is_the_default),
		NOUN_TEST(rules_without_domain_are_the_default),
		NOUN_TEST(deletes),
		NOUN_TEST(deletes_domains),
		NOUN_TEST(keeps_to_its_quota),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

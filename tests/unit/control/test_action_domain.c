/* SPDX-License-Identifier: Apache-2.0 */
/* ModifyDomain, ModifyDomainAttributes, and the handing over of the default domain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "noun_fixture.h"

static char instance[32], listener[32];

#define AT_LISTENER "'LoadBalancerId':'%s','ListenerId':'%s'"

/* Two rules of a (the default), one of b and c, one of d. */
static int set_up(void **state)
{
	noun_setup(state);
	strcpy(instance, noun_instance("127.0.0.1"));
	strcpy(listener, noun_listener(instance, 80));
	noun_do("CreateRule",
		"{" AT_LISTENER ",'Rules':[{'Domain':'a','Url':'/'},{'Domain':'a','Url':'/2'},"
		"{'Domains':['b','c'],'Url':'/'},{'Domain':'d','Url':'/2'}]}",
		instance, listener);
	return 0;
}

/* "a/ *a,b/2 ..." : each rule's domains and URL, a star before those of the default domain. */
static void expect_rules(const char *wanted)
{
	char text[512] = "";
	json_t *answer = noun_call("DescribeListeners", "{'LoadBalancerId':'%s'}", instance);
	const json_t *rule, *domain;
	size_t i, j;

	json_array_foreach((json_t *)noun_at(answer, "Listeners.0.Rules"), i, rule)
	{
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 json_is_true(noun_at(rule, "DefaultServer")) ? "*" : "");
		json_array_foreach((json_t *)noun_at(rule, "Domains"), j, domain)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
				 j ? "," : "", json_string_value(domain));
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s",
			 noun_text(rule, "Url"));
	}
	json_decref(answer);
	assert_string_equal(text, wanted);
}

static void set_domain(const char *action, const char *domain, const char *rest)
{
	noun_do(action, "{" AT_LISTENER ",'Domain':'%s',%s}", instance, listener, domain, rest);
}

static void refuse_domain(const char *action, const char *code, const char *field, const char *rest)
{
	noun_refuse(action, code, field, "{" AT_LISTENER ",%s}", instance, listener, rest);
}

static void renames_in_every_rule(void **state)
{
	expect_rules("*a/ *a/2 b,c/ d/2");
	set_domain("ModifyDomain", "A", "'NewDomain':'*.New'");
	expect_rules("**.new/ **.new/2 b,c/ d/2");
	set_domain("ModifyDomain", "c", "'NewDomain':'~^x[0-9]+$'");
	set_domain("ModifyDomain", "b", "'NewDomain':'e'");
	noun_restart();
	expect_rules("**.new/ **.new/2 e,~^x[0-9]+$/ d/2");
	set_domain("ModifyDomain", "~^x[0-9]+$", "'NewDomain':'e'"); /* has it already */
	set_domain("ModifyDomain", "*.new", "'NewDomain':'*.new'");
	expect_rules("**.new/ **.new/2 e/ d/2");
}

static void refuses_names(void **state)
{
	static const struct {
		const char *code, *field, *rest;
	} cases[] = {
		{ "MissingParameter", "NewDomain", "'Domain':'a'" },
		{ "MissingParameter", "Domain", "'NewDomain':'x'" },
		{ "InvalidParameter.LocationNotFound", "Domain", "'Domain':'x','NewDomain':'y'" },
		{ "InvalidParameter.LocationNotFound", "Domain", "'Domain':'','NewDomain':'y'" },
		{ "InvalidParameterValue.Length", "NewDomain", "'Domain':'a','NewDomain':''" },
		{ "InvalidParameterValue", "NewDomain", "'Domain':'a','NewDomain':'x y'" },
		{ "InvalidParameterValue", "NewDomain", "'Domain':'a','NewDomain':'a.*.b'" },
		/* Of two rules one collides: none is renamed. */
		{ "InvalidParameterValue", "NewDomain", "'Domain':'a','NewDomain':'d'" },
		{ "InvalidParameterValue", "NewDomain", "'Domain':'a','NewDomain':'c'" },
		{ "UnknownParameter", "Nonsense", "'Domain':'a','NewDomain':'x','Nonsense':1" },
	};
	char longest[128] = "'Domain':'a','NewDomain':'";

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refuse_domain("ModifyDomain", cases[i].code, cases[i].field, cases[i].rest);
	memset(longest + 26, 'x', 81);
	strcpy(longest + 26 + 81, "'");
	refuse_domain("ModifyDomain", "InvalidParameterValue.Length", "NewDomain", longest);
	memcpy(longest + 26 + 80, "'", 2);
	noun_do("ModifyDomain", "{" AT_LISTENER ",%s}", instance, listener, longest);
	noun_refuse("ModifyDomain", "InvalidParameter.ListenerIdNotFound", "ListenerId",
		    "{'LoadBalancerId':'%s','ListenerId':'lbl-00000000','Domain':'a',"
		    "'NewDomain':'x'}",
		    instance);
	noun_refuse("ModifyDomain", "InvalidParameter.LBIdNotFound", "LoadBalancerId",
		    "{'LoadBalancerId':'lb-00000000','ListenerId':'%s','Domain':'a',"
		    "'NewDomain':'x'}",
		    listener);
}

static void needs_http(void **state)
{
	json_t *answer =
		noun_call("CreateListener", "{'LoadBalancerId':'%s','Ports':[81],'Protocol':'TCP'}",
			  instance);

	noun_refuse("ModifyDomainAttributes", "InvalidParameter.ProtocolCheckFailed", "ListenerId",
		    "{" AT_LISTENER ",'Domain':'a'}", instance, noun_text(answer, "ListenerIds.0"));
	json_decref(answer);
}

static void gives_several_names(void **state)
{
	set_domain("ModifyDomainAttributes", "a", "'NewDomains':['x','*.Y']");
	expect_rules("*x,*.y/ *x,*.y/2 b,c/ d/2");
	/* The default stays with its domain while that stays. */
	set_domain("ModifyDomainAttributes", "x", "'NewDomains':['z','x']");
	expect_rules("*z,x/ *z,x/2 b,c/ d/2");
	set_domain("ModifyDomainAttributes", "c", "'NewDomains':['b','e']");
	noun_restart();
	expect_rules("*z,x/ *z,x/2 b,e/ d/2");
	/* The default was another domain of the rules, and goes: the first new name follows. */
	set_domain("ModifyDomainAttributes", "z", "'NewDomains':['q','z']");
	expect_rules("*q,z/ *q,z/2 b,e/ d/2");
	set_domain("ModifyDomainAttributes", "d", "'NewDomain':'f'");
	set_domain("ModifyDomainAttributes", "f", "'Http2':false,'Quic':false,'Certificate':{}");
	noun_do("ModifyDomainAttributes", "{" AT_LISTENER ",'Domain':'f'}", instance, listener);
	expect_rules("*q,z/ *q,z/2 b,e/ f/2");
}

static void refuses_attributes(void **state)
{
	static const struct {
		const char *code, *field, *rest;
	} cases[] = {
		{ "InvalidParameter", "NewDomains", "'NewDomain':'x','NewDomains':['y']" },
		{ "InvalidParameterValue.Length", "NewDomains", "'NewDomains':[]" },
		{ "InvalidParameterValue.Duplicate", "NewDomains[1]", "'NewDomains':['x','X']" },
		{ "InvalidParameterValue", "NewDomains[1]", "'NewDomains':['x','_']" },
		{ "InvalidParameterValue", "NewDomains", "'NewDomains':['x','b']" },
		{ "InvalidParameter", "Http2", "'Http2':true" },
		{ "InvalidParameter", "Certificate", "'Certificate':{'CertId':'x'}" },
		{ "InvalidParameter", "MultiCertInfo",
		  "'MultiCertInfo':{'SSLMode':'UNIDIRECTIONAL','CertList':[{'CertId':'x'}]}" },
		{ "UnsupportedOperation", "Quic", "'Quic':true" },
		{ "InvalidParameter", "DefaultServer", "'DefaultServer':1" },
		/* The default domain needs another that takes its place. */
		{ "InvalidParameter", "NewDefaultServerDomain", "'DefaultServer':false" },
		{ "InvalidParameter", "NewDefaultServerDomain",
		  "'DefaultServer':false,'NewDefaultServerDomain':'a'" },
		{ "InvalidParameter", "NewDefaultServerDomain",
		  "'DefaultServer':false,'NewDefaultServerDomain':'x'" },
		{ "InvalidParameter", "NewDefaultServerDomain",
		  "'DefaultServer':true,'NewDefaultServerDomain':'b'" },
		{ "InvalidParameter", "NewDefaultServerDomain", "'NewDefaultServerDomain':'b'" },
		{ "InvalidParameter", "NewDefaultServerDomain",
		  "'NewDomain':'x','DefaultServer':false,'NewDefaultServerDomain':'x'" },
	};
	char rest[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(rest, sizeof(rest), "'Domain':'a',%s", cases[i].rest);
		refuse_domain("ModifyDomainAttributes", cases[i].code, cases[i].field, rest);
	}
	snprintf(rest, sizeof(rest), "'Domain':'x','DefaultServer':true");
	refuse_domain("ModifyDomainAttributes", "InvalidParameter.LocationNotFound", "Domain",
		      rest);
}

static void domains_have_a_roof(void **state)
{
	noun_do("ModifyDomainAttributes",
		"{" AT_LISTENER ",'Domain':'d','NewDomains':['0','1','2','3','4','5','6','7','8',"
		"'9','10','11','12','13','14','15','16','17','18','19']}",
		instance, listener);
	refuse_domain(
		"ModifyDomainAttributes", "InvalidParameterValue.Length", "NewDomains",
		"'Domain':'7','NewDomains':['0','1','2','3','4','5','6','7','8','9','10','11',"
		"'12','13','14','15','16','17','18','19','20']");
	set_domain("ModifyDomainAttributes", "7", "'NewDomains':['x','8']");
}

static void hands_the_default_over(void **state)
{
	set_domain("ModifyDomainAttributes", "C", "'DefaultServer':true");
	expect_rules("a/ a/2 *b,c/ d/2");
	set_domain("ModifyDomainAttributes", "c",
		   "'DefaultServer':false,'NewDefaultServerDomain':'B'");
	expect_rules("a/ a/2 *b,c/ d/2");
	set_domain("ModifyDomainAttributes", "b",
		   "'DefaultServer':false,'NewDefaultServerDomain':'d'");
	/* Again: nothing to do. Not the default: nothing to hand over. */
	set_domain("ModifyDomainAttributes", "b",
		   "'DefaultServer':false,'NewDefaultServerDomain':'d'");
	set_domain("ModifyDomainAttributes", "a", "'DefaultServer':false");
	noun_restart();
	expect_rules("a/ a/2 b,c/ *d/2");
	set_domain("ModifyDomainAttributes", "a", "'NewDomain':'x','DefaultServer':true");
	expect_rules("*x/ *x/2 b,c/ d/2");
}

static void any_host_is_the_default(void **state)
{
	noun_rule(instance, listener, "", "/");
	refuse_domain("ModifyDomainAttributes", "InvalidParameter", "DefaultServer",
		      "'Domain':'a','DefaultServer':true");
	refuse_domain("ModifyDomainAttributes", "InvalidParameter", "NewDefaultServerDomain",
		      "'Domain':'a','DefaultServer':false,'NewDefaultServerDomain':'b'");
	set_domain("ModifyDomainAttributes", "a", "'DefaultServer':false");
	set_domain("ModifyDomain", "a", "'NewDomain':'x'");
	expect_rules("x/ x/2 b,c/ d/2 */");
}

#define NOUN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOUN_TEST(renames_in_every_rule),
		NOUN_TEST(refuses_names),
		NOUN_TEST(needs_http),
		NOUN_TEST(gives_several_names),
		NOUN_TEST(refuses_attributes),
		NOUN_TEST(domains_have_a_roof),
		NOUN_TEST(hands_the_default_over),
		NOUN_TEST(any_host_is_the_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

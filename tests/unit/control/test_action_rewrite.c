/* SPDX-License-Identifier: Apache-2.0 */
/* Redirections of api.md section 12: made, refused, shown, ended, and gone with their targets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "noun_fixture.h"

static char instance[32], first[32], second[32]; /* two HTTP listeners */
static char root[32], old[32], new[32], other[32]; /* rules of `first`, and one of `second` */

#define CALL "'LoadBalancerId':'%s','SourceListenerId':'%s','TargetListenerId':'%s'"
#define PAIR "{'SourceLocationId':'%s','TargetLocationId':'%s'}"

static int set_up(void **state)
{
	noun_setup(state);
	strcpy(instance, noun_instance("127.0.0.1"));
	strcpy(first, noun_listener(instance, 80));
	strcpy(second, noun_listener(instance, 81));
	strcpy(root, noun_rule(instance, first, "a", "/"));
	strcpy(old, noun_rule(instance, first, "a", "/old"));
	strcpy(new, noun_rule(instance, first, "a", "/new"));
	strcpy(other, noun_rule(instance, second, "a", "/"));
	return 0;
}

static void rewrite(const char *action, const char *source, const char *target)
{
	noun_do(action, "{" CALL ",'RewriteInfos':[" PAIR "]}", instance, first,
		target == other ? second : first, source, target);
}

/* From `from` on listener `at` to `to` on listener `at_to`, the URL taken along. */
static void redirect(const char *at, const char *from, const char *at_to, const char *to)
{
	noun_do("ManualRewrite",
		"{" CALL ",'RewriteInfos':[{'SourceLocationId':'%s','TargetLocationId':'%s',"
		"'RewriteCode':301,'TakeUrl':true}]}",
		instance, at, at_to, from, to);
}

static void refuse_loop(const char *at, const char *from, const char *at_to, const char *to)
{
	noun_refuse("ManualRewrite", "InvalidParameter", "RewriteInfos[0].TargetLocationId",
		    "{" CALL ",'RewriteInfos':[{'SourceLocationId':'%s','TargetLocationId':'%s',"
		    "'RewriteCode':301,'TakeUrl':true}]}",
		    instance, at, at_to, from, to);
}

/* How many rules are redirected, by DescribeRewrite and by what the store gives. */
static void expect_count(size_t count)
{
	json_t *answer = noun_call("DescribeRewrite", "{'LoadBalancerId':'%s'}", instance);

	assert_int_equal(json_array_size(noun_at(answer, "RewriteSet")), count);
	json_decref(answer);
	noun_restart();
	answer = noun_call("DescribeRewrite", "{'LoadBalancerId':'%s'}", instance);
	assert_int_equal(json_array_size(noun_at(answer, "RewriteSet")), count);
	json_decref(answer);
}

static void makes_shows_and_ends(void **state)
{
	json_t *answer;
	const json_t *rule;

	expect_count(0);
	rewrite("ManualRewrite", old, new);
	noun_do("ManualRewrite",
		"{" CALL ",'RewriteInfos':[{'SourceLocationId':'%s','TargetLocationId':'%s',"
		"'RewriteCode':307,'TakeUrl':true,'SourceDomain':'A'}]}",
		instance, first, second, root, other);
	expect_count(2);
	answer = noun_call("DescribeRewrite", "{'LoadBalancerId':'%s'}", instance);
	rule = noun_at(answer, "RewriteSet.1");
	assert_string_equal(noun_text(rule, "LocationId"), old);
	assert_string_equal(noun_text(rule, "ListenerId"), first);
	assert_string_equal(noun_text(rule, "RewriteTarget.TargetListenerId"), first);
	assert_string_equal(noun_text(rule, "RewriteTarget.TargetLocationId"), new);
	assert_int_equal(noun_integer(rule, "RewriteTarget.RewriteCode"), 302);
	assert_true(json_is_false(noun_at(rule, "RewriteTarget.TakeUrl")));
	assert_string_equal(noun_text(rule, "RewriteTarget.RewriteType"), "Manual");
	rule = noun_at(answer, "RewriteSet.0");
	assert_string_equal(noun_text(rule, "RewriteTarget.TargetListenerId"), second);
	assert_int_equal(noun_integer(rule, "RewriteTarget.RewriteCode"), 307);
	assert_true(json_is_true(noun_at(rule, "RewriteTarget.TakeUrl")));
	json_decref(answer);
	answer = noun_call("DescribeListeners", "{'LoadBalancerId':'%s'}", instance);
	assert_string_equal(noun_text(answer, "Listeners.0.Rules.1.RewriteTarget.TargetLocationId"),
			    new);
	assert_true(json_is_null(noun_at(answer, "Listeners.0.Rules.2.RewriteTarget")));
	json_decref(answer);
	/* It keeps its servers, and takes new ones. */
	noun_do("RegisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s',"
		"'Targets':[{'EniIp':'10.0.0.1','Port':80}]}",
		instance, first, old);
	rewrite("DeleteRewrite", old, new);
	expect_count(1);
	noun_refuse("DeleteRewrite", "InvalidParameter.SomeRewriteNotFound",
		    "RewriteInfos[0].SourceLocationId", "{" CALL ",'RewriteInfos':[" PAIR "]}",
		    instance, first, first, old, new);
	noun_refuse("DeleteRewrite", "InvalidParameter.SomeRewriteNotFound",
		    "RewriteInfos[0].SourceLocationId", "{" CALL ",'RewriteInfos':[" PAIR "]}",
		    instance, first, first, root, new);
	rewrite("DeleteRewrite", root, other);
	expect_count(0);
}

static void describes_what_is_asked_for(void **state)
{
	static const struct {
		const char *ids;
		size_t count;
	} cases[] = {
		{ "'SourceListenerIds':['%s']", 2 },
		{ "'SourceListenerIds':['lbl-00000000']", 0 },
		{ "'SourceLocationIds':['loc-00000000']", 0 },
		{ "'SourceListenerIds':[],'SourceLocationIds':[]", 2 },
	};
	char ids[128];
	json_t *answer;

	rewrite("ManualRewrite", old, new);
	rewrite("ManualRewrite", root, new); /* two to one is no conflict */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int size = snprintf(ids, sizeof(ids), "%s", cases[i].ids);

		if (strstr(ids, "%s"))
			snprintf(ids, sizeof(ids), "'SourceListenerIds':['%s']", first);
		assert_true(size > 0);
		answer = noun_call("DescribeRewrite", "{'LoadBalancerId':'%s',%s}", instance, ids);
		assert_int_equal(json_array_size(noun_at(answer, "RewriteSet")), cases[i].count);
		json_decref(answer);
	}
	answer = noun_call("DescribeRewrite",
			   "{'LoadBalancerId':'%s','SourceLocationIds':['%s','%s']}", instance, old,
			   new);
	assert_int_equal(json_array_size(noun_at(answer, "RewriteSet")), 1);
	assert_string_equal(noun_text(answer, "RewriteSet.0.LocationId"), old);
	json_decref(answer);
	noun_refuse("DescribeRewrite", "InvalidParameter.LBIdNotFound", "LoadBalancerId",
		    "{'LoadBalancerId':'lb-00000000'}");
}

static void refuses_fields(void **state)
{
	static const struct {
		const char *code, *field, *extra;
	} cases[] = {
		{ "MissingParameter", "TakeUrl", "'RewriteCode':302" },
		{ "InvalidParameterValue", "RewriteCode", "'RewriteCode':303,'TakeUrl':true" },
		{ "InvalidParameterValue", "RewriteCode", "'RewriteCode':0,'TakeUrl':true" },
		{ "InvalidParameterValue", "RewriteCode", "'RewriteCode':4295,'TakeUrl':true" },
		{ "InvalidParameterValue", "RewriteCode",
		  "'RewriteCode':65838,'TakeUrl':true" }, /* 302 in 16 bits */
		{ "InvalidParameter", "RewriteCode", "'RewriteCode':'302','TakeUrl':true" },
		{ "InvalidParameter", "TakeUrl", "'TakeUrl':1" },
		{ "InvalidParameter", "SourceDomain", "'SourceDomain':'b'" },
		{ "UnknownParameter", "Nonsense", "'Nonsense':1" },
	};
	char field[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(field, sizeof(field), "RewriteInfos[0].%s", cases[i].field);
		noun_refuse(
			"ManualRewrite", cases[i].code, field,
			"{" CALL
			",'RewriteInfos':[{'SourceLocationId':'%s','TargetLocationId':'%s',%s}]}",
			instance, first, first, old, new, cases[i].extra);
		snprintf(field, sizeof(field), "RewriteInfos[1].%s", cases[i].field);
		noun_refuse("ManualRewrite", cases[i].code, field,
			    "{" CALL ",'RewriteInfos':[" PAIR
			    ",{'SourceLocationId':'%s','TargetLocationId':'%s',%s}]}",
			    instance, first, first, root, new, old, new, cases[i].extra);
	}
	noun_refuse("ManualRewrite", "InvalidParameterValue.Length", "RewriteInfos",
		    "{" CALL ",'RewriteInfos':[]}", instance, first, first);
	noun_refuse("ManualRewrite", "MissingParameter", "RewriteInfos[0].TargetLocationId",
		    "{" CALL ",'RewriteInfos':[{'SourceLocationId':'%s'}]}", instance, first, first,
		    old);
	noun_refuse("ManualRewrite", "MissingParameter", "RewriteInfos", "{" CALL "}", instance,
		    first, first);
}

static void refuses_strangers(void **state)
{
	static const char *const names[] = { "ManualRewrite", "DeleteRewrite" };
	char tcp[32];
	json_t *answer =
		noun_call("CreateListener", "{'LoadBalancerId':'%s','Ports':[82],'Protocol':'TCP'}",
			  instance);

	strcpy(tcp, noun_text(answer, "ListenerIds.0"));
	json_decref(answer);
	for (size_t i = 0; i < 2; i++) {
		noun_refuse(names[i], "InvalidParameter.LBIdNotFound", "LoadBalancerId",
			    "{" CALL ",'RewriteInfos':[" PAIR "]}", "lb-00000000", first, first,
			    old, new);
		noun_refuse(names[i], "InvalidParameter.ListenerIdNotFound", "SourceListenerId",
			    "{" CALL ",'RewriteInfos':[" PAIR "]}", instance, "lbl-00000000", first,
			    old, new);
		noun_refuse(names[i], "InvalidParameter.ListenerIdNotFound", "TargetListenerId",
			    "{" CALL ",'RewriteInfos':[" PAIR "]}", instance, first, "lbl-00000000",
			    old, new);
		noun_refuse(names[i], "InvalidParameter.ProtocolCheckFailed", "SourceListenerId",
			    "{" CALL ",'RewriteInfos':[" PAIR "]}", instance, tcp, first, old, new);
		noun_refuse(names[i], "InvalidParameter.ProtocolCheckFailed", "TargetListenerId",
			    "{" CALL ",'RewriteInfos':[" PAIR "]}", instance, first, tcp, old, new);
		noun_refuse(names[i], "InvalidParameter.LocationNotFound",
			    "RewriteInfos[0].SourceLocationId",
			    "{" CALL ",'RewriteInfos':[" PAIR "]}", instance, second, first, old,
			    new);
		noun_refuse(names[i], "InvalidParameter.LocationNotFound",
			    "RewriteInfos[0].TargetLocationId",
			    "{" CALL ",'RewriteInfos':[" PAIR "]}", instance, first, second, old,
			    new);
	}
	noun_refuse("AutoRewrite", "UnsupportedOperation", NULL, "{'LoadBalancerId':'%s'}",
		    instance);
}

static void refuse_again(const char *source, const char *target, const char *field)
{
	noun_refuse("ManualRewrite", "InvalidParameter.RewriteAlreadyExist", field,
		    "{" CALL ",'RewriteInfos':[" PAIR "]}", instance, first, first, source, target);
}

static void source_or_target_is_not_redirected_again(void **state)
{
	noun_refuse("ManualRewrite", "InvalidParameter", "RewriteInfos[0].TargetLocationId",
		    "{" CALL ",'RewriteInfos':[" PAIR "]}", instance, first, first, old, old);
	rewrite("ManualRewrite", old, new);
	refuse_again(old, new, "RewriteInfos[0].SourceLocationId");
	refuse_again(old, root, "RewriteInfos[0].SourceLocationId");
	refuse_again(new, root, "RewriteInfos[0].SourceLocationId");
	refuse_again(new, old, "RewriteInfos[0].SourceLocationId");
	refuse_again(root, old, "RewriteInfos[0].TargetLocationId");
	noun_refuse("ManualRewrite", "InvalidParameter.RewriteAlreadyExist",
		    "RewriteInfos[1].SourceLocationId",
		    "{" CALL ",'RewriteInfos':[" PAIR "," PAIR "]}", instance, first, first, root,
		    new, root, new);
	expect_count(1);
}

static void refuses_circles(void **state)
{
	char plain[32], back[32], expression[32];

	/* On one listener and domain, taking the URL along leads to the same rule. */
	refuse_loop(first, root, first, new);
	refuse_loop(first, old, first, root);
	rewrite("ManualRewrite", old, new);
	rewrite("DeleteRewrite", old, new);
	/* There and back by way of two rules. */
	strcpy(back, noun_rule(instance, second, "a", "/old/deep"));
	strcpy(plain, noun_rule(instance, first, "a", "/plain"));
	redirect(first, old, second, other);
	refuse_loop(second, back, first, plain);
	/* A longer rule that serves them there breaks the circle. */
	noun_rule(instance, first, "a", "/old/deep");
	redirect(second, back, first, plain);
	/* An expression catches what is sent to a plain target. */
	strcpy(expression, noun_rule(instance, first, "a", "~/n"));
	noun_refuse("ManualRewrite", "InvalidParameter", "RewriteInfos[0].TargetLocationId",
		    "{" CALL ",'RewriteInfos':[" PAIR "]}", instance, first, first, expression,
		    new);
	rewrite("ManualRewrite", expression, plain);
}

static void refuses_targets_without_a_place(void **state)
{
	char expression[32];

	strcpy(expression, noun_rule(instance, second, "a", "~^/x"));
	noun_refuse("ManualRewrite", "InvalidParameter", "RewriteInfos[0].TargetLocationId",
		    "{" CALL ",'RewriteInfos':[" PAIR "]}", instance, first, second, old,
		    expression);
	redirect(first, old, second, expression);
}

static void later_changes_make_no_circle(void **state)
{
	rewrite("ManualRewrite", root, new);
	redirect(first, old, second, other);
	noun_refuse("ModifyRule", "InvalidParameter", "Url",
		    "{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s','Url':'~^/new'}",
		    instance, first, new);
	noun_do("ModifyRule",
		"{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s','Url':'/newer'}",
		instance, first, new);
	noun_do("ModifyDomain",
		"{'LoadBalancerId':'%s','ListenerId':'%s','Domain':'a','NewDomain':'*.a'}",
		instance, first);
	expect_count(2);
}

static void goes_with_its_target(void **state)
{
	rewrite("ManualRewrite", old, new);
	redirect(first, root, second, other);
	expect_count(2);
	noun_do("DeleteRule", "{'LoadBalancerId':'%s','ListenerId':'%s','LocationIds':['%s']}",
		instance, first, new);
	expect_count(1);
	rewrite("ManualRewrite", old, other);
	noun_do("DeleteListener", "{'LoadBalancerId':'%s','ListenerId':'%s'}", instance, second);
	expect_count(0);
	strcpy(second, noun_listener(instance, 81));
	strcpy(other, noun_rule(instance, second, "b", "/"));
	rewrite("ManualRewrite", old, other);
	noun_do("DeleteLoadBalancerListeners", "{'LoadBalancerId':'%s','ListenerIds':['%s']}",
		instance, second);
	expect_count(0);
	noun_do("DeleteLoadBalancer", "{'LoadBalancerIds':['%s']}", instance);
}

#define NOUN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOUN_TEST(makes_shows_and_ends),
		NOUN_TEST(describes_what_is_asked_for),
		NOUN_TEST(refuses_fields),
		NOUN_TEST(refuses_strangers),
		NOUN_TEST(source_or_target_is_not_redirected_again),
		NOUN_TEST(refuses_circles),
		NOUN_TEST(refuses_targets_without_a_place),
		NOUN_TEST(later_changes_make_no_circle),
		NOUN_TEST(goes_with_its_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

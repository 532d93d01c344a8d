/* SPDX-License-Identifier: Apache-2.0 */
/* Files whose rules have several domains, or are redirected: what is the same rule, and what twice
 * changes nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apply_fixture.h"

#define HEAD                                                                                        \
	"LoadBalancers:\n- LoadBalancerName: web\n  Listeners:\n  - Protocol: HTTP\n    Port: 80\n" \
	"    Rules:\n"
#define SECOND "  - Protocol: HTTP\n    Port: 81\n    Rules:\n"

static void apply(struct fixture *fixture, const char *content, const char *changes)
{
	int error = fixture_apply(fixture, content, false);

	if (error)
		fail_msg("%d: %s: %s", error, fixture->call.problem.code,
			 fixture->call.problem.text);
	assert_string_equal(fixture_changes(fixture), changes);
	assert_int_equal(fixture->call.is_unchanged, !*changes);
	/* Twice is once. */
	assert_int_equal(fixture_apply(fixture, content, false), 0);
	assert_string_equal(fixture_changes(fixture), "");
}

static void refuse(struct fixture *fixture, const char *content, const char *code, const char *part)
{
	int error = fixture_apply(fixture, content, false);

	if (error != -EINVAL)
		fail_msg("%d instead of a refusal with %s", error, part);
	if (strcmp(fixture->call.problem.code, code) || !strstr(fixture->call.problem.text, part))
		fail_msg("%s: %s\ninstead of %s: %s", fixture->call.problem.code,
			 fixture->call.problem.text, code, part);
}

static const struct listener *front(const struct fixture *fixture)
{
	return fixture->control.model.instances[0]->listeners[0];
}

static void test_domains_keep_their_rules(void **state)
{
	struct fixture *fixture = *state;
	char first[LIMIT_ID], second[LIMIT_ID];

	apply(fixture, HEAD "    - {Domains: [a, B, c], Url: /}\n    - {Domains: [d, e], Url: /}\n",
	      "+ instance web\n+ listener HTTP:80 in web\n+ rule a/ in web HTTP:80\n"
	      "+ rule d/ in web HTTP:80\n");
	strcpy(first, front(fixture)->rules[0]->id);
	strcpy(second, front(fixture)->rules[1]->id);
	/* One domain less, one more, another order. */
	apply(fixture, HEAD "    - {Domains: [c, a], Url: /}\n    - {Domains: [d, e, f], Url: /}\n",
	      "- domain b in web HTTP:80 c/\n"
	      "~ rule c/ in web HTTP:80: the order of its Domains\n"
	      "+ domain f in web HTTP:80 d/\n"
	      "~ listener HTTP:80 in web: default domain a -> c\n");
	assert_string_equal(front(fixture)->rules[0]->id, first);
	/* They change places; each is found by what stays. */
	apply(fixture, HEAD "    - {Domains: [c, e, f], Url: /}\n    - {Domains: [d, a], Url: /}\n",
	      "- domain a in web HTTP:80 c/\n- domain e in web HTTP:80 d/\n"
	      "- domain f in web HTTP:80 d/\n+ domain e in web HTTP:80 c/\n"
	      "+ domain f in web HTTP:80 c/\n+ domain a in web HTTP:80 d/\n");
	assert_string_equal(front(fixture)->rules[0]->id, first);
	assert_string_equal(front(fixture)->rules[1]->id, second);
	/* Found by any domain; a rule that is split goes on as its first half. */
	apply(fixture,
	      HEAD "    - {Domain: F, Url: /}\n    - {Domain: d, Url: /}\n"
		   "    - {Domains: [a], Url: /}\n    - {Domain: e, Url: /}\n",
	      "- domain c in web HTTP:80 F/\n- domain e in web HTTP:80 F/\n"
	      "- domain a in web HTTP:80 d/\n+ rule a/ in web HTTP:80\n"
	      "+ rule e/ in web HTTP:80\n");
	assert_string_equal(front(fixture)->rules[0]->id, first);
	assert_string_equal(front(fixture)->rules[0]->domain, "f");
	assert_string_equal(front(fixture)->rules[1]->id, second);
	assert_int_equal(front(fixture)->rule_count, 4);
}

static void test_refused_domains(void **state)
{
	static const struct {
		const char *rules, *code, *part;
	} cases[] = {
		{ "    - {Domains: [a, b], Url: /}\n    - {Domains: [c, B], Url: /}\n",
		  "InvalidParameterValue",
		  "f.yaml:8: LoadBalancers[0].Listeners[0].Rules[1] has the same domain and URL as "
		  "Rules[0]" },
		{ "    - {Domain: a, Url: /}\n    - {Domain: a, Url: ^~/}\n",
		  "InvalidParameterValue", "f.yaml:8: LoadBalancers[0].Listeners[0].Rules[1].Url" },
		{ "    - {Domain: a, Domains: [b], Url: /}\n", "InvalidParameter", "f.yaml:7: " },
		{ "    - {Domains: [a, '~^\\D$'], Url: /}\n", "InvalidParameterValue",
		  "f.yaml:7: LoadBalancers[0].Listeners[0].Rules[0].Domains[1]" },
		{ "    - {Domains: [a, ''], Url: /}\n", "InvalidParameterValue.Length",
		  "f.yaml:7: LoadBalancers[0].Listeners[0].Rules[0].Domains[1]" },
	};
	struct fixture *fixture = *state;
	char content[1024];

	for (int turn = 0; turn < 2; turn++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			snprintf(content, sizeof(content), "%s%s", HEAD, cases[i].rules);
			refuse(fixture, content, cases[i].code, cases[i].part);
		}
		/* And the same when a rule of that domain is there. */
		if (turn == 0)
			apply(fixture, HEAD "    - {Domain: a, Url: /}\n",
			      "+ instance web\n+ listener HTTP:80 in web\n"
			      "+ rule a/ in web HTTP:80\n");
	}
}

static void test_redirects(void **state)
{
	static const char both[] =
		HEAD "    - {Domain: a, Url: /, Redirect: {Port: 81, Url: /, TakeUrl: true}}\n"
		     "    - {Domain: a, Url: /old, Redirect: {Url: /new, Code: 301}}\n"
		     "    - {Domain: a, Url: /new}\n" SECOND "    - {Domains: [b, A], Url: /}\n";
	struct fixture *fixture = *state;
	char id[LIMIT_ID];

	apply(fixture, both,
	      "+ instance web\n+ listener HTTP:80 in web\n+ rule a/ in web HTTP:80\n"
	      "+ rule a/old in web HTTP:80\n+ rule a/new in web HTTP:80\n"
	      "+ listener HTTP:81 in web\n+ rule b/ in web HTTP:81\n"
	      "+ redirection of web HTTP:80 a/ to HTTP:81 b/, 302 with the URL\n"
	      "+ redirection of web HTTP:80 a/old to HTTP:80 a/new, 301\n");
	strcpy(id, front(fixture)->rules[1]->id);
	/* Another target, and one that goes with its rule. */
	apply(fixture,
	      HEAD
	      "    - {Domain: a, Url: /old, Redirect: {Port: 81, Domain: b, Url: /, Code: 307}}\n"
	      "    - {Domain: a, Url: /}\n" SECOND "    - {Domains: [b, a], Url: /}\n",
	      "- rule a/new in web HTTP:80\n"
	      "- redirection of web HTTP:80 a/\n"
	      "+ redirection of web HTTP:80 a/old to HTTP:81 b/, 307\n");
	assert_string_equal(front(fixture)->rules[1]->id, id);
	assert_int_equal(front(fixture)->rules[1]->redirect_code, 307);
	/* Changed by hand: changed back. */
	assert_int_equal(
		fixture_call(
			fixture, "DeleteRewrite",
			json_pack("{s:s s:s s:s s:[{s:s s:s}]}", "LoadBalancerId",
				  fixture->control.model.instances[0]->id, "SourceListenerId",
				  front(fixture)->id, "TargetListenerId",
				  fixture->control.model.instances[0]->listeners[1]->id,
				  "RewriteInfos", "SourceLocationId", id, "TargetLocationId",
				  fixture->control.model.instances[0]->listeners[1]->rules[0]->id)),
		0);
	assert_int_equal(
		fixture_apply(fixture,
			      HEAD "    - {Domain: a, Url: /old, Redirect: {Port: 81, Domain: b, "
				   "Url: /, Code: 307}}\n    - {Domain: a, Url: /}\n" SECOND
				   "    - {Domains: [b, a], Url: /}\n",
			      true),
		0);
	assert_string_equal(fixture_changes(fixture),
			    "+ redirection of web HTTP:80 a/old to HTTP:81 b/, 307\n");
	assert_int_equal(front(fixture)->rules[1]->redirect_rule, 0);
}

static void test_refused_redirects(void **state)
{
	static const struct {
		const char *redirect, *code, *part;
	} cases[] = {
		{ "{Url: /x}", "InvalidParameter.LocationNotFound",
		  "f.yaml:8: LoadBalancers[0].Listeners[0].Rules[1].Redirect: Redirect: the HTTP "
		  "listener on port 80 has no rule a/x." },
		{ "{Port: 82, Url: /}", "InvalidParameter.ListenerIdNotFound",
		  "Rules[1].Redirect: Redirect: the load balancer has no HTTP listener on port 82." },
		{ "{Port: 81, Domain: x, Url: /}", "InvalidParameter.LocationNotFound", "x/" },
		{ "{Port: 81, Url: /, Code: 303}", "InvalidParameterValue",
		  "f.yaml:8: LoadBalancers[0].Listeners[0].Rules[1].Redirect.Code" },
		{ "{Url: /old}", "InvalidParameter",
		  "f.yaml:8: LoadBalancers[0].Listeners[0].Rules[1].Redirect" },
		{ "{Url: /, TakeUrl: true}", "InvalidParameter",
		  "f.yaml:8: LoadBalancers[0].Listeners[0].Rules[1].Redirect" },
		{ "{Port: 81}", "MissingParameter",
		  "f.yaml:8: LoadBalancers[0].Listeners[0].Rules[1].Redirect.Url" },
		{ "{Port: 81, Url: /, Nonsense: 1}", "UnknownParameter",
		  "f.yaml:8: LoadBalancers[0].Listeners[0].Rules[1].Redirect.Nonsense" },
		{ "{Port: 0, Url: /}", "InvalidParameterValue", "Redirect.Port" },
	};
	struct fixture *fixture = *state;
	char content[1024];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(content, sizeof(content),
			 "%s    - {Domain: a, Url: /}\n    - {Domain: a, Url: /old, Redirect: %s}\n"
			 "%s    - {Domain: a, Url: /}\n",
			 HEAD, cases[i].redirect, SECOND);
		refuse(fixture, content, cases[i].code, cases[i].part);
		assert_int_equal(fixture->control.model.instance_count, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_domains_keep_their_rules),
		TEST(test_refused_domains),
		TEST(test_redirects),
		TEST(test_refused_redirects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

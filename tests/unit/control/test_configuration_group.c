/* SPDX-License-Identifier: Apache-2.0 */
/* Files with target groups: made, shared, changed exactly, left, refused with their line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply_fixture.h"

static void apply(struct fixture *fixture, const char *content, const char *changes)
{
	int error = fixture_apply(fixture, content, false);

	if (error)
		fail_msg("%d: %s: %s", error, fixture->call.problem.code,
			 fixture->call.problem.text);
	assert_string_equal(fixture_changes(fixture), changes);
	assert_int_equal(fixture->call.is_unchanged, !*changes);
}

static void refuse(struct fixture *fixture, const char *content, const char *code, const char *text)
{
	assert_int_equal(fixture_apply(fixture, content, false), -EINVAL);
	if (strcmp(fixture->call.problem.code, code) != 0 ||
	    strncmp(fixture->call.problem.text, text, strlen(text)) != 0)
		fail_msg("%s: %s: %s", content, fixture->call.problem.code,
			 fixture->call.problem.text);
}

static const struct listener *listener_at(const struct fixture *fixture, size_t index)
{
	return fixture->control.model.instances[0]->listeners[index];
}

static const struct rule *rule_at(const struct fixture *fixture, size_t index)
{
	return listener_at(fixture, 0)->rules[index];
}

#define GROUPS                      \
	"TargetGroups:\n"           \
	"- TargetGroupName: pool\n" \
	"  Port: 80\n"              \
	"  Targets:\n"              \
	"  - {EniIp: 10.0.0.1}\n"   \
	"  - {BindIP: \"2001:db8:0::1\", Port: 81, Weight: 20}\n"
#define BEGIN "LoadBalancers:\n- LoadBalancerName: web\n  Listeners:\n"
#define HTTP                        \
	"  - Protocol: HTTP\n"      \
	"    Port: 8080\n"          \
	"    Rules:\n"              \
	"    - Url: /\n"            \
	"      TargetGroup: pool\n" \
	"    - Url: /own\n"
#define OWN "      Targets: [{EniIp: 10.0.0.9, Port: 1}]\n"
#define TCP "  - {Protocol: TCP, Port: 90, TargetGroup: pool}\n"

static const char whole[] = BEGIN HTTP OWN TCP GROUPS;
static const char whole_changes[] = "+ target group pool\n"
				    "+ target 10.0.0.1:80 weight 10 in target group pool\n"
				    "+ target [2001:db8::1]:81 weight 20 in target group pool\n"
				    "+ instance web\n"
				    "+ listener HTTP:8080 in web\n"
				    "+ rule */ in web HTTP:8080\n"
				    "+ target group pool in web HTTP:8080 */\n"
				    "+ rule */own in web HTTP:8080\n"
				    "+ target 10.0.0.9:1 weight 10 in web HTTP:8080 */own\n"
				    "+ listener TCP:90 in web\n"
				    "+ target group pool in web TCP:90\n";

static void test_make(void **state)
{
	struct fixture *fixture = *state;
	const struct model *model = &fixture->control.model;

	assert_int_equal(fixture_apply(fixture, whole, true), 0);
	assert_string_equal(fixture_changes(fixture), whole_changes);
	assert_int_equal(model->group_count, 0);
	apply(fixture, whole, whole_changes);
	assert_int_equal(model->group_count, 1);
	assert_int_equal(model->groups[0]->member_count, 2);
	assert_ptr_equal(rule_at(fixture, 0)->group, model->groups[0]);
	assert_int_equal(rule_at(fixture, 0)->target_count, 2);
	assert_int_equal(rule_at(fixture, 1)->target_count, 1);
	assert_ptr_equal(listener_at(fixture, 1)->group, model->groups[0]);
	assert_int_equal(listener_at(fixture, 1)->targets[1]->weight, 20);
	/* Twice is once; TargetType may be written too. */
	apply(fixture, whole, "");
	apply(fixture,
	      BEGIN HTTP OWN
	      "  - {Protocol: TCP, Port: 90, TargetType: TARGETGROUP, TargetGroup: pool}\n" GROUPS,
	      "");
	/* A group that the file does not name stays what it is, and may be stood on. */
	apply(fixture, BEGIN HTTP OWN TCP, "");
}

static void test_change_members(void **state)
{
	struct fixture *fixture = *state;
	uint64_t number;

	apply(fixture, whole, whole_changes);
	number = rule_at(fixture, 0)->targets[1]->number;
	apply(fixture,
	      BEGIN HTTP OWN TCP "TargetGroups:\n"
				 "- TargetGroupName: pool\n"
				 "  Port: 82\n"
				 "  Targets:\n"
				 "  - {EniIp: 10.0.0.3, Weight: 0}\n"
				 "  - {EniIp: \"2001:db8::1\", Port: 81}\n"
				 "- {TargetGroupName: idle, Port: 1}\n",
	      "~ target group pool: Port 80 -> 82\n"
	      "- target 10.0.0.1:80 in target group pool\n"
	      "+ target 10.0.0.3:82 weight 0 in target group pool\n"
	      "~ target [2001:db8::1]:81 in target group pool: Weight 20 -> 10\n"
	      "+ target group idle\n");
	assert_int_equal(rule_at(fixture, 0)->target_count, 2);
	assert_int_equal(rule_at(fixture, 0)->targets[0]->number, number);
	assert_int_equal(rule_at(fixture, 0)->targets[0]->weight, 10);
	assert_int_equal(listener_at(fixture, 1)->targets[1]->address.port, 82);
}

static void test_change_owners(void **state)
{
	struct fixture *fixture = *state;

	apply(fixture, whole, whole_changes);
	/* From a group to servers of its own, from those to a group, and from group to group. */
	apply(fixture,
	      BEGIN "  - Protocol: HTTP\n"
		    "    Port: 8080\n"
		    "    Rules:\n"
		    "    - Url: /\n"
		    "      Targets: [{EniIp: 10.0.0.1, Port: 80}]\n"
		    "    - Url: /own\n"
		    "      TargetGroup: pool\n"
		    "  - {Protocol: TCP, Port: 90, TargetGroup: other}\n" GROUPS
		    "- {TargetGroupName: other, Targets: [{EniIp: 10.0.0.5, Port: 5}]}\n",
	      "- target group pool in web HTTP:8080 */\n"
	      "~ web HTTP:8080 */: TargetType TARGETGROUP -> NODE\n"
	      "- target 10.0.0.9:1 in web HTTP:8080 */own\n"
	      "~ web HTTP:8080 */own: TargetType NODE -> TARGETGROUP\n"
	      "- target group pool in web TCP:90\n"
	      "+ target group other\n"
	      "+ target 10.0.0.5:5 weight 10 in target group other\n"
	      "+ target 10.0.0.1:80 weight 10 in web HTTP:8080 */\n"
	      "+ target group pool in web HTTP:8080 */own\n"
	      "+ target group other in web TCP:90\n");
	assert_int_equal(rule_at(fixture, 0)->target_count, 1);
	assert_int_equal(rule_at(fixture, 1)->target_count, 2);
	assert_int_equal(listener_at(fixture, 1)->target_count, 1);
	/* What stands on a group and is left out leaves it; the group stays. */
	apply(fixture,
	      BEGIN "  - {Protocol: TCP, Port: 90, TargetType: TARGETGROUP}\n"
		    "  - {Protocol: UDP, Port: 90}\n",
	      "- listener HTTP:8080 in web\n"
	      "- target group other in web TCP:90\n"
	      "+ listener UDP:90 in web\n");
	assert_int_equal(listener_at(fixture, 0)->target_type, TARGETS_GROUP);
	assert_int_equal(fixture->control.model.group_count, 2);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *content, *code, *text;
	} cases[] = {
		{ "LoadBalancers: []\nTargetGroups:\n- Port: 1\n", "MissingParameter",
		  "f.yaml:3: TargetGroups[0].TargetGroupName" },
		{ "LoadBalancers: []\nTargetGroups:\n- TargetGroupName: a\n", "MissingParameter",
		  "f.yaml:3: TargetGroups[0].Port" },
		{ "LoadBalancers: []\nTargetGroups:\n- TargetGroupName: a\n  Vpc: b\n",
		  "UnknownParameter", "f.yaml:4: " },
		{ "LoadBalancers: []\nTargetGroups:\n- {TargetGroupName: a, Port: 1}\n"
		  "- TargetGroupName: a\n  Port: 2\n",
		  "InvalidParameterValue.Duplicate", "f.yaml:4: " },
		{ "LoadBalancers: []\nTargetGroups:\n- TargetGroupName: a\n  Targets:\n"
		  "  - {EniIp: 10.0.0.1, Port: 1}\n  - EniIp: 10.0.0.2\n",
		  "MissingParameter", "f.yaml:6: TargetGroups[0].Targets[1].Port" },
		{ "LoadBalancers: []\nTargetGroups:\n- TargetGroupName: a\n  Targets:\n"
		  "  - {EniIp: 10.0.0.1, Port: 1}\n  - {BindIP: 10.0.0.1, Port: 1}\n",
		  "InvalidParameterValue.Duplicate", "f.yaml:6: " },
		{ "LoadBalancers: []\nTargetGroups:\n- TargetGroupName: a\n  Port: 1\n  Targets:\n"
		  "  - {EniIp: 10.0.0.1, BindIP: 10.0.0.1}\n",
		  "InvalidParameter", "f.yaml:6: " },
		{ "LoadBalancers: []\nTargetGroups:\n- TargetGroupName: a\n  Port: 1\n  Targets:\n"
		  "  - {EniIp: host}\n",
		  "InvalidParameter.FormatError", "f.yaml:6: TargetGroups[0].Targets[0].EniIp" },
		{ "LoadBalancers: []\nTargetGroups:\n- TargetGroupName: a\n  Port: 1\n  Targets:\n"
		  "  - {EniIp: 10.0.0.1, Weight: 101}\n",
		  "InvalidParameterValue", "f.yaml:6: TargetGroups[0].Targets[0].Weight" },
		{ BEGIN "  - Protocol: TCP\n    Port: 90\n    TargetGroup: none\n",
		  "InvalidParameter",
		  "f.yaml:6: LoadBalancers[0].Listeners[0].TargetGroup: There is no target group none" },
		{ BEGIN "  - Protocol: TCP\n    Port: 90\n    TargetGroup: pool\n"
			"    Targets: [{EniIp: 10.0.0.1, Port: 1}]\n" GROUPS,
		  "InvalidParameter", "f.yaml:7: LoadBalancers[0].Listeners[0].Targets" },
		{ BEGIN "  - Protocol: TCP\n    Port: 90\n    TargetGroup: pool\n"
			"    TargetType: NODE\n" GROUPS,
		  "InvalidParameter", "f.yaml:7: LoadBalancers[0].Listeners[0].TargetType" },
		{ BEGIN "  - Protocol: HTTP\n    Port: 90\n    TargetGroup: pool\n" GROUPS,
		  "InvalidParameter.ProtocolCheckFailed",
		  "f.yaml:6: LoadBalancers[0].Listeners[0].TargetGroup" },
		{ BEGIN "  - Protocol: TCP\n    Port: 90\n    TargetType: TARGETGROUP-V2\n",
		  "UnsupportedOperation", "f.yaml:6: " },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		refuse(fixture, cases[i].content, cases[i].code, cases[i].text);
		assert_int_equal(fixture->control.model.group_count, 0);
		assert_int_equal(fixture->control.model.instance_count, 0);
	}
}

/* Names that the API gave to two groups. */
static void test_names_of_several(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 2; i++)
		assert_int_equal(
			fixture_call(fixture, "CreateTargetGroup",
				     json_pack("{s:s s:i}", "TargetGroupName", "pool", "Port", 1)),
			0);
	refuse(fixture, whole, "FailedOperation",
	       "f.yaml:13: TargetGroups[0].TargetGroupName: More than one target group");
	refuse(fixture, BEGIN TCP, "FailedOperation", "f.yaml:4: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_make, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_change_members, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_change_owners, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_refusals, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_names_of_several, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

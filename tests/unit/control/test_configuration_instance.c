/* SPDX-License-Identifier: Apache-2.0 */
/* What a file says of an instance beside its making: Tags, AccessControl, Stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply_fixture.h"

#define HEAD "LoadBalancers:\n- LoadBalancerName: web\n"
#define TWO "  Listeners:\n  - {Protocol: HTTP, Port: 80}\n  - {Protocol: UDP, Port: 80}\n"

static void apply(struct fixture *fixture, const char *content, const char *changes)
{
	int error = fixture_apply(fixture, content, false);

	if (error)
		fail_msg("%d: %s: %s", error, fixture->call.problem.code,
			 fixture->call.problem.text);
	assert_string_equal(fixture_changes(fixture), changes);
	/* What is, is not changed again. */
	assert_int_equal(fixture_apply(fixture, content, false), 0);
	assert_string_equal(fixture_changes(fixture), "");
	assert_true(fixture->call.is_unchanged);
}

static void refuse(struct fixture *fixture, const char *content, const char *code, const char *text)
{
	assert_int_equal(fixture_apply(fixture, content, false), -EINVAL);
	assert_string_equal(fixture->call.problem.code, code);
	if (!strstr(fixture->call.problem.text, text))
		fail_msg("%s\ninstead of %s", fixture->call.problem.text, text);
}

static const struct instance *web(const struct fixture *fixture)
{
	return fixture->control.model.instances[0];
}

static void tags_are_those_of_the_file(void **state)
{
	struct fixture *fixture = *state;

	apply(fixture, HEAD "  Tags: [{TagKey: a, TagValue: \"1\"}]\n", "+ instance web\n");
	assert_int_equal(web(fixture)->tag_count, 1);
	apply(fixture, HEAD "  Tags: [{TagKey: a, TagValue: \"2\"}, {TagKey: b, TagValue: \"\"}]\n",
	      "~ instance web: Tags\n");
	assert_string_equal(web(fixture)->tags[0].value, "2");
	refuse(fixture, HEAD "  Tags: [{TagKey: a, TagValue: x}, {TagKey: a, TagValue: y}]\n",
	       "InvalidParameterValue.Duplicate", "f.yaml:3: ");
	apply(fixture, HEAD, "~ instance web: Tags\n");
	assert_int_equal(web(fixture)->tag_count, 0);
}

static void lists_are_those_of_the_file(void **state)
{
	struct fixture *fixture = *state;

	apply(fixture, HEAD "  AccessControl: {Allow: [10.0.0.0/8, \"2001:DB8::/32\"]}\n",
	      "+ instance web\n");
	assert_int_equal(web(fixture)->access.allow_count, 2);
	assert_int_equal(web(fixture)->access.deny_count, 0);
	apply(fixture, HEAD "  AccessControl:\n    Deny:\n    - 192.0.2.1\n",
	      "~ instance web: AccessControl\n");
	assert_int_equal(web(fixture)->access.allow_count, 0);
	assert_int_equal(web(fixture)->access.deny[0].bits, 32);
	refuse(fixture, HEAD "  AccessControl:\n    Deny:\n    - 192.0.2.1\n    - 10.0.0.1/8\n",
	       "InvalidParameter.FormatError",
	       "f.yaml:6: LoadBalancers[0].AccessControl.Deny[1] must be a network");
	refuse(fixture, HEAD "  AccessControl:\n    Allow: [10.0.0.0/8, 10.0.0.0/8]\n",
	       "InvalidParameterValue.Duplicate",
	       "f.yaml:4: LoadBalancers[0].AccessControl.Allow[1]");
	refuse(fixture, HEAD "  AccessControl: {Permit: []}\n", "UnknownParameter", "f.yaml:3: ");
	assert_int_equal(web(fixture)->access.deny_count, 1);
	apply(fixture, HEAD, "~ instance web: AccessControl\n");
	assert_int_equal(web(fixture)->access.deny_count, 0);
}

static void stops_and_starts(void **state)
{
	struct fixture *fixture = *state;

	apply(fixture, HEAD "  Stopped: true\n" TWO,
	      "+ instance web\n+ listener HTTP:80 in web\n+ listener UDP:80 in web\n"
	      "~ listener HTTP:80 in web: stopped\n~ listener UDP:80 in web: stopped\n"
	      "~ instance web: stopped\n");
	assert_true(web(fixture)->is_stopped);
	apply(fixture,
	      HEAD "  Listeners:\n  - {Protocol: HTTP, Port: 80}\n"
		   "  - {Protocol: UDP, Port: 80, Stopped: true}\n",
	      "~ listener HTTP:80 in web: started\n~ instance web: started\n");
	assert_false(web(fixture)->is_stopped);
	assert_true(web(fixture)->listeners[1]->is_stopped);
	/* The last one takes the instance with it. */
	apply(fixture,
	      HEAD "  Listeners:\n  - {Protocol: HTTP, Port: 80, Stopped: true}\n"
		   "  - {Protocol: UDP, Port: 80, Stopped: true}\n",
	      "~ listener HTTP:80 in web: stopped\n~ instance web: stopped\n");
	assert_true(web(fixture)->is_stopped);
	apply(fixture, HEAD TWO,
	      "~ listener HTTP:80 in web: started\n~ listener UDP:80 in web: started\n"
	      "~ instance web: started\n");
	/* Without listeners the instance is what the file says. */
	apply(fixture, HEAD "  Stopped: true\n",
	      "- listener HTTP:80 in web\n- listener UDP:80 in web\n~ instance web: stopped\n");
	apply(fixture, HEAD "  Listeners: [{Protocol: TCP, Port: 90}]\n",
	      "+ listener TCP:90 in web\n~ listener TCP:90 in web: started\n"
	      "~ instance web: started\n");
	assert_false(web(fixture)->listeners[0]->is_stopped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tags_are_those_of_the_file, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(lists_are_those_of_the_file, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(stops_and_starts, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* CustomConfig in a file: made, changed and taken away with it, and told by its own lines. */
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
#define SET "SetCustomizedConfigForLoadBalancer"

static void apply(struct fixture *fixture, const char *content, const char *changes)
{
	int error = fixture_apply(fixture, content, false);

	if (error)
		fail_msg("%d: %s: %s", error, fixture->call.problem.code,
			 fixture->call.problem.text);
	assert_string_equal(fixture_changes(fixture), changes);
}

static void refuse(struct fixture *fixture, const char *content, const char *code, const char *text)
{
	assert_int_equal(fixture_apply(fixture, content, false), -EINVAL);
	assert_string_equal(fixture->call.problem.code, code);
	if (!strstr(fixture->call.problem.text, text))
		fail_msg("%s\ninstead of %s", fixture->call.problem.text, text);
}

static const struct model *model_of(const struct fixture *fixture)
{
	return &fixture->control.model;
}

static void lives_with_the_file(void **state)
{
	struct fixture *fixture = *state;
	const struct model *model = model_of(fixture);

	apply(fixture, HEAD "  CustomConfig: |\n    keepalive_timeout 10s;\n    send_timeout 7s;\n",
	      "+ instance web\n+ instance web: CustomConfig\n");
	assert_int_equal(model->custom_count, 1);
	assert_string_equal(model->customs[0]->name, "config-web");
	assert_string_equal(model->customs[0]->content,
			    "keepalive_timeout 10s;\nsend_timeout 7s;\n");
	assert_ptr_equal(model->instances[0]->custom, model->customs[0]);
	apply(fixture, HEAD "  CustomConfig: |\n    keepalive_timeout 10s;\n    send_timeout 7s;\n",
	      "");
	/* A dry run lists, and changes nothing. */
	assert_int_equal(fixture_apply(fixture,
				       HEAD "  CustomConfig: |\n    keepalive_timeout 10s;\n"
					    "    send_timeout 8s;\n",
				       true),
			 0);
	assert_string_equal(
		fixture_changes(fixture),
		"~ instance web: CustomConfig line 2: send_timeout 7s; -> send_timeout 8s;\n");
	model = model_of(fixture);
	assert_int_equal(model->customs[0]->directives.client_send_timeout_ms, 7000);
	apply(fixture, HEAD "  CustomConfig: send_timeout 9s;\n",
	      "~ instance web: CustomConfig line 1: keepalive_timeout 10s; -> send_timeout 9s;\n");
	assert_int_equal(model->customs[0]->directives.client_send_timeout_ms, 9000);
	apply(fixture, HEAD, "- instance web: CustomConfig\n");
	assert_int_equal(model->custom_count, 0);
	assert_null(model->instances[0]->custom);
	apply(fixture, HEAD "  CustomConfig: \"\"\n", "");
	assert_int_equal(model->custom_count, 0);
}

static void lines_are_the_files_own(void **state)
{
	struct fixture *fixture = *state;

	refuse(fixture, HEAD "  CustomConfig: |\n\n    # why\n    keepalive_timeout 1y;\n",
	       "InvalidParameterValue",
	       "f.yaml:6: LoadBalancers[0].CustomConfig: keepalive_timeout: it takes a time");
	refuse(fixture, HEAD "  Vip: 127.0.0.1\n  CustomConfig: |-\n      foo 1;\n",
	       "InvalidParameterValue",
	       "f.yaml:5: LoadBalancers[0].CustomConfig: foo: there is no such directive.");
	refuse(fixture, HEAD "  CustomConfig: |\n    error_page 404 =200 /;\n",
	       "UnsupportedOperation",
	       "f.yaml:4: LoadBalancers[0].CustomConfig: error_page: a page");
	/* Of other scalars it is where they begin. */
	refuse(fixture, HEAD "  CustomConfig: \"#\\n\\nfoo 1;\"\n", "InvalidParameterValue",
	       "f.yaml:3: LoadBalancers[0].CustomConfig: foo: there is no such directive.");
	refuse(fixture, HEAD "  CustomConfig: [1]\n", "InvalidParameter", "f.yaml:3: ");
	assert_int_equal(model_of(fixture)->custom_count, 0);
	assert_int_equal(model_of(fixture)->instance_count, 0);
}

static void call(struct fixture *fixture, json_t *input)
{
	assert_int_equal(fixture_call(fixture, SET, input), 0);
}

static void bindings_of_the_api_give_way(void **state)
{
	struct fixture *fixture = *state;
	const struct model *model = model_of(fixture);
	char id[LIMIT_ID], expected[200];

	apply(fixture, HEAD, "+ instance web\n");
	call(fixture, json_pack("{s:s s:s s:s}", "OperationType", "ADD", "ConfigName", "mine",
				"ConfigContent", "send_timeout 1;"));
	strcpy(id, model->customs[0]->id);
	call(fixture, json_pack("{s:s s:s s:[s]}", "OperationType", "BIND", "UconfigId", id,
				"LoadBalancerIds", model->instances[0]->id));
	apply(fixture, HEAD, "");
	snprintf(expected, sizeof(expected), "+ instance web: CustomConfig, in place of %s\n", id);
	apply(fixture, HEAD "  CustomConfig: send_timeout 2;\n", expected);
	assert_int_equal(model->custom_count, 2);
	assert_ptr_equal(model->instances[0]->custom, model->customs[1]);
	/* What is left of the file goes, what is the API's stays. */
	apply(fixture, HEAD, "- instance web: CustomConfig\n");
	assert_int_equal(model->custom_count, 1);
	assert_string_equal(model->customs[0]->id, id);
}

/* An instance that was deleted left its configuration; one of that name takes it again. */
static void orphans_are_taken(void **state)
{
	struct fixture *fixture = *state;
	const struct model *model = model_of(fixture);
	char id[LIMIT_ID];

	apply(fixture, HEAD "  CustomConfig: send_timeout 2;\n",
	      "+ instance web\n+ instance web: CustomConfig\n");
	strcpy(id, model->customs[0]->id);
	assert_int_equal(
		fixture_call(fixture, "DeleteLoadBalancer",
			     json_pack("{s:[s]}", "LoadBalancerIds", model->instances[0]->id)),
		0);
	assert_int_equal(model->custom_count, 1);
	apply(fixture, HEAD "  CustomConfig: send_timeout 3;\n",
	      "+ instance web\n+ instance web: CustomConfig\n");
	assert_int_equal(model->custom_count, 1);
	assert_string_equal(model->customs[0]->id, id);
	assert_int_equal(model->customs[0]->directives.client_send_timeout_ms, 3000);
	assert_ptr_equal(model->instances[0]->custom, model->customs[0]);
}

static void each_instance_has_its_own(void **state)
{
	static const char text[] = "LoadBalancers:\n"
				   "- {LoadBalancerName: a, CustomConfig: send_timeout 2;}\n"
				   "- {LoadBalancerName: b, CustomConfig: send_timeout 2;}\n";
	struct fixture *fixture = *state;
	const struct model *model = model_of(fixture);

	apply(fixture, text,
	      "+ instance a\n+ instance a: CustomConfig\n"
	      "+ instance b\n+ instance b: CustomConfig\n");
	assert_int_equal(model->custom_count, 2);
	assert_ptr_not_equal(model->instances[0]->custom, model->instances[1]->custom);
	apply(fixture, text, "");
	/* Somebody else follows the file's: it is changed for neither. */
	call(fixture, json_pack("{s:s s:s s:[s]}", "OperationType", "UNBIND", "UconfigId",
				model->instances[1]->custom->id, "LoadBalancerIds",
				model->instances[1]->id));
	call(fixture, json_pack("{s:s s:s s:[s]}", "OperationType", "BIND", "UconfigId",
				model->instances[0]->custom->id, "LoadBalancerIds",
				model->instances[1]->id));
	assert_int_equal(fixture_apply(fixture, text, false), 0);
	assert_ptr_not_equal(model->instances[0]->custom, model->instances[1]->custom);
	apply(fixture, text, "");
}

/* A name at its longest leaves room for no more. */
static void long_names_are_cut(void **state)
{
	struct fixture *fixture = *state;
	const struct model *model = model_of(fixture);
	char text[400];

	snprintf(text, sizeof(text),
		 "LoadBalancers: [{LoadBalancerName: %080d, CustomConfig: send_timeout 2;}]\n", 7);
	assert_int_equal(fixture_apply(fixture, text, false), -EINVAL); /* a number is no name */
	snprintf(text, sizeof(text),
		 "LoadBalancers: [{LoadBalancerName: \"%080d\", CustomConfig: send_timeout 2;}]\n",
		 7);
	assert_int_equal(fixture_apply(fixture, text, false), 0);
	assert_int_equal(strlen(model->customs[0]->name), LIMIT_NAME);
	apply(fixture, text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lives_with_the_file, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(lines_are_the_files_own, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(bindings_of_the_api_give_way, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(orphans_are_taken, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(each_instance_has_its_own, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(long_names_are_cut, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

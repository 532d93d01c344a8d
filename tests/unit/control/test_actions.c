/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of actions against what relies on it: the search by halves, the checks of fields, and
 * docs/api.md, which has to be what the table prints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/actions.h"
#include "control/document.h"

#define MODEL_NAMES 163 /* of the 2018-03-17 model: 160, and three of its English edition */
#define EXTENSIONS 10

static void test_sorted_and_complete(void **state)
{
	size_t built = 0, count = 0;

	for (const struct action *action = actions; action->name; action++, count++) {
		if (count > 0)
			assert_true(strcmp(action[-1].name, action->name) < 0);
		assert_ptr_equal(action_find(action->name), action);
		if (!action->run)
			continue;
		built++;
		assert_non_null(action->fields);
		assert_non_null(action->about);
	}
	assert_int_equal(count, MODEL_NAMES + EXTENSIONS);
	assert_int_equal(built, 48 + EXTENSIONS);
	assert_null(action_find(""));
	assert_null(action_find("createloadbalancer"));
	assert_null(action_find("CreateLoadBalancerX"));
	assert_null(action_find("ZZZ"));
}

static void test_names_of_the_model_are_not_ours(void **state)
{
	static const char *const names[] = { "CreateKey", "CreateKeys", "CloneLoadBalancer",
					     "ChatCompletions", "AddCustomizedConfig" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_non_null(action_find(names[i]));
		assert_null(action_find(names[i])->run);
	}
}

static void check_fields(const struct field *fields, int depth)
{
	assert_true(depth < 6);
	for (const struct field *field = fields; field->name; field++) {
		assert_ptr_equal(field_find(fields, field->name), field);
		assert_true(field->least <= field->most);
		if (field->type == FIELD_TEXT || field->type == FIELD_TEXT_LIST ||
		    field->type == FIELD_OBJECT_LIST)
			assert_true(field->least >= 0);
		if (field->words)
			assert_true(field->type == FIELD_TEXT || field->type == FIELD_TEXT_LIST);
		if (field->fields) {
			assert_true(field->type == FIELD_OBJECT ||
				    field->type == FIELD_OBJECT_LIST);
			check_fields(field->fields, depth + 1);
		}
	}
}

static void test_field_tables(void **state)
{
	for (const struct action *action = actions; action->name; action++) {
		if (action->fields)
			check_fields(action->fields, 0);
	}
}

static void test_document_is_up_to_date(void **state)
{
	char *printed = NULL, *kept = NULL;
	size_t printed_size = 0, kept_size = 0, n;
	FILE *out = open_memstream(&printed, &printed_size);
	FILE *in = fopen(DOCUMENT_PATH, "r");
	char piece[4096];
	FILE *copy = open_memstream(&kept, &kept_size);

	assert_int_equal(control_document(out), 0);
	fclose(out);
	assert_non_null(in);
	while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
		fwrite(piece, 1, n, copy);
	fclose(in);
	fclose(copy);
	if (printed_size != kept_size || memcmp(printed, kept, kept_size) != 0)
		fail_msg("docs/api.md differs from the table of actions; print it again with: "
			 "setia document-api > docs/api.md");
	free(printed);
	free(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted_and_complete),
		cmocka_unit_test(test_names_of_the_model_are_not_ours),
		cmocka_unit_test(test_field_tables),
		cmocka_unit_test(test_document_is_up_to_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

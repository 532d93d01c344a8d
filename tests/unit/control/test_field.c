/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The field tables: the contract's order of checks, every class of mistake with its code and path,
 * and the flattened query as another spelling of the same tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "control/field.h"

static const char *const schedulers[] = { "WRR", "LEAST_CONN", NULL };

static const struct field check_fields[] = {
	{ .name = "HealthSwitch", .type = FIELD_INTEGER, .least = 0, .most = 1 },
	{ .name = "Path", .type = FIELD_TEXT, .least = 1, .most = 4 },
	{ .name = NULL },
};

static const struct field rule_fields[] = {
	{ .name = "Url", .type = FIELD_TEXT, .use = FIELD_REQUIRED, .least = 1, .most = 10 },
	{ .name = "Check", .type = FIELD_OBJECT, .fields = check_fields },
	{ .name = NULL },
};

static const struct field fields[] = {
	{ .name = "Id", .type = FIELD_TEXT, .use = FIELD_REQUIRED },
	{ .name = "Ports", .type = FIELD_INTEGER_LIST, .least = 1, .most = 65535 },
	{ .name = "Names", .type = FIELD_TEXT_LIST, .least = 0, .most = 2 },
	{ .name = "Limit",
	  .type = FIELD_INTEGER,
	  .least = 0,
	  .most = 100,
	  .range_code = "InvalidParameterValue.Range" },
	{ .name = "Free", .type = FIELD_INTEGER },
	{ .name = "Conn", .type = FIELD_INTEGER, .least = 1, .most = INT64_MAX },
	{ .name = "Force", .type = FIELD_BOOLEAN },
	{ .name = "Scheduler", .type = FIELD_TEXT, .words = schedulers },
	{ .name = "Rules",
	  .type = FIELD_OBJECT_LIST,
	  .least = 1,
	  .most = 3,
	  .fields = rule_fields },
	{ .name = "Check", .type = FIELD_OBJECT, .fields = check_fields },
	{ .name = "Old", .type = FIELD_OBJECT, .use = FIELD_IGNORED },
	{ .name = "Charge", .type = FIELD_TEXT, .use = FIELD_UNSUPPORTED, .neutral = "POSTPAID" },
	{ .name = "Max", .type = FIELD_INTEGER, .use = FIELD_UNSUPPORTED, .neutral = "-1" },
	{ .name = "Snat", .type = FIELD_BOOLEAN, .use = FIELD_UNSUPPORTED },
	{ .name = "Egress", .type = FIELD_OBJECT, .use = FIELD_UNSUPPORTED },
	{ .name = "Zones", .type = FIELD_TEXT_LIST, .use = FIELD_UNSUPPORTED },
	{ .name = NULL },
};

static void expect(const char *text, const char *code, const char *field)
{
	json_t *input = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	struct problem problem = { 0 };
	int error;

	assert_non_null(input);
	error = fields_check(fields, input, "", &problem);
	json_decref(input);
	if (!code) {
		assert_int_equal(error, 0);
		return;
	}
	assert_int_equal(error, -EINVAL);
	assert_string_equal(problem.code, code);
	assert_string_equal(problem.field, field);
	assert_non_null(strstr(problem.text, field));
}

static void test_accepts(void **state)
{
	expect("{\"Id\":\"x\"}", NULL, NULL);
	expect("{\"Id\":\"x\",\"Ports\":null,\"Rules\":null,\"Snat\":null}", NULL, NULL);
	expect("{\"Id\":\"\",\"Ports\":[1,65535],\"Names\":[],\"Limit\":0,\"Free\":-5,\"Conn\":99,"
	       "\"Force\":false,\"Scheduler\":\"WRR\",\"Rules\":[{\"Url\":\"/\"}],"
	       "\"Check\":{\"Path\":\"\\u00e4\\u00f6\\u00fc\\u20ac\"},\"Old\":{\"a\":1},"
	       "\"Charge\":\"POSTPAID\",\"Max\":-1,\"Snat\":false,\"Egress\":{\"a\":null},"
	       "\"Zones\":[]}",
	       NULL, NULL);
	expect("{\"Id\":\"x\",\"Charge\":\"\",\"Max\":0,\"Egress\":{}}", NULL, NULL);
}

static void test_each_mistake(void **state)
{
	expect("{\"Id\":\"x\",\"Foo\":1}", "UnknownParameter", "Foo");
	expect("{\"Id\":\"x\",\"Rules\":[{\"Url\":\"/\"},{\"Url\":\"/\",\"Bar\":null}]}",
	       "UnknownParameter", "Rules[1].Bar");
	expect("{}", "MissingParameter", "Id");
	expect("{\"Id\":null}", "MissingParameter", "Id");
	expect("{\"Id\":\"x\",\"Rules\":[{}]}", "MissingParameter", "Rules[0].Url");
	expect("{\"Id\":1}", "InvalidParameter", "Id");
	expect("{\"Id\":\"x\",\"Limit\":1.0}", "InvalidParameter", "Limit");
	expect("{\"Id\":\"x\",\"Limit\":\"1\"}", "InvalidParameter", "Limit");
	expect("{\"Id\":\"x\",\"Force\":1}", "InvalidParameter", "Force");
	expect("{\"Id\":\"x\",\"Ports\":[1,\"2\"]}", "InvalidParameter", "Ports[1]");
	expect("{\"Id\":\"x\",\"Rules\":[null]}", "InvalidParameter", "Rules[0]");
	expect("{\"Id\":\"x\",\"Rules\":{}}", "InvalidParameter", "Rules");
	expect("{\"Id\":\"x\",\"Limit\":101}", "InvalidParameterValue.Range", "Limit");
	expect("{\"Id\":\"x\",\"Limit\":-1}", "InvalidParameterValue.Range", "Limit");
	expect("{\"Id\":\"x\",\"Conn\":0}", "InvalidParameterValue", "Conn");
	expect("{\"Id\":\"x\",\"Ports\":[80,0]}", "InvalidParameterValue", "Ports[1]");
	expect("{\"Id\":\"x\",\"Names\":[\"a\",\"b\",\"c\"]}", "InvalidParameterValue.Length",
	       "Names");
	expect("{\"Id\":\"x\",\"Rules\":[]}", "InvalidParameterValue.Length", "Rules");
	expect("{\"Id\":\"x\",\"Scheduler\":\"wrr\"}", "InvalidParameterValue", "Scheduler");
	expect("{\"Id\":\"x\",\"Check\":{\"Path\":\"\"}}", "InvalidParameterValue.Length",
	       "Check.Path");
	expect("{\"Id\":\"x\",\"Check\":{\"Path\":\"\\u00e4\\u00f6\\u00fc\\u20acx\"}}",
	       "InvalidParameterValue.Length", "Check.Path");
	expect("{\"Id\":\"x\",\"Charge\":\"PREPAID\"}", "UnsupportedOperation", "Charge");
	expect("{\"Id\":\"x\",\"Max\":5}", "UnsupportedOperation", "Max");
	expect("{\"Id\":\"x\",\"Snat\":true}", "UnsupportedOperation", "Snat");
	expect("{\"Id\":\"x\",\"Egress\":{\"a\":1}}", "UnsupportedOperation", "Egress");
	expect("{\"Id\":\"x\",\"Zones\":[\"a\"]}", "UnsupportedOperation", "Zones");
}

static void test_order_over_the_whole_tree(void **state)
{
	/* Each later class of mistake stands first in the text. */
	expect("{\"Snat\":true,\"Limit\":999,\"Force\":1,\"Rules\":[{\"Foo\":1}]}",
	       "UnknownParameter", "Rules[0].Foo");
	expect("{\"Snat\":true,\"Limit\":999,\"Force\":1,\"Rules\":[{}]}", "MissingParameter",
	       "Id");
	expect("{\"Snat\":true,\"Limit\":999,\"Force\":1,\"Id\":\"x\"}", "InvalidParameter",
	       "Force");
	expect("{\"Snat\":true,\"Limit\":999,\"Id\":\"x\"}", "InvalidParameterValue.Range",
	       "Limit");
	expect("{\"Snat\":true,\"Id\":\"x\"}", "UnsupportedOperation", "Snat");
}

static void test_roofs(void **state)
{
	json_t *input = json_pack("{s:s,s:[]}", "Id", "x", "Ports");
	struct problem problem = { 0 };
	char name[5001];

	for (int i = 0; i < 10001; i++)
		json_array_append_new(json_object_get(input, "Ports"), json_integer(80));
	assert_int_equal(fields_check(fields, input, "", &problem), -EINVAL);
	assert_string_equal(problem.code, "InvalidParameterValue.Length");
	json_decref(input);

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	input = json_pack("{s:s,s:i}", "Id", "x", name, 1);
	memset(&problem, 0, sizeof(problem));
	assert_int_equal(fields_check(fields, input, "Here", &problem), -EINVAL);
	assert_string_equal(problem.code, "UnknownParameter");
	assert_memory_equal(problem.field, "Here.nnn", 8);
	json_decref(input);
}

static json_t *unflatten(const char *query, const char *code)
{
	struct problem problem = { 0 };
	json_t *input = NULL;
	int error = fields_unflatten(fields, query, &input, &problem);

	if (!code) {
		assert_int_equal(error, 0);
		return input;
	}
	assert_int_equal(error, -EINVAL);
	assert_string_equal(problem.code, code);
	assert_null(input);
	return NULL;
}

static void expect_tree(const char *query, const char *text)
{
	json_t *input = unflatten(query, NULL);
	json_t *wanted = json_loads(text, 0, NULL);

	assert_non_null(wanted);
	if (!json_equal(input, wanted))
		fail_msg("%s gave %s", query, json_dumps(input, JSON_COMPACT));
	json_decref(input);
	json_decref(wanted);
}

static void test_query_is_the_same_tree(void **state)
{
	expect_tree("", "{}");
	expect_tree("Id=a%20b+c%26&Force=true&Limit=-7", "{\"Id\":\"a b c&\",\"Force\":true,"
							 "\"Limit\":-7}");
	expect_tree("Ports.1=81&Ports.0=80&Ports.10=90&Ports.2=82&Ports.3=3&Ports.4=4&Ports.5=5&"
		    "Ports.6=6&Ports.7=7&Ports.8=8&Ports.9=9",
		    "{\"Ports\":[80,81,82,3,4,5,6,7,8,9,90]}");
	expect_tree("Rules.0.Check.HealthSwitch=1&Rules.0.Url=%2Fa&Rules.1.Url=1&Force=False",
		    "{\"Rules\":[{\"Check\":{\"HealthSwitch\":1},\"Url\":\"/a\"},{\"Url\":\"1\"}],"
		    "\"Force\":false}");
	/* What does not read as its type stays text, for the type check to refuse. */
	expect_tree("Limit=1x&Free=99999999999999999999&Conn=&Force=yes&Ports=80",
		    "{\"Limit\":\"1x\",\"Free\":\"99999999999999999999\",\"Conn\":\"\","
		    "\"Force\":\"yes\",\"Ports\":80}");
	expect_tree("Foo.a=1&Foo.b=2&Id", "{\"Foo\":true,\"Id\":\"\"}");
	expect_tree("Old.a=1&Old.b.c=2", "{\"Old\":{}}");
	expect_tree("&&Id=x&", "{\"Id\":\"x\"}");
}

static void test_query_refused(void **state)
{
	static const char *const bad[] = {
		"Id=%",
		"Id=%4",
		"Id=%zz",
		"Id=%00",
		"%00=1",
		"Id=%ff",
		"%ff=1",
		"Id=1&Id=2",
		"Ports.1=80",
		"Ports.0=80&Ports.2=81",
		"Ports.00=80",
		"Ports.=80",
		"Ports.0=80&Ports.0=81",
		"Ports=80&Ports.0=80",
		"Rules.0=x&Rules.0.Url=/",
		"Check=1&Check.Path=2",
		"Rules.99999999999.Url=/",
		"Rules.a.Url=/",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(unflatten(bad[i], "InvalidParameter"));
	json_decref(unflatten("....=1&.=2&=3", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_each_mistake),
		cmocka_unit_test(test_order_over_the_whole_tree),
		cmocka_unit_test(test_roofs),
		cmocka_unit_test(test_query_is_the_same_tree),
		cmocka_unit_test(test_query_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML reader: what becomes of scalars, what is refused and on which line, and lines of fields.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "control/configuration_yaml.h"

static json_t *read_text(const char *text)
{
	struct problem problem = { 0 };
	json_t *tree = NULL;
	unsigned line = 0;

	if (configuration_yaml_read(bytes_of(text), &tree, &problem, &line))
		fail_msg("line %u: %s", line, problem.text);
	return tree;
}

static void test_scalars(void **state)
{
	static const char text[] = "null0: \n"
				   "null1: ~\n"
				   "null2: null\n"
				   "true: True\n"
				   "false: FALSE\n"
				   "no: no\n"
				   "dec: -12\n"
				   "plus: +7\n"
				   "zeros: 0080\n"
				   "hex: 0xfF\n"
				   "oct: 0o17\n"
				   "float: 1.5\n"
				   "exponent: 1e3\n"
				   "quoted: \"80\"\n"
				   "single: 'true'\n"
				   "empty: ''\n"
				   "ip: 10.0.0.1\n"
				   "ip6: ::1\n"
				   "url: =/x\n"
				   "literal: |\n"
				   "  12\n";
	json_t *tree = read_text(text);
	json_t *want = json_pack(
		"{s:n s:n s:n s:b s:b s:s s:i s:i s:i s:i s:i s:s s:s s:s s:s s:s s:s s:s s:s s:s}",
		"null0", "null1", "null2", "true", 1, "false", 0, "no", "no", "dec", -12, "plus", 7,
		"zeros", 80, "hex", 255, "oct", 15, "float", "1.5", "exponent", "1e3", "quoted",
		"80", "single", "true", "empty", "", "ip", "10.0.0.1", "ip6", "::1", "url", "=/x",
		"literal", "12\n");

	assert_non_null(want);
	assert_true(json_equal(tree, want));
	json_decref(tree);
	json_decref(want);
}

static void test_shapes(void **state)
{
	json_t *tree = read_text("A: [{B: 1, C: {D: []}}, x, ~]\nE:\n- F: 1\n  G: 2\n-\n  - 3\n");
	json_t *want = json_pack("{s:[{s:i s:{s:[]}} s n] s:[{s:i s:i} [i]]}", "A", "B", 1, "C",
				 "D", "x", "E", "F", 1, "G", 2, 3);

	assert_non_null(want);
	assert_true(json_equal(tree, want));
	json_decref(tree);
	json_decref(want);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *part;
	} cases[] = {
		{ "", 1, "LoadBalancers" },
		{ "# only a comment\n", 1, "LoadBalancers" },
		{ "- a\n", 1, "LoadBalancers" },
		{ "text\n", 1, "LoadBalancers" },
		{ "A: 1\nA: 2\n", 2, "twice" },
		{ "A: ~\nB: {C: ~, D: 1,\n C: 2}\n", 3, "twice" },
		{ "A: &x 1\nB: *x\n", 1, "Anchors" },
		{ "A: &x [1]\n", 1, "Anchors" },
		{ "A: &x {b: 1}\n", 1, "Anchors" },
		{ "A: 1\nB: *x\n", 2, "Aliases" },
		{ "A: 1\nDomain: *.example.com\n", 2, "not YAML" },
		{ "A: !!str 1\n", 1, "Tags" },
		{ "A: !!binary aaaa\n", 1, "Tags" },
		{ "A: ! 1\n", 1, "Tags" },
		{ "A: 1\n---\nB: 2\n", 2, "second document" },
		{ "A: \"x\\0y\"\n", 1, "NUL" },
		{ "\"A\\0\": 1\n", 1, "NUL" },
		{ "? [a]\n: 1\n", 1, "name must be a text" },
		{ "? {a: 1}\n: 1\n", 1, "name must be a text" },
		{ "\"\": 1\n", 1, "needs a name" },
		{ "A: 99999999999999999999\n", 1, "too large" },
		{ "A: 1\n B: 2\n", 2, "not YAML" },
		{ "A: [1, 2\n", 2, "not YAML" },
		{ "A:\n\t- 1\n", 2, "not YAML" },
		{ "A: \xff\xfe\n", 1, "not YAML" },
		{ "A: \xed\xa0\x80\n", 1, "not YAML" },
		{ "A: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", 1, "nested" },
		{ "<<: {a: 1}\n? b\n? b\n", 3, "twice" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct problem problem = { 0 };
		json_t *tree = NULL;
		unsigned line = 0;

		if (configuration_yaml_read(bytes_of(cases[i].text), &tree, &problem, &line) !=
		    -EINVAL)
			fail_msg("accepted: %s", cases[i].text);
		assert_null(tree);
		assert_string_equal(problem.code, "InvalidParameter");
		if (!strstr(problem.text, cases[i].part) || line != cases[i].line)
			fail_msg("%s: line %u: %s", cases[i].text, line, problem.text);
	}
}

static void test_node_roof(void **state)
{
	size_t size = 4 * (size_t)CONFIGURATION_NODES_MOST;
	char *text = malloc(size);
	struct problem problem = { 0 };
	json_t *tree = NULL;
	unsigned line = 0;

	assert_non_null(text);
	memcpy(text, "A:\n\n", 4);
	for (size_t i = 4; i < size; i += 4)
		memcpy(text + i, "- 0\n", 4);
	assert_int_equal(
		configuration_yaml_read((struct bytes){ text, size }, &tree, &problem, &line),
		-EINVAL);
	assert_non_null(strstr(problem.text, "too many"));
	free(text);
}

static void test_lines(void **state)
{
	static const char text[] = "# head\n" /* 1 */
				   "LoadBalancers:\n" /* 2 */
				   "- LoadBalancerName: web\n" /* 3 */
				   "  Tags: [{TagKey: a,\n" /* 4 */
				   "          TagValue: b}]\n" /* 5 */
				   "  Listeners:\n" /* 6 */
				   "  - Protocol: HTTP\n" /* 7 */
				   "    Port:\n" /* 8 */
				   "      80\n" /* 9 */
				   "  -\n" /* 10 */
				   "    Port: 81\n" /* 11 */
				   "    Rules:\n" /* 12 */
				   "    - {Url: /, Targets: [\n" /* 13 */
				   "       {EniIp: 10.0.0.1},\n" /* 14 */
				   "       {EniIp: 10.0.0.2,\n" /* 15 */
				   "        Port: 80}]}\n" /* 16 */
				   "- LoadBalancerName: other\n"; /* 17 */
	static const struct {
		const char *path;
		unsigned line;
	} cases[] = {
		{ "", 2 },
		{ "LoadBalancers", 2 },
		{ "LoadBalancers[0]", 3 },
		{ "LoadBalancers[0].LoadBalancerName", 3 },
		{ "LoadBalancers[0].Tags[0].TagValue", 5 },
		{ "LoadBalancers[0].Listeners", 6 },
		{ "LoadBalancers[0].Listeners[0].Port", 8 },
		{ "LoadBalancers[0].Listeners[1]", 11 },
		{ "LoadBalancers[0].Listeners[1].Protocol", 11 },
		{ "LoadBalancers[0].Listeners[1].Rules[0].Url", 13 },
		{ "LoadBalancers[0].Listeners[1].Rules[0].Targets[1].Port", 16 },
		{ "LoadBalancers[0].Listeners[1].Rules[0].Targets[1].Weight", 15 },
		{ "LoadBalancers[0].Listeners[1].Rules[0].Targets[7].Weight", 13 },
		{ "LoadBalancers[1]", 17 },
		{ "LoadBalancers[1].Listeners[0]", 17 },
		{ "LoadBalancers[2].Listeners[0]", 2 },
		{ "LoadBalancers[x]", 2 },
		{ "LoadBalancers[", 2 },
		{ "LoadBalancers[0", 2 },
		{ "LoadBalancers.x", 2 },
		{ "[0]", 2 },
		{ "..", 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned line = configuration_yaml_line(bytes_of(text), cases[i].path);

		if (line != cases[i].line)
			fail_msg("%s: line %u, not %u", cases[i].path, line, cases[i].line);
	}
	assert_int_equal(configuration_yaml_line(bytes_of(""), "A"), 1);
	assert_int_equal(configuration_yaml_line(bytes_of("x"), "A"), 1);
	assert_int_equal(configuration_yaml_line(bytes_of("A: [b"), "A[0].c"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars), cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_node_roof),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file's bytes. What is accepted is checked against the field tables, every problem
 * has a line of the file, and the tree written as JSON, which is YAML too, reads as the same tree.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/configuration_fields.h"
#include "control/configuration_yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned count_lines(struct bytes content)
{
	unsigned count = 1;

	for (size_t i = 0; i < content.size; i++) {
		/* Also NEL, LS and PS: their last bytes, generously. */
		count += content.at[i] == '\n' || content.at[i] == '\r' ||
			 content.at[i] == '\x85' || content.at[i] == '\xa8' ||
			 content.at[i] == '\xa9';
	}
	return count;
}

static void expect(bool is_true)
{
	if (!is_true)
		abort();
}

/* NEL, LS, PS: characters like others to JSON, ends of lines to YAML, which folds them. */
static bool has_unlike_lines(const char *text)
{
	return strstr(text, "\xc2\x85") || strstr(text, "\xe2\x80\xa8") ||
	       strstr(text, "\xe2\x80\xa9");
}

static void check_again(const json_t *tree)
{
	char *text = json_dumps(tree, JSON_COMPACT);
	struct problem problem = { 0 };
	json_t *again = NULL;
	unsigned line;

	expect(text);
	/* JSON lets characters stand that YAML wants escaped, and longer keys. */
	if (!configuration_yaml_read(bytes_of(text), &again, &problem, &line))
		expect(json_equal(tree, again) || has_unlike_lines(text));
	json_decref(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes content = { (const char *)data, size };
	struct problem problem = { 0 };
	json_t *tree = NULL;
	unsigned line = 0;
	int error = configuration_yaml_read(content, &tree, &problem, &line);

	expect(!error == !!tree);
	if (error) {
		expect(problem.code && line >= 1 && line <= count_lines(content) + 1);
		return 0;
	}
	expect(!problem.code && configuration_fields());
	if (fields_check(configuration_fields(), tree, "", &problem)) {
		line = configuration_yaml_line(content, problem.field);
		expect(line >= 1 && line <= count_lines(content));
	}
	check_again(tree);
	json_decref(tree);
	return 0;
}

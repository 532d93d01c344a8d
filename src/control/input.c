/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what a stranger sent into a tree of bounded depth and size. Pure; the tree is the caller's.
 */
#include "control/input.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/limits.h"

/*
 * Counts before the parser allocates: it has a roof for depth, but a far higher one, and none for
 * values. Text that is not JSON is counted wrongly, and refused by the parser afterwards.
 */
static int check_roofs(struct bytes body, struct problem *problem)
{
	size_t depth = 0, values = 1;
	bool in_text = false;

	for (size_t i = 0; i < body.size; i++) {
		char c = body.at[i];

		if (in_text) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_text = false;
			continue;
		}
		if (c == '"')
			in_text = true;
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
		values += c == ',' || c == '[' || c == ':';
		if (depth > API_JSON_DEPTH_MOST)
			return problem_set(problem, "InvalidParameter", "",
					   "The body is nested deeper than %d levels.",
					   API_JSON_DEPTH_MOST);
		if (values > API_JSON_VALUES_MOST)
			return problem_set(problem, "InvalidParameter", "",
					   "The body has more than %d values.",
					   API_JSON_VALUES_MOST);
	}
	return 0;
}

int input_from_body(struct bytes body, json_t **ret_input, struct problem *problem)
{
	json_error_t error;
	json_t *input;

	if (body.size == 0) {
		input = json_object();
		if (!input)
			return -ENOMEM;
		*ret_input = input;
		return 0;
	}
	if (check_roofs(body, problem) != 0)
		return -EINVAL;
	input = json_loadb(body.at, body.size, JSON_REJECT_DUPLICATES, &error);
	if (!input && json_error_code(&error) == json_error_out_of_memory)
		return -ENOMEM;
	if (!input)
		return problem_set(problem, "InvalidParameter", "",
				   "The body is not valid JSON: line %d, column %d: %s.",
				   error.line, error.column, error.text);
	if (!json_is_object(input)) {
		json_decref(input);
		return problem_set(problem, "InvalidParameter", "",
				   "The body must be a JSON object: line 1, column 1.");
	}
	*ret_input = input;
	return 0;
}

int input_from_query(const struct field *fields, struct bytes query, json_t **ret_input,
		     struct problem *problem)
{
	char *text = strndup(query.at ?: "", query.size);
	int error;

	if (!text)
		return -ENOMEM;
	error = fields_unflatten(fields, text, ret_input, problem);
	free(text);
	return error;
}

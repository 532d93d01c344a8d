/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of TagKey and TagValue. Pure. */
#include "control/instance_tags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/call_noun.h"

const struct field instance_tag_fields[] = {
	{ "TagKey", FIELD_TEXT, FIELD_REQUIRED, .least = 1, .most = 127 },
	{ "TagValue", FIELD_TEXT, FIELD_REQUIRED, .most = 255 },
	{ 0 },
};

static int check_key(const struct tag *tags, size_t count, const char *key, struct problem *problem)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(tags[i].key, key) == 0)
			return problem_set(problem, "InvalidParameterValue.Duplicate",
					   field_path("Tags", count, "TagKey").text,
					   "Tags: the key %s is given twice.", key);
	}
	return 0;
}

int tags_read(const json_t *list, struct tag **ret, size_t *ret_count, struct problem *problem)
{
	size_t count = json_array_size(list), i;
	struct tag *tags = calloc(count + 1, sizeof(*tags));
	const json_t *row;
	int error = tags ? 0 : -ENOMEM;

	json_array_foreach((json_t *)list, i, row)
	{
		if (error == 0)
			error = check_key(tags, i, input_text(row, "TagKey"), problem);
		if (error == 0)
			error = text_set(&tags[i].key, input_text(row, "TagKey"));
		if (error == 0)
			error = text_set(&tags[i].value, input_text(row, "TagValue"));
	}
	if (error != 0) {
		tags_free(tags, tags ? count : 0);
		return error;
	}
	*ret = tags;
	*ret_count = count;
	return 0;
}

json_t *tags_answer(const struct tag *tags, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count && list; i++) {
		if (json_array_append_new(list, json_pack("{s:s, s:s}", "TagKey", tags[i].key,
							  "TagValue", tags[i].value)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

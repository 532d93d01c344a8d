/* SPDX-License-Identifier: Apache-2.0 */
/* Texts to networks and back. Pure. */
#include "control/access_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/call_noun.h"

static int cidr_order(const struct cidr *a, const struct cidr *b)
{
	int order = a->address.family - b->address.family;

	if (order == 0)
		order = memcmp(a->address.ip, b->address.ip, sizeof(a->address.ip));
	return order ? order : a->bits - b->bits;
}

static int place_order(const void *a, const void *b)
{
	const struct cidr *first = *(const struct cidr *const *)a;
	const struct cidr *second = *(const struct cidr *const *)b;
	int order = cidr_order(first, second);

	/* Equal ones in the order of the list. */
	return order ? order : (first > second) - (first < second);
}

static int refuse_twice(const char *name, const struct cidr *first, size_t second,
			struct problem *problem)
{
	struct field_path path = field_path(name, second, NULL);
	char text[CIDR_TEXT_SIZE];

	cidr_format(first, text);
	return problem_set(problem, "InvalidParameterValue.Duplicate", path.text,
			   "%s: the network %s is given twice.", path.text, text);
}

static int check_each_once(const char *name, const struct cidr *cidrs, size_t count,
			   struct problem *problem)
{
	const struct cidr **places = calloc(count + 1, sizeof(*places));
	int error = 0;

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		places[i] = &cidrs[i];
	if (count > 1)
		qsort(places, count, sizeof(*places), place_order);
	for (size_t i = 1; i < count && error == 0; i++) {
		if (cidr_order(places[i - 1], places[i]) == 0)
			error = refuse_twice(name, places[i], (size_t)(places[i] - cidrs), problem);
	}
	free(places);
	return error;
}

int access_read(const json_t *list, const char *name, struct cidr **ret, size_t *ret_count,
		struct problem *problem)
{
	size_t count = json_array_size(list), i;
	struct cidr *cidrs = calloc(count + 1, sizeof(*cidrs));
	const json_t *text;
	int error = cidrs ? 0 : -ENOMEM;

	json_array_foreach((json_t *)list, i, text)
	{
		struct field_path path;

		if (error != 0 || cidr_parse(json_string_value(text), &cidrs[i]) == 0)
			continue;
		path = field_path(name, i, NULL);
		error = problem_set(
			problem, "InvalidParameter.FormatError", path.text,
			"%s must be a network such as 10.0.0.0/8 or 2001:db8::/32, with "
			"no bits set behind its own.",
			path.text);
	}
	if (error == 0)
		error = check_each_once(name, cidrs, count, problem);
	if (error != 0) {
		free(cidrs);
		return error;
	}
	*ret = cidrs;
	*ret_count = count;
	return 0;
}

json_t *access_answer(const struct cidr *cidrs, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count && list; i++) {
		char text[CIDR_TEXT_SIZE];

		cidr_format(&cidrs[i], text);
		if (json_array_append_new(list, json_string(text)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

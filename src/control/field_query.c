/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flattened query ("Ports.0=8080&HealthCheck.HealthSwitch=1") as the JSON tree that a POST would
 * have carried. Lists are gathered as objects keyed by index first, because clients send the pairs
 * in any order. Pure.
 */
#include "control/field.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

struct pair {
	char *name, *value; /* decoded, inside the copy of the query */
};

static bool is_list(enum field_type type)
{
	return type == FIELD_TEXT_LIST || type == FIELD_INTEGER_LIST || type == FIELD_OBJECT_LIST;
}

/* Percent and plus, in place. -EINVAL: a bad escape or a NUL, which no field may hold. */
static int decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		unsigned char byte = (unsigned char)*from;

		if (byte == '+') {
			byte = ' ';
		} else if (byte == '%') {
			size_t left = strlen(from + 1) < 2 ? 0 : 2;

			if (text_hex_read((struct bytes){ from + 1, left }, &byte, 1) != 0 ||
			    byte == '\0')
				return -EINVAL;
			from += 2;
		}
		*to++ = (char)byte;
	}
	*to = '\0';
	return 0;
}

/* A number or boolean as text becomes one; what does not read as one stays text, for the type check
 * to refuse. */
static json_t *read_scalar(enum field_type type, const char *text)
{
	if (type == FIELD_INTEGER || type == FIELD_INTEGER_LIST) {
		const char *digits = text + (*text == '-');
		size_t size = strspn(digits, "0123456789");
		char *end;
		long long number;

		errno = 0;
		number = strtoll(text, &end, 10);
		if (size > 0 && digits[size] == '\0' && errno == 0)
			return json_integer(number);
	}
	if (type == FIELD_BOOLEAN) {
		/* "True": what Python's SDK makes of a boolean. */
		if (strcasecmp(text, "true") == 0)
			return json_true();
		if (strcasecmp(text, "false") == 0)
			return json_false();
	}
	return json_string(text);
}

static int refuse(struct problem *problem, const char *name, const char *why)
{
	return problem_set(problem, "InvalidParameter", name, "%s: %s.", name, why);
}

/* The object under `name`, made when it is not there; NULL when something else is, or memory is
 * out. */
static json_t *object_under(json_t *parent, const char *name)
{
	json_t *child = json_object_get(parent, name);

	if (child)
		return json_is_object(child) ? child : NULL;
	child = json_object();
	if (json_object_set_new(parent, name, child) != 0)
		return NULL;
	return child;
}

static int put(json_t *parent, const char *name, json_t *value, const char *path,
	       struct problem *problem)
{
	if (!value)
		return refuse(problem, path, "not valid UTF-8");
	if (json_object_get(parent, name)) {
		json_decref(value);
		return refuse(problem, path, "given twice");
	}
	return json_object_set_new(parent, name, value) == 0
		       ? 0
		       : refuse(problem, path, "not valid UTF-8");
}

/* Members of an unknown name are not kept: the name alone is what gets refused. */
static int put_unknown(json_t *parent, const char *name, const char *path, struct problem *problem)
{
	return json_object_get(parent, name) ? 0 : put(parent, name, json_true(), path, problem);
}

/* Cuts "A" off "A.B.C" and returns "B.C", or NULL when nothing is behind. */
static char *cut_first(char *name)
{
	char *dot = strchr(name, '.');

	if (!dot)
		return NULL;
	*dot = '\0';
	return dot + 1;
}

/*
 * Walks one name down the table. Its depth is the table's depth. A name the table does not know is
 * put where it left the table: the check for unknown fields then names it.
 */
static int place_pair(const struct field *fields, json_t *root, const struct pair *pair,
		      const char *path, struct problem *problem)
{
	char *name = pair->name;
	json_t *at = root;

	for (;;) {
		char *rest = cut_first(name);
		const struct field *field = field_find(fields, name);

		if (!field)
			return put_unknown(at, name, path, problem);
		if (rest && is_list(field->type)) {
			char *index = rest;

			at = object_under(at, name);
			name = index;
			rest = cut_first(index);
			if (!at)
				return refuse(problem, path, "given in two shapes");
			if (!rest)
				return put(at, name, read_scalar(field->type, pair->value), path,
					   problem);
		}
		if (!rest)
			return put(at, name, read_scalar(field->type, pair->value), path, problem);
		at = object_under(at, name);
		if (!at)
			return refuse(problem, path, "given in two shapes");
		if (!field->fields)
			return 0; /* an object whose members nobody reads */
		fields = field->fields;
		name = rest;
	}
}

/* {"0": a, "1": b} becomes [a, b]; every index from 0 has to be there. NULL otherwise. */
static json_t *list_of(json_t *gathered)
{
	size_t count = json_object_size(gathered);
	json_t *list = json_array();

	for (size_t i = 0; list && i < count; i++) {
		char index[24];
		json_t *element;

		(void)snprintf(index, sizeof(index), "%zu", i);
		element = json_object_get(gathered, index);
		if (!element || json_array_append(list, element) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int lists_make(const struct field *fields, json_t *object, struct problem *problem)
{
	for (; fields->name; fields++) {
		json_t *value = json_object_get(object, fields->name);
		json_t *list, *element;
		size_t i;

		if (!json_is_object(value))
			continue;
		if (fields->type == FIELD_OBJECT) {
			if (fields->fields && lists_make(fields->fields, value, problem) != 0)
				return -EINVAL;
			continue;
		}
		if (!is_list(fields->type))
			continue;
		list = list_of(value);
		if (!list)
			return refuse(problem, fields->name,
				      "its elements must be numbered from 0 without a gap");
		if (json_object_set_new(object, fields->name, list) != 0)
			return -ENOMEM;
		json_array_foreach(list, i, element)
		{
			if (fields->fields && json_is_object(element) &&
			    lists_make(fields->fields, element, problem) != 0)
				return -EINVAL;
		}
	}
	return 0;
}

static int take_pair(const struct field *fields, json_t *root, char *text, struct problem *problem)
{
	char *equals = strchr(text, '=');
	char path[160];
	struct pair pair = { text, equals ? equals + 1 : text + strlen(text) };

	if (equals)
		*equals = '\0';
	if (decode(pair.name) != 0 || decode(pair.value) != 0)
		return problem_set(problem, "InvalidParameter", "",
				   "The query has a bad percent escape.");
	(void)snprintf(path, sizeof(path), "%s", pair.name);
	return place_pair(fields, root, &pair, path, problem);
}

int fields_unflatten(const struct field *fields, const char *query, json_t **ret_input,
		     struct problem *problem)
{
	char *copy = strdup(query);
	json_t *root = json_object();
	char *next = copy;
	int error = copy && root ? 0 : -ENOMEM;

	while (error == 0 && next && *next) {
		char *text = strsep(&next, "&");

		if (*text)
			error = take_pair(fields, root, text, problem);
	}
	if (error == 0)
		error = lists_make(fields, root, problem);
	free(copy);
	if (error != 0) {
		json_decref(root);
		return error;
	}
	*ret_input = root;
	return 0;
}

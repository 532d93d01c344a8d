/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks a JSON tree against a table of fields, one class of mistake after the other over the whole
 * tree, so that the answer does not depend on the order in which a client wrote its members. Pure;
 * the tree is borrowed.
 */
#include "control/field.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LIST_MOST 10000 /* elements, when the table names no roof */

/* The contract's order of checks (api.md section 3). */
enum phase {
	PHASE_UNKNOWN,
	PHASE_REQUIRED,
	PHASE_TYPES,
	PHASE_RANGES,
	PHASE_UNSUPPORTED,
	PHASES,
};

#define STEPS_MOST 24 /* names and indexes from the top of any table to its bottom */
#define NO_INDEX SIZE_MAX

/* A member by name, or an element by index. */
struct step {
	const char *name;
	size_t index;
};

/* Where in the tree a check stands. What the answer calls that field is written only for a
 * refusal: large files are checked field by field, and most have none. */
struct place {
	const char *prefix;
	struct step steps[STEPS_MOST];
	size_t depth;
	enum phase phase;
	struct problem *problem;
	char path[sizeof(((struct problem *)0)->field)];
};

static const char *const type_words[] = {
	[FIELD_TEXT] = "a string",
	[FIELD_INTEGER] = "an integer",
	[FIELD_BOOLEAN] = "a boolean",
	[FIELD_OBJECT] = "an object",
	[FIELD_TEXT_LIST] = "a list of strings",
	[FIELD_INTEGER_LIST] = "a list of integers",
	[FIELD_OBJECT_LIST] = "a list of objects",
};

static bool is_given(const json_t *value)
{
	return value && !json_is_null(value);
}

static bool is_list(enum field_type type)
{
	return type == FIELD_TEXT_LIST || type == FIELD_INTEGER_LIST || type == FIELD_OBJECT_LIST;
}

const struct field *field_find(const struct field *fields, const char *name)
{
	for (; fields->name; fields++) {
		if (strcmp(fields->name, name) == 0)
			return fields;
	}
	return NULL;
}

static void enter(struct place *place, struct step step)
{
	if (place->depth < STEPS_MOST)
		place->steps[place->depth] = step;
	place->depth++;
}

static void enter_element(struct place *place, size_t index)
{
	enter(place, (struct step){ .index = index });
}

static void enter_member(struct place *place, const char *name)
{
	enter(place, (struct step){ name, NO_INDEX });
}

static void leave(struct place *place)
{
	place->depth--;
}

__attribute__((format(printf, 2, 3))) static void append(struct place *place, const char *format,
							 ...)
{
	size_t size = strlen(place->path);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(place->path + size, sizeof(place->path) - size, format, arguments);
	va_end(arguments);
}

/* "Rules[0].Url"; a path too long for its roof is cut. */
static const char *path_of(struct place *place)
{
	place->path[0] = '\0';
	append(place, "%s", place->prefix);
	for (size_t i = 0; i < place->depth && i < STEPS_MOST; i++) {
		const struct step *step = &place->steps[i];

		if (step->index == NO_INDEX)
			append(place, "%s%s", *place->path ? "." : "", step->name);
		else
			append(place, "[%zu]", step->index);
	}
	return place->path;
}

static int refuse_type(struct place *place, enum field_type type)
{
	const char *path = path_of(place);

	return problem_set(place->problem, "InvalidParameter", path, "%s must be %s.", path,
			   type_words[type]);
}

static bool has_type(const json_t *value, enum field_type type)
{
	switch (type) {
	case FIELD_TEXT:
		return json_is_string(value);
	case FIELD_INTEGER:
		return json_is_integer(value);
	case FIELD_BOOLEAN:
		return json_is_boolean(value);
	case FIELD_OBJECT:
		return json_is_object(value);
	case FIELD_TEXT_LIST:
	case FIELD_INTEGER_LIST:
	case FIELD_OBJECT_LIST:
		return json_is_array(value);
	}
	return false;
}

static enum field_type element_type(enum field_type type)
{
	switch (type) {
	case FIELD_TEXT_LIST:
		return FIELD_TEXT;
	case FIELD_INTEGER_LIST:
		return FIELD_INTEGER;
	default:
		return FIELD_OBJECT;
	}
}

static int check_type(const struct field *field, const json_t *value, struct place *place)
{
	const json_t *element;
	size_t i;

	if (!has_type(value, field->type))
		return refuse_type(place, field->type);
	if (!is_list(field->type))
		return 0;
	json_array_foreach((json_t *)value, i, element)
	{
		if (!has_type(element, element_type(field->type))) {
			enter_element(place, i);
			return refuse_type(place, element_type(field->type));
		}
	}
	return 0;
}

static size_t characters_of(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static int check_word(const struct field *field, const char *text, struct place *place)
{
	char words[200] = "";
	size_t size = 0;

	for (const char *const *word = field->words; *word; word++) {
		if (strcmp(*word, text) == 0)
			return 0;
		if (size < sizeof(words))
			size += (size_t)snprintf(words + size, sizeof(words) - size, "%s%s",
						 size ? ", " : "", *word);
	}
	return problem_set(place->problem, "InvalidParameterValue", path_of(place),
			   "%s must be one of: %s.", place->path, words);
}

/* What is counted, in the words of the answer. */
struct measure {
	const char *verb, *unit;
};

static const struct measure measure_value = { "be", "" };
static const struct measure measure_text = { "have", " characters" };
static const struct measure measure_list = { "have", " elements" };

static int refuse_bounds(const struct field *field, const struct measure *measure, const char *code,
			 struct place *place)
{
	const char *path = path_of(place);

	if (field->most == INT64_MAX)
		return problem_set(place->problem, code, path, "%s must %s at least %" PRId64 "%s.",
				   path, measure->verb, field->least, measure->unit);
	return problem_set(place->problem, code, path, "%s must %s %" PRId64 " to %" PRId64 "%s.",
			   path, measure->verb, field->least, field->most, measure->unit);
}

static int check_integer(const struct field *field, const json_t *value, struct place *place)
{
	int64_t number = (int64_t)json_integer_value(value);

	if ((field->least == 0 && field->most == 0) ||
	    (number >= field->least && number <= field->most))
		return 0;
	return refuse_bounds(field, &measure_value, field->range_code ?: "InvalidParameterValue",
			     place);
}

static int check_length(const struct field *field, size_t length, struct place *place)
{
	if ((field->least == 0 && field->most == 0) ||
	    (length >= (uint64_t)field->least && length <= (uint64_t)field->most))
		return 0;
	return refuse_bounds(field, is_list(field->type) ? &measure_list : &measure_text,
			     field->length_code ?: "InvalidParameterValue.Length", place);
}

static int check_list(const struct field *field, const json_t *list, struct place *place)
{
	bool bounds_numbers = field->type == FIELD_INTEGER_LIST;
	struct field roofed = *field;
	const json_t *element;
	size_t i;

	if (bounds_numbers || (field->least == 0 && field->most == 0)) {
		roofed.least = 0;
		roofed.most = LIST_MOST;
	}
	if (check_length(&roofed, json_array_size(list), place) != 0)
		return -EINVAL;
	if (!bounds_numbers && !field->words)
		return 0;
	json_array_foreach((json_t *)list, i, element)
	{
		enter_element(place, i);
		if (bounds_numbers ? check_integer(field, element, place)
				   : check_word(field, json_string_value(element) ?: "", place))
			return -EINVAL;
		leave(place);
	}
	return 0;
}

static int check_range(const struct field *field, const json_t *value, struct place *place)
{
	switch (field->type) {
	case FIELD_TEXT:
		if (field->words)
			return check_word(field, json_string_value(value), place);
		return check_length(field, characters_of(json_string_value(value)), place);
	case FIELD_INTEGER:
		return check_integer(field, value, place);
	case FIELD_TEXT_LIST:
	case FIELD_INTEGER_LIST:
	case FIELD_OBJECT_LIST:
		return check_list(field, value, place);
	case FIELD_BOOLEAN:
	case FIELD_OBJECT:
		break;
	}
	return 0;
}

/* A value that asks for nothing: tools send such fields although nobody set them. */
static bool is_neutral(const struct field *field, const json_t *value)
{
	char number[24];
	const char *key;
	json_t *member;

	switch (json_typeof(value)) {
	case JSON_STRING:
		return *json_string_value(value) == '\0' ||
		       (field->neutral && strcmp(json_string_value(value), field->neutral) == 0);
	case JSON_INTEGER:
		(void)snprintf(number, sizeof(number), "%" PRId64,
			       (int64_t)json_integer_value(value));
		return json_integer_value(value) == 0 ||
		       (field->neutral && strcmp(number, field->neutral) == 0);
	case JSON_ARRAY:
		return json_array_size(value) == 0;
	case JSON_OBJECT:
		json_object_foreach((json_t *)value, key, member)
		{
			if (!json_is_null(member))
				return false;
		}
		return true;
	default:
		return !json_is_true(value);
	}
}

static int check_value(const struct field *field, const json_t *value, struct place *place)
{
	switch (place->phase) {
	case PHASE_TYPES:
		return check_type(field, value, place);
	case PHASE_RANGES:
		return field->use == FIELD_UNSUPPORTED ? 0 : check_range(field, value, place);
	case PHASE_UNSUPPORTED:
		if (field->use == FIELD_UNSUPPORTED && !is_neutral(field, value))
			return problem_set(place->problem, "UnsupportedOperation", path_of(place),
					   "%s is not supported: %s", place->path,
					   field->about ?: "it is not built yet.");
		return 0;
	default:
		return 0;
	}
}

static int check_object(const struct field *fields, const json_t *object, struct place *place);

/* The members below a field that has a table of its own; what has the wrong type is left to that
 * phase. */
static int check_below(const struct field *field, const json_t *value, struct place *place)
{
	const json_t *element;
	size_t i;

	if (!field->fields || field->use == FIELD_UNSUPPORTED)
		return 0;
	if (field->type == FIELD_OBJECT && json_is_object(value))
		return check_object(field->fields, value, place);
	if (field->type != FIELD_OBJECT_LIST || !json_is_array(value))
		return 0;
	json_array_foreach((json_t *)value, i, element)
	{
		enter_element(place, i);
		if (json_is_object(element) && check_object(field->fields, element, place) != 0)
			return -EINVAL;
		leave(place);
	}
	return 0;
}

static int check_unknown(const struct field *fields, const json_t *object, struct place *place)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		if (field_find(fields, key))
			continue;
		enter_member(place, key);
		return problem_set(place->problem, "UnknownParameter", path_of(place),
				   "%s is not a field of this action.", place->path);
	}
	return 0;
}

static int check_object(const struct field *fields, const json_t *object, struct place *place)
{
	if (place->phase == PHASE_UNKNOWN && check_unknown(fields, object, place) != 0)
		return -EINVAL;
	for (; fields->name; fields++) {
		const json_t *value = json_object_get(object, fields->name);

		if (!is_given(value) &&
		    (fields->use != FIELD_REQUIRED || place->phase != PHASE_REQUIRED))
			continue;
		enter_member(place, fields->name);
		if (!is_given(value))
			return problem_set(place->problem, "MissingParameter", path_of(place),
					   "%s is required.", place->path);
		if (check_value(fields, value, place) != 0 ||
		    check_below(fields, value, place) != 0)
			return -EINVAL;
		leave(place);
	}
	return 0;
}

static bool is_object_good(const struct field *fields, const json_t *object, struct place *place);

/* A given value, in all phases at once. */
static bool is_value_good(const struct field *field, const json_t *value, struct place *place)
{
	const json_t *element;
	size_t i;

	for (place->phase = PHASE_TYPES; place->phase < PHASES; place->phase++) {
		if (check_value(field, value, place) != 0)
			return false;
	}
	if (!field->fields || field->use == FIELD_UNSUPPORTED)
		return true;
	if (field->type == FIELD_OBJECT)
		return is_object_good(field->fields, value, place);
	if (field->type != FIELD_OBJECT_LIST)
		return true;
	json_array_foreach((json_t *)value, i, element)
	{
		if (!is_object_good(field->fields, element, place))
			return false;
	}
	return true;
}

static bool is_object_good(const struct field *fields, const json_t *object, struct place *place)
{
	const char *key;
	json_t *value;

	for (const struct field *field = fields; field->name; field++) {
		if (field->use == FIELD_REQUIRED && !is_given(json_object_get(object, field->name)))
			return false;
	}
	json_object_foreach((json_t *)object, key, value)
	{
		const struct field *field = field_find(fields, key);

		if (!field || (is_given(value) && !is_value_good(field, value, place)))
			return false;
	}
	return true;
}

int fields_check(const struct field *fields, const json_t *input, const char *path,
		 struct problem *problem)
{
	const struct problem before = *problem;
	struct place place = { .prefix = path, .problem = problem };

	if (!json_is_object(input))
		return problem_set(problem, "InvalidParameter", path, "%s must be an object.",
				   *path ? path : "The input");
	/* One walk over what is good; what is not is walked again, phase by phase, for the answer.
	 */
	if (is_object_good(fields, input, &place))
		return 0;
	*problem = before;
	place.depth = 0;
	for (place.phase = 0; place.phase < PHASES; place.phase++) {
		if (check_object(fields, input, &place) != 0)
			return -EINVAL;
	}
	return 0;
}

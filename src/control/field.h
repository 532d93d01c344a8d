/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a field of the API is: its type, its range, what happens when it is given. Tables of these
 * check every input (JSON body, flattened query, YAML file) and print docs/api.md.
 */
#ifndef CONTROL_FIELD_H
#define CONTROL_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/problem.h"

enum field_type {
	FIELD_TEXT,
	FIELD_INTEGER,
	FIELD_BOOLEAN,
	FIELD_OBJECT,
	FIELD_TEXT_LIST,
	FIELD_INTEGER_LIST,
	FIELD_OBJECT_LIST,
};

enum field_use {
	FIELD_OPTIONAL,
	FIELD_REQUIRED, /* absent or null: MissingParameter */
	FIELD_IGNORED, /* accepted, has no effect here; `about` says why */
	FIELD_UNSUPPORTED, /* UnsupportedOperation unless it holds its neutral value (0, false, "",
			      [], {} or `neutral`) */
};

struct field {
	const char *name; /* NULL ends a table */
	enum field_type type;
	enum field_use use;
	/*
	 * Inclusive; both 0 = no check. Integers and each integer of a list: the value
	 * (`range_code`). Texts: characters of UTF-8
	 * (`length_code`). Lists of texts and objects: number of elements (`length_code`).
	 */
	int64_t least, most;
	const char *range_code; /* NULL = InvalidParameterValue */
	const char *length_code; /* NULL = InvalidParameterValue.Length */
	const char *const *
		words; /* texts: the allowed ones, NULL ended (InvalidParameterValue); NULL = any */
	const struct field *fields; /* objects: their members */
	const char *neutral; /* FIELD_UNSUPPORTED texts and integers ("-1"): the one value that
				changes nothing */
	const char *about; /* one sentence for docs/api.md; says so when it is an extension */
};

/*
 * Checks `input` (an object) against the table in the contract's order over the whole tree: unknown
 * fields (UnknownParameter), required ones (MissingParameter), types (InvalidParameter), ranges,
 * lengths and words, unsupported ones. null counts as absent. `path` is the prefix of reported
 * fields ("" at the top, "Rules[0]" within). Lists have a roof of `most`, or 10,000 when the table
 * gives none.
 */
int fields_check(const struct field *fields, const json_t *input, const char *path,
		 struct problem *problem);

/* The row of this name, or NULL. */
const struct field *field_find(const struct field *fields, const char *name);

/*
 * A flattened query (api.md section 1: "Ports.0=8080&HealthCheck.HealthSwitch=1") as the same JSON
 * tree; the table tells how to read numbers and booleans. A new reference in *ret_input.
 */
int fields_unflatten(const struct field *fields, const char *query, json_t **ret_input,
		     struct problem *problem);

/* Reading checked input: absent and null are the same. The text is borrowed from the input. */
static inline const json_t *input_get(const json_t *input, const char *name)
{
	const json_t *value = json_object_get(input, name);

	return value && !json_is_null(value) ? value : NULL;
}

static inline bool input_has(const json_t *input, const char *name)
{
	return input_get(input, name) != NULL;
}

static inline const char *input_text(const json_t *input, const char *name)
{
	return json_string_value(input_get(input, name));
}

static inline int64_t input_integer(const json_t *input, const char *name, int64_t otherwise)
{
	const json_t *value = input_get(input, name);

	return value ? (int64_t)json_integer_value(value) : otherwise;
}

static inline bool input_boolean(const json_t *input, const char *name, bool otherwise)
{
	const json_t *value = input_get(input, name);

	return value ? json_is_true(value) : otherwise;
}

#endif

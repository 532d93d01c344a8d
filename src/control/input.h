/* SPDX-License-Identifier: Apache-2.0 */
/* A request's parameters as a JSON object, from a POST's body or a GET's query. Pure. */
#ifndef CONTROL_INPUT_H
#define CONTROL_INPUT_H

#include <jansson.h>

#include "base/bytes.h"
#include "control/field.h"

/*
 * An object with unique keys, at most API_JSON_DEPTH_MOST deep and API_JSON_VALUES_MOST values
 * large; nothing at all is {}. -EINVAL with *problem (InvalidParameter, with line and column),
 * -ENOMEM. A new reference.
 */
int input_from_body(struct bytes body, json_t **ret_input, struct problem *problem);
int input_from_query(const struct field *fields, struct bytes query, json_t **ret_input,
		     struct problem *problem);

#endif

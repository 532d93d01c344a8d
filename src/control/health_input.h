/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API's HealthCheck object (api.md section 5), from and to the struct: for requests, answers
 * and the store, which keeps it as the same JSON. Pure.
 */
#ifndef CONTROL_HEALTH_INPUT_H
#define CONTROL_HEALTH_INPUT_H

#include <jansson.h>

#include "control/field.h"
#include "model/model.h"

extern const struct field health_check_fields[];

/*
 * Takes what `input` (checked against health_check_fields, or NULL) gives over into *check; the
 * rest stays. `field` is the object's path. -ENOMEM, or -EINVAL with *problem set; *check may then
 * be partly changed. The result still needs validate_health_check.
 */
int health_check_read(const json_t *input, struct health_check *check, const char *field,
		      struct problem *problem);

/* What was set, so that health_check_read makes the same of it. NULL when memory is out. */
json_t *health_check_json(const struct health_check *check);

/* Every documented field, null where it means nothing. `domain`: the rule's, "" for none. */
json_t *health_check_answer(const struct health_check *check, const char *domain);

#endif

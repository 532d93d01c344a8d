/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of instances as calls give and answers show them. Pure; any thread. */
#ifndef CONTROL_INSTANCE_TAGS_H
#define CONTROL_INSTANCE_TAGS_H

#include "control/field.h"
#include "model/tag.h"

extern const struct field instance_tag_fields[]; /* TagKey, TagValue */

/*
 * `list` may be NULL: no tags. A key that stands twice is refused, with its path in `list_name`.
 * The caller ends *ret with tags_free(). -ENOMEM.
 */
int tags_read(const json_t *list, struct tag **ret, size_t *ret_count, struct problem *problem);
/* A new reference; NULL when memory is out. */
json_t *tags_answer(const struct tag *tags, size_t count);

#endif

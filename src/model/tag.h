/* SPDX-License-Identifier: Apache-2.0 */
/* A tag of an instance or a target group: texts that people sort by. Owned by the noun. */
#ifndef MODEL_TAG_H
#define MODEL_TAG_H

#include <stddef.h>

struct tag {
	char *key, *value;
};

/* Frees the tags with their texts; half-filled ones too. */
void tags_free(struct tag *tags, size_t count);

#endif

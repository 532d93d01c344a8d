/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A custom configuration: settings for all HTTP listeners of the instances that are bound to it
 * (features.md section 10). The model owns them; an instance borrows at most one. Control's thread.
 */
#ifndef MODEL_CUSTOM_CONFIGURATION_H
#define MODEL_CUSTOM_CONFIGURATION_H

#include <stdint.h>

#include "model/directives.h"
#include "model/limits.h"

struct custom_configuration {
	uint64_t number;
	char id[LIMIT_ID]; /* pz-xxxxxxxx */
	char *name;
	char *content; /* as given */
	struct directives directives; /* what the content says */
	int64_t created_at, updated_at;
};

/* With empty texts and the defaults, or NULL. Free accepts NULL and returns it. */
struct custom_configuration *custom_configuration_new(void);
struct custom_configuration *custom_configuration_free(struct custom_configuration *custom);

#endif

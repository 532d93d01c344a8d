/* SPDX-License-Identifier: Apache-2.0 */
/* Making and freeing custom configurations. Control's thread. */
#include "model/custom_configuration.h"

#include <stdlib.h>
#include <string.h>

struct custom_configuration *custom_configuration_new(void)
{
	struct custom_configuration *custom = calloc(1, sizeof(*custom));

	if (!custom)
		return NULL;
	custom->name = strdup("");
	custom->content = strdup("");
	custom->directives = directives_default;
	return custom->name && custom->content ? custom : custom_configuration_free(custom);
}

struct custom_configuration *custom_configuration_free(struct custom_configuration *custom)
{
	if (custom) {
		free(custom->name);
		free(custom->content);
		directives_done(&custom->directives);
	}
	free(custom);
	return NULL;
}

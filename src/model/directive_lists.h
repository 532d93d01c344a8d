/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directives that may stand several times: fields of heads, and pages in place of errors. For
 * directives.c alone. Pure.
 */
#ifndef MODEL_DIRECTIVE_LISTS_H
#define MODEL_DIRECTIVE_LISTS_H

#include "model/directives.h"

/*
 * Each takes the values behind its name and adds to the lists. -ENOMEM; -EINVAL (wrong), -ENOTSUP
 * (right and not built) with the reason, a sentence; then the lists may hold a part.
 */
typedef int directive_add(struct directives *directives, const struct bytes *values, size_t count,
			  const char **ret_reason);

directive_add directive_add_header, directive_set_headers, directive_proxy_header,
	directive_error_page;

#endif

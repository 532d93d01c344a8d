/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of networks as calls and files give them and answers show them. Pure; any thread. */
#ifndef CONTROL_ACCESS_INPUT_H
#define CONTROL_ACCESS_INPUT_H

#include <jansson.h>

#include "model/access_control.h"
#include "model/problem.h"

#define ABOUT_ALLOW                                                                                 \
	"Networks such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7. Where there are some, of either " \
	"version, only clients in one of them may connect."
#define ABOUT_DENY "Networks whose clients may not connect, whatever Allow says."

/*
 * The texts of `list`, in their order; a network that stands twice is refused, like one that is
 * none, with its path in `name`. The caller frees *ret. -EINVAL, -ENOMEM.
 */
int access_read(const json_t *list, const char *name, struct cidr **ret, size_t *ret_count,
		struct problem *problem);
/* A new reference; NULL when memory is out. */
json_t *access_answer(const struct cidr *cidrs, size_t count);

#endif

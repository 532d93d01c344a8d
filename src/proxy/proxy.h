/* SPDX-License-Identifier: Apache-2.0 */
/* The traffic process's face: `setia proxy`, started by the keeper. Returns an exit code. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H
#include <stddef.h>

#include "process/options.h"

int proxy_main(const struct run_options *options);

/* Of a start check (process/check.h): whether this binary can go on with the session table that the
 * other one left. Takes CHECK_SESSIONS_FD. -errno with the reason in `why`. */
int proxy_check_upgrade(char *why, size_t why_size);
#endif

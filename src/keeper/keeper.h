/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's face: `setia run`, and what a new binary is asked before it becomes the keeper. */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include <stddef.h>

#include "process/options.h"

/* Returns an exit code when everything it started has ended. */
int keeper_main(const struct run_options *options);

/* Of a start check (process/check.h): whether this binary can go on with the state, the region and
 * the snapshot that the old keeper holds. -errno with the reason in `why`. */
int keeper_check_upgrade(const struct run_options *options, char *why, size_t why_size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the checker knows of a server, read while it is written. Any thread. */
#ifndef CONTROL_TARGET_HEALTH_H
#define CONTROL_TARGET_HEALTH_H

#include "control/target_owner.h"
#include "process/health_log.h"

struct regions; /* process/regions.h */

/*
 * Close without checks. Unknown while the listener is stopped, since nobody checks then, and as
 * long as the traffic process has not met the server. `regions` may be NULL.
 */
enum health_state target_health(const struct regions *regions, const struct target_owner *owner,
				const struct target *target);

#endif

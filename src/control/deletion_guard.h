/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps instances from being deleted by mistake: docs/decisions/deletion-guards.md. Control's
 * one thread.
 */
#ifndef CONTROL_DELETION_GUARD_H
#define CONTROL_DELETION_GUARD_H

#include "control/actions.h"

/* LoadBalancerIds of the call, ForceDelete, and how many were deleted lately: all of them may go,
 * or -EINVAL with the call's problem. -errno of the store. */
int deletion_guard(struct call *call, int64_t now_s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file says of an instance beside what the action that makes it takes: tags, who may
 * connect, and what is stopped. What it leaves out is none, and runs. Control's thread.
 */
#ifndef CONTROL_CONFIGURATION_INSTANCE_H
#define CONTROL_CONFIGURATION_INSTANCE_H

#include "control/configuration_plan.h"

extern const struct field configuration_access_fields[]; /* AccessControl: Allow, Deny */

/* `is_new`: this very file made the instance, and nothing more is noted. 0 or -errno with the
 * call's problem. */
int plan_make_settings(struct plan *plan, const struct plan_instance *it, bool is_new);
/* When the listeners are there: Stopped, of the instance and of each. */
int plan_make_stops(struct plan *plan, const struct plan_instance *it);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target groups in a configuration file: TargetGroups at its top, made or modified between the two
 * halves of applying, and TargetGroup of a rule or a layer-4 listener. Found by name. As
 * configuration_plan.h.
 */
#ifndef CONTROL_CONFIGURATION_GROUP_H
#define CONTROL_CONFIGURATION_GROUP_H

#include "control/configuration_plan.h"

/* Groups of the file, with their servers; others stay as they are. */
int plan_make_groups(struct plan *plan, const json_t *file);

/* Whether the file wants this rule or layer-4 listener to have the servers of a group. */
bool plan_wants_group(const json_t *input);
/* What the file says of its servers goes together. */
int plan_check_group(struct plan *plan, const struct plan_rule *rule);
/* Takes one that is there off a group that the file does not want there. */
int plan_leave_group(struct plan *plan, const struct plan_rule *rule);
/* Whether one that is there has servers of its own, which the file can take away one by one. */
bool plan_has_own_targets(const struct plan_rule *rule);
/* Gives one that is there, and has no servers left that the file does not want, its TargetType. */
int plan_set_target_type(struct plan *plan, const struct plan_rule *rule);
/* Puts one that wants it on its group. */
int plan_join_group(struct plan *plan, const struct plan_rule *rule);

/* The input of an action that makes the rule or listener (stolen, returned), with its TargetType.
 */
json_t *plan_put_target_type(json_t *input);

#endif

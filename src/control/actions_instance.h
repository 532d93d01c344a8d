/* SPDX-License-Identifier: Apache-2.0 */
/* Actions on instances beside those that make, change and delete them: a part of actions.h. */
#ifndef CONTROL_ACTIONS_INSTANCE_H
#define CONTROL_ACTIONS_INSTANCE_H

#include "control/actions.h"

/* action_start_stop.c */
extern const struct field set_start_status_fields[];
int set_start_status(struct call *call);

/* describe_detail.c */
extern const struct field describe_load_balancers_detail_fields[];
int describe_load_balancers_detail(struct call *call);

/* action_tags.c: extension */
extern const struct field modify_tags_fields[];
int modify_tags(struct call *call);

/* action_access.c: two extensions, and the reference's security groups, of which there are none */
extern const struct field set_access_control_fields[], describe_access_control_fields[],
	set_security_groups_fields[], set_security_group_fields[];
int set_access_control(struct call *call); /* -> LoadBalancerId, Allow, Deny */
int describe_access_control(struct call *call); /* the same */
int set_security_groups(struct call *call);
int set_security_group(struct call *call);

#endif

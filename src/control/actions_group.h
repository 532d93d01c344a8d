/* SPDX-License-Identifier: Apache-2.0 */
/* The actions on many servers at once and on target groups, for the table of actions. */
#ifndef CONTROL_ACTIONS_GROUP_H
#define CONTROL_ACTIONS_GROUP_H

#include "control/actions.h"

/* action_batch.c */
extern const struct field batch_register_targets_fields[], batch_deregister_targets_fields[],
	batch_modify_target_weight_fields[], batch_modify_target_tag_fields[];
int batch_register_targets(struct call *call);
int batch_deregister_targets(struct call *call);
int batch_modify_target_weight(struct call *call);
int batch_modify_target_tag(struct call *call);

/* action_group.c */
extern const struct field create_target_group_fields[], modify_target_group_attribute_fields[],
	delete_target_groups_fields[];
int create_target_group(struct call *call);
int modify_target_group_attribute(struct call *call);
int delete_target_groups(struct call *call);

/* action_group_member.c */
extern const struct field register_target_group_instances_fields[],
	deregister_target_group_instances_fields[], modify_target_group_instances_port_fields[],
	modify_target_group_instances_weight_fields[];
int register_target_group_instances(struct call *call);
int deregister_target_group_instances(struct call *call);
int modify_target_group_instances_port(struct call *call);
int modify_target_group_instances_weight(struct call *call);

/* action_association.c */
extern const struct field associate_target_groups_fields[], disassociate_target_groups_fields[];
int associate_target_groups(struct call *call);
int disassociate_target_groups(struct call *call);

/* describe_group.c */
extern const struct field describe_target_groups_fields[], describe_target_group_list_fields[],
	describe_target_group_instances_fields[];
int describe_target_groups(struct call *call);
int describe_target_group_list(struct call *call);
int describe_target_group_instances(struct call *call);

#endif

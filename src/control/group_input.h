/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target groups and their members as calls name them (api.md section 11), whose actions know no
 * codes below InvalidParameter and InvalidParameterValue. Control's one thread.
 */
#ifndef CONTROL_GROUP_INPUT_H
#define CONTROL_GROUP_INPUT_H

#include "control/target_owner.h"

#define GROUP_MEMBERS_MOST 50 /* of one call */
#define ABOUT_GROUP "The target group, lbtg-xxxxxxxx."

/* TargetGroupInstance: where a member comes, where it is named by BindIP and Port, and where it
 * also has a NewPort. */
extern const struct field new_member_fields[], member_fields[], moved_member_fields[];

/* TargetGroupId of `input`; `path` is its field's. InvalidParameter. */
int call_group(struct call *call, const json_t *input, const char *path, struct target_group **ret);

/* Members of a call, in its order. */
struct group_members {
	const json_t *list;
	struct address addresses[GROUP_MEMBERS_MOST];
	size_t count;
};
/*
 * TargetGroupInstances, each address and port once; `port` is for those without one, 0 for none.
 */
int group_members_read(struct call *call, uint16_t port, struct group_members *ret);
/* The address of one, whose element of the list is `input` and has this path. */
int group_member_read(struct call *call, const struct server_field *field, const json_t *input,
		      const char *path, uint16_t port, struct address *ret);

/* A new group with the id, the name (NULL: its id), the port and the tags of `input`, in the store
 * and in the model. LimitExceeded. */
int group_create(struct call *call, const json_t *input, struct target_group **ret);

#endif

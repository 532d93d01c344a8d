/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target groups and what stands on them: every rule or layer-4 listener that is associated with a
 * group has a server for each member, with a number, a slot and a health of its own, and these
 * functions keep it so in the store and in the model. A member that stays keeps its servers, so
 * persistence holds. Control's one thread, within a transaction; everything is borrowed.
 */
#ifndef CONTROL_GROUP_BINDING_H
#define CONTROL_GROUP_BINDING_H

#include "control/target_owner.h"

/* Walks over what stands on a group; good as long as no rule or listener comes or goes. */
struct group_walk {
	const struct model *model;
	const struct target_group *group;
	struct target_owner owner; /* where it stands */
	size_t instance, listener, step; /* where it goes on; step 0: the listener itself */
};
struct group_walk group_walk(const struct model *model, const struct target_group *group);
/* False at the end; `owner` is the next one otherwise. */
bool group_next(struct group_walk *walk);
bool group_is_bound(const struct model *model, const struct target_group *group);

/*
 * The owner, of type TARGETGROUP and without a group, gets this one and its members' servers.
 * LimitExceeded; -errno.
 */
int group_bind(struct call *call, const struct target_owner *owner, struct target_group *group);
/* The owner's servers go; it keeps its type. */
int group_unbind(struct call *call, const struct target_owner *owner);

/* Whether so many more members fit the quotas, of the group and of what stands on it. */
int group_check_room(struct call *call, const struct target_group *group, size_t adding);

/* A member comes, goes, or changes its weight, everywhere. The address of a new one is free. */
int group_add_member(struct call *call, struct target_group *group, const struct address *address,
		     uint16_t weight);
int group_remove_member(struct call *call, struct target_group *group,
			const struct address *address);
int group_weigh_member(struct call *call, struct target_group *group, const struct address *address,
		       uint16_t weight);

/* Every instance that stands on the group is touched; without one traffic does not change. */
int group_touch(struct call *call, const struct target_group *group);

#endif

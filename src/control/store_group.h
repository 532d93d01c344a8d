/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping target groups: as store.h, within its transactions, with its errors. Control's thread.
 */
#ifndef CONTROL_STORE_GROUP_H
#define CONTROL_STORE_GROUP_H

#include "control/store.h"

/* Gives the group its number, and keeps its tags; members are kept one by one. */
int store_insert_group(struct store *store, struct target_group *group);
/* Name, port, updated_at. */
int store_update_group(struct store *store, const struct target_group *group);
/* With its members. One that something stands on cannot go: -EEXIST. */
int store_delete_group(struct store *store, const struct target_group *group);

/* Gives the member its number. */
int store_insert_member(struct store *store, const struct target_group *group,
			struct group_member *member);
/* Its weight: another address is another member. */
int store_update_member(struct store *store, const struct group_member *member);
int store_delete_member(struct store *store, const struct group_member *member);

/*
 * Keeps that the group of the listener, or of the rule (the other is NULL), is what its `group`
 * says, NULL for none. Its targets are the caller's work.
 */
int store_bind_group(struct store *store, const struct listener *listener, const struct rule *rule);

#endif

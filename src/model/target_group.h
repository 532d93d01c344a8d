/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target group (api.md section 11, v1): servers under one name, shared by any number of rules and
 * layer-4 listeners. Each of those has targets of its own made from the members, because health,
 * counts and persistence are its own; control keeps them equal. The model owns groups; rules and
 * listeners borrow at most one. Control's thread.
 */
#ifndef MODEL_TARGET_GROUP_H
#define MODEL_TARGET_GROUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "model/limits.h"
#include "model/tag.h"

struct group_member {
	uint64_t number;
	struct address address;
	uint16_t weight; /* 0..100 */
	int64_t created_at;
};

struct target_group {
	uint64_t number;
	char id[LIMIT_ID]; /* lbtg-xxxxxxxx */
	char *name;
	char *vpc_id; /* kept and echoed */
	uint16_t port; /* of members that come without one; 0 = they have to bring theirs */
	int64_t created_at, updated_at;
	struct tag *tags;
	size_t tag_count;
	struct group_member *members; /* by rising number */
	size_t member_count;
};

/* With empty texts, or NULL. Free accepts NULL and half-built ones and returns NULL. */
struct target_group *target_group_new(void);
struct target_group *target_group_free(struct target_group *group);

/* Keeps the order by number. -ENOMEM with nothing changed. */
int target_group_add_member(struct target_group *group, const struct group_member *member);
void target_group_remove_member(struct target_group *group, const struct group_member *member);
/* NULL when none has this address and port; good until a member comes or goes. */
struct group_member *target_group_find_member(const struct target_group *group,
					      const struct address *address);

#endif

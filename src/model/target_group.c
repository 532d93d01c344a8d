/* SPDX-License-Identifier: Apache-2.0 */
/* Target groups and tags in memory. Control's thread. */
#include "model/target_group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void tags_free(struct tag *tags, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(tags[i].key);
		free(tags[i].value);
	}
	free(tags);
}

struct target_group *target_group_new(void)
{
	struct target_group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->name = strdup("");
	group->vpc_id = strdup("");
	return group->name && group->vpc_id ? group : target_group_free(group);
}

struct target_group *target_group_free(struct target_group *group)
{
	if (!group)
		return NULL;
	tags_free(group->tags, group->tag_count);
	free(group->members);
	free(group->name);
	free(group->vpc_id);
	free(group);
	return NULL;
}

int target_group_add_member(struct target_group *group, const struct group_member *member)
{
	struct group_member *members =
		reallocarray(group->members, group->member_count + 1, sizeof(*members));
	size_t at = group->member_count;

	if (!members)
		return -ENOMEM;
	group->members = members;
	for (; at > 0 && members[at - 1].number > member->number; at--)
		members[at] = members[at - 1];
	members[at] = *member;
	group->member_count++;
	return 0;
}

void target_group_remove_member(struct target_group *group, const struct group_member *member)
{
	size_t at = (size_t)(member - group->members);

	memmove(group->members + at, group->members + at + 1,
		(group->member_count - at - 1) * sizeof(*group->members));
	group->member_count--;
}

struct group_member *target_group_find_member(const struct target_group *group,
					      const struct address *address)
{
	for (size_t i = 0; i < group->member_count; i++) {
		if (address_equal(&group->members[i].address, address))
			return &group->members[i];
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping servers equal to the members of their group. Control's one thread. */
#include "control/group_binding.h"

#include <errno.h>

#include "control/call_noun.h"
#include "control/quota.h"
#include "control/store_group.h"

struct group_walk group_walk(const struct model *model, const struct target_group *group)
{
	return (struct group_walk){ .model = model, .group = group };
}

/* The next of the listener's own, that is itself and its rules. */
static bool next_of_listener(struct group_walk *walk, struct instance *instance,
			     struct listener *listener)
{
	while (walk->step <= listener->rule_count) {
		struct rule *rule = walk->step > 0 ? listener->rules[walk->step - 1] : NULL;

		walk->step++;
		walk->owner = (struct target_owner){ instance, listener, rule };
		if (owner_group(&walk->owner) == walk->group)
			return true;
	}
	walk->step = 0;
	return false;
}

bool group_next(struct group_walk *walk)
{
	for (; walk->instance < walk->model->instance_count; walk->instance++) {
		struct instance *instance = walk->model->instances[walk->instance];

		for (; walk->listener < instance->listener_count; walk->listener++) {
			if (next_of_listener(walk, instance, instance->listeners[walk->listener]))
				return true;
		}
		walk->listener = 0;
	}
	return false;
}

bool group_is_bound(const struct model *model, const struct target_group *group)
{
	struct group_walk walk = group_walk(model, group);

	return group_next(&walk);
}

static int write_binding(struct call *call, const struct target_owner *owner,
			 struct target_group *group)
{
	if (owner->rule)
		owner->rule->group = group;
	else
		owner->listener->group = group;
	return store_bind_group(call->control->store, owner->rule ? NULL : owner->listener,
				owner->rule);
}

static int add_member_target(struct call *call, const struct target_owner *owner,
			     const struct group_member *member)
{
	return owner_add_target(call, owner, &member->address, member->weight, "");
}

int group_bind(struct call *call, const struct target_owner *owner, struct target_group *group)
{
	int error = quota_check(QUOTA_OF_TARGETS, 0, group->member_count, &call->problem);

	if (error == 0)
		error = write_binding(call, owner, group);
	for (size_t i = 0; i < group->member_count && error == 0; i++)
		error = add_member_target(call, owner, &group->members[i]);
	return error == 0 ? call_touch(call, owner->instance) : error;
}

int group_unbind(struct call *call, const struct target_owner *owner)
{
	size_t count;
	struct target *const *targets = owner_targets(owner, &count);
	int error = write_binding(call, owner, NULL);

	while (count > 0 && error == 0) {
		error = owner_delete_target(call, owner, targets[count - 1]);
		targets = owner_targets(owner, &count);
	}
	return error == 0 ? call_touch(call, owner->instance) : error;
}

int group_check_room(struct call *call, const struct target_group *group, size_t adding)
{
	int error = quota_check(QUOTA_OF_MEMBERS, group->member_count, adding, &call->problem);

	/* All that stand on it have as many servers as it has members. */
	if (error == 0 && adding > 0 && group_is_bound(&call->control->model, group))
		error = quota_check(QUOTA_OF_TARGETS, group->member_count, adding, &call->problem);
	return error;
}

int group_add_member(struct call *call, struct target_group *group, const struct address *address,
		     uint16_t weight)
{
	struct group_walk walk = group_walk(&call->control->model, group);
	struct group_member member = {
		.address = *address,
		.weight = weight,
		.created_at = clock_wall_s(),
	};
	int error = store_insert_member(call->control->store, group, &member);

	if (error == 0)
		error = target_group_add_member(group, &member);
	while (error == 0 && group_next(&walk))
		error = add_member_target(call, &walk.owner, &member);
	return error;
}

int group_remove_member(struct call *call, struct target_group *group,
			const struct address *address)
{
	struct group_walk walk = group_walk(&call->control->model, group);
	struct group_member *member = target_group_find_member(group, address);
	const struct address gone = *address; /* which may be the member's own */
	int error = member ? store_delete_member(call->control->store, member) : -ENOENT;

	if (error == 0)
		target_group_remove_member(group, member);
	while (error == 0 && group_next(&walk)) {
		struct target *target = owner_find_target(&walk.owner, &gone);

		error = target ? owner_delete_target(call, &walk.owner, target) : -ENOENT;
	}
	return error;
}

int group_weigh_member(struct call *call, struct target_group *group, const struct address *address,
		       uint16_t weight)
{
	struct group_walk walk = group_walk(&call->control->model, group);
	struct group_member *member = target_group_find_member(group, address);
	int error = member ? 0 : -ENOENT;

	if (error == 0) {
		member->weight = weight;
		error = store_update_member(call->control->store, member);
	}
	while (error == 0 && group_next(&walk)) {
		struct target *target = owner_find_target(&walk.owner, address);

		if (!target)
			return -ENOENT;
		target->weight = weight;
		error = store_update_target(call->control->store, target);
	}
	return error;
}

int group_touch(struct call *call, const struct target_group *group)
{
	struct group_walk walk = group_walk(&call->control->model, group);
	int error = 0;

	call->is_unchanged = true;
	while (error == 0 && group_next(&walk)) {
		call->is_unchanged = false;
		error = call_touch(call, walk.owner.instance);
	}
	return error;
}

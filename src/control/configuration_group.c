/* SPDX-License-Identifier: Apache-2.0 */
/* The target groups of a file: made where they are missing, their servers as the file says. */
#include "control/configuration_group.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/configuration_key.h"
#include "control/group_binding.h"
#include "control/group_input.h"
#include "control/store_group.h"

static const struct server_field by_bind = { "BindIP", "InvalidParameter.FormatError" };

static const struct plan_place top; /* the file itself */

/* The work on one group: the file's servers, and their rows by address. */
struct members {
	struct target_group *group;
	const json_t *list;
	struct plan_place place;
	struct address *addresses;
	struct key_index *rows;
};

static struct key key_of_address(const struct address *address)
{
	const struct target target = { .address = *address };

	return key_of_target(&target);
}

static int refuse_twice(struct plan *plan, const struct plan_place *place, const char *list,
			size_t other)
{
	return plan_refuse(plan, place, "", "InvalidParameterValue.Duplicate",
			   "%s is the same as %s[%zu].", place->path, list, other);
}

static int read_member(struct plan *plan, struct members *members, size_t row)
{
	const json_t *input = json_array_get(members->list, row);
	struct plan_place place = plan_place_member(&members->place, "Targets", row);
	const struct server_field *field = input_has(input, "BindIP") ? &by_bind : &server_by_eni;
	struct key key;
	size_t other;
	int error;

	if (field == &by_bind && input_has(input, "EniIp"))
		return plan_refuse(plan, &place, "BindIP", "InvalidParameter",
				   "EniIp and BindIP name the same; one of them is enough.");
	if (group_member_read(plan->call, field, input, place.path, members->group->port,
			      &members->addresses[row]) != 0)
		return plan_locate(plan, &plan->call->problem);
	key = key_of_address(&members->addresses[row]);
	error = key_add(members->rows, &key, row, &other);
	return error == -EEXIST ? refuse_twice(plan, &place, "Targets", other) : error;
}

static int remove_members(struct plan *plan, const struct members *members)
{
	struct target_group *group = members->group;
	int error = 0;

	for (size_t i = group->member_count; i > 0 && !error; i--) {
		const struct address address = group->members[i - 1].address;
		struct key key = key_of_address(&address);

		if (key_find(members->rows, &key) != KEY_NONE)
			continue;
		error = plan_note(plan, "- target %s in target group %s", key.text, group->name);
		if (!error)
			error = group_remove_member(plan->call, group, &address);
	}
	return error;
}

static int add_member(struct plan *plan, const struct members *members, size_t row, uint16_t weight)
{
	struct plan_place place = plan_place_member(&members->place, "Targets", row);
	struct target_group *group = members->group;
	char name[ADDRESS_TEXT_SIZE];
	int error = group_check_room(plan->call, group, 1);

	if (error)
		return plan_tell(plan, &place);
	address_format(&members->addresses[row], name);
	error = plan_note(plan, "+ target %s weight %u in target group %s", name, (unsigned)weight,
			  group->name);
	return error ? error
		     : group_add_member(plan->call, group, &members->addresses[row], weight);
}

static int make_member(struct plan *plan, const struct members *members, size_t row)
{
	const struct address *address = &members->addresses[row];
	const struct group_member *member = target_group_find_member(members->group, address);
	uint16_t weight = (uint16_t)input_integer(json_array_get(members->list, row), "Weight",
						  WEIGHT_DEFAULT);
	char name[ADDRESS_TEXT_SIZE];
	int error;

	if (!member)
		return add_member(plan, members, row, weight);
	if (member->weight == weight)
		return 0;
	address_format(address, name);
	error = plan_note(plan, "~ target %s in target group %s: Weight %u -> %u", name,
			  members->group->name, (unsigned)member->weight, (unsigned)weight);
	return error ? error : group_weigh_member(plan->call, members->group, address, weight);
}

static int make_members(struct plan *plan, struct members *members)
{
	size_t count = json_array_size(members->list);
	int error = 0;

	members->addresses = calloc(count + 1, sizeof(*members->addresses));
	members->rows = key_index_new();
	if (!members->addresses || !members->rows)
		error = -ENOMEM;
	for (size_t row = 0; row < count && !error; row++)
		error = read_member(plan, members, row);
	if (!error)
		error = remove_members(plan, members);
	for (size_t row = 0; row < count && !error; row++)
		error = make_member(plan, members, row);
	key_index_free(members->rows);
	free(members->addresses);
	return error ? error : group_touch(plan->call, members->group);
}

static int make_new_group(struct plan *plan, const json_t *input, struct members *members)
{
	const struct model *model = &plan->call->control->model;
	struct key key = key_of_name(input_text(input, "TargetGroupName"));
	int error = group_create(plan->call, input, &members->group);

	if (error == -EINVAL)
		return plan_tell(plan, &members->place);
	/* It is the newest, and they stand in the order they were made. */
	if (!error)
		error = key_set(plan->groups, &key, model->group_count - 1);
	return error ? error : plan_note(plan, "+ target group %s", members->group->name);
}

static int modify_old_group(struct plan *plan, const json_t *input, struct target_group *group)
{
	uint16_t port = (uint16_t)input_integer(input, "Port", 0);
	int error;

	if (group->port == port)
		return 0;
	error = plan_note(plan, "~ target group %s: Port %u -> %u", group->name,
			  (unsigned)group->port, (unsigned)port);
	if (error)
		return error;
	group->port = port;
	group->updated_at = clock_wall_s();
	return store_update_group(plan->call->control->store, group);
}

/* *ret is NULL when there is none of this name; one that several have is refused. */
static int find_group(struct plan *plan, const struct plan_place *place, const char *member,
		      const char *name, struct target_group **ret)
{
	const struct model *model = &plan->call->control->model;
	struct key key = key_of_name(name);
	size_t found = key_find(plan->groups, &key);

	*ret = found < model->group_count ? model->groups[found] : NULL;
	if (*ret || found == KEY_NONE)
		return 0;
	return plan_refuse(plan, place, member, "FailedOperation",
			   "More than one target group is called %.80s: rename one through the API "
			   "first.",
			   name);
}

static int make_group(struct plan *plan, size_t row, const json_t *input)
{
	const char *name = input_text(input, "TargetGroupName");
	struct members members = {
		.list = plan_list(input, "Targets"),
		.place = plan_place_member(&top, "TargetGroups", row),
	};
	int error = find_group(plan, &members.place, "TargetGroupName", name, &members.group);

	if (error)
		return error;
	if (!input_integer(input, "Port", 0) && !json_array_size(members.list))
		return plan_refuse(plan, &members.place, "Port", "MissingParameter",
				   "Port is required, of the group or of each of its Targets.");
	error = members.group ? modify_old_group(plan, input, members.group)
			      : make_new_group(plan, input, &members);
	return error ? error : make_members(plan, &members);
}

/* Names that the model has now, and each group of the file by its own. */
static int index_groups(struct plan *plan, const json_t *list)
{
	const struct model *model = &plan->call->control->model;
	struct key_index *said = key_index_new();
	size_t other, row;
	int error = 0;

	plan->groups = key_index_new();
	if (!plan->groups || !said)
		error = -ENOMEM;
	for (size_t i = 0; i < model->group_count && !error; i++) {
		struct key key = key_of_name(model->groups[i]->name);

		error = key_add(plan->groups, &key, i, &other);
		if (error == -EEXIST)
			error = key_set(plan->groups, &key, KEY_SEVERAL);
	}
	for (row = 0; row < json_array_size(list) && !error; row++) {
		struct key key =
			key_of_name(input_text(json_array_get(list, row), "TargetGroupName"));

		error = key_add(said, &key, row, &other);
	}
	key_index_free(said);
	if (error == -EEXIST) {
		struct plan_place place = plan_place_member(&top, "TargetGroups", row - 1);

		error = refuse_twice(plan, &place, "TargetGroups", other);
	}
	return error;
}

int plan_make_groups(struct plan *plan, const json_t *file)
{
	const json_t *list = plan_list(file, "TargetGroups");
	int error = index_groups(plan, list);

	for (size_t row = 0; !error && row < json_array_size(list); row++)
		error = make_group(plan, row, json_array_get(list, row));
	return error;
}

int plan_join_group(struct plan *plan, const struct plan_rule *rule)
{
	const char *name = input_text(rule->input, "TargetGroup");
	struct plan_place place = plan_place_rule(rule);
	const struct target_owner owner = { rule->parent->parent->instance, rule->parent->listener,
					    rule->rule };
	char what[PLAN_NAME_ROOM];
	struct target_group *group;
	int error;

	if (!name || !*name)
		return 0;
	error = find_group(plan, &place, "TargetGroup", name, &group);
	if (error || (group && owner_group(&owner) == group))
		return error;
	if (!group)
		return plan_refuse(plan, &place, "TargetGroup", "InvalidParameter",
				   "There is no target group %.80s, neither in the "
				   "file's TargetGroups nor made through the API.",
				   name);
	plan_name_rule(rule, what);
	error = group_bind(plan->call, &owner, group);
	if (error == -EINVAL)
		return plan_tell(plan, &place);
	return error ? error : plan_note(plan, "+ target group %s in %s", group->name, what);
}

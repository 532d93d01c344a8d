/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions on servers of a target group (api.md section 11). What changes here changes, in the
 * same transaction, the servers of every rule and listener that stands on the group. Control's one
 * thread.
 */
#include <errno.h>

#include "control/actions_group.h"
#include "control/call_noun.h"
#include "control/group_binding.h"
#include "control/group_input.h"
#include "control/shared_fields.h"

#define VALUE "InvalidParameterValue" /* the family knows none below it */
#define LEAVE_MOST 20

const struct field register_target_group_instances_fields[] = {
	{ "TargetGroupId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_GROUP },
	{ "TargetGroupInstances", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1,
	  .most = GROUP_MEMBERS_MOST, .length_code = VALUE, .fields = new_member_fields,
	  .about = "1 to 50, each address and port once. One that is there already gets the "
		   "weight." },
	{ 0 },
};

const struct field deregister_target_group_instances_fields[] = {
	{ "TargetGroupId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_GROUP },
	{ "TargetGroupInstances", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1, .most = LEAVE_MOST,
	  .length_code = VALUE, .fields = member_fields,
	  .about = "1 to 20, each address and port once." },
	{ 0 },
};

const struct field modify_target_group_instances_port_fields[] = {
	{ "TargetGroupId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_GROUP },
	{ "TargetGroupInstances", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1,
	  .most = GROUP_MEMBERS_MOST, .length_code = VALUE, .fields = moved_member_fields,
	  .about = "1 to 50, each address and port once. On its NewPort each is a new server." },
	{ 0 },
};

const struct field modify_target_group_instances_weight_fields[] = {
	{ "TargetGroupId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_GROUP },
	{ "TargetGroupInstances", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1,
	  .most = GROUP_MEMBERS_MOST, .length_code = VALUE, .fields = member_fields,
	  .about = "1 to 50, each address and port once." },
	{ 0 },
};

/* What a call names: a group, and servers. */
struct work {
	struct target_group *group;
	struct group_members members;
};

static int read_work(struct call *call, struct work *work)
{
	int error = call_group(call, call->input, "TargetGroupId", &work->group);

	return error == 0 ? group_members_read(call, work->group->port, &work->members) : error;
}

/* As read_work, and the group has all of them. */
static int read_known_work(struct call *call, struct work *work)
{
	int error = read_work(call, work);

	for (size_t i = 0; error == 0 && i < work->members.count; i++) {
		char text[ADDRESS_TEXT_SIZE];

		if (target_group_find_member(work->group, &work->members.addresses[i]))
			continue;
		address_format(&work->members.addresses[i], text);
		error = problem_set(&call->problem, "InvalidParameter",
				    field_path("TargetGroupInstances", i, NULL).text,
				    "TargetGroupInstances: %s has no server %s.", work->group->id,
				    text);
	}
	return error;
}

static int register_one(struct call *call, struct work *work, size_t index)
{
	const json_t *input = json_array_get(work->members.list, index);
	const struct address *address = &work->members.addresses[index];
	const struct group_member *member = target_group_find_member(work->group, address);
	int64_t weight = input_integer(input, "Weight", member ? member->weight : WEIGHT_DEFAULT);

	return member ? group_weigh_member(call, work->group, address, (uint16_t)weight)
		      : group_add_member(call, work->group, address, (uint16_t)weight);
}

int register_target_group_instances(struct call *call)
{
	struct work work;
	size_t adding = 0;
	int error = read_work(call, &work);

	if (error != 0)
		return error;
	for (size_t i = 0; i < work.members.count; i++)
		adding += !target_group_find_member(work.group, &work.members.addresses[i]);
	if (adding > 0)
		error = group_check_room(call, work.group, adding);
	for (size_t i = 0; i < work.members.count && error == 0; i++)
		error = register_one(call, &work, i);
	return error == 0 ? group_touch(call, work.group) : error;
}

int deregister_target_group_instances(struct call *call)
{
	struct work work;
	int error = read_known_work(call, &work);

	for (size_t i = 0; error == 0 && i < work.members.count; i++)
		error = group_remove_member(call, work.group, &work.members.addresses[i]);
	return error == 0 ? group_touch(call, work.group) : error;
}

int modify_target_group_instances_weight(struct call *call)
{
	struct work work;
	int error = read_known_work(call, &work);

	for (size_t i = 0; error == 0 && i < work.members.count; i++) {
		int64_t weight = input_integer(json_array_get(work.members.list, i), "Weight",
					       WEIGHT_DEFAULT);

		error = group_weigh_member(call, work.group, &work.members.addresses[i],
					   (uint16_t)weight);
	}
	return error == 0 ? group_touch(call, work.group) : error;
}

static struct address moved_address(const struct work *work, size_t index)
{
	struct address address = work->members.addresses[index];

	address.port =
		(uint16_t)input_integer(json_array_get(work->members.list, index), "NewPort", 0);
	return address;
}

/* The new address must be free, also of the other servers' new ones; a server that has the port
 * already stays what it is. */
static int check_move(struct call *call, const struct work *work, size_t index)
{
	struct address address = moved_address(work, index);
	bool clashes = !address_equal(&address, &work->members.addresses[index]) &&
		       target_group_find_member(work->group, &address) != NULL;
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < index && !clashes; i++) {
		struct address other = moved_address(work, i);

		clashes = address_equal(&other, &address);
	}
	if (!clashes)
		return 0;
	address_format(&address, text);
	return problem_set(&call->problem, "InvalidParameterValue",
			   field_path("TargetGroupInstances", index, "NewPort").text,
			   "NewPort: %s would have the server %s twice.", work->group->id, text);
}

static int move_one(struct call *call, struct work *work, size_t index)
{
	const struct address *from = &work->members.addresses[index];
	struct address to = moved_address(work, index);
	uint16_t weight;
	int error;

	if (address_equal(from, &to))
		return 0;
	weight = target_group_find_member(work->group, from)->weight;
	error = group_remove_member(call, work->group, from);
	return error == 0 ? group_add_member(call, work->group, &to, weight) : error;
}

int modify_target_group_instances_port(struct call *call)
{
	struct work work;
	int error = read_known_work(call, &work);

	for (size_t i = 0; error == 0 && i < work.members.count; i++)
		error = check_move(call, &work, i);
	for (size_t i = 0; error == 0 && i < work.members.count; i++)
		error = move_one(call, &work, i);
	return error == 0 ? group_touch(call, work.group) : error;
}

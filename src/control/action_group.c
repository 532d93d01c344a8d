/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Target groups of version 1 themselves (api.md section 11): they come with their members, change
 * their name and port, and go when nothing stands on them. None of this changes traffic, so nothing
 * is published. Control's one thread.
 */
#include <errno.h>
#include <string.h>

#include "control/actions_group.h"
#include "control/call_noun.h"
#include "control/group_binding.h"
#include "control/group_input.h"
#include "control/shared_fields.h"
#include "control/store_group.h"
#include "model/validate.h"

#define VALUE "InvalidParameterValue" /* the family knows none below it */
#define VPC_MOST 64 /* characters; it is only kept */
#define GROUPS_MOST 20
#define NO_V2 "it belongs to target groups of type v2, which are not built yet."

static const char *const type_words[] = { "v1", "v2", NULL };

static const struct field group_tag_fields[] = {
	{ "TagKey", FIELD_TEXT, FIELD_REQUIRED, .least = 1, .most = 127, .length_code = VALUE },
	{ "TagValue", FIELD_TEXT, FIELD_REQUIRED, .most = 255, .length_code = VALUE },
	{ 0 },
};

#define V2_FIELDS                                                                          \
	{ "HealthCheck", FIELD_OBJECT, FIELD_UNSUPPORTED, .about = NO_V2 },                \
		{ "ScheduleAlgorithm", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_V2 },    \
		{ "Weight", FIELD_INTEGER, FIELD_UNSUPPORTED, .about = NO_V2 },            \
		{ "KeepaliveEnable", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = NO_V2 },   \
		{ "SessionExpireTime", FIELD_INTEGER, FIELD_UNSUPPORTED, .about = NO_V2 }, \
	{                                                                                  \
		"SnatEnable", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = NO_V2             \
	}

const struct field create_target_group_fields[] = {
	{ "TargetGroupName", FIELD_TEXT, .least = 1, .most = LIMIT_NAME, .length_code = VALUE,
	  .about = "Default: the group's id." },
	{ "VpcId", FIELD_TEXT, .most = VPC_MOST, .length_code = VALUE,
	  .about = "Kept and returned." },
	{ "Port", FIELD_INTEGER, .least = 1, .most = 65535,
	  .about = "Of servers that come without one; needed unless each has its own." },
	{ "TargetGroupInstances", FIELD_OBJECT_LIST, .most = GROUP_MEMBERS_MOST,
	  .length_code = VALUE, .fields = new_member_fields,
	  .about = "At most 50, each address and port once." },
	{ "Type", FIELD_TEXT, .words = type_words,
	  .about = "v1 (default); v2 answers UnsupportedOperation until it is built." },
	{ "Protocol", FIELD_TEXT, FIELD_UNSUPPORTED, .about = NO_V2 },
	V2_FIELDS,
	{ "Tags", FIELD_OBJECT_LIST, .most = LIMIT_TAGS, .length_code = VALUE,
	  .fields = group_tag_fields, .about = "At most 20, each key once." },
	{ "FullListenSwitch", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = NO_V2 },
	{ "IpVersion", FIELD_TEXT, FIELD_UNSUPPORTED,
	  .about = "a group takes servers of both versions." },
	{ 0 },
};

const struct field modify_target_group_attribute_fields[] = {
	{ "TargetGroupId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_GROUP },
	{ "TargetGroupName", FIELD_TEXT, .least = 1, .most = LIMIT_NAME, .length_code = VALUE },
	{ "Port", FIELD_INTEGER, .least = 1, .most = 65535,
	  .about = "Of servers that come from now on." },
	V2_FIELDS,
	{ 0 },
};

const struct field delete_target_groups_fields[] = {
	{ "TargetGroupIds", FIELD_TEXT_LIST, FIELD_REQUIRED, .least = 1, .most = GROUPS_MOST,
	  .length_code = VALUE, .about = "1 to 20. All go, or none." },
	{ 0 },
};

static int check_type(struct call *call)
{
	const char *type = input_text(call->input, "Type");

	if (!type || strcmp(type, "v1") == 0)
		return 0;
	return problem_set(&call->problem, "UnsupportedOperation", "Type",
			   "Type: target groups of type v2 are not built yet; v1 is.");
}

static int add_members(struct call *call, const struct group_members *members,
		       struct target_group *group)
{
	int error = group_check_room(call, group, members->count);

	for (size_t i = 0; i < members->count && error == 0; i++) {
		const json_t *input = json_array_get(members->list, i);

		error = group_add_member(call, group, &members->addresses[i],
					 (uint16_t)input_integer(input, "Weight", WEIGHT_DEFAULT));
	}
	return error;
}

int create_target_group(struct call *call)
{
	uint16_t port = (uint16_t)input_integer(call->input, "Port", 0);
	struct group_members members;
	struct target_group *group;
	int error = check_type(call);

	if (error == 0)
		error = group_members_read(call, port, &members);
	if (error == 0 && port == 0 && members.count == 0)
		error = problem_set(&call->problem, "MissingParameter", "Port",
				    "Port is required, of the group or of each of its servers.");
	if (error == 0)
		error = group_create(call, call->input, &group);
	if (error == 0)
		error = add_members(call, &members, group);
	if (error == 0 &&
	    json_object_set_new(call->output, "TargetGroupId", json_string(group->id)) != 0)
		error = -ENOMEM;
	call->is_unchanged = true;
	return error;
}

int modify_target_group_attribute(struct call *call)
{
	const char *name = input_text(call->input, "TargetGroupName");
	int error = name ? validate_name(name, "TargetGroupName", &call->problem) : 0;
	struct target_group *group;

	if (error == 0)
		error = call_group(call, call->input, "TargetGroupId", &group);
	if (error == 0 && name)
		error = text_set(&group->name, name);
	if (error != 0)
		return error;
	group->port = (uint16_t)input_integer(call->input, "Port", group->port);
	group->updated_at = clock_wall_s();
	call->is_unchanged = true;
	return store_update_group(call->control->store, group);
}

static int refuse_in_use(struct call *call, const char *path, const struct group_walk *walk)
{
	return problem_set(&call->problem, "FailedOperation", path,
			   "TargetGroupIds: %s is associated with %s of instance %s; take it off "
			   "there first.",
			   walk->group->id, owner_id(&walk->owner), walk->owner.instance->id);
}

static int delete_group(struct call *call, const char *id, const char *path)
{
	struct model *model = &call->control->model;
	struct target_group *group = model_find_group(model, id);
	struct group_walk walk = group_walk(model, group);
	int error;

	/* One that is named twice is gone by then. */
	if (!group)
		return problem_set(&call->problem, "InvalidParameter", path,
				   "TargetGroupIds: there is no target group %s.", id);
	if (group_next(&walk))
		return refuse_in_use(call, path, &walk);
	error = store_delete_group(call->control->store, group);
	if (error == 0)
		model_remove_group(model, group);
	return error;
}

int delete_target_groups(struct call *call)
{
	const json_t *ids = input_get(call->input, "TargetGroupIds"), *id;
	size_t i;

	json_array_foreach((json_t *)ids, i, id)
	{
		int error = delete_group(call, json_string_value(id),
					 field_path("TargetGroupIds", i, NULL).text);

		if (error != 0)
			return error;
	}
	call->is_unchanged = true;
	return 0;
}

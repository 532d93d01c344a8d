/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what calls say of target groups, and making one. Control's one thread. */
#include "control/group_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/call_noun.h"
#include "control/quota.h"
#include "control/store_group.h"
#include "model/validate.h"

#define ABOUT_BIND "Address of the server, IPv4 or IPv6."

const struct field new_member_fields[] = {
	{ "BindIP", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_BIND },
	{ "Port", FIELD_INTEGER, .least = 1, .most = 65535, .about = "Default: the group's." },
	{ "Weight", FIELD_INTEGER, .most = WEIGHT_MOST,
	  .about = "0 to 100, default 10; 0 gets no new requests." },
	{ "NewPort", FIELD_INTEGER, FIELD_IGNORED,
	  .about = "Goes with ModifyTargetGroupInstancesPort." },
	{ 0 },
};

const struct field member_fields[] = {
	{ "BindIP", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_BIND },
	{ "Port", FIELD_INTEGER, FIELD_REQUIRED, .least = 1, .most = 65535 },
	{ "Weight", FIELD_INTEGER, .most = WEIGHT_MOST,
	  .about = "ModifyTargetGroupInstancesWeight: 0 to 100, default 10." },
	{ "NewPort", FIELD_INTEGER, FIELD_IGNORED,
	  .about = "Goes with ModifyTargetGroupInstancesPort." },
	{ 0 },
};

const struct field moved_member_fields[] = {
	{ "BindIP", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_BIND },
	{ "Port", FIELD_INTEGER, FIELD_REQUIRED, .least = 1, .most = 65535 },
	{ "Weight", FIELD_INTEGER, FIELD_IGNORED, .about = "It stays what it is." },
	{ "NewPort", FIELD_INTEGER, FIELD_REQUIRED, .least = 1, .most = 65535 },
	{ 0 },
};

int call_group(struct call *call, const json_t *input, const char *path, struct target_group **ret)
{
	const char *id = input_text(input, "TargetGroupId");
	struct target_group *group = model_find_group(&call->control->model, id);

	if (!group)
		return problem_set(&call->problem, "InvalidParameter", path,
				   "TargetGroupId: there is no target group %s.", id);
	*ret = group;
	return 0;
}

int group_member_read(struct call *call, const struct server_field *field, const json_t *input,
		      const char *path, uint16_t port, struct address *ret)
{
	struct address address;
	int error = server_read(call, field, input, path, &address);

	if (error != 0)
		return error;
	if (address.port == 0)
		address.port = port;
	if (address.port == 0)
		return problem_set(&call->problem, "MissingParameter",
				   field_below(path, "Port").text,
				   "Port is required, of the server or of its group.");
	*ret = address;
	return 0;
}

int group_members_read(struct call *call, uint16_t port, struct group_members *ret)
{
	const json_t *input;
	size_t i;

	ret->count = 0;
	ret->list = input_get(call->input, "TargetGroupInstances");
	json_array_foreach((json_t *)ret->list, i, input)
	{
		struct field_path path = field_path("TargetGroupInstances", i, NULL);

		if (i >= GROUP_MEMBERS_MOST ||
		    group_member_read(call, &server_by_bind, input, path.text, port,
				      &ret->addresses[i]) != 0)
			return -EINVAL;
		for (size_t j = 0; j < i; j++) {
			if (address_equal(&ret->addresses[j], &ret->addresses[i]))
				return problem_set(&call->problem, "InvalidParameterValue",
						   path.text,
						   "TargetGroupInstances: %s port %u is given "
						   "twice.",
						   input_text(input, "BindIP"),
						   (unsigned)ret->addresses[i].port);
		}
		ret->count = i + 1;
	}
	return 0;
}

static int read_tags(struct call *call, const json_t *list, struct target_group *group)
{
	size_t count = json_array_size(list), i;
	const json_t *row;

	group->tags = calloc(count + 1, sizeof(*group->tags));
	if (!group->tags)
		return -ENOMEM;
	json_array_foreach((json_t *)list, i, row)
	{
		struct tag *tag = &group->tags[i];
		const char *key = input_text(row, "TagKey");

		for (size_t j = 0; j < i; j++) {
			if (strcmp(group->tags[j].key, key) == 0)
				return problem_set(&call->problem, "InvalidParameterValue",
						   field_path("Tags", i, "TagKey").text,
						   "Tags: the key %s is given twice.", key);
		}
		group->tag_count = i + 1;
		if (text_set(&tag->key, key) != 0 ||
		    text_set(&tag->value, input_text(row, "TagValue")) != 0)
			return -ENOMEM;
	}
	return 0;
}

static int read_group(struct call *call, const json_t *input, struct target_group *group)
{
	const char *vpc = input_text(input, "VpcId");

	group->port = (uint16_t)input_integer(input, "Port", 0);
	group->created_at = group->updated_at = clock_wall_s();
	if (vpc && text_set(&group->vpc_id, vpc) != 0)
		return -ENOMEM;
	return read_tags(call, input_get(input, "Tags"), group);
}

static int insert_group(struct call *call, const char *name, struct target_group *group)
{
	int error = -EEXIST;

	for (int i = 0; i < ID_TRIES && error == -EEXIST; i++) {
		error = id_make("lbtg-", group->id);
		if (error == 0)
			error = text_set(&group->name, name ? name : group->id);
		if (error == 0)
			error = store_insert_group(call->control->store, group);
	}
	return error == 0 ? model_add_group(&call->control->model, group) : error;
}

int group_create(struct call *call, const json_t *input, struct target_group **ret)
{
	const char *name = input_text(input, "TargetGroupName");
	int error = name ? validate_name(name, "TargetGroupName", &call->problem) : 0;
	struct target_group *group;

	if (error == 0)
		error = quota_check(QUOTA_OF_GROUPS, call->control->model.group_count, 1,
				    &call->problem);
	if (error != 0)
		return error;
	group = target_group_new();
	error = group ? read_group(call, input, group) : -ENOMEM;
	if (error == 0)
		error = insert_group(call, name, group);
	if (error != 0) {
		target_group_free(group);
		return error;
	}
	*ret = group;
	return 0;
}

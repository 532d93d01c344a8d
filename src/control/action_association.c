/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting rules and layer-4 listeners on target groups, and taking them off (api.md section 11). A
 * group of version 1 is the only one of what stands on it. Control's one thread.
 */
#include <errno.h>

#include "control/actions_group.h"
#include "control/call_noun.h"
#include "control/group_binding.h"
#include "control/group_input.h"
#include "control/shared_fields.h"

#define VALUE "InvalidParameterValue" /* the family knows none below it */
#define ASSOCIATIONS_MOST 20

static const struct field association_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "TargetGroupId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_GROUP },
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED,
	  .about = "The listener; it, or its rule, has TargetType TARGETGROUP." },
	{ "LocationId", FIELD_TEXT, .about = "The rule, needed where the listener is HTTP." },
	{ "Weight", FIELD_INTEGER, FIELD_IGNORED, .most = WEIGHT_MOST,
	  .about = "It belongs to target groups of type v2." },
	{ 0 },
};

#define ASSOCIATION_FIELDS                                                                       \
	{                                                                                        \
		"Associations", FIELD_OBJECT_LIST, FIELD_REQUIRED,                               \
			.least = 1, .most = ASSOCIATIONS_MOST, .length_code = VALUE,             \
			.fields = association_fields, .about = "1 to 20. All are done, or none." \
	}

const struct field associate_target_groups_fields[] = { ASSOCIATION_FIELDS, { 0 } };
const struct field disassociate_target_groups_fields[] = { ASSOCIATION_FIELDS, { 0 } };

static int associate(struct call *call, const struct target_owner *owner,
		     struct target_group *group, const char *path)
{
	const struct target_group *other = owner_group(owner);

	if (owner_target_type(owner) != TARGETS_GROUP)
		return problem_set(&call->problem, "InvalidParameter", path,
				   "Associations: %s has TargetType NODE and servers of its own; "
				   "it must be TARGETGROUP.",
				   owner_id(owner));
	if (other)
		return problem_set(&call->problem, "InvalidParameter", path,
				   "Associations: %s is associated with %s already.",
				   owner_id(owner), other->id);
	return group_bind(call, owner, group);
}

static int disassociate(struct call *call, const struct target_owner *owner,
			struct target_group *group, const char *path)
{
	if (owner_group(owner) != group)
		return problem_set(&call->problem, "InvalidParameter", path,
				   "Associations: %s is not associated with %s.", owner_id(owner),
				   group->id);
	return group_unbind(call, owner);
}

/* Calls `run` for each of Associations. */
static int for_each(struct call *call,
		    int (*run)(struct call *call, const struct target_owner *owner,
			       struct target_group *group, const char *path))
{
	const json_t *list = input_get(call->input, "Associations"), *input;
	size_t i;

	json_array_foreach((json_t *)list, i, input)
	{
		struct field_path path = field_path("Associations", i, NULL);
		struct field_path id = field_path("Associations", i, "TargetGroupId");
		struct target_group *group;
		struct target_owner owner;
		int error = call_target_owner_at(call, NULL, input, path.text, &owner);

		if (error == 0)
			error = call_group(call, input, id.text, &group);
		if (error == 0)
			error = run(call, &owner, group, path.text);
		if (error != 0)
			return error;
	}
	return 0;
}

int associate_target_groups(struct call *call)
{
	return for_each(call, associate);
}

int disassociate_target_groups(struct call *call)
{
	return for_each(call, disassociate);
}

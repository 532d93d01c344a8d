/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules and layer-4 listeners of a file have the servers of a target group. */
#include <errno.h>
#include <string.h>

#include "control/call_noun.h"
#include "control/configuration_group.h"
#include "control/group_binding.h"
#include "control/store.h"

static bool has_group(const json_t *input)
{
	const char *name = input_text(input, "TargetGroup");

	return name && *name;
}

static struct target_owner owner_of(const struct plan_rule *rule)
{
	return (struct target_owner){ rule->parent->parent->instance, rule->parent->listener,
				      rule->rule };
}

/* An HTTP listener itself has neither servers nor a group. */
static bool is_layer_7(const struct plan_rule *rule)
{
	enum protocol protocol = protocol_of(input_text(rule->parent->input, "Protocol"));

	return rule->row == PLAN_NONE && !protocol_is_layer4(protocol);
}

bool plan_wants_group(const json_t *input)
{
	const char *type = input_text(input, "TargetType");

	return has_group(input) || (type && strcmp(type, target_type_name(TARGETS_GROUP)) == 0);
}

int plan_check_group(struct plan *plan, const struct plan_rule *rule)
{
	const char *type = input_text(rule->input, "TargetType");
	struct plan_place place = plan_place_rule(rule);

	if (has_group(rule->input) && is_layer_7(rule))
		return plan_refuse(plan, &place, "TargetGroup",
				   "InvalidParameter.ProtocolCheckFailed",
				   "TargetGroup of an %s listener goes into its Rules.",
				   input_text(rule->parent->input, "Protocol"));
	if (has_group(rule->input) && type && strcmp(type, target_type_name(TARGETS_GROUP)) != 0)
		return plan_refuse(plan, &place, "TargetType", "InvalidParameter",
				   "TargetType must be TARGETGROUP beside TargetGroup.");
	if (plan_wants_group(rule->input) && !is_layer_7(rule) &&
	    json_array_size(plan_list(rule->input, "Targets")) > 0)
		return plan_refuse(plan, &place, "Targets", "InvalidParameter",
				   "Targets of a target group stand in TargetGroups.");
	return 0;
}

int plan_leave_group(struct plan *plan, const struct plan_rule *rule)
{
	const struct target_owner owner = owner_of(rule);
	const struct target_group *group = owner_group(&owner);
	const char *wanted = input_text(rule->input, "TargetGroup");
	char what[PLAN_NAME_ROOM];
	int error;

	if (!group || (wanted && strcmp(wanted, group->name) == 0))
		return 0;
	plan_name_rule(rule, what);
	error = plan_note(plan, "- target group %s in %s", group->name, what);
	return error ? error : group_unbind(plan->call, &owner);
}

bool plan_has_own_targets(const struct plan_rule *rule)
{
	const struct target_owner owner = owner_of(rule);

	return owner_target_type(&owner) == TARGETS_OWN;
}

int plan_set_target_type(struct plan *plan, const struct plan_rule *rule)
{
	enum target_type wanted = plan_wants_group(rule->input) ? TARGETS_GROUP : TARGETS_OWN;
	const struct target_owner owner = owner_of(rule);
	enum target_type now = owner_target_type(&owner);
	struct store *store = plan->call->control->store;
	char what[PLAN_NAME_ROOM];
	int error;

	if (is_layer_7(rule) || now == wanted)
		return 0;
	plan_name_rule(rule, what);
	error = plan_note(plan, "~ %s: TargetType %s -> %s", what, target_type_name(now),
			  target_type_name(wanted));
	if (error)
		return error;
	if (owner.rule) {
		owner.rule->target_type = (uint8_t)wanted;
		error = store_update_rule(store, owner.rule);
	} else {
		owner.listener->target_type = (uint8_t)wanted;
		error = store_update_listener(store, owner.listener);
	}
	return error ? error : call_touch(plan->call, owner.instance);
}

json_t *plan_put_target_type(json_t *input)
{
	bool wants_group = input && has_group(input);

	if (input)
		(void)json_object_del(input, "TargetGroup");
	return wants_group
		       ? plan_put(input, "TargetType", json_string(target_type_name(TARGETS_GROUP)))
		       : input;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Servers of a rule or of a layer-4 listener, alike for whoever binds them. Control's one thread.
 */
#include "control/target_owner.h"

#include "control/call_noun.h"
#include "control/store.h"

static int refuse_location(struct call *call, const char *field, const struct listener *listener)
{
	return problem_set(&call->problem, "InvalidParameter.LocationNotFound", field,
			   "%s: listener %s has protocol %s and no rules; its servers are bound to "
			   "the listener itself.",
			   field, listener->id, protocol_name((enum protocol)listener->protocol));
}

/* An empty text names nothing: tools send such fields although nobody set them. */
static int check_no_location(struct call *call, const struct listener *listener)
{
	static const char *const names[] = { "LocationId", "Url", "Domain" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *text = input_text(call->input, names[i]);

		if (text && *text)
			return refuse_location(call, names[i], listener);
	}
	return 0;
}

int call_target_owner(struct call *call, struct target_owner *ret)
{
	struct target_owner owner = { 0 };
	int error = call_listener(call, &owner.instance, &owner.listener);

	if (error == 0 && listener_is_layer4(owner.listener))
		error = check_no_location(call, owner.listener);
	else if (error == 0)
		error = call_rule(call, owner.listener, &owner.rule);
	if (error == 0)
		*ret = owner;
	return error;
}

struct target *const *owner_targets(const struct target_owner *owner, size_t *ret_count)
{
	*ret_count = owner->rule ? owner->rule->target_count : owner->listener->target_count;
	return owner->rule ? owner->rule->targets : owner->listener->targets;
}

struct target *owner_find_target(const struct target_owner *owner, const struct address *address)
{
	return owner->rule ? rule_find_target(owner->rule, address)
			   : listener_find_target(owner->listener, address);
}

const char *owner_id(const struct target_owner *owner)
{
	return owner->rule ? owner->rule->id : owner->listener->id;
}

int owner_insert_target(struct call *call, const struct target_owner *owner, struct target *target)
{
	const struct listener *listener = owner->rule ? NULL : owner->listener;
	int error = store_insert_target(call->control->store, listener, owner->rule, target);

	if (error != 0)
		return error;
	return owner->rule ? rule_add_target(owner->rule, target)
			   : listener_add_target(owner->listener, target);
}

int owner_delete_target(struct call *call, const struct target_owner *owner, struct target *target)
{
	int error = store_delete_target(call->control->store, target);

	if (error != 0)
		return error;
	if (owner->rule)
		rule_remove_target(owner->rule, target);
	else
		listener_remove_target(owner->listener, target);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Servers of a rule or of a layer-4 listener, alike for whoever binds them. Control's one thread.
 */
#include "control/target_owner.h"

#include <errno.h>

#include "control/call_noun.h"
#include "control/host_address.h"
#include "control/store.h"

const struct server_field server_by_eni = { "EniIp", "InvalidParameter.FormatError" };
/* Its family of actions has no code below InvalidParameter (api.md section 11). */
const struct server_field server_by_bind = { "BindIP", "InvalidParameter" };

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

static int find_rule(struct call *call, struct target_owner *owner)
{
	return listener_is_layer4(owner->listener) ? check_no_location(call, owner->listener)
						   : call_rule(call, owner->listener, &owner->rule);
}

int call_target_owner(struct call *call, struct target_owner *ret)
{
	struct target_owner owner = { 0 };
	int error = call_listener(call, &owner.instance, &owner.listener);

	if (error == 0)
		error = find_rule(call, &owner);
	if (error == 0)
		*ret = owner;
	return error;
}

/* call_listener where the instance is known. */
static int find_listener(struct call *call, struct target_owner *owner)
{
	const char *id = input_text(call->input, "ListenerId");

	if (!owner->instance)
		return call_listener(call, &owner->instance, &owner->listener);
	owner->listener = instance_find_listener(owner->instance, id);
	if (owner->listener)
		return 0;
	return problem_set(&call->problem, "InvalidParameter.ListenerIdNotFound", "ListenerId",
			   "ListenerId: instance %s has no listener %s.", owner->instance->id, id);
}

int call_target_owner_at(struct call *call, struct instance *instance, const json_t *input,
			 const char *path, struct target_owner *ret)
{
	struct target_owner owner = { .instance = instance };
	struct call element = *call;
	int error;

	element.input = input;
	element.problem = (struct problem){ 0 };
	error = find_listener(&element, &owner);
	if (error == 0)
		error = find_rule(&element, &owner);
	if (error == 0)
		*ret = owner;
	if (error == -EINVAL)
		problem_set(&call->problem, element.problem.code,
			    field_below(path, element.problem.field).text, "%s",
			    element.problem.text);
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

enum target_type owner_target_type(const struct target_owner *owner)
{
	return (enum target_type)(owner->rule ? owner->rule->target_type
					      : owner->listener->target_type);
}

struct target_group *owner_group(const struct target_owner *owner)
{
	return owner->rule ? owner->rule->group : owner->listener->group;
}

int owner_check_own(struct call *call, const struct target_owner *owner, const char *field)
{
	const struct target_group *group = owner_group(owner);

	if (owner_target_type(owner) == TARGETS_OWN)
		return 0;
	return problem_set(&call->problem, "InvalidParameter", field,
			   "%s: %s has TargetType TARGETGROUP; its servers are those of %s%s.",
			   problem_field_name(field), owner_id(owner),
			   group ? "target group " : "the target group that is associated with it",
			   group ? group->id : "");
}

int owner_check_type(struct call *call, const struct target_owner *owner, enum target_type type)
{
	const struct target_group *group = owner_group(owner);
	size_t count;

	(void)owner_targets(owner, &count);
	if (type == owner_target_type(owner) || (count == 0 && !group))
		return 0;
	if (group)
		return problem_set(
			&call->problem, "InvalidParameter", "TargetType",
			"TargetType: %s is associated with target group %s; disassociate "
			"it first.",
			owner_id(owner), group->id);
	return problem_set(&call->problem, "InvalidParameter", "TargetType",
			   "TargetType: %s has servers of its own; deregister them first.",
			   owner_id(owner));
}

int target_type_read(struct call *call, const json_t *input, const char *prefix, uint8_t *type)
{
	const char *word = input_text(input, "TargetType");
	enum target_type read = word ? target_type_of(word) : (enum target_type) * type;

	if (read == 0)
		return problem_set(&call->problem, "UnsupportedOperation",
				   field_below(prefix, "TargetType").text,
				   "TargetType: %s is not built yet; NODE and TARGETGROUP are.",
				   word);
	*type = (uint8_t)read;
	return 0;
}

struct target *target_make(const struct address *address, uint16_t weight, const char *tag)
{
	struct target *target = target_new();

	if (!target)
		return NULL;
	target->address = *address;
	target->weight = weight;
	target->created_at = clock_wall_s();
	return text_set(&target->tag, tag) == 0 ? target : target_free(target);
}

int owner_insert_targets(struct call *call, const struct target_owner *owner,
			 struct target **targets, size_t count)
{
	const struct listener *listener = owner->rule ? NULL : owner->listener;
	int error =
		store_insert_targets(call->control->store, listener, owner->rule, targets, count);

	for (size_t i = 0; i < count && error == 0; i++) {
		error = owner->rule ? rule_add_target(owner->rule, targets[i])
				    : listener_add_target(owner->listener, targets[i]);
		if (error == 0)
			targets[i] = NULL;
	}
	return error;
}

int owner_add_target(struct call *call, const struct target_owner *owner,
		     const struct address *address, uint16_t weight, const char *tag)
{
	struct target *target = target_make(address, weight, tag);
	int error = target ? owner_insert_targets(call, owner, &target, 1) : -ENOMEM;

	target_free(target);
	return error;
}

int owner_update_target(struct call *call, struct target *target, const json_t *input)
{
	const char *tag = input_text(input, "Tag");
	int error = tag ? text_set(&target->tag, tag) : 0;

	target->weight = (uint16_t)input_integer(input, "Weight", target->weight);
	return error == 0 ? store_update_target(call->control->store, target) : error;
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

int server_read(struct call *call, const struct server_field *field, const json_t *input,
		const char *path, struct address *ret)
{
	const char *name = field->name, *text = input_text(input, name);
	struct field_path where = field_below(path, name);
	struct address address;

	if (!text || !*text)
		return problem_set(&call->problem, "MissingParameter", where.text,
				   "%s, the address of the server, is required.", name);
	if (address_parse_ip(bytes_of(text), &address) != 0)
		return problem_set(&call->problem, field->code, where.text,
				   "%s must be an IPv4 or IPv6 address.", name);
	if (!address_is_unicast(&address) || address_is_link_local(&address))
		return problem_set(&call->problem, "InvalidParameterValue", where.text,
				   "%s must be the address of one server: not 0.0.0.0, ::, a "
				   "multicast, reserved or link-local address.",
				   name);
	address.port = (uint16_t)input_integer(input, "Port", 0);
	*ret = address;
	return 0;
}

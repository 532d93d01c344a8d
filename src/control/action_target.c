/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions on servers behind a rule (api.md section 9). A server's identity is its registration
 * (SP-43): a new address or port is a new one with a new number; weight and tag change in place.
 * Control's one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/actions.h"
#include "control/answer.h"
#include "control/call_noun.h"
#include "control/host_address.h"
#include "control/quota.h"
#include "control/shared_fields.h"
#include "control/store.h"

#define TARGETS_MOST 20

static const struct field target_fields[] = {
	{ "Port", FIELD_INTEGER, FIELD_REQUIRED, .least = 1, .most = 65535 },
	{ "Type", FIELD_TEXT, FIELD_IGNORED, .about = "Servers are told apart by their address." },
	{ "InstanceId", FIELD_TEXT, FIELD_UNSUPPORTED, .about = "name the server by EniIp." },
	{ "Weight", FIELD_INTEGER, .most = WEIGHT_MOST,
	  .about = "0 to 100, default 10; 0 gets no new requests." },
	{ "EniIp", FIELD_TEXT, .about = "Address of the server, IPv4 or IPv6; required." },
	{ "Tag", FIELD_TEXT, .most = LIMIT_TAG, .about = "Free text, returned." },
	{ 0 },
};

#define RULE_FIELDS                                                                    \
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },     \
		{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER }, \
		{ "Targets",                                                           \
		  FIELD_OBJECT_LIST,                                                   \
		  FIELD_REQUIRED,                                                      \
		  .least = 1,                                                          \
		  .most = TARGETS_MOST,                                                \
		  .fields = target_fields,                                             \
		  .about = "1 to 20, each address and port once." },                   \
		{ "LocationId", FIELD_TEXT, .about = ABOUT_LOCATION },                 \
		{ "Domain", FIELD_TEXT, .about = ABOUT_DOMAIN },                       \
	{                                                                              \
		"Url", FIELD_TEXT, .about = "The rule's URL, in place of LocationId."  \
	}

const struct field register_targets_fields[] = { RULE_FIELDS, { 0 } };
const struct field deregister_targets_fields[] = { RULE_FIELDS, { 0 } };
const struct field modify_target_weight_fields[] = {
	RULE_FIELDS,
	{ "Weight", FIELD_INTEGER, .most = WEIGHT_MOST,
	  .about = "For Targets without one of their own. Default 10." },
	{ 0 },
};
const struct field modify_target_port_fields[] = {
	RULE_FIELDS,
	{ "NewPort", FIELD_INTEGER, FIELD_REQUIRED, .least = 1, .most = 65535 },
	{ 0 },
};

/* What a call names: the rule, and the addresses of Targets in their order. */
struct work {
	struct instance *instance;
	struct listener *listener;
	struct rule *rule;
	const json_t *targets;
	struct address addresses[TARGETS_MOST];
	struct target *bound[TARGETS_MOST]; /* those with these addresses, once looked up */
	size_t count;
};

static int read_address(struct call *call, const json_t *input, size_t index, struct address *ret)
{
	const char *text = input_text(input, "EniIp");
	struct field_path path = field_path("Targets", index, "EniIp");
	struct address address;

	if (!text || !*text)
		return problem_set(&call->problem, "MissingParameter", path.text,
				   "EniIp, the address of the server, is required.");
	if (address_parse_ip(bytes_of(text), &address) != 0)
		return problem_set(&call->problem, "InvalidParameter.FormatError", path.text,
				   "EniIp must be an IPv4 or IPv6 address.");
	if (!address_is_unicast(&address) || address_is_link_local(&address))
		return problem_set(&call->problem, "InvalidParameterValue", path.text,
				   "EniIp must be the address of one server: not 0.0.0.0, ::, a "
				   "multicast, reserved or link-local address.");
	address.port = (uint16_t)input_integer(input, "Port", 0);
	*ret = address;
	return 0;
}

static int read_targets(struct call *call, struct work *work)
{
	const json_t *input;
	size_t i;

	work->targets = input_get(call->input, "Targets");
	json_array_foreach((json_t *)work->targets, i, input)
	{
		struct address *address = &work->addresses[i];

		if (i >= TARGETS_MOST || read_address(call, input, i, address) != 0)
			return -EINVAL;
		for (size_t j = 0; j < i; j++) {
			if (address_equal(&work->addresses[j], address))
				return problem_set(
					&call->problem, "InvalidParameterValue.Duplicate",
					field_path("Targets", i, NULL).text,
					"Targets: %s port %u is given twice.",
					input_text(input, "EniIp"), (unsigned)address->port);
		}
		work->count = i + 1;
	}
	return 0;
}

static int read_work(struct call *call, struct work *work)
{
	int error = read_targets(call, work);

	return error == 0 ? call_rule(call, &work->instance, &work->listener, &work->rule) : error;
}

/*
 * As read_work, and every one of Targets is bound. Exactly this code when one is not: a known
 * client reads it as gone.
 */
static int read_bound_work(struct call *call, struct work *work)
{
	int error = read_work(call, work);

	for (size_t i = 0; i < work->count && error == 0; i++) {
		char text[ADDRESS_TEXT_SIZE];

		work->bound[i] = rule_find_target(work->rule, &work->addresses[i]);
		if (work->bound[i])
			continue;
		address_format(&work->addresses[i], text);
		error = problem_set(&call->problem, "InvalidParameter",
				    field_path("Targets", i, NULL).text,
				    "Targets: rule %s has no server %s.", work->rule->id, text);
	}
	return error;
}

/* Registers a server that is not bound; its number is new. */
static int add_target(struct call *call, struct rule *rule, const struct address *address,
		      uint16_t weight, const char *tag)
{
	struct target *target = target_new();
	int error;

	if (!target)
		return -ENOMEM;
	target->address = *address;
	target->weight = weight;
	target->created_at = clock_wall_s();
	error = text_set(&target->tag, tag);
	if (error == 0)
		error = store_insert_target(call->control->store, NULL, rule, target);
	if (error == 0)
		error = rule_add_target(rule, target);
	if (error != 0)
		target_free(target);
	return error;
}

/* What is not given stays. */
static int update_target(struct call *call, struct target *target, const json_t *input)
{
	const char *tag = input_text(input, "Tag");
	int error = tag ? text_set(&target->tag, tag) : 0;

	target->weight = (uint16_t)input_integer(input, "Weight", target->weight);
	return error == 0 ? store_update_target(call->control->store, target) : error;
}

static int register_one(struct call *call, struct work *work, size_t index)
{
	const json_t *input = json_array_get(work->targets, index);
	const char *tag = input_text(input, "Tag");
	struct target *target = rule_find_target(work->rule, &work->addresses[index]);

	if (target)
		return update_target(call, target, input);
	return add_target(call, work->rule, &work->addresses[index],
			  (uint16_t)input_integer(input, "Weight", WEIGHT_DEFAULT), tag ? tag : "");
}

int register_targets(struct call *call)
{
	struct work work = { 0 };
	size_t adding = 0;
	int error = read_work(call, &work);

	if (error != 0)
		return error;
	for (size_t i = 0; i < work.count; i++)
		adding += rule_find_target(work.rule, &work.addresses[i]) == NULL;
	if (adding > 0)
		error = quota_check(QUOTA_OF_TARGETS, work.rule->target_count, adding,
				    &call->problem);
	for (size_t i = 0; i < work.count && error == 0; i++)
		error = register_one(call, &work, i);
	return error == 0 ? call_touch(call, work.instance) : error;
}

int deregister_targets(struct call *call)
{
	struct work work = { 0 };
	int error = read_bound_work(call, &work);

	for (size_t i = 0; i < work.count && error == 0; i++) {
		error = store_delete_target(call->control->store, work.bound[i]);
		if (error == 0)
			rule_remove_target(work.rule, work.bound[i]);
	}
	return error == 0 ? call_touch(call, work.instance) : error;
}

int modify_target_weight(struct call *call)
{
	int64_t otherwise = input_integer(call->input, "Weight", WEIGHT_DEFAULT);
	struct work work = { 0 };
	int error = read_bound_work(call, &work);

	for (size_t i = 0; i < work.count && error == 0; i++) {
		work.bound[i]->weight = (uint16_t)input_integer(json_array_get(work.targets, i),
								"Weight", otherwise);
		error = store_update_target(call->control->store, work.bound[i]);
	}
	return error == 0 ? call_touch(call, work.instance) : error;
}

/* The address with the new port must be free, also of the other Targets' new ones. */
static int check_new_port(struct call *call, const struct work *work, size_t index, uint16_t port)
{
	struct address address = work->addresses[index];
	bool clashes;

	address.port = port;
	clashes = rule_find_target(work->rule, &address) != NULL;
	for (size_t i = 0; i < index; i++) {
		struct address other = work->addresses[i];

		other.port = port;
		clashes = clashes || address_equal(&other, &address);
	}
	if (!clashes)
		return 0;
	return problem_set(&call->problem, "InvalidParameterValue.Duplicate",
			   field_path("Targets", index, NULL).text,
			   "NewPort: rule %s would have this server twice on port %u.",
			   work->rule->id, (unsigned)port);
}

static int move_target(struct call *call, struct rule *rule, struct target *target, uint16_t port)
{
	struct address address = target->address;
	uint16_t weight = target->weight;
	char *tag = strdup(target->tag);
	int error = tag ? store_delete_target(call->control->store, target) : -ENOMEM;

	if (error == 0) {
		rule_remove_target(rule, target);
		address.port = port;
		error = add_target(call, rule, &address, weight, tag);
	}
	free(tag);
	return error;
}

int modify_target_port(struct call *call)
{
	uint16_t port = (uint16_t)input_integer(call->input, "NewPort", 0);
	struct work work = { 0 };
	int error = read_bound_work(call, &work);

	/* A server that has the port already stays what it is. */
	for (size_t i = 0; i < work.count && error == 0; i++) {
		if (work.addresses[i].port != port)
			error = check_new_port(call, &work, i, port);
	}
	for (size_t i = 0; i < work.count && error == 0; i++) {
		if (work.addresses[i].port != port)
			error = move_target(call, work.rule, work.bound[i], port);
	}
	return error == 0 ? call_touch(call, work.instance) : error;
}

const struct field describe_targets_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerIds", FIELD_TEXT_LIST, .most = 20, .about = "Unknown ones are left out." },
	{ "Protocol", FIELD_TEXT, .words = protocol_words },
	{ "Port", FIELD_INTEGER, .least = 1, .most = 65535 },
	{ "Filters", FIELD_OBJECT_LIST, .most = FILTERS_MOST, .fields = filter_fields,
	  .about = "location-id, private-ip-address, tag. What holds no match is left out." },
	{ 0 },
};

static const char *const filter_names[] = { "location-id", "private-ip-address", "tag", NULL };

static bool target_passes(const struct target *target, const json_t *input)
{
	char ip[ADDRESS_IP_TEXT_SIZE];

	address_format_ip(&target->address, ip);
	return filter_passes(filter_values(input, "private-ip-address"), ip) &&
	       filter_passes(filter_values(input, "tag"), target->tag);
}

/* Appends the rule to `rules`, unless filters leave nothing of it. */
static int append_rule(json_t *rules, const struct rule *rule, const json_t *input)
{
	bool needs_match =
		filter_values(input, "private-ip-address") || filter_values(input, "tag");
	json_t *targets = json_array();
	json_t *object;

	for (size_t i = 0; i < rule->target_count; i++) {
		if (target_passes(rule->targets[i], input) &&
		    json_array_append_new(targets, answer_backend(rule->targets[i])) != 0) {
			json_decref(targets);
			return -ENOMEM;
		}
	}
	if (needs_match && json_array_size(targets) == 0) {
		json_decref(targets);
		return 0;
	}
	object = json_pack("{s:s, s:s, s:s, s:o, s:[]}", "LocationId", rule->id, "Domain",
			   rule->domain, "Url", rule->url, "Targets", targets, "FunctionTargets");
	return json_array_append_new(rules, object) == 0 ? 0 : -ENOMEM;
}

static int append_listener(json_t *listeners, const struct listener *listener, const json_t *input)
{
	json_t *rules = json_array();
	json_t *object;

	for (size_t i = 0; i < listener->rule_count; i++) {
		const struct rule *rule = listener->rules[i];

		if (filter_passes(filter_values(input, "location-id"), rule->id) &&
		    append_rule(rules, rule, input) != 0) {
			json_decref(rules);
			return -ENOMEM;
		}
	}
	if (json_array_size(input_get(input, "Filters")) > 0 && json_array_size(rules) == 0) {
		json_decref(rules);
		return 0;
	}
	/* Targets are those of layer 4. */
	object = json_pack("{s:s, s:s, s:i, s:i, s:n, s:o}", "ListenerId", listener->id, "Protocol",
			   protocol_name((enum protocol)listener->protocol), "Port", listener->port,
			   "EndPort", 0, "Targets", "Rules", rules);
	return json_array_append_new(listeners, object) == 0 ? 0 : -ENOMEM;
}

int describe_targets(struct call *call)
{
	enum protocol protocol = protocol_of(input_text(call->input, "Protocol"));
	json_t *listeners = json_array();
	struct instance *instance;
	int error = 0;

	if (json_object_set_new(call->output, "Listeners", listeners) != 0)
		return -ENOMEM;
	if (call_instance(call, &instance) != 0 ||
	    filters_check(call->input, filter_names, &call->problem) != 0)
		return -EINVAL;
	for (size_t i = 0; i < instance->listener_count && error == 0; i++) {
		const struct listener *listener = instance->listeners[i];

		if (list_passes(call->input, "ListenerIds", listener->id) &&
		    (protocol == 0 || protocol == listener->protocol) &&
		    input_integer(call->input, "Port", listener->port) == listener->port)
			error = append_listener(listeners, listener, call->input);
	}
	return error;
}

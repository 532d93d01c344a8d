/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeTargets: the servers of rules and of layer-4 listeners. Reads the model. Control's one
 * thread.
 */
#include <errno.h>

#include "control/actions.h"
#include "control/answer.h"
#include "control/call_noun.h"
#include "control/shared_fields.h"
#include "control/target_owner.h"

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

/* The servers that filters leave; NULL when memory is out. */
static json_t *answer_targets(const struct target_owner *owner, const json_t *input)
{
	json_t *list = json_array();
	size_t count;
	struct target *const *targets = owner_targets(owner, &count);

	for (size_t i = 0; i < count && list; i++) {
		if (target_passes(targets[i], input) &&
		    json_array_append_new(list, answer_backend(targets[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

/* Whether filters ask for servers, so that what has none of them is left out. */
static bool needs_match(const json_t *input)
{
	return filter_values(input, "private-ip-address") || filter_values(input, "tag");
}

/* Appends the rule to `rules`, unless filters leave nothing of it. */
static int append_rule(json_t *rules, const struct target_owner *owner, const json_t *input)
{
	const struct rule *rule = owner->rule;
	json_t *targets = answer_targets(owner, input);
	json_t *object;

	if (!targets)
		return -ENOMEM;
	if (needs_match(input) && json_array_size(targets) == 0) {
		json_decref(targets);
		return 0;
	}
	object = json_pack("{s:s, s:s, s:s, s:o, s:[]}", "LocationId", rule->id, "Domain",
			   rule->domain, "Url", rule->url, "Targets", targets, "FunctionTargets");
	return json_array_append_new(rules, object) == 0 ? 0 : -ENOMEM;
}

static int append_rules(json_t *rules, const struct target_owner *listener, const json_t *input)
{
	struct target_owner owner = *listener;
	int error = rules ? 0 : -ENOMEM;

	for (size_t i = 0; i < owner.listener->rule_count && error == 0; i++) {
		owner.rule = owner.listener->rules[i];
		if (filter_passes(filter_values(input, "location-id"), owner.rule->id))
			error = append_rule(rules, &owner, input);
	}
	return error;
}

/* Takes the lists over: Targets of layer 4 or Rules of layer 7, the other one NULL. */
static json_t *answer_with(const struct listener *listener, json_t *targets, json_t *rules)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:o?, s:o?}", "ListenerId", listener->id, "Protocol",
			 protocol_name((enum protocol)listener->protocol), "Port", listener->port,
			 "EndPort", 0, "Targets", targets, "Rules", rules);
}

static int append_layer4(json_t *listeners, const struct target_owner *owner, const json_t *input)
{
	json_t *targets;

	if (filter_values(input, "location-id"))
		return 0;
	targets = answer_targets(owner, input);
	if (!targets)
		return -ENOMEM;
	if (needs_match(input) && json_array_size(targets) == 0) {
		json_decref(targets);
		return 0;
	}
	return json_array_append_new(listeners, answer_with(owner->listener, targets, NULL)) == 0
		       ? 0
		       : -ENOMEM;
}

static int append_layer7(json_t *listeners, const struct target_owner *owner, const json_t *input)
{
	json_t *rules = json_array();
	int error = append_rules(rules, owner, input);

	if (error != 0 ||
	    (json_array_size(input_get(input, "Filters")) > 0 && json_array_size(rules) == 0)) {
		json_decref(rules);
		return error;
	}
	return json_array_append_new(listeners, answer_with(owner->listener, NULL, rules)) == 0
		       ? 0
		       : -ENOMEM;
}

int describe_targets(struct call *call)
{
	enum protocol protocol = protocol_of(input_text(call->input, "Protocol"));
	json_t *listeners = json_array();
	struct target_owner owner = { 0 };
	int error = 0;

	if (json_object_set_new(call->output, "Listeners", listeners) != 0)
		return -ENOMEM;
	if (call_instance(call, &owner.instance) != 0 ||
	    filters_check(call->input, filter_names, &call->problem) != 0)
		return -EINVAL;
	for (size_t i = 0; i < owner.instance->listener_count && error == 0; i++) {
		struct listener *listener = owner.instance->listeners[i];

		if (!list_passes(call->input, "ListenerIds", listener->id) ||
		    (protocol != 0 && protocol != listener->protocol) ||
		    input_integer(call->input, "Port", listener->port) != listener->port)
			continue;
		owner.listener = listener;
		error = listener_is_layer4(listener)
				? append_layer4(listeners, &owner, call->input)
				: append_layer7(listeners, &owner, call->input);
	}
	return error;
}

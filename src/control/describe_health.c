/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeTargetHealth: what the checker knows of servers, read from the shared region while it is
 * written. Control's one thread.
 */
#include <errno.h>

#include "control/actions.h"
#include "control/answer.h"
#include "control/call_noun.h"
#include "control/shared_fields.h"
#include "control/target_health.h"
#include "control/target_owner.h"

#define ABOUT_HEALTH                                                                             \
	"HealthStatusDetail is Unknown until the first checks passed or failed (HealthStatus "   \
	"false), then Alive (true) or Dead (false); Close (true) where HealthSwitch is 0. When " \
	"all servers of a rule or listener are Dead, all get traffic."

const struct field describe_target_health_fields[] = {
	{ "LoadBalancerIds", FIELD_TEXT_LIST, FIELD_REQUIRED, .least = 1, .most = 30,
	  .about = ABOUT_HEALTH },
	{ "ListenerIds", FIELD_TEXT_LIST, .most = 1000, .about = "Unknown ones are left out." },
	{ "LocationIds", FIELD_TEXT_LIST, .most = 1000,
	  .about = "Unknown ones are left out, and so are listeners without rules." },
	{ 0 },
};

static json_t *answer_health(const struct target *target, const struct target_group *group,
			     enum health_state state)
{
	bool is_up = state == HEALTH_ALIVE || state == HEALTH_CLOSE;
	const char *detail = health_state_name(state);
	char ip[ADDRESS_IP_TEXT_SIZE];

	address_format_ip(&target->address, ip);
	/* Sent under its old misspelling too (api.md section 9). */
	return json_pack("{s:s, s:i, s:b, s:s, s:s, s:s, s:s, s:i}", "IP", ip, "Port",
			 target->address.port, "HealthStatus", is_up, "HealthStatusDetail", detail,
			 "HealthStatusDetial", detail, "TargetId", ip, "TargetGroupId",
			 group ? group->id : "", "Weight", target->weight);
}

/* One of Rules: a rule, or a layer-4 listener, which has neither id nor domain nor URL there. */
static int append_health(json_t *rules, const struct target_owner *owner,
			 const struct regions *regions)
{
	const struct rule *rule = owner->rule;
	json_t *list = json_array();
	size_t count;
	struct target *const *targets = owner_targets(owner, &count);

	for (size_t i = 0; i < count; i++) {
		enum health_state state = target_health(regions, owner, targets[i]);

		if (json_array_append_new(
			    list, answer_health(targets[i], owner_group(owner), state)) != 0) {
			json_decref(list);
			return -ENOMEM;
		}
	}
	return json_array_append_new(rules, json_pack("{s:s?, s:s?, s:s?, s:o}", "LocationId",
						      rule ? rule->id : NULL, "Domain",
						      rule ? rule->domain : NULL, "Url",
						      rule ? rule->url : NULL, "Targets", list)) ==
			       0
		       ? 0
		       : -ENOMEM;
}

static int append_health_rules(json_t *rules, const struct target_owner *listener,
			       const struct call *call)
{
	const struct regions *regions = call->control->regions;
	const json_t *input = call->input;
	struct target_owner owner = *listener;
	int error = 0;

	if (listener_is_layer4(owner.listener))
		return json_array_size(input_get(input, "LocationIds")) == 0
			       ? append_health(rules, &owner, regions)
			       : 0;
	for (size_t i = 0; i < owner.listener->rule_count && error == 0; i++) {
		owner.rule = owner.listener->rules[i];
		if (list_passes(input, "LocationIds", owner.rule->id))
			error = append_health(rules, &owner, regions);
	}
	return error;
}

static int append_health_listener(json_t *listeners, const struct target_owner *owner,
				  const struct call *call)
{
	const struct listener *listener = owner->listener;
	json_t *rules = json_array();
	int error = rules ? append_health_rules(rules, owner, call) : -ENOMEM;

	if (error != 0 || (json_array_size(input_get(call->input, "LocationIds")) > 0 &&
			   json_array_size(rules) == 0)) {
		json_decref(rules);
		return error;
	}
	return json_array_append_new(
		       listeners, json_pack("{s:s, s:s, s:s, s:i, s:o}", "ListenerId", listener->id,
					    "ListenerName", listener->name, "Protocol",
					    protocol_name((enum protocol)listener->protocol),
					    "Port", listener->port, "Rules", rules)) == 0
		       ? 0
		       : -ENOMEM;
}

static int append_health_instance(json_t *instances, struct instance *instance,
				  const struct call *call)
{
	struct target_owner owner = { .instance = instance };
	json_t *listeners = json_array();
	int error = listeners ? 0 : -ENOMEM;

	for (size_t i = 0; i < instance->listener_count && error == 0; i++) {
		owner.listener = instance->listeners[i];
		if (list_passes(call->input, "ListenerIds", owner.listener->id))
			error = append_health_listener(listeners, &owner, call);
	}
	if (error != 0) {
		json_decref(listeners);
		return error;
	}
	return json_array_append_new(instances,
				     json_pack("{s:s, s:s, s:o}", "LoadBalancerId", instance->id,
					       "LoadBalancerName", instance->name, "Listeners",
					       listeners)) == 0
		       ? 0
		       : -ENOMEM;
}

int describe_target_health(struct call *call)
{
	const json_t *ids = input_get(call->input, "LoadBalancerIds"), *id;
	json_t *instances = json_array();
	int error = 0;
	size_t i;

	if (json_object_set_new(call->output, "LoadBalancers", instances) != 0)
		return -ENOMEM;
	json_array_foreach((json_t *)ids, i, id)
	{
		const char *text = json_string_value(id);
		struct instance *instance = model_find_instance(&call->control->model, text);

		if (!instance)
			return problem_set(&call->problem, "InvalidParameter.LBIdNotFound",
					   field_path("LoadBalancerIds", i, NULL).text,
					   "LoadBalancerIds: there is no instance %s.", text);
		error = append_health_instance(instances, instance, call);
		if (error != 0)
			return error;
	}
	return error;
}

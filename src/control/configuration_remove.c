/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first half of applying a file: what it says twice is refused, and what its instances have and
 * it does not name is deleted. Actions change the model's lists, so what goes is listed before the
 * first of them runs.
 */
#include "control/configuration_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "control/configuration_group.h"
#include "control/configuration_key.h"
#include "control/configuration_rules.h"

/* A list of the file whose members must differ. */
struct kind {
	const char *member;
	const char *noun;
	struct key (*key)(const json_t *input);
	const char *code;
};

static struct key key_of_instance_input(const json_t *input)
{
	return key_of_name(input_text(input, "LoadBalancerName"));
}

static const struct kind instances = { "LoadBalancers", "instance", key_of_instance_input,
				       "InvalidParameterValue.Duplicate" };
static const struct kind listeners = { "Listeners", "port", key_of_listener_input,
				       "InvalidParameter.PortCheckFailed" };
static const struct kind targets = { "Targets", "address and port", key_of_target_input,
				     "InvalidParameterValue.Duplicate" };

/* The keys of one list of the file; `owner` is where the list's object stands. The caller ends
 * *ret_index. */
static int index_list(struct plan *plan, const struct plan_place *owner, const struct kind *kind,
		      const json_t *input, struct key_index **ret_index)
{
	const json_t *list = plan_list(input, kind->member);
	struct key_index *index = key_index_new();
	size_t row, other;
	int error = index ? 0 : -ENOMEM;

	for (row = 0; !error && row < json_array_size(list); row++) {
		struct key key = kind->key(json_array_get(list, row));

		error = key_add(index, &key, row, &other);
		if (error == -EEXIST) {
			struct plan_place place = plan_place_member(owner, kind->member, row);

			error = plan_refuse(plan, &place, "", kind->code,
					    "%s has the same %s as %s[%zu].", place.path,
					    kind->noun, kind->member, other);
		}
	}
	if (error)
		key_index_free(index);
	else
		*ret_index = index;
	return error;
}

/* Takes what one call can hold off the end of `list`. */
static json_t *take_batch(json_t *list)
{
	json_t *batch = json_array();

	for (size_t i = 0; batch && i < PLAN_BATCH && json_array_size(list); i++) {
		size_t last = json_array_size(list) - 1;

		if (json_array_append(batch, json_array_get(list, last)) ||
		    json_array_remove(list, last)) {
			json_decref(batch);
			return NULL;
		}
	}
	return batch;
}

/* Calls `action` for all of `list` (stolen), under `member`, in batches. */
static int run_batches(struct plan *plan, const struct plan_rule *rule, const char *action,
		       const char *member, json_t *list)
{
	struct plan_place place = plan_place_rule(rule);
	int error = list ? 0 : -ENOMEM;

	while (!error && json_array_size(list)) {
		json_t *input = plan_ids(rule);

		if (!input || json_object_set_new(input, member, take_batch(list))) {
			json_decref(input);
			input = NULL;
		}
		error = plan_run(plan, &place, action, input, NULL);
	}
	json_decref(list);
	return error;
}

static int list_target(struct plan *plan, const char *owner, const struct target *target,
		       json_t *list)
{
	char ip[ADDRESS_IP_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];

	address_format_ip(&target->address, ip);
	address_format(&target->address, address);
	if (!list || json_array_append_new(list, json_pack("{s:s s:i}", "EniIp", ip, "Port",
							   target->address.port)))
		return -ENOMEM;
	return plan_note(plan, "- target %s in %s", address, owner);
}

static int remove_targets(struct plan *plan, const struct plan_rule *rule,
			  const struct key_index *index)
{
	struct target **has = rule->rule ? rule->rule->targets : rule->parent->listener->targets;
	size_t count = rule->rule ? rule->rule->target_count : rule->parent->listener->target_count;
	json_t *gone = json_array();
	char owner[PLAN_NAME_ROOM];
	int error = 0;

	plan_name_rule(rule, owner);
	for (size_t i = 0; !error && i < count; i++) {
		struct key key = key_of_target(has[i]);

		if (key_find(index, &key) == KEY_NONE)
			error = list_target(plan, owner, has[i], gone);
	}
	if (error) {
		json_decref(gone);
		return error;
	}
	return run_batches(plan, rule, "DeregisterTargets", "Targets", gone);
}

static int check_targets(struct plan *plan, const struct plan_rule *rule)
{
	struct plan_place place = plan_place_rule(rule);
	bool is_there =
		rule->row == PLAN_NONE ? rule->parent->listener != NULL : rule->rule != NULL;
	struct key_index *index;
	int error = index_list(plan, &place, &targets, rule->input, &index);

	if (error)
		return error;
	error = plan_check_group(plan, rule);
	if (!error && is_there)
		error = plan_leave_group(plan, rule);
	if (!error && is_there && plan_has_own_targets(rule))
		error = remove_targets(plan, rule, index);
	if (!error && is_there)
		error = plan_set_target_type(plan, rule);
	key_index_free(index);
	return error;
}

static int list_rule(struct plan *plan, const struct plan_listener *listener,
		     const struct rule *rule, json_t *list)
{
	char owner[PLAN_NAME_ROOM];

	plan_name_listener(listener, owner);
	if (!list || json_array_append_new(list, json_string(rule->id)))
		return -ENOMEM;
	return plan_note(plan, "- rule %s%s in %s", *rule->domain ? rule->domain : "*", rule->url,
			 owner);
}

static int remove_rules(struct plan *plan, const struct plan_listener *listener,
			const bool *is_named)
{
	const struct plan_rule whole = { .parent = listener,
					 .row = PLAN_NONE,
					 .input = listener->input };
	const struct listener *has = listener->listener;
	json_t *gone = json_array();
	int error = 0;

	for (size_t i = 0; !error && i < has->rule_count; i++) {
		if (!is_named[i])
			error = list_rule(plan, listener, has->rules[i], gone);
	}
	if (error) {
		json_decref(gone);
		return error;
	}
	return run_batches(plan, &whole, "DeleteRule", "LocationIds", gone);
}

/* The rules that stay, and what goes from each of them. */
static int check_each_rule(struct plan *plan, const struct plan_listener *listener,
			   const struct rule_match *match)
{
	const json_t *list = plan_list(listener->input, "Rules");
	int error = 0;

	for (size_t row = 0; !error && row < json_array_size(list); row++) {
		struct plan_rule rule = { .parent = listener,
					  .row = row,
					  .input = json_array_get(list, row),
					  .rule = match->rules[row] };

		if (rule.rule)
			error = plan_drop_domains(plan, &rule);
		if (!error)
			error = check_targets(plan, &rule);
	}
	return error;
}

static int check_listener(struct plan *plan, const struct plan_listener *listener)
{
	const struct plan_rule whole = { .parent = listener,
					 .row = PLAN_NONE,
					 .input = listener->input };
	struct rule_match match;
	int error = rule_match_init(plan, listener, &match);

	if (error)
		return error;
	if (listener->listener)
		error = remove_rules(plan, listener, match.is_named);
	if (!error)
		error = check_each_rule(plan, listener, &match);
	rule_match_done(&match);
	return error ? error : check_targets(plan, &whole);
}

static int list_listener(struct plan *plan, const struct plan_instance *instance,
			 const struct listener *listener, json_t *list)
{
	if (!list || json_array_append_new(list, json_string(listener->id)))
		return -ENOMEM;
	return plan_note(plan, "- listener %s:%u in %s",
			 protocol_name((enum protocol)listener->protocol), listener->port,
			 instance->instance->name);
}

static int delete_listeners(struct plan *plan, const struct plan_instance *instance,
			    const json_t *ids)
{
	struct plan_place place = plan_place_instance(instance);
	int error = 0;

	for (size_t i = 0; !error && i < json_array_size(ids); i++)
		error = plan_run(plan, &place, "DeleteListener",
				 json_pack("{s:s s:O}", "LoadBalancerId", instance->instance->id,
					   "ListenerId", json_array_get(ids, i)),
				 NULL);
	return error;
}

/* What the file does not name, and what has another protocol there: that cannot be modified. */
static int remove_listeners(struct plan *plan, const struct plan_instance *instance,
			    const struct key_index *index)
{
	const json_t *list = plan_list(instance->input, "Listeners");
	const struct instance *has = instance->instance;
	json_t *gone = json_array();
	int error = 0;

	for (size_t i = 0; !error && i < has->listener_count; i++) {
		const struct listener *listener = has->listeners[i];
		struct key key = key_of_listener(listener);
		size_t row = key_find(index, &key);
		const char *wanted =
			row == KEY_NONE ? NULL : input_text(json_array_get(list, row), "Protocol");

		if (!wanted || protocol_of(wanted) != (enum protocol)listener->protocol)
			error = list_listener(plan, instance, listener, gone);
	}
	if (!error)
		error = delete_listeners(plan, instance, gone);
	json_decref(gone);
	return error;
}

static int check_each_listener(struct plan *plan, const struct plan_instance *instance)
{
	struct key_index *has =
		instance->instance ? key_index_listeners(instance->instance) : key_index_new();
	const json_t *list = plan_list(instance->input, "Listeners");
	int error = has ? 0 : -ENOMEM;

	for (size_t row = 0; !error && row < json_array_size(list); row++) {
		struct plan_listener listener = { .parent = instance,
						  .row = row,
						  .input = json_array_get(list, row) };
		struct key key = key_of_listener_input(listener.input);
		size_t found = key_find(has, &key);

		if (found != KEY_NONE)
			listener.listener = instance->instance->listeners[found];
		error = check_listener(plan, &listener);
	}
	key_index_free(has);
	return error;
}

static int check_instance(struct plan *plan, const struct plan_instance *instance)
{
	struct plan_place place = plan_place_instance(instance);
	struct key_index *index;
	int error = index_list(plan, &place, &listeners, instance->input, &index);

	if (error)
		return error;
	if (instance->instance)
		error = remove_listeners(plan, instance, index);
	key_index_free(index);
	return error ? error : check_each_listener(plan, instance);
}

int plan_remove(struct plan *plan, const json_t *file)
{
	const struct plan_place top = { 0 };
	const json_t *list = plan_list(file, "LoadBalancers");
	struct key_index *index;
	int error = index_list(plan, &top, &instances, file, &index);

	if (error)
		return error;
	key_index_free(index);
	for (size_t row = 0; !error && row < json_array_size(list); row++) {
		struct plan_instance instance;

		error = plan_find_instance(plan, row, json_array_get(list, row), &instance);
		if (!error)
			error = check_instance(plan, &instance);
	}
	return error;
}

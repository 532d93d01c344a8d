/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second half of applying a file: what it names is modified where it differs and made where it
 * is missing, each by the API's own action, so that a file can do nothing that the API would
 * refuse.
 */
#include "control/configuration_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/answer.h"
#include "control/call_noun.h"
#include "control/configuration_compare.h"
#include "control/configuration_group.h"
#include "control/configuration_instance.h"
#include "control/configuration_key.h"
#include "control/configuration_rules.h"
#include "control/store.h"

/* A copy of the file's object without what is not a field of the action that makes it. */
static json_t *input_without(const json_t *input, const char *const *names)
{
	json_t *copy = json_copy((json_t *)input);

	for (; copy && *names; names++)
		(void)json_object_del(copy, *names);
	return copy;
}

/* Runs an action that makes one thing and gives its id, "" when its answer has none. */
static int run_for_id(struct plan *plan, const struct plan_place *place, const char *action,
		      json_t *input, const char *ids, char ret_id[LIMIT_ID])
{
	json_t *output = NULL;
	const char *id;
	int error = plan_run(plan, place, action, input, &output);

	if (error)
		return error;
	id = json_string_value(json_array_get(json_object_get(output, ids), 0));
	snprintf(ret_id, LIMIT_ID, "%s", id ? id : "");
	json_decref(output);
	return 0;
}

/* An object that is there, and how it is modified. */
struct modification {
	struct plan_place place;
	const char *action;
	const json_t *given; /* the file's object */
	const char *what; /* for people: "listener HTTP:80 in web" */
	struct comparison comparison;
	/* The object as the API shows it, to see what became of fields that cannot be compared. */
	json_t *(*show)(const void *object);
	const void *object;
};

static json_t *show_instance(const void *object)
{
	return answer_load_balancer(object, false);
}

static json_t *show_listener(const void *object)
{
	const struct plan_listener *listener = object;

	return answer_listener(listener->parent->instance, listener->listener);
}

static int run_modification(struct plan *plan, const struct modification *it,
			    struct difference *difference)
{
	json_t *before = it->show(it->object), *after;
	int error = plan_run(plan, &it->place, it->action, json_incref(difference->input), NULL);

	after = it->show(it->object);
	if (!error && !difference->is_found && !json_equal(before, after)) {
		difference->is_found = true;
		snprintf(difference->text, sizeof(difference->text), "its settings");
	}
	json_decref(before);
	json_decref(after);
	if (!error && difference->is_found)
		error = plan_note(plan, "~ %s: %s", it->what, difference->text);
	return error;
}

/* Runs the action, with the ids in `input` (stolen), when there is something to do. 1 = the object
 * was changed. */
static int modify(struct plan *plan, const struct modification *it, json_t *input)
{
	const struct action *action = action_find(it->action);
	struct difference difference = { .input = input };
	int error = -ENOMEM;

	if (input && action)
		error = compare_differences(plan, &it->place, it->given, &it->comparison,
					    action->fields, &difference);
	if (!error && (difference.is_found || difference.has_extra))
		error = run_modification(plan, it, &difference);
	json_decref(input);
	return error ? error : difference.is_found;
}

/* ---- rules ---- */

static int make_new_rule(struct plan *plan, struct plan_rule *rule, const char *what)
{
	static const char *const below[] = { "Targets", "Redirect", NULL };
	struct plan_place place = plan_place_rule(rule);
	struct listener *listener = rule->parent->listener;
	json_t *input = json_pack("{s:s s:s s:[o]}", "LoadBalancerId",
				  rule->parent->parent->instance->id, "ListenerId", listener->id,
				  "Rules", plan_put_target_type(input_without(rule->input, below)));
	char id[LIMIT_ID];
	int error = run_for_id(plan, &place, "CreateRule", input, "LocationIds", id);

	if (error)
		return error;
	rule->rule = listener_find_rule(listener, id);
	return rule->rule ? plan_note(plan, "+ %s", what) : -ENOENT;
}

/*
 * ModifyRule takes over what is given and leaves the rest, so it cannot take a text out of a health
 * check. It has accepted what is wanted; this makes it exact.
 */
static int set_rule_check(struct plan *plan, const struct plan_rule *rule)
{
	struct health_check check;
	int error =
		compare_wanted_check(rule->input, (enum protocol)rule->parent->listener->protocol,
				     &check, &plan->call->problem);

	if (error)
		return error;
	health_check_done(&rule->rule->health_check);
	rule->rule->health_check = check;
	return store_update_rule(plan->call->control->store, rule->rule);
}

static json_t *show_rule(const void *object)
{
	const struct plan_rule *rule = object;

	return answer_rule(rule->parent->parent->instance, rule->parent->listener, rule->rule);
}

static int modify_old_rule(struct plan *plan, const struct plan_rule *rule, const char *what)
{
	struct modification it = {
		.place = plan_place_rule(rule),
		.action = "ModifyRule",
		.given = rule->input,
		.what = what,
		.show = show_rule,
		.object = rule,
	};
	int found = compare_rule(rule, &it.comparison, &plan->call->problem);

	if (found == -EINVAL)
		found = plan_tell(plan, &it.place);
	if (!found)
		found = modify(plan, &it, plan_ids(rule));
	if (found > 0)
		found = set_rule_check(plan, rule);
	if (found >= 0)
		found = plan_make_domains(plan, rule, what);
	comparison_done(&it.comparison);
	return found;
}

static int make_rule(struct plan *plan, struct plan_rule *rule)
{
	char listener[PLAN_NAME_ROOM], what[2 * PLAN_NAME_ROOM];
	const char *domain = key_domain(rule->input);
	int error;

	plan_name_listener(rule->parent, listener);
	snprintf(what, sizeof(what), "rule %s%s in %s", *domain ? domain : "*",
		 input_text(rule->input, "Url"), listener);
	error = rule->rule ? modify_old_rule(plan, rule, what) : make_new_rule(plan, rule, what);
	return error ? error : plan_make_targets(plan, rule);
}

/* A rule of the file asks for its domain to be the default, and cannot have it. */
static int refuse_default(struct plan *plan, const struct plan_listener *listener, size_t row,
			  const char *why)
{
	struct plan_place parent = plan_place_listener(listener);
	struct plan_place place = plan_place_member(&parent, "Rules", row);

	return plan_refuse(plan, &place, "DefaultServer", "InvalidParameter", "%s", why);
}

/*
 * The domain that the file makes the default, as if its rules were made anew: none beside rules
 * that answer any host, else the one it says, else its first.
 */
static int find_default_domain(struct plan *plan, const struct plan_listener *listener,
			       const char **ret_domain)
{
	const json_t *list = plan_list(listener->input, "Rules");
	const char *said = NULL, *first = NULL;
	bool has_any_host = false;
	size_t said_row = 0;

	for (size_t row = 0; row < json_array_size(list); row++) {
		const json_t *input = json_array_get(list, row);
		const char *domain = key_domain(input);

		first = first ? first : domain;
		has_any_host |= !*domain;
		if (!*domain || !input_boolean(input, "DefaultServer", false))
			continue;
		if (said && strcasecmp(said, domain) != 0)
			return refuse_default(plan, listener, row,
					      "A listener has one default domain.");
		said = domain;
		said_row = row;
	}
	if (said && has_any_host)
		return refuse_default(
			plan, listener, said_row,
			"Rules without a domain answer every host that no other rule names, "
			"so no domain can be the default.");
	*ret_domain = has_any_host ? "" : said ? said : first ? first : "";
	return 0;
}

static int set_default_domain(struct plan *plan, const struct plan_listener *it, const char *what)
{
	struct listener *listener = it->listener;
	const char *wanted = "", *now = listener->default_domain;
	int error = find_default_domain(plan, it, &wanted);

	if (error || !strcasecmp(wanted, now))
		return error;
	error = plan_note(plan, "~ %s: default domain %s -> %s", what, *now ? now : "none",
			  *wanted ? wanted : "none");
	if (!error)
		error = text_set(&listener->default_domain, wanted);
	if (error)
		return error;
	domain_lower(listener->default_domain);
	error = store_update_listener(plan->call->control->store, listener);
	return error ? error : call_touch(plan->call, it->parent->instance);
}

/* ---- listeners ---- */

static int make_new_listener(struct plan *plan, struct plan_listener *it, const char *what)
{
	static const char *const renamed[] = { "Port",  "ListenerName", "Stopped",
					       "Rules", "Targets",      NULL };
	struct plan_place place = plan_place_listener(it);
	struct instance *instance = it->parent->instance;
	const char *name = input_text(it->input, "ListenerName");
	json_t *input = plan_put(input_without(it->input, renamed), "LoadBalancerId",
				 json_string(instance->id));
	char id[LIMIT_ID];
	int error;

	input = plan_put(input, "Ports",
			 json_pack("[I]", (json_int_t)input_integer(it->input, "Port", 0)));
	if (name)
		input = plan_put(input, "ListenerNames", json_pack("[s]", name));
	input = plan_put_target_type(input);
	error = run_for_id(plan, &place, "CreateListener", input, "ListenerIds", id);
	if (error)
		return error;
	it->listener = instance_find_listener(instance, id);
	return it->listener ? plan_note(plan, "+ %s", what) : -ENOENT;
}

/* As set_rule_check. */
static int set_listener_check(struct plan *plan, const struct plan_listener *it)
{
	struct listener *listener = it->listener;
	struct health_check check;
	int error;

	if (!listener_is_layer4(listener))
		return 0;
	error = compare_wanted_check(it->input, (enum protocol)listener->protocol, &check,
				     &plan->call->problem);
	if (error)
		return error;
	health_check_done(&listener->health_check);
	listener->health_check = check;
	return store_update_listener(plan->call->control->store, listener);
}

static int modify_old_listener(struct plan *plan, const struct plan_listener *listener,
			       const char *what)
{
	const struct plan_rule whole = { .parent = listener,
					 .row = PLAN_NONE,
					 .input = listener->input };
	struct modification it = {
		.place = plan_place_listener(listener),
		.action = "ModifyListener",
		.given = listener->input,
		.what = what,
		.show = show_listener,
		.object = listener,
	};
	int found = compare_listener(listener, &it.comparison, &plan->call->problem);

	if (found == -EINVAL)
		found = plan_tell(plan, &it.place);
	if (!found)
		found = modify(plan, &it, plan_ids(&whole));
	if (found > 0)
		found = set_listener_check(plan, listener);
	comparison_done(&it.comparison);
	return found < 0 ? found : 0;
}

static int refuse_rules(struct plan *plan, const struct plan_listener *it)
{
	struct plan_place place = plan_place_listener(it);

	return plan_refuse(plan, &place, "Rules", "InvalidParameter.ProtocolCheckFailed",
			   "A %s listener has no Rules; its Targets stand beside its Port.",
			   input_text(it->input, "Protocol"));
}

static int make_rules(struct plan *plan, const struct plan_listener *it)
{
	const json_t *list = plan_list(it->input, "Rules");
	struct rule_match match;
	int error;

	if (listener_is_layer4(it->listener))
		return json_array_size(list) ? refuse_rules(plan, it) : 0;
	error = rule_match_init(plan, it, &match);
	if (error)
		return error;
	for (size_t row = 0; !error && row < json_array_size(list); row++) {
		struct plan_rule rule = { .parent = it,
					  .row = row,
					  .input = json_array_get(list, row),
					  .rule = match.rules[row] };

		error = make_rule(plan, &rule);
	}
	rule_match_done(&match);
	return error;
}

static int make_listener(struct plan *plan, struct plan_listener *it)
{
	const struct plan_rule whole = { .parent = it, .row = PLAN_NONE, .input = it->input };
	char what[PLAN_NAME_ROOM];
	int error;

	snprintf(what, sizeof(what), "listener %s:%" PRId64 " in %s",
		 input_text(it->input, "Protocol"), input_integer(it->input, "Port", 0),
		 it->parent->instance->name);
	error = it->listener ? modify_old_listener(plan, it, what)
			     : make_new_listener(plan, it, what);
	if (!error)
		error = make_rules(plan, it);
	if (!error)
		error = set_default_domain(plan, it, what);
	return error ? error : plan_make_targets(plan, &whole);
}

/* ---- instances ---- */

static int set_protection(struct plan *plan, const struct plan_instance *it)
{
	struct plan_place place = plan_place_instance(it);

	if (!input_boolean(it->input, "DeleteProtect", false))
		return 0;
	return plan_run(
		plan, &place, "ModifyLoadBalancerAttributes",
		json_pack("{s:s s:b}", "LoadBalancerId", it->instance->id, "DeleteProtect", 1),
		NULL);
}

static int make_new_instance(struct plan *plan, struct plan_instance *it, const char *what)
{
	static const char *const other[] = { "Listeners", "DeleteProtect", "CustomConfig",
					     "Stopped",   "AccessControl", NULL };
	struct plan_place place = plan_place_instance(it);
	json_t *input = input_without(it->input, other);
	char id[LIMIT_ID];
	int error;

	if (!input_has(it->input, "LoadBalancerType"))
		input = plan_put(input, "LoadBalancerType", json_string("OPEN"));
	error = run_for_id(plan, &place, "CreateLoadBalancer", input, "LoadBalancerIds", id);
	if (error)
		return error;
	it->instance = model_find_instance(&plan->call->control->model, id);
	error = it->instance ? plan_note(plan, "+ %s", what) : -ENOENT;
	return error ? error : set_protection(plan, it);
}

static int modify_old_instance(struct plan *plan, const struct plan_instance *instance,
			       const char *what)
{
	struct modification it = {
		.place = plan_place_instance(instance),
		.action = "ModifyLoadBalancerAttributes",
		.given = instance->input,
		.what = what,
		.show = show_instance,
		.object = instance->instance,
	};
	int found = compare_instance(instance, &it.comparison);

	if (!found)
		found = modify(plan, &it,
			       json_pack("{s:s}", "LoadBalancerId", instance->instance->id));
	comparison_done(&it.comparison);
	return found < 0 ? found : 0;
}

static int make_listeners(struct plan *plan, const struct plan_instance *it)
{
	const json_t *list = plan_list(it->input, "Listeners");
	struct key_index *has = key_index_listeners(it->instance);
	int error = has ? 0 : -ENOMEM;

	for (size_t row = 0; !error && row < json_array_size(list); row++) {
		struct plan_listener listener = { .parent = it,
						  .row = row,
						  .input = json_array_get(list, row) };
		struct key key = key_of_listener_input(listener.input);
		size_t found = key_find(has, &key);

		if (found != KEY_NONE)
			listener.listener = it->instance->listeners[found];
		error = make_listener(plan, &listener);
	}
	key_index_free(has);
	return error;
}

static int make_instance(struct plan *plan, struct plan_instance *it)
{
	bool is_new = !it->instance;
	char what[PLAN_NAME_ROOM];
	int error;

	snprintf(what, sizeof(what), "instance %s", input_text(it->input, "LoadBalancerName"));
	error = is_new ? make_new_instance(plan, it, what) : modify_old_instance(plan, it, what);
	if (!error)
		error = plan_make_settings(plan, it, is_new);
	if (!error)
		error = plan_make_custom(plan, it);
	if (!error)
		error = make_listeners(plan, it);
	if (!error)
		error = plan_make_stops(plan, it);
	return error ? error : plan_make_redirects(plan, it);
}

int plan_make(struct plan *plan, const json_t *file)
{
	const json_t *list = plan_list(file, "LoadBalancers");
	int error = 0;

	for (size_t row = 0; !error && row < json_array_size(list); row++) {
		struct plan_instance instance;

		error = plan_find_instance(plan, row, json_array_get(list, row), &instance);
		if (!error)
			error = make_instance(plan, &instance);
	}
	return error;
}

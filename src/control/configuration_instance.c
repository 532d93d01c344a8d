/* SPDX-License-Identifier: Apache-2.0 */
/* Tags, lists of networks and stops of a file's instances. Control's thread. */
#include "control/configuration_instance.h"

#include <errno.h>
#include <stdlib.h>

#include "control/access_input.h"
#include "control/configuration_key.h"
#include "control/instance_tags.h"
#include "control/start_stop.h"

const struct field configuration_access_fields[] = {
	{ "Allow", FIELD_TEXT_LIST, .most = LIMIT_CIDRS, .about = ABOUT_ALLOW },
	{ "Deny", FIELD_TEXT_LIST, .most = LIMIT_CIDRS, .about = ABOUT_DENY },
	{ 0 },
};

/* A setting that has an action of its own. */
struct setting {
	const char *field; /* the file's */
	const char *action;
	json_t *now, *wanted; /* of the action's fields, with LoadBalancerId; NULL: out of memory */
};

static int change(struct plan *plan, const struct plan_instance *it, const struct setting *setting,
		  bool is_new)
{
	struct plan_place place = plan_place_instance(it);
	int error;

	if (!setting->now || !setting->wanted)
		return -ENOMEM;
	if (json_equal(setting->now, setting->wanted))
		return 0;
	error = plan_run(plan, &place, setting->action, json_incref(setting->wanted), NULL);
	if (error || is_new)
		return error;
	return plan_note(plan, "~ instance %s: %s", it->instance->name, setting->field);
}

static int make_tags(struct plan *plan, const struct plan_instance *it, bool is_new)
{
	const struct instance *instance = it->instance;
	struct setting setting = {
		.field = "Tags",
		.action = "ModifyLoadBalancerTags",
		.now = json_pack("{s:s s:o}", "LoadBalancerId", instance->id, "Tags",
				 tags_answer(instance->tags, instance->tag_count)),
		.wanted = json_pack("{s:s s:O}", "LoadBalancerId", instance->id, "Tags",
				    plan_list(it->input, "Tags")),
	};
	int error = change(plan, it, &setting, is_new);

	json_decref(setting.now);
	json_decref(setting.wanted);
	return error;
}

/* In its canonical form; a new reference. `path` is its name in the file, below the instance. */
static int read_list(struct plan *plan, const json_t *list, const char *path, json_t **ret)
{
	struct cidr *cidrs;
	size_t count;
	int error = access_read(list, path, &cidrs, &count, &plan->call->problem);

	if (error)
		return error;
	*ret = access_answer(cidrs, count);
	free(cidrs);
	return *ret ? 0 : -ENOMEM;
}

static int make_access(struct plan *plan, const struct plan_instance *it, bool is_new)
{
	const json_t *given = input_get(it->input, "AccessControl");
	const struct access_control *access = &it->instance->access;
	struct plan_place place = plan_place_instance(it);
	struct setting setting = { "AccessControl", "SetLoadBalancerAccessControl", NULL, NULL };
	json_t *allow = NULL, *deny = NULL;
	int error = read_list(plan, plan_list(given, "Allow"), "AccessControl.Allow", &allow);

	if (!error)
		error = read_list(plan, plan_list(given, "Deny"), "AccessControl.Deny", &deny);
	if (error == -EINVAL)
		error = plan_tell(plan, &place);
	if (!error) {
		setting.now = json_pack("{s:s s:o s:o}", "LoadBalancerId", it->instance->id,
					"Allow", access_answer(access->allow, access->allow_count),
					"Deny", access_answer(access->deny, access->deny_count));
		setting.wanted = json_pack("{s:s s:O s:O}", "LoadBalancerId", it->instance->id,
					   "Allow", allow, "Deny", deny);
		error = change(plan, it, &setting, is_new);
	}
	json_decref(setting.now);
	json_decref(setting.wanted);
	json_decref(allow);
	json_decref(deny);
	return error;
}

int plan_make_settings(struct plan *plan, const struct plan_instance *it, bool is_new)
{
	int error = make_tags(plan, it, is_new);

	return error ? error : make_access(plan, it, is_new);
}

static const char *stop_word(bool is_stopped)
{
	return is_stopped ? "stopped" : "started";
}

static int stop_listener(struct plan *plan, const struct plan_instance *it,
			 struct listener *listener, bool is_stopped)
{
	int error;

	if (listener->is_stopped == is_stopped)
		return 0;
	error = listener_set_stopped(plan->call, it->instance, listener, is_stopped);
	if (error)
		return error;
	return plan_note(plan, "~ listener %s:%u in %s: %s",
			 protocol_name((enum protocol)listener->protocol), listener->port,
			 it->instance->name, stop_word(is_stopped));
}

static int stop_instance(struct plan *plan, const struct plan_instance *it, bool is_stopped)
{
	int error;

	if (it->instance->is_stopped == is_stopped)
		return 0;
	error = instance_set_stopped(plan->call, it->instance, is_stopped);
	return error ? error
		     : plan_note(plan, "~ instance %s: %s", it->instance->name,
				 stop_word(is_stopped));
}

int plan_make_stops(struct plan *plan, const struct plan_instance *it)
{
	const json_t *list = plan_list(it->input, "Listeners");
	bool is_stopped = input_boolean(it->input, "Stopped", false);
	const struct instance *instance = it->instance;
	struct key_index *has = key_index_listeners(instance);
	int error = has ? 0 : -ENOMEM;

	for (size_t row = 0; !error && row < json_array_size(list); row++) {
		const json_t *input = json_array_get(list, row);
		struct key key = key_of_listener_input(input);
		size_t found = key_find(has, &key);

		if (found != KEY_NONE)
			error = stop_listener(plan, it, instance->listeners[found],
					      is_stopped || input_boolean(input, "Stopped", false));
	}
	key_index_free(has);
	/* As where the API stops the last of them. */
	if (instance->listener_count > 0)
		is_stopped = !instance_has_running(instance);
	return error ? error : stop_instance(plan, it, is_stopped);
}

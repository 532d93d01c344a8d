/* SPDX-License-Identifier: Apache-2.0 */
/* Finding nouns by what a call says, and small tools of the actions. Control's one thread. */
#include "control/call_noun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

int call_instance(struct call *call, struct instance **ret)
{
	const char *id = input_text(call->input, "LoadBalancerId");
	struct instance *instance = model_find_instance(&call->control->model, id);

	if (!instance)
		return problem_set(&call->problem, "InvalidParameter.LBIdNotFound",
				   "LoadBalancerId", "LoadBalancerId: there is no instance %s.",
				   id);
	*ret = instance;
	return 0;
}

int call_listener(struct call *call, struct instance **ret_instance, struct listener **ret)
{
	const char *id = input_text(call->input, "ListenerId");
	struct listener *listener;
	int error = call_instance(call, ret_instance);

	if (error != 0)
		return error;
	listener = instance_find_listener(*ret_instance, id);
	if (!listener)
		return problem_set(&call->problem, "InvalidParameter.ListenerIdNotFound",
				   "ListenerId", "ListenerId: instance %s has no listener %s.",
				   (*ret_instance)->id, id);
	*ret = listener;
	return 0;
}

int call_listener_ids(struct call *call, const struct instance *instance)
{
	const json_t *id;
	size_t i;

	json_array_foreach((json_t *)input_get(call->input, "ListenerIds"), i, id)
	{
		if (!instance_find_listener(instance, json_string_value(id)))
			return problem_set(&call->problem, "InvalidParameter.ListenerIdNotFound",
					   field_path("ListenerIds", i, NULL).text,
					   "ListenerIds: instance %s has no listener %s.",
					   instance->id, json_string_value(id));
	}
	return 0;
}

int call_listener_7(struct call *call, struct instance **ret_instance, struct listener **ret)
{
	int error = call_listener(call, ret_instance, ret);

	if (error != 0)
		return error;
	if ((*ret)->protocol != PROTOCOL_HTTP && (*ret)->protocol != PROTOCOL_HTTPS)
		return problem_set(&call->problem, "InvalidParameter.ProtocolCheckFailed",
				   "ListenerId",
				   "ListenerId: listener %s has protocol %s; forwarding rules need "
				   "HTTP or HTTPS.",
				   (*ret)->id, protocol_name((enum protocol)(*ret)->protocol));
	return 0;
}

void domain_lower(char *domain)
{
	if (*domain == '~')
		return;
	for (; *domain; domain++) {
		if (*domain >= 'A' && *domain <= 'Z')
			*domain = (char)(*domain + ('a' - 'A'));
	}
}

/* Without Domain it is a rule for any host. A domain longer than any rule's finds none. */
static struct rule *find_by_url(const struct listener *listener, const char *domain,
				const char *url)
{
	char lower[LIMIT_DOMAIN + 1];
	int size = snprintf(lower, sizeof(lower), "%s", domain ? domain : "");

	if (size < 0 || (size_t)size >= sizeof(lower))
		return NULL;
	domain_lower(lower);
	return listener_find_rule_by_url(listener, lower, url);
}

int call_rule(struct call *call, const struct listener *listener, struct rule **ret)
{
	const char *id = input_text(call->input, "LocationId");
	const char *url = input_text(call->input, "Url");
	const char *domain = input_text(call->input, "Domain");
	struct rule *rule;

	if (!id && !url)
		return problem_set(&call->problem, "MissingParameter",
				   domain ? "Url" : "LocationId",
				   "LocationId, or Url and Domain, is required.");
	rule = id ? listener_find_rule(listener, id) : find_by_url(listener, domain, url);
	if (!rule && id)
		return problem_set(&call->problem, "InvalidParameter.LocationNotFound",
				   "LocationId", "LocationId: listener %s has no rule %s.",
				   listener->id, id);
	if (!rule)
		return problem_set(&call->problem, "InvalidParameter.LocationNotFound", "Url",
				   "Url: listener %s has no rule for %s%s.", listener->id,
				   domain ? domain : "any host, URL ", url);
	*ret = rule;
	return 0;
}

int call_touch(struct call *call, const struct instance *instance)
{
	const json_t *id;
	size_t i;

	json_array_foreach(call->touched_instances, i, id)
	{
		if (strcmp(json_string_value(id), instance->id) == 0)
			return 0;
	}
	return json_array_append_new(call->touched_instances, json_string(instance->id)) == 0
		       ? 0
		       : -ENOMEM;
}

int id_make(const char *prefix, char ret_id[LIMIT_ID])
{
	char text[9];
	int error = random_text(text, sizeof(text), "abcdefghijklmnopqrstuvwxyz0123456789");

	if (error == 0)
		snprintf(ret_id, LIMIT_ID, "%.5s%s", prefix, text);
	return error;
}

int text_set(char **text, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

struct field_path field_path(const char *list, size_t index, const char *name)
{
	struct field_path path;

	snprintf(path.text, sizeof(path.text), "%s[%zu]%s%s", list, index, name ? "." : "",
		 name ? name : "");
	return path;
}

struct field_path field_below(const char *prefix, const char *name)
{
	struct field_path path;

	snprintf(path.text, sizeof(path.text), "%s%s%s", prefix, *prefix ? "." : "", name);
	return path;
}

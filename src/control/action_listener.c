/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions on listeners (api.md section 7). What a listener's settings are, and which protocol
 * has them, is listener_input.c's. Control's one thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/actions.h"
#include "control/answer.h"
#include "control/call_noun.h"
#include "control/listener_input.h"
#include "control/ports.h"
#include "control/quota.h"
#include "control/redirect.h"
#include "control/shared_fields.h"
#include "control/store.h"
#include "control/target_owner.h"
#include "model/validate.h"

static int check_names(struct call *call, const json_t *names, size_t port_count)
{
	const json_t *name;
	size_t i;

	if (names && json_array_size(names) != port_count)
		return problem_set(&call->problem, "InvalidParameterValue.Length", "ListenerNames",
				   "ListenerNames must hold a name for each of Ports: %zu, not "
				   "%zu.",
				   port_count, json_array_size(names));
	json_array_foreach((json_t *)names, i, name)
	{
		if (validate_name(json_string_value(name),
				  field_path("ListenerNames", i, NULL).text, &call->problem) != 0)
			return -EINVAL;
	}
	return 0;
}

static uint16_t port_at(const struct call *call, size_t index)
{
	return (uint16_t)json_integer_value(json_array_get(input_get(call->input, "Ports"), index));
}

static int check_port(struct call *call, const struct instance *instance, enum protocol protocol,
		      size_t index)
{
	uint16_t port = port_at(call, index);
	const struct instance *owner;
	const struct listener *taken =
		ports_find(&call->control->model, &instance->vip, protocol, port, &owner);

	if (!taken)
		return 0;
	return problem_set(&call->problem, "InvalidParameter.PortCheckFailed",
			   field_path("Ports", index, NULL).text,
			   "Ports: port %u is already used by listener %s (%s, %s) of instance %s.",
			   (unsigned)port, taken->id, protocol_name((enum protocol)taken->protocol),
			   taken->name, owner->id);
}

static int insert_listener(struct call *call, const struct instance *instance,
			   struct listener *listener)
{
	int error = -EEXIST;

	listener->is_stopped = instance->is_stopped;
	for (int i = 0; i < ID_TRIES && error == -EEXIST; i++) {
		error = id_make("lbl-", listener->id);
		if (error == 0)
			error = store_insert_listener(call->control->store, instance, listener);
	}
	return error;
}

/* The one of Ports at `index`, with the settings of all. NULL when memory is out. */
static struct listener *make_listener(struct call *call, const struct listener *settings,
				      size_t index)
{
	const char *name =
		json_string_value(json_array_get(input_get(call->input, "ListenerNames"), index));
	struct listener *listener = listener_new();
	char generated[32];

	if (!listener)
		return NULL;
	listener->port = port_at(call, index);
	listener->created_at = clock_wall_s();
	snprintf(generated, sizeof(generated), "%s-%u",
		 protocol_name((enum protocol)settings->protocol), (unsigned)listener->port);
	if (listener_copy_settings(settings, listener) != 0 ||
	    text_set(&listener->name, name ? name : generated) != 0)
		return listener_free(listener);
	return listener;
}

static int create_one(struct call *call, struct instance *instance, const struct listener *settings,
		      size_t index)
{
	json_t *ids = json_object_get(call->output, "ListenerIds");
	struct listener *listener = make_listener(call, settings, index);
	int error = listener ? insert_listener(call, instance, listener) : -ENOMEM;

	if (error == 0)
		error = instance_add_listener(instance, listener);
	if (error != 0) {
		listener_free(listener);
		return error;
	}
	if (json_array_append_new(ids, json_string(listener->id)) != 0 ||
	    json_array_append_new(call->touched_listeners,
				  json_integer((json_int_t)listener->number)) != 0)
		return -ENOMEM;
	return 0;
}

static int create_all(struct call *call, struct instance *instance, const struct listener *settings)
{
	size_t count = json_array_size(input_get(call->input, "Ports"));
	int error =
		quota_check(QUOTA_OF_LISTENERS, instance->listener_count, count, &call->problem);

	if (error == 0 && json_object_set_new(call->output, "ListenerIds", json_array()) != 0)
		error = -ENOMEM;
	for (size_t i = 0; i < count && error == 0; i++) {
		/* Meets its own elder brothers too. */
		error = check_port(call, instance, (enum protocol)settings->protocol, i);
		if (error == 0)
			error = create_one(call, instance, settings, i);
	}
	return error == 0 ? call_touch(call, instance) : error;
}

/* Reads the settings once, for all ports. */
static int create_as_given(struct call *call, struct instance *instance, enum protocol protocol)
{
	struct listener *settings = listener_new();
	int error = settings ? 0 : -ENOMEM;

	if (error == 0) {
		listener_defaults(settings, protocol);
		error = listener_read(call, instance, settings);
	}
	if (error == 0)
		error = create_all(call, instance, settings);
	listener_free(settings);
	return error;
}

static int check_is_built(struct call *call, enum protocol protocol)
{
	if (protocol == PROTOCOL_HTTP || protocol_is_layer4(protocol))
		return 0;
	return problem_set(&call->problem, "UnsupportedOperation", "Protocol",
			   "Protocol: %s listeners are not built yet; HTTP, TCP and UDP are.",
			   protocol_name(protocol));
}

int create_listener(struct call *call)
{
	size_t count = json_array_size(input_get(call->input, "Ports"));
	enum protocol protocol = protocol_of(input_text(call->input, "Protocol"));
	struct instance *instance;
	int error;

	if (count == 0)
		return problem_set(&call->problem, "InvalidParameterValue.Length", "Ports",
				   "Ports must hold at least one port.");
	error = check_names(call, input_get(call->input, "ListenerNames"), count);
	if (error == 0)
		error = listener_check_values(call);
	if (error == 0)
		error = call_instance(call, &instance);
	if (error == 0)
		error = check_is_built(call, protocol);
	return error == 0 ? create_as_given(call, instance, protocol) : error;
}

/* `changed` holds the old settings and name afterwards. */
static int take_settings(struct call *call, struct listener *listener, struct listener *changed)
{
	struct health_check check = listener->health_check;
	char *name = listener->name, *log = listener->access_log;

	listener->health_check = changed->health_check;
	changed->health_check = check;
	listener->name = changed->name;
	changed->name = name;
	listener->access_log = changed->access_log;
	changed->access_log = log;
	listener->access_log_format = changed->access_log_format;
	listener->scheduler = changed->scheduler;
	listener->session_expire_s = changed->session_expire_s;
	listener->target_type = changed->target_type;
	listener->layer4 = changed->layer4;
	listener->has_keepalive = changed->has_keepalive;
	return store_update_listener(call->control->store, listener);
}

/* Read on a copy, so that what is refused changed nothing. */
static int change_settings(struct call *call, struct instance *instance, struct listener *listener,
			   struct listener *changed)
{
	const struct target_owner owner = { .instance = instance, .listener = listener };
	const char *name = input_text(call->input, "ListenerName");
	int error = listener_copy_settings(listener, changed);

	if (error == 0)
		error = text_set(&changed->name, name ? name : listener->name);
	if (error == 0)
		error = listener_read(call, instance, changed);
	if (error == 0)
		error = owner_check_type(call, &owner, (enum target_type)changed->target_type);
	return error == 0 ? take_settings(call, listener, changed) : error;
}

int modify_listener(struct call *call)
{
	const char *name = input_text(call->input, "ListenerName");
	struct listener *listener, *changed;
	struct instance *instance;
	int error = name ? validate_name(name, "ListenerName", &call->problem) : 0;

	if (error == 0)
		error = listener_check_values(call);
	if (error == 0)
		error = call_listener(call, &instance, &listener);
	if (error != 0)
		return error;
	changed = listener_new();
	error = changed ? change_settings(call, instance, listener, changed) : -ENOMEM;
	listener_free(changed);
	return error == 0 ? call_touch(call, instance) : error;
}

const struct field delete_listener_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER },
	{ 0 },
};

static int delete_one(struct call *call, struct instance *instance, struct listener *listener)
{
	int error = store_delete_listener(call->control->store, listener);

	if (error == 0)
		instance_remove_listener(instance, listener);
	return error;
}

int delete_listener(struct call *call)
{
	struct instance *instance;
	struct listener *listener;
	int error = call_listener(call, &instance, &listener);

	if (error == 0)
		error = delete_one(call, instance, listener);
	if (error != 0)
		return error;
	redirects_settle(instance);
	return call_touch(call, instance);
}

const struct field delete_load_balancer_listeners_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerIds", FIELD_TEXT_LIST, .least = 1, .most = 20,
	  .about = "The listeners. Absent: all of the instance's." },
	{ 0 },
};

int delete_load_balancer_listeners(struct call *call)
{
	const json_t *ids = input_get(call->input, "ListenerIds");
	struct instance *instance;
	int error = call_instance(call, &instance);

	if (error == 0)
		error = call_listener_ids(call, instance);
	if (error != 0)
		return error;
	for (size_t i = instance->listener_count; i > 0 && error == 0; i--) {
		if (filter_passes(ids, instance->listeners[i - 1]->id))
			error = delete_one(call, instance, instance->listeners[i - 1]);
	}
	if (error != 0)
		return error;
	redirects_settle(instance);
	return call_touch(call, instance);
}

const struct field describe_listeners_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerIds", FIELD_TEXT_LIST, .most = 100, .about = "Unknown ones are left out." },
	{ "Protocol", FIELD_TEXT, .words = protocol_words },
	{ "Port", FIELD_INTEGER, .least = 1, .most = 65535 },
	{ 0 },
};

int describe_listeners(struct call *call)
{
	enum protocol protocol = protocol_of(input_text(call->input, "Protocol"));
	json_t *listeners = json_array();
	struct instance *instance;

	if (json_object_set_new(call->output, "Listeners", listeners) != 0)
		return -ENOMEM;
	if (call_instance(call, &instance) != 0)
		return -EINVAL;
	for (size_t i = 0; i < instance->listener_count; i++) {
		const struct listener *listener = instance->listeners[i];

		if (!list_passes(call->input, "ListenerIds", listener->id) ||
		    (protocol != 0 && protocol != listener->protocol) ||
		    input_integer(call->input, "Port", listener->port) != listener->port)
			continue;
		if (json_array_append_new(listeners, answer_listener(instance, listener)) != 0)
			return -ENOMEM;
	}
	if (json_object_set_new(call->output, "TotalCount",
				json_integer((json_int_t)json_array_size(listeners))) != 0)
		return -ENOMEM;
	return 0;
}

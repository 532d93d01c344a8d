/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions on listeners (api.md section 7). HTTP is the protocol that is built: settings of
 * other protocols are refused here by name, never ignored. Control's one thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/actions.h"
#include "control/answer.h"
#include "control/call_noun.h"
#include "control/health_input.h"
#include "control/ports.h"
#include "control/quota.h"
#include "control/shared_fields.h"
#include "control/store.h"
#include "model/validate.h"

static const char *const scheduler_words[] = { "WRR", "LEAST_CONN", NULL };
static const char *const session_type_words[] = { "NORMAL", "QUIC_CID", NULL };

#define ABOUT_LAYER_4 "TCP and UDP listeners only."
#define ABOUT_KEEPALIVE                                                                           \
	"Connections to servers are kept for further requests. Default 1, unlike the reference, " \
	"because there is no cloud network in between; 0 is honoured."
#define ABOUT_SESSION "Layer 4 only; an HTTP listener's persistence is set on its rules."
#define ABOUT_CAP "-1 is without limit (default); limits are not built yet."
#define ABOUT_SNAT \
	"HTTP servers always see the balancer's address; X-Forwarded-For has the client's."

/* What create and modify take alike. */
#define SETTING_FIELDS                                                                            \
	{ "HealthCheck", FIELD_OBJECT, .fields = health_check_fields,                             \
	  .about = "Layer 4 only; an HTTP listener's checks are set on its rules." },             \
		{ "Certificate", FIELD_OBJECT, .fields = certificate_fields,                      \
		  .about = "HTTPS and TCP_SSL listeners only." },                                 \
		{ "MultiCertInfo", FIELD_OBJECT, .fields = multi_certificate_fields,              \
		  .about = "HTTPS and TCP_SSL listeners only." },                                 \
		{ "SessionExpireTime", FIELD_INTEGER, .about = ABOUT_SESSION },                   \
		{ "SessionType", FIELD_TEXT, .words = session_type_words,                         \
		  .about = "QUIC_CID: UDP listeners only." },                                     \
		{ "Scheduler", FIELD_TEXT, .words = scheduler_words,                              \
		  .about = "Layer 4 only; an HTTP listener's schedulers are set on its rules." }, \
		{ "SniSwitch", FIELD_INTEGER, .most = 1, .about = "HTTPS listeners only." },      \
		{ "TargetType", FIELD_TEXT, .words = target_type_words,                           \
		  .about = "NODE; layer 4 only for the others." },                                \
		{ "KeepaliveEnable", FIELD_INTEGER, .most = 1, .about = ABOUT_KEEPALIVE },        \
		{ "IdleConnectTimeout", FIELD_INTEGER, .about = ABOUT_LAYER_4 },                  \
		{ "DeregisterTargetRst", FIELD_BOOLEAN, .about = ABOUT_LAYER_4 },                 \
		{ "RescheduleTargetZeroWeight", FIELD_BOOLEAN, .about = ABOUT_LAYER_4 },          \
		{ "RescheduleUnhealthy", FIELD_BOOLEAN, .about = ABOUT_LAYER_4 },                 \
		{ "RescheduleExpandTarget", FIELD_BOOLEAN, .about = ABOUT_LAYER_4 },              \
		{ "RescheduleStartTime", FIELD_INTEGER, .most = 3600, .about = ABOUT_LAYER_4 },   \
		{ "RescheduleInterval", FIELD_INTEGER, .most = 3600, .about = ABOUT_LAYER_4 },    \
		{ "MaxConn", FIELD_INTEGER, .about = ABOUT_CAP },                                 \
		{ "MaxCps", FIELD_INTEGER, .about = ABOUT_CAP },                                  \
		{ "ProxyProtocol", FIELD_BOOLEAN, .about = "TCP_SSL and QUIC listeners only." },  \
		{ "SnatEnable", FIELD_BOOLEAN, FIELD_IGNORED, .about = ABOUT_SNAT },              \
	{                                                                                         \
		"DataCompressMode", FIELD_TEXT, FIELD_UNSUPPORTED,                                \
			.neutral = "transparent", .about = "compression is left to the servers."  \
	}

const struct field create_listener_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "Ports", FIELD_INTEGER_LIST, FIELD_REQUIRED, .least = 1, .most = 65535,
	  .about = "One listener for each." },
	{ "Protocol", FIELD_TEXT, FIELD_REQUIRED, .words = protocol_words,
	  .about = "HTTP; the others answer UnsupportedOperation until they are built." },
	{ "ListenerNames", FIELD_TEXT_LIST,
	  .about = "As many as Ports, in the same order. Default: protocol and port." },
	SETTING_FIELDS,
	{ "EndPort", FIELD_INTEGER, FIELD_UNSUPPORTED, .about = "port ranges are not built yet." },
	{ "FullEndPorts", FIELD_INTEGER_LIST, FIELD_UNSUPPORTED,
	  .about = "port ranges are not built yet." },
	{ "H2cSwitch", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = "it is not built yet." },
	{ "SslCloseSwitch", FIELD_BOOLEAN, FIELD_UNSUPPORTED, .about = "it is not built yet." },
	{ 0 },
};

const struct field modify_listener_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER },
	{ "ListenerName", FIELD_TEXT, .least = 1, .most = LIMIT_NAME },
	SETTING_FIELDS,
	{ 0 },
};

/* Settings that an HTTP listener does not have, and the value of each that asks for nothing. */
static const struct {
	const char *name, *neutral, *reason;
} foreign_settings[] = {
	{ "HealthCheck", NULL, "is set on the rules of an HTTP listener, not on the listener." },
	{ "Certificate", NULL, "goes with HTTPS and TCP_SSL listeners only." },
	{ "MultiCertInfo", NULL, "goes with HTTPS and TCP_SSL listeners only." },
	{ "SessionExpireTime", NULL,
	  "is set on the rules of an HTTP listener, not on the listener; only 0 is accepted." },
	{ "SessionType", "NORMAL", "QUIC_CID goes with UDP listeners only." },
	{ "Scheduler", "WRR", "is set on the rules of an HTTP listener, not on the listener." },
	{ "SniSwitch", NULL, "goes with HTTPS listeners only." },
	{ "TargetType", "NODE", "goes with layer-4 listeners only." },
	{ "IdleConnectTimeout", NULL, "goes with TCP and UDP listeners only." },
	{ "DeregisterTargetRst", NULL, "goes with TCP and UDP listeners only." },
	{ "RescheduleTargetZeroWeight", NULL, "goes with TCP and UDP listeners only." },
	{ "RescheduleUnhealthy", NULL, "goes with TCP and UDP listeners only." },
	{ "RescheduleExpandTarget", NULL, "goes with TCP and UDP listeners only." },
	{ "RescheduleStartTime", NULL, "goes with TCP and UDP listeners only." },
	{ "RescheduleInterval", NULL, "goes with TCP and UDP listeners only." },
	{ "ProxyProtocol", NULL, "goes with TCP_SSL and QUIC listeners only." },
};

static bool asks_for_something(const json_t *value, const char *neutral)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return json_object_size(value) > 0;
	case JSON_STRING:
		return !neutral || strcmp(json_string_value(value), neutral) != 0;
	case JSON_INTEGER:
		return json_integer_value(value) != 0;
	default:
		return json_is_true(value);
	}
}

/* MaxConn and MaxCps: -1, or at least 1. */
static int check_cap(struct call *call, const char *name)
{
	int64_t value = input_integer(call->input, name, -1);

	if (value == -1)
		return 0;
	if (value < 1)
		return problem_set(&call->problem, "InvalidParameterValue", name,
				   "%s must be -1 or at least 1.", name);
	return problem_set(&call->problem, "UnsupportedOperation", name,
			   "%s: limits on connections are not built yet.", name);
}

/* Values alone, before anything is looked up. */
static int check_values(struct call *call)
{
	int error = validate_session_expire(input_integer(call->input, "SessionExpireTime", 0),
					    "SessionExpireTime", &call->problem);

	if (error == 0)
		error = check_cap(call, "MaxConn");
	return error == 0 ? check_cap(call, "MaxCps") : error;
}

static int check_foreign_settings(struct call *call)
{
	for (size_t i = 0; i < sizeof(foreign_settings) / sizeof(foreign_settings[0]); i++) {
		const char *name = foreign_settings[i].name;
		const json_t *value = input_get(call->input, name);

		if (value && asks_for_something(value, foreign_settings[i].neutral))
			return problem_set(&call->problem, "InvalidParameter", name, "%s %s", name,
					   foreign_settings[i].reason);
	}
	return 0;
}

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

static int check_port(struct call *call, const struct instance *instance, uint16_t port,
		      size_t index)
{
	const struct instance *owner;
	const struct listener *taken =
		ports_find(&call->control->model, &instance->vip, PROTOCOL_HTTP, port, &owner);

	if (!taken)
		return 0;
	return problem_set(&call->problem, "InvalidParameter.PortCheckFailed",
			   field_path("Ports", index, NULL).text,
			   "Ports: port %u is already used by listener %s (%s) of instance %s.",
			   (unsigned)port, taken->id, taken->name, owner->id);
}

static int read_listener(struct call *call, uint16_t port, const char *name,
			 struct listener *listener)
{
	char generated[32];

	snprintf(generated, sizeof(generated), "HTTP-%u", (unsigned)port);
	listener->protocol = PROTOCOL_HTTP;
	listener->port = port;
	listener->scheduler = SCHEDULER_WRR;
	listener->has_keepalive = input_integer(call->input, "KeepaliveEnable", 1) == 1;
	listener->created_at = clock_wall_s();
	health_check_defaults(&listener->health_check, PROTOCOL_HTTP);
	return text_set(&listener->name, name ? name : generated);
}

static int insert_listener(struct call *call, const struct instance *instance,
			   struct listener *listener)
{
	int error = -EEXIST;

	for (int i = 0; i < ID_TRIES && error == -EEXIST; i++) {
		error = id_make("lbl-", listener->id);
		if (error == 0)
			error = store_insert_listener(call->control->store, instance, listener);
	}
	return error;
}

static int create_one(struct call *call, struct instance *instance, uint16_t port, const char *name)
{
	json_t *ids = json_object_get(call->output, "ListenerIds");
	struct listener *listener = listener_new();
	int error;

	if (!listener)
		return -ENOMEM;
	error = read_listener(call, port, name, listener);
	if (error == 0)
		error = insert_listener(call, instance, listener);
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

static int create_all(struct call *call, struct instance *instance)
{
	const json_t *ports = input_get(call->input, "Ports"), *port;
	const json_t *names = input_get(call->input, "ListenerNames");
	int error = 0;
	size_t i;

	if (json_object_set_new(call->output, "ListenerIds", json_array()) != 0)
		return -ENOMEM;
	json_array_foreach((json_t *)ports, i, port)
	{
		uint16_t number = (uint16_t)json_integer_value(port);

		/* Meets its own elder brothers too. */
		error = check_port(call, instance, number, i);
		if (error == 0)
			error = create_one(call, instance, number,
					   json_string_value(json_array_get(names, i)));
		if (error != 0)
			return error;
	}
	return call_touch(call, instance);
}

int create_listener(struct call *call)
{
	size_t count = json_array_size(input_get(call->input, "Ports"));
	const char *protocol = input_text(call->input, "Protocol");
	struct instance *instance;
	int error;

	if (count == 0)
		return problem_set(&call->problem, "InvalidParameterValue.Length", "Ports",
				   "Ports must hold at least one port.");
	error = check_names(call, input_get(call->input, "ListenerNames"), count);
	if (error == 0)
		error = check_values(call);
	if (error == 0)
		error = call_instance(call, &instance);
	if (error != 0)
		return error;
	if (protocol_of(protocol) != PROTOCOL_HTTP)
		return problem_set(&call->problem, "UnsupportedOperation", "Protocol",
				   "Protocol: %s listeners are not built yet; HTTP is.", protocol);
	error = check_foreign_settings(call);
	if (error == 0)
		error = quota_check(QUOTA_OF_LISTENERS, instance->listener_count, count,
				    &call->problem);
	return error == 0 ? create_all(call, instance) : error;
}

int modify_listener(struct call *call)
{
	const char *name = input_text(call->input, "ListenerName");
	struct instance *instance;
	struct listener *listener;
	int error = name ? validate_name(name, "ListenerName", &call->problem) : 0;

	if (error == 0)
		error = check_values(call);
	if (error == 0)
		error = call_listener(call, &instance, &listener);
	if (error == 0)
		error = check_foreign_settings(call);
	if (error == 0 && name)
		error = text_set(&listener->name, name);
	if (error != 0)
		return error;
	listener->has_keepalive =
		input_integer(call->input, "KeepaliveEnable", listener->has_keepalive) == 1;
	error = store_update_listener(call->control->store, listener);
	return error == 0 ? call_touch(call, instance) : error;
}

const struct field delete_listener_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER },
	{ 0 },
};

int delete_listener(struct call *call)
{
	struct instance *instance;
	struct listener *listener;
	int error = call_listener(call, &instance, &listener);

	if (error == 0)
		error = store_delete_listener(call->control->store, listener);
	if (error != 0)
		return error;
	instance_remove_listener(instance, listener);
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
		if (json_array_append_new(listeners, answer_listener(listener)) != 0)
			return -ENOMEM;
	}
	if (json_object_set_new(call->output, "TotalCount",
				json_integer((json_int_t)json_array_size(listeners))) != 0)
		return -ENOMEM;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and checking the settings of a listener. What belongs to other protocols is refused here
 * by name, never ignored. Control's one thread; touches nothing but the listener it is given.
 */
#include "control/listener_input.h"

#include <errno.h>
#include <string.h>

#include "control/call_noun.h"
#include "control/health_input.h"
#include "control/shared_fields.h"
#include "control/target_owner.h"
#include "model/validate.h"

static const char *const scheduler_words[] = { "WRR", "LEAST_CONN", NULL };
static const char *const access_log_format_words[] = { "brackets", "json", NULL };
static const char *const session_type_words[] = { "NORMAL", "QUIC_CID", NULL };

#define ABOUT_CHECK                                                                                 \
	"TCP and UDP: how the servers are checked. Default: on. An HTTP listener's checks are set " \
	"on its rules."
#define ABOUT_KEEPALIVE                                                                      \
	"HTTP: connections to servers are kept for further requests. Default 1, unlike the " \
	"reference, because there is no cloud network in between; 0 is honoured."
#define ABOUT_SESSION                                                                              \
	"TCP and UDP: seconds without traffic after which a client's address is no longer kept "   \
	"with its server: 0 off (default), or 30 to 3600. Goes with WRR only. An HTTP listener's " \
	"persistence is set on its rules."
#define ABOUT_SESSION_TYPE \
	"NORMAL (default): by the client's address. QUIC_CID, for UDP, is not built yet."
#define ABOUT_SCHEDULER                                                                            \
	"TCP and UDP: WRR (default), or LEAST_CONN. An HTTP listener's schedulers are set on its " \
	"rules."
#define ABOUT_IDLE                                                                              \
	"Seconds without data in either direction after which a connection or flow ends. TCP: " \
	"900, and nothing else is accepted. UDP: 10 to 1980, default 300."
#define ABOUT_DEREGISTER                                                                          \
	"TCP and UDP: connections to a server that is unbound are reset. Default false: they go " \
	"on."
#define ABOUT_ZERO_WEIGHT \
	"TCP and UDP: connections to a server are reset when its weight becomes 0."
#define ABOUT_UNHEALTHY "TCP and UDP: connections to a server are reset when it becomes unhealthy."
#define ABOUT_EXPAND \
	"TCP and UDP: connections are reset and spread anew when servers are bound or unbound."
#define ABOUT_START "TCP and UDP: seconds from the event to the first reset. Default 0."
#define ABOUT_INTERVAL "TCP and UDP: seconds over which the resets are spread. Default 0."
#define ABOUT_CONNECTIONS                                                                           \
	"TCP and UDP: the most connections (flows) at a time, over all workers; more are refused. " \
	"-1 without limit (default)."
#define ABOUT_RATE                                                                              \
	"TCP and UDP: the most new connections (flows) a second; more are refused. -1 without " \
	"limit (default)."
#define ABOUT_PROXY                                                                             \
	"Extension on TCP listeners: each connection to a server begins with a PROXY protocol " \
	"header, version 2, that tells the client's address. Default false."
#define ABOUT_SNAT                                                                               \
	"Accepted and not kept: servers always see the balancer's address. X-Forwarded-For has " \
	"the client's on HTTP listeners, ProxyProtocol tells it on TCP ones."
#define ABOUT_RESPONSES                                                                          \
	"Extension on UDP listeners: a flow ends after so many answers of its server, as suits " \
	"DNS (1). Default 0: it ends by IdleConnectTimeout."

#define ABOUT_LOG                                                                                \
	"Extension on HTTP listeners: off (default), stderr, or the name of a file below "       \
	"--log-dir: 1 to 64 characters of A-Z, a-z, 0-9, \".\", \"_\" and \"-\", not beginning " \
	"with a dot. Listeners may share a file."
#define ABOUT_LOG_FORMAT \
	"Extension on HTTP listeners: brackets (default), or json: an object a line."

/* What create and modify take alike. */
#define SETTING_FIELDS                                                                           \
	{ "HealthCheck", FIELD_OBJECT, .fields = health_check_fields, .about = ABOUT_CHECK },    \
		{ "Certificate", FIELD_OBJECT, .fields = certificate_fields,                     \
		  .about = "HTTPS and TCP_SSL listeners only." },                                \
		{ "MultiCertInfo", FIELD_OBJECT, .fields = multi_certificate_fields,             \
		  .about = "HTTPS and TCP_SSL listeners only." },                                \
		{ "SessionExpireTime", FIELD_INTEGER, .about = ABOUT_SESSION },                  \
		{ "SessionType", FIELD_TEXT, .words = session_type_words,                        \
		  .about = ABOUT_SESSION_TYPE },                                                 \
		{ "Scheduler", FIELD_TEXT, .words = scheduler_words, .about = ABOUT_SCHEDULER }, \
		{ "SniSwitch", FIELD_INTEGER, .most = 1, .about = "HTTPS listeners only." },     \
		{ "TargetType", FIELD_TEXT, .words = target_type_words,                          \
		  .about = ABOUT_TARGET_TYPE },                                                  \
		{ "KeepaliveEnable", FIELD_INTEGER, .most = 1, .about = ABOUT_KEEPALIVE },       \
		{ "IdleConnectTimeout", FIELD_INTEGER, .about = ABOUT_IDLE },                    \
		{ "DeregisterTargetRst", FIELD_BOOLEAN, .about = ABOUT_DEREGISTER },             \
		{ "RescheduleTargetZeroWeight", FIELD_BOOLEAN, .about = ABOUT_ZERO_WEIGHT },     \
		{ "RescheduleUnhealthy", FIELD_BOOLEAN, .about = ABOUT_UNHEALTHY },              \
		{ "RescheduleExpandTarget", FIELD_BOOLEAN, .about = ABOUT_EXPAND },              \
		{ "RescheduleStartTime", FIELD_INTEGER, .most = RESCHEDULE_MOST_S,               \
		  .about = ABOUT_START },                                                        \
		{ "RescheduleInterval", FIELD_INTEGER, .most = RESCHEDULE_MOST_S,                \
		  .about = ABOUT_INTERVAL },                                                     \
		{ "MaxConn", FIELD_INTEGER, .about = ABOUT_CONNECTIONS },                        \
		{ "MaxCps", FIELD_INTEGER, .about = ABOUT_RATE },                                \
		{ "ProxyProtocol", FIELD_BOOLEAN, .about = ABOUT_PROXY },                        \
		{ "SnatEnable", FIELD_BOOLEAN, FIELD_IGNORED, .about = ABOUT_SNAT },             \
		{ "UdpResponses", FIELD_INTEGER, .most = UDP_RESPONSES_MOST,                     \
		  .about = ABOUT_RESPONSES },                                                    \
		{ "DrainPolicy", FIELD_TEXT, .words = drain_words, .about = ABOUT_DRAIN },       \
		{ "AccessLog", FIELD_TEXT, .about = ABOUT_LOG },                                 \
		{ "AccessLogFormat", FIELD_TEXT, .words = access_log_format_words,               \
		  .about = ABOUT_LOG_FORMAT },                                                   \
	{                                                                                        \
		"DataCompressMode", FIELD_TEXT, FIELD_UNSUPPORTED,                               \
			.neutral = "transparent", .about = "compression is left to the servers." \
	}

const struct field create_listener_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "Ports", FIELD_INTEGER_LIST, FIELD_REQUIRED, .least = 1, .most = 65535,
	  .about = "One listener for each. TCP and HTTP share one space of ports, UDP has the "
		   "other." },
	{ "Protocol", FIELD_TEXT, FIELD_REQUIRED, .words = protocol_words,
	  .about = "HTTP, TCP, UDP; the others answer UnsupportedOperation until they are built." },
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

#define ON_HTTP (1u << PROTOCOL_HTTP)
#define ON_TCP (1u << PROTOCOL_TCP)
#define ON_UDP (1u << PROTOCOL_UDP)
#define ON_LAYER_4 (ON_TCP | ON_UDP)
#define ON_RULES "is set on the rules of an HTTP listener, not on the listener."
#define TCP_AND_UDP "goes with TCP and UDP listeners only."

/* Settings that not every listener has: who has them, and the value that asks for nothing where it
 * is not 0, false or empty. */
static const struct {
	const char *name;
	unsigned protocols;
	const char *neutral, *reason;
} settings[] = {
	{ "HealthCheck", ON_LAYER_4, NULL, ON_RULES },
	{ "Certificate", 0, NULL, "goes with HTTPS and TCP_SSL listeners only." },
	{ "MultiCertInfo", 0, NULL, "goes with HTTPS and TCP_SSL listeners only." },
	{ "SessionExpireTime", ON_LAYER_4, NULL,
	  "is set on the rules of an HTTP listener, not on the listener; only 0 is accepted." },
	{ "SessionType", ON_LAYER_4, "NORMAL", "QUIC_CID goes with UDP listeners only." },
	{ "Scheduler", ON_LAYER_4, "WRR", ON_RULES },
	{ "SniSwitch", 0, NULL, "goes with HTTPS listeners only." },
	{ "TargetType", ON_LAYER_4, "NODE", "goes with layer-4 listeners only." },
	{ "KeepaliveEnable", ON_HTTP, NULL, "goes with HTTP and HTTPS listeners only." },
	{ "IdleConnectTimeout", ON_LAYER_4, NULL, TCP_AND_UDP },
	{ "DeregisterTargetRst", ON_LAYER_4, NULL, TCP_AND_UDP },
	{ "RescheduleTargetZeroWeight", ON_LAYER_4, NULL, TCP_AND_UDP },
	{ "RescheduleUnhealthy", ON_LAYER_4, NULL, TCP_AND_UDP },
	{ "RescheduleExpandTarget", ON_LAYER_4, NULL, TCP_AND_UDP },
	{ "RescheduleStartTime", ON_LAYER_4, NULL, TCP_AND_UDP },
	{ "RescheduleInterval", ON_LAYER_4, NULL, TCP_AND_UDP },
	{ "ProxyProtocol", ON_TCP, NULL, "goes with TCP, TCP_SSL and QUIC listeners only." },
	{ "UdpResponses", ON_UDP, NULL, "goes with UDP listeners only." },
	{ "DrainPolicy", ON_LAYER_4, "MOVE", ON_RULES },
	{ "AccessLog", ON_HTTP, "off", "goes with HTTP listeners only." },
	{ "AccessLogFormat", ON_HTTP, "brackets", "goes with HTTP listeners only." },
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

static int check_foreign(struct call *call, enum protocol protocol)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		const char *name = settings[i].name;
		const json_t *value = input_get(call->input, name);

		if (value && !(settings[i].protocols & 1u << protocol) &&
		    asks_for_something(value, settings[i].neutral))
			return problem_set(&call->problem, "InvalidParameter", name, "%s %s", name,
					   settings[i].reason);
	}
	return 0;
}

int listener_check_values(struct call *call)
{
	struct problem *problem = &call->problem;
	int error = validate_session_expire(input_integer(call->input, "SessionExpireTime", 0),
					    "SessionExpireTime", problem);

	if (error == 0)
		error = validate_connection_cap(input_integer(call->input, "MaxConn", -1),
						"MaxConn", problem);
	return error == 0 ? validate_connection_cap(input_integer(call->input, "MaxCps", -1),
						    "MaxCps", problem)
			  : error;
}

void listener_defaults(struct listener *listener, enum protocol protocol)
{
	listener->protocol = (uint8_t)protocol;
	listener->target_type = TARGETS_OWN;
	listener->scheduler = SCHEDULER_WRR;
	listener->has_keepalive = !protocol_is_layer4(protocol);
	listener->access_log_format = protocol_is_layer4(protocol) ? 0 : ACCESS_LOG_BRACKETS;
	layer4_defaults(&listener->layer4, protocol);
	health_check_defaults(&listener->health_check, protocol);
}

int listener_copy_settings(const struct listener *from, struct listener *to)
{
	struct health_check check;
	int error = health_check_copy(&from->health_check, &check);

	if (error == 0 && text_set(&to->access_log, from->access_log) != 0) {
		health_check_done(&check);
		error = -ENOMEM;
	}
	if (error != 0)
		return error;
	health_check_done(&to->health_check);
	to->health_check = check;
	to->protocol = from->protocol;
	to->scheduler = from->scheduler;
	to->session_expire_s = from->session_expire_s;
	to->target_type = from->target_type;
	to->layer4 = from->layer4;
	to->has_keepalive = from->has_keepalive;
	to->access_log_format = from->access_log_format;
	return 0;
}

static int read_access_log(struct call *call, struct listener *listener)
{
	const char *name = input_text(call->input, "AccessLog");
	const char *format = input_text(call->input, "AccessLogFormat");

	if (format)
		listener->access_log_format = (uint8_t)access_log_format_of(format);
	if (!name)
		return 0;
	if (strcmp(name, "off") == 0)
		return text_set(&listener->access_log, "");
	if (validate_access_log(name, "AccessLog", &call->problem) != 0)
		return -EINVAL;
	return text_set(&listener->access_log, name);
}

static int read_http(struct call *call, struct listener *listener)
{
	static const char *const caps[] = { "MaxConn", "MaxCps" };

	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		if (input_integer(call->input, caps[i], -1) != -1)
			return problem_set(&call->problem, "UnsupportedOperation", caps[i],
					   "%s: limits on the connections of HTTP listeners are "
					   "not built yet.",
					   caps[i]);
	}
	listener->has_keepalive =
		input_integer(call->input, "KeepaliveEnable", listener->has_keepalive) == 1;
	return read_access_log(call, listener);
}

static void read_flag(const json_t *input, const char *name, bool *flag)
{
	*flag = input_boolean(input, name, *flag);
}

/* Values that no check of before has seen are checked before they are cut to their types. */
static int read_layer4(struct call *call, enum protocol protocol, struct layer4 *layer4)
{
	const json_t *input = call->input;
	int64_t idle = input_integer(input, "IdleConnectTimeout", layer4->idle_timeout_s);
	int error = validate_idle_timeout(idle, protocol, "IdleConnectTimeout", &call->problem);

	if (error != 0)
		return error;
	layer4->idle_timeout_s = (uint32_t)idle;
	layer4->max_conn = (int32_t)input_integer(input, "MaxConn", layer4->max_conn);
	layer4->max_cps = (int32_t)input_integer(input, "MaxCps", layer4->max_cps);
	layer4->reschedule_start_s =
		(uint16_t)input_integer(input, "RescheduleStartTime", layer4->reschedule_start_s);
	layer4->reschedule_interval_s =
		(uint16_t)input_integer(input, "RescheduleInterval", layer4->reschedule_interval_s);
	layer4->udp_responses =
		(uint16_t)input_integer(input, "UdpResponses", layer4->udp_responses);
	read_flag(input, "DeregisterTargetRst", &layer4->resets_deregistered);
	read_flag(input, "RescheduleTargetZeroWeight", &layer4->reschedules_zero_weight);
	read_flag(input, "RescheduleUnhealthy", &layer4->reschedules_unhealthy);
	read_flag(input, "RescheduleExpandTarget", &layer4->reschedules_expand);
	read_flag(input, "ProxyProtocol", &layer4->has_proxy_protocol);
	drain_read(input, &layer4->keeps_draining);
	return validate_layer4(layer4, protocol, "", &call->problem);
}

static int read_check(struct call *call, struct listener *listener)
{
	int error = health_check_read(input_get(call->input, "HealthCheck"),
				      &listener->health_check, "HealthCheck", &call->problem);

	return error == 0 ? validate_health_check(&listener->health_check,
						  (enum protocol)listener->protocol, "HealthCheck",
						  &call->problem)
			  : error;
}

/* How clients are spread and kept. */
static int read_spreading(struct call *call, const struct instance *instance,
			  struct listener *listener)
{
	const char *word = input_text(call->input, "Scheduler");
	struct session_type_use use = {
		.protocol = (enum protocol)listener->protocol,
		.vip_family = (enum address_family)instance->vip.family,
	};
	int error;

	if (word)
		listener->scheduler = (uint8_t)scheduler_of(word);
	use.scheduler = (enum scheduler)listener->scheduler;
	listener_set_session_expire(listener,
				    (uint32_t)input_integer(call->input, "SessionExpireTime",
							    listener->session_expire_s));
	error = validate_layer4_scheduler(use.scheduler, "Scheduler", &call->problem);
	if (error == 0)
		error = validate_session_scheduler(listener->session_expire_s, use.scheduler,
						   "SessionExpireTime", &call->problem);
	return error == 0 ? validate_session_type(input_text(call->input, "SessionType"), &use,
						  "SessionType", &call->problem)
			  : error;
}

int listener_read(struct call *call, const struct instance *instance, struct listener *listener)
{
	enum protocol protocol = (enum protocol)listener->protocol;
	int error = check_foreign(call, protocol);

	if (error != 0)
		return error;
	if (!protocol_is_layer4(protocol))
		return read_http(call, listener);
	error = read_layer4(call, protocol, &listener->layer4);
	if (error == 0)
		error = read_check(call, listener);
	if (error == 0)
		error = read_spreading(call, instance, listener);
	return error == 0 ? target_type_read(call, call->input, "", &listener->target_type) : error;
}

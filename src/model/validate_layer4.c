/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for what only TCP and UDP listeners have: ranges, and which setting goes with which
 * protocol (api.md 7, SP-29, SP-48, SP-54). Pure; any thread.
 */
#include "model/validate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VALUE "InvalidParameterValue"
#define COMBINATION "InvalidParameter"
#define UNSUPPORTED "UnsupportedOperation"

int validate_layer4_scheduler(enum scheduler scheduler, const char *field, struct problem *problem)
{
	if (scheduler == SCHEDULER_WRR || scheduler == SCHEDULER_LEAST_CONN)
		return 0;
	return problem_set(problem, VALUE, field, "%s must be WRR or LEAST_CONN on a listener.",
			   problem_field_name(field));
}

int validate_session_type(const char *type, const struct session_type_use *use, const char *field,
			  struct problem *problem)
{
	const char *name = problem_field_name(field);

	if (!type || strcmp(type, "NORMAL") == 0)
		return 0;
	if (strcmp(type, "QUIC_CID") != 0)
		return problem_set(problem, VALUE, field, "%s must be NORMAL or QUIC_CID.", name);
	if (use->protocol != PROTOCOL_UDP || use->scheduler != SCHEDULER_WRR ||
	    use->vip_family != ADDRESS_IPV4)
		return problem_set(problem, COMBINATION, field,
				   "%s QUIC_CID goes with UDP listeners on an IPv4 address and "
				   "Scheduler WRR only.",
				   name);
	return problem_set(problem, UNSUPPORTED, field,
			   "%s: QUIC_CID is not built yet; NORMAL keeps a client by its address.",
			   name);
}

int validate_connection_cap(int64_t cap, const char *field, struct problem *problem)
{
	if (cap == -1 || (cap >= 1 && cap <= MAX_CONN_MOST))
		return 0;
	return problem_set(problem, VALUE, field,
			   "%s must be -1 (without limit) or between 1 and %d; %" PRId64 " is not.",
			   problem_field_name(field), MAX_CONN_MOST, cap);
}

static int check_range(int64_t value, int64_t most, const char *field, struct problem *problem)
{
	if (value >= 0 && value <= most)
		return 0;
	return problem_set(problem, VALUE, field,
			   "%s must be between 0 and %" PRId64 "; %" PRId64 " is not.",
			   problem_field_name(field), most, value);
}

int validate_reschedule(int64_t seconds, const char *field, struct problem *problem)
{
	return check_range(seconds, RESCHEDULE_MOST_S, field, problem);
}

int validate_udp_responses(int64_t count, const char *field, struct problem *problem)
{
	return check_range(count, UDP_RESPONSES_MOST, field, problem);
}

int validate_idle_timeout(int64_t seconds, enum protocol protocol, const char *field,
			  struct problem *problem)
{
	const char *name = problem_field_name(field);

	if (!protocol_is_layer4(protocol))
		return problem_set(problem, COMBINATION, field,
				   "%s goes with TCP and UDP listeners only.", name);
	if (protocol == PROTOCOL_TCP && seconds != TCP_IDLE_TIMEOUT_S)
		return problem_set(problem, VALUE, field,
				   "%s of a TCP listener is %d seconds and cannot be changed; "
				   "%" PRId64 " is refused.",
				   name, TCP_IDLE_TIMEOUT_S, seconds);
	if (protocol == PROTOCOL_UDP &&
	    (seconds < UDP_IDLE_TIMEOUT_LEAST_S || seconds > UDP_IDLE_TIMEOUT_MOST_S))
		return problem_set(problem, VALUE, field,
				   "%s of a UDP listener must be between %d and %d seconds; "
				   "%" PRId64 " is not.",
				   name, UDP_IDLE_TIMEOUT_LEAST_S, UDP_IDLE_TIMEOUT_MOST_S,
				   seconds);
	return 0;
}

/* Room for a listener's path and the longest of the names. */
struct path {
	char text[160];
};

static struct path path_of(const char *field, const char *name)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "%s%s%s", field, field[0] ? "." : "", name);
	return path;
}

static int refuse_foreign(const char *field, const char *name, const char *protocols,
			  struct problem *problem)
{
	return problem_set(problem, COMBINATION, path_of(field, name).text,
			   "%s goes with %s listeners only.", name, protocols);
}

/* The first setting that no listener of this protocol has: its name and who has it. */
static int check_foreign(const struct layer4 *layer4, enum protocol protocol, const char *field,
			 struct problem *problem)
{
	bool is_layer4 = protocol_is_layer4(protocol);
	const struct {
		const char *name, *protocols;
		bool is_wrong;
	} settings[] = {
		{ "MaxConn", "TCP and UDP", !is_layer4 && layer4->max_conn != 0 },
		{ "MaxCps", "TCP and UDP", !is_layer4 && layer4->max_cps != 0 },
		{ "DeregisterTargetRst", "TCP and UDP", !is_layer4 && layer4->resets_deregistered },
		{ "RescheduleTargetZeroWeight", "TCP and UDP",
		  !is_layer4 && layer4->reschedules_zero_weight },
		{ "RescheduleUnhealthy", "TCP and UDP",
		  !is_layer4 && layer4->reschedules_unhealthy },
		{ "RescheduleExpandTarget", "TCP and UDP",
		  !is_layer4 && layer4->reschedules_expand },
		{ "RescheduleStartTime", "TCP and UDP", !is_layer4 && layer4->reschedule_start_s },
		{ "RescheduleInterval", "TCP and UDP",
		  !is_layer4 && layer4->reschedule_interval_s },
		{ "SessionExpireTime", "TCP and UDP", !is_layer4 && layer4->session_epoch },
		{ "ProxyProtocol", "TCP", protocol != PROTOCOL_TCP && layer4->has_proxy_protocol },
		{ "UdpResponses", "UDP", protocol != PROTOCOL_UDP && layer4->udp_responses },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (settings[i].is_wrong)
			return refuse_foreign(field, settings[i].name, settings[i].protocols,
					      problem);
	}
	return 0;
}

int validate_layer4(const struct layer4 *layer4, enum protocol protocol, const char *field,
		    struct problem *problem)
{
	int error = check_foreign(layer4, protocol, field, problem);

	if (error == 0 && (protocol_is_layer4(protocol) || layer4->idle_timeout_s != 0))
		error = validate_idle_timeout(layer4->idle_timeout_s, protocol,
					      path_of(field, "IdleConnectTimeout").text, problem);
	if (error || !protocol_is_layer4(protocol))
		return error;
	error = validate_connection_cap(layer4->max_conn, path_of(field, "MaxConn").text, problem);
	if (error == 0)
		error = validate_connection_cap(layer4->max_cps, path_of(field, "MaxCps").text,
						problem);
	if (error == 0)
		error = validate_reschedule(layer4->reschedule_start_s,
					    path_of(field, "RescheduleStartTime").text, problem);
	if (error == 0)
		error = validate_reschedule(layer4->reschedule_interval_s,
					    path_of(field, "RescheduleInterval").text, problem);
	return error;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeTargetHealthLog: the last changes of servers' health, from the ring in the shared region
 * (fields of features.md section 13). What has been deleted since has no ids any more, but its
 * addresses. Control's one thread.
 */
#include <errno.h>
#include <string.h>

#include "control/actions.h"
#include "control/answer.h"
#include "control/call_noun.h"
#include "control/shared_fields.h"
#include "process/regions.h"

#define PAGE_DEFAULT 20
#define PAGE_MOST 100

const struct field describe_target_health_log_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, .about = "Default: all instances, also deleted ones." },
	{ "ListenerId", FIELD_TEXT, .about = "With LoadBalancerId: one listener." },
	{ "LocationId", FIELD_TEXT, .about = "With ListenerId: one rule." },
	{ "EniIp", FIELD_TEXT, .about = "Of this server only." },
	{ "Port", FIELD_INTEGER, .least = 1, .most = 65535, .about = "Of servers with this port." },
	{ "Offset", FIELD_INTEGER, .most = INT32_MAX, .about = "Default 0: from the newest." },
	{ "Limit", FIELD_INTEGER, .most = PAGE_MOST, .about = "Default 20." },
	{ 0 },
};

/* What is asked for; NULL and 0: anything. */
struct wanted {
	const struct instance *instance;
	const struct listener *listener;
	const struct rule *rule;
	struct address address; /* family 0: any */
	int64_t port;
};

static int missing(struct call *call, const char *name, const char *with)
{
	return problem_set(&call->problem, "MissingParameter", name, "%s is required with %s.",
			   name, with);
}

static int read_nouns(struct call *call, struct wanted *wanted)
{
	bool has_rule = input_has(call->input, "LocationId");
	bool has_listener = input_has(call->input, "ListenerId");
	struct instance *instance = NULL;
	struct listener *listener = NULL;
	struct rule *rule = NULL;
	int error = 0;

	if (has_rule && !has_listener)
		return missing(call, "ListenerId", "LocationId");
	if (has_listener && !input_has(call->input, "LoadBalancerId"))
		return missing(call, "LoadBalancerId", "ListenerId");
	if (has_rule)
		error = call_listener_7(call, &instance, &listener);
	else if (has_listener)
		error = call_listener(call, &instance, &listener);
	else if (input_has(call->input, "LoadBalancerId"))
		error = call_instance(call, &instance);
	if (error == 0 && has_rule)
		error = call_rule(call, listener, &rule);
	wanted->instance = instance;
	wanted->listener = listener;
	wanted->rule = rule;
	return error;
}

static int read_wanted(struct call *call, struct wanted *ret)
{
	const char *ip = input_text(call->input, "EniIp");

	if (ip && address_parse_ip(bytes_of(ip), &ret->address) != 0)
		return problem_set(&call->problem, "InvalidParameter.FormatError", "EniIp",
				   "EniIp: %.64s is no address.", ip);
	ret->port = input_integer(call->input, "Port", 0);
	return read_nouns(call, ret);
}

static const struct listener *find_listener(const struct instance *instance, uint64_t number)
{
	for (size_t i = 0; i < instance->listener_count; i++) {
		if (instance->listeners[i]->number == number)
			return instance->listeners[i];
	}
	return NULL;
}

static bool is_wanted(const struct health_event *event, const struct wanted *wanted)
{
	const struct address *address = &event->address;

	if (wanted->rule && wanted->rule->number != event->rule)
		return false;
	if (wanted->listener
		    ? wanted->listener->number != event->listener
		    : wanted->instance && !find_listener(wanted->instance, event->listener))
		return false;
	if (wanted->port && wanted->port != address->port)
		return false;
	return wanted->address.family == ADDRESS_NONE ||
	       (wanted->address.family == address->family &&
		memcmp(wanted->address.ip, address->ip, sizeof(address->ip)) == 0);
}

/* The nouns of an event as they are now; NULL for what is gone. */
static struct wanted nouns_of(const struct model *model, const struct health_event *event)
{
	struct wanted nouns = { 0 };

	for (size_t i = 0; i < model->instance_count && !nouns.listener; i++) {
		nouns.instance = model->instances[i];
		nouns.listener = find_listener(nouns.instance, event->listener);
	}
	if (!nouns.listener)
		return (struct wanted){ 0 };
	for (size_t i = 0; i < nouns.listener->rule_count; i++) {
		if (nouns.listener->rules[i]->number == event->rule)
			nouns.rule = nouns.listener->rules[i];
	}
	return nouns;
}

static json_t *answer_event(const struct model *model, const struct health_event *event)
{
	const struct wanted nouns = nouns_of(model, event);
	const char *protocol = protocol_name((enum protocol)event->protocol);
	const char *domain = nouns.rule ? nouns.rule->domain : NULL;
	char ip[ADDRESS_IP_TEXT_SIZE], vip[ADDRESS_IP_TEXT_SIZE];

	address_format_ip(&event->address, ip);
	address_format_ip(&event->vip, vip);
	return json_pack("{s:o, s:s?, s:s?, s:s?, s:s?, s:s, s:i, s:i, s:s, s:i, s:i, s:b, s:s, "
			 "s:s, s:s?, s:s?}",
			 "Time", answer_time(event->wall_s), "LoadBalancerId",
			 nouns.instance ? nouns.instance->id : NULL, "ListenerId",
			 nouns.listener ? nouns.listener->id : NULL, "LocationId",
			 nouns.rule ? nouns.rule->id : NULL, "Protocol", protocol ? protocol : "",
			 "Vip", vip, "VPort", event->vip.port, "VpcId", -1, "RsIp", ip, "RsPort",
			 event->address.port, "RsVpcId", -1, "Status", event->state == HEALTH_ALIVE,
			 "StatusDetail", health_state_name((enum health_state)event->state),
			 "Reason", health_reason_name((enum health_reason)event->reason), "Domain",
			 domain, "Url", nouns.rule ? nouns.rule->url : NULL);
}

/* Newest first; what the checker writes over meanwhile is left out. */
static int answer_events(struct call *call, const struct region_health_log *log,
			 const struct wanted *wanted, json_t *list)
{
	size_t offset = (size_t)input_integer(call->input, "Offset", 0);
	size_t limit = (size_t)input_integer(call->input, "Limit", PAGE_DEFAULT);
	uint64_t end = log ? health_log_end(log) : 0;
	uint64_t first = end > HEALTH_LOG_ROWS ? end - HEALTH_LOG_ROWS : 0;
	size_t found = 0;

	for (uint64_t position = end; position > first; position--) {
		struct health_event event;

		if (!health_log_read(log, position - 1, &event) || !is_wanted(&event, wanted))
			continue;
		if (found >= offset && found - offset < limit &&
		    json_array_append_new(list, answer_event(&call->control->model, &event)) != 0)
			return -ENOMEM;
		found++;
	}
	return json_object_set_new(call->output, "TotalCount", json_integer((json_int_t)found)) == 0
		       ? 0
		       : -ENOMEM;
}

int describe_target_health_log(struct call *call)
{
	const struct regions *regions = call->control->regions;
	json_t *list = json_array();
	struct wanted wanted = { 0 };

	if (json_object_set_new(call->output, "HealthLogSet", list) != 0)
		return -ENOMEM;
	if (read_wanted(call, &wanted) != 0)
		return -EINVAL;
	return answer_events(call, regions ? &regions->health_log : NULL, &wanted, list);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of the model and of a file as comparable JSON. Pure but for the problem it may set. */
#include "control/configuration_compare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/configuration_key.h"
#include "control/health_input.h"
#include "control/listener_input.h"
#include "control/shared_fields.h"
#include "model/route_text.h"

#define BANDWIDTH_DEFAULT 10 /* api.md section 6 */

void comparison_done(struct comparison *comparison)
{
	json_decref(comparison->now);
	json_decref(comparison->wanted);
}

/*
 * `now` and `defaults` (both stolen): wanted is what the file gives of the fields of now, else the
 * default, else nothing, which leaves it as it is.
 */
static int compare(const json_t *input, json_t *now, json_t *defaults, struct comparison *ret)
{
	const char *name;
	json_t *value;

	*ret = (struct comparison){ now, defaults };
	if (!now || !defaults)
		return -ENOMEM;
	json_object_foreach(now, name, value)
	{
		const json_t *given = input_get(input, name);

		if (given && json_object_set(defaults, name, (json_t *)given))
			return -ENOMEM;
	}
	return 0;
}

/* In the file's own spelling when it means the same; an empty text asks for nothing. */
static const char *like(const json_t *input, const char *name, const char *now)
{
	const char *given = input_text(input, name);

	return given && (!*given || !strcasecmp(given, now)) ? given : now;
}

/* The address has more than one spelling too. */
static const char *vip_like(const json_t *input, const struct address *vip,
			    char text[ADDRESS_IP_TEXT_SIZE])
{
	const char *given = input_text(input, "Vip");
	struct address address;

	address_format_ip(vip, text);
	if (given && *given && !address_parse_ip(bytes_of(given), &address) &&
	    address_equal(&address, vip))
		return given;
	return given && !*given ? given : text;
}

/* Of InternetAccessible only the bandwidth means something here. */
static json_t *internet_json(int64_t bandwidth)
{
	return json_pack("{s:I}", "InternetMaxBandwidthOut", (json_int_t)bandwidth);
}

int compare_instance(const struct plan_instance *it, struct comparison *ret)
{
	const struct instance *instance = it->instance;
	const json_t *internet = input_get(it->input, "InternetAccessible");
	char vip[ADDRESS_IP_TEXT_SIZE];
	const char *version = instance->vip.family == ADDRESS_IPV6 ? "IPv6FullChain" : "IPV4";
	json_t *now = json_pack("{s:s s:b s:b s:o s:s s:s s:s s:s s:s s:I s:i}", "LoadBalancerName",
				instance->name, "DeleteProtect", instance->is_delete_protected,
				"LoadBalancerPassToTarget", instance->passes_to_target,
				"InternetAccessible", internet_json(instance->bandwidth_out),
				"LoadBalancerType", network_name((enum network)instance->network),
				"Vip", vip_like(it->input, &instance->vip, vip), "AddressIPVersion",
				like(it->input, "AddressIPVersion", version), "VpcId",
				instance->vpc_id, "SubnetId", instance->subnet_id, "ProjectId",
				(json_int_t)instance->project_id, "Forward", 1);
	int error = compare(
		it->input, now,
		json_pack("{s:b s:b}", "DeleteProtect", 0, "LoadBalancerPassToTarget", 0), ret);

	if (!error &&
	    json_object_set_new(ret->wanted, "InternetAccessible",
				internet_json(input_integer(internet, "InternetMaxBandwidthOut",
							    BANDWIDTH_DEFAULT))))
		error = -ENOMEM;
	return error;
}

/* Texts that checks have by default, so that leaving one out and writing it are the same. */
static json_t *check_json(const struct health_check *check, const char *domain)
{
	json_t *json = health_check_json(check);

	if (json && !check->path && json_object_set_new(json, "HttpCheckPath", json_string("/")))
		goto fail;
	if (json && !check->domain && *domain &&
	    json_object_set_new(json, "HttpCheckDomain", json_string(domain)))
		goto fail;
	return json;
fail:
	json_decref(json);
	return NULL;
}

int compare_wanted_check(const json_t *input, enum protocol protocol, struct health_check *ret,
			 struct problem *problem)
{
	const json_t *given = input_get(input, "HealthCheck");
	struct health_check check;
	int error = 0;

	health_check_defaults(&check, protocol);
	if (given)
		error = health_check_read(given, &check, "HealthCheck", problem);
	if (error)
		health_check_done(&check);
	else
		*ret = check;
	return error;
}

/* A text that is set now and is not wanted any more stands as null, so that it is seen to differ.
 */
static int add_nulls(const json_t *now, json_t *wanted)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)now, name, value)
	{
		if (!json_object_get(wanted, name) &&
		    json_object_set_new(wanted, name, json_null()))
			return -ENOMEM;
	}
	return 0;
}

/* What has a health check: a rule or a layer-4 listener, in the file and as it is. */
struct checked {
	const json_t *input;
	enum protocol protocol;
	const char *domain; /* the rule's; "" when none */
	const struct health_check *check;
};

/* Adds HealthCheck to both sides. */
static int compare_check(const struct checked *it, struct comparison *ret, struct problem *problem)
{
	struct health_check check;
	int error = compare_wanted_check(it->input, it->protocol, &check, problem);
	json_t *now, *wanted;

	if (error)
		return error;
	now = check_json(it->check, it->domain);
	wanted = check_json(&check, it->domain);
	health_check_done(&check);
	error = now && wanted ? add_nulls(now, wanted) : -ENOMEM;
	if (!error && (json_object_set(ret->now, "HealthCheck", now) ||
		       json_object_set(ret->wanted, "HealthCheck", wanted)))
		error = -ENOMEM;
	json_decref(now);
	json_decref(wanted);
	return error;
}

/* The name of a listener without one was made up for it: it has no default. */
static int compare_layer7(const struct plan_listener *it, struct comparison *ret)
{
	const struct listener *listener = it->listener;
	json_t *now = json_pack(
		"{s:s s:i s:i s:s s:s s:s s:s s:s?}", "ListenerName", listener->name,
		"KeepaliveEnable", listener->has_keepalive, "SessionExpireTime", 0, "Scheduler",
		"WRR", "SessionType", "NORMAL", "TargetType", "NODE", "AccessLog",
		*listener->access_log ? listener->access_log : "off", "AccessLogFormat",
		access_log_format_name((enum access_log_format)listener->access_log_format));

	return compare(it->input, now,
		       json_pack("{s:i s:s s:s}", "KeepaliveEnable", 1, "AccessLog", "off",
				 "AccessLogFormat", "brackets"),
		       ret);
}

/* What layer 4 has but for its check. */
static json_t *layer4_json(const struct listener *listener)
{
	const struct layer4 *layer4 = &listener->layer4;
	bool is_udp = listener->protocol == PROTOCOL_UDP;

	return json_pack(
		"{s:s s:i s:s s:s s:i s:i s:i s:i s:i s:b s:b s:b s:b s:s s:o* s:o*}", "Scheduler",
		scheduler_name((enum scheduler)listener->scheduler), "SessionExpireTime",
		(int)listener->session_expire_s, "SessionType", "NORMAL", "TargetType",
		target_type_name((enum target_type)listener->target_type), "IdleConnectTimeout",
		(int)layer4->idle_timeout_s, "MaxConn", (int)layer4->max_conn, "MaxCps",
		(int)layer4->max_cps, "RescheduleStartTime", layer4->reschedule_start_s,
		"RescheduleInterval", layer4->reschedule_interval_s, "DeregisterTargetRst",
		layer4->resets_deregistered, "RescheduleTargetZeroWeight",
		layer4->reschedules_zero_weight, "RescheduleUnhealthy",
		layer4->reschedules_unhealthy, "RescheduleExpandTarget", layer4->reschedules_expand,
		"DrainPolicy", drain_word(layer4->keeps_draining), "ProxyProtocol",
		is_udp ? NULL : json_boolean(layer4->has_proxy_protocol), "UdpResponses",
		is_udp ? json_integer(layer4->udp_responses) : NULL);
}

static int compare_layer4(const struct plan_listener *it, struct comparison *ret,
			  struct problem *problem)
{
	const struct listener *listener = it->listener;
	const struct checked checked = { it->input, (enum protocol)listener->protocol, "",
					 &listener->health_check };
	struct listener defaults = { 0 };
	json_t *now = layer4_json(listener);
	int error;

	if (now && json_object_set_new(now, "ListenerName", json_string(listener->name))) {
		json_decref(now);
		now = NULL;
	}
	listener_defaults(&defaults, checked.protocol);
	defaults.target_type = listener->target_type; /* which TargetGroup has settled */
	error = compare(it->input, now, layer4_json(&defaults), ret);
	health_check_done(&defaults.health_check);
	return error ? error : compare_check(&checked, ret, problem);
}

int compare_listener(const struct plan_listener *it, struct comparison *ret,
		     struct problem *problem)
{
	return protocol_is_layer4((enum protocol)it->listener->protocol)
		       ? compare_layer4(it, ret, problem)
		       : compare_layer7(it, ret);
}

int compare_rule(const struct plan_rule *it, struct comparison *ret, struct problem *problem)
{
	const struct rule *rule = it->rule;
	const struct checked checked = { it->input, (enum protocol)it->parent->listener->protocol,
					 rule_host(rule), &rule->health_check };
	/* By its URL it was found: there is nothing to modify. */
	json_t *now =
		json_pack("{s:s s:i s:s s:s s:s s:b s:s s:b s:s s:{} s:{}}", "Url", rule->url,
			  "SessionExpireTime", (int)rule->session_expire_s, "CookieName",
			  *rule->cookie_name ? rule->cookie_name : COOKIE_NAME_DEFAULT, "Scheduler",
			  scheduler_name((enum scheduler)rule->scheduler), "ForwardType",
			  forward_type_name((enum forward_type)rule->forward_type), "StripCookie",
			  rule->strips_cookie, "DrainPolicy", drain_word(rule->keeps_draining),
			  "Http2", rule->has_http2, "TargetType",
			  target_type_name((enum target_type)rule->target_type), "Certificate",
			  "MultiCertInfo");
	json_t *defaults =
		json_pack("{s:i s:s s:s s:s s:b s:s}", "SessionExpireTime", 0, "CookieName",
			  COOKIE_NAME_DEFAULT, "Scheduler", "WRR", "ForwardType", "HTTP",
			  "StripCookie", 0, "DrainPolicy", "MOVE");
	int error = compare(it->input, now, defaults, ret);

	return error ? error : compare_check(&checked, ret, problem);
}

/* Whether `wanted` changes nothing. Of objects: each of its members. */
static bool is_same(const json_t *now, const json_t *wanted)
{
	const char *name;
	json_t *value;

	if (!json_is_object(now) || !json_is_object(wanted))
		return json_equal(now, wanted);
	json_object_foreach((json_t *)wanted, name, value)
	{
		const json_t *member = json_object_get(now, name);

		if (member ? !is_same(member, value) : !json_is_null(value))
			return false;
	}
	return true;
}

static void print_value(const json_t *value, char *out, size_t room)
{
	if (json_is_string(value))
		snprintf(out, room, "%s",
			 *json_string_value(value) ? json_string_value(value) : "none");
	else if (json_is_integer(value))
		snprintf(out, room, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		snprintf(out, room, "%s", json_is_true(value) ? "true" : "false");
}

static bool is_scalar(const json_t *value)
{
	return !json_is_object(value) && !json_is_array(value);
}

static void print_difference(const char *name, const json_t *now, const json_t *wanted,
			     char text[COMPARE_TEXT_ROOM])
{
	size_t size = strlen(text), room = COMPARE_TEXT_ROOM - size;
	char from[96], to[96];
	const char *comma = size ? ", " : "";

	print_value(now, from, sizeof(from));
	print_value(wanted, to, sizeof(to));
	if (is_scalar(now) && is_scalar(wanted))
		snprintf(text + size, room, "%s%s %s -> %s", comma, name, from, to);
	else
		snprintf(text + size, room, "%s%s", comma, name);
}

static int refuse(struct plan *plan, const struct plan_place *place, const char *name,
		  const json_t *now)
{
	char is[96] = "";

	if (is_scalar(now))
		print_value(now, is, sizeof(is));
	return plan_refuse(plan, place, name, "InvalidParameter",
			   "%s cannot be changed once it exists%s%s.", name, *is ? "; it is " : "",
			   is);
}

/* The one field that creating and modifying call by two names. */
static const char *modified_as(const char *name)
{
	return strcmp(name, "InternetAccessible") ? name : "InternetChargeInfo";
}

/* The file's fields that `modifiable` has and that cannot be compared. */
static int add_extra(const json_t *input, const struct comparison *comparison,
		     const struct field *modifiable, struct difference *difference)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)input, name, value)
	{
		if (json_is_null(value) || json_object_get(comparison->now, name) ||
		    !field_find(modifiable, name))
			continue;
		if (json_object_set(difference->input, name, value))
			return -ENOMEM;
		difference->has_extra = true;
	}
	return 0;
}

int compare_differences(struct plan *plan, const struct plan_place *place, const json_t *input,
			const struct comparison *comparison, const struct field *modifiable,
			struct difference *difference)
{
	const char *name;
	json_t *wanted;

	json_object_foreach(comparison->wanted, name, wanted)
	{
		const json_t *now = json_object_get(comparison->now, name);

		if (is_same(now, wanted))
			continue;
		if (!field_find(modifiable, modified_as(name)))
			return refuse(plan, place, name, now);
		if (json_object_set(difference->input, modified_as(name), wanted))
			return -ENOMEM;
		print_difference(name, now, wanted, difference->text);
		difference->is_found = true;
	}
	return add_extra(input, comparison, modifiable, difference);
}

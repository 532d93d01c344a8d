/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers about nouns. What never differs stands in tables of constants, so that a field which this
 * product does not have is still there with its neutral value. Any thread.
 */
#include "control/answer.h"

#include <string.h>
#include <time.h>

#include "control/health_input.h"
#include "control/instance_tags.h"
#include "control/redirect.h"
#include "control/shared_fields.h"
#include "model/route_text.h"

enum constant_type { IS_NULL, IS_ZERO, IS_FALSE, IS_EMPTY_TEXT, IS_EMPTY_LIST };

struct constant {
	const char *name;
	enum constant_type type;
};

static json_t *constant_value(enum constant_type type)
{
	switch (type) {
	case IS_ZERO:
		return json_integer(0);
	case IS_FALSE:
		return json_false();
	case IS_EMPTY_TEXT:
		return json_string("");
	case IS_EMPTY_LIST:
		return json_array();
	case IS_NULL:
		break;
	}
	return json_null();
}

/* Takes `object` over; NULL when memory was or is out. */
static json_t *add_constants(json_t *object, const struct constant *constants, size_t count)
{
	for (size_t i = 0; i < count && object; i++) {
		if (json_object_set_new(object, constants[i].name,
					constant_value(constants[i].type)) != 0) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}

#define ADD_CONSTANTS(object, table) \
	add_constants((object), (table), sizeof(table) / sizeof((table)[0]))

json_t *answer_time(int64_t wall_s)
{
	time_t time = (time_t)wall_s;
	struct tm local;
	char text[64];

	if (!localtime_r(&time, &local) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) == 0)
		return json_string("1970-01-01 00:00:00");
	return json_string(text);
}

size_t instance_count_targets(const struct instance *instance)
{
	size_t count = 0;

	for (size_t i = 0; i < instance->listener_count; i++) {
		const struct listener *listener = instance->listeners[i];

		count += listener->target_count;
		for (size_t j = 0; j < listener->rule_count; j++)
			count += listener->rules[j]->target_count;
	}
	return count;
}

/* Takes `list` over; NULL when memory was or is out. */
static json_t *add_flag(json_t *list, bool is_on, const char *name)
{
	if (list && is_on && json_array_append_new(list, json_string(name)) != 0) {
		json_decref(list);
		list = NULL;
	}
	return list;
}

static json_t *answer_attributes(const struct instance *instance)
{
	json_t *list = add_flag(json_array(), instance->is_delete_protected, "DeleteProtect");

	return add_flag(list, instance->is_stopped, "Stop");
}

static const struct constant load_balancer_constants[] = {
	{ "Domain", IS_EMPTY_TEXT },
	{ "OpenBgp", IS_ZERO },
	{ "Snat", IS_FALSE },
	{ "Isolation", IS_ZERO },
	{ "Log", IS_EMPTY_TEXT },
	{ "SecureGroups", IS_EMPTY_LIST },
	{ "TargetRegionInfo", IS_NULL },
	{ "AnycastZone", IS_EMPTY_TEXT },
	{ "NumericalVpcId", IS_NULL },
	{ "VipIsp", IS_EMPTY_TEXT },
	{ "MasterZone", IS_NULL },
	{ "BackupZoneSet", IS_NULL },
	{ "IsolatedTime", IS_NULL },
	{ "ExpireTime", IS_NULL },
	{ "PrepaidAttributes", IS_NULL },
	{ "LogSetId", IS_EMPTY_TEXT },
	{ "LogTopicId", IS_EMPTY_TEXT },
	{ "ExtraInfo", IS_NULL },
	{ "IsDDos", IS_FALSE },
	{ "ExclusiveCluster", IS_NULL },
	{ "SnatPro", IS_FALSE },
	{ "SnatIps", IS_EMPTY_LIST },
	{ "SlaType", IS_EMPTY_TEXT },
	{ "IsBlock", IS_FALSE },
	{ "IsBlockTime", IS_EMPTY_TEXT },
	{ "LocalBgp", IS_FALSE },
	{ "ClusterTag", IS_NULL },
	{ "MixIpTarget", IS_FALSE },
	{ "Zones", IS_NULL },
	{ "NfvInfo", IS_NULL },
	{ "HealthLogSetId", IS_EMPTY_TEXT },
	{ "HealthLogTopicId", IS_EMPTY_TEXT },
	{ "ClusterIds", IS_NULL },
	{ "LoadBalancerDomain", IS_EMPTY_TEXT },
	{ "Egress", IS_EMPTY_TEXT },
	{ "Exclusive", IS_ZERO },
	{ "AssociateEndpoint", IS_EMPTY_TEXT },
	{ "AvailableZoneAffinityInfo", IS_NULL },
};

json_t *answer_load_balancer(const struct instance *instance, bool has_target_count)
{
	bool is_ipv6 = instance->vip.family == ADDRESS_IPV6;
	char vip[ADDRESS_IP_TEXT_SIZE];
	json_t *object;

	address_format_ip(&instance->vip, vip);
	object = json_pack(
		"{s:s, s:s, s:s, s:i, s:[s], s:s, s:s, s:s?, s:i, s:o, s:o, s:I, s:s, s:s, s:o, "
		"s:s, s:{s:n, s:I, s:n}, s:b, s:o, s:o, s:s}",
		"LoadBalancerId", instance->id, "LoadBalancerName", instance->name,
		"LoadBalancerType", network_name((enum network)instance->network), "Forward", 1,
		"LoadBalancerVips", vip, "AddressIPv6", is_ipv6 ? vip : "", "AddressIPVersion",
		is_ipv6 ? "ipv6" : "ipv4", "IPv6Mode", is_ipv6 ? "IPv6FullChain" : NULL, "Status",
		1, "CreateTime", answer_time(instance->created_at), "StatusTime",
		answer_time(instance->created_at), "ProjectId", (json_int_t)instance->project_id,
		"VpcId", instance->vpc_id, "SubnetId", instance->subnet_id, "Tags",
		tags_answer(instance->tags, instance->tag_count), "ChargeType", "POSTPAID_BY_HOUR",
		"NetworkAttributes", "InternetChargeType", "InternetMaxBandwidthOut",
		(json_int_t)instance->bandwidth_out, "BandwidthpkgSubType",
		"LoadBalancerPassToTarget", instance->passes_to_target, "AttributeFlags",
		answer_attributes(instance), "TargetCount",
		has_target_count ? json_integer((json_int_t)instance_count_targets(instance))
				 : json_null(),
		"ConfigId", instance->custom ? instance->custom->id : "");
	return ADD_CONSTANTS(object, load_balancer_constants);
}

bool rule_is_default(const struct listener *listener, const struct rule *rule)
{
	return rule_has_domain(rule, listener->default_domain);
}

static json_t *answer_domains(const struct rule *rule)
{
	json_t *domains = *rule->domain ? json_pack("[s]", rule->domain) : json_array();

	for (size_t i = 0; i < rule->more_domain_count && domains; i++) {
		if (json_array_append_new(domains, json_string(rule->more_domains[i])) != 0) {
			json_decref(domains);
			domains = NULL;
		}
	}
	return domains;
}

static const struct constant rule_constants[] = {
	{ "Certificate", IS_NULL }, { "HttpGzip", IS_FALSE },  { "BeAutoCreated", IS_FALSE },
	{ "WafDomainId", IS_NULL }, { "TrpcCallee", IS_NULL }, { "TrpcFunc", IS_NULL },
	{ "OAuth", IS_NULL },
};

/* BasicTargetGroupInfo; its weight belongs to groups of type v2. */
static json_t *answer_group(const struct target_group *group)
{
	if (!group)
		return json_null();
	return json_pack("{s:s, s:s, s:n}", "TargetGroupId", group->id, "TargetGroupName",
			 group->name, "Weight");
}

/* Takes `object` over; NULL when memory was or is out. A group of type v1 is the only one. */
static json_t *add_target_type(json_t *object, enum target_type type,
			       const struct target_group *group)
{
	json_t *list = group ? json_pack("[o]", answer_group(group)) : json_null();

	if (json_object_set_new(object, "TargetType", json_string(target_type_name(type))) == 0 &&
	    json_object_set_new(object, "TargetGroup", answer_group(group)) == 0 &&
	    json_object_set(object, "TargetGroupList", list) == 0) {
		json_decref(list);
		return object;
	}
	json_decref(list);
	json_decref(object);
	return NULL;
}

json_t *answer_rule(const struct instance *instance, const struct listener *listener,
		    const struct rule *rule)
{
	const char *cookie = *rule->cookie_name ? rule->cookie_name : COOKIE_NAME_DEFAULT;
	json_t *object = json_pack(
		"{s:s, s:s, s:s, s:o, s:s, s:s, s:I, s:s, s:b, s:s, s:o, s:b, s:b, s:s, s:o, s:s, "
		"s:o}",
		"LocationId", rule->id, "ListenerId", listener->id, "Domain", rule->domain,
		"Domains", answer_domains(rule), "Url", rule->url, "Scheduler",
		scheduler_name((enum scheduler)rule->scheduler), "SessionExpireTime",
		(json_int_t)rule->session_expire_s, "CookieName", cookie, "StripCookie",
		rule->strips_cookie, "DrainPolicy", drain_word(rule->keeps_draining), "HealthCheck",
		health_check_answer(&rule->health_check, rule_host(rule)), "DefaultServer",
		rule_is_default(listener, rule), "Http2", rule->has_http2, "ForwardType",
		forward_type_name((enum forward_type)rule->forward_type), "CreateTime",
		answer_time(rule->created_at), "QuicStatus", "QUIC_INACTIVE", "RewriteTarget",
		redirect_answer(instance, rule));

	object = add_target_type(object, (enum target_type)rule->target_type, rule->group);
	return ADD_CONSTANTS(object, rule_constants);
}

static const struct constant listener_constants[] = {
	{ "EndPort", IS_ZERO }, { "Certificate", IS_NULL },      { "SniSwitch", IS_ZERO },
	{ "Toa", IS_FALSE },    { "DataCompressMode", IS_NULL },
};

/* Scheduler, persistence and checks of an HTTP listener belong to its rules. */
static const struct constant layer7_constants[] = {
	{ "HealthCheck", IS_NULL },          { "Scheduler", IS_NULL },
	{ "SessionExpireTime", IS_ZERO },    { "SessionType", IS_NULL },
	{ "DeregisterTargetRst", IS_FALSE }, { "IdleConnectTimeout", IS_NULL },
	{ "RescheduleInterval", IS_NULL },   { "RescheduleStartTime", IS_NULL },
	{ "UdpResponses", IS_NULL },         { "DrainPolicy", IS_NULL },
};

static const struct constant layer4_constants[] = {
	{ "Rules", IS_NULL },
	{ "KeepaliveEnable", IS_NULL },
	{ "AccessLog", IS_NULL },
	{ "AccessLogFormat", IS_NULL },
};

static json_t *answer_rules(const struct instance *instance, const struct listener *listener)
{
	json_t *rules = json_array();

	for (size_t i = 0; i < listener->rule_count && rules; i++) {
		if (json_array_append_new(
			    rules, answer_rule(instance, listener, listener->rules[i])) != 0) {
			json_decref(rules);
			rules = NULL;
		}
	}
	return rules;
}

/* Takes `object` over; adds what the listener has on. */
static json_t *add_flags(json_t *object, const struct listener *listener)
{
	const struct layer4 *layer4 = &listener->layer4; /* zeros on layer 7 */
	const struct {
		const char *name;
		bool is_on;
	} flags[] = {
		{ "Stop", listener->is_stopped },
		{ "ProxyProtocol", layer4->has_proxy_protocol },
		{ "RescheduleTargetZeroWeight", layer4->reschedules_zero_weight },
		{ "RescheduleUnhealthy", layer4->reschedules_unhealthy },
		{ "RescheduleExpandTarget", layer4->reschedules_expand },
	};
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		list = add_flag(list, flags[i].is_on, flags[i].name);
	if (json_object_set_new(object, "AttrFlags", list) != 0) {
		json_decref(object);
		object = NULL;
	}
	return object;
}

/* What layer 4 adds; takes nothing over. */
static json_t *answer_layer4(const struct listener *listener)
{
	const struct layer4 *layer4 = &listener->layer4;
	json_t *object = json_pack(
		"{s:o, s:s, s:i, s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:s, s:o}", "HealthCheck",
		health_check_answer(&listener->health_check, ""), "Scheduler",
		scheduler_name((enum scheduler)listener->scheduler), "SessionExpireTime",
		(int)listener->session_expire_s, "SessionType", "NORMAL", "DeregisterTargetRst",
		layer4->resets_deregistered, "MaxConn", (int)layer4->max_conn, "MaxCps",
		(int)layer4->max_cps, "IdleConnectTimeout", (int)layer4->idle_timeout_s,
		"RescheduleStartTime", layer4->reschedule_start_s, "RescheduleInterval",
		layer4->reschedule_interval_s, "DrainPolicy", drain_word(layer4->keeps_draining),
		"UdpResponses",
		listener->protocol == PROTOCOL_UDP ? json_integer(layer4->udp_responses)
						   : json_null());

	return ADD_CONSTANTS(object, layer4_constants);
}

static json_t *answer_layer7(const struct instance *instance, const struct listener *listener)
{
	json_t *object = json_pack(
		"{s:o, s:i, s:i, s:i, s:s, s:s?}", "Rules", answer_rules(instance, listener),
		"KeepaliveEnable", listener->has_keepalive, "MaxConn", -1, "MaxCps", -1,
		"AccessLog", *listener->access_log ? listener->access_log : "off",
		"AccessLogFormat",
		access_log_format_name((enum access_log_format)listener->access_log_format));

	return ADD_CONSTANTS(object, layer7_constants);
}

json_t *answer_listener(const struct instance *instance, const struct listener *listener)
{
	enum protocol protocol = (enum protocol)listener->protocol;
	json_t *object = protocol_is_layer4(protocol) ? answer_layer4(listener)
						      : answer_layer7(instance, listener);
	json_t *common = json_pack("{s:s, s:s, s:s, s:i, s:o, s:s?}", "ListenerId", listener->id,
				   "ListenerName", listener->name, "Protocol",
				   protocol_name(protocol), "Port", listener->port, "CreateTime",
				   answer_time(listener->created_at), "BindError",
				   listener->bind_error ? strerror(listener->bind_error) : NULL);

	if (json_object_update(object, common) != 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(common);
	object = add_target_type(object, (enum target_type)listener->target_type, listener->group);
	return add_flags(ADD_CONSTANTS(object, listener_constants), listener);
}

json_t *answer_backend(const struct target *target)
{
	char ip[ADDRESS_IP_TEXT_SIZE];

	address_format_ip(&target->address, ip);
	/* ENI: the type whose address a known client reads. */
	return json_pack("{s:s, s:n, s:i, s:i, s:n, s:[s], s:n, s:o, s:n, s:s, s:n}", "Type", "ENI",
			 "InstanceId", "Port", target->address.port, "Weight", target->weight,
			 "PublicIpAddresses", "PrivateIpAddresses", ip, "InstanceName",
			 "RegisteredTime", answer_time(target->created_at), "EniId", "Tag",
			 target->tag, "Zone");
}

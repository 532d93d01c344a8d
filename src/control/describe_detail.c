/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DescribeLoadBalancersDetail (api.md section 6): instances, or all that is behind them, as rows of
 * one table. Reads the model. Control's one thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/actions_instance.h"
#include "control/answer.h"
#include "control/call_noun.h"
#include "control/instance_filter.h"
#include "control/shared_fields.h"
#include "control/target_health.h"

#define ROWS_DEFAULT 20

static const char *const column_words[] = {
	"LoadBalancerId",
	"LoadBalancerName",
	"LoadBalancerType",
	"Status",
	"Address",
	"AddressIPv6",
	"AddressIPVersion",
	"IPv6Mode",
	"Zone",
	"AddressIsp",
	"VpcId",
	"ProjectId",
	"CreateTime",
	"ChargeType",
	"NetworkAttributes",
	"PrepaidAttributes",
	"ExtraInfo",
	"ConfigId",
	"Tags",
	"ListenerId",
	"Protocol",
	"Port",
	"LocationId",
	"Domain",
	"Url",
	"TargetId",
	"TargetAddress",
	"TargetPort",
	"TargetWeight",
	"Isolation",
	"SecurityGroup",
	"LoadBalancerPassToTarget",
	"TargetHealth",
	"Domains",
	"SlaveZone",
	"Zones",
	"SniSwitch",
	"LoadBalancerDomain",
	"Egress",
	"AttributeFlags",
	"SlaType",
	"Exclusive",
	"AvailableZoneAffinityInfo",
	NULL,
};

/* Columns of what is behind an instance. */
static const char *const inner_columns[] = {
	"ListenerId",   "Protocol", "Port",          "LocationId", "Domain",
	"Url",          "TargetId", "TargetAddress", "TargetPort", "TargetWeight",
	"TargetHealth", "Domains",  "SniSwitch",
};

/* Columns that DescribeLoadBalancers has with the same name and value. */
static const char *const common_columns[] = {
	"LoadBalancerId",
	"LoadBalancerName",
	"Status",
	"AddressIPv6",
	"IPv6Mode",
	"VpcId",
	"ProjectId",
	"CreateTime",
	"ChargeType",
	"NetworkAttributes",
	"PrepaidAttributes",
	"ExtraInfo",
	"ConfigId",
	"Tags",
	"Isolation",
	"Zones",
	"LoadBalancerDomain",
	"Egress",
	"AttributeFlags",
	"SlaType",
	"Exclusive",
	"AvailableZoneAffinityInfo",
};

static const char *const detail_type_words[] = { "NODE", "GROUP", NULL };

const struct field describe_load_balancers_detail_fields[] = {
	{ "Limit", FIELD_INTEGER, .most = 100, .range_code = "InvalidParameterValue.Range",
	  .about = "Rows. Default 20." },
	{ "Offset", FIELD_INTEGER, .most = INT32_MAX, .range_code = "InvalidParameterValue.Range",
	  .about = "Rows to leave out. Default 0." },
	{ "Fields", FIELD_TEXT_LIST, .most = 100, .words = column_words,
	  .about = "The columns to fill, beside LoadBalancerId and LoadBalancerName; others are "
		   "null. Default: all, those of listeners, rules and servers with TargetType." },
	{ "TargetType", FIELD_TEXT, .words = detail_type_words,
	  .about = "Needed with columns of listeners, rules and servers: rows are those of servers "
		   "of their own (NODE) or of target groups (GROUP). Without such columns a row is "
		   "an instance." },
	{ "Filters", FIELD_OBJECT_LIST, .most = FILTERS_MOST, .fields = filter_fields,
	  .about = "loadbalancer-id, project-id, network (Public, Private), vip, vpcid, target-ip, "
		   "zone, tag-key, tag:KEY, fuzzy-search (a part of the name or the address)." },
	{ 0 },
};

static const char *const detail_filter_names[] = {
	"loadbalancer-id", "project-id", "network",      "vip", "vpcid", "target-ip", "zone",
	"tag-key",         "tag:",       "fuzzy-search", NULL,
};

/* One call on its way over all rows. */
struct detail {
	struct call *call;
	const json_t *fields; /* NULL: all */
	bool has_inner; /* rows are of servers, else of instances */
	enum target_type type;
	int64_t offset, limit;
	int64_t count; /* of all rows so far */
	json_t *set;
};

static bool is_inner(const char *column)
{
	for (size_t i = 0; i < sizeof(inner_columns) / sizeof(inner_columns[0]); i++) {
		if (strcmp(inner_columns[i], column) == 0)
			return true;
	}
	return false;
}

static const char *network_text(const struct instance *instance)
{
	return instance->network == NETWORK_OPEN ? "Public" : "Private";
}

static bool fuzzy_passes(const struct instance *instance, const json_t *values)
{
	char vip[ADDRESS_IP_TEXT_SIZE];
	const json_t *value;
	size_t i;

	address_format_ip(&instance->vip, vip);
	json_array_foreach((json_t *)values, i, value)
	{
		if (text_contains(instance->name, json_string_value(value)) ||
		    text_contains(vip, json_string_value(value)))
			return true;
	}
	return false;
}

static bool filter_of_instance_passes(const struct instance *instance, const json_t *filter)
{
	const json_t *values = input_get(filter, "Values");
	const char *name = input_text(filter, "Name");
	char project[24];

	snprintf(project, sizeof(project), "%" PRId64, instance->project_id);
	if (strcmp(name, "loadbalancer-id") == 0)
		return filter_passes(values, instance->id);
	if (strcmp(name, "project-id") == 0)
		return filter_passes(values, project);
	if (strcmp(name, "network") == 0)
		return filter_passes(values, network_text(instance));
	if (strcmp(name, "vip") == 0)
		return ip_passes(values, &instance->vip);
	if (strcmp(name, "vpcid") == 0)
		return filter_passes(values, instance->vpc_id);
	if (strcmp(name, "target-ip") == 0)
		return json_array_size(values) > 0 && instance_has_target_ip(instance, values);
	if (strcmp(name, "zone") == 0)
		return filter_passes(values, "");
	if (strcmp(name, "fuzzy-search") == 0)
		return fuzzy_passes(instance, values);
	return tag_filter_passes(instance, filter);
}

static bool instance_passes(const struct instance *instance, const json_t *input)
{
	const json_t *filter;
	size_t i;

	json_array_foreach((json_t *)input_get(input, "Filters"), i, filter)
	{
		if (!filter_of_instance_passes(instance, filter))
			return false;
	}
	return true;
}

/* Of a row's own server; a row without one passes no filter of servers. */
static bool target_passes(const struct target *target, const json_t *input)
{
	const json_t *filter;
	size_t i;

	json_array_foreach((json_t *)input_get(input, "Filters"), i, filter)
	{
		if (strcmp(input_text(filter, "Name"), "target-ip") == 0 &&
		    !(target && ip_passes(input_get(filter, "Values"), &target->address)))
			return false;
	}
	return true;
}

static json_t *instance_columns(const struct instance *instance)
{
	bool is_ipv6 = instance->vip.family == ADDRESS_IPV6;
	json_t *known = answer_load_balancer(instance, false), *row;
	char vip[ADDRESS_IP_TEXT_SIZE];

	address_format_ip(&instance->vip, vip);
	row = json_pack("{s:s, s:s?, s:s, s:s, s:s, s:[], s:i, s:n}", "LoadBalancerType",
			network_text(instance), "Address", is_ipv6 ? NULL : vip, "AddressIPVersion",
			is_ipv6 ? "IPv6" : "IPv4", "Zone", "", "AddressIsp", "", "SecurityGroup",
			"LoadBalancerPassToTarget", instance->passes_to_target, "SlaveZone");
	for (size_t i = 0; i < sizeof(common_columns) / sizeof(common_columns[0]); i++) {
		const char *name = common_columns[i];

		if (json_object_set(row, name, json_object_get(known, name)) != 0) {
			json_decref(row);
			row = NULL;
		}
	}
	json_decref(known);
	return row;
}

/* "a.example,b.example"; a new reference. */
static json_t *domains_text(const struct rule *rule)
{
	char text[LIMIT_DOMAINS_PER_RULE * (LIMIT_DOMAIN + 1) + 1];
	size_t size = (size_t)snprintf(text, sizeof(text), "%s", rule->domain);

	for (size_t i = 0; i < rule->more_domain_count && size < sizeof(text); i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size, ",%s",
					 rule->more_domains[i]);
	return json_string(text);
}

/* What stands behind an instance; NULL members of `owner` and a NULL `target` are null. */
static json_t *inner_row(const struct detail *detail, const struct target_owner *owner,
			 const struct target *target)
{
	const struct listener *listener = owner->listener;
	const struct rule *rule = owner->rule;
	char ip[ADDRESS_IP_TEXT_SIZE] = "";

	if (target)
		address_format_ip(&target->address, ip);
	return json_pack(
		"{s:s?, s:s?, s:o, s:s?, s:s?, s:s?, s:s?, s:s?, s:o, s:o, s:s?, s:o, s:o}",
		"ListenerId", listener ? listener->id : NULL, "Protocol",
		listener ? protocol_name((enum protocol)listener->protocol) : NULL, "Port",
		listener ? json_integer(listener->port) : json_null(), "LocationId",
		rule ? rule->id : NULL, "Domain", rule ? rule->domain : NULL, "Url",
		rule ? rule->url : NULL, "TargetId", target ? ip : NULL, "TargetAddress",
		target ? ip : NULL, "TargetPort",
		target ? json_integer(target->address.port) : json_null(), "TargetWeight",
		target ? json_integer(target->weight) : json_null(), "TargetHealth",
		target ? health_state_name(
				 target_health(detail->call->control->regions, owner, target))
		       : NULL,
		"Domains", rule ? domains_text(rule) : json_null(), "SniSwitch",
		listener ? json_integer(0) : json_null());
}

/* The columns that were not asked for become null. */
static int blank_columns(const struct detail *detail, json_t *row)
{
	for (const char *const *name = column_words; *name; name++) {
		bool is_asked = !detail->fields || filter_passes(detail->fields, *name) ||
				strcmp(*name, "LoadBalancerId") == 0 ||
				strcmp(*name, "LoadBalancerName") == 0;

		if ((!is_asked || (is_inner(*name) && !detail->has_inner)) &&
		    json_object_set_new(row, *name, json_null()) != 0)
			return -ENOMEM;
	}
	return 0;
}

static int append_row(struct detail *detail, const struct target_owner *owner,
		      const struct target *target)
{
	json_t *row, *inner;
	int error;

	if (!target_passes(target, detail->call->input) && detail->has_inner)
		return 0;
	if (detail->count++ < detail->offset || detail->count > detail->offset + detail->limit)
		return 0;
	row = instance_columns(owner->instance);
	inner = inner_row(detail, owner, target);
	error = json_object_update(row, inner) == 0 ? blank_columns(detail, row) : -ENOMEM;
	json_decref(inner);
	if (error != 0) {
		json_decref(row);
		return error;
	}
	return json_array_append_new(detail->set, row) == 0 ? 0 : -ENOMEM;
}

/* A row for each server, or one for their absence. */
static int append_owner(struct detail *detail, const struct target_owner *owner)
{
	unsigned type = owner->rule ? owner->rule->target_type : owner->listener->target_type;
	struct target *const *targets;
	size_t count;
	int error = 0;

	if (type != detail->type)
		return 0;
	targets = owner_targets(owner, &count);
	if (count == 0)
		return append_row(detail, owner, NULL);
	for (size_t i = 0; i < count && error == 0; i++)
		error = append_row(detail, owner, targets[i]);
	return error;
}

static int append_listener(struct detail *detail, struct instance *instance,
			   struct listener *listener)
{
	struct target_owner owner = { .instance = instance, .listener = listener };
	int error = 0;

	if (listener_is_layer4(listener))
		return append_owner(detail, &owner);
	if (listener->rule_count == 0 && detail->type == TARGETS_OWN)
		return append_row(detail, &owner, NULL);
	for (size_t i = 0; i < listener->rule_count && error == 0; i++) {
		owner.rule = listener->rules[i];
		error = append_owner(detail, &owner);
	}
	return error;
}

static int append_instance(struct detail *detail, struct instance *instance)
{
	const struct target_owner alone = { .instance = instance };
	int error = 0;

	if (!detail->has_inner || (instance->listener_count == 0 && detail->type == TARGETS_OWN))
		return append_row(detail, &alone, NULL);
	for (size_t i = 0; i < instance->listener_count && error == 0; i++)
		error = append_listener(detail, instance, instance->listeners[i]);
	return error;
}

static bool asks_for_inner(const json_t *fields)
{
	const json_t *name;
	size_t i;

	json_array_foreach((json_t *)fields, i, name)
	{
		if (is_inner(json_string_value(name)))
			return true;
	}
	return false;
}

int describe_load_balancers_detail(struct call *call)
{
	const json_t *fields = input_get(call->input, "Fields");
	const char *type = input_text(call->input, "TargetType");
	const struct model *model = &call->control->model;
	struct detail detail = {
		.call = call,
		.fields = json_array_size(fields) > 0 ? fields : NULL,
		.type = type && strcmp(type, "GROUP") == 0 ? TARGETS_GROUP : TARGETS_OWN,
		.offset = input_integer(call->input, "Offset", 0),
		.limit = input_integer(call->input, "Limit", ROWS_DEFAULT),
		.set = json_array(),
	};
	int error = filters_check(call->input, detail_filter_names, &call->problem);

	detail.has_inner = detail.fields ? asks_for_inner(detail.fields) : type != NULL;
	if (json_object_set_new(call->output, "LoadBalancerDetailSet", detail.set) != 0)
		return -ENOMEM;
	if (error == 0 && detail.has_inner && !type)
		error = problem_set(&call->problem, "MissingParameter", "TargetType",
				    "TargetType is required with Fields of listeners, rules or "
				    "servers: NODE or GROUP.");
	for (size_t i = 0; i < model->instance_count && error == 0; i++) {
		if (instance_passes(model->instances[i], call->input))
			error = append_instance(&detail, model->instances[i]);
	}
	if (error == 0 && json_object_set_new(call->output, "TotalCount",
					      json_integer((json_int_t)detail.count)) != 0)
		error = -ENOMEM;
	return error;
}

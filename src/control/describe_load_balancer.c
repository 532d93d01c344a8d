/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeLoadBalancers: filters, order, pages. Reads the model. Control's one thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/actions.h"
#include "control/answer.h"
#include "control/instance_filter.h"
#include "control/shared_fields.h"

#define LIMIT_DEFAULT 20

static const char *const type_words[] = { "OPEN", "INTERNAL", NULL };
static const char *const order_words[] = { "LoadBalancerName", "CreateTime", "Domain",
					   "LoadBalancerType", NULL };
static const char *const additional_words[] = { "TargetCount", NULL };

const struct field describe_load_balancers_fields[] = {
	{ "LoadBalancerIds", FIELD_TEXT_LIST, .most = 20, .about = "Unknown ones are left out." },
	{ "LoadBalancerType", FIELD_TEXT, .words = type_words },
	{ "Forward", FIELD_INTEGER, .least = -1, .most = 1, .about = "1 or -1; 0 finds nothing." },
	{ "LoadBalancerName", FIELD_TEXT, .about = "A part of the name." },
	{ "Domain", FIELD_TEXT, .about = "A part of the instance's domain; here it has none." },
	{ "LoadBalancerVips", FIELD_TEXT_LIST, .most = 100 },
	{ "BackendPublicIps", FIELD_TEXT_LIST, .most = 100,
	  .about = "Servers have one address here, which counts as private." },
	{ "BackendPrivateIps", FIELD_TEXT_LIST, .most = 100, .about = "Addresses of servers." },
	{ "Offset", FIELD_INTEGER, .most = INT32_MAX, .range_code = "InvalidParameterValue.Range",
	  .about = "Default 0." },
	{ "Limit", FIELD_INTEGER, .most = 100, .range_code = "InvalidParameterValue.Range",
	  .about = "Default 20." },
	{ "OrderBy", FIELD_TEXT, .words = order_words, .about = "Default CreateTime." },
	{ "OrderType", FIELD_INTEGER, .most = 1, .about = "1 descending (default), 0 ascending." },
	{ "SearchKey", FIELD_TEXT, .about = "A part of the name, the address or the identifier." },
	{ "ProjectId", FIELD_INTEGER },
	{ "WithRs", FIELD_INTEGER, .least = -1, .most = 1,
	  .about = "0 without servers, 1 with servers, -1 (default) all." },
	{ "VpcId", FIELD_TEXT },
	{ "SecurityGroup", FIELD_TEXT, .about = "There are none: finds nothing." },
	{ "MasterZone", FIELD_TEXT, .about = "There are none: finds nothing." },
	{ "Filters", FIELD_OBJECT_LIST, .most = FILTERS_MOST, .fields = filter_fields,
	  .about = "tag-key, tag:KEY; charge-type and the like compare with constants." },
	{ "AdditionalFields", FIELD_TEXT_LIST, .most = 10, .words = additional_words,
	  .about = "TargetCount fills the field of that name." },
	{ 0 },
};

static const char *const filter_names[] = {
	"charge-type",    "internet-charge-type",
	"master-zone-id", "tag-key",
	"tag:",           "function-name",
	"vip-isp",        "sla-type",
	"exclusive",      NULL,
};

static bool has_text(const json_t *input, const char *name)
{
	const char *text = input_text(input, name);

	return text && *text;
}

static bool filters_pass(const struct instance *instance, const json_t *input)
{
	const json_t *filter;
	size_t i;

	json_array_foreach((json_t *)input_get(input, "Filters"), i, filter)
	{
		const char *name = input_text(filter, "Name");
		const char *constant = strcmp(name, "charge-type") == 0 ? "POSTPAID_BY_HOUR"
				       : strcmp(name, "exclusive") == 0 ? "0"
									: "";

		if (strncmp(name, "tag", 3) == 0
			    ? !tag_filter_passes(instance, filter)
			    : !filter_passes(input_get(filter, "Values"), constant))
			return false;
	}
	return true;
}

static bool search_passes(const struct instance *instance, const char *vip, const char *key)
{
	return text_contains(instance->name, key) || text_contains(vip, key) ||
	       text_contains(instance->id, key);
}

static bool texts_pass(const struct instance *instance, const json_t *input)
{
	const json_t *vips = input_get(input, "LoadBalancerVips");
	char vip[ADDRESS_IP_TEXT_SIZE];

	address_format_ip(&instance->vip, vip);
	return list_passes(input, "LoadBalancerIds", instance->id) &&
	       (json_array_size(vips) == 0 || ip_passes(vips, &instance->vip)) &&
	       text_contains(instance->name, input_text(input, "LoadBalancerName")) &&
	       search_passes(instance, vip, input_text(input, "SearchKey")) &&
	       (!has_text(input, "VpcId") ||
		strcmp(instance->vpc_id, input_text(input, "VpcId")) == 0);
}

static bool passes(const struct instance *instance, const json_t *input)
{
	const char *type = input_text(input, "LoadBalancerType");
	int64_t with_targets = input_integer(input, "WithRs", -1);

	if (has_text(input, "Domain") || has_text(input, "SecurityGroup") ||
	    has_text(input, "MasterZone") || input_integer(input, "Forward", 1) == 0 ||
	    json_array_size(input_get(input, "BackendPublicIps")) > 0)
		return false;
	if (type && network_of(type) != instance->network)
		return false;
	if (input_integer(input, "ProjectId", instance->project_id) != instance->project_id)
		return false;
	if (with_targets >= 0 && (instance_count_targets(instance) > 0) != (with_targets == 1))
		return false;
	return texts_pass(instance, input) &&
	       instance_has_target_ip(instance, input_get(input, "BackendPrivateIps")) &&
	       filters_pass(instance, input);
}

struct order {
	const char *by;
	bool is_descending;
};

static int compare_instances(const void *left, const void *right, void *context)
{
	const struct instance *a = *(const struct instance *const *)left;
	const struct instance *b = *(const struct instance *const *)right;
	const struct order *order = context;
	int result = 0;

	if (strcmp(order->by, "LoadBalancerName") == 0)
		result = strcmp(a->name, b->name);
	else if (strcmp(order->by, "LoadBalancerType") == 0)
		result = strcmp(network_name((enum network)a->network),
				network_name((enum network)b->network));
	else if (strcmp(order->by, "CreateTime") == 0)
		result = (a->created_at > b->created_at) - (a->created_at < b->created_at);
	if (result == 0)
		result = (a->number > b->number) - (a->number < b->number);
	return order->is_descending ? -result : result;
}

static size_t select_instances(const struct model *model, const json_t *input,
			       const struct instance **selected)
{
	const char *by = input_text(input, "OrderBy");
	struct order order = { by ? by : "CreateTime", input_integer(input, "OrderType", 1) == 1 };
	size_t count = 0;

	for (size_t i = 0; i < model->instance_count; i++) {
		if (passes(model->instances[i], input))
			selected[count++] = model->instances[i];
	}
	qsort_r(selected, count, sizeof(*selected), compare_instances, &order);
	return count;
}

static int answer_page(struct call *call, const struct instance *const *selected, size_t count)
{
	int64_t offset = input_integer(call->input, "Offset", 0);
	int64_t limit = input_integer(call->input, "Limit", LIMIT_DEFAULT);
	bool has_target_count = json_array_size(input_get(call->input, "AdditionalFields")) > 0;
	json_t *set = json_array();

	if (json_object_set_new(call->output, "LoadBalancerSet", set) != 0 ||
	    json_object_set_new(call->output, "TotalCount", json_integer((json_int_t)count)) != 0)
		return -ENOMEM;
	for (int64_t i = offset; i < (int64_t)count && i < offset + limit; i++) {
		if (json_array_append_new(set,
					  answer_load_balancer(selected[i], has_target_count)) != 0)
			return -ENOMEM;
	}
	return 0;
}

int describe_load_balancers(struct call *call)
{
	const struct model *model = &call->control->model;
	const struct instance **selected;
	int error = filters_check(call->input, filter_names, &call->problem);

	if (error != 0)
		return error;
	selected = calloc(model->instance_count + 1, sizeof(*selected));
	if (!selected)
		return -ENOMEM;
	error = answer_page(call, selected, select_instances(model, call->input, selected));
	free(selected);
	return error;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of custom configurations and of who is bound to them. Reads the model. Control's one
 * thread. */
#include <errno.h>
#include <string.h>

#include "control/actions.h"
#include "control/answer.h"
#include "control/shared_fields.h"

#define LIMIT_DEFAULT 20
#define LIMIT_MOST 100

static const char *const type_words[] = { "CLB", "SERVER", "LOCATION", NULL };

const struct field describe_customized_config_list_fields[] = {
	{ "ConfigType", FIELD_TEXT, FIELD_REQUIRED, .words = type_words,
	  .about = "CLB; the others answer UnsupportedOperation." },
	{ "Offset", FIELD_INTEGER, .most = INT32_MAX, .about = "Default 0." },
	{ "Limit", FIELD_INTEGER, .most = LIMIT_MOST, .about = "Default 20." },
	{ "ConfigName", FIELD_TEXT, .about = "A part of the name." },
	{ "UconfigIds", FIELD_TEXT_LIST, .most = QUOTA_CUSTOM_CONFIGURATIONS,
	  .about = "Unknown ones are left out." },
	{ "Filters", FIELD_OBJECT_LIST, .most = FILTERS_MOST, .fields = filter_fields,
	  .about = "loadbalancer-id, vip: of the bound instances." },
	{ 0 },
};

const struct field describe_customized_config_associate_list_fields[] = {
	{ "UconfigId", FIELD_TEXT, .about = "Default: every configuration." },
	{ "Offset", FIELD_INTEGER, .most = INT32_MAX, .about = "Default 0." },
	{ "Limit", FIELD_INTEGER, .most = LIMIT_MOST, .about = "Default 20." },
	{ "Domain", FIELD_TEXT, .about = "A part of the domain; instances have none." },
	{ 0 },
};

/* Leaves of `list`, whose references it takes, what the call's page shows. */
static int answer_page(struct call *call, const char *name, json_t *list)
{
	size_t offset = (size_t)input_integer(call->input, "Offset", 0);
	size_t limit = (size_t)input_integer(call->input, "Limit", LIMIT_DEFAULT);
	size_t count = json_array_size(list);
	json_t *page = json_array();
	int error = page && list ? 0 : -ENOMEM;

	for (size_t i = offset; i < count && i - offset < limit && error == 0; i++) {
		if (json_array_append(page, json_array_get(list, i)) != 0)
			error = -ENOMEM;
	}
	json_decref(list);
	if (json_object_set_new(call->output, name, page) != 0 ||
	    json_object_set_new(call->output, "TotalCount", json_integer((json_int_t)count)) != 0)
		error = -ENOMEM;
	return error;
}

/* Some instance that is bound to it has one of these ids and one of these addresses. */
static bool has_instance(const struct model *model, const struct custom_configuration *custom,
			 const json_t *ids, const json_t *vips)
{
	char vip[ADDRESS_IP_TEXT_SIZE];

	for (size_t i = 0; i < model->instance_count; i++) {
		const struct instance *instance = model->instances[i];

		if (instance->custom != custom)
			continue;
		address_format_ip(&instance->vip, vip);
		if (filter_passes(ids, instance->id) && filter_passes(vips, vip))
			return true;
	}
	return false;
}

static bool custom_passes(const struct call *call, const struct custom_configuration *custom)
{
	const char *name = input_text(call->input, "ConfigName");
	const json_t *ids = filter_values(call->input, "loadbalancer-id");
	const json_t *vips = filter_values(call->input, "vip");

	return list_passes(call->input, "UconfigIds", custom->id) &&
	       (!name || strstr(custom->name, name)) &&
	       ((!ids && !vips) || has_instance(&call->control->model, custom, ids, vips));
}

static json_t *answer_custom(const struct custom_configuration *custom)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "UconfigId", custom->id, "ConfigType",
			 "CLB", "ConfigName", custom->name, "ConfigContent", custom->content,
			 "CreateTimestamp", answer_time(custom->created_at), "UpdateTimestamp",
			 answer_time(custom->updated_at));
}

int describe_customized_config_list(struct call *call)
{
	static const char *const filters[] = { "loadbalancer-id", "vip", NULL };
	const struct model *model = &call->control->model;
	const char *type = input_text(call->input, "ConfigType");
	json_t *list;

	if (filters_check(call->input, filters, &call->problem) != 0)
		return -EINVAL;
	if (strcmp(type, "CLB") != 0)
		return problem_set(&call->problem, "UnsupportedOperation", "ConfigType",
				   "ConfigType: custom configurations of type %s are not built.",
				   type);
	list = json_array();
	for (size_t i = 0; i < model->custom_count && list; i++) {
		if (custom_passes(call, model->customs[i]) &&
		    json_array_append_new(list, answer_custom(model->customs[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return answer_page(call, "ConfigList", list);
}

/* A binding of type CLB is one of the instance: it names no listener, domain or rule. */
static json_t *answer_binding(const struct instance *instance)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:n, s:s}", "LoadBalancerId",
			 instance->id, "ListenerId", "", "Domain", "", "LocationId", "",
			 "ListenerName", "", "Protocol", "", "Vport", 0, "Url", "UconfigId",
			 instance->custom->id);
}

int describe_customized_config_associate_list(struct call *call)
{
	const struct model *model = &call->control->model;
	const char *id = input_text(call->input, "UconfigId");
	const char *domain = input_text(call->input, "Domain");
	bool has_domain = domain && *domain;
	json_t *list = json_array();

	for (size_t i = 0; i < model->instance_count && list; i++) {
		const struct instance *instance = model->instances[i];

		if (!instance->custom || has_domain ||
		    (id && strcmp(instance->custom->id, id) != 0))
			continue;
		if (json_array_append_new(list, answer_binding(instance)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return answer_page(call, "BindList", list);
}

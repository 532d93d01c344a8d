/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The action that changes custom configurations and their bindings (api.md section 10);
 * describe_custom.c reads them. What no bound instance feels changes
 * the store only: no snapshot is published for it. Control's one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/actions.h"
#include "control/call_noun.h"
#include "control/quota.h"
#include "control/store.h"
#include "model/validate.h"

#define CONTENT "ConfigContent"

static const char *const operation_words[] = { "ADD", "UPDATE", "DELETE", "BIND", "UNBIND", NULL };

const struct field set_customized_config_fields[] = {
	{ "OperationType", FIELD_TEXT, FIELD_REQUIRED, .words = operation_words },
	{ "UconfigId", FIELD_TEXT, .about = "pz-xxxxxxxx. Needed by all but ADD." },
	{ CONTENT, FIELD_TEXT, .least = 1, .most = LIMIT_CUSTOM_CONTENT,
	  .about = "Lines of \"name value;\", at most 65536 bytes. Needed by ADD." },
	{ "ConfigName", FIELD_TEXT, .least = 1, .most = LIMIT_NAME, .about = "Needed by ADD." },
	{ "LoadBalancerIds", FIELD_TEXT_LIST, .most = 200,
	  .about =
		  "Needed by BIND and UNBIND. An instance is bound to one configuration at most." },
	{ "Tags", FIELD_OBJECT_LIST, FIELD_UNSUPPORTED,
	  .about = "custom configurations have no tags." },
	{ 0 },
};

static struct custom_configuration *find_custom(const struct call *call)
{
	return model_find_custom(&call->control->model, input_text(call->input, "UconfigId"));
}

static int answer_id(struct call *call, const struct custom_configuration *custom)
{
	return json_object_set_new(call->output, "ConfigId", json_string(custom->id)) == 0
		       ? 0
		       : -ENOMEM;
}

static int read_content(struct call *call, struct directives *ret)
{
	return directives_parse(bytes_of(input_text(call->input, CONTENT)), CONTENT, ret,
				&call->problem);
}

static int insert_custom(struct call *call, struct custom_configuration *custom)
{
	int error = -EEXIST;

	for (int i = 0; i < ID_TRIES && error == -EEXIST; i++) {
		error = id_make("pz-", custom->id);
		if (error == 0)
			error = store_insert_custom(call->control->store, custom);
	}
	return error == 0 ? model_add_custom(&call->control->model, custom) : error;
}

static int check_quota(struct call *call)
{
	return quota_check(QUOTA_OF_CUSTOMS, call->control->model.custom_count, 1, &call->problem);
}

static int add_custom(struct call *call)
{
	const char *name = input_text(call->input, "ConfigName");
	struct custom_configuration *custom;
	int error = validate_name(name, "ConfigName", &call->problem);

	if (error != 0)
		return error;
	custom = custom_configuration_new();
	if (!custom)
		return -ENOMEM;
	error = read_content(call, &custom->directives);
	if (error == 0)
		error = check_quota(call);
	custom->created_at = custom->updated_at = clock_wall_s();
	if (error == 0 && (text_set(&custom->name, name) != 0 ||
			   text_set(&custom->content, input_text(call->input, CONTENT)) != 0))
		error = -ENOMEM;
	if (error == 0)
		error = insert_custom(call, custom);
	if (error != 0) {
		custom_configuration_free(custom);
		return error;
	}
	call->is_unchanged = true;
	return answer_id(call, custom);
}

/* Those who feel a change of it. Returns their number, or -ENOMEM. */
static int touch_bound(struct call *call, const struct custom_configuration *custom)
{
	const struct model *model = &call->control->model;
	int count = 0;

	for (size_t i = 0; i < model->instance_count; i++) {
		if (model->instances[i]->custom != custom)
			continue;
		if (call_touch(call, model->instances[i]) != 0)
			return -ENOMEM;
		count++;
	}
	return count;
}

/* What an UPDATE puts in place of what is; NULL leaves it. */
struct replacement {
	char *name, *content;
	struct directives directives;
};

static void replacement_done(struct replacement *with)
{
	free(with->name);
	free(with->content);
	directives_done(&with->directives);
}

/* Reads what the call gives. -ENOMEM, -EINVAL; done is to be called. */
static int replacement_make(struct call *call, struct replacement *ret)
{
	const char *name = input_text(call->input, "ConfigName");
	const char *content = input_text(call->input, CONTENT);
	int error = 0;

	if (!name && !content)
		return problem_set(&call->problem, "MissingParameter", CONTENT,
				   CONTENT " or ConfigName is required for UPDATE.");
	if (name)
		error = validate_name(name, "ConfigName", &call->problem);
	if (error == 0 && content)
		error = read_content(call, &ret->directives);
	if (error != 0)
		return error;
	ret->name = name ? strdup(name) : NULL;
	ret->content = content ? strdup(content) : NULL;
	return (name && !ret->name) || (content && !ret->content) ? -ENOMEM : 0;
}

/* Changes *with for what was there. */
static void replacement_swap(struct custom_configuration *custom, struct replacement *with)
{
	struct replacement old = { custom->name, custom->content, custom->directives };

	if (with->name) {
		custom->name = with->name;
		with->name = old.name;
	}
	if (with->content) {
		custom->content = with->content;
		custom->directives = with->directives;
		with->content = old.content;
		with->directives = old.directives;
	}
}

static int update_custom(struct call *call)
{
	struct custom_configuration *custom = find_custom(call);
	struct replacement with = { .directives = directives_default };
	int error = replacement_make(call, &with), bound;

	bound = error == 0 ? touch_bound(call, custom) : error;
	if (bound < 0) {
		replacement_done(&with);
		return bound;
	}
	call->is_unchanged = bound == 0 || !with.content ||
			     directives_are_equal(&with.directives, &custom->directives);
	replacement_swap(custom, &with);
	replacement_done(&with);
	custom->updated_at = clock_wall_s();
	error = store_update_custom(call->control->store, custom);
	return error != 0 ? error : answer_id(call, custom);
}

static int delete_custom(struct call *call)
{
	struct custom_configuration *custom = find_custom(call);
	int bound = touch_bound(call, custom), error;

	if (bound < 0)
		return bound;
	if (bound > 0)
		return problem_set(&call->problem, "FailedOperation", "UconfigId",
				   "UconfigId: %s is bound to %d instance%s, %s%s; unbind first.",
				   custom->id, bound, bound == 1 ? "" : "s",
				   json_string_value(json_array_get(call->touched_instances, 0)),
				   bound == 1 ? "" : " among them");
	error = answer_id(call, custom);
	if (error == 0)
		error = store_delete_custom(call->control->store, custom);
	if (error == 0)
		model_remove_custom(&call->control->model, custom);
	call->is_unchanged = true;
	return error;
}

/* All instances that the call names can be bound (or unbound). */
static int check_instances(struct call *call, const struct custom_configuration *custom, bool binds)
{
	const json_t *ids = input_get(call->input, "LoadBalancerIds"), *id;
	size_t i;

	json_array_foreach((json_t *)ids, i, id)
	{
		struct field_path path = field_path("LoadBalancerIds", i, NULL);
		const struct instance *instance =
			model_find_instance(&call->control->model, json_string_value(id));

		if (!instance)
			return problem_set(&call->problem, "InvalidParameter.LBIdNotFound",
					   path.text, "LoadBalancerIds: there is no instance %s.",
					   json_string_value(id));
		if (binds && instance->custom && instance->custom != custom)
			return problem_set(&call->problem, "InvalidParameter", path.text,
					   "LoadBalancerIds: %s is bound to %s; unbind it first.",
					   instance->id, instance->custom->id);
		if (!binds && instance->custom != custom)
			return problem_set(&call->problem, "InvalidParameter", path.text,
					   "LoadBalancerIds: %s is not bound to %s.", instance->id,
					   custom->id);
	}
	return 0;
}

static int set_binding(struct call *call, bool binds)
{
	const struct custom_configuration *custom = find_custom(call);
	const json_t *ids = input_get(call->input, "LoadBalancerIds"), *id;
	int error = check_instances(call, custom, binds);
	size_t i;

	call->is_unchanged = true;
	json_array_foreach((json_t *)ids, i, id)
	{
		struct instance *instance;

		if (error != 0)
			return error;
		instance = model_find_instance(&call->control->model, json_string_value(id));
		error = call_touch(call, instance);
		/* Bound already, or named twice. */
		if (error != 0 || (instance->custom != NULL) == binds)
			continue;
		instance->custom = binds ? custom : NULL;
		call->is_unchanged = false;
		error = store_bind_custom(call->control->store, instance);
	}
	return error != 0 ? error : answer_id(call, custom);
}

static int bind_custom(struct call *call)
{
	return set_binding(call, true);
}

static int unbind_custom(struct call *call)
{
	return set_binding(call, false);
}

enum { GIVES_ID = 1, GIVES_CONTENT = 2, GIVES_NAME = 4, GIVES_INSTANCES = 8 };
static const char *const partner_names[] = { "UconfigId", CONTENT, "ConfigName",
					     "LoadBalancerIds" };

/* In the order of operation_words. */
static const struct operation {
	int (*run)(struct call *call);
	unsigned needs, takes;
} operations[] = {
	{ add_custom, GIVES_CONTENT | GIVES_NAME, GIVES_CONTENT | GIVES_NAME },
	{ update_custom, GIVES_ID, GIVES_ID | GIVES_CONTENT | GIVES_NAME },
	{ delete_custom, GIVES_ID, GIVES_ID },
	{ bind_custom, GIVES_ID | GIVES_INSTANCES, GIVES_ID | GIVES_INSTANCES },
	{ unbind_custom, GIVES_ID | GIVES_INSTANCES, GIVES_ID | GIVES_INSTANCES },
};

/* An empty text or list counts as not given. */
static bool is_given(const json_t *input, const char *name)
{
	const json_t *value = input_get(input, name);

	return json_string_length(value) > 0 || json_array_size(value) > 0;
}

static int check_partners(struct call *call, const struct operation *operation, const char *word)
{
	for (size_t i = 0; i < sizeof(partner_names) / sizeof(partner_names[0]); i++) {
		const char *name = partner_names[i];

		if ((operation->needs & 1u << i) && !is_given(call->input, name))
			return problem_set(&call->problem, "MissingParameter", name,
					   "%s is required for %s.", name, word);
	}
	for (size_t i = 0; i < sizeof(partner_names) / sizeof(partner_names[0]); i++) {
		const char *name = partner_names[i];

		if (!(operation->takes & 1u << i) && is_given(call->input, name))
			return problem_set(&call->problem, "InvalidParameter", name,
					   "%s has no meaning for %s.", name, word);
	}
	return 0;
}

int set_customized_config(struct call *call)
{
	const char *word = input_text(call->input, "OperationType");
	const struct operation *operation = operations;
	int error;

	for (const char *const *at = operation_words; strcmp(*at, word) != 0; at++)
		operation++;
	error = check_partners(call, operation, word);
	if (error != 0)
		return error;
	if ((operation->needs & GIVES_ID) && !find_custom(call))
		return problem_set(&call->problem, "InvalidParameter", "UconfigId",
				   "UconfigId: there is no custom configuration %s.",
				   input_text(call->input, "UconfigId"));
	return operation->run(call);
}

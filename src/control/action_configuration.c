/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ApplyConfiguration, an extension: makes the instances that a YAML file names be as it says, in
 * the one transaction that the dispatcher has begun. Others stay as they are.
 */
#include <errno.h>
#include <string.h>

#include "control/actions.h"
#include "control/configuration_fields.h"
#include "control/configuration_group.h"
#include "control/configuration_key.h"
#include "control/configuration_plan.h"
#include "control/configuration_yaml.h"
#include "model/limits.h"

#define SOURCE_MOST 4096 /* a path */
#define SOURCE_SHOWN 160 /* its end, in bytes: leaves room for the rest of a problem's text */

const struct field apply_configuration_fields[] = {
	{ "Content", FIELD_TEXT, FIELD_REQUIRED, .least = 1, .most = FILE_CONFIG_MOST,
	  .about =
		  "The file's YAML: LoadBalancers with their Listeners, Rules and Targets, and TargetGroups, named as in this API." },
	{ "Source", FIELD_TEXT, .least = 1, .most = SOURCE_MOST,
	  .about = "The file's name, for messages. Default: configuration." },
	{ "DryRun", FIELD_BOOLEAN,
	  .about = "true: lists the changes and makes none. Default false." },
	{ 0 },
};

/* The tree of the file, checked against the tables; a new reference. */
static int read_file(struct plan *plan, json_t **ret_file)
{
	struct problem *problem = &plan->call->problem;
	const struct field *fields = configuration_fields();
	json_t *file = NULL;
	unsigned line = 0;
	int error;

	if (!fields)
		return -E2BIG;
	error = configuration_yaml_read(plan->content, &file, problem, &line);
	if (error == -EINVAL)
		return plan_locate_line(plan, problem, line);
	if (!error && fields_check(fields, file, "", problem))
		error = plan_locate(plan, problem);
	if (error)
		json_decref(file);
	else
		*ret_file = file;
	return error;
}

/* The end of a long path says more than its beginning. */
static const char *shown_source(const char *source)
{
	size_t size = source ? strlen(source) : 0;

	if (!source)
		return "configuration";
	if (size <= SOURCE_SHOWN)
		return source;
	source += size - SOURCE_SHOWN;
	while ((*source & 0xc0) == 0x80) /* the rest of a UTF-8 character */
		source++;
	return source;
}

static int apply_file(struct plan *plan, const json_t *file)
{
	int error;

	plan->names = key_index_instances(&plan->call->control->model);
	error = plan->names ? plan_remove(plan, file) : -ENOMEM;
	if (!error)
		error = plan_make_groups(plan, file);
	return error ? error : plan_make(plan, file);
}

int apply_configuration(struct call *call)
{
	const json_t *content = input_get(call->input, "Content");
	struct plan plan = {
		.call = call,
		.content = { json_string_value(content), json_string_length(content) },
		.source = shown_source(input_text(call->input, "Source")),
		.changes = json_array(),
	};
	bool is_dry_run = input_boolean(call->input, "DryRun", false);
	json_t *file = NULL;
	int error = plan.changes ? read_file(&plan, &file) : -ENOMEM;

	if (!error)
		error = apply_file(&plan, file);
	if (!error && (json_object_set(call->output, "Changes", plan.changes) ||
		       json_object_set_new(call->output, "DryRun", json_boolean(is_dry_run))))
		error = -ENOMEM;
	call->wants_rollback = is_dry_run;
	call->is_unchanged = json_array_size(plan.changes) == 0;
	json_decref(file);
	key_index_free(plan.names);
	key_index_free(plan.groups);
	json_decref(plan.changes);
	return error;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Running the API's actions on behalf of a file, and telling their problems in the file's own
 * terms. */
#include "control/configuration_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/configuration_key.h"
#include "control/configuration_yaml.h"

/* Texts for people have roofs and are cut at them. */
__attribute__((format(printf, 3, 4))) static void print_cut(char *out, size_t room,
							    const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(out, room, format, arguments);
	va_end(arguments);
}

struct plan_place plan_place_member(const struct plan_place *place, const char *list, size_t row)
{
	struct plan_place member = { 0 };

	print_cut(member.path, sizeof(member.path), "%s%s%s[%zu]", place->path,
		  *place->path ? "." : "", list, row);
	return member;
}

struct plan_place plan_place_instance(const struct plan_instance *instance)
{
	return plan_place_member(&(struct plan_place){ 0 }, "LoadBalancers", instance->row);
}

struct plan_place plan_place_listener(const struct plan_listener *listener)
{
	struct plan_place parent = plan_place_instance(listener->parent);

	return plan_place_member(&parent, "Listeners", listener->row);
}

struct plan_place plan_place_rule(const struct plan_rule *rule)
{
	struct plan_place parent = plan_place_listener(rule->parent);

	return rule->row == PLAN_NONE ? parent : plan_place_member(&parent, "Rules", rule->row);
}

/* "Name[2].rest" with `name` "Name": true with the index (0 when there is none) and the rest. */
static bool begins(const char *field, const char *name, size_t *ret_index, const char **ret_rest)
{
	size_t size = strlen(name);
	char *end;

	if (strncmp(field, name, size) != 0 ||
	    (field[size] && field[size] != '[' && field[size] != '.'))
		return false;
	*ret_index = 0;
	*ret_rest = field + size;
	if (field[size] == '[') {
		*ret_index = strtoul(field + size + 1, &end, 10);
		*ret_rest = end + (*end == ']');
	}
	return true;
}

/* What an action calls its fields, as the file calls them; NULL: the object itself. */
static const struct {
	const char *action, *file;
} renamed[] = {
	{ "LoadBalancerId", NULL },
	{ "LoadBalancerIds", NULL },
	{ "ListenerId", NULL },
	{ "ListenerIds", NULL },
	{ "LocationId", NULL },
	{ "LocationIds", NULL },
	{ "Rules", NULL }, /* one a call, whose place is the rule */
	{ "SourceListenerId", NULL },
	{ "TargetListenerId", "Redirect" },
	{ "RewriteInfos[0].RewriteCode", "Redirect.Code" },
	{ "RewriteInfos[0].TakeUrl", "Redirect.TakeUrl" },
	{ "RewriteInfos[0].SourceLocationId", "Redirect" },
	{ "RewriteInfos[0].TargetLocationId", "Redirect" },
	{ "Allow", "AccessControl.Allow" },
	{ "Deny", "AccessControl.Deny" },
	{ "UconfigId", NULL },
	{ "ConfigName", NULL },
	{ "ConfigContent", "CustomConfig" },
	{ "Ports", "Port" },
	{ "ListenerNames", "ListenerName" },
	{ "InternetChargeInfo", "InternetAccessible" },
};

/* The file's path of an action's field. False: that field is not in the file, its object is meant.
 */
static bool translate(const struct plan_place *place, const char *field, char *out, size_t room)
{
	const char *rest;
	size_t index;

	print_cut(out, room, "%s", place->path);
	if (!*field)
		return false;
	if (begins(field, "Targets", &index, &rest)) {
		if (place->targets && index < PLAN_BATCH)
			print_cut(out, room, "%s.Targets[%zu]%s", place->path,
				  place->targets[index], rest);
		return place->targets;
	}
	for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++) {
		const char *name = renamed[i].file;

		if (begins(field, renamed[i].action, &index, &rest)) {
			print_cut(out, room, "%s%s%s%s", place->path, name ? "." : "",
				  name ? name : "", rest);
			return name || *rest;
		}
	}
	print_cut(out, room, "%s.%s", place->path, field);
	return true;
}

int plan_locate_line(struct plan *plan, struct problem *problem, unsigned line)
{
	bool names_field = !*problem->field || strstr(problem->text, problem->field);
	char text[sizeof(problem->text)];

	memcpy(text, problem->text, sizeof(text)); /* printed over itself otherwise */
	print_cut(problem->text, sizeof(problem->text), "%s:%u: %s%s%s", plan->source, line,
		  names_field ? "" : problem->field, names_field ? "" : ": ", text);
	return -EINVAL;
}

int plan_locate(struct plan *plan, struct problem *problem)
{
	return plan_locate_line(plan, problem,
				configuration_yaml_line(plan->content, problem->field));
}

int plan_tell(struct plan *plan, const struct plan_place *place)
{
	struct problem *problem = &plan->call->problem;
	struct problem action = *problem;
	const char *named = *action.field ? strstr(action.text, action.field) : NULL;

	if (!action.code)
		return -EINVAL;
	if (translate(place, action.field, problem->field, sizeof(problem->field)) && named)
		print_cut(problem->text, sizeof(problem->text), "%.*s%s%s",
			  (int)(named - action.text), action.text, problem->field,
			  named + strlen(action.field));
	return plan_locate(plan, problem);
}

int plan_run(struct plan *plan, const struct plan_place *place, const char *action, json_t *input,
	     json_t **ret_output)
{
	json_t *output = NULL;
	int error = input ? action_run_within(plan->call, action, input, &output) : -ENOMEM;

	json_decref(input);
	if (error == -EINVAL)
		error = plan_tell(plan, place);
	if (!error && ret_output)
		*ret_output = output;
	else
		json_decref(output);
	return error;
}

int plan_refuse(struct plan *plan, const struct plan_place *place, const char *member,
		const char *code, const char *format, ...)
{
	char path[sizeof(place->path)], text[sizeof(plan->call->problem.text)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	print_cut(path, sizeof(path), "%s%s%s", place->path, *member ? "." : "", member);
	problem_set(&plan->call->problem, code, path, "%s", text);
	return plan_locate(plan, &plan->call->problem);
}

int plan_note(struct plan *plan, const char *format, ...)
{
	va_list arguments;
	json_t *text;

	va_start(arguments, format);
	text = json_vsprintf(format, arguments);
	va_end(arguments);
	return text && !json_array_append_new(plan->changes, text) ? 0 : -ENOMEM;
}

void plan_name_listener(const struct plan_listener *listener, char name[PLAN_NAME_ROOM])
{
	print_cut(name, PLAN_NAME_ROOM, "%s %s:%" PRId64,
		  input_text(listener->parent->input, "LoadBalancerName"),
		  input_text(listener->input, "Protocol"),
		  input_integer(listener->input, "Port", 0));
}

void plan_name_rule(const struct plan_rule *rule, char name[PLAN_NAME_ROOM])
{
	const char *domain = key_domain(rule->input);
	size_t size;

	plan_name_listener(rule->parent, name);
	size = strlen(name);
	if (rule->row != PLAN_NONE)
		print_cut(name + size, PLAN_NAME_ROOM - size, " %s%s", *domain ? domain : "*",
			  input_text(rule->input, "Url"));
}

const json_t *plan_list(const json_t *input, const char *name)
{
	static json_t *empty;
	const json_t *list = input_get(input, name);

	if (!list && !empty)
		empty = json_array();
	return list ? list : empty;
}

json_t *plan_put(json_t *input, const char *name, json_t *value)
{
	if (input && !json_object_set_new(input, name, value)) /* steals in any case */
		return input;
	if (!input)
		json_decref(value);
	json_decref(input);
	return NULL;
}

json_t *plan_ids(const struct plan_rule *rule)
{
	return json_pack("{s:s s:s s:s*}", "LoadBalancerId", rule->parent->parent->instance->id,
			 "ListenerId", rule->parent->listener->id, "LocationId",
			 rule->rule ? rule->rule->id : NULL);
}

int plan_find_instance(struct plan *plan, size_t row, const json_t *input,
		       struct plan_instance *ret)
{
	const struct model *model = &plan->call->control->model;
	const char *name = input_text(input, "LoadBalancerName");
	struct key key = key_of_name(name);
	size_t found = key_find(plan->names, &key);
	struct plan_place place;

	*ret = (struct plan_instance){ .row = row, .input = input };
	if (found == KEY_NONE)
		return 0;
	if (found < model->instance_count) {
		ret->instance = model->instances[found];
		return 0;
	}
	place = plan_place_instance(ret);
	return plan_refuse(
		plan, &place, "LoadBalancerName", "FailedOperation",
		"More than one instance is called %.80s: rename one through the API first.", name);
}

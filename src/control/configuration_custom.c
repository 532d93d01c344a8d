/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CustomConfig in a configuration file: the text of a custom configuration that is the instance's
 * alone and goes by the file. It is found again by its name and by being bound to that instance; a
 * binding that was made through the API to another one stays while the file has no text of its own.
 * Control's thread.
 */
#include "control/configuration_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/configuration_yaml.h"
#include "model/charset.h"
#include "model/directives.h"

#define FIELD "CustomConfig"
#define ACTION "SetCustomizedConfigForLoadBalancer"
#define PREFIX "config-"
#define LINE_SHOWN 60 /* bytes of a line in the texts of changes */

struct owned_name {
	char text[LIMIT_NAME_BYTES + 1];
};

/* "config-NAME", cut to as many characters as a name may have. */
static struct owned_name owned_name(const struct instance *instance)
{
	struct owned_name name = { PREFIX };
	struct bytes rest = bytes_of(instance->name);
	size_t at = strlen(PREFIX);
	uint32_t point;

	for (size_t count = at; count < LIMIT_NAME && rest.size > 0; count++) {
		size_t size = charset_utf8(rest, &point);

		if (size == 0 || at + size > LIMIT_NAME_BYTES)
			break;
		memcpy(name.text + at, rest.at, size);
		at += size;
		rest = (struct bytes){ rest.at + size, rest.size - size };
	}
	name.text[at] = '\0';
	return name;
}

static size_t count_bound(const struct model *model, const struct custom_configuration *custom)
{
	size_t count = 0;

	for (size_t i = 0; i < model->instance_count; i++)
		count += model->instances[i]->custom == custom;
	return count;
}

/* The instance's own: bound to it and to nobody else, with the name that a file gives. */
static bool is_owned(const struct model *model, const struct instance *instance)
{
	struct owned_name name = owned_name(instance);

	return instance->custom && strcmp(instance->custom->name, name.text) == 0 &&
	       count_bound(model, instance->custom) == 1;
}

/* One of that name that nobody is bound to: left by an instance that was deleted. */
static const struct custom_configuration *find_orphan(const struct model *model, const char *name)
{
	for (size_t i = 0; i < model->custom_count; i++) {
		if (strcmp(model->customs[i]->name, name) == 0 &&
		    count_bound(model, model->customs[i]) == 0)
			return model->customs[i];
	}
	return NULL;
}

/* What is wrong with the text, told at the line of the file where the directive stands. */
static int check_text(struct plan *plan, const struct plan_place *place, const char *text)
{
	struct problem found = { 0 }, *problem = &plan->call->problem;
	struct directives directives;
	unsigned line = 0;
	int taken = 0, error = directives_parse(bytes_of(text), FIELD, &directives, &found);

	if (error == 0)
		directives_done(&directives);
	if (error != -EINVAL)
		return error;
	/* Of a text that is too long there is no line. */
	if (sscanf(found.text, "line %u: %n", &line, &taken) != 1)
		return plan_refuse(plan, place, FIELD, found.code, "%s", found.text);
	problem_set(problem, found.code, "", "%s", found.text + taken);
	(void)snprintf(problem->field, sizeof(problem->field), "%.120s." FIELD, place->path);
	return plan_locate_line(plan, problem,
				configuration_yaml_text_line(plan->content, problem->field, line));
}

static int run(struct plan *plan, const struct plan_place *place, json_t *input,
	       json_t **ret_output)
{
	return plan_run(plan, place, ACTION, input, ret_output);
}

static int unbind(struct plan *plan, const struct plan_place *place,
		  const struct instance *instance)
{
	return run(plan, place,
		   json_pack("{s:s s:s s:[s]}", "OperationType", "UNBIND", "UconfigId",
			     instance->custom->id, "LoadBalancerIds", instance->id),
		   NULL);
}

static int update(struct plan *plan, const struct plan_place *place, const char *id,
		  const char *text)
{
	return run(plan, place,
		   json_pack("{s:s s:s s:s}", "OperationType", "UPDATE", "UconfigId", id,
			     "ConfigContent", text),
		   NULL);
}

/* Makes the configuration, or takes the one that was left, and binds the instance to it. */
static int make(struct plan *plan, const struct plan_place *place, const struct instance *instance,
		const char *text)
{
	struct owned_name name = owned_name(instance);
	const struct custom_configuration *orphan =
		find_orphan(&plan->call->control->model, name.text);
	json_t *output = NULL;
	const char *id = orphan ? orphan->id : NULL;
	int error = 0;

	if (orphan && strcmp(orphan->content, text) != 0)
		error = update(plan, place, id, text);
	if (!orphan)
		error = run(plan, place,
			    json_pack("{s:s s:s s:s}", "OperationType", "ADD", "ConfigName",
				      name.text, "ConfigContent", text),
			    &output);
	if (!orphan && error == 0)
		id = json_string_value(json_object_get(output, "ConfigId"));
	if (error == 0)
		error = run(plan, place,
			    json_pack("{s:s s:s s:[s]}", "OperationType", "BIND", "UconfigId", id,
				      "LoadBalancerIds", instance->id),
			    NULL);
	json_decref(output);
	return error;
}

static struct bytes take_line(struct bytes *text)
{
	const char *end = text->size ? memchr(text->at, '\n', text->size) : NULL;
	struct bytes line = { text->at, end ? (size_t)(end - text->at) : text->size };
	size_t taken = line.size + (end != NULL);

	*text = (struct bytes){ text->at + taken, text->size - taken };
	return line;
}

/* Cut at a character's end. */
static int shown(struct bytes line)
{
	size_t size = line.size < LINE_SHOWN ? line.size : LINE_SHOWN;

	while (size > 0 && size < line.size && (line.at[size] & 0xc0) == 0x80)
		size--;
	return (int)size;
}

/* The first line that differs stands for all. */
static int note_update(struct plan *plan, const struct instance *instance, const char *text)
{
	struct bytes old = bytes_of(instance->custom->content), new = bytes_of(text);
	struct bytes old_line, new_line;
	unsigned line = 0;

	do {
		old_line = take_line(&old);
		new_line = take_line(&new);
		line++;
	} while (bytes_equal(old_line, new_line) && (old.size || new.size));
	return plan_note(plan, "~ instance %s: " FIELD " line %u: %.*s -> %.*s", instance->name,
			 line, shown(old_line), old_line.at, shown(new_line), new_line.at);
}

/* The instance has the file's text. */
static int want(struct plan *plan, const struct plan_place *place, const struct instance *instance,
		const char *text)
{
	int error;

	if (is_owned(&plan->call->control->model, instance)) {
		if (strcmp(instance->custom->content, text) == 0)
			return 0;
		error = note_update(plan, instance, text);
		return error ? error : update(plan, place, instance->custom->id, text);
	}
	error = plan_note(plan, "+ instance %s: " FIELD "%s%s", instance->name,
			  instance->custom ? ", in place of " : "",
			  instance->custom ? instance->custom->id : "");
	if (error == 0 && instance->custom)
		error = unbind(plan, place, instance);
	return error ? error : make(plan, place, instance, text);
}

static int drop(struct plan *plan, const struct plan_place *place, const struct instance *instance)
{
	const struct custom_configuration *custom = instance->custom;
	int error;

	if (!is_owned(&plan->call->control->model, instance))
		return 0;
	error = plan_note(plan, "- instance %s: " FIELD, instance->name);
	if (error == 0)
		error = unbind(plan, place, instance);
	return error ? error
		     : run(plan, place,
			   json_pack("{s:s s:s}", "OperationType", "DELETE", "UconfigId",
				     custom->id),
			   NULL);
}

int plan_make_custom(struct plan *plan, const struct plan_instance *instance)
{
	struct plan_place place = plan_place_instance(instance);
	const char *text = input_text(instance->input, FIELD);
	int error;

	if (!text || !*text)
		return drop(plan, &place, instance->instance);
	error = check_text(plan, &place, text);
	return error ? error : want(plan, &place, instance->instance, text);
}

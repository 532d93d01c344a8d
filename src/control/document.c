/* SPDX-License-Identifier: Apache-2.0 */
/* docs/api.md as a walk over the table of actions and their fields. Pure but for the stream. */
#include "control/document.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "control/actions.h"
#include "model/limits.h"

static const char introduction[] =
	"# The control API\n"
	"\n"
	"<!-- Printed by `setia document-api` from the table of actions; do not edit. -->\n"
	"\n"
	"One path, `/`. `POST` with a JSON object, or `GET` with the same fields flattened into the "
	"query\n"
	"(`Ports.0=80&HealthCheck.HealthSwitch=1`). Headers: `X-TC-Action`, `X-TC-Version: "
	"2018-03-17`,\n"
	"`X-TC-Timestamp` (at most %d s off), `X-TC-Region` (any), `Authorization` "
	"(TC3-HMAC-SHA256).\n"
	"\n"
	"Every answer, errors included, is HTTP 200 with `Content-Type: application/json`:\n"
	"`{\"Response\":{...,\"RequestId\":\"...\"}}` or\n"
	"`{\"Response\":{\"Error\":{\"Code\":\"...\",\"Message\":\"...\"},\"RequestId\":\"...\"}}`. "
	"The RequestId of a change\n"
	"is the TaskId for DescribeTaskStatus. A field that is `null` counts as absent.\n"
	"\n"
	"Checks are made in this order: authentication, action, version, JSON, unknown fields, "
	"required\n"
	"fields, types, ranges, existence, combinations, quotas.\n"
	"\n"
	"Roofs: a query of %u bytes, a body of %u bytes, %d levels, %d values, %d calls a second per "
	"key and\n"
	"action (`--api-rate`), %d connections.\n";

static const char *const uses[] = {
	[FIELD_OPTIONAL] = "",
	[FIELD_REQUIRED] = "required",
	[FIELD_IGNORED] = "ignored",
	[FIELD_UNSUPPORTED] = "not supported",
};

static const char *const types[] = {
	[FIELD_TEXT] = "string",
	[FIELD_INTEGER] = "integer",
	[FIELD_BOOLEAN] = "boolean",
	[FIELD_OBJECT] = "object",
	[FIELD_TEXT_LIST] = "list of strings",
	[FIELD_INTEGER_LIST] = "list of integers",
	[FIELD_OBJECT_LIST] = "list of objects",
};

/* Within a table's cell. */
static void print_note(FILE *out, const char *text)
{
	for (; *text; text++)
		fprintf(out, "%s%c", *text == '|' ? "\\" : "", *text);
}

static void print_bounds(FILE *out, const struct field *field)
{
	const char *unit = "";

	if (field->least == 0 && field->most == 0)
		return;
	if (field->type == FIELD_TEXT)
		unit = " characters";
	else if (field->type == FIELD_TEXT_LIST || field->type == FIELD_OBJECT_LIST)
		unit = " elements";
	if (field->most == INT64_MAX)
		fprintf(out, "from %" PRId64 "%s", field->least, unit);
	else
		fprintf(out, "%" PRId64 "..%" PRId64 "%s", field->least, field->most, unit);
}

static void print_allowed(FILE *out, const struct field *field)
{
	if (field->use == FIELD_UNSUPPORTED) {
		if (field->neutral)
			fprintf(out, "`%s` only", field->neutral);
		return;
	}
	if (!field->words) {
		print_bounds(out, field);
		return;
	}
	for (const char *const *word = field->words; *word; word++)
		fprintf(out, "%s`%s`", word == field->words ? "" : " ", *word);
}

static void print_fields(FILE *out, const struct field *fields, const char *prefix)
{
	char path[200];

	for (; fields->name; fields++) {
		fprintf(out, "| %s%s | %s | %s | ", prefix, fields->name, types[fields->type],
			uses[fields->use]);
		print_allowed(out, fields);
		fputs(" | ", out);
		print_note(out, fields->about ?: "");
		fputs(" |\n", out);
		if (!fields->fields || fields->use == FIELD_UNSUPPORTED)
			continue;
		(void)snprintf(path, sizeof(path), "%s%s%s.", prefix, fields->name,
			       fields->type == FIELD_OBJECT_LIST ? "[]" : "");
		print_fields(out, fields->fields, path);
	}
}

static void print_action(FILE *out, const struct action *action)
{
	fprintf(out, "\n## %s\n\n%s%s\n", action->name, action->about,
		action->kind == ACTION_CHANGE ? " A change: its RequestId is a task." : "");
	if (!action->fields->name) {
		fprintf(out, "\nNo fields.\n");
		return;
	}
	fprintf(out, "\n| field | type | use | allowed | notes |\n|---|---|---|---|---|\n");
	print_fields(out, action->fields, "");
}

static bool is_extension(const char *about)
{
	return about && strncmp(about, "Extension", strlen("Extension")) == 0;
}

static void print_extension_fields(FILE *out, const char *action, const struct field *fields)
{
	for (; fields->name; fields++) {
		if (is_extension(fields->about))
			fprintf(out, "| %s | %s |\n", action, fields->name);
		if (fields->fields && fields->use != FIELD_UNSUPPORTED)
			print_extension_fields(out, action, fields->fields);
	}
}

/* What the reference does not have, so that nobody looks for it there. */
static void print_extensions(FILE *out)
{
	fprintf(out, "\n## Extensions\n\n"
		     "Actions and fields of Setia's own. None of them changes what an action or "
		     "field of the reference means.\n\n| action | field |\n|---|---|\n");
	for (const struct action *action = actions; action->name; action++) {
		if (!action->run)
			continue;
		if (is_extension(action->about))
			fprintf(out, "| %s | all |\n", action->name);
		else
			print_extension_fields(out, action->name, action->fields);
	}
}

static void print_unsupported(FILE *out)
{
	fprintf(out, "\n## Names that answer UnsupportedOperation\n\n"
		     "Any other name answers InvalidAction.\n\n| action | why |\n|---|---|\n");
	for (const struct action *action = actions; action->name; action++) {
		if (!action->run)
			fprintf(out, "| %s | %s |\n", action->name,
				action->about ?: "not built yet");
	}
}

int control_document(FILE *out)
{
	fprintf(out, introduction, API_CLOCK_SKEW_S, API_QUERY_MOST, API_BODY_MOST,
		API_JSON_DEPTH_MOST, API_JSON_VALUES_MOST, API_RATE_PER_SECOND,
		API_CONNECTIONS_MOST);
	print_extensions(out);
	for (const struct action *action = actions; action->name; action++) {
		if (action->run)
			print_action(out, action);
	}
	print_unsupported(out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of fields that several actions share, and the reading of filters. Pure. */
#include "control/shared_fields.h"

#include <stdio.h>
#include <string.h>

const char *const protocol_words[] = { "TCP", "UDP", "HTTP", "HTTPS", "TCP_SSL", "QUIC", NULL };
const char *const rule_scheduler_words[] = { "WRR", "LEAST_CONN", "IP_HASH", NULL };
const char *const target_type_words[] = { "NODE", "TARGETGROUP", "TARGETGROUP-V2", NULL };

const char *const drain_words[] = { "MOVE", "KEEP", NULL };

static const char *const ssl_mode_words[] = { "UNIDIRECTIONAL", "MUTUAL", NULL };
static const char *const ssl_verify_words[] = { "ON", "OPTIONAL", NULL };

const struct field certificate_fields[] = {
	{ "SSLMode", FIELD_TEXT, .words = ssl_mode_words },
	{ "SSLVerifyClient", FIELD_TEXT, .words = ssl_verify_words },
	{ "CertId", FIELD_TEXT },
	{ "CertCaId", FIELD_TEXT },
	{ "CertName", FIELD_TEXT },
	{ "CertKey", FIELD_TEXT },
	{ "CertContent", FIELD_TEXT },
	{ "CertCaName", FIELD_TEXT },
	{ "CertCaContent", FIELD_TEXT },
	{ 0 },
};

static const struct field certificate_item_fields[] = {
	{ "CertId", FIELD_TEXT },
	{ "CertName", FIELD_TEXT },
	{ "CertContent", FIELD_TEXT },
	{ "CertKey", FIELD_TEXT },
	{ 0 },
};

const struct field multi_certificate_fields[] = {
	{ "SSLMode", FIELD_TEXT, FIELD_REQUIRED, .words = ssl_mode_words },
	{ "CertList", FIELD_OBJECT_LIST, FIELD_REQUIRED, .fields = certificate_item_fields },
	{ "SSLVerifyClient", FIELD_TEXT, .words = ssl_verify_words },
	{ 0 },
};

const struct field filter_fields[] = {
	{ "Name", FIELD_TEXT, FIELD_REQUIRED },
	{ "Values", FIELD_TEXT_LIST, FIELD_REQUIRED, .most = 100 },
	{ 0 },
};

void drain_read(const json_t *input, bool *keeps_draining)
{
	const char *word = input_text(input, "DrainPolicy");

	if (word)
		*keeps_draining = strcmp(word, "KEEP") == 0;
}

const char *drain_word(bool keeps_draining)
{
	return drain_words[keeps_draining];
}

const json_t *filter_values(const json_t *input, const char *name)
{
	const json_t *filter;
	size_t i;

	json_array_foreach((json_t *)input_get(input, "Filters"), i, filter)
	{
		if (strcmp(input_text(filter, "Name"), name) == 0)
			return input_get(filter, "Values");
	}
	return NULL;
}

bool filter_passes(const json_t *values, const char *text)
{
	const json_t *value;
	size_t i;

	json_array_foreach((json_t *)values, i, value)
	{
		if (strcmp(json_string_value(value), text) == 0)
			return true;
	}
	return values == NULL;
}

static bool is_known(const char *const *names, const char *name)
{
	for (; *names; names++) {
		size_t size = strlen(*names);

		if ((*names)[size - 1] == ':' ? strncmp(*names, name, size) == 0
					      : strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

int filters_check(const json_t *input, const char *const *names, struct problem *problem)
{
	const json_t *filter;
	size_t i;

	json_array_foreach((json_t *)input_get(input, "Filters"), i, filter)
	{
		const char *name = input_text(filter, "Name");
		char path[40];

		if (is_known(names, name))
			continue;
		snprintf(path, sizeof(path), "Filters[%zu].Name", i);
		return problem_set(problem, "InvalidParameterValue.InvalidFilter", path,
				   "Filters: this action has no filter %s.", name);
	}
	return 0;
}

bool list_passes(const json_t *input, const char *name, const char *text)
{
	const json_t *list = input_get(input, name);

	return json_array_size(list) == 0 || filter_passes(list, text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of an input that may be kept for years and read by others. Pure; recursion is bounded by
 * the input's checked depth. */
#include "control/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/text.h"

int audit_hash(const void *data, size_t size, char ret_text[65])
{
	unsigned char hash[32];

	if (EVP_Digest(data, size, hash, NULL, EVP_sha256(), NULL) != 1)
		return -EIO;
	text_hex_write(hash, sizeof(hash), ret_text);
	return 0;
}

static json_t *text_copy(const char *name, const json_t *value)
{
	const char *text = json_string_value(value);
	size_t size = json_string_length(value);
	char hash[65], told[160];

	if (name && (strcmp(name, "CertKey") == 0 || strcmp(name, "SecretKey") == 0))
		return json_string("***");
	if (size <= AUDIT_TEXT_MOST && !(name && strcmp(name, "Content") == 0))
		return json_string(text);
	if (audit_hash(text, size, hash) != 0)
		return NULL;
	(void)snprintf(told, sizeof(told), "%zu bytes, sha256 %s", size, hash);
	return json_string(told);
}

static json_t *value_copy(const char *name, const json_t *value)
{
	const json_t *element;
	const char *key;
	json_t *copy;
	size_t i;

	switch (json_typeof(value)) {
	case JSON_STRING:
		return text_copy(name, value);
	case JSON_ARRAY:
		copy = json_array();
		json_array_foreach((json_t *)value, i, element)
		{
			if (json_array_append_new(copy, value_copy(name, element)) != 0) {
				json_decref(copy);
				return NULL;
			}
		}
		return copy;
	case JSON_OBJECT:
		copy = json_object();
		json_object_foreach((json_t *)value, key, element)
		{
			if (json_object_set_new(copy, key, value_copy(key, element)) != 0) {
				json_decref(copy);
				return NULL;
			}
		}
		return copy;
	default:
		return json_incref((json_t *)value);
	}
}

/* As a whole JSON text; ids need no escape. */
static bool names(const char *text, const char *id)
{
	char quoted[64];
	int size = snprintf(quoted, sizeof(quoted), "\"%s\"", id);

	return size > 0 && (size_t)size < sizeof(quoted) && strstr(text, quoted);
}

static bool holds(const json_t *array, const char *word)
{
	const json_t *element;
	size_t i;

	json_array_foreach((json_t *)array, i, element)
	{
		if (strcmp(json_string_value(element), word) == 0)
			return true;
	}
	return false;
}

static int add_concerns(json_t *copy, const json_t *concerns)
{
	char *text = json_dumps(copy, JSON_COMPACT);
	json_t *added = json_array();
	const json_t *id;
	size_t i;
	int error = text && added ? 0 : -1;

	json_array_foreach((json_t *)concerns, i, id)
	{
		const char *word = json_string_value(id);

		if (error != 0 || json_array_size(added) >= AUDIT_CONCERNS_MOST)
			break;
		if (word && !names(text, word) && !holds(added, word))
			error = json_array_append(added, (json_t *)id);
	}
	if (error == 0 && json_array_size(added) > 0)
		error = json_object_set(copy, "Concerns", added);
	json_decref(added);
	free(text);
	return error;
}

char *audit_detail(const json_t *input, const json_t *concerns)
{
	json_t *copy = value_copy(NULL, input);
	char *text = NULL;
	char hash[65], told[160];

	if (copy && (!json_is_object(copy) || add_concerns(copy, concerns) == 0))
		text = json_dumps(copy, JSON_COMPACT);

	json_decref(copy);
	if (!text || strlen(text) <= AUDIT_DETAIL_MOST)
		return text;
	if (audit_hash(text, strlen(text), hash) != 0) {
		free(text);
		return NULL;
	}
	(void)snprintf(told, sizeof(told), "{\"Cut\":\"%zu bytes, sha256 %s\"}", strlen(text),
		       hash);
	free(text);
	return strdup(told);
}

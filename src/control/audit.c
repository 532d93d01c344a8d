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

char *audit_detail(const json_t *input)
{
	json_t *copy = value_copy(NULL, input);
	char *text = copy ? json_dumps(copy, JSON_COMPACT) : NULL;
	char hash[65], told[160];

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

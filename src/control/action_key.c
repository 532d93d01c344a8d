/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extensions of the API: its own keys, and the rotation of the keys that seal cookies. Runs inside
 * the dispatcher's transaction, which also reads the key ring again when it is rolled back.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "control/actions.h"
#include "control/cookie_key.h"
#include "control/credential.h"
#include "control/store.h"

#define SECRET_ID_FIELD                                                                    \
	{                                                                                  \
		.name = "SecretId", .type = FIELD_TEXT, .use = FIELD_REQUIRED, .least = 1, \
		.most = 63, .about = "The public half of the key."                         \
	}

const struct field list_api_keys_fields[] = { { .name = NULL } };
const struct field create_api_key_fields[] = { { .name = NULL } };
const struct field rotate_cookie_key_fields[] = { { .name = NULL } };
const struct field delete_api_key_fields[] = { SECRET_ID_FIELD, { .name = NULL } };
const struct field modify_api_key_fields[] = {
	SECRET_ID_FIELD,
	{ .name = "Enabled",
	  .type = FIELD_BOOLEAN,
	  .use = FIELD_REQUIRED,
	  .about = "false: calls signed with this key are refused from now on." },
	{ .name = NULL },
};

static const struct api_key *find(const struct call *call, const char *secret_id)
{
	const struct api_key *key = keyring_first(call->control->keyring);

	while (key && strcmp(key->secret_id, secret_id) != 0)
		key = key->next;
	return key;
}

static size_t count_keys(const struct call *call, bool only_enabled)
{
	size_t count = 0;

	for (const struct api_key *key = keyring_first(call->control->keyring); key;
	     key = key->next)
		count += key->is_enabled || !only_enabled;
	return count;
}

static int refuse_unknown(struct call *call, const char *secret_id)
{
	return problem_set(&call->problem, "ResourceNotFound", "SecretId",
			   "SecretId: there is no key %s.", secret_id);
}

static int refuse_last(struct call *call)
{
	return problem_set(&call->problem, "FailedOperation", "SecretId",
			   "SecretId: this is the last enabled key; without it nobody could call "
			   "the API.");
}

static json_t *time_json(int64_t wall_s)
{
	time_t seconds = (time_t)wall_s;
	struct tm local;
	char text[32];

	if (!localtime_r(&seconds, &local) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) == 0)
		return json_null();
	return json_string(text);
}

int list_api_keys(struct call *call)
{
	json_t *list = json_array();
	const struct api_key *key = keyring_first(call->control->keyring);

	for (; list && key; key = key->next) {
		json_t *row = json_pack("{s:s,s:b,s:o}", "SecretId", key->secret_id, "Enabled",
					key->is_enabled, "CreateTime", time_json(key->created_at));

		if (json_array_append_new(list, row) != 0) {
			json_decref(list);
			return -ENOMEM;
		}
	}
	return json_object_set_new(call->output, "Keys", list) == 0 ? 0 : -ENOMEM;
}

/* Keys are no part of a snapshot: nothing has to be published. */
static int keys_changed(struct call *call)
{
	call->is_unchanged = true;
	return keyring_reload(call->control->keyring);
}

int create_api_key(struct call *call)
{
	struct api_key key;
	int error;

	if (count_keys(call, false) >= API_KEYS_MOST)
		return problem_set(&call->problem, "LimitExceeded", "",
				   "There are %d keys already, as many as can be.", API_KEYS_MOST);
	error = credential_make(&key);
	if (error == 0)
		error = store_insert_api_key(call->control->store, &key);
	if (error == 0 &&
	    (json_object_set_new(call->output, "SecretId", json_string(key.secret_id)) != 0 ||
	     json_object_set_new(call->output, "SecretKey", json_string(key.secret_key)) != 0))
		error = -ENOMEM;
	OPENSSL_cleanse(&key, sizeof(key));
	return error ?: keys_changed(call);
}

int modify_api_key(struct call *call)
{
	const char *secret_id = input_text(call->input, "SecretId");
	bool is_enabled = input_boolean(call->input, "Enabled", true);
	const struct api_key *old = find(call, secret_id);
	struct api_key key;
	int error;

	if (!old)
		return refuse_unknown(call, secret_id);
	if (!is_enabled && old->is_enabled && count_keys(call, true) == 1)
		return refuse_last(call);
	key = *old;
	key.is_enabled = is_enabled;
	error = store_update_api_key(call->control->store, &key);
	OPENSSL_cleanse(&key, sizeof(key));
	return error ?: keys_changed(call);
}

int delete_api_key(struct call *call)
{
	const char *secret_id = input_text(call->input, "SecretId");
	const struct api_key *old = find(call, secret_id);

	if (!old)
		return refuse_unknown(call, secret_id);
	if (old->is_enabled && count_keys(call, true) == 1)
		return refuse_last(call);
	return store_delete_api_key(call->control->store, secret_id) ?: keys_changed(call);
}

int rotate_cookie_key(struct call *call)
{
	uint8_t id = 0;
	int error = cookie_key_rotate(call->control, &call->problem, &id);

	if (error != 0)
		return error;
	return json_object_set_new(call->output, "KeyId", json_integer(id)) == 0 ? 0 : -ENOMEM;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API's keys, read from the store into a short list, and the first pair, which the operator
 * finds in DIR/credentials. Control's one thread; secrets are wiped when the list is freed.
 */
#include "control/credential.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "process/log.h"

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

struct keyring {
	struct store *store;
	struct api_key *first;
};

static void keys_free(struct api_key *key)
{
	while (key) {
		struct api_key *next = key->next;

		OPENSSL_cleanse(key, sizeof(*key));
		free(key);
		key = next;
	}
}

struct keyring *keyring_free(struct keyring *keyring)
{
	if (keyring)
		keys_free(keyring->first);
	free(keyring);
	return NULL;
}

const struct api_key *keyring_first(const struct keyring *keyring)
{
	return keyring->first;
}

const struct api_key *keyring_find(const struct keyring *keyring, const char *secret_id)
{
	for (const struct api_key *key = keyring->first; key; key = key->next) {
		if (key->is_enabled && strcmp(key->secret_id, secret_id) == 0)
			return key;
	}
	return NULL;
}

int keyring_reload(struct keyring *keyring)
{
	struct api_key *first = NULL;
	int error = store_load_api_keys(keyring->store, &first);

	if (error != 0)
		return error;
	keys_free(keyring->first);
	keyring->first = first;
	return 0;
}

int credential_make(struct api_key *ret)
{
	struct api_key key = { .secret_id = "AKID", .is_enabled = true };
	int error = random_text(key.secret_id + 4, 32 + 1, LETTERS_AND_DIGITS);

	if (error == 0)
		error = random_text(key.secret_key, 40 + 1, LETTERS_AND_DIGITS);
	if (error != 0)
		return error;
	key.created_at = clock_wall_s();
	*ret = key;
	OPENSSL_cleanse(&key, sizeof(key));
	return 0;
}

/* Printable, without spaces and what `banned` names, and small enough. */
static bool is_word(const char *text, const char *banned, size_t room)
{
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++) {
		if (!isgraph((unsigned char)text[i]) || strchr(banned, text[i]))
			return false;
	}
	return size > 0 && size < room;
}

static int first_key(struct api_key *ret)
{
	const char *id = getenv("SETIA_SECRET_ID");
	const char *key = getenv("SETIA_SECRET_KEY");

	if (!id && !key)
		return credential_make(ret);
	/* A slash or comma in the id would end it within a Credential. */
	if (!id || !key || !is_word(id, "/,", sizeof(ret->secret_id)) ||
	    !is_word(key, "", sizeof(ret->secret_key))) {
		log_event(LOG_LEVEL_ERROR, "credentials_refused", "problem",
			  "SETIA_SECRET_ID and SETIA_SECRET_KEY must both be set, to 1 to 63 "
			  "printable characters without spaces, the id also without / and ,",
			  NULL);
		return -EINVAL;
	}
	*ret = (struct api_key){ .is_enabled = true, .created_at = clock_wall_s() };
	memcpy(ret->secret_id, id, strlen(id) + 1);
	memcpy(ret->secret_key, key, strlen(key) + 1);
	return 0;
}

int credential_write(const char *path, const struct api_key *key)
{
	char text[256];
	int size = snprintf(text, sizeof(text), "secret_id = %s\nsecret_key = %s\n", key->secret_id,
			    key->secret_key);
	int error = file_replace(path, text, (size_t)size, 0600);

	OPENSSL_cleanse(text, sizeof(text));
	return error;
}

/* The file comes first: a key whose secret nobody can read would lock the operator out. */
static int make_first_key(struct store *store, const char *data_dir)
{
	char path[4096];
	struct api_key key;
	int size = snprintf(path, sizeof(path), "%s/credentials", data_dir);
	int error;

	if (size < 0 || (size_t)size >= sizeof(path))
		return -ENAMETOOLONG;
	error = first_key(&key);
	if (error != 0)
		return error;
	error = store_begin(store);
	if (error != 0)
		return error;
	error = store_insert_api_key(store, &key);
	if (error == 0)
		error = credential_write(path, &key);
	if (error == 0)
		error = store_commit(store);
	if (error != 0) {
		store_rollback(store);
		(void)unlink(path);
	} else {
		log_event(LOG_LEVEL_INFO, "credentials_written", "path", path, "secret_id",
			  key.secret_id, NULL);
	}
	OPENSSL_cleanse(&key, sizeof(key));
	return error;
}

int keyring_open(struct store *store, const char *data_dir, struct keyring **ret)
{
	struct keyring *keyring = calloc(1, sizeof(*keyring));
	int error;

	if (!keyring)
		return -ENOMEM;
	keyring->store = store;
	error = keyring_reload(keyring);
	if (error == 0 && !keyring->first) {
		error = make_first_key(store, data_dir);
		if (error == 0)
			error = keyring_reload(keyring);
	}
	if (error != 0) {
		keyring_free(keyring);
		return error;
	}
	*ret = keyring;
	return 0;
}

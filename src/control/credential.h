/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API keys in memory, as the store holds them, and DIR/credentials, which the first start writes
 * for the operator.
 */
#ifndef CONTROL_CREDENTIAL_H
#define CONTROL_CREDENTIAL_H

#include "control/store.h"

struct keyring;

/*
 * Loads the keys; when the store has none, makes the first (from SETIA_SECRET_ID and
 * SETIA_SECRET_KEY if both are set) and writes DIR/credentials (0600, "secret_id = ...\nsecret_key
 * = ...\n"). A missing credentials file is not written again for a key whose secret the operator
 * may have taken away.
 */
int keyring_open(struct store *store, const char *data_dir, struct keyring **ret);
struct keyring *keyring_free(struct keyring *keyring);
/* Enabled keys only; NULL when unknown. Borrowed until the next change. */
const struct api_key *keyring_find(const struct keyring *keyring, const char *secret_id);
const struct api_key *keyring_first(const struct keyring *keyring); /* all of them, by creation */
/* Reads them again: after a change, and after a rollback. */
int keyring_reload(struct keyring *keyring);
/* "AKID" + 32 and a key of 40 random letters and digits. */
int credential_make(struct api_key *ret);
/* Makes `path` a file of this pair, as commands read it: 0600, whole or not at all. -errno. */
int credential_write(const char *path, const struct api_key *key);

#endif

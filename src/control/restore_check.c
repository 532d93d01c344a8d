/* SPDX-License-Identifier: Apache-2.0 */
/* From the outside in: SQLite's own check, the store's, the model's, the snapshot's. Owns what it
 * opens; a command's one thread. */
#include "control/restore_check.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "control/backup_clock.h"
#include "control/store_internal.h"
#include "control/store_reader.h"
#include "model/snapshot.h"

/* The first row of a check that is silent, or says "ok", when all is well. */
static int check_by(sqlite3 *database, const char *sql, const char *name, char *why,
		    size_t why_size)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
	const char *text = NULL;

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(statement, 0);
	if (result != SQLITE_DONE && (!text || strcmp(text, "ok") != 0)) {
		(void)snprintf(why, why_size, "%s is damaged: %.200s", name,
			       text ? text : sqlite3_errmsg(database));
		sqlite3_finalize(statement);
		return -EBADMSG;
	}
	sqlite3_finalize(statement);
	return 0;
}

static int check_pages(const char *directory, const char *name, char *why, size_t why_size)
{
	char path[PATH_MAX], reason[512];
	sqlite3 *database = NULL;
	int size = snprintf(path, sizeof(path), "%s/setia.db", directory);
	int error;

	if (size < 0 || (size_t)size >= sizeof(path))
		return -ENAMETOOLONG;
	error = store_reader_open(path, &database, reason, sizeof(reason));
	if (error != 0) {
		/* It speaks of the copy; people know the original. */
		const char *text =
			strncmp(reason, path, (size_t)size) == 0 ? reason + size : reason;

		(void)snprintf(why, why_size, "%s%s", name, text);
		return error;
	}
	error = check_by(database, "PRAGMA integrity_check(1)", name, why, why_size);
	if (error == 0)
		error = check_by(database, "PRAGMA foreign_key_check", name, why, why_size);
	sqlite3_close_v2(database);
	return error;
}

static int find_keys(struct store *store, const char *credentials, struct restore_findings *ret)
{
	struct api_key *key = NULL;
	int error = store_load_api_keys(store, &key);

	while (key) {
		struct api_key *next = key->next;
		char line[96];

		(void)snprintf(line, sizeof(line), "secret_id = %s\n", key->secret_id);
		if (key->is_enabled && strstr(credentials, line))
			ret->has_known_key = true;
		if (key->is_enabled && !ret->has_key) {
			ret->has_key = true;
			ret->key = *key;
			ret->key.next = NULL;
		}
		OPENSSL_cleanse(key, sizeof(*key));
		free(key);
		key = next;
	}
	return error;
}

static int check_model(struct store *store)
{
	struct model model = { 0 };
	int fd, error = store_load(store, &model);

	if (error != 0)
		return error;
	error = snapshot_build(&model, 1, &fd);
	if (error == 0)
		close(fd);
	model_done(&model);
	return error;
}

static int check_store(struct store *store, const char *credentials, struct restore_findings *ret)
{
	int error = check_model(store);

	if (error == 0)
		error = find_keys(store, credentials, ret);
	if (error == 0) {
		error = backup_clock_take(store->database, &ret->anchor);
		ret->has_anchor = error == 0;
		if (error == -ENOENT)
			error = 0;
	}
	return error;
}

int restore_check(const char *directory, const char *name, const char *credentials,
		  struct restore_findings *ret, char *why, size_t why_size)
{
	struct restore_findings findings = { 0 };
	struct store *store = NULL;
	int error = check_pages(directory, name, why, why_size);

	if (error != 0)
		return error;
	error = store_open(directory, &store);
	if (error == 0)
		error = check_store(store, credentials, &findings);
	store_close(store);
	if (error == 0)
		*ret = findings;
	else if (error == -EBADMSG)
		(void)snprintf(why, why_size,
			       "%s is not a configuration that this version can run; the log line "
			       "above says why",
			       name);
	else
		(void)snprintf(why, why_size, "%s cannot be checked: %s", name, strerror(-error));
	OPENSSL_cleanse(&findings, sizeof(findings));
	return error;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a database for reading. Runs in a command's one thread; owns nothing. */
#include "control/store_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control/store_internal.h"
#include "control/store_schema.h"

int store_reader_fail(sqlite3 *database, const char *path, char *why, size_t why_size)
{
	int result = sqlite3_errcode(database);

	(void)snprintf(why, why_size, "%s: %s", path, sqlite3_errmsg(database));
	switch (result & 0xff) {
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

static int refuse(const char *path, const char *reason, char *why, size_t why_size)
{
	(void)snprintf(why, why_size, "%s %s", path, reason);
	return -EBADMSG;
}

static int query_integer(sqlite3 *database, const char *sql, int64_t *ret_value)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return result == SQLITE_ROW ? 0 : -EIO;
}

static int check_owner(sqlite3 *database, const char *path, char *why, size_t why_size)
{
	int64_t application = 0, version = 0;

	if (query_integer(database, "PRAGMA application_id", &application) != 0 ||
	    query_integer(database, "PRAGMA user_version", &version) != 0)
		return store_reader_fail(database, path, why, why_size);
	if (application != STORE_APPLICATION_ID)
		return refuse(path, "is no database of Setia.", why, why_size);
	if (version > store_schema_version())
		return refuse(path, "was made by a newer version of Setia.", why, why_size);
	return version > 0 ? 0 : refuse(path, "has no version.", why, why_size);
}

static int configure(sqlite3 *database, const char *path, char *why, size_t why_size)
{
	sqlite3_extended_result_codes(database, 1);
	sqlite3_limit(database, SQLITE_LIMIT_LENGTH, STORE_LENGTH_MOST);
	sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
	if (sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
	    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(database, STORE_BUSY_TIMEOUT_MS) != SQLITE_OK ||
	    sqlite3_exec(database, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON", NULL,
			 NULL, NULL) != SQLITE_OK)
		return store_reader_fail(database, path, why, why_size);
	return 0;
}

/* SQLite's own refusal of links would also refuse a linked directory. */
static int check_file(const char *path, char *why, size_t why_size)
{
	struct stat status;

	if (lstat(path, &status) != 0) {
		int error = -errno;

		(void)snprintf(why, why_size, "%s: %s", path, strerror(-error));
		return error;
	}
	return S_ISREG(status.st_mode) ? 0 : refuse(path, "is no plain file.", why, why_size);
}

int store_reader_open(const char *path, sqlite3 **ret, char *why, size_t why_size)
{
	sqlite3 *database = NULL;
	int result, error = check_file(path, why, why_size);

	if (error != 0)
		return error;
	result = sqlite3_open_v2(
		path, &database,
		SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
	if (!database)
		return -ENOMEM;
	if (result != SQLITE_OK)
		error = store_reader_fail(database, path, why, why_size);
	else
		error = configure(database, path, why, why_size);
	if (error == 0)
		error = check_owner(database, path, why, why_size);
	if (error != 0) {
		sqlite3_close_v2(database);
		return error;
	}
	*ret = database;
	return 0;
}

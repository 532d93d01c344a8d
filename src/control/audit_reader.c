/* SPDX-License-Identifier: Apache-2.0 */
/* One query over the audit table. Runs in a command's one thread; owns the database while it reads.
 */
#include "control/audit_reader.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "control/store_reader.h"

/* A row names what stands in it as a whole JSON text. */
static const char query[] =
	"SELECT wall_s, key_id, action, request_id, result, detail FROM (SELECT * FROM audit "
	"WHERE wall_s >= ?1 AND (?2 IS NULL OR key_id = ?2) AND (?3 IS NULL OR action = ?3) "
	"AND (?4 IS NULL OR (result = 'ok') = (?4 = 'ok')) "
	"AND (?5 IS NULL OR instr(detail, '\"' || ?5 || '\"') > 0) "
	"ORDER BY number DESC LIMIT ?6) ORDER BY number";

static int bind(sqlite3_stmt *statement, const struct audit_filter *filter)
{
	const char *const texts[] = { filter->key_id, filter->action, filter->result, filter->id };
	int result = sqlite3_bind_int64(statement, 1, filter->since_s);

	for (int i = 0; i < 4 && result == SQLITE_OK; i++)
		result = sqlite3_bind_text(statement, 2 + i, texts[i], -1, SQLITE_STATIC);
	if (result == SQLITE_OK)
		result = sqlite3_bind_int64(statement, 6, filter->newest > 0 ? filter->newest : -1);
	return result;
}

static const char *column(sqlite3_stmt *statement, int number)
{
	const char *text = (const char *)sqlite3_column_text(statement, number);

	return text ? text : "";
}

static int read_rows(sqlite3_stmt *statement,
		     int (*each)(const struct audit_entry *entry, void *context), void *context,
		     int *ret_result)
{
	int result;

	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct audit_entry entry = {
			.wall_s = sqlite3_column_int64(statement, 0),
			.key_id = column(statement, 1),
			.action = column(statement, 2),
			.request_id = column(statement, 3),
			.result = column(statement, 4),
			.detail = column(statement, 5),
		};
		int error = each(&entry, context);

		if (error != 0)
			return error;
	}
	*ret_result = result;
	return 0;
}

int audit_read(const char *data, const struct audit_filter *filter,
	       int (*each)(const struct audit_entry *entry, void *context), void *context,
	       char *why, size_t why_size)
{
	sqlite3 *database = NULL;
	sqlite3_stmt *statement = NULL;
	char path[PATH_MAX];
	int result = SQLITE_DONE, size = snprintf(path, sizeof(path), "%s/setia.db", data);
	int error;

	if (size < 0 || (size_t)size >= sizeof(path)) {
		(void)snprintf(why, why_size, "the name of the data directory is too long");
		return -ENAMETOOLONG;
	}
	error = store_reader_open(path, &database, why, why_size);
	if (error != 0)
		return error;
	result = sqlite3_prepare_v2(database, query, -1, &statement, NULL);
	if (result == SQLITE_OK)
		result = bind(statement, filter);
	if (result == SQLITE_OK)
		error = read_rows(statement, each, context, &result);
	if (error == 0 && result != SQLITE_DONE)
		error = store_reader_fail(database, path, why, why_size);
	sqlite3_finalize(statement);
	sqlite3_close_v2(database);
	return error;
}

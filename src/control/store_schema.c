/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schema migrations, in order, and the checks of a database file before it is believed. The version
 * is PRAGMA user_version, the owner PRAGMA application_id. Runs once, in store_open.
 */
#include "control/store_schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/store_internal.h"
#include "process/log.h"

/* migrations[n] leads from version n to n + 1. Only ever appended to. */
static const char *const migrations[] = { schema_sql,         schema_custom_sql,
					  schema_layer4_sql,  schema_extensions_sql,
					  schema_control_sql, schema_target_sql };
#define SCHEMA_VERSION ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

static const char *const checked_tables[] = {
	"number",
	"instance",
	"tag",
	"listener",
	"rule",
	"target",
	"freed_slot",
	"cookie_key",
	"api_key",
	"custom_configuration",
	"custom_binding",
	"layer4",
	"access_entry",
	"rule_domain",
	"redirect",
	"target_group",
	"target_group_tag",
	"target_group_member",
	"group_binding",
};

int64_t store_schema_version(void)
{
	return SCHEMA_VERSION;
}

static int refuse(const char *reason, const char *detail)
{
	log_event(LOG_LEVEL_ERROR, "store_refused", "reason", reason, "detail", detail, NULL);
	return -EBADMSG;
}

/* The first column of the first row. */
static int query_integer(struct store *store, const char *sql, int64_t *ret_value)
{
	sqlite3_stmt *statement = NULL;
	int error = 0, result = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(statement, 0);
	else
		error = store_error(store, result, sql);
	sqlite3_finalize(statement);
	return error;
}

static int apply_migrations(struct store *store, int64_t version)
{
	char text[96];

	for (int64_t i = version; i < SCHEMA_VERSION; i++) {
		int result = sqlite3_exec(store->database, migrations[i], NULL, NULL, NULL);

		if (result != SQLITE_OK)
			return store_error(store, result, "migrate");
	}
	/* Pragmas take no parameters; both numbers are ours. */
	snprintf(text, sizeof(text), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 STORE_APPLICATION_ID, (int)SCHEMA_VERSION);
	int result = sqlite3_exec(store->database, text, NULL, NULL, NULL);

	return result == SQLITE_OK ? 0 : store_error(store, result, "migrate");
}

static int migrate_in_transaction(struct store *store)
{
	int64_t application = 0, version = 0, things = 0;
	int error = query_integer(store, "PRAGMA application_id", &application);

	if (error == 0)
		error = query_integer(store, "PRAGMA user_version", &version);
	if (error == 0)
		error = query_integer(store, "SELECT count(*) FROM sqlite_schema", &things);
	if (error != 0)
		return error;
	if (application == 0 && version == 0 && things == 0)
		return apply_migrations(store, 0);
	if (application != STORE_APPLICATION_ID)
		return refuse("the file is another program's database", NULL);
	if (version > SCHEMA_VERSION)
		return refuse("the database was made by a newer version", log_number(version));
	if (version < 1)
		return refuse("the database has no version", NULL);
	return version == SCHEMA_VERSION ? 0 : apply_migrations(store, version);
}

int store_migrate(struct store *store)
{
	int error = store_begin(store);

	if (error != 0)
		return error;
	error = migrate_in_transaction(store);
	if (error == 0)
		error = store_commit(store);
	if (error != 0 && !sqlite3_get_autocommit(store->database))
		sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
	store->is_in_transaction = false;
	return error;
}

/* "ok", or the first complaint. */
static int check_table(struct store *store, const char *table)
{
	sqlite3_stmt *statement = NULL;
	char sql[96];
	int result, error = 0;

	snprintf(sql, sizeof(sql), "PRAGMA integrity_check(%s)", table);
	result = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);

		if (!text || strcmp(text, "ok") != 0)
			error = refuse("the database is damaged", text);
	} else {
		error = store_error(store, result, sql);
	}
	sqlite3_finalize(statement);
	return error;
}

static const char schema_query[] = "SELECT type, name, tbl_name, sql FROM sqlite_schema "
				   "WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name";

static bool is_same_row(sqlite3_stmt *a, sqlite3_stmt *b)
{
	for (int i = 0; i < 4; i++) {
		const char *left = (const char *)sqlite3_column_text(a, i);
		const char *right = (const char *)sqlite3_column_text(b, i);

		if (!left != !right || (left && strcmp(left, right) != 0))
			return false;
	}
	return true;
}

/* Walks both schemas at once; *ret_same tells whether they are equal to the end. */
static int compare_schemas(sqlite3_stmt *ours, sqlite3_stmt *theirs, bool *ret_same)
{
	for (;;) {
		int left = sqlite3_step(ours), right = sqlite3_step(theirs);

		if (left != SQLITE_ROW && left != SQLITE_DONE)
			return left;
		if (right != SQLITE_ROW && right != SQLITE_DONE)
			return right;
		*ret_same = left == right;
		if (left != right || left == SQLITE_DONE)
			return SQLITE_OK;
		*ret_same = is_same_row(ours, theirs);
		if (!*ret_same)
			return SQLITE_OK;
	}
}

/*
 * A constraint or trigger that somebody took out would make rows believable that are not, so the
 * schema is compared with one made afresh by the same migrations.
 */
static int check_schema(struct store *store)
{
	sqlite3 *fresh = NULL;
	sqlite3_stmt *ours = NULL, *theirs = NULL;
	bool is_same = false;
	int result = sqlite3_open_v2(":memory:", &fresh, SQLITE_OPEN_READWRITE, NULL);

	for (int64_t i = 0; i < SCHEMA_VERSION && result == SQLITE_OK; i++)
		result = sqlite3_exec(fresh, migrations[i], NULL, NULL, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(fresh, schema_query, -1, &ours, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_prepare_v2(store->database, schema_query, -1, &theirs, NULL);
	if (result == SQLITE_OK)
		result = compare_schemas(ours, theirs, &is_same);
	sqlite3_finalize(ours);
	sqlite3_finalize(theirs);
	sqlite3_close_v2(fresh);
	if (result != SQLITE_OK)
		return store_error(store, result, "check the schema");
	return is_same ? 0 : refuse("the database's schema is not the one of its version", NULL);
}

int store_check(struct store *store)
{
	int error = check_schema(store);

	for (size_t i = 0; i < sizeof(checked_tables) / sizeof(checked_tables[0]) && error == 0;
	     i++)
		error = check_table(store, checked_tables[i]);
	return error;
}

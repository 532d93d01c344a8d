/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database as an open thing: opening it, transactions, and running statements. Control's one
 * thread; `struct store` owns the connection, the prepared statements and the bitmaps of slots.
 */
#include "control/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/store_schema.h"
#include "process/log.h"

/*
 * Of the write-ahead log, where a commit fails: sqlite3_system_errno has forgotten it by then. 0 =
 * it never failed.
 */
static int errno_of_log(const struct store *store)
{
	sqlite3_file *file = NULL;
	int number = 0;

	if (sqlite3_file_control(store->database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) !=
		    SQLITE_OK ||
	    !file || !file->pMethods ||
	    file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number) != SQLITE_OK)
		return 0;
	return number;
}

/* Why the kernel refused, where SQLite only says that it did. */
static int errno_of_system(const struct store *store)
{
	int number = store->database ? errno_of_log(store) : 0;

	if (number == 0 && store->database)
		number = sqlite3_system_errno(store->database);
	switch (number) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return -ENOSPC;
	case EROFS:
	case EACCES:
	case EPERM:
		return -EROFS;
	default:
		return -EIO;
	}
}

static int errno_of(const struct store *store, int result)
{
	switch (result & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CONSTRAINT:
		if (result == SQLITE_CONSTRAINT_UNIQUE || result == SQLITE_CONSTRAINT_PRIMARYKEY)
			return -EEXIST;
		return -EIO;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return errno_of_system(store);
	default:
		return -EIO;
	}
}

int store_error(struct store *store, int result, const char *doing)
{
	int error = errno_of(store, result);

	/* A uniqueness rule of the schema is the caller's to explain. */
	if (error != -EEXIST)
		log_event(LOG_LEVEL_ERROR, "store_failed", "doing", doing, "code",
			  log_number(result), "reason",
			  store->database ? sqlite3_errmsg(store->database)
					  : sqlite3_errstr(result),
			  NULL);
	return error;
}

/*
 * Made by us, so that the file (and with it SQLite's -wal and -shm, which copy its mode) is never
 * readable by others, whatever the umask.
 */
static int make_file(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) != 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode))
		error = -EBADMSG;
	else if ((status.st_mode & 07777) != 0600 && fchmod(fd, 0600) != 0)
		error = -errno;
	close(fd);
	return error;
}

static int prepare_statements(struct store *store)
{
	for (size_t i = 0; i < STATEMENT_COUNT; i++) {
		int result =
			sqlite3_prepare_v3(store->database, statement_texts[i], -1,
					   SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);

		if (result != SQLITE_OK)
			return store_error(store, result, "prepare");
	}
	return 0;
}

static int configure(struct store *store)
{
	static const char pragmas[] = "PRAGMA trusted_schema = OFF;"
				      "PRAGMA cell_size_check = ON;"
				      "PRAGMA foreign_keys = ON;"
				      "PRAGMA journal_mode = WAL;"
				      "PRAGMA synchronous = FULL;"
				      "PRAGMA journal_size_limit = 67108864;";
	int result;

	sqlite3_extended_result_codes(store->database, 1);
	sqlite3_limit(store->database, SQLITE_LIMIT_LENGTH, STORE_LENGTH_MOST);
	sqlite3_limit(store->database, SQLITE_LIMIT_ATTACHED, 0);
	result = sqlite3_db_config(store->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_busy_timeout(store->database, STORE_BUSY_TIMEOUT_MS);
	if (result == SQLITE_OK)
		result = sqlite3_exec(store->database, pragmas, NULL, NULL, NULL);
	return result == SQLITE_OK ? 0 : store_error(store, result, "open");
}

static int open_database(struct store *store, const char *path)
{
	int error = make_file(path), result;

	if (error != 0) {
		log_event(LOG_LEVEL_ERROR, "store_failed", "doing", "open", "file", path, "reason",
			  log_errno(error), NULL);
		return error;
	}
	result = sqlite3_open_v2(
		path, &store->database,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
	if (result != SQLITE_OK)
		return store_error(store, result, "open");
	error = configure(store);
	if (error == 0)
		error = store_migrate(store);
	if (error == 0)
		error = store_check(store);
	if (error == 0)
		error = prepare_statements(store);
	return error != 0 ? error : store_load_slots(store);
}

int store_open(const char *data_dir, struct store **ret)
{
	struct store *store;
	char path[PATH_MAX];
	int error, size = snprintf(path, sizeof(path), "%s/setia.db", data_dir);

	if (size < 0 || (size_t)size >= sizeof(path))
		return -ENAMETOOLONG;
	store = calloc(1, sizeof(*store));
	if (!store)
		return -ENOMEM;
	error = slots_init(store->slots);
	if (error == 0)
		error = open_database(store, path);
	if (error != 0) {
		store_close(store);
		return error;
	}
	*ret = store;
	return 0;
}

struct store *store_close(struct store *store)
{
	if (!store)
		return NULL;
	store_rollback(store);
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close_v2(store->database);
	slots_done(store->slots);
	free(store);
	return NULL;
}

int store_begin(struct store *store)
{
	int result = sqlite3_exec(store->database, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	bool is_busy = (result & 0xff) == SQLITE_BUSY;

	/* One that waited in vain has waited for those behind it too. */
	if (is_busy != store->was_busy)
		(void)sqlite3_busy_timeout(store->database,
					   is_busy ? STORE_BUSY_AGAIN_MS : STORE_BUSY_TIMEOUT_MS);
	store->was_busy = is_busy;
	if (result != SQLITE_OK)
		return store_error(store, result, "begin");
	store->is_in_transaction = true;
	store->has_written = false;
	return 0;
}

int store_commit(struct store *store)
{
	int result;

	if (!store->is_in_transaction || sqlite3_get_autocommit(store->database))
		return -EIO;
	result = sqlite3_exec(store->database, "COMMIT", NULL, NULL, NULL);
	if (result != SQLITE_OK)
		return store_error(store, result, "commit");
	store->is_in_transaction = false;
	return 0;
}

void store_rollback(struct store *store)
{
	int result;

	if (!store->is_in_transaction)
		return;
	store->is_in_transaction = false;
	/* A full disk or an I/O error may have rolled it back already. */
	if (!sqlite3_get_autocommit(store->database)) {
		result = sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
		if (result != SQLITE_OK)
			store_error(store, result, "roll back");
	}
	/* On failure the old bitmaps stay: they hold more than is used, never less. */
	if (store->has_written)
		store_load_slots(store);
}

bool store_has_written(const struct store *store)
{
	return store->has_written;
}

static int bind_values(sqlite3_stmt *statement, const struct value *values, size_t count)
{
	int result = SQLITE_OK;

	for (size_t i = 0; i < count && result == SQLITE_OK; i++) {
		const struct value *value = &values[i];
		int position = (int)i + 1;

		switch (value->type) {
		case VALUE_NULL:
			result = sqlite3_bind_null(statement, position);
			break;
		case VALUE_INTEGER:
			result = sqlite3_bind_int64(statement, position, value->integer);
			break;
		case VALUE_TEXT:
			result = sqlite3_bind_text(statement, position, value->data, -1,
						   SQLITE_STATIC);
			break;
		case VALUE_BLOB:
			result = sqlite3_bind_blob64(statement, position, value->data,
						     (sqlite3_uint64)value->integer, SQLITE_STATIC);
			break;
		}
	}
	return result;
}

/* Leaves nothing borrowed behind. */
static void finish(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

/*
 * Before each statement. After a full disk SQLite may have ended the transaction by itself: what
 * follows must not become changes of their own.
 */
static int check_transaction(struct store *store, sqlite3_stmt *statement)
{
	if (!sqlite3_stmt_readonly(statement))
		store->has_written = true;
	return store->is_in_transaction && sqlite3_get_autocommit(store->database) ? -EIO : 0;
}

int store_run_values(struct store *store, enum statement which, const struct value *values,
		     size_t count)
{
	sqlite3_stmt *statement = store->statements[which];
	int result, error = check_transaction(store, statement);

	if (error != 0)
		return error;
	result = bind_values(statement, values, count);
	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result != SQLITE_DONE)
		error = store_error(store, result, statement_texts[which]);
	finish(statement);
	return error;
}

int store_query(struct store *store, const struct query *query, void *context)
{
	struct row row = {
		.statement = store->statements[query->statement],
		.table = query->table,
	};
	int result, error = check_transaction(store, row.statement);

	if (error != 0)
		return error;
	result = bind_values(row.statement, query->values, query->count);
	while (result == SQLITE_OK || result == SQLITE_ROW) {
		result = sqlite3_step(row.statement);
		if (result != SQLITE_ROW)
			break;
		error = query->each(&row, context);
		if (error == 0)
			error = row.error;
		if (error != 0)
			break;
	}
	if (error == 0 && result != SQLITE_DONE)
		error = store_error(store, result, statement_texts[query->statement]);
	finish(row.statement);
	return error;
}

static int read_number(struct row *row, void *context)
{
	int64_t *number = context;

	*number = row_integer(row, 0, INT64_MIN, INT64_MAX);
	return row->error != 0 ? row->error : -EALREADY;
}

int store_get_number(struct store *store, const char *name, int64_t *ret_value)
{
	const struct value value = value_text(name);
	const struct query query = { STATEMENT_GET_NUMBER, "number", read_number, &value, 1 };
	int64_t number = 0;
	int error = store_query(store, &query, &number);

	if (error == -EALREADY) {
		*ret_value = number;
		return 0;
	}
	return error != 0 ? error : -ENOENT;
}

int store_set_number(struct store *store, const char *name, int64_t value)
{
	return store_run(store, STATEMENT_SET_NUMBER, value_text(name), value_integer(value));
}

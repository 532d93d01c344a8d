/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store's own files share: the open database, its prepared statements, the bitmaps of
 * slots, and the ways to run a statement and to read a row without trusting it. Nobody else
 * includes this but who copies and checks the file as a whole (backup, restore). Control's one
 * thread.
 */
#ifndef CONTROL_STORE_INTERNAL_H
#define CONTROL_STORE_INTERNAL_H

#include <sqlite3.h>

#include "control/store.h"
#include "control/store_row.h"
#include "control/store_slots.h"
#include "control/store_statements.h"

#define STORE_APPLICATION_ID 0x53544941 /* "STIA": the file says whose it is */
#define STORE_BUSY_TIMEOUT_MS 2000 /* another process (a backup) holds the lock: wait this long */
#define STORE_BUSY_AGAIN_MS                                                   \
	100 /* ... and when that was in vain: callers queue behind each other \
	     */
#define STORE_LENGTH_MOST (64 << 20) /* bytes of one row or statement, for SQLite itself */

/* *.sql, embedded by the build. */
extern const char schema_sql[], schema_custom_sql[], schema_layer4_sql[], schema_extensions_sql[],
	schema_control_sql[], schema_target_sql[];

struct store {
	sqlite3 *database;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	struct slots slots[SLOT_KINDS]; /* [0] is unused */
	bool was_busy; /* the last try to begin: the next waits STORE_BUSY_AGAIN_MS only */
	bool is_in_transaction;
	bool has_written; /* in this transaction, or tried to */
};

/* A value for a `?`. Texts and blobs are borrowed until the statement has run. */
struct value {
	enum { VALUE_NULL, VALUE_INTEGER, VALUE_TEXT, VALUE_BLOB } type;
	int64_t integer; /* or the size of the blob */
	const void *data;
};

static inline struct value value_integer(int64_t integer)
{
	return (struct value){ .type = VALUE_INTEGER, .integer = integer };
}

static inline struct value value_number(uint64_t number)
{
	return value_integer((int64_t)number);
}

static inline struct value value_text(const char *text)
{
	return (struct value){ .type = text ? VALUE_TEXT : VALUE_NULL, .data = text };
}

static inline struct value value_blob(const void *data, size_t size)
{
	return (struct value){ .type = VALUE_BLOB, .integer = (int64_t)size, .data = data };
}

/* Of the row that was inserted last. */
static inline uint64_t store_new_number(const struct store *store)
{
	return (uint64_t)sqlite3_last_insert_rowid(store->database);
}

/* Runs a statement that returns no rows. */
#define store_run(store, statement, ...)                                              \
	store_run_values((store), (statement), (const struct value[]){ __VA_ARGS__ }, \
			 sizeof((const struct value[]){ __VA_ARGS__ }) / sizeof(struct value))
int store_run_values(struct store *store, enum statement which, const struct value *values,
		     size_t count);

/* A statement that returns rows, its values, and who reads them. `table` is for the log. */
struct query {
	enum statement statement;
	const char *table;
	int (*each)(struct row *row, void *context);
	const struct value *values;
	size_t count;
};
/*
 * Calls `each` for every row; it returns 0 to go on or -errno to end the query with that. An error
 * that it leaves in the row ends it too.
 */
int store_query(struct store *store, const struct query *query, void *context);

/* Logs the database's complaint and returns the -errno for it. */
int store_error(struct store *store, int result, const char *doing);

#endif

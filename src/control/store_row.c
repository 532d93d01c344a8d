/* SPDX-License-Identifier: Apache-2.0 */
/* Columns as values that have been looked at. Control's one thread. */
#include "control/store_row.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "process/log.h"

int row_bad(struct row *row, int column, const char *why)
{
	if (row->error != 0)
		return row->error;
	row->error = -EBADMSG;
	log_event(LOG_LEVEL_ERROR, "store_damaged", "table", row->table, "row",
		  log_number(sqlite3_column_int64(row->statement, 0)), "column",
		  sqlite3_column_name(row->statement, column), "reason", why, NULL);
	return row->error;
}

int64_t row_integer(struct row *row, int column, int64_t least, int64_t most)
{
	int64_t value;

	if (row->error != 0)
		return 0;
	if (sqlite3_column_type(row->statement, column) != SQLITE_INTEGER) {
		row_bad(row, column, "no integer");
		return 0;
	}
	value = sqlite3_column_int64(row->statement, column);
	if (value < least || value > most) {
		row_bad(row, column, "out of range");
		return 0;
	}
	return value;
}

/* Only what JSON can carry: an answer has to be able to show it. */
static bool is_utf8(const char *text, size_t size)
{
	json_t *probe;
	size_t i = 0;

	while (i < size && (unsigned char)text[i] < 0x80)
		i++;
	if (i == size)
		return true;
	probe = json_stringn(text, size);
	json_decref(probe);
	return probe != NULL;
}

const char *row_text(struct row *row, int column, size_t most)
{
	const char *text;
	size_t size;

	if (row->error != 0)
		return "";
	if (sqlite3_column_type(row->statement, column) != SQLITE_TEXT) {
		row_bad(row, column, "no text");
		return "";
	}
	text = (const char *)sqlite3_column_text(row->statement, column);
	if (!text) {
		row->error = -ENOMEM;
		return "";
	}
	size = (size_t)sqlite3_column_bytes(row->statement, column);
	if (size > most)
		row_bad(row, column, "too long");
	else if (strlen(text) != size || !is_utf8(text, size))
		row_bad(row, column, "no UTF-8 text");
	return row->error == 0 ? text : "";
}

char *row_text_copy(struct row *row, int column, size_t most)
{
	const char *text = row_text(row, column, most);
	char *copy = row->error == 0 ? strdup(text) : NULL;

	if (row->error == 0 && !copy)
		row->error = -ENOMEM;
	return copy;
}

void row_text_into(struct row *row, int column, char *out, size_t room)
{
	const char *text = row_text(row, column, room - 1);

	memcpy(out, text, strlen(text) + 1);
}

bool row_is_null(struct row *row, int column)
{
	return sqlite3_column_type(row->statement, column) == SQLITE_NULL;
}

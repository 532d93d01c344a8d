/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a row without trusting it: types, ranges, lengths, UTF-8. The first bad column is
 * remembered and logged once; readers of a row that is bad already give 0, "" or NULL. Control's
 * one thread.
 */
#ifndef CONTROL_STORE_ROW_H
#define CONTROL_STORE_ROW_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_TEXT_MOST (1 << 20) /* bytes of a text of which nothing better is known */

struct row {
	sqlite3_stmt *statement; /* column 0 tells people which row it is */
	const char *table;
	int error; /* 0, -EBADMSG or -ENOMEM */
};

int64_t row_integer(struct row *row, int column, int64_t least, int64_t most);
/* `most` bytes. Borrowed until the next row. */
const char *row_text(struct row *row, int column, size_t most);
char *row_text_copy(struct row *row, int column, size_t most);
void row_text_into(struct row *row, int column, char *out, size_t room);
bool row_is_null(struct row *row, int column);
/* Says what is wrong with a column, and returns row->error. */
int row_bad(struct row *row, int column, const char *why);

#endif

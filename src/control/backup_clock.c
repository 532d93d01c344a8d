/* SPDX-License-Identifier: Apache-2.0 */
/* An anchor as four small numbers: a boot id is a UUID, and so two of them. */
#include "control/backup_clock.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "model/limits.h"

#define ROWS 4

static const char *const names[ROWS] = { "backup_boot_high", "backup_boot_low", "backup_offset_s",
					 "backup_session_s" };

/* What no machine's clock says: numbers around it would overflow when they are added. */
#define TIME_ROOF (INT64_MAX / 4)

int backup_clock_read(const char *data, struct clock_anchor *ret)
{
	char path[PATH_MAX], boot_id[40] = "";
	int size = snprintf(path, sizeof(path), "%s/clock", data);
	struct clock_anchor anchor;
	int64_t now_s;
	int error;

	if (size < 0 || (size_t)size >= sizeof(path))
		return -ENAMETOOLONG;
	error = clock_anchor_read(path, &anchor);
	if (error != 0)
		return error;
	(void)clock_boot_id(boot_id);
	now_s = clock_session_s(&anchor, clock_boot_ms());
	/* Of an earlier boot: nobody has seen a later second since. */
	if (strcmp(boot_id, anchor.boot_id) == 0 && now_s > anchor.last_session_s)
		anchor.last_session_s = now_s;
	*ret = anchor;
	return 0;
}

/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" */
static int boot_numbers(const char *boot_id, int64_t ret[2])
{
	char digits[33];
	size_t count = 0;
	uint64_t high, low;
	int end = 0;

	for (const char *at = boot_id; *at; at++) {
		if (*at == '-')
			continue;
		if (count == 32 || !strchr("0123456789abcdef", *at))
			return -EINVAL;
		digits[count++] = *at;
	}
	digits[count] = '\0';
	if (count != 32 || sscanf(digits, "%16" SCNx64 "%16" SCNx64 "%n", &high, &low, &end) != 2 ||
	    end != 32)
		return -EINVAL;
	ret[0] = (int64_t)high;
	ret[1] = (int64_t)low;
	return 0;
}

static void boot_text(const int64_t numbers[2], char ret_id[40])
{
	uint64_t high = (uint64_t)numbers[0], low = (uint64_t)numbers[1];

	(void)snprintf(ret_id, 40, "%08x-%04x-%04x-%04x-%012" PRIx64, (unsigned)(high >> 32),
		       (unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xffff,
		       (unsigned)(low >> 48), low & UINT64_C(0xffffffffffff));
}

static int set_number(sqlite3 *database, const char *name, int64_t value)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(
		database, "INSERT OR REPLACE INTO number (name, value) VALUES (?1, ?2)", -1,
		&statement, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	if (result == SQLITE_OK)
		result = sqlite3_bind_int64(statement, 2, value);
	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return result == SQLITE_DONE ? 0 : -EIO;
}

int backup_clock_store(sqlite3 *database, const struct clock_anchor *anchor)
{
	int64_t values[ROWS] = { 0, 0, anchor->offset_s, anchor->last_session_s };
	int error = 0;

	/* A kernel that gives no boot id: then only the last second counts. */
	(void)boot_numbers(anchor->boot_id, values);
	for (size_t i = 0; i < ROWS && error == 0; i++)
		error = set_number(database, names[i], values[i]);
	return error;
}

/* False when it is not there. */
static bool get_number(sqlite3 *database, const char *name, int64_t *ret_value)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(database, "SELECT value FROM number WHERE name = ?1", -1,
					&statement, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return result == SQLITE_ROW;
}

int backup_clock_take(sqlite3 *database, struct clock_anchor *ret)
{
	struct clock_anchor anchor = { 0 };
	int64_t values[ROWS] = { 0 };
	bool is_whole = true;

	for (size_t i = 0; i < ROWS; i++)
		is_whole = get_number(database, names[i], &values[i]) && is_whole;
	if (sqlite3_exec(database, "DELETE FROM number WHERE name LIKE 'backup\\_%' ESCAPE '\\'",
			 NULL, NULL, NULL) != SQLITE_OK)
		return -EIO;
	anchor.offset_s = values[2];
	anchor.last_session_s = values[3];
	if (!is_whole || anchor.offset_s > TIME_ROOF || anchor.offset_s < -TIME_ROOF ||
	    anchor.last_session_s < 0 || anchor.last_session_s > TIME_ROOF)
		return -ENOENT;
	boot_text(values, anchor.boot_id);
	*ret = anchor;
	return 0;
}

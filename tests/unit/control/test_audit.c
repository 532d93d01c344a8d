/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit keeps of a call, and the anchor of session time within a backup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/audit.h"
#include "control/backup_clock.h"

static void detail(const char *input, const char *concerns, const char *expected)
{
	json_t *in = json_loads(input, 0, NULL);
	json_t *ids = concerns ? json_loads(concerns, 0, NULL) : NULL;
	char *text = audit_detail(in, ids);

	assert_string_equal(text, expected);
	free(text);
	json_decref(in);
	json_decref(ids);
}

static void concerns_are_what_the_input_does_not_name(void **state)
{
	detail("{\"A\":1}", NULL, "{\"A\":1}");
	detail("{\"A\":1}", "[]", "{\"A\":1}");
	detail("{\"Id\":\"lb-1\"}", "[\"lb-1\"]", "{\"Id\":\"lb-1\"}");
	detail("{\"Ids\":[\"lb-12\"]}", "[\"lb-1\",\"lb-2\",\"lb-1\",7,null]",
	       "{\"Ids\":[\"lb-12\"],\"Concerns\":[\"lb-1\",\"lb-2\"]}");
	detail("{\"SecretKey\":\"x\",\"CertKey\":\"y\"}", "[\"k\"]",
	       "{\"SecretKey\":\"***\",\"CertKey\":\"***\",\"Concerns\":[\"k\"]}");
	detail("[]", "[\"k\"]", "[]");
}

static void concerns_have_a_roof(void **state)
{
	json_t *input = json_object(), *ids = json_array();
	const json_t *kept;
	json_t *read;
	char *text;

	for (int i = 0; i < AUDIT_CONCERNS_MOST + 50; i++) {
		char id[16];

		snprintf(id, sizeof(id), "lb-%d", i);
		json_array_append_new(ids, json_string(id));
	}
	text = audit_detail(input, ids);
	read = json_loads(text, 0, NULL);
	kept = json_object_get(read, "Concerns");
	assert_int_equal(json_array_size(kept), AUDIT_CONCERNS_MOST);
	assert_string_equal(json_string_value(json_array_get(kept, 0)), "lb-0");
	free(text);
	json_decref(read);
	json_decref(input);
	json_decref(ids);
}

static sqlite3 *numbers_open(void)
{
	sqlite3 *database;

	assert_int_equal(sqlite3_open(":memory:", &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database,
				      "CREATE TABLE number (name TEXT PRIMARY KEY, value INTEGER);"
				      "INSERT INTO number VALUES ('generation', 7)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	return database;
}

static int count_rows(void *context, int columns, char **values, char **names)
{
	++*(int *)context;
	return 0;
}

static void an_anchor_comes_back(void **state)
{
	static const char *const boots[] = { "253621d4-abec-42d9-87e7-a84ba7b97cd1",
					     "ffffffff-ffff-ffff-ffff-ffffffffffff",
					     "00000000-0000-0000-0000-000000000001" };
	sqlite3 *database = numbers_open();
	struct clock_anchor read;
	int rows;

	for (size_t i = 0; i < sizeof(boots) / sizeof(boots[0]); i++) {
		struct clock_anchor anchor = { .offset_s = -5, .last_session_s = 1795385807 };

		strcpy(anchor.boot_id, boots[i]);
		memset(&read, 0x55, sizeof(read));
		assert_int_equal(backup_clock_store(database, &anchor), 0);
		assert_int_equal(backup_clock_take(database, &read), 0);
		assert_string_equal(read.boot_id, boots[i]);
		assert_int_equal(read.offset_s, -5);
		assert_int_equal(read.last_session_s, 1795385807);
		assert_int_equal(backup_clock_take(database, &read), -ENOENT);
	}
	rows = 0;
	assert_int_equal(sqlite3_exec(database, "SELECT 1 FROM number", count_rows, &rows, NULL),
			 SQLITE_OK);
	assert_int_equal(rows, 1);
	sqlite3_close(database);
}

static void odd_anchors_are_none(void **state)
{
	static const char *const odd[] = {
		"DELETE FROM number WHERE name = 'backup_boot_low'",
		"UPDATE number SET value = -1 WHERE name = 'backup_session_s'",
		"UPDATE number SET value = 9223372036854775807 WHERE name = 'backup_session_s'",
		"UPDATE number SET value = 9223372036854775807 WHERE name = 'backup_offset_s'",
		"UPDATE number SET value = -9223372036854775808 WHERE name = 'backup_offset_s'",
	};
	const struct clock_anchor anchor = { .boot_id = "no uuid", .last_session_s = 1 };
	sqlite3 *database = numbers_open();
	struct clock_anchor read;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		assert_int_equal(backup_clock_store(database, &anchor), 0);
		assert_int_equal(sqlite3_exec(database, odd[i], NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(backup_clock_take(database, &read), -ENOENT);
	}
	/* What is no UUID becomes a boot that never was. */
	assert_int_equal(backup_clock_store(database, &anchor), 0);
	assert_int_equal(backup_clock_take(database, &read), 0);
	assert_string_equal(read.boot_id, "00000000-0000-0000-0000-000000000000");
	sqlite3_close(database);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(concerns_are_what_the_input_does_not_name),
		cmocka_unit_test(concerns_have_a_roof),
		cmocka_unit_test(an_anchor_comes_back),
		cmocka_unit_test(odd_anchors_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a store under test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_fixture.h"

int store_set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->directory, "/tmp/setia-store-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%s/setia.db", fixture->directory);
	assert_int_equal(store_open(fixture->directory, &fixture->store), 0);
	*state = fixture;
	return 0;
}

int store_tear_down(void **state)
{
	struct fixture *fixture = *state;
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char path[128];

	store_close(fixture->store);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", fixture->path, suffixes[i]);
		unlink(path);
	}
	rmdir(fixture->directory);
	free(fixture);
	return 0;
}

void store_reopen(struct fixture *fixture, int expected)
{
	fixture->store = store_close(fixture->store);
	assert_int_equal(store_open(fixture->directory, &fixture->store), expected);
}

void store_tamper(struct fixture *fixture, const char *sql)
{
	sqlite3 *database;
	char *message = NULL;

	fixture->store = store_close(fixture->store);
	assert_int_equal(sqlite3_open(fixture->path, &database), SQLITE_OK);
	if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(database);
}

void set_text(char **text, const char *value)
{
	free(*text);
	*text = strdup(value);
}

void store_refuses(struct fixture *fixture, const char *sql)
{
	struct model read = { 0 };
	char command[256], good[128];
	int error;

	fixture->store = store_close(fixture->store);
	snprintf(good, sizeof(good), "%s.good", fixture->path);
	snprintf(command, sizeof(command), "cp %s %s", fixture->path, good);
	assert_int_equal(system(command), 0);
	store_tamper(fixture, sql);
	error = store_open(fixture->directory, &fixture->store);
	if (error == 0)
		error = store_load(fixture->store, &read);
	if (error != -EBADMSG)
		fail_msg("%s: %d", sql, error);
	assert_null(read.instances);
	fixture->store = store_close(fixture->store);
	assert_int_equal(rename(good, fixture->path), 0);
	assert_int_equal(store_open(fixture->directory, &fixture->store), 0);
}

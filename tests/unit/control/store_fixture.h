/* SPDX-License-Identifier: Apache-2.0 */
/* A store in a directory of its own, for tests that close it, change its file and open it again. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include "control/store.h"

struct fixture {
	char directory[64];
	char path[96];
	struct store *store;
};

int store_set_up(void **state);
int store_tear_down(void **state);
/* Closes and opens; `expected` is what opening gives. */
void store_reopen(struct fixture *fixture, int expected);
/* Changes the file as somebody else would, with the store closed. */
void store_tamper(struct fixture *fixture, const char *sql);
/* The file after `sql` is not loaded (-EBADMSG); then it is put back as it was. */
void store_refuses(struct fixture *fixture, const char *sql);
/* Takes away what the fifth migration brought. */
#define BACK_TO_VERSION_4                                                            \
	"DROP TABLE group_binding; DROP TABLE target_group_member;"                  \
	"DROP TABLE target_group_tag; DROP TABLE target_group; DROP TABLE redirect;" \
	"DROP TABLE rule_domain; DROP TABLE access_entry;"                           \
	"ALTER TABLE rule DROP COLUMN target_type;"                                  \
	"ALTER TABLE listener DROP COLUMN target_type;"                              \
	"ALTER TABLE listener DROP COLUMN is_stopped;"                               \
	"ALTER TABLE instance DROP COLUMN is_stopped;"
void set_text(char **text, const char *value);

#endif

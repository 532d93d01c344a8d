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
void set_text(char **text, const char *value);

#endif

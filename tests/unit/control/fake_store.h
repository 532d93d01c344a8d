/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store and a publisher for tests of the API alone: they count what they are asked, remember the
 * last rows, and fail on demand. One test at a time.
 */
#ifndef TEST_FAKE_STORE_H
#define TEST_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "control/store.h"

#define FAKE_KEYS_MOST 80

struct fake_store {
	/* What happened. */
	int begins, commits, rollbacks, loads, audits, tasks, publishes, reloads, cookie_keys;
	bool is_open; /* within a transaction */
	char audit_key[64], audit_action[64], audit_result[64], audit_detail[2048];
	char task_id[64];
	int task_status;
	char token[80], token_hash[80], token_answer[2048];
	int64_t token_created_at;
	struct api_key keys[FAKE_KEYS_MOST];
	size_t key_count;
	/* What goes wrong: a negative errno each. */
	int begin_error, commit_error, load_error, audit_error, task_error;
};

extern struct fake_store fake;

void fake_reset(void);
void fake_add_key(const char *secret_id, const char *secret_key, bool is_enabled);

#endif

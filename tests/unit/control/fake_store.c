/* SPDX-License-Identifier: Apache-2.0 */
/* The store's and the publisher's functions that the API calls. One global, reset before each test.
 */
#include "fake_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/publish.h"

struct fake_store fake;

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
}

static void copy(char *to, size_t room, const char *from)
{
	snprintf(to, room, "%s", from);
}

void fake_add_key(const char *secret_id, const char *secret_key, bool is_enabled)
{
	struct api_key *key = &fake.keys[fake.key_count++];

	memset(key, 0, sizeof(*key));
	copy(key->secret_id, sizeof(key->secret_id), secret_id);
	copy(key->secret_key, sizeof(key->secret_key), secret_key);
	key->is_enabled = is_enabled;
}

int store_begin(struct store *store)
{
	fake.begins++;
	fake.is_open = fake.begin_error == 0;
	return fake.begin_error;
}

int store_commit(struct store *store)
{
	fake.commits++;
	if (fake.commit_error == 0)
		fake.is_open = false;
	return fake.commit_error;
}

void store_rollback(struct store *store)
{
	fake.rollbacks++;
	fake.is_open = false;
}

int store_load(struct store *store, struct model *ret)
{
	fake.loads++;
	return fake.load_error;
}

int store_insert_cookie_key(struct store *store, const struct cookie_key *key)
{
	fake.cookie_keys++;
	return 0;
}

int store_retire_cookie_keys(struct store *store, uint8_t newest_id, int64_t retired_s)
{
	return 0;
}

int store_load_api_keys(struct store *store, struct api_key **ret_first)
{
	struct api_key *first = NULL;

	for (size_t i = fake.key_count; i-- > 0;) {
		struct api_key *key = malloc(sizeof(*key));

		*key = fake.keys[i];
		key->next = first;
		first = key;
	}
	*ret_first = first;
	return 0;
}

int store_insert_api_key(struct store *store, const struct api_key *key)
{
	fake.keys[fake.key_count++] = *key;
	return 0;
}

static size_t find_key(const char *secret_id)
{
	for (size_t i = 0; i < fake.key_count; i++) {
		if (strcmp(fake.keys[i].secret_id, secret_id) == 0)
			return i;
	}
	abort();
}

int store_update_api_key(struct store *store, const struct api_key *key)
{
	fake.keys[find_key(key->secret_id)] = *key;
	return 0;
}

int store_delete_api_key(struct store *store, const char *secret_id)
{
	size_t at = find_key(secret_id);

	memmove(&fake.keys[at], &fake.keys[at + 1], (--fake.key_count - at) * sizeof(fake.keys[0]));
	return 0;
}

int store_insert_audit(struct store *store, const struct audit_row *row)
{
	fake.audits++;
	copy(fake.audit_key, sizeof(fake.audit_key), row->key_id);
	copy(fake.audit_action, sizeof(fake.audit_action), row->action);
	copy(fake.audit_result, sizeof(fake.audit_result), row->result);
	copy(fake.audit_detail, sizeof(fake.audit_detail), row->detail);
	return fake.audit_error;
}

int store_insert_task(struct store *store, const struct task_row *row)
{
	fake.tasks++;
	copy(fake.task_id, sizeof(fake.task_id), row->request_id);
	fake.task_status = row->status;
	return fake.task_error;
}

int store_find_client_token(struct store *store, const char *key_id, const char *token,
			    struct found_token *ret)
{
	if (!fake.token[0] || strcmp(token, fake.token) != 0)
		return -ENOENT;
	*ret = (struct found_token){ strdup(fake.token_hash), strdup(fake.token_answer),
				     fake.token_created_at };
	return 0;
}

void found_token_done(struct found_token *found)
{
	free(found->body_hash);
	free(found->answer);
}

int store_insert_client_token(struct store *store, const char *key_id, const char *token,
			      const char *body_hash, const char *answer, int64_t wall_s)
{
	copy(fake.token, sizeof(fake.token), token);
	copy(fake.token_hash, sizeof(fake.token_hash), body_hash);
	copy(fake.token_answer, sizeof(fake.token_answer), answer);
	fake.token_created_at = wall_s;
	return 0;
}

bool store_has_written(const struct store *store)
{
	return true;
}

void publisher_request(struct publisher *publisher)
{
	fake.publishes++;
}

void publisher_model_reloaded(struct publisher *publisher)
{
	fake.reloads++;
}

uint64_t publisher_live_generation(const struct publisher *publisher)
{
	return fake.publishes;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: SQLite (WAL, synchronous=FULL, foreign keys), where every change is one transaction.
 * Used by control's one thread. What comes out of the database is checked like any input before it
 * becomes model.
 *
 * Every function returns 0 or -errno: -EIO the database failed (logged once, here), -EROFS read
 * only, -ENOSPC disk full, -EBUSY locked, -EBADMSG damaged or not ours, -EEXIST a uniqueness rule
 * of the schema, -EDQUOT no slot left (model/limits.h), -ENOMEM.
 */
#ifndef CONTROL_STORE_H
#define CONTROL_STORE_H

#include <jansson.h>

#include "model/model.h"

struct store;

/* Opens or makes DIR/setia.db (0600), migrates its schema; a newer one is refused (-EBADMSG). */
int store_open(const char *data_dir, struct store **ret);
struct store *store_close(struct store *store);

int store_begin(struct store *store);
int store_commit(struct store *store);
/* Slots given out by the transaction are taken back too. */
void store_rollback(struct store *store);
/*
 * Since store_begin something was written, or tried. Whoever changes nouns in memory writes them in
 * the same breath, so when this is false the model still is the database's image.
 */
bool store_has_written(const struct store *store);

/* The whole configuration; *ret must be empty. Slots and numbers included. */
int store_load(struct store *store, struct model *ret);

/*
 * Each insert gives the noun its number and slot (the lowest free one) and keeps what it holds,
 * children not included. A slot whose owner was deleted is not free before a snapshot that was
 * built after the deletion is live (store_release_slots), so no two generations in flight use one
 * slot for two owners.
 */
int store_insert_instance(struct store *store, struct instance *instance);
int store_insert_listener(struct store *store, const struct instance *parent,
			  struct listener *listener);
int store_insert_rule(struct store *store, const struct listener *parent, struct rule *rule);
/* Exactly one of the parents: a TCP or UDP listener, or a rule. Several at once cost less. */
int store_insert_target(struct store *store, const struct listener *listener,
			const struct rule *rule, struct target *target);
int store_insert_targets(struct store *store, const struct listener *listener,
			 const struct rule *rule, struct target *const *targets, size_t count);
int store_update_instance(struct store *store, const struct instance *instance);
int store_update_listener(struct store *store, const struct listener *listener);
int store_update_rule(struct store *store, const struct rule *rule);
/* Weight and tag: another address is another target (SP-43). */
int store_update_target(struct store *store, const struct target *target);
/* Children go with their parent. `wall_s`: when, for store_count_deletions. */
int store_delete_instance(struct store *store, const struct instance *instance, int64_t wall_s);
int store_delete_listener(struct store *store, const struct listener *listener);
int store_delete_rule(struct store *store, const struct rule *rule);
int store_delete_target(struct store *store, const struct target *target);
/* As the nouns. A custom configuration that an instance is bound to cannot be deleted. */
int store_insert_custom(struct store *store, struct custom_configuration *custom);
int store_update_custom(struct store *store, const struct custom_configuration *custom);
int store_delete_custom(struct store *store, const struct custom_configuration *custom);
/* Keeps what instance->custom says (NULL: none); it changes from none or to none. */
int store_bind_custom(struct store *store, const struct instance *instance);
/* Instances deleted at `since` or later; what is older is forgotten. */
int store_count_deletions(struct store *store, int64_t since, int64_t *ret_count);
/* `live`: a generation that every worker runs. */
int store_release_slots(struct store *store, uint64_t live);

int store_insert_cookie_key(struct store *store, const struct cookie_key *key);
/*
 * Retires every other key at retired_s and deletes those whose life is over (COOKIE_KEY_LIFE_S
 * before retired_s).
 */
int store_retire_cookie_keys(struct store *store, uint8_t newest_id, int64_t retired_s);

/* API keys. */
struct api_key {
	char secret_id[64];
	char secret_key[64];
	bool is_enabled;
	int64_t created_at;
	struct api_key *next;
};
/* By creation; the caller frees each with free(). */
int store_load_api_keys(struct store *store, struct api_key **ret_first);
int store_insert_api_key(struct store *store, const struct api_key *key);
int store_update_api_key(struct store *store, const struct api_key *key);
int store_delete_api_key(struct store *store, const char *secret_id);

/*
 * One row a changing call, written in its transaction (result "ok") or by itself when it was
 * refused.
 */
struct audit_row {
	int64_t wall_s;
	const char *key_id, *action, *request_id, *result;
	const char *detail; /* the input as JSON without secrets, or "" */
};
int store_insert_audit(struct store *store, const struct audit_row *row);

/* Tasks. Status as in the API. */
enum task_status { TASK_DONE = 0, TASK_FAILED = 1, TASK_RUNNING = 2 };

struct task_row {
	char request_id[64];
	int status; /* enum task_status */
	int64_t created_at;
	uint64_t generation; /* the snapshot that carries the change; 0 = not built yet */
	char *instances; /* JSON array of ids */
	char *listeners; /* JSON array of numbers */
	char *message; /* NULL or why it failed */
};
void task_row_done(struct task_row *row);
int store_insert_task(struct store *store, const struct task_row *row);
int store_update_task(struct store *store, const char *request_id, int status, uint64_t generation,
		      const char *message);
/* -ENOENT. The caller ends *ret with task_row_done. */
int store_find_task(struct store *store, const char *request_id, struct task_row *ret);
/* The oldest running task that waits for a generation of least..most. As store_find_task. */
int store_next_running_task(struct store *store, uint64_t least, uint64_t most,
			    struct task_row *ret);
/* Running tasks wait for `generation` from now on: all of them, or those that wait for none yet. */
int store_assign_tasks(struct store *store, uint64_t generation, bool all);
/*
 * Deletes tasks that finished before `before` and that no living client token names, client tokens
 * older than CLIENT_TOKEN_KEEP_S, and what exceeds the roofs of the audit table.
 */
int store_forget_tasks(struct store *store, int64_t before);

/* ClientToken: what was first answered to (key, token), and for which body. */
struct found_token {
	char *body_hash, *answer;
	int64_t created_at;
};
void found_token_done(struct found_token *found);
/* -ENOENT. The caller ends *ret with found_token_done. */
int store_find_client_token(struct store *store, const char *key_id, const char *token,
			    struct found_token *ret);
int store_insert_client_token(struct store *store, const char *key_id, const char *token,
			      const char *body_hash, const char *answer, int64_t wall_s);

/* Small things kept by name: "generation" (the last one given out). -ENOENT. */
int store_get_number(struct store *store, const char *name, int64_t *ret_value);
int store_set_number(struct store *store, const char *name, int64_t value);

#endif

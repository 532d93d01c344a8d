/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows around the configuration: API keys, the audit, tasks and client tokens. Control's one
 * thread.
 */
#include "control/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define TASK_TEXT_MOST STORE_TEXT_MOST

struct key_list {
	struct api_key *first, **last;
};

static int load_api_key(struct row *row, void *context)
{
	struct key_list *list = context;
	struct api_key *key = calloc(1, sizeof(*key));

	if (!key)
		return -ENOMEM;
	*list->last = key;
	list->last = &key->next;
	row_text_into(row, 1, key->secret_id, sizeof(key->secret_id));
	row_text_into(row, 2, key->secret_key, sizeof(key->secret_key));
	key->is_enabled = row_integer(row, 3, 0, 1) != 0;
	key->created_at = row_integer(row, 4, 0, INT64_MAX);
	return row->error;
}

int store_load_api_keys(struct store *store, struct api_key **ret_first)
{
	static const struct query query = { STATEMENT_LOAD_API_KEYS, "api_key", load_api_key };
	struct key_list list = { NULL, &list.first };
	int error = store_query(store, &query, &list);

	if (error == 0) {
		*ret_first = list.first;
		return 0;
	}
	while (list.first) {
		struct api_key *next = list.first->next;

		explicit_bzero(list.first, sizeof(*list.first));
		free(list.first);
		list.first = next;
	}
	return error;
}

int store_insert_api_key(struct store *store, const struct api_key *key)
{
	return store_run(store, STATEMENT_INSERT_API_KEY, value_text(key->secret_id),
			 value_text(key->secret_key), value_integer(key->is_enabled),
			 value_integer(key->created_at));
}

int store_update_api_key(struct store *store, const struct api_key *key)
{
	return store_run(store, STATEMENT_UPDATE_API_KEY, value_text(key->secret_id),
			 value_text(key->secret_key), value_integer(key->is_enabled));
}

int store_delete_api_key(struct store *store, const char *secret_id)
{
	return store_run(store, STATEMENT_DELETE_API_KEY, value_text(secret_id));
}

int store_insert_audit(struct store *store, const struct audit_row *row)
{
	return store_run(store, STATEMENT_INSERT_AUDIT, value_integer(row->wall_s),
			 value_text(row->key_id), value_text(row->action),
			 value_text(row->request_id), value_text(row->result),
			 value_text(row->detail));
}

void task_row_done(struct task_row *row)
{
	if (!row)
		return;
	free(row->instances);
	free(row->listeners);
	free(row->message);
	row->instances = row->listeners = row->message = NULL;
}

/* When a task of this status finished: now, or not yet. */
static struct value value_finished(int status)
{
	return status == TASK_RUNNING ? value_text(NULL) : value_integer(clock_wall_s());
}

int store_insert_task(struct store *store, const struct task_row *row)
{
	return store_run(store, STATEMENT_INSERT_TASK, value_text(row->request_id),
			 value_integer(row->status), value_integer(row->created_at),
			 value_finished(row->status), value_integer((int64_t)row->generation),
			 value_text(row->instances ? row->instances : "[]"),
			 value_text(row->listeners ? row->listeners : "[]"),
			 value_text(row->message));
}

int store_update_task(struct store *store, const char *request_id, int status, uint64_t generation,
		      const char *message)
{
	return store_run(store, STATEMENT_UPDATE_TASK, value_text(request_id),
			 value_integer(status), value_integer((int64_t)generation),
			 value_text(message), value_finished(status));
}

/* Ends its query with -EALREADY: found. */
static int read_task(struct row *row, void *context)
{
	struct task_row *task = context;

	row_text_into(row, 1, task->request_id, sizeof(task->request_id));
	task->status = (int)row_integer(row, 2, TASK_DONE, TASK_RUNNING);
	task->created_at = row_integer(row, 3, INT64_MIN, INT64_MAX);
	task->generation = (uint64_t)row_integer(row, 4, 0, INT64_MAX);
	task->instances = row_text_copy(row, 5, TASK_TEXT_MOST);
	task->listeners = row_text_copy(row, 6, TASK_TEXT_MOST);
	if (!row_is_null(row, 7))
		task->message = row_text_copy(row, 7, TASK_TEXT_MOST);
	return row->error != 0 ? row->error : -EALREADY;
}

static int find_task(struct store *store, enum statement which, const struct value *values,
		     size_t count, struct task_row *ret)
{
	const struct query query = { which, "task", read_task, values, count };
	struct task_row task = { 0 };
	int error = store_query(store, &query, &task);

	if (error == -EALREADY) {
		*ret = task;
		return 0;
	}
	task_row_done(&task);
	return error != 0 ? error : -ENOENT;
}

int store_find_task(struct store *store, const char *request_id, struct task_row *ret)
{
	const struct value value = value_text(request_id);

	return find_task(store, STATEMENT_FIND_TASK, &value, 1, ret);
}

int store_next_running_task(struct store *store, uint64_t least, uint64_t most,
			    struct task_row *ret)
{
	const struct value values[] = { value_integer((int64_t)least),
					value_integer((int64_t)most) };

	return find_task(store, STATEMENT_NEXT_RUNNING_TASK, values, 2, ret);
}

int store_assign_tasks(struct store *store, uint64_t generation, bool all)
{
	return store_run(store, STATEMENT_ASSIGN_TASKS, value_integer((int64_t)generation),
			 value_integer(all));
}

int store_forget_tasks(struct store *store, int64_t before)
{
	int64_t now_s = clock_wall_s();
	int error = store_run(store, STATEMENT_FORGET_TASKS, value_integer(before),
			      value_integer(now_s - CLIENT_TOKEN_LIFE_S));

	if (error == 0)
		error = store_run(store, STATEMENT_FORGET_CLIENT_TOKENS,
				  value_integer(now_s - CLIENT_TOKEN_KEEP_S));
	if (error == 0)
		error = store_run(store, STATEMENT_FORGET_AUDIT, value_integer(1),
				  value_integer(AUDIT_CHANGES_MOST));
	if (error == 0)
		error = store_run(store, STATEMENT_FORGET_AUDIT, value_integer(0),
				  value_integer(AUDIT_REFUSALS_MOST));
	return error;
}

static int read_client_token(struct row *row, void *context)
{
	struct found_token *found = context;

	found->body_hash = row_text_copy(row, 1, STORE_TEXT_MOST);
	found->answer = row_text_copy(row, 2, STORE_TEXT_MOST);
	found->created_at = row_integer(row, 3, INT64_MIN, INT64_MAX);
	return row->error != 0 ? row->error : -EALREADY;
}

void found_token_done(struct found_token *found)
{
	free(found->body_hash);
	free(found->answer);
	*found = (struct found_token){ 0 };
}

int store_find_client_token(struct store *store, const char *key_id, const char *token,
			    struct found_token *ret)
{
	const struct value values[] = { value_text(key_id), value_text(token) };
	const struct query query = { STATEMENT_FIND_CLIENT_TOKEN, "client_token", read_client_token,
				     values, 2 };
	struct found_token found = { 0 };
	int error = store_query(store, &query, &found);

	if (error == -EALREADY) {
		*ret = found;
		return 0;
	}
	found_token_done(&found);
	return error != 0 ? error : -ENOENT;
}

int store_insert_client_token(struct store *store, const char *key_id, const char *token,
			      const char *body_hash, const char *answer, int64_t wall_s)
{
	return store_run(store, STATEMENT_INSERT_CLIENT_TOKEN, value_text(key_id),
			 value_text(token), value_text(body_hash), value_text(answer),
			 value_integer(wall_s));
}

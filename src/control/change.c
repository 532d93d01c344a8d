/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a change: begin, run, record, commit, publish; or roll back and read the model again.
 * Owns the open transaction while it runs. Control's one thread.
 */
#include "control/change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/audit.h"
#include "control/credential.h"
#include "control/envelope.h"
#include "control/publish.h"
#include "control/store.h"
#include "process/log.h"

static bool is_id_name(const char *name)
{
	size_t size = strlen(name);

	return (size >= 2 && strcmp(name + size - 2, "Id") == 0) ||
	       (size >= 3 && strcmp(name + size - 3, "Ids") == 0);
}

/* The ids that the answer gives and those of the instances touched: what the input cannot tell. */
static json_t *concerns_of(const struct call *call)
{
	json_t *concerns = json_array(), *value;
	const char *name;
	int error = concerns ? 0 : -1;

	json_object_foreach(call->output, name, value)
	{
		if (error != 0 || !is_id_name(name))
			continue;
		error = json_is_array(value) ? json_array_extend(concerns, value)
					     : json_array_append(concerns, value);
	}
	if (error == 0 && call->touched_instances)
		error = json_array_extend(concerns, call->touched_instances);
	if (error == 0)
		return concerns;
	json_decref(concerns);
	return NULL;
}

static int record_audit(const struct call *call, const char *result)
{
	bool is_done = strcmp(result, "ok") == 0;
	json_t *concerns = is_done && !call->wants_rollback ? concerns_of(call) : NULL;
	char *detail = call->input ? audit_detail(call->input, concerns) : strdup("");
	struct audit_row row = {
		.wall_s = clock_wall_s(),
		.key_id = call->key_id,
		.action = call->action->name,
		.request_id = call->request_id,
		.result = result,
		.detail = detail ?: "",
	};
	int error = detail ? store_insert_audit(call->control->store, &row) : -ENOMEM;

	free(detail);
	json_decref(concerns);
	return error;
}

static int record_task(const struct call *call)
{
	struct task_row row = {
		.status = call->is_unchanged ? TASK_DONE : TASK_RUNNING,
		.created_at = clock_wall_s(),
		.instances = json_dumps(call->touched_instances, JSON_COMPACT),
		.listeners = json_dumps(call->touched_listeners, JSON_COMPACT),
	};
	int error = -ENOMEM;

	(void)snprintf(row.request_id, sizeof(row.request_id), "%s", call->request_id);
	if (row.instances && row.listeners)
		error = store_insert_task(call->control->store, &row);
	free(row.instances);
	free(row.listeners);
	return error;
}

static int record_token(const struct call *call, const struct client_token *token)
{
	char *answer;
	int error;

	if (!token->text)
		return 0;
	answer = envelope_success(call->output, call->request_id);
	if (!answer)
		return -ENOMEM;
	error = store_insert_client_token(call->control->store, call->key_id, token->text,
					  token->body_hash, answer, clock_wall_s());
	free(answer);
	return error;
}

static int undo(struct call *call)
{
	struct control *control = call->control;
	bool is_changed = store_has_written(control->store);
	struct model fresh = { 0 };
	int error;

	store_rollback(control->store);
	/* Most refusals come before the first write; reading 100,000 servers again takes its time.
	 */
	if (!is_changed)
		return 0;
	error = store_load(control->store, &fresh);
	if (error == 0) {
		model_done(&control->model);
		control->model = fresh;
		publisher_model_reloaded(control->publisher);
		error = keyring_reload(control->keyring);
	}
	if (error == 0)
		return 0;
	log_event(LOG_LEVEL_ERROR, "model_lost", "request", call->request_id, "error",
		  log_errno(error), NULL);
	return -EIO;
}

static int record_and_commit(struct call *call, const struct client_token *token)
{
	int error = record_audit(call, "ok");

	if (error == 0)
		error = record_task(call);
	if (error == 0)
		error = record_token(call, token);
	return error ?: store_commit(call->control->store);
}

static void log_change(const struct call *call, const char *result)
{
	log_event(LOG_LEVEL_INFO, "change", "action", call->action->name, "key", call->key_id,
		  "request", call->request_id, "result", result, NULL);
}

static void announce(struct call *call)
{
	log_change(call, call->is_unchanged ? "unchanged" : "ok");
	if (!call->is_unchanged)
		publisher_request(call->control->publisher);
}

static void record_refusal(const struct call *call)
{
	int error = record_audit(call, call->problem.code);

	if (error != 0)
		log_event(LOG_LEVEL_WARNING, "audit_failed", "request", call->request_id, "error",
			  log_errno(error), NULL);
}

static int refuse(struct call *call, int error)
{
	int lost;

	(void)problem_of_error(error, call->request_id, &call->problem);
	lost = undo(call);
	log_change(call, call->problem.code);
	if (lost != 0)
		return lost;
	record_refusal(call);
	return -EINVAL;
}

void change_refused(struct call *call, int error)
{
	(void)problem_of_error(error, call->request_id, &call->problem);
	log_change(call, call->problem.code);
	record_refusal(call);
}

/*
 * A dry run: what it did is gone, and with it the ids that it made up. That it was asked is kept,
 * and its task is done at once, so that whoever waits for every call waits for this one too.
 */
static int forget(struct call *call)
{
	const struct client_token none = { 0 };
	int error = undo(call);

	log_change(call, "dry_run");
	if (error != 0)
		return error;
	json_array_clear(call->touched_instances);
	json_array_clear(call->touched_listeners);
	call->is_unchanged = true;
	error = store_begin(call->control->store);
	if (error != 0)
		return problem_of_error(error, call->request_id, &call->problem);
	error = record_and_commit(call, &none);
	return error ? refuse(call, error) : 0;
}

int change_run(struct call *call, const struct client_token *token)
{
	int error = store_begin(call->control->store);

	if (error != 0)
		return problem_of_error(error, call->request_id, &call->problem);
	error = call->action->run(call);
	if (error == 0 && call->wants_rollback)
		return forget(call);
	if (error == 0)
		error = record_and_commit(call, token);
	if (error != 0)
		return refuse(call, error);
	announce(call);
	return 0;
}

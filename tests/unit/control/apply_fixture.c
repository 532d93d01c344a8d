/* SPDX-License-Identifier: Apache-2.0 */
/* See apply_fixture.h. One thread, like control itself. */
#include "apply_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/store.h"

static void call_done(struct call *call)
{
	json_decref((json_t *)call->input);
	json_decref(call->output);
	json_decref(call->touched_instances);
	json_decref(call->touched_listeners);
	memset(call, 0, sizeof(*call));
}

int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	*state = fixture;
	snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/setia-apply-XXXXXX");
	if (!mkdtemp(fixture->directory))
		return -1;
	fixture->options.data = fixture->directory;
	fixture->options.default_vip.family = ADDRESS_IPV4;
	fixture->control.options = &fixture->options;
	if (store_open(fixture->directory, &fixture->control.store))
		return -1;
	return store_load(fixture->control.store, &fixture->control.model);
}

int fixture_teardown(void **state)
{
	static const char *const names[] = { "setia.db", "setia.db-wal", "setia.db-shm" };
	struct fixture *fixture = *state;
	char path[80];

	call_done(&fixture->call);
	model_done(&fixture->control.model);
	store_close(fixture->control.store);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", fixture->directory, names[i]);
		unlink(path);
	}
	rmdir(fixture->directory);
	free(fixture);
	return 0;
}

static int load_again(struct fixture *fixture)
{
	model_done(&fixture->control.model);
	memset(&fixture->control.model, 0, sizeof(fixture->control.model));
	return store_load(fixture->control.store, &fixture->control.model);
}

int fixture_call(struct fixture *fixture, const char *action, json_t *input)
{
	struct call *call = &fixture->call;
	int error;

	call_done(call);
	call->control = &fixture->control;
	call->action = action_find(action);
	call->input = input;
	call->output = json_object();
	call->request_id = "request";
	call->key_id = "key";
	call->touched_instances = json_array();
	call->touched_listeners = json_array();
	error = fields_check(call->action->fields, input, "", &call->problem);
	if (error)
		return error;
	error = store_begin(fixture->control.store);
	if (!error)
		error = call->action->run(call);
	if (!error && !call->wants_rollback)
		return store_commit(fixture->control.store);
	store_rollback(fixture->control.store);
	if (load_again(fixture))
		abort();
	return error;
}

int fixture_apply(struct fixture *fixture, const char *content, bool is_dry_run)
{
	return fixture_call(fixture, "ApplyConfiguration",
			    json_pack("{s:s s:s s:b}", "Content", content, "Source", "f.yaml",
				      "DryRun", is_dry_run));
}

const char *fixture_changes(const struct fixture *fixture)
{
	static char text[65536];
	const json_t *changes = json_object_get(fixture->call.output, "Changes"), *change;
	size_t size = 0, i;

	*text = '\0';
	json_array_foreach((json_t *)changes, i, change) size +=
		(size_t)snprintf(text + size, size < sizeof(text) ? sizeof(text) - size : 0, "%s\n",
				 json_string_value(change));
	return text;
}

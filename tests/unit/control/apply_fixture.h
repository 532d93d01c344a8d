/* SPDX-License-Identifier: Apache-2.0 */
/* ApplyConfiguration and its neighbours on a real store in a directory of its own, one transaction
 * a call. */
#ifndef APPLY_FIXTURE_H
#define APPLY_FIXTURE_H

#include "control/actions.h"

struct fixture {
	char directory[40];
	struct run_options options;
	struct control control;
	/* Of the last call. */
	struct call call;
};

/* cmocka's setup and teardown: *state is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Runs one action as the dispatcher would: 0 = committed (or rolled back where the call wants it).
 */
int fixture_call(struct fixture *fixture, const char *action, json_t *input);
/* Applies a file called "f.yaml". */
int fixture_apply(struct fixture *fixture, const char *content, bool is_dry_run);
/* The changes of the last call, a line each. The text is good until the next call of this. */
const char *fixture_changes(const struct fixture *fixture);

#endif

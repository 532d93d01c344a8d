/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A changing call as one transaction: the change, its audit row and its task are in the database
 * together or not at all, and the model in memory is always the database's image. One thread.
 */
#ifndef CONTROL_CHANGE_H
#define CONTROL_CHANGE_H

#include "control/actions.h"

/* A ClientToken that came with the call: a repetition gets the first answer (api.md section 6). */
struct client_token {
	const char *text; /* NULL = none */
	char body_hash[65]; /* of action and input */
};

/*
 * Runs call->action in a transaction, and asks for a snapshot when it changed something.
 * call->output must be an object. 0, or -EINVAL with call->problem filled and nothing changed; -EIO
 * when the model could not be read back after that: nothing may be served from it any more.
 */
int change_run(struct call *call, const struct client_token *token);

/*
 * A changing call whose input was refused before it could run: fills call->problem, and leaves a
 * line in the log and an audit row. call->input is NULL when it was not even JSON.
 */
void change_refused(struct call *call, int error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to an answer: authentication, the contract's order of checks, transactions,
 * envelopes. Knows nothing of sockets; server.c brings the requests. One thread.
 */
#ifndef CONTROL_API_H
#define CONTROL_API_H

#include "base/bytes.h"
#include "control/actions.h"

struct api;

struct api_request {
	const char *method;
	struct bytes query; /* raw, without "?" */
	struct bytes body;
	/* Value of a header by lower-case name, or NULL. `context` is the caller's. */
	const char *(*header)(void *context, const char *name);
	void *context;
};

/* `find` is action_find, or a test's own table. -ENOMEM. */
int api_new(struct control *control, const struct action *(*find)(const char *name),
	    struct api **ret);
struct api *api_free(struct api *api);
/* Borrowed. */
const struct control *api_control(const struct api *api);

/* From now on every call answers ServiceUnavailable with this reason (copied); NULL = serve again.
 */
void api_set_unavailable(struct api *api, const char *reason);
/* True when the store failed in a way that only opening it again can mend; api_set_unavailable
 * clears it. */
bool api_lost_store(const struct api *api);

/*
 * What the headers alone tell, before a body is read: 0, or -EINVAL with the answer to give in
 * *problem. A caller that passed may still fail in api_answer.
 */
int api_admit(const struct api *api, const struct api_request *request, struct problem *problem);

/*
 * The whole call. `refusal` holds a problem that was found before (too large, not admitted), or
 * NULL. Returns the JSON text, malloc'd, never NULL unless memory is out.
 */
char *api_answer(struct api *api, const struct api_request *request, const struct problem *refusal);

/*
 * A call from inside, without a signature: --config. `key_id` is what the audit shows. 0 with a new
 * reference in *ret_output, or -EINVAL with *problem filled.
 */
int api_call(struct api *api, const char *action, const char *key_id, const json_t *input,
	     struct problem *problem, json_t **ret_output);

#endif

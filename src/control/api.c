/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which a call is checked (api.md section 3): transport, authentication, action,
 * version, input; then it runs. Owns the rate table; all else is borrowed from struct control.
 * Control's one thread.
 */
#include "control/api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/audit.h"
#include "control/change.h"
#include "control/credential.h"
#include "control/envelope.h"
#include "control/input.h"
#include "control/rate.h"
#include "control/sign.h"
#include "control/store.h"
#include "process/log.h"

#define VERSION "2018-03-17"

struct api {
	struct control *control;
	const struct action *(*find)(const char *name);
	struct rate *rate;
	bool is_unavailable;
	bool has_lost_store;
	char reason[256];
};

/* Who calls, as far as the headers tell. */
struct caller {
	struct sign_authorization authorization;
	int64_t timestamp;
};

int api_new(struct control *control, const struct action *(*find)(const char *name),
	    struct api **ret)
{
	struct api *api = calloc(1, sizeof(*api));

	if (!api)
		return -ENOMEM;
	api->control = control;
	api->find = find;
	api->rate = rate_new(control->options->api_rate);
	if (!api->rate) {
		api_free(api);
		return -ENOMEM;
	}
	*ret = api;
	return 0;
}

const struct control *api_control(const struct api *api)
{
	return api->control;
}

struct api *api_free(struct api *api)
{
	if (api)
		rate_free(api->rate);
	free(api);
	return NULL;
}

void api_set_unavailable(struct api *api, const char *reason)
{
	api->is_unavailable = reason != NULL;
	api->has_lost_store = false;
	(void)snprintf(api->reason, sizeof(api->reason), "%s", reason ?: "");
}

bool api_lost_store(const struct api *api)
{
	return api->has_lost_store;
}

static const char *header(const struct api_request *request, const char *name)
{
	return request->header(request->context, name);
}

static bool is_get(const struct api_request *request)
{
	return strcmp(request->method, "GET") == 0;
}

static int check_transport(const struct api *api, const struct api_request *request,
			   struct problem *problem)
{
	if (!is_get(request) && strcmp(request->method, "POST") != 0)
		return problem_set(problem, "UnsupportedProtocol", "",
				   "Only POST and GET are supported.");
	if (is_get(request) && request->query.size > API_QUERY_MOST)
		return problem_set(problem, "RequestSizeLimitExceeded", "",
				   "The query is larger than %d bytes.", API_QUERY_MOST);
	if (request->body.size > API_BODY_MOST)
		return problem_set(problem, "RequestSizeLimitExceeded", "",
				   "The body is larger than %u bytes.", API_BODY_MOST);
	if (api->is_unavailable)
		return problem_set(problem, "ServiceUnavailable", "", "%s", api->reason);
	return 0;
}

static int read_timestamp(const struct api_request *request, int64_t *ret_timestamp,
			  struct problem *problem)
{
	const char *text = header(request, "x-tc-timestamp");
	int64_t now = clock_wall_s();
	uint64_t value;

	if (!text || bytes_to_u64(bytes_of(text), UINT32_MAX, &value) != 0)
		return problem_set(problem, "AuthFailure.InvalidAuthorization", "",
				   "The header X-TC-Timestamp must hold the time in seconds.");
	if ((int64_t)value < now - API_CLOCK_SKEW_S || (int64_t)value > now + API_CLOCK_SKEW_S)
		return problem_set(problem, "AuthFailure.SignatureExpire", "",
				   "X-TC-Timestamp is %" PRId64 " s away from this server's clock; "
				   "at most %d s are allowed.",
				   (int64_t)value - now, API_CLOCK_SKEW_S);
	*ret_timestamp = (int64_t)value;
	return 0;
}

static int admit(const struct api *api, const struct api_request *request, struct caller *ret,
		 struct problem *problem)
{
	const char *authorization = header(request, "authorization");
	const char *token = header(request, "x-tc-token");

	if (check_transport(api, request, problem) != 0)
		return -EINVAL;
	if (!authorization)
		return problem_set(problem, "AuthFailure.InvalidAuthorization", "",
				   "The header Authorization is missing. Only TC3-HMAC-SHA256 is "
				   "supported, not the older SignatureMethod.");
	if (sign_parse_authorization(authorization, &ret->authorization) != 0)
		return problem_set(problem, "AuthFailure.InvalidAuthorization", "",
				   "The header Authorization is not a TC3-HMAC-SHA256 one.");
	if (token && *token)
		return problem_set(problem, "AuthFailure.TokenFailure", "",
				   "Temporary keys (X-TC-Token) are not supported.");
	if (!keyring_find(api->control->keyring, ret->authorization.secret_id))
		return problem_set(problem, "AuthFailure.SecretIdNotFound", "",
				   "The SecretId is unknown or disabled.");
	return read_timestamp(request, &ret->timestamp, problem);
}

int api_admit(const struct api *api, const struct api_request *request, struct problem *problem)
{
	struct caller caller = { 0 };

	return admit(api, request, &caller, problem);
}

static int authenticate(const struct api *api, const struct api_request *request,
			struct caller *ret, struct problem *problem)
{
	struct sign_request sign = {
		.method = request->method,
		.header = request->header,
		.context = request->context,
	};
	const struct api_key *key;

	if (admit(api, request, ret, problem) != 0)
		return -EINVAL;
	key = keyring_find(api->control->keyring, ret->authorization.secret_id);
	sign.timestamp = ret->timestamp;
	if (is_get(request))
		sign.query = request->query;
	else
		sign.body = request->body;
	if (sign_verify(&sign, &ret->authorization, key->secret_key) != 0)
		return problem_set(problem, "AuthFailure.SignatureFailure", "",
				   "The signature does not fit the request and the key.");
	return 0;
}

static int choose_action(struct api *api, const char *name, const char *version, struct call *call)
{
	if (!name || !*name)
		return problem_set(&call->problem, "InvalidAction", "",
				   "The header X-TC-Action is missing.");
	call->action = api->find(name);
	if (!call->action)
		return problem_set(&call->problem, "InvalidAction", "",
				   "There is no action named %s.", name);
	if (!rate_take(api->rate, call->key_id, call->action->name, clock_boot_ms()))
		return problem_set(&call->problem, "RequestLimitExceeded", "",
				   "More than %u calls of %s a second.",
				   api->control->options->api_rate, call->action->name);
	if (!version || strcmp(version, VERSION) != 0)
		return problem_set(&call->problem, "NoSuchVersion", "",
				   "X-TC-Version must be " VERSION ".");
	return 0;
}

static int check_is_built(struct call *call)
{
	const struct action *action = call->action;

	if (action->run)
		return 0;
	if (action->about)
		return problem_set(&call->problem, "UnsupportedOperation", "",
				   "%s is not supported: %s", action->name, action->about);
	return problem_set(&call->problem, "UnsupportedOperation", "", "%s is not built yet.",
			   action->name);
}

/* Of action and input, so that a token repeats a call and not just its text. */
static int hash_call(const struct call *call, char ret_hash[65])
{
	json_t *whole = json_pack("{s:s,s:O}", "Action", call->action->name, "Input", call->input);
	char *text = whole ? json_dumps(whole, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	int error = text ? audit_hash(text, strlen(text), ret_hash) : -ENOMEM;

	free(text);
	json_decref(whole);
	return error;
}

static int check_token(struct call *call, const char *text)
{
	for (const char *at = text; *at; at++) {
		if (*at < '!' || *at > '~')
			return problem_set(&call->problem, "InvalidParameterValue", "ClientToken",
					   "ClientToken must be printable ASCII without spaces.");
	}
	return 0;
}

static int check_found(struct call *call, const struct client_token *token,
		       const struct found_token *found)
{
	if (clock_wall_s() - found->created_at > CLIENT_TOKEN_LIFE_S)
		return problem_set(&call->problem, "InvalidParameter.ClientTokenLimitExceeded",
				   "ClientToken",
				   "ClientToken is expired: it was first used more than %d seconds "
				   "ago. Take a new one.",
				   CLIENT_TOKEN_LIFE_S);
	if (strcmp(found->body_hash, token->body_hash) != 0)
		return problem_set(&call->problem, "InvalidParameter", "ClientToken",
				   "ClientToken was used for another request.");
	return 0;
}

/* Fills token->text when the call carries a new one, and *ret_answer when it was answered before.
 */
static int look_up_token(struct call *call, struct client_token *token, char **ret_answer)
{
	const char *text = input_text(call->input, "ClientToken");
	struct found_token found = { 0 };
	int error;

	if (!field_find(call->action->fields, "ClientToken") || !text || !*text)
		return 0;
	error = check_token(call, text);
	if (error == 0)
		error = hash_call(call, token->body_hash);
	if (error != 0)
		return error;
	error = store_find_client_token(call->control->store, call->key_id, text, &found);
	if (error == -ENOENT) {
		token->text = text;
		return 0;
	}
	if (error == 0)
		error = check_found(call, token, &found);
	if (error == 0) {
		*ret_answer = found.answer;
		found.answer = NULL;
	}
	found_token_done(&found);
	return error;
}

/* From checked input to filled output, or to an answer that was given before. */
static int run(struct api *api, struct call *call, char **ret_answer)
{
	struct client_token token = { 0 };
	int error;

	call->output = json_object();
	call->touched_instances = json_array();
	call->touched_listeners = json_array();
	if (!call->output || !call->touched_instances || !call->touched_listeners)
		return -ENOMEM;
	if (call->action->kind == ACTION_READ)
		return call->action->run(call);
	error = look_up_token(call, &token, ret_answer);
	if (error != 0)
		change_refused(call, error);
	if (error != 0 || *ret_answer)
		return error;
	error = change_run(call, &token);
	if (error == -EIO) {
		api_set_unavailable(api, "The database could not be read back after a failed "
					 "change; it is being opened again.");
		api->has_lost_store = true;
	}
	return error;
}

/* Whoever may change things and is refused leaves a trace, whichever check it was. */
static void refuse_input(struct call *call, int error)
{
	if (call->action->kind == ACTION_CHANGE)
		change_refused(call, error);
}

static int check_fields(struct call *call)
{
	int error = fields_check(call->action->fields, call->input, "", &call->problem);

	if (error != 0)
		refuse_input(call, error);
	return error;
}

static void call_done(struct call *call)
{
	json_decref(call->output);
	json_decref(call->touched_instances);
	json_decref(call->touched_listeners);
}

static int answer_call(struct api *api, const struct api_request *request, struct call *call,
		       char **ret_answer)
{
	struct caller caller = { 0 };
	json_t *input = NULL;
	int error;

	if (authenticate(api, request, &caller, &call->problem) != 0)
		return -EINVAL;
	call->key_id = caller.authorization.secret_id;
	if (choose_action(api, header(request, "x-tc-action"), header(request, "x-tc-version"),
			  call) != 0 ||
	    check_is_built(call) != 0)
		return -EINVAL;
	if (is_get(request))
		error = input_from_query(call->action->fields, request->query, &input,
					 &call->problem);
	else
		error = input_from_body(request->body, &input, &call->problem);
	call->input = input;
	if (error != 0)
		refuse_input(call, error);
	else
		error = check_fields(call);
	if (error == 0)
		error = run(api, call, ret_answer);
	call->input = NULL;
	call->key_id = NULL;
	json_decref(input);
	return error;
}

char *api_answer(struct api *api, const struct api_request *request, const struct problem *refusal)
{
	char request_id[REQUEST_ID_SIZE] = "00000000-0000-4000-8000-000000000000";
	struct call call = { .control = api->control, .request_id = request_id };
	char *answer = NULL;
	int error = request_id_make(request_id);

	if (error == 0 && refusal) {
		call.problem = *refusal;
		error = -EINVAL;
	}
	if (error == 0)
		error = answer_call(api, request, &call, &answer);
	if (error != 0) {
		(void)problem_of_error(error, request_id, &call.problem);
		log_event(LOG_LEVEL_DEBUG, "call_refused", "action", header(request, "x-tc-action"),
			  "request", request_id, "code", call.problem.code, NULL);
		answer = envelope_problem(&call.problem, request_id);
	} else if (!answer) {
		answer = envelope_success(call.output, request_id);
	}
	call_done(&call);
	return answer;
}

int api_call(struct api *api, const char *action, const char *key_id, const json_t *input,
	     struct problem *problem, json_t **ret_output)
{
	char request_id[REQUEST_ID_SIZE];
	struct call call = { .control = api->control, .request_id = request_id, .key_id = key_id };
	char *answer = NULL;
	int error = request_id_make(request_id);

	call.action = api->find(action);
	call.input = input;
	if (error == 0 && api->is_unavailable)
		error = problem_set(&call.problem, "ServiceUnavailable", "", "%s", api->reason);
	if (error == 0 && !call.action)
		error = problem_set(&call.problem, "InvalidAction", "",
				    "There is no action named %s.", action);
	if (error == 0)
		error = check_is_built(&call);
	if (error == 0)
		error = check_fields(&call);
	if (error == 0)
		error = run(api, &call, &answer);
	free(answer);
	if (error != 0) {
		(void)problem_of_error(error, request_id, &call.problem);
		*problem = call.problem;
	} else {
		*ret_output = json_incref(call.output);
	}
	call_done(&call);
	return error != 0 ? -EINVAL : 0;
}

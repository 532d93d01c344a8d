/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as text. Pure but for the log line of an error that nobody expected; owns nothing. */
#include "control/envelope.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "process/log.h"

int request_id_make(char ret_id[REQUEST_ID_SIZE])
{
	uint8_t b[16];
	int error = random_bytes(b, sizeof(b));

	if (error != 0)
		return error;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	(void)snprintf(ret_id, REQUEST_ID_SIZE,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		       b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		       b[13], b[14], b[15]);
	return 0;
}

static char *wrap(json_t *response)
{
	json_t *outer = json_pack("{s:o}", "Response", response);
	char *text = outer ? json_dumps(outer, JSON_COMPACT) : NULL;

	json_decref(outer);
	return text;
}

char *envelope_success(json_t *output, const char *request_id)
{
	if (json_object_set_new(output, "RequestId", json_string(request_id)) != 0)
		return NULL;
	return wrap(json_incref(output));
}

/* "Url" of "Rules[0].Url". */
static const char *last_part(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot ? dot + 1 : path;
}

/* Sentences of the model name a field, not where it stands; who sent a list needs the place. */
static void write_message(const struct problem *problem, char *message, size_t room)
{
	const char *field = problem->field;
	const char *part = last_part(field);
	size_t size = strlen(part);

	if (strstr(problem->text, field))
		(void)snprintf(message, room, "%s", problem->text);
	else if (strncmp(problem->text, part, size) == 0)
		(void)snprintf(message, room, "%s%s", field, problem->text + size);
	else
		(void)snprintf(message, room, "%s: %s", field, problem->text);
}

char *envelope_problem(const struct problem *problem, const char *request_id)
{
	char message[sizeof(problem->field) + sizeof(problem->text) + 2];

	write_message(problem, message, sizeof(message));
	return wrap(json_pack("{s:{s:s,s:s},s:s}", "Error", "Code", problem->code, "Message",
			      message, "RequestId", request_id));
}

int problem_of_error(int error, const char *request_id, struct problem *problem)
{
	if (problem->code)
		return -EINVAL;
	switch (error) {
	case -EROFS:
		return problem_set(problem, "FailedOperation", "",
				   "The database is read only; nothing was changed.");
	case -ENOSPC:
		return problem_set(
			problem, "FailedOperation", "",
			"The disk that holds the database is full; nothing was changed.");
	case -EBUSY:
		return problem_set(problem, "FailedOperation", "",
				   "Another program has locked the database; nothing was changed. "
				   "Try again.");
	case -EIO:
		log_event(LOG_LEVEL_ERROR, "call_failed", "request", request_id, "error",
			  log_errno(error), NULL);
		return problem_set(problem, "FailedOperation", "",
				   "The database cannot be read or written; nothing was changed. "
				   "The log has the reason under this request's id.");
	case -EDQUOT:
		return problem_set(problem, "LimitExceeded", "",
				   "This installation holds as many objects as it can.");
	default:
		log_event(LOG_LEVEL_ERROR, "call_failed", "request", request_id, "error",
			  log_errno(error), NULL);
		return problem_set(problem, "InternalError", "",
				   "An internal error occurred; the log has more under this "
				   "request's id.");
	}
}

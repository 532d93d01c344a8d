/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed calls to the control API, for commands: one connection, one call at a time, every answer
 * and wait with a roof. What goes wrong is told on stderr here, once, so that a command only has to
 * end.
 */
#ifndef COMMAND_CLIENT_H
#define COMMAND_CLIENT_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Where the API is and whose keys sign. Zeroed: http://127.0.0.1:9080, the environment's keys or
 * ./var/credentials. */
struct client_options {
	const char *api; /* --api URL */
	const char *data; /* --data DIR */
	const char *credentials; /* --credentials FILE */
};

/* The same options for every command that calls the API; values outside the letters that commands
 * use themselves. */
enum { CLIENT_OPTION_API = 1001, CLIENT_OPTION_DATA, CLIENT_OPTION_CREDENTIALS };
/* clang-format off */
#define CLIENT_LONG_OPTIONS                                               \
	{ "api", required_argument, NULL, CLIENT_OPTION_API },            \
	{ "data", required_argument, NULL, CLIENT_OPTION_DATA },          \
	{ "credentials", required_argument, NULL, CLIENT_OPTION_CREDENTIALS }
#define CLIENT_USAGE                                                                              \
	"  --api URL           the API (default http://127.0.0.1:9080)\n"                         \
	"  --credentials FILE  the file with the key pair; or\n"                                  \
	"  --data DIR          the data directory of `setia run`, for DIR/credentials; without\n" \
	"                      either: SETIA_SECRET_ID and SETIA_SECRET_KEY of the environment,\n" \
	"                      then ./var/credentials\n"
/* clang-format on */

/* Takes what getopt_long found; false when the option is none of these. The text is borrowed from
 * argv. */
bool client_option(struct client_options *options, int option, const char *value);

struct client;

/* Finds the key pair and prepares the connection; nothing is sent yet. -errno, told. */
int client_open(const struct client_options *options, struct client **ret);
struct client *client_close(struct client *client);

/*
 * Calls `action` with `input` (stolen; NULL is out of memory). 0 with the answer's fields, a new
 * reference; -EREMOTEIO when the API refused, -EIO or another -errno when there was no answer to
 * trust; told.
 */
int client_call(struct client *client, const char *action, json_t *input, json_t **ret_response);

/* Waits until the task is done. -EREMOTEIO when it failed, -ETIMEDOUT after `seconds`, or as
 * client_call; told. */
int client_wait(struct client *client, const char *task, unsigned seconds);

/* A text from outside as one line for a terminal: control characters become "?". */
void client_print(FILE *out, const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question to the keeper through DIR/keeper.sock (keeper/door.h), for commands that are run on
 * its machine. One question, one answer, each wait with a roof. What goes wrong is told on stderr
 * here, once.
 */
#ifndef COMMAND_DOOR_H
#define COMMAND_DOOR_H

#include <stdio.h>

#include <jansson.h>

#define DOOR_DATA_DEFAULT "./var"

/* One JSON object, waited for as long as `seconds`; a new reference. `command` begins what is told.
 * -errno. */
int door_ask(const char *command, const char *data, const char *word, unsigned seconds,
	     json_t **ret_answer);
/* Lines of text, passed on as they come. */
int door_copy(const char *command, const char *data, const char *word, FILE *out);

#endif

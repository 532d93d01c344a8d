/* SPDX-License-Identifier: Apache-2.0 */
/* `setia upgrade`: asks the running keeper to go on with the binary that stands at its path now,
 * waits for how that ends and says so in one sentence. */
#include "command/command.h"

#include <getopt.h>
#include <stdio.h>

#include "command/client.h"
#include "command/door.h"

/* More than all phases of an upgrade may take together (keeper/upgrade.h). */
#define WAIT_S 30

static const char usage[] =
	"Usage: setia upgrade [--data DIR]\n"
	"Lets the setia that runs on DIR go on with the binary at the path it was started from, without losing\n"
	"a connection. Replace that file before (by a new file and a rename, never in place). The old traffic\n"
	"process finishes what it has, for --grace seconds at most. If the new binary cannot take over,\n"
	"nothing changes. Exits with 0 when it has taken over, 1 when it has not.\n"
	"\n"
	"  --data DIR          the data directory of `setia run` (default " DOOR_DATA_DEFAULT ")\n"
	"  --help              print this\n";

static int ask(const char *data)
{
	json_t *answer = NULL;
	const char *text;
	bool is_done;

	if (door_ask("upgrade", data, "upgrade", WAIT_S, &answer))
		return COMMAND_FAILED;
	is_done = json_is_true(json_object_get(answer, "done"));
	text = json_string_value(json_object_get(answer, "text"));
	if (!is_done)
		fputs("setia upgrade: ", stderr);
	client_print(is_done ? stdout : stderr, text ? text : "the answer says nothing");
	json_decref(answer);
	return is_done && !fflush(stdout) ? COMMAND_DONE : COMMAND_FAILED;
}

int command_upgrade(int argc, char **argv)
{
	static const struct option options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *data = DOOR_DATA_DEFAULT;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 ? COMMAND_FAILED : COMMAND_DONE;
		if (option != 'd')
			return COMMAND_MISUSED; /* getopt_long told */
		data = optarg;
	}
	if (optind < argc) {
		fputs("setia upgrade: takes no arguments; see setia help upgrade\n", stderr);
		return COMMAND_MISUSED;
	}
	return ask(data);
}

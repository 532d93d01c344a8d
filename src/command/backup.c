/* SPDX-License-Identifier: Apache-2.0 */
/* `setia backup` and `setia restore`: the configuration as one file, and back. */
#include "command/command.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "command/client.h"
#include "command/door.h"
#include "control/backup.h"
#include "process/log.h"

static const char backup_usage[] =
	"Usage: setia backup FILE [OPTION]...\n"
	"Writes everything that setia.db in DIR holds to FILE: configuration, keys, audit, tasks. Works while\n"
	"setia runs on DIR and while it does not, holds nobody up, and gives the state of one moment. FILE\n"
	"holds secrets and is readable by its owner alone. Not in it: clients pinned by source IP (the file\n"
	"sessions), logs, and what comes back by itself.\n"
	"\n"
	"  --data DIR          the data directory of `setia run` (default " DOOR_DATA_DEFAULT ")\n"
	"  --force             replace FILE if it exists\n"
	"  --help              print this\n";

static const char restore_usage[] =
	"Usage: setia restore FILE [OPTION]...\n"
	"Makes a backup the database of DIR, which is made when it is missing. No setia may run on DIR. FILE is\n"
	"checked whole first; if anything is wrong with it, nothing is touched. What was there stays as\n"
	"setia.db.before-restore and snapshot.before-restore. Cookies that clients hold stay valid.\n"
	"\n"
	"  --data DIR          the data directory of `setia run` (default " DOOR_DATA_DEFAULT ")\n"
	"  --help              print this\n";

struct arguments {
	const char *data, *file;
	bool is_forced;
};

/* -1 to go on with *ret, or an exit code. */
static int read_arguments(int argc, char **argv, const char *usage, bool may_force,
			  struct arguments *ret)
{
	const struct option options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ may_force ? "force" : NULL, no_argument, NULL, 'f' },
		{ 0 },
	};
	int option;

	*ret = (struct arguments){ .data = DOOR_DATA_DEFAULT };
	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 ? COMMAND_FAILED : COMMAND_DONE;
		if (option == 'd')
			ret->data = optarg;
		else if (option == 'f')
			ret->is_forced = true;
		else
			return COMMAND_MISUSED; /* getopt_long told */
	}
	if (argc - optind != 1 || !*argv[optind]) {
		fputs(usage, stderr);
		return COMMAND_MISUSED;
	}
	ret->file = argv[optind];
	if (clock_init() != 0) {
		fprintf(stderr, "%s: the clock's file cannot be read\n", argv[0]);
		return COMMAND_FAILED;
	}
	return -1;
}

/* The name may hold anything: one line of it for a terminal. */
static int tell(const char *command, int error, const char *text)
{
	FILE *out = error ? stderr : stdout;

	if (error)
		fprintf(out, "%s: ", command);
	client_print(out, text);
	return error || fflush(out) ? COMMAND_FAILED : COMMAND_DONE;
}

int command_backup(int argc, char **argv)
{
	struct arguments arguments;
	char text[1024] = "out of memory";
	int result = read_arguments(argc, argv, backup_usage, true, &arguments), error;

	if (result >= 0)
		return result;
	error = backup_make(arguments.data, arguments.file, arguments.is_forced, text,
			    sizeof(text));
	if (!error)
		snprintf(text, sizeof(text), "%s holds what %s holds", arguments.file,
			 arguments.data);
	return tell(argv[0], error, text);
}

int command_restore(int argc, char **argv)
{
	struct arguments arguments;
	char text[1024] = "out of memory";
	int result = read_arguments(argc, argv, restore_usage, false, &arguments), error;

	if (result >= 0)
		return result;
	log_init("restore", LOG_LEVEL_ERROR, LOG_KEY_VALUE);
	error = backup_restore(arguments.data, arguments.file, text, sizeof(text));
	if (!error)
		snprintf(text, sizeof(text), "%s holds what %s holds; start setia on it",
			 arguments.data, arguments.file);
	return tell(argv[0], error, text);
}

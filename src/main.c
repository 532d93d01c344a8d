/* SPDX-License-Identifier: Apache-2.0 */
/* argv to the command that it names; nothing else. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "command/command.h"
#include "control/control.h"
#include "control/document.h"
#include "keeper/keeper.h"
#include "process/check.h"
#include "process/log.h"
#include "process/options.h"
#include "proxy/proxy.h"

#define LABEL_PREFIX "setia "

static int run_process(int argc, char **argv, const char *name,
		       int (*run)(const struct run_options *options))
{
	struct run_options options;
	char title[16]; /* all that the kernel keeps */
	int parsed;

	/* For ps and top: a child is started as /proc/self/exe and would be called "exe". */
	snprintf(title, sizeof(title), "setia-%s", name);
	prctl(PR_SET_NAME, title);
	argv[0] += strlen(LABEL_PREFIX); /* the options' own errors begin with it */
	parsed = run_options_parse(argc, argv, &options);
	if (parsed)
		return parsed < 0 ? COMMAND_MISUSED : COMMAND_DONE;
	log_init(name, options.log_level, options.log_format);
	if (clock_init()) {
		log_event(LOG_LEVEL_ERROR, "clock_file_unreadable", NULL);
		return COMMAND_FAILED;
	}
	return run(&options);
}

static int run_keeper(int argc, char **argv)
{
	return run_process(argc, argv, "keeper", keeper_main);
}

static int run_control(int argc, char **argv)
{
	return run_process(argc, argv, "control", control_main);
}

static int run_proxy(int argc, char **argv)
{
	return run_process(argc, argv, "proxy", proxy_main);
}

/* A new binary, started by the old keeper: see process/check.h. */
static int run_check_upgrade(int argc, char **argv)
{
	struct run_options options;
	char why[256] = "";
	int error;

	argv[0] += strlen(LABEL_PREFIX);
	error = run_options_parse(argc, argv, &options) ? -EINVAL : 0;
	if (error)
		snprintf(why, sizeof(why), "it does not know these options");
	if (!error)
		error = clock_init();
	if (!error)
		error = keeper_check_upgrade(&options, why, sizeof(why));
	if (!error)
		error = proxy_check_upgrade(why, sizeof(why));
	if (error)
		dprintf(CHECK_ANSWER_FD, CHECK_NO "%s\n", why[0] ? why : strerror(-error));
	else
		dprintf(CHECK_ANSWER_FD, CHECK_OK "\n");
	return error ? COMMAND_FAILED : COMMAND_DONE;
}

static int run_document_api(int argc, char **argv)
{
	return control_document(stdout) ? COMMAND_FAILED : COMMAND_DONE;
}

static int run_help(int argc, char **argv);

/* Every command answers --help with its own usage. One without a summary is for the keeper or the
 * build. */
static const struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run", "run the load balancer", run_keeper },
	{ "apply", "make load balancers what a YAML file says", command_apply },
	{ "explain", "say which server would answer a request, and why", command_explain },
	{ "status", "show how a running setia is", command_status },
	{ "audit", "list who changed what", command_audit },
	{ "backup", "write the configuration to a file, while setia runs or not", command_backup },
	{ "restore", "make a backup the configuration of a stopped setia", command_restore },
	{ "upgrade", "let a running setia go on with the binary at its path", command_upgrade },
	{ "key", "manage the API's key pairs", command_key },
	{ "cookie-key", "change the key that seals persistence cookies", command_cookie_key },
	{ "demo-server", "a small web server to try things with", command_demo_server },
	{ "demo-echo", "a small TCP and UDP server to try things with", command_demo_echo },
	{ "version", "print the version", command_version },
	{ "help", "explain a command", run_help },
	{ "control", NULL, run_control },
	{ "proxy", NULL, run_proxy },
	{ CHECK_COMMAND, NULL, run_check_upgrade },
	{ "document-api", NULL, run_document_api },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

static int run_command(const struct command *command, int argc, char **argv)
{
	char label[32]; /* what getopt_long puts before its errors */

	snprintf(label, sizeof(label), LABEL_PREFIX "%s", command->name);
	argv[0] = label;
	return command->run(argc, argv);
}

static int misused(const char *name)
{
	fprintf(stderr, "setia: no such command: %s; see setia help\n", name);
	return COMMAND_MISUSED;
}

static int print_commands(FILE *out)
{
	fputs("Usage: setia COMMAND [ARGUMENT]...\n\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].summary)
			fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
	}
	fputs("\nsetia help COMMAND, or setia COMMAND --help, explains one.\n", out);
	return fflush(out) ? COMMAND_FAILED : COMMAND_DONE;
}

static int run_help(int argc, char **argv)
{
	char option[] = "--help";
	char *words[] = { NULL, option, NULL };
	const struct command *command;

	if (argc > 2) {
		fputs("setia help: one COMMAND at a time\n", stderr);
		return COMMAND_MISUSED;
	}
	command = argc == 2 ? find_command(argv[1]) : NULL;
	if (command && command->summary && command->run != run_help)
		return run_command(command, 2, words);
	if (argc == 2 && !command && argv[1][0] != '-')
		return misused(argv[1]);
	return print_commands(stdout);
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_commands(stderr);
		return COMMAND_MISUSED;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return print_commands(stdout);
	if (!strcmp(argv[1], "--version"))
		argv[1] += 2;
	command = find_command(argv[1]);
	return command ? run_command(command, argc - 1, argv + 1) : misused(argv[1]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the demonstration servers. One thread; owns nothing. */
#include "command/demo.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "command/command.h"

static bool is_name(const char *name)
{
	size_t size = strlen(name);

	for (const char *at = name; *at; at++) {
		if (*at <= ' ' || *at == 0x7f)
			return false;
	}
	return size && size <= DEMO_NAME_MOST;
}

/* Returns an exit code, or -1 to go on. */
static int parse_options(const struct demo *demo, int argc, char **argv, struct demo_options *ret)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "name", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option == 'h')
			return fputs(demo->usage, stdout) < 0 ? COMMAND_FAILED : COMMAND_DONE;
		if (option == 'n' && is_name(optarg)) {
			ret->name = optarg;
		} else if (option != 'l' || address_parse(bytes_of(optarg), &ret->address)) {
			if (option != '?')
				fprintf(stderr, "setia %s: not understood: %s\n", demo->word,
					optarg);
			return COMMAND_MISUSED;
		}
	}
	if (optind != argc || !ret->name || !ret->address.family) {
		fputs(demo->usage, stderr);
		return COMMAND_MISUSED;
	}
	return -1;
}

int demo_run(const struct demo *demo, int argc, char **argv)
{
	struct demo_options options = { 0 };
	char address[ADDRESS_TEXT_SIZE];
	int result = parse_options(demo, argc, argv, &options), error;

	if (result >= 0)
		return result;
	error = demo->serve(&options);
	if (error) {
		address_format(&options.address, address);
		fprintf(stderr, "setia %s: %s: %s\n", demo->word, address, strerror(-error));
	}
	return error ? COMMAND_FAILED : COMMAND_DONE;
}

void demo_says_listening(const struct demo *demo, const struct demo_options *options)
{
	char address[ADDRESS_TEXT_SIZE];

	address_format(&options->address, address);
	fprintf(stderr, "setia %s: %s listens on %s\n", demo->word, options->name, address);
}

int demo_open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

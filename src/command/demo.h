/* SPDX-License-Identifier: Apache-2.0 */
/* What the demonstration servers share: their command line, how they begin and how they end. */
#ifndef COMMAND_DEMO_H
#define COMMAND_DEMO_H

#include "base/address.h"

#define DEMO_NAME_MOST 64

struct demo_options {
	const char *name; /* 1..DEMO_NAME_MOST visible characters; borrowed from argv */
	struct address address;
};

struct demo {
	const char *word; /* "demo-server" */
	const char *usage;
	/* Opens, says demo_says_listening, serves until a signal asks it to end, closes. -errno. */
	int (*serve)(const struct demo_options *options);
};

/* Reads --listen and --name and serves. An exit code (command/command.h). */
int demo_run(const struct demo *demo, int argc, char **argv);
void demo_says_listening(const struct demo *demo, const struct demo_options *options);
/* A signalfd on which SIGTERM and SIGINT arrive from now on; -errno. */
int demo_open_signals(void);

#endif

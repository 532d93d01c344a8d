/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of the keeper's two child processes: started from this same binary, started again when it
 * ends, with growing pauses. Owned by the keeper's one thread.
 */
#ifndef KEEPER_CHILD_H
#define KEEPER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "process/options.h"
#include "process/privileges.h"

#define CHILD_STEADY_MS 10000 /* who lives so long has recovered: the pauses begin anew */
#define CHILD_PAUSE_LEAST_MS 100
#define CHILD_PAUSE_MOST_MS 5000
#define CHILD_CLOSED_MS 1000 /* for ending after the channel was closed */
#define CHILD_NEVER UINT64_MAX
#define CHILD_VERSION_SIZE 24

struct child {
	const char *name; /* "proxy", "control": the command word too */
	pid_t pid; /* 0 = not running */
	int channel; /* -1 = closed */
	char version[CHILD_VERSION_SIZE]; /* of its binary */
	bool is_asked; /* to end: that is no death */
	unsigned ends; /* in a row, each before CHILD_STEADY_MS */
	uint64_t started_ms;
	int64_t started_s; /* wall */
	uint64_t start_due_ms; /* while not running; CHILD_NEVER = not again */
	uint64_t kill_due_ms; /* while running; CHILD_NEVER = it may live */
	/* A proxy's. */
	uint32_t incarnation; /* its bank is the lowest bit (process/regions.h) */
	uint64_t live; /* the newest generation in force in it; 0 = none yet */
};

/* What a start needs beside the child itself. All borrowed. */
struct child_setup {
	const struct run_options *options;
	const struct identity *identity; /* NULL = stays the user that it is */
	int api_socket; /* -1 = this child gets none */
	int binary; /* -1 = the one that this process runs */
	const char *version; /* of that */
};

/* Not started; due at once. */
void child_init(struct child *child, const char *name);
/* -errno when nothing was started: it is then due again after a pause. */
int child_start(struct child *child, const struct child_setup *setup, uint64_t now_ms);
/* It was reaped with `status` (waitpid): logs why, and when it starts again. */
void child_ended(struct child *child, int status, uint64_t now_ms);
/* A short text for people: "exit code 1", "signal KILL". One buffer per thread. */
const char *child_status_text(int status);
/* SIGKILL now; the channel is closed. It still has to be reaped. */
void child_kill(struct child *child);
void child_close_channel(struct child *child);

/* The pause before the next start after so many ends in a row: 0, 0, 100, 200, 400 ... 5000 ms. */
unsigned child_pause_ms(unsigned ends);

#endif

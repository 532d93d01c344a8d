/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upgrade of the whole product without losing a connection: the new binary is tried, the keeper
 * becomes it, a new proxy starts beside the old one and takes over when it is live, and the old one
 * finishes what it has. The keeper's one thread.
 */
#ifndef KEEPER_UPGRADE_H
#define KEEPER_UPGRADE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "keeper/child.h"

struct keeper;

#define UPGRADE_CHECK_MS 5000 /* what the new binary may take to say whether it can go on */
#define UPGRADE_LIVE_MS 10000 /* what the new proxy may take until it is live */
#define UPGRADE_TEXT_SIZE 320

enum upgrade_phase {
	UPGRADE_NONE, /* one may be asked for */
	UPGRADE_CHECKING, /* until the new binary has answered: UPGRADE_CHECK_MS */
	UPGRADE_STARTING, /* the keeper is the new binary; until keeper->other is live:
			     UPGRADE_LIVE_MS */
	UPGRADE_DRAINING, /* until keeper->other, now the old one, has ended: --grace */
};

struct upgrade {
	enum upgrade_phase phase;
	uint64_t due_ms; /* of CHECKING and STARTING; UINT64_MAX otherwise */
	char path[PATH_MAX]; /* what `setia run` was started from; "" = unknown */
	char from[CHILD_VERSION_SIZE]; /* STARTING: the version before */
	/* The binary of the old proxy and control, and its version: what falls is started from it
	 * until an upgrade has succeeded. -1 = the keeper's own. */
	int old_binary;
	char old_version[CHILD_VERSION_SIZE];

	/* CHECKING: the very file that is tried is the one that is run, whatever comes to its path
	 * meanwhile. -1 = none. */
	int new_binary;
	pid_t check_pid;
	int check_answer; /* a pipe's end; -1 = closed */
	char answer[UPGRADE_TEXT_SIZE];
	size_t answer_size;

	/* How the last one ended. */
	bool has_ended, was_good;
	int64_t ended_s; /* wall */
	char text[UPGRADE_TEXT_SIZE];
};

/* Nothing runs; finds the binary's path. */
void upgrade_init(struct upgrade *upgrade);
void upgrade_done(struct upgrade *upgrade);

/* Begins one. -errno with the reason in `why` when that is refused; nothing has changed then. */
int upgrade_begin(struct keeper *keeper, uint64_t now_ms, char *why, size_t why_size);
/* What happens next: the check answered or ended, time is over. */
void upgrade_hear_check(struct keeper *keeper);
void upgrade_check_ended(struct keeper *keeper, int status, uint64_t now_ms);
void upgrade_turn(struct keeper *keeper, uint64_t now_ms);
/* The keeper's next life has begun: starts the new proxy. */
void upgrade_resume(struct keeper *keeper, uint64_t now_ms);
/* keeper->other reported a generation, refused one, or ended. */
void upgrade_hear_live(struct keeper *keeper, uint64_t now_ms);
void upgrade_hear_refused(struct keeper *keeper, const char *why, uint64_t now_ms);
void upgrade_other_ended(struct keeper *keeper, int status, uint64_t now_ms);
/* Everything stops: a check ends, who waits is told. */
void upgrade_give_up(struct keeper *keeper);

const char *upgrade_phase_name(enum upgrade_phase phase);

#endif

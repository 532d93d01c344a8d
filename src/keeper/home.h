/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data directory: made, locked against a second keeper, given to the user that the children run
 * as; and the anchor of session time that is kept in it. Owned by the keeper's one thread.
 */
#ifndef KEEPER_HOME_H
#define KEEPER_HOME_H

#include <limits.h>

#include "base/clock.h"
#include "process/privileges.h"

struct home {
	char path[PATH_MAX]; /* absolute */
	char clock_path[PATH_MAX];
	int directory_fd;
	int lock_fd; /* holds the lock for as long as it is open */
	struct clock_anchor anchor;
};

/* `identity` NULL = the directory's files stay whose they are. -errno, logged. home_done is right
 * in either case. */
int home_open(struct home *home, const char *data, const struct identity *identity);
/* One whose descriptors and anchor were handed over: `data` is the absolute path that home_open
 * found. -ENAMETOOLONG. */
int home_resume(struct home *home, const char *data);
void home_done(struct home *home);
/* Keeps the newest session second, so that time never runs backwards over a restart of the machine.
 * A failure is logged. */
void home_save_clock(struct home *home, uint64_t now_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping house for the session table (sticky/table.h), on a thread of its own: it loads what an
 * earlier life saved, frees what is over, saves what changed, and tells the shared region how the
 * table is. Traffic never waits for it, but for the loading at the very start.
 */
#ifndef PROXY_SESSIONS_H
#define PROXY_SESSIONS_H

#include <stdbool.h>

#include "process/regions.h"
#include "sticky/table.h"

struct sessions;

#define SESSIONS_NAME "sessions" /* in the data directory */
#define SESSIONS_REFUSED_NAME "sessions.refused" /* one that could not be read, for people */
#define SESSIONS_SWEEP_S 60 /* the whole table is looked through in about so long */
#define SESSIONS_SAVE_S 60

/* All borrowed, until sessions_stop. */
struct sessions_setup {
	struct session_table *table;
	struct regions *regions;
	const char *data; /* the directory */
	bool must_load;
	int done_fd; /* an eventfd, written once the loading is over */
};

/* -errno. */
int sessions_start(const struct sessions_setup *setup, struct sessions **ret);
/* Whether traffic may begin: everything that was saved is in the table. */
bool sessions_are_loaded(const struct sessions *sessions);
/* Ends the thread; `must_save` once more before, when something changed. Accepts NULL, returns
 * NULL. */
struct sessions *sessions_stop(struct sessions *sessions, bool must_save);

#endif

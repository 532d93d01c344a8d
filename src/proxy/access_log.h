/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access log's thread: takes finished lines out of the workers' rings and writes them, some 20
 * times a second while there are any. Traffic never waits for it: what it cannot keep up with is
 * lost and counted. Made and ended by the proxy's main thread.
 */
#ifndef PROXY_ACCESS_LOG_H
#define PROXY_ACCESS_LOG_H

#include "process/regions.h"
#include "proxy/access_ring.h"

#define ACCESS_TURN_MS 50 /* what a proxy that is killed loses at most, if the disk is not slow */

struct access_log;

struct access_log_setup {
	const char *data; /* --data */
	const char *
		directory; /* --log-dir, or NULL: "log" in `data`. Made when the first line comes */
	struct regions *regions;
	unsigned workers;
};

/* The thread runs. -errno. */
int access_log_start(const struct access_log_setup *setup, struct access_log **ret);
/* The ring that this worker writes to. */
struct access_ring *access_log_ring(struct access_log *log, unsigned worker);
/* Lines that are finished now go to the files as they are; then those are opened again by name. */
void access_log_reopen(struct access_log *log);
/* Writes what is there and ends the thread. No worker runs any more. Returns NULL; accepts it. */
struct access_log *access_log_stop(struct access_log *log);

#endif

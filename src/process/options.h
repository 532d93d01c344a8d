/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `setia run` was asked, and how the keeper hands it to its children: as their command line.
 * One struct for all three, so that a process never wonders what another was told.
 */
#ifndef PROCESS_OPTIONS_H
#define PROCESS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "process/log.h"
#include "process/quotas.h"

struct run_options {
	const char *data; /* --data DIR, absolute once the keeper started */
	const char *config; /* --config FILE or NULL */
	const char *user; /* --user NAME or NULL */
	const char *log_dir; /* --log-dir DIR or NULL: "log" in `data`; for access logs */
	const char *body_dir; /* --body-dir DIR or NULL: "body" in `data`; for bodies that are read
				 before they are sent */
	struct address api; /* --api, default 127.0.0.1:9080 */
	struct address default_vip; /* --default-vip, default 0.0.0.0 */
	unsigned workers; /* --workers, default: cores this process may run on */
	unsigned grace_s; /* --grace, when everything stops */
	unsigned upgrade_grace_s; /* --grace, on the old side of an upgrade: it may last longer */
	unsigned sessions; /* --sessions: entries of the source-IP table */
	unsigned body_room_m; /* --body-room: MiB that those may take together */
	unsigned api_rate; /* --api-rate: calls a second per key and action, default
			      API_RATE_PER_SECOND; 0 = no roof */
	struct quotas quotas; /* --quota */
	enum log_level log_level;
	enum log_format log_format;
	int resume_fd; /* --resume, from one keeper to the next that takes over from it: what it
			  holds (keeper/handover.h). 0 = a keeper that starts anew */
};

/*
 * What stands behind `setia run` (or `control`, `proxy`): argv[0] is that word. Texts are borrowed
 * from argv. 0; 1 when help was asked for and printed to stdout; -EINVAL with a sentence and a hint
 * on stderr.
 */
int run_options_parse(int argc, char **argv, struct run_options *ret);

/* The same options as a child's command line: { "setia", child, ..., NULL }. Points into itself and
 * into the options. */
struct run_arguments {
	char *argv[64];
	char text[9][ADDRESS_TEXT_SIZE];
	char quotas[QUOTA_COUNT][64];
};
/* `child` is borrowed: "control", "proxy"; "run" for the keeper's next life. */
void run_options_to_arguments(const struct run_options *options, const char *child,
			      struct run_arguments *ret);

/* Descriptors that a child finds open. */
#define CHILD_CHANNEL_FD 3 /* SOCK_SEQPACKET to the keeper, non-blocking is the child's choice */
#define CHILD_API_FD 4 /* control only: the API's listening socket */

#endif

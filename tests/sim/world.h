/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run: a real worker without its thread, real snapshots, the network around it, and the
 * director who changes the configuration and asks for the end. When all is over, nothing may be
 * left.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "client.h"
#include "talk.h"
#include "target.h"

#define WORLD_TARGETS_MOST 6
#define WORLD_CHANGES_MOST 8

enum change_kind {
	CHANGE_NOTHING, /* another generation of the same */
	CHANGE_TARGETS, /* some go, some come, at least one stays */
	CHANGE_TARGETS_ANEW, /* the same addresses under new numbers */
	CHANGE_RULE, /* deleted and made again */
	CHANGE_LISTENER, /* deleted and made again at the same address */
	CHANGE_KINDS_CALM, /* those above must not be noticed by any client */
	CHANGE_NO_TARGETS = CHANGE_KINDS_CALM,
	CHANGE_NO_LISTENER,
	CHANGE_KINDS,
	CHANGE_STOP = CHANGE_KINDS, /* with stop_grace_ms */
};

struct change {
	enum change_kind kind;
	uint64_t at_ms; /* since the beginning */
	uint64_t at_step; /* of the network, when at_ms is 0 */
	bool is_done;
};

struct world_setup {
	unsigned targets;
	bool has_keepalive, has_session;
	bool buffers_requests, ignores_abort, reads_ahead; /* by a custom configuration */
	bool is_layer4; /* a TCP listener, and talkers instead of clients and targets of HTTP */
	struct talk_habits talks;
	struct target_habits habits;
	struct excuses excuses;
	uint32_t capacity;
	unsigned whole_percent, full_percent, hold_back_percent, drift_percent;
	uint32_t descriptors;
	struct net_hold hold;
	struct change changes[WORLD_CHANGES_MOST];
	unsigned change_count;
	int64_t stop_grace_ms;
	bool rests; /* before the end, until no timer is left */
};

/* Once a process. */
void world_open(void);
void world_close(void);

extern const struct address world_listener;
struct world_setup world_calm(void);
/* Clients are added between these. */
void world_begin(const struct world_setup *setup);
/* Until the worker's end; checks that nothing is left. */
void world_run(void);
/* When the rest was over: the last timer's time. */
uint64_t world_rested_ms(void);

#endif

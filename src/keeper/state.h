/* SPDX-License-Identifier: Apache-2.0 */
/* What the keeper holds while it runs. One thread owns all of it. */
#ifndef KEEPER_STATE_H
#define KEEPER_STATE_H

#include "keeper/child.h"
#include "keeper/door.h"
#include "keeper/history.h"
#include "keeper/home.h"
#include "keeper/socket_set.h"
#include "keeper/upgrade.h"
#include "process/message.h"
#include "process/regions.h"

/* A proxy that ends so often within so long, each time before a new snapshot was in force, is said
 * to die of that snapshot. */
#define POISON_ENDS 3
#define POISON_WINDOW_MS 10000

struct keeper {
	struct run_options options;
	struct identity identity;
	bool has_identity; /* children become `identity` */
	int64_t started_s; /* wall; of its first life */
	struct home home;
	struct regions *regions;
	int regions_fd;
	int sessions_fd;
	int api_socket;
	int signal_fd;
	struct child proxy, control;
	/* The second proxy of an upgrade: the new one until it is live, then the old one until its
	 * connections have ended. */
	struct child other;
	uint32_t incarnation; /* of the newest proxy */
	struct upgrade upgrade;
	struct door door;

	struct socket_set sockets;
	struct history history;
	uint64_t highest; /* generation ever accepted, also one that was refused later */
	uint64_t saved; /* generation in DIR/snapshot */
	uint64_t prepared; /* generation that lies beside it, on disk; 0 = none */
	uint64_t live; /* the newest generation that was in force in any proxy */
	uint64_t told; /* the newest LIVE that this control was told */
	bool is_config_wanted; /* by the next control, or this one */
	uint64_t proxy_ends_ms[POISON_ENDS]; /* the latest first */

	uint64_t clock_due_ms;
	bool is_stopping;
	bool was_cut; /* a child had to be killed at the end */
	struct message message; /* the one being handled */
};

/* keeper.c */

/* Starts a proxy in its own bank and greets it. -errno when nothing was started. */
int keeper_start_proxy(struct keeper *keeper, struct child *child, uint64_t now_ms);
/* Tells it to end within `grace_s`, and when it will be killed. */
void keeper_stop_child(struct keeper *keeper, struct child *child, struct message_stop stop,
		       uint64_t now_ms);

/* exchange.c: what is said to the children, and what comes back. */

/* The last good snapshot from disk, if there is a sound one: its sockets are open afterwards. */
void exchange_load_last_good(struct keeper *keeper, uint64_t now_ms);
/* The greeting of a child that was just started. */
void exchange_greet_proxy(struct keeper *keeper, struct child *proxy);
void exchange_greet_control(struct keeper *keeper);
/* Reads what a child said, within a roof per turn. */
void exchange_hear(struct keeper *keeper, struct child *child, uint64_t now_ms);
/* Sockets that could not be opened are tried again. */
void exchange_retry_sockets(struct keeper *keeper, uint64_t now_ms);
/* The proxy ended: decides whether the newest snapshot is to blame. */
void exchange_proxy_ended(struct keeper *keeper, uint64_t now_ms);
/* A proxy came or went: a generation may be in force everywhere now. */
void exchange_spread_live(struct keeper *keeper, uint64_t now_ms);
void exchange_send_config(struct keeper *keeper);
/* The proxies open their access logs again. */
void exchange_send_reopen(struct keeper *keeper);
void exchange_send_stop(struct keeper *keeper, struct child *child, struct message_stop stop);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR/keeper.sock: where `setia status` and `setia upgrade` ask the keeper on its own machine. A
 * request is one datagram with one word, the answer one or more datagrams, then the end. Nobody can
 * make the keeper wait: clients are few, answers bounded, and who is slow is closed. The keeper's
 * one thread.
 */
#ifndef KEEPER_DOOR_H
#define KEEPER_DOOR_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

struct keeper;

#define DOOR_NAME "keeper.sock"
#define DOOR_CLIENTS_MOST 8
#define DOOR_REQUEST_MS 2000 /* what a client may take for its word */
#define DOOR_ANSWER_MS 5000 /* and for taking a piece of its answer */
#define DOOR_POLLS (1 + DOOR_CLIENTS_MOST)

enum door_client_state {
	DOOR_FREE,
	DOOR_ASKING, /* until its word is there: DOOR_REQUEST_MS */
	DOOR_COUNTING, /* until it has taken all counters: DOOR_ANSWER_MS for each piece */
	DOOR_UPGRADING, /* until the upgrade that it asked for has ended */
};

struct door_client {
	enum door_client_state state;
	int fd;
	uint64_t due_ms; /* closed then; UINT64_MAX = it may wait */
	struct snapshot snapshot; /* COUNTING: whose listeners these are */
	uint32_t row; /* COUNTING: the next listener */
};

struct door {
	int fd; /* -1 = no door: its socket could not be made */
	struct door_client clients[DOOR_CLIENTS_MOST];
};

void door_init(struct door *door);
/* A failure is logged: traffic goes without a door. */
void door_open(struct keeper *keeper);
/* Closes all; its name goes when `must_unlink`. */
void door_done(struct keeper *keeper, bool must_unlink);

/* What to wait for: fills DOOR_POLLS rows. */
void door_poll(const struct door *door, struct pollfd *ret_waits);
void door_turn(struct keeper *keeper, const struct pollfd *waits, uint64_t now_ms);
uint64_t door_due_ms(const struct door *door);

/* Who asked for the upgrade hears how it ended. */
void door_tell_outcome(struct keeper *keeper);
/* A client of the keeper's former life, who waits for the end of the upgrade. */
void door_take_waiter(struct door *door, int fd);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection's inside, shared by tcp.c (its life), tcp_move.c (its bytes) and tcp_adopt.c
 * (what new generations do to it). One enum tells where its life stands, one switch (tcp_run) moves
 * it on, and it dies in one place (tcp_end; the memory goes at the end of the loop's turn).
 */
#ifndef PROXY_TCP_CONNECTION_H
#define PROXY_TCP_CONNECTION_H

#include "io/stream.h"
#include "io/timer.h"
#include "proxy/buffer.h"
#include "proxy/grave.h"
#include "proxy/listener.h"
#include "proxy/pin.h"

/* In order of time. A failed CONNECTING goes back to CHOOSING. */
enum tcp_state {
	TCP_CHOOSING, /* nothing: a target is picked at once */
	TCP_CONNECTING, /* the target's handshake; L4_CONNECT_TIMEOUT_MS */
	TCP_RELAYING, /* bytes or room on either side; the listener's idle timeout */
	TCP_CLOSED, /* the end of the turn */
};

/* One direction. It holds bytes only while the way on is full, so a slow reader holds back its
 * sender. */
struct tcp_lane {
	struct buffer *buffer; /* bytes to be written, or NULL */
	struct bulk_pipe *pipe; /* likewise */
	uint64_t got, put; /* bytes, since the meter was told (proxy/meter.h) */
	bool is_read; /* the sender's end was seen ... */
	bool is_finished; /* ... and passed on */
	bool is_bulk; /* the last read was full: the next goes through a pipe */
};

/* Why a connection is going to be cut (SP-48). */
enum tcp_cut {
	TCP_CUT_NONE,
	TCP_CUT_DEREGISTERED,
	TCP_CUT_ZERO_WEIGHT,
	TCP_CUT_EXPAND,
	TCP_CUT_UNHEALTHY,
};

struct tcp_connection {
	struct stream client, target;
	struct timer timer; /* CONNECTING: this try; RELAYING: the next look at what is below */
	uint64_t moved_ms; /* when bytes last went either way */
	uint64_t cut_ms; /* when it is cut, if `cut` says so */
	struct list link; /* in listener->connections */
	struct grave grave;
	struct worker *worker;
	struct proxy_listener *listener;
	struct tcp_lane up, down; /* to the target, to the client */
	struct pin pin;
	struct pin_tries tries;
	struct address client_address;
	uint8_t state;
	uint8_t cut; /* enum tcp_cut */
	bool has_probes; /* keep-alive, which only those that live on get */
};

/* tcp.c: the timer at the earliest of its ends. */
void tcp_set_timer(struct tcp_connection *connection);

/* tcp_move.c */
/* The header of the PROXY protocol goes before everything else. -ENOMEM. */
int tcp_put_header(struct tcp_connection *connection);
/* Moves what can be moved, as far as is fair. False: both directions ended or one side broke off.
 */
bool tcp_move(struct tcp_connection *connection);
/* Gives back what the directions hold. */
void tcp_lanes_done(struct tcp_connection *connection);

#endif

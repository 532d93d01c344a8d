/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network in memory. Connections are two lanes of bytes; what one end writes lies in flight until
 * a step of the network brings it, or a part of it, to the other. Which step is next, the dice say.
 * Ends behave like Linux's TCP: what was received before a reset can still be read, closing over
 * unread bytes resets, bytes for a closed end come back as a reset. kernel.c gives the proxy
 * descriptors for its ends; clients and targets hold theirs directly.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include <sys/types.h>

#include "base/address.h"
#include "sim.h"

#define NET_LANE_MOST 262144

/* Bytes to the other end. Offsets count from the connection's beginning. */
struct net_lane {
	char *ring;
	uint32_t capacity; /* written, and not read yet */
	uint64_t taken, visible, written;
	bool is_finished; /* an end follows behind the last byte */
	bool end_visible;
	/* A sweep's lane stands still behind this byte, until nothing else moves; once. */
	uint64_t hold_write, hold_visible;
	bool is_held;
};

enum net_state { NET_CONNECTING, NET_OPEN, NET_FAILED };

struct net_end {
	struct net_connection *connection;
	struct net_end *other;
	struct net_lane out;
	bool is_worker; /* the proxy's: events go through epoll */
	bool is_closed;
	bool is_reset; /* nothing goes either way any more */
	bool reset_comes; /* one is in flight towards this end */
	bool aborts; /* closing resets */
	bool wants_room; /* a write was cut short: tell when there is room */
	bool was_woken; /* edge: something changed since it was last reported */
	int error; /* reported once */
	/* Of the proxy's ends: what epoll knows. */
	void *watch;
	/* Of the others. */
	void (*run)(struct net_end *end);
	void *owner;
	uint64_t alarm_ms; /* run() then; 0 = off */
};

struct net_connection {
	struct net_end ends[2]; /* who connected, who accepted */
	struct net_connection *next; /* all of a run */
	struct net_connection *next_waiting; /* in a backlog */
	struct net_listener *listener;
	struct address client;
	enum net_state state;
	uint64_t decided_ms; /* connecting: not before; SIM_NEVER = nobody answers */
	unsigned number;
};

struct net_listener {
	struct address address;
	unsigned handles; /* 0: refuses */
	struct net_connection *backlog;
	/* Of targets: takes the connection's other end. NULL: it waits in the backlog. */
	void (*accept)(struct net_listener *listener, struct net_end *end);
	void *owner;
	unsigned refuses_percent, silent_percent;
	uint32_t slow_ms;
	struct net_listener *next;
	void *watch; /* of the proxy's */
};

/* What a sweep does to a lane: `side` of the proxy's connections in that role, at a byte. */
struct net_hold {
	bool is_set, is_to_target, is_from_worker, is_write;
	bool was_met; /* a lane stood still there */
	uint64_t at;
};

struct net {
	struct net_connection *connections;
	struct net_listener *listeners;
	unsigned count;
	uint32_t capacity; /* of new lanes */
	unsigned whole_percent; /* deliveries that bring all that is in flight */
	struct net_hold hold;
};

extern struct net net;

void net_begin(uint32_t capacity, unsigned whole_percent);
void net_end_all(void);

struct net_listener *net_listen(const struct address *address);
struct net_listener *net_find(const struct address *address);
/* The last handle goes: the backlog is reset. */
void net_listener_release(struct net_listener *listener);
/* A connection towards `address`, on its way. -errno when it is refused at once. */
int net_connect(const struct address *client, const struct address *address, bool is_worker,
		struct net_end **ret);

/* As the system calls: bytes, 0 at the end, -errno. */
ssize_t net_read(struct net_end *end, void *data, size_t size);
ssize_t net_write(struct net_end *end, const void *data, size_t size);
size_t net_room(const struct net_end *end);
/* Wakes the end when there is some. */
void net_want_room(struct net_end *end);
size_t net_readable(const struct net_end *end);
void net_finish(struct net_end *end);
void net_close(struct net_end *end);
void net_reset(struct net_end *end);

/* One thing happens in the network; false when nothing can. */
bool net_step(void);
/* Lanes that a sweep held go on; false when there were none. */
bool net_release_holds(void);
/* The next alarm of a client or target; SIM_NEVER. */
uint64_t net_next_ms(void);

#endif

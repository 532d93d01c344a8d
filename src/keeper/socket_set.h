/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets: for every listener one per worker (SO_REUSEPORT), open for as long as a
 * snapshot wants them, whoever serves them dies or changes. Known by the listener's number. Owned
 * by the keeper's one thread.
 */
#ifndef KEEPER_SOCKET_SET_H
#define KEEPER_SOCKET_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "process/message.h"
#include "process/regions.h"

#define SOCKET_RETRY_LEAST_MS 100 /* a predecessor may still be ending */
#define SOCKET_RETRY_MOST_MS 2000
#define SOCKET_BINDS_MOST (MESSAGE_PAYLOAD_MOST / sizeof(struct message_bind))

struct socket_entry {
	uint64_t number; /* the listener's */
	struct address address;
	uint64_t retired_in; /* the generation that no longer wants it; 0 = wanted */
	int error; /* errno: not open; 0 = open */
	bool is_datagram; /* UDP has ports of its own */
	bool is_sent[REGION_BANKS]; /* to the proxy that counts in this bank: two during an upgrade
				     */
	bool is_marked; /* while a snapshot is adopted: it wants this one */
	int fds[]; /* one per worker; valid when open */
};

struct socket_set {
	struct socket_entry **entries; /* by rising number, then wanted before retired */
	size_t count;
	unsigned workers;
	size_t open_count; /* descriptors */
	size_t open_most;
	uint64_t retry_due_ms; /* UINT64_MAX = every wanted one is open */
	unsigned retry_pause_ms;
};

void socket_set_init(struct socket_set *set, unsigned workers, size_t open_most);
void socket_set_done(struct socket_set *set);

/*
 * Makes the set what `snapshot` wants: opens what is missing, hands the sockets of a gone listener
 * over to a new one at the same address, retires the rest. A listener that cannot be opened is no
 * error here. -ENOMEM with nothing changed.
 */
int socket_set_adopt(struct socket_set *set, const struct snapshot *snapshot, uint64_t now_ms);

/* Closes what was retired in `generation` or before: nobody serves it any more. Returns how many.
 */
size_t socket_set_close_retired(struct socket_set *set, uint64_t generation);

/* What came of trying again. */
struct socket_retry {
	size_t opened;
	size_t changed; /* opened, or failing for another reason now */
};
/* Tries every wanted listener that is not open. */
struct socket_retry socket_set_retry(struct socket_set *set, uint64_t now_ms);

/* SOCKETS messages with all wanted ones that the proxy of this bank was not sent yet; they count as
 * sent when 0. */
int socket_set_send(struct socket_set *set, int channel, uint64_t generation, unsigned bank);
/* A new proxy holds none. */
void socket_set_forget_sent(struct socket_set *set, unsigned bank);

/* The wanted ones that are not open; returns how many there are, also when that is above `room`. */
size_t socket_set_binds(const struct socket_set *set, struct message_bind *out, size_t room);

/* `count` sockets at one address, non-blocking, all or none: listening ones for connections, or
 * ones that take datagrams. -errno. */
int sockets_open(const struct address *address, bool is_datagram, unsigned count, int *ret_fds);

#endif

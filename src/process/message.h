/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the three processes say to each other: datagrams over a SOCK_SEQPACKET socket pair, each a
 * header, a payload and descriptors. The keeper sits in the middle; control and proxy never speak
 * directly.
 *
 * - keeper to proxy: REGIONS, then any of SOCKETS* SNAPSHOT, REOPEN, STOP. SOCKETS carry what the
 *   process was not yet sent (a new one: all). A pair (listener, worker) that it still holds
 *   replaces the older descriptor; another listener may get a descriptor of the same socket when it
 *   takes over the address. A SNAPSHOT of the generation that it already runs means "sockets that
 *   could not be opened before have come": adopt again, answer LIVE again.
 * - proxy to keeper: LIVE, REFUSED.
 * - control to keeper: PUBLISH.
 * - keeper to control: BINDS, REGIONS, LIVE, REFUSED, CONFIG, STOP. The first message to a new
 * control is BINDS; its `generation` is the newest one that the keeper holds (0 = none), and what
 * control publishes must be above it.
 */
#ifndef PROCESS_MESSAGE_H
#define PROCESS_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "model/limits.h"

#define MESSAGE_PAYLOAD_MOST 32768
#define MESSAGE_FDS_MOST 128 /* the kernel's own roof is 253 (SCM_MAX_FD) */

enum message_type {
	MESSAGE_REGIONS = 1, /* to a proxy: fd 0: the shared region, fd 1: the session table's
				memory (process/regions.h); payload: struct regions_greeting. To
				control: fd 0: the shared region, for reading alone */
	MESSAGE_SOCKETS, /* payload: struct message_socket[n], fds[n]: listening sockets for the
			    next SNAPSHOT */
	MESSAGE_SNAPSHOT, /* `generation`; fd 0: sealed memfd. Listeners without sockets could not
			     be bound */
	MESSAGE_STOP, /* payload: struct message_stop */
	MESSAGE_LIVE, /* `generation` is in force in every worker */
	MESSAGE_REFUSED, /* `generation` was not adopted; payload: why, text */
	MESSAGE_PUBLISH, /* `generation`; fd 0: sealed memfd */
	MESSAGE_BINDS, /* before LIVE of `generation`, and when it changes: struct message_bind[n]:
			  all listeners that are not open */
	MESSAGE_CONFIG, /* fd 0: the --config file, opened for reading: apply it */
	MESSAGE_REOPEN, /* access logs were moved: open them again by their names */
};

struct message_header {
	uint32_t type;
	uint32_t size; /* of the payload */
	uint64_t generation;
};

struct message_stop {
	uint32_t grace_s; /* 0 = now */
	uint32_t is_replaced; /* proxy: another one has taken over (an upgrade): it saves nothing,
				 also at a later STOP, and idle clients have time to leave */
};

struct message_socket {
	uint64_t listener; /* number */
	uint32_t worker; /* 0.. */
	uint32_t unused;
};

struct message_bind {
	uint64_t listener; /* number */
	int32_t error; /* errno */
	uint32_t unused;
};

struct message {
	struct message_header header;
	int fds[MESSAGE_FDS_MOST]; /* owned by the receiver; close-on-exec */
	size_t fd_count;
	char payload[MESSAGE_PAYLOAD_MOST];
};

/* `header->size` bytes of payload. Waits for room when the peer is slow. -EPIPE when the peer is
 * gone, -ETIMEDOUT when it read nothing for 5 s, or -errno. The fds stay the caller's. */
int message_send(int channel, const struct message_header *header, const void *payload,
		 const int *fds, size_t fd_count);

/*
 * One message, never waits when the channel is non-blocking. 1 = received; 0 = peer closed; -EAGAIN
 * on a non-blocking channel with nothing there; -EBADMSG a malformed one (its descriptors are
 * closed, `fd_count` is 0); -errno.
 */
int message_receive(int channel, struct message *ret);
void message_close_fds(struct message *message);

#endif

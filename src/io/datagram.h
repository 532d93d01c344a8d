/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams in batches: many a system call, in and out, with the address of ours that they came to
 * and leave from. A batch's memory belongs to whoever made it and is used again at every call; no
 * socket or client has buffers of its own. Nothing here waits.
 */
#ifndef IO_DATAGRAM_H
#define IO_DATAGRAM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/address.h"

#define DATAGRAM_BATCH 64
#define DATAGRAM_MOST 65536 /* room for one: the largest is 65,527 bytes, over IPv6 */

/* As the kernel has it, so that none is translated per datagram. Bytes that the family does not use
 * are zero: two are equal exactly when their bytes are. */
union datagram_address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6; /* with the zone of a link-local one */
};

/* The address of ours at the other end; all zeros = the socket's own. */
struct datagram_local {
	uint8_t ip[16]; /* IPv4 in the first four bytes */
	uint32_t interface; /* IPv6 link-local: its number; else 0 */
};

/* One that was received. */
struct datagram {
	char *data;
	uint32_t size;
	bool is_cut; /* it was longer than its room: what is here is not what was sent */
	union datagram_address from;
	struct datagram_local to; /* when asked for */
};

/* One on its way out. */
struct datagram_out {
	int fd;
	uint32_t mark; /* the caller's, to know whose it was */
	int error; /* after datagram_flush: 0, or why it was dropped */
	const struct datagram *datagram; /* of this batch: its data */
	union datagram_address to;
};

struct datagram_batch;

/* NULL when memory is out. */
struct datagram_batch *datagram_batch_new(void);
/* Accepts NULL, returns NULL. What is still in it is dropped. */
struct datagram_batch *datagram_batch_free(struct datagram_batch *batch);

/* How many more datagrams it can take in before it has to be flushed. */
unsigned datagram_room(const struct datagram_batch *batch);
/*
 * Takes up to `most` waiting datagrams in, behind those that the batch already holds. Returns how
 * many; *ret is the first. With `most` 1 it does not tell the address of ours. -EAGAIN when none
 * waits; -errno, which on a socket of datagram_open() may be an older datagram's fate
 * (datagram_error()).
 */
int datagram_receive(struct datagram_batch *batch, int fd, unsigned most, struct datagram **ret);
/* Puts a datagram of this batch up for sending; `from` may be NULL. At most one a received one. */
void datagram_put(struct datagram_batch *batch, const struct datagram_out *out,
		  const struct datagram_local *from);
/*
 * Sends all that was put, and empties the batch. Returns how many were dropped: *ret is the first
 * of *ret_count that were tried, to be looked through when the return is not 0.
 */
unsigned datagram_flush(struct datagram_batch *batch, const struct datagram_out **ret,
			unsigned *ret_count);

/* A socket for talking to others: not bound, errors of the network told by datagram_error().
 * -errno. */
int datagram_open(int family);
/* A listening socket: whether datagram.to is filled in, and room for what waits. */
void datagram_prepare(int fd, int family, bool tells_local);

/* What the network said about a datagram that had been sent. */
struct datagram_error {
	union datagram_address to;
	int error; /* errno */
	bool is_unreachable; /* ICMP: nobody is there */
};
/* Takes the oldest; false when there is none. */
bool datagram_error(int fd, struct datagram_error *ret);

static inline bool datagram_address_equal(const union datagram_address *a,
					  const union datagram_address *b)
{
	/* No byte is left unset. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* A size for the kernel; 0 for a family that is none. */
socklen_t datagram_address_size(const union datagram_address *address);
/* -EAFNOSUPPORT. */
int datagram_address_from(const struct address *address, union datagram_address *ret);
int datagram_address_to(const union datagram_address *address, struct address *ret);

#endif

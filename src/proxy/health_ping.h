/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP echo for the checks of UDP listeners: one socket a family for all targets. An unprivileged
 * ping socket where net.ipv4.ping_group_range allows it, else a raw one where CAP_NET_RAW does,
 * else none: then only the UDP probe is made. Runs on the checker's thread.
 */
#ifndef PROXY_HEALTH_PING_H
#define PROXY_HEALTH_PING_H

#include "base/address.h"
#include "io/io.h"

#define PING_SEQUENCES 65536

/* One that waits for its echo. */
struct ping {
	uint64_t nonce;
	uint16_t sequence;
	bool is_waiting;
};

struct pinger_socket {
	struct io_source source; /* fd -1: none */
	struct pinger *pinger;
	uint8_t family; /* enum address_family */
	bool is_raw; /* the identifier and, for IPv4, the checksum are ours to fill in */
	bool is_tried;
};

struct pinger {
	struct io *io;
	struct pinger_socket ipv4, ipv6;
	struct probe **waiting; /* PING_SEQUENCES, by sequence */
	uint64_t seed; /* of the nonces: nobody can echo what was not sent there */
	uint64_t sent;
	uint16_t identifier;
};

struct probe;

/* Opens nothing yet. -ENOMEM, or why there is no random number. */
int pinger_init(struct pinger *pinger, struct io *io);
void pinger_done(struct pinger *pinger);
/*
 * Sends an echo request to the probe's address; probe_echoed() when the echo comes. -EPERM: this
 * process cannot ping in this family; else -errno of the sending.
 */
int ping_begin(struct pinger *pinger, struct probe *probe);
/* No longer waited for. */
void ping_end(struct pinger *pinger, struct probe *probe);

#endif

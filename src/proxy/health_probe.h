/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes: one question to one target each, answered by a verdict within its timeout. All run on the
 * checker's thread, on one event loop, without ever waiting; a probe owns its descriptor and its
 * bytes, and needs nothing of a snapshot once it began. What a target sends is hostile.
 */
#ifndef PROXY_HEALTH_PROBE_H
#define PROXY_HEALTH_PROBE_H

#include "http/h1.h"
#include "io/io.h"
#include "io/stream.h"
#include "io/timer.h"
#include "model/snapshot.h"
#include "proxy/grave.h"
#include "proxy/health_ping.h"

enum probe_verdict {
	PROBE_UNDER_WAY, /* no verdict yet */
	PROBE_GOOD,
	PROBE_REFUSED, /* nobody listens */
	PROBE_UNREACHABLE, /* the network, or ICMP, says so */
	PROBE_TIMEOUT, /* nothing, or not all of it, in time */
	PROBE_CLOSED, /* ended or reset before its answer was whole */
	PROBE_BAD_ANSWER, /* not HTTP, or HTTP that traffic would refuse, or too much of it */
	PROBE_STATUS, /* a status that the mask does not have */
	PROBE_MISMATCH, /* not the bytes that were expected */
	PROBE_NO_ECHO, /* no answer to the ping */
	PROBE_NO_ROOM, /* descriptors, ports or memory of ours: says nothing about the target */
	PROBE_VERDICTS,
};

#define PROBE_USER_AGENT "clb-healthcheck"
#define PROBE_PAYLOAD "HEALTH CHECK" /* of pings and datagrams without words of their own */
#define PROBE_OUT_MOST 640 /* a path of 200 and a domain of 80, or 500 bytes of one's own */

struct prober;

struct probe {
	struct stream stream; /* or a socket of datagrams */
	struct timer timer;
	struct grave grave;
	struct list link; /* among the prober's */
	struct prober *prober;
	void *owner; /* the caller's */
	struct address address; /* with the port that is asked */
	uint8_t type; /* enum check_type */
	bool is_datagram;
	bool is_connected;
	bool is_echoed; /* or cannot be */
	bool has_spoken; /* a datagram came back */
	uint8_t http_code, informational_count;
	bool is_get;
	uint16_t out_size, out_written;
	uint16_t expected_size, expected_seen;
	char out[PROBE_OUT_MOST];
	char expected[500]; /* HEALTH_CONTEXT_MOST */
	/* The heads of an answer; grows with it up to HTTP_HEAD_MOST, all heads together. */
	char *in;
	uint32_t in_size, in_room, in_total;
	struct http_scan scan;
	struct ping ping;
};

struct prober {
	struct io *io;
	struct timer_wheel *wheel;
	uint64_t now_ms; /* the owner's turn */
	struct list probes;
	struct list graves;
	uint32_t count;
	struct pinger pinger;
	struct http_response response; /* scratch */
	/* A probe came to its verdict. It is gone when this returns. */
	void (*on_end)(struct prober *prober, struct probe *probe, enum probe_verdict verdict);
};

struct probe_order {
	const struct snapshot *snapshot;
	const struct snapshot_health *check;
	const struct address *address; /* the target's */
	bool is_datagram; /* its listener is UDP */
	void *owner;
};

/* Loop and wheel are borrowed. -ENOMEM. */
int prober_init(struct prober *prober, struct io *io, struct timer_wheel *wheel);
/* Ends all probes without a verdict. */
void prober_done(struct prober *prober);
/* At the end of a turn: frees what ended in it. */
void prober_free_dead(struct prober *prober);

/* PROBE_UNDER_WAY: on_end tells the verdict later, *ret is good until then. Else the verdict that
 * was known at once. */
enum probe_verdict probe_begin(struct prober *prober, const struct probe_order *order,
			       struct probe **ret);
/* Ends it without a verdict; nobody hears of it. Accepts NULL. */
void probe_cancel(struct probe *probe);

/* --- Between the files of probes. */

void probe_end(struct probe *probe, enum probe_verdict verdict);
/* Of a system call on the probe's socket. */
enum probe_verdict probe_verdict_of(int error);
/* health_probe_stream.c: TCP, HTTP and CUSTOM over TCP. */
enum probe_verdict probe_stream_begin(struct probe *probe, const struct probe_order *order);
/* health_probe_datagram.c: PING and CUSTOM over UDP. */
enum probe_verdict probe_datagram_begin(struct probe *probe, const struct probe_order *order);
enum probe_verdict probe_datagram_timeout(const struct probe *probe);
void probe_echoed(struct probe *probe);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection at layer 4: bytes both ways between a client and one target, half-close and
 * reset passed on, ended by 900 s of silence. It pins no generation: it copies the few values it
 * needs. One enum, one switch, one place of death, like proxy/connection.h.
 */
#ifndef PROXY_TCP_H
#define PROXY_TCP_H

#include "io/stream.h"

struct worker;
struct proxy_listener;

/* An accepted connection of a TCP listener. */
void tcp_open(struct worker *worker, struct proxy_listener *listener, const struct stream *stream,
	      const struct address *client);
/* After a generation was adopted: DeregisterTargetRst and the Reschedule switches. */
void tcp_adopt(struct worker *worker);
/* Some time passed: RescheduleUnhealthy, where other targets are down than before. */
void tcp_look_at_health(struct worker *worker);
/* The worker stops: connections go on until grace_fire. */
void tcp_close_all(struct worker *worker);

#endif

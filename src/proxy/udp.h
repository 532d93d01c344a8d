/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP at layer 4: a flow is (listener, client address, client port); its first datagram picks the
 * target, answers go back from the listener's own address. Flows are rows of a table per listener
 * and worker; the sockets towards targets are a pool that flows of different targets share and that
 * is used again when flows end.
 */
#ifndef PROXY_UDP_H
#define PROXY_UDP_H

struct worker;
struct proxy_listener;

/* A UDP listener's socket came into the worker's loop: its flow table. -ENOMEM. */
int udp_open(struct worker *worker, struct proxy_listener *listener);
/* Datagrams wait at the listener's socket. */
void udp_ready(struct proxy_listener *listener);
/* After a generation was adopted: flows of targets that are gone end; the Reschedule switches. */
void udp_adopt(struct worker *worker);
/* The listener's socket leaves the loop: its flows end if it was deleted; else (the worker stops)
 * answers that are due still go out through it. */
void udp_close(struct proxy_listener *listener);
/* The worker's grace is over: all flows end. */
void udp_close_all(struct worker *worker);

/* The end of a turn of the loop: answers that were gathered go out. */
void udp_flush(struct worker *worker);
/* Closes the sockets that no flow uses: their descriptors are wanted. */
void udp_shed(struct worker *worker);
/* The worker ends. */
void udp_done(struct worker *worker);

#endif

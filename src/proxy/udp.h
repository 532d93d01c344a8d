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
/* After a generation was adopted: flows of targets that are gone end. */
void udp_adopt(struct worker *worker);
/* The listener's socket leaves the loop: answers still go out through it while flows live, if it is
 * not deleted. */
void udp_close(struct proxy_listener *listener);

#endif

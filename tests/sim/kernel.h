/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel as the proxy sees it: its system calls are linked to kernel.c (meson.build: --wrap),
 * which answers them from net.h and from the invented time. So io_epoll.c and stream_tcp.c run as
 * they are. Descriptors of the simulation are large numbers; eventfds and pipes are real.
 */
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H

#include "net.h"

struct kernel {
	unsigned full_percent; /* of accepts and sockets: no descriptor is left */
	unsigned hold_back_percent; /* of events that are reported later */
	unsigned drift_percent; /* of the waits, in which a little time goes by */
	uint32_t descriptors; /* RLIMIT_NOFILE */
	uint64_t waits; /* epoll_waits since time moved */
	/* Nothing can happen any more before `until_ms`. True when something was begun. */
	bool (*on_idle)(uint64_t until_ms);
	/* Between steps: scripted events that are due. */
	void (*on_step)(void);
	/* Of scripted events; SIM_NEVER. */
	uint64_t (*next_ms)(void);
};

extern struct kernel kernel;

void kernel_begin(void);
/* A descriptor for a listening socket: one more handle. */
int kernel_listen(const struct address *address);
/* Descriptors that the proxy holds: listening sockets and connections. */
unsigned kernel_open_count(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptors of traffic, counted over all workers: clients, targets, listening sockets, pipes.
 * Above the roof accepting pauses and no new pipes are made; the rest is for the targets of those
 * that were accepted.
 */
#ifndef PROXY_DESCRIPTORS_H
#define PROXY_DESCRIPTORS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct descriptors {
	_Atomic uint32_t used;
	uint32_t roof;
};

/* How many probes of health checks may be under way, each with a descriptor that the roof leaves
 * free. */
uint32_t descriptors_of_probes(void);
/* From RLIMIT_NOFILE. */
void descriptors_init(struct descriptors *descriptors);
static inline bool descriptors_have_room(const struct descriptors *descriptors)
{
	return atomic_load_explicit(&descriptors->used, memory_order_relaxed) < descriptors->roof;
}

static inline void descriptors_count(struct descriptors *descriptors, int change)
{
	atomic_fetch_add_explicit(&descriptors->used, (uint32_t)change, memory_order_relaxed);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that outlives the traffic process: one memfd that the keeper makes and passes on. Written
 * by the proxy's threads with atomics; a reader may see any moment's values. Sparse: pages that
 * nobody touched cost nothing.
 */
#ifndef PROCESS_REGIONS_H
#define PROCESS_REGIONS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"
#include "model/limits.h"

#define REGIONS_MAGIC 0x31534e4f49474552ull
#define REGIONS_VERSION 2

/* A rule's turn: one cache line, because every worker writes it. */
struct region_turn {
	_Alignas(64) _Atomic uint64_t turn; /* rises by one with every scheduled request */
	/* Where the period stands relative to it, so that a new proxy goes on where the last one
	 * was. Written by the proxy's main thread. */
	_Atomic uint64_t rule; /* number: whose turn this slot counts */
	_Atomic uint64_t offset;
	_Atomic uint32_t period;
};

struct regions {
	uint64_t magic;
	uint32_t version;
	uint32_t unused;
	struct clock_anchor anchor; /* fixed for the life of the keeper */
	struct region_turn turns[LIMIT_RULES]; /* by rule slot */
};

/* A new region in a memfd (close-on-exec), mapped. -errno. */
int regions_create(const struct clock_anchor *anchor, int *ret_fd, struct regions **ret);
/* -EBADMSG when it is not ours or of another version. */
int regions_open(int fd, struct regions **ret);
void regions_close(struct regions *regions);

#endif

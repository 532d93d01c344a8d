/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One configuration as traffic sees it: an opened snapshot, its regular expressions compiled, and
 * where each rule's turn goes on.
 * Made by the main thread, read by all, unmapped by whoever lets go last.
 */
#ifndef PROXY_GENERATION_H
#define PROXY_GENERATION_H

#include <stdatomic.h>

#include "model/pattern.h"
#include "model/snapshot.h"
#include "process/regions.h"

struct generation {
	struct snapshot snapshot;
	struct pattern_set patterns; /* of it; shared with other generations by text */
	uint64_t number;
	_Atomic uint32_t references;
	uint64_t *turn_offsets; /* by rule row: added to the shared counter */
};

/*
 * Opens the snapshot in `fd` with one reference. `previous` (may be NULL) tells where the turns
 * stand, and what is compiled already. -EBADMSG with the reason in `why`, or -errno.
 */
int generation_open(int fd, const struct generation *previous, struct regions *regions,
		    struct generation **ret, char *why, size_t why_size);
void generation_pin(struct generation *generation);
/* Returns NULL; accepts it. */
struct generation *generation_unpin(struct generation *generation);

/* The next turn of a rule: exact over all workers, since the counter is one. */
static inline uint64_t generation_turn(const struct generation *generation, struct regions *regions,
				       uint32_t rule)
{
	_Atomic uint64_t *turn = &regions->turns[generation->snapshot.rules[rule].slot].turn;

	return atomic_fetch_add_explicit(turn, 1, memory_order_relaxed) +
	       generation->turn_offsets[rule];
}

#endif

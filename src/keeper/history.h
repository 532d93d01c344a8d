/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshots that the keeper holds: the last one known to be good, and those that came after it
 * and are not yet in force. Owns their descriptors. The keeper's one thread.
 */
#ifndef KEEPER_HISTORY_H
#define KEEPER_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#define HISTORY_MOST 8 /* what comes faster than the proxy adopts pushes out older ones */

struct history_row {
	uint64_t generation;
	int fd; /* a sealed memfd that was checked */
};

struct history {
	struct history_row rows[HISTORY_MOST]; /* by rising generation */
	size_t count;
	uint64_t good; /* the generation that once was in force; 0 = none */
};

void history_done(struct history *history);
/* Takes the descriptor. `generation` is above all others. */
void history_add(struct history *history, uint64_t generation, int fd);
/* NULL when there is none. */
const struct history_row *history_newest(const struct history *history);
const struct history_row *history_find(const struct history *history, uint64_t generation);
/* `generation`, which is held, is good: all older ones go. */
void history_set_good(struct history *history, uint64_t generation);
/* It was refused: it goes, unless it is the good one. */
void history_remove(struct history *history, uint64_t generation);
/* Everything above the good one goes. */
void history_fall_back(struct history *history);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bitmaps of slots, image of what the database holds. Only the store's own files include this.
 * Control's one thread.
 */
#ifndef CONTROL_STORE_SLOTS_H
#define CONTROL_STORE_SLOTS_H

#include <stdint.h>

struct store;

enum slot_kind { SLOT_LISTENER = 1, SLOT_RULE, SLOT_TARGET, SLOT_KINDS };

/* A bit per slot: used by a noun, or freed and waiting for a newer generation (freed_slot). */
struct slots {
	uint64_t *words;
	uint32_t most;
	uint32_t lowest; /* no free slot below it */
};

int slots_init(struct slots slots[SLOT_KINDS]);
void slots_done(struct slots slots[SLOT_KINDS]);
/* -EDQUOT */
int slots_take(struct slots *slots, uint32_t *ret_slot);
void slots_release(struct slots *slots, uint32_t slot);
/* Bitmaps from what the database holds: after opening and after a rollback. */
int store_load_slots(struct store *store);

#endif

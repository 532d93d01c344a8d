/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte strings, each kept once, in one growing run of bytes: the text of a snapshot, and the lists
 * of weights whose order of turns is already laid out. Not for strangers' input at line rate:
 * whoever can choose the strings can make look-ups slow. Owned by the one who builds.
 */
#ifndef MODEL_INTERN_H
#define MODEL_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct intern_entry {
	uint64_t hash;
	uint32_t offset, size; /* in `bytes`; a NUL follows */
};

struct intern {
	char *bytes;
	size_t size, room;
	struct intern_entry *entries;
	uint32_t entry_count, entry_room;
	uint32_t *places; /* open addressing; entry + 1, 0 = free */
	uint32_t place_count; /* power of two, or 0 */
};

/*
 * The entry of `string`, added when it is new (then it is the last entry). An entry keeps its
 * index. -ENOMEM, -E2BIG (LIMIT_SNAPSHOT_SIZE).
 */
int intern_add(struct intern *intern, struct bytes string, uint32_t *ret_entry);
void intern_done(struct intern *intern);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the builder, the checker and the opener of snapshots share; for nobody else. Pure. */
#ifndef MODEL_SNAPSHOT_LAYOUT_H
#define MODEL_SNAPSHOT_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

/* Bytes of one row, and the section's name in sentences for people. */
size_t snapshot_row_size(enum snapshot_section_name name);
const char *snapshot_section_text(enum snapshot_section_name name);

/* The end of `size` bytes, on the next multiple of 8. */
static inline uint64_t snapshot_aligned(uint64_t size)
{
	return (size + 7) & ~7ull;
}

/* The order of patterns: by expression, then case. */
int snapshot_pattern_order(const struct snapshot *a, uint32_t row_a, const struct snapshot *b,
			   uint32_t row_b);

/* Points *ret into `data`, whose sections lie within it. */
void snapshot_view(const void *data, struct snapshot *ret);

/*
 * The parent that row `row` must have: the longest path of the sorted run that begins at row
 * `first` and properly begins this one. The parents of all rows before it are right already.
 */
uint32_t snapshot_path_parent(const struct snapshot *snapshot, uint32_t first, uint32_t row);

#endif

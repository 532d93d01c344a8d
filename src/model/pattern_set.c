/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expressions of a snapshot, compiled. Rows are sorted and each stands once, so what the
 * generation before had is found by walking both in step. Runs on the main thread of whoever opens
 * snapshots.
 */
#include "model/pattern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/snapshot_layout.h"

int snapshot_pattern_order(const struct snapshot *a, uint32_t row_a, const struct snapshot *b,
			   uint32_t row_b)
{
	const struct snapshot_pattern *first = &a->patterns[row_a], *second = &b->patterns[row_b];
	int order = bytes_compare(snapshot_bytes(a, first->text), snapshot_bytes(b, second->text));

	return order ? order : (int)first->is_caseless - second->is_caseless;
}

/* The row of `previous` that is the same, or NULL; *at rises with the rows asked for. */
static struct pattern *find_again(const struct snapshot *snapshot, uint32_t row,
				  const struct pattern_set *previous,
				  const struct snapshot *previous_snapshot, uint32_t *at)
{
	while (*at < previous->count) {
		int order = snapshot_pattern_order(previous_snapshot, *at, snapshot, row);

		if (order > 0)
			break;
		if (order == 0)
			return pattern_pin(previous->patterns[(*at)++]);
		++*at;
	}
	return NULL;
}

int pattern_set_init(struct pattern_set *set, const struct snapshot *snapshot,
		     const struct pattern_set *previous, const struct snapshot *previous_snapshot,
		     char why[160])
{
	uint32_t at = 0;

	*set = (struct pattern_set){ .count = 0 };
	if (snapshot->pattern_count == 0)
		return 0;
	set->patterns = calloc(snapshot->pattern_count, sizeof(struct pattern *));
	if (!set->patterns)
		return -ENOMEM;
	for (uint32_t row = 0; row < snapshot->pattern_count; row++) {
		const struct snapshot_pattern *wanted = &snapshot->patterns[row];
		int error = 0;

		set->patterns[row] = find_again(snapshot, row, previous, previous_snapshot, &at);
		if (!set->patterns[row])
			error = pattern_new(snapshot_bytes(snapshot, wanted->text),
					    wanted->is_caseless, &set->patterns[row]);
		if (error) {
			snprintf(why, 160, "patterns, row %u: it cannot be compiled", row);
			pattern_set_done(set);
			return error;
		}
		set->count++;
	}
	return 0;
}

void pattern_set_done(struct pattern_set *set)
{
	for (uint32_t i = 0; i < set->count; i++)
		pattern_unpin(set->patterns[i]);
	free(set->patterns);
	*set = (struct pattern_set){ .count = 0 };
}

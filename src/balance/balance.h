/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing a target among a rule's, pure. Weighted round robin is the smooth order of nginx
 * (each period spreads every server as evenly as its weight allows), laid out once when the
 * snapshot is built (model/turns.h); at run time a turn is one number taken from a counter that all
 * workers share, so the spread is exact over workers and costs one atomic addition. Least
 * connections looks at counts that all workers share.
 */
#ifndef BALANCE_BALANCE_H
#define BALANCE_BALANCE_H

#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

/*
 * Where the turn goes on after a rule's targets or weights changed: the position in the new order
 * that continues the old one, so that an edit gives nobody a second turn in a row and skips nobody:
 * the server whose turn it was next (or, when it is gone, the next one that still is there) comes
 * next. `old_position` is within the old run. 0 when nothing carries over.
 */
uint32_t round_robin_carry(const struct snapshot *old, const struct snapshot_rule *old_rule,
			   uint32_t old_position, const struct snapshot *new,
			   const struct snapshot_rule *new_rule);

/*
 * The target of turn `turn` (any number; the period wraps), as a row in snapshot->targets, passing
 * over the rows in `tried[0..tried_count)`. SNAPSHOT_NONE when no target has weight or all were
 * tried.
 */
uint32_t round_robin_choose(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			    uint64_t turn, const uint32_t *tried, size_t tried_count);

/*
 * The target with the lowest active / weight; equal ones by turn. `active` has one count for each
 * target of the rule, in the order of its run. Otherwise as round_robin_choose.
 */
uint32_t least_conn_choose(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			   uint64_t turn, const uint32_t *active, const uint32_t *tried,
			   size_t tried_count);

#endif

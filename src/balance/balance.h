/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing a target among a rule's, pure. Weighted round robin is the smooth order of nginx
 * (each period spreads every server as evenly as its weight allows), laid out once when the
 * snapshot is built (model/turns.h); at run time a turn is one number taken from a counter that all
 * workers share, so the spread is exact over workers and costs one atomic addition. Least
 * connections looks at counts that all workers share. IP hash needs nothing but the address.
 */
#ifndef BALANCE_BALANCE_H
#define BALANCE_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

/*
 * Targets that a choice passes over, because they are down or were tried before, by their place in
 * the rule's run. Zeros: nobody. Where a function takes one, NULL says the same.
 */
struct left_out {
	uint64_t bits[(LIMIT_TARGETS_PER_RULE + 63) / 64];
};

static inline void left_out_add(struct left_out *out, uint32_t place)
{
	out->bits[place / 64] |= 1ull << place % 64;
}

static inline bool left_out_has(const struct left_out *out, uint32_t place)
{
	return out && out->bits[place / 64] >> place % 64 & 1;
}

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
 * The target of turn `turn` (any number; the period wraps), as a row in snapshot->targets; when it
 * is left out, that of the next turn that is not. SNAPSHOT_NONE when no target has weight or all
 * that do are left out.
 */
uint32_t round_robin_choose(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			    uint64_t turn, const struct left_out *out);

/*
 * How many turns, `turn` being the first, fall on targets that are left out. Whoever lets them pass
 * for good keeps the shares of the others as they are; who does not gives them to each one's next
 * neighbour. Below the period; 0 when nobody is left.
 */
uint32_t round_robin_gap(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			 uint64_t turn, const struct left_out *out);

/*
 * The target with the lowest active / weight; equal ones by turn. `active` has one count for each
 * target of the rule, in the order of its run. Otherwise as round_robin_choose.
 */
uint32_t least_conn_choose(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			   uint64_t turn, const uint32_t *active, const struct left_out *out);

/*
 * The target of a client by its address (weighted rendezvous hashing): every client's order of
 * preference is its own and stays, so a target that comes, goes, is left out or changes its weight
 * moves only those clients that come to it or leave it. Shares are those of the weights. `client`
 * is the address in its one canonical form, whichever that is, without the port; rules differ in
 * whom they send where. Otherwise as round_robin_choose.
 */
uint32_t ip_hash_choose(const struct snapshot *snapshot, const struct snapshot_rule *rule,
			struct bytes client, const struct left_out *out);

#endif

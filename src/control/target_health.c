/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of health in the shared region. Any thread. */
#include "control/target_health.h"

#include "process/regions.h"

/* Another number in the slot: the traffic process has not met this target yet. */
static enum health_state state_in(const struct regions *regions, const struct target *target)
{
	const struct region_health *row = &regions->health[target->slot];
	unsigned state;

	if (atomic_load_explicit(&row->number, memory_order_acquire) != target->number)
		return HEALTH_UNKNOWN;
	state = atomic_load_explicit(&row->state, memory_order_acquire);
	/* The slot may have got another owner between the two reads. */
	if (atomic_load_explicit(&row->number, memory_order_relaxed) != target->number)
		return HEALTH_UNKNOWN;
	return state == HEALTH_ALIVE || state == HEALTH_DEAD ? (enum health_state)state
							     : HEALTH_UNKNOWN;
}

enum health_state target_health(const struct regions *regions, const struct target_owner *owner,
				const struct target *target)
{
	const struct health_check *check =
		owner->rule ? &owner->rule->health_check : &owner->listener->health_check;

	if (!check->is_on)
		return HEALTH_CLOSE;
	if (owner->listener->is_stopped || !regions || target->slot >= LIMIT_TARGETS)
		return HEALTH_UNKNOWN;
	return state_in(regions, target);
}

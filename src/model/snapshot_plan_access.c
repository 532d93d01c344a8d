/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan's part for who may connect: the ranges of all instances, in the order in which the
 * snapshot holds them. Runs on control's thread, which owns the model.
 */
#include <errno.h>
#include <stdlib.h>

#include "model/access_ranges.h"
#include "model/snapshot_plan.h"

static size_t count_all(const struct model *model)
{
	size_t count = 0;

	for (size_t i = 0; i < model->instance_count; i++)
		count += model->instances[i]->access.allow_count +
			 model->instances[i]->access.deny_count;
	return count;
}

static struct snapshot_run add_run(struct snapshot_plan *plan, const struct cidr *cidrs,
				   size_t count, enum address_family family)
{
	uint32_t first = plan->counts[SNAPSHOT_RANGES];
	size_t made = access_ranges_make(cidrs, count, family, plan->ranges + first);

	plan->counts[SNAPSHOT_RANGES] += (uint32_t)made;
	return (struct snapshot_run){ first, (uint32_t)made };
}

int snapshot_plan_access(struct snapshot_plan *plan, const struct model *model)
{
	size_t count = count_all(model);

	if (count > LIMIT_CIDRS_ALL)
		return -E2BIG;
	plan->ranges = calloc(count + 1, sizeof(*plan->ranges));
	plan->access = calloc(model->instance_count + 1, sizeof(*plan->access));
	if (!plan->ranges || !plan->access)
		return -ENOMEM;
	for (size_t i = 0; i < model->instance_count; i++) {
		const struct access_control *from = &model->instances[i]->access;

		if (from->allow_count > LIMIT_CIDRS || from->deny_count > LIMIT_CIDRS)
			return -E2BIG;
		plan->access[i].allow_ipv4 =
			add_run(plan, from->allow, from->allow_count, ADDRESS_IPV4);
		plan->access[i].allow_ipv6 =
			add_run(plan, from->allow, from->allow_count, ADDRESS_IPV6);
		plan->access[i].deny_ipv4 =
			add_run(plan, from->deny, from->deny_count, ADDRESS_IPV4);
		plan->access[i].deny_ipv6 =
			add_run(plan, from->deny, from->deny_count, ADDRESS_IPV6);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The table of quotas. Values are constants of model/limits.h. Pure. */
#include "control/quota.h"

#include <stddef.h>

struct quota_row {
	const char *id;
	const char *what;
	size_t limit;
	uint8_t network; /* counted over the model; 0 = per parent, no single current value */
	bool is_total;
};

/* The first rows stand in the order of enum quota. The last ones name what this product never
 * makes: their limit is 0. */
static const struct quota_row rows[] = {
	[QUOTA_OF_OPEN_INSTANCES] = { "TOTAL_OPEN_CLB_QUOTA", "OPEN instances", QUOTA_INSTANCES,
				      NETWORK_OPEN, true },
	[QUOTA_OF_INTERNAL_INSTANCES] = { "TOTAL_INTERNAL_CLB_QUOTA", "INTERNAL instances",
					  QUOTA_INSTANCES, NETWORK_INTERNAL, true },
	[QUOTA_OF_LISTENERS] = { "TOTAL_LISTENER_QUOTA", "listeners of an instance",
				 QUOTA_LISTENERS, 0, false },
	[QUOTA_OF_RULES] = { "TOTAL_LISTENER_RULE_QUOTA", "rules of a listener", QUOTA_RULES, 0,
			     false },
	[QUOTA_OF_TARGETS] = { "TOTAL_TARGET_BIND_QUOTA", "servers of a rule or listener",
			       QUOTA_TARGETS, 0, false },
	{ "TOTAL_SNAT_IP_QUOTA", NULL, 0, 0, false },
	{ "TOTAL_ISP_CLB_QUOTA", NULL, 0, 0, true },
	{ "TOTAL_FULL_PORT_RANGE_LISTENER_QUOTA", NULL, 0, 0, false },
};

enum quota quota_of_network(enum network network)
{
	return network == NETWORK_OPEN ? QUOTA_OF_OPEN_INSTANCES : QUOTA_OF_INTERNAL_INSTANCES;
}

size_t quota_count_instances(const struct model *model, enum network network)
{
	size_t count = 0;

	for (size_t i = 0; i < model->instance_count; i++)
		count += model->instances[i]->network == network;
	return count;
}

int quota_check(enum quota quota, size_t current, size_t adding, struct problem *problem)
{
	const struct quota_row *row = &rows[quota];

	if (current <= row->limit && adding <= row->limit - current)
		return 0;
	return problem_set(problem, "LimitExceeded", "",
			   "%s: at most %zu %s; there are %zu and %zu more were asked for.",
			   row->id, row->limit, row->what, current, adding);
}

json_t *quota_answer(const struct model *model)
{
	json_t *set = json_array();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && set; i++) {
		const struct quota_row *row = &rows[i];
		size_t count =
			row->network ? quota_count_instances(model, (enum network)row->network) : 0;
		json_t *quota =
			json_pack("{s:s, s:o, s:I}", "QuotaId", row->id, "QuotaCurrent",
				  row->is_total ? json_integer((json_int_t)count) : json_null(),
				  "QuotaLimit", (json_int_t)row->limit);

		if (json_array_append_new(set, quota) != 0) {
			json_decref(set);
			return NULL;
		}
	}
	return set;
}

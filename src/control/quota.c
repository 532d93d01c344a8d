/* SPDX-License-Identifier: Apache-2.0 */
/* Counting against the operator's quotas. Keeps a borrowed pointer to them; control's one thread.
 */
#include "control/quota.h"

#include <stddef.h>

/* What each counts, for a refusal. */
static const char *const nouns[QUOTA_COUNT] = {
	[QUOTA_OF_OPEN_INSTANCES] = "OPEN instances",
	[QUOTA_OF_INTERNAL_INSTANCES] = "INTERNAL instances",
	[QUOTA_OF_LISTENERS] = "listeners of an instance",
	[QUOTA_OF_RULES] = "rules of a listener",
	[QUOTA_OF_TARGETS] = "servers of a rule or listener",
	[QUOTA_OF_CUSTOMS] = "custom configurations",
	[QUOTA_OF_GROUPS] = "target groups",
	[QUOTA_OF_MEMBERS] = "servers of a target group",
	[QUOTA_OF_CIDRS] = "entries of an access list",
};

/* What this product never makes: the limit is 0. */
static const struct {
	const char *id;
	bool is_total;
} never[] = {
	{ "TOTAL_SNAT_IP_QUOTA", false },
	{ "TOTAL_ISP_CLB_QUOTA", true },
	{ "TOTAL_FULL_PORT_RANGE_LISTENER_QUOTA", false },
};

static const struct quotas *in_force;

void quota_use(const struct quotas *quotas)
{
	in_force = quotas;
}

static uint32_t most_of(enum quota quota)
{
	return in_force ? in_force->most[quota] : quota_default(quota);
}

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
	size_t most = most_of(quota);

	if (current <= most && adding <= most - current)
		return 0;
	return problem_set(problem, "LimitExceeded", "",
			   "%s: at most %zu %s; there are %zu and %zu more were asked for.",
			   quota_id(quota), most, nouns[quota], current, adding);
}

/* How many there are of what is counted over everything; null where each parent has its own. */
static json_t *current_of(enum quota quota, const struct model *model)
{
	switch (quota) {
	case QUOTA_OF_OPEN_INSTANCES:
		return json_integer((json_int_t)quota_count_instances(model, NETWORK_OPEN));
	case QUOTA_OF_INTERNAL_INSTANCES:
		return json_integer((json_int_t)quota_count_instances(model, NETWORK_INTERNAL));
	case QUOTA_OF_CUSTOMS:
		return json_integer((json_int_t)model->custom_count);
	case QUOTA_OF_GROUPS:
		return json_integer((json_int_t)model->group_count);
	default:
		return json_null();
	}
}

static int add_row(json_t *set, const char *id, json_t *current, uint32_t limit)
{
	return json_array_append_new(set,
				     json_pack("{s:s, s:o, s:I}", "QuotaId", id, "QuotaCurrent",
					       current, "QuotaLimit", (json_int_t)limit));
}

json_t *quota_answer(const struct model *model)
{
	json_t *set = json_array();
	int error = set ? 0 : -1;

	for (size_t i = 0; i < QUOTA_COUNT && error == 0; i++) {
		enum quota quota = (enum quota)i;

		error = add_row(set, quota_id(quota), current_of(quota, model), most_of(quota));
	}
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]) && error == 0; i++)
		error = add_row(set, never[i].id, never[i].is_total ? json_integer(0) : json_null(),
				0);
	if (error == 0)
		return set;
	json_decref(set);
	return NULL;
}

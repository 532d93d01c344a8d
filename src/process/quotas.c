/* SPDX-License-Identifier: Apache-2.0 */
/* Names, defaults and roofs of the operator's quotas: a constant table. Pure. */
#include "process/quotas.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "model/limits.h"

static const struct quota_row {
	const char *id;
	uint32_t by_default, roof;
} rows[QUOTA_COUNT] = {
	/* Both networks share the rows of a snapshot. */
	[QUOTA_OF_OPEN_INSTANCES] = { "TOTAL_OPEN_CLB_QUOTA", QUOTA_INSTANCES,
				      LIMIT_INSTANCES / 2 },
	[QUOTA_OF_INTERNAL_INSTANCES] = { "TOTAL_INTERNAL_CLB_QUOTA", QUOTA_INSTANCES,
					  LIMIT_INSTANCES / 2 },
	[QUOTA_OF_LISTENERS] = { "TOTAL_LISTENER_QUOTA", QUOTA_LISTENERS, LIMIT_LISTENERS },
	[QUOTA_OF_RULES] = { "TOTAL_LISTENER_RULE_QUOTA", QUOTA_RULES, LIMIT_RULES },
	[QUOTA_OF_TARGETS] = { "TOTAL_TARGET_BIND_QUOTA", QUOTA_TARGETS, LIMIT_TARGETS_PER_RULE },
	[QUOTA_OF_CUSTOMS] = { "TOTAL_CUSTOMIZED_CONFIG_QUOTA", QUOTA_CUSTOM_CONFIGURATIONS,
			       LIMIT_CUSTOM_CONFIGURATIONS },
	[QUOTA_OF_GROUPS] = { "TOTAL_TARGET_GROUP_QUOTA", QUOTA_GROUPS, LIMIT_GROUPS },
	[QUOTA_OF_MEMBERS] = { "TOTAL_TARGET_GROUP_INSTANCE_QUOTA", QUOTA_TARGETS,
			       LIMIT_TARGETS_PER_RULE },
	[QUOTA_OF_CIDRS] = { "TOTAL_ACCESS_CIDR_QUOTA", LIMIT_CIDRS, LIMIT_CIDRS },
};

const char *quota_id(enum quota quota)
{
	return rows[quota].id;
}

uint32_t quota_default(enum quota quota)
{
	return rows[quota].by_default;
}

struct quotas quotas_default(void)
{
	struct quotas quotas;

	for (size_t i = 0; i < QUOTA_COUNT; i++)
		quotas.most[i] = rows[i].by_default;
	return quotas;
}

static const struct quota_row *find_row(const char *name, size_t size)
{
	for (size_t i = 0; i < QUOTA_COUNT; i++) {
		if (strlen(rows[i].id) == size && memcmp(rows[i].id, name, size) == 0)
			return &rows[i];
	}
	return NULL;
}

static int refuse_name(const char *name, size_t size, char *why, size_t why_size)
{
	int used = snprintf(why, why_size, "%.*s is no quota; there are",
			    size < 64 ? (int)size : 64, name);

	for (size_t i = 0; i < QUOTA_COUNT && used > 0 && (size_t)used < why_size; i++)
		used += snprintf(why + used, why_size - (size_t)used, "%s %s", i ? "," : "",
				 rows[i].id);
	return -EINVAL;
}

int quotas_take(const char *text, struct quotas *quotas, char *why, size_t why_size)
{
	const char *equals = strchr(text, '=');
	const struct quota_row *row;
	uint64_t value;

	if (!equals) {
		(void)snprintf(why, why_size, "must be NAME=N");
		return -EINVAL;
	}
	row = find_row(text, (size_t)(equals - text));
	if (!row)
		return refuse_name(text, (size_t)(equals - text), why, why_size);
	if (bytes_to_u64(bytes_of(equals + 1), UINT32_MAX, &value) != 0) {
		(void)snprintf(why, why_size, "%s must be a number from 0 to %u", row->id,
			       row->roof);
		return -EINVAL;
	}
	if (value > row->roof) {
		(void)snprintf(why, why_size, "%s is %u, above the most that Setia can hold, %u",
			       row->id, (unsigned)value, row->roof);
		return -EINVAL;
	}
	quotas->most[row - rows] = (uint32_t)value;
	return 0;
}

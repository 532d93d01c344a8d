/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's quotas (features.md section 15), set by `setia run --quota NAME=N`: how many of
 * each noun may be made. A quota only refuses what would be new: lowering it below what exists
 * breaks nothing. Roofs are model/limits.h's, and no quota is above its roof.
 */
#ifndef PROCESS_QUOTAS_H
#define PROCESS_QUOTAS_H

#include <stddef.h>
#include <stdint.h>

enum quota {
	QUOTA_OF_OPEN_INSTANCES,
	QUOTA_OF_INTERNAL_INSTANCES,
	QUOTA_OF_LISTENERS, /* per instance */
	QUOTA_OF_RULES, /* per listener */
	QUOTA_OF_TARGETS, /* per rule or layer-4 listener */
	QUOTA_OF_CUSTOMS, /* custom configurations */
	QUOTA_OF_GROUPS, /* target groups */
	QUOTA_OF_MEMBERS, /* per target group */
	QUOTA_OF_CIDRS, /* per instance, in each of its two access lists */
	QUOTA_COUNT,
};

struct quotas {
	uint32_t most[QUOTA_COUNT];
};

/* The QuotaId of DescribeQuota, which --quota takes too. */
const char *quota_id(enum quota quota);
uint32_t quota_default(enum quota quota);
struct quotas quotas_default(void);

/*
 * Takes "NAME=N". 0, or -EINVAL with a sentence in `why` that says what is wrong and *quotas
 * untouched.
 */
int quotas_take(const char *text, struct quotas *quotas, char *why, size_t why_size);

#endif

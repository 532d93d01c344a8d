/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas (features.md section 15): how many of each noun there may be, and how many there are. */
#ifndef CONTROL_QUOTA_H
#define CONTROL_QUOTA_H

#include <jansson.h>

#include "model/model.h"
#include "model/problem.h"

enum quota {
	QUOTA_OF_OPEN_INSTANCES,
	QUOTA_OF_INTERNAL_INSTANCES,
	QUOTA_OF_LISTENERS, /* per instance */
	QUOTA_OF_RULES, /* per listener */
	QUOTA_OF_TARGETS, /* per rule */
};

enum quota quota_of_network(enum network network);
/* How many instances of this network there are. */
size_t quota_count_instances(const struct model *model, enum network network);

/* `adding` more on top of `current`: 0, or -EINVAL with LimitExceeded naming quota and value. */
int quota_check(enum quota quota, size_t current, size_t adding, struct problem *problem);

/* QuotaSet of DescribeQuota. NULL when memory is out. */
json_t *quota_answer(const struct model *model);

#endif

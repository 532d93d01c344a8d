/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas as the API meets them: how many of each noun there are, and whether more may be made. The
 * numbers are the operator's (process/quotas.h). Control's one thread.
 */
#ifndef CONTROL_QUOTA_H
#define CONTROL_QUOTA_H

#include <jansson.h>

#include "model/model.h"
#include "model/problem.h"
#include "process/quotas.h"

/* The numbers in force from now on, borrowed; NULL = the defaults. Once, before the first call. */
void quota_use(const struct quotas *quotas);

enum quota quota_of_network(enum network network);
/* How many instances of this network there are. */
size_t quota_count_instances(const struct model *model, enum network network);

/* `adding` more on top of `current`: 0, or -EINVAL with LimitExceeded naming quota and value. */
int quota_check(enum quota quota, size_t current, size_t adding, struct problem *problem);

/* QuotaSet of DescribeQuota. NULL when memory is out. */
json_t *quota_answer(const struct model *model);

#endif

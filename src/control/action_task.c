/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeTaskStatus and DescribeQuota (api.md sections 4 and 12). Control's one thread. */
#include <errno.h>
#include <stdlib.h>

#include "control/actions.h"
#include "control/quota.h"
#include "control/store.h"

const struct field describe_task_status_fields[] = {
	{ "TaskId", FIELD_TEXT, .about = "The RequestId of the call that changed something." },
	{ "DealName", FIELD_TEXT,
	  .about = "In place of TaskId: what CreateLoadBalancer answered." },
	{ 0 },
};

static int answer_task(struct call *call, const struct task_row *task)
{
	json_t *instances = json_loads(task->instances, 0, NULL);

	if (json_array_size(instances) == 0) {
		json_decref(instances);
		instances = json_null();
	}
	if (json_object_set_new(call->output, "LoadBalancerIds", instances) != 0 ||
	    json_object_set_new(call->output, "Status", json_integer(task->status)) != 0 ||
	    json_object_set_new(call->output, "Message",
				task->message ? json_string(task->message) : json_null()) != 0)
		return -ENOMEM;
	return 0;
}

int describe_task_status(struct call *call)
{
	const char *field = input_has(call->input, "TaskId") ? "TaskId" : "DealName";
	const char *id = input_text(call->input, field);
	struct task_row task;
	int error;

	if (!id)
		return problem_set(&call->problem, "MissingParameter", "TaskId",
				   "TaskId or DealName is required.");
	error = store_find_task(call->control->store, id, &task);
	if (error == -ENOENT)
		return problem_set(&call->problem, "InvalidParameter", field,
				   "%s: there is no such task, or it finished more than %d seconds "
				   "ago.",
				   field, TASK_KEEP_S);
	if (error != 0)
		return error;
	error = answer_task(call, &task);
	task_row_done(&task);
	return error;
}

const struct field describe_quota_fields[] = { { 0 } };

int describe_quota(struct call *call)
{
	json_t *set = quota_answer(&call->control->model);

	return set && json_object_set_new(call->output, "QuotaSet", set) == 0 ? 0 : -ENOMEM;
}

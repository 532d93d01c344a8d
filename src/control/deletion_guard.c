/* SPDX-License-Identifier: Apache-2.0 */
/* The guards of features.md section 1, in the order of their weight. Control's one thread. */
#include "control/deletion_guard.h"

#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "control/answer.h"
#include "control/call_noun.h"
#include "control/store.h"
#include "control/traffic_watch.h"

#define TARGETS_MOST 20
#define TRAFFIC_MOST 10000000 /* bits per second */
#define WINDOW_S 300
#define WINDOW_MOST 30

static int check_protection(struct call *call, const struct instance *instance,
			    const struct field_path *path)
{
	if (!instance->is_delete_protected)
		return 0;
	return problem_set(&call->problem, "FailedOperation", path->text,
			   "Instance %s is protected against deletion; set DeleteProtect to false "
			   "first.",
			   instance->id);
}

/* What ForceDelete lifts. */
static int check_use(struct call *call, const struct instance *instance,
		     const struct field_path *path)
{
	const struct control *control = call->control;
	size_t targets = instance_count_targets(instance);
	uint64_t peak;

	if (targets >= TARGETS_MOST)
		return problem_set(&call->problem, "FailedOperation.TargetNumCheckRisk", path->text,
				   "Instance %s has %zu servers bound; give ForceDelete to delete "
				   "it anyway.",
				   instance->id, targets);
	if (targets == 0 || !control->traffic_watch)
		return 0;
	peak = traffic_watch_peak(control->traffic_watch, instance, control->regions,
				  clock_boot_ms());
	if (peak <= TRAFFIC_MOST)
		return 0;
	return problem_set(&call->problem, "FailedOperation.TrafficCheckRisk", path->text,
			   "Instance %s has servers bound, and up to %" PRIu64
			   " Mbit/s went through it in the last five minutes; give ForceDelete to "
			   "delete it anyway.",
			   instance->id, peak / 1000000);
}

static int check_one(struct call *call, const char *id, size_t index)
{
	const struct instance *instance = model_find_instance(&call->control->model, id);
	struct field_path path = field_path("LoadBalancerIds", index, NULL);
	int error;

	if (!instance)
		return problem_set(&call->problem, "InvalidParameter.LBIdNotFound", path.text,
				   "LoadBalancerIds: there is no instance %s.", id);
	error = check_protection(call, instance, &path);
	if (error == 0 && !input_boolean(call->input, "ForceDelete", false))
		error = check_use(call, instance, &path);
	return error;
}

static int check_frequency(struct call *call, int64_t now_s, size_t adding)
{
	int64_t count;
	int error = store_count_deletions(call->control->store, now_s - WINDOW_S, &count);

	if (error == 0 && count + (int64_t)adding > WINDOW_MOST)
		error = problem_set(&call->problem, "FailedOperation.FrequencyCheckRisk", "",
				    "At most %d instances may be deleted within %d seconds; %d "
				    "were.",
				    WINDOW_MOST, WINDOW_S, (int)count);
	return error;
}

int deletion_guard(struct call *call, int64_t now_s)
{
	const json_t *ids = input_get(call->input, "LoadBalancerIds"), *id;
	size_t i;

	json_array_foreach((json_t *)ids, i, id)
	{
		int error = check_one(call, json_string_value(id), i);

		if (error != 0)
			return error;
	}
	return check_frequency(call, now_s, json_array_size(ids));
}

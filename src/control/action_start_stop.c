/* SPDX-License-Identifier: Apache-2.0 */
/* SetLoadBalancerStartStatus (api.md section 6, features.md section 1). Control's one thread. */
#include <errno.h>
#include <string.h>

#include "control/actions_instance.h"
#include "control/call_noun.h"
#include "control/shared_fields.h"
#include "control/start_stop.h"
#include "control/store.h"

static const char *const operation_words[] = { "Start", "Stop", NULL };

const struct field set_start_status_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "OperationType", FIELD_TEXT, FIELD_REQUIRED, .words = operation_words,
	  .about = "What is so already stays so." },
	{ "ListenerIds", FIELD_TEXT_LIST, .most = 1000,
	  .about = "The listeners. Absent or []: the instance with all of them. When the last one "
		   "is stopped the instance is; when one of a stopped instance is started, the "
		   "instance runs with that one only." },
	{ 0 },
};

bool instance_has_running(const struct instance *instance)
{
	for (size_t i = 0; i < instance->listener_count; i++) {
		if (!instance->listeners[i]->is_stopped)
			return true;
	}
	return false;
}

int listener_set_stopped(struct call *call, struct instance *instance, struct listener *listener,
			 bool is_stopped)
{
	int error;

	if (listener->is_stopped == is_stopped)
		return 0;
	listener->is_stopped = is_stopped;
	error = store_update_listener(call->control->store, listener);
	if (error == 0 && !is_stopped &&
	    json_array_append_new(call->touched_listeners,
				  json_integer((json_int_t)listener->number)) != 0)
		error = -ENOMEM;
	return error == 0 ? call_touch(call, instance) : error;
}

int instance_set_stopped(struct call *call, struct instance *instance, bool is_stopped)
{
	int error;

	if (instance->is_stopped == is_stopped)
		return 0;
	instance->is_stopped = is_stopped;
	error = store_update_instance(call->control->store, instance);
	return error == 0 ? call_touch(call, instance) : error;
}

static int set_all(struct call *call, struct instance *instance, bool is_stopped)
{
	int error = 0;

	for (size_t i = 0; i < instance->listener_count && error == 0; i++) {
		struct listener *listener = instance->listeners[i];

		if (list_passes(call->input, "ListenerIds", listener->id))
			error = listener_set_stopped(call, instance, listener, is_stopped);
	}
	if (error == 0)
		error = instance_set_stopped(call, instance, !instance_has_running(instance));
	return error == 0 ? call_touch(call, instance) : error;
}

int set_start_status(struct call *call)
{
	const char *operation = input_text(call->input, "OperationType");
	struct instance *instance;
	int error = call_instance(call, &instance);

	if (error == 0)
		error = call_listener_ids(call, instance);
	if (error != 0)
		return error;
	if (instance->listener_count == 0)
		return problem_set(&call->problem, "FailedOperation.NoListenerInLB",
				   "LoadBalancerId", "LoadBalancerId: instance %s has no listener.",
				   instance->id);
	return set_all(call, instance, strcmp(operation, "Stop") == 0);
}

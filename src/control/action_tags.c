/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ModifyLoadBalancerTags, an extension: the reference has a service of its own for tags, which does
 * not exist here. Control's one thread.
 */
#include <errno.h>

#include "control/actions_instance.h"
#include "control/call_noun.h"
#include "control/instance_tags.h"
#include "control/shared_fields.h"
#include "control/store_setting.h"

const struct field modify_tags_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "Tags", FIELD_OBJECT_LIST, FIELD_REQUIRED, .most = LIMIT_TAGS,
	  .fields = instance_tag_fields,
	  .about = "All that it is to have, at most 20, each key once; []: none." },
	{ 0 },
};

static int take_tags(struct call *call, struct instance *instance, struct tag *tags, size_t count)
{
	tags_free(instance->tags, instance->tag_count);
	instance->tags = tags;
	instance->tag_count = count;
	return store_set_tags(call->control->store, instance);
}

int modify_tags(struct call *call)
{
	struct instance *instance;
	struct tag *tags;
	size_t count;
	int error = call_instance(call, &instance);

	if (error == 0)
		error = tags_read(input_get(call->input, "Tags"), &tags, &count, &call->problem);
	if (error != 0)
		return error;
	error = take_tags(call, instance, tags, count);
	return error == 0 ? call_touch(call, instance) : error;
}

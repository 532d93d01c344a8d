/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeRewrite (api.md section 12): the redirected rules of an instance. Control's one thread.
 */
#include <errno.h>

#include "control/actions.h"
#include "control/answer.h"
#include "control/call_noun.h"
#include "control/shared_fields.h"

const struct field describe_rewrite_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "SourceListenerIds", FIELD_TEXT_LIST, .most = 100,
	  .about = "Of these listeners; unknown ones are left out. Absent: of all." },
	{ "SourceLocationIds", FIELD_TEXT_LIST, .most = 1000,
	  .about = "Of these rules; unknown ones are left out. Absent: all." },
	{ 0 },
};

int describe_rewrite(struct call *call)
{
	json_t *rules = json_array();
	struct instance *instance;

	if (json_object_set_new(call->output, "RewriteSet", rules) != 0)
		return -ENOMEM;
	if (call_instance(call, &instance) != 0)
		return -EINVAL;
	for (size_t i = 0; i < instance->listener_count; i++) {
		const struct listener *listener = instance->listeners[i];

		if (!list_passes(call->input, "SourceListenerIds", listener->id))
			continue;
		for (size_t j = 0; j < listener->rule_count; j++) {
			const struct rule *rule = listener->rules[j];

			if (rule->redirect_rule == 0 ||
			    !list_passes(call->input, "SourceLocationIds", rule->id))
				continue;
			if (json_array_append_new(rules, answer_rule(instance, listener, rule)) !=
			    0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Redirections: checking, settling, showing. Control's one thread; changes nothing but the model.
 */
#include "control/redirect.h"

#include "control/redirect_loop.h"
#include "model/route_text.h"

bool redirect_is_target(const struct instance *instance, const struct rule *rule)
{
	for (size_t i = 0; i < instance->listener_count; i++) {
		const struct listener *listener = instance->listeners[i];

		for (size_t j = 0; j < listener->rule_count; j++) {
			if (listener->rules[j]->redirect_rule == rule->number)
				return true;
		}
	}
	return false;
}

void redirects_settle(struct instance *instance)
{
	for (size_t i = 0; i < instance->listener_count; i++) {
		struct listener *listener = instance->listeners[i];

		for (size_t j = 0; j < listener->rule_count; j++) {
			struct rule *rule = listener->rules[j];

			if (rule->redirect_rule == 0 ||
			    instance_find_rule(instance, rule->redirect_rule, NULL))
				continue;
			rule->redirect_rule = 0;
			rule->redirect_code = 0;
			rule->redirect_takes_url = false;
		}
	}
}

int redirect_check(struct call *call, const struct instance *instance,
		   const struct listener *listener, const struct rule *rule, const char *field)
{
	const struct rule *target = instance_find_rule(instance, rule->redirect_rule, NULL);

	if (!target)
		return 0;
	if (!rule->redirect_takes_url && url_parts_of(bytes_of(target->url)).form == URL_PATTERN)
		return problem_set(&call->problem, "InvalidParameter", field,
				   "%s: rule %s is redirected to %s, whose URL is a regular "
				   "expression: no URL to send clients to. TakeUrl true sends them "
				   "to the URL that they asked for.",
				   problem_field_name(field), rule->id, target->id);
	if (redirect_may_loop(instance, listener, rule))
		return problem_set(
			&call->problem, "InvalidParameter", field,
			"%s: the redirection of rule %s to %s would lead clients back to "
			"rule %s, in a circle.",
			problem_field_name(field), rule->id, target->id, rule->id);
	return 0;
}

int redirects_check(struct call *call, const struct instance *instance, const char *field)
{
	int error = 0;

	for (size_t i = 0; i < instance->listener_count && error == 0; i++) {
		const struct listener *listener = instance->listeners[i];

		for (size_t j = 0; j < listener->rule_count && error == 0; j++) {
			if (listener->rules[j]->redirect_rule != 0)
				error = redirect_check(call, instance, listener, listener->rules[j],
						       field);
		}
	}
	return error;
}

json_t *redirect_answer(const struct instance *instance, const struct rule *rule)
{
	struct listener *listener;
	const struct rule *target =
		rule->redirect_rule != 0
			? instance_find_rule(instance, rule->redirect_rule, &listener)
			: NULL;

	if (!target)
		return json_null();
	return json_pack("{s:s, s:s, s:i, s:b, s:s}", "TargetListenerId", listener->id,
			 "TargetLocationId", target->id, "RewriteCode", rule->redirect_code,
			 "TakeUrl", rule->redirect_takes_url, "RewriteType", "Manual");
}

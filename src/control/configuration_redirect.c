/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redirections of a file. They name their targets by port, domain and URL, so they come last, when
 * every rule of the load balancer is there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/call_noun.h"
#include "control/configuration_key.h"
#include "control/configuration_rules.h"
#include "control/redirect.h"
#include "control/rule_domain.h"

const struct field configuration_redirect_fields[] = {
	{ "Url", FIELD_TEXT, FIELD_REQUIRED,
	  .about = "The target rule's Url, as it stands there." },
	{ "Domain", FIELD_TEXT,
	  .about = "One of the target rule's domains, \"\" for a rule without one. Default: this "
		   "rule's own, the first." },
	{ "Port", FIELD_INTEGER, .least = 1, .most = 65535,
	  .about = "Of the HTTP listener that has the target rule. Default: this rule's own." },
	{ "Code", FIELD_INTEGER, .about = "301, 302 (default) or 307." },
	{ "TakeUrl", FIELD_BOOLEAN,
	  .about =
		  "true: to the path and query that was asked for. Default: to the target's Url." },
	{ 0 },
};

/* A redirection that the file wants. */
struct wanted {
	const struct rule *target; /* NULL: none is wanted */
	const struct listener *listener; /* the target's */
	int64_t code;
	bool takes_url;
};

static const struct listener *listener_of_port(const struct instance *instance, int64_t port)
{
	for (size_t i = 0; i < instance->listener_count; i++) {
		const struct listener *listener = instance->listeners[i];

		if (listener->port == port && !listener_is_layer4(listener))
			return listener;
	}
	return NULL;
}

/* The rule at `domain`, in any case, and `url`. */
static struct rule *find_rule(const struct listener *listener, const char *domain, const char *url)
{
	char lower[LIMIT_DOMAIN + 1];

	return domain_lower_copy(domain, lower) ? listener_find_rule_by_url(listener, lower, url)
						: NULL;
}

static int read_wanted(struct plan *plan, const struct plan_rule *rule, struct wanted *ret)
{
	const struct plan_listener *parent = rule->parent;
	const json_t *input = input_get(rule->input, "Redirect");
	int64_t port = input_integer(input, "Port", parent->listener->port);
	const char *domain = input_text(input, "Domain"), *url = input_text(input, "Url");
	struct plan_place place = plan_place_rule(rule);

	*ret = (struct wanted){ 0 };
	if (!input)
		return 0;
	domain = domain ? domain : rule->rule->domain;
	ret->listener = listener_of_port(parent->parent->instance, port);
	if (!ret->listener)
		return plan_refuse(plan, &place, "Redirect", "InvalidParameter.ListenerIdNotFound",
				   "Redirect: the load balancer has no HTTP listener on port "
				   "%" PRId64 ".",
				   port);
	ret->target = find_rule(ret->listener, domain, url);
	if (!ret->target)
		return plan_refuse(plan, &place, "Redirect", "InvalidParameter.LocationNotFound",
				   "Redirect: the HTTP listener on port %" PRId64
				   " has no rule %.80s%.200s.",
				   port, *domain ? domain : "*", url);
	ret->code = input_integer(input, "Code", REDIRECT_CODE_DEFAULT);
	ret->takes_url = input_boolean(input, "TakeUrl", false);
	return 0;
}

static bool is_as_wanted(const struct rule *rule, const struct wanted *wanted)
{
	if (rule->redirect_rule == 0 || !wanted->target)
		return rule->redirect_rule == 0 && !wanted->target;
	return rule->redirect_rule == wanted->target->number &&
	       rule->redirect_code == wanted->code && rule->redirect_takes_url == wanted->takes_url;
}

/* {LoadBalancerId, SourceListenerId, TargetListenerId, RewriteInfos of one}; `info` is stolen. */
static json_t *rewrite_input(const struct plan_rule *rule, const struct listener *target,
			     json_t *info)
{
	return json_pack("{s:s s:s s:s s:[o]}", "LoadBalancerId",
			 rule->parent->parent->instance->id, "SourceListenerId",
			 rule->parent->listener->id, "TargetListenerId", target->id, "RewriteInfos",
			 info);
}

/* As everywhere what the file does not have goes first. */
static int end_redirect(struct plan *plan, const struct plan_rule *rule)
{
	struct plan_place place = plan_place_rule(rule);
	char what[PLAN_NAME_ROOM];
	struct listener *listener;
	struct wanted wanted;
	const struct rule *target;
	int error = read_wanted(plan, rule, &wanted);

	if (error || rule->rule->redirect_rule == 0 || is_as_wanted(rule->rule, &wanted))
		return error;
	target = instance_find_rule(rule->parent->parent->instance, rule->rule->redirect_rule,
				    &listener);
	if (!target)
		return -ENOENT;
	plan_name_rule(rule, what);
	error = plan_run(plan, &place, "DeleteRewrite",
			 rewrite_input(rule, listener,
				       json_pack("{s:s s:s}", "SourceLocationId", rule->rule->id,
						 "TargetLocationId", target->id)),
			 NULL);
	return error ? error : plan_note(plan, "- redirection of %s", what);
}

/* One that stays is looked at too: its rules may have got other domains. */
static int check_redirect(struct plan *plan, const struct plan_rule *rule)
{
	struct plan_place place = plan_place_rule(rule);

	if (redirect_check(plan->call, rule->parent->parent->instance, rule->parent->listener,
			   rule->rule, "Redirect") == 0)
		return 0;
	return plan_tell(plan, &place);
}

static int make_redirect(struct plan *plan, const struct plan_rule *rule)
{
	struct plan_place place = plan_place_rule(rule);
	char what[PLAN_NAME_ROOM];
	struct wanted wanted;
	int error = read_wanted(plan, rule, &wanted);

	if (error || !wanted.target)
		return error;
	if (is_as_wanted(rule->rule, &wanted))
		return check_redirect(plan, rule);
	plan_name_rule(rule, what);
	error = plan_run(
		plan, &place, "ManualRewrite",
		rewrite_input(rule, wanted.listener,
			      json_pack("{s:s s:s s:I s:b}", "SourceLocationId", rule->rule->id,
					"TargetLocationId", wanted.target->id, "RewriteCode",
					(json_int_t)wanted.code, "TakeUrl", wanted.takes_url)),
		NULL);
	if (error)
		return error;
	return plan_note(plan, "+ redirection of %s to HTTP:%u %s%s, %" PRId64 "%s", what,
			 wanted.listener->port,
			 *wanted.target->domain ? wanted.target->domain : "*", wanted.target->url,
			 wanted.code, wanted.takes_url ? " with the URL" : "");
}

static int for_each_of(struct plan *plan, const struct plan_listener *listener,
		       int (*step)(struct plan *plan, const struct plan_rule *rule))
{
	const json_t *list = plan_list(listener->input, "Rules");
	struct key_index *has = key_index_rules(listener->listener);
	int error = has ? 0 : -ENOMEM;

	for (size_t row = 0; !error && row < json_array_size(list); row++) {
		struct plan_rule rule = { .parent = listener,
					  .row = row,
					  .input = json_array_get(list, row) };
		struct key key = key_of_place(key_domain_at(rule.input, 0), key_url(rule.input));
		size_t found = key_find(has, &key);

		if (found == KEY_NONE)
			error = -ENOENT;
		else
			rule.rule = listener->listener->rules[found];
		if (!error)
			error = step(plan, &rule);
	}
	key_index_free(has);
	return error;
}

static int for_each_rule(struct plan *plan, const struct plan_instance *instance,
			 int (*step)(struct plan *plan, const struct plan_rule *rule))
{
	const json_t *list = plan_list(instance->input, "Listeners");
	struct key_index *has = key_index_listeners(instance->instance);
	int error = has ? 0 : -ENOMEM;

	for (size_t row = 0; !error && row < json_array_size(list); row++) {
		struct plan_listener listener = { .parent = instance,
						  .row = row,
						  .input = json_array_get(list, row) };
		struct key key = key_of_listener_input(listener.input);
		size_t found = key_find(has, &key);

		if (found == KEY_NONE)
			error = -ENOENT;
		else
			listener.listener = instance->instance->listeners[found];
		if (!error && !listener_is_layer4(listener.listener))
			error = for_each_of(plan, &listener, step);
	}
	key_index_free(has);
	return error;
}

/* Nearly every load balancer has none, and need not be walked through. */
static bool has_redirects(const struct plan_instance *it)
{
	const json_t *listeners = plan_list(it->input, "Listeners");

	for (size_t i = 0; i < json_array_size(listeners); i++) {
		const json_t *rules = plan_list(json_array_get(listeners, i), "Rules");

		for (size_t j = 0; j < json_array_size(rules); j++) {
			if (input_has(json_array_get(rules, j), "Redirect"))
				return true;
		}
	}
	for (size_t i = 0; i < it->instance->listener_count; i++) {
		const struct listener *listener = it->instance->listeners[i];

		for (size_t j = 0; j < listener->rule_count; j++) {
			if (listener->rules[j]->redirect_rule != 0)
				return true;
		}
	}
	return false;
}

int plan_make_redirects(struct plan *plan, const struct plan_instance *instance)
{
	int error;

	if (!has_redirects(instance))
		return 0;
	error = for_each_rule(plan, instance, end_redirect);
	return error ? error : for_each_rule(plan, instance, make_redirect);
}

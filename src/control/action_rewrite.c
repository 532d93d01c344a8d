/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ManualRewrite and DeleteRewrite (api.md section 12): rules that send their clients to other rules
 * of the instance. Control's one thread.
 */
#include <errno.h>
#include <string.h>

#include "control/actions.h"
#include "control/call_noun.h"
#include "control/redirect.h"
#include "control/rule_domain.h"
#include "control/shared_fields.h"
#include "control/store_setting.h"

#define REWRITES_MOST 100 /* in one call: each is checked against all rules of the instance */

#define ABOUT_SOURCE "The HTTP listener whose rules are redirected."
#define ABOUT_TARGET "The HTTP listener of the same instance to whose rules they are redirected."
#define PAIR_FIELDS                                                                              \
	{ "SourceLocationId", FIELD_TEXT, FIELD_REQUIRED, .about = "The redirected rule." },     \
	{                                                                                        \
		"TargetLocationId", FIELD_TEXT, FIELD_REQUIRED, .about = "Where its clients go." \
	}

static const struct field rewrite_fields[] = {
	PAIR_FIELDS,
	{ "RewriteCode", FIELD_INTEGER, .about = "301, 302 (default) or 307." },
	{ "TakeUrl", FIELD_BOOLEAN,
	  .about =
		  "true: to the path and query that was asked for; false: to the target rule's URL. "
		  "Required with RewriteCode; false without it." },
	{ "SourceDomain", FIELD_TEXT, .about = "One of the redirected rule's domains." },
	{ 0 },
};

static const struct field ended_rewrite_fields[] = {
	PAIR_FIELDS,
	{ "RewriteCode", FIELD_INTEGER, FIELD_IGNORED, .about = "The two rules say all." },
	{ "TakeUrl", FIELD_BOOLEAN, FIELD_IGNORED, .about = "The two rules say all." },
	{ "SourceDomain", FIELD_TEXT, FIELD_IGNORED, .about = "The two rules say all." },
	{ 0 },
};

const struct field manual_rewrite_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "SourceListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_SOURCE },
	{ "TargetListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_TARGET },
	{ "RewriteInfos", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1, .most = REWRITES_MOST,
	  .fields = rewrite_fields, .about = "All are made, or none." },
	{ 0 },
};

const struct field delete_rewrite_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "SourceListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_SOURCE },
	{ "TargetListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_TARGET },
	{ "RewriteInfos", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1, .most = REWRITES_MOST,
	  .fields = ended_rewrite_fields, .about = "All are ended, or none." },
	{ 0 },
};

struct rewrite_call {
	struct call *call;
	struct instance *instance;
	struct listener *source, *target;
};

/* One of RewriteInfos. */
struct rewrite {
	const json_t *input;
	size_t row;
	struct rule *source, *target;
};

static struct field_path path_of(const struct rewrite *rewrite, const char *name)
{
	return field_path("RewriteInfos", rewrite->row, name);
}

static int read_listener(const struct rewrite_call *it, const char *field, struct listener **ret)
{
	const char *id = input_text(it->call->input, field);
	struct listener *listener = instance_find_listener(it->instance, id);

	if (!listener)
		return problem_set(&it->call->problem, "InvalidParameter.ListenerIdNotFound", field,
				   "%s: instance %s has no listener %s.", field, it->instance->id,
				   id);
	if (listener_is_layer4(listener))
		return problem_set(
			&it->call->problem, "InvalidParameter.ProtocolCheckFailed", field,
			"%s: listener %s has protocol %s; redirections are between rules "
			"of HTTP and HTTPS listeners.",
			field, listener->id, protocol_name((enum protocol)listener->protocol));
	*ret = listener;
	return 0;
}

static int read_rule(const struct rewrite_call *it, const struct rewrite *rewrite,
		     const struct listener *listener, const char *name, struct rule **ret)
{
	const char *id = input_text(rewrite->input, name);
	struct rule *rule = listener_find_rule(listener, id);

	if (!rule)
		return problem_set(&it->call->problem, "InvalidParameter.LocationNotFound",
				   path_of(rewrite, name).text, "%s: listener %s has no rule %s.",
				   name, listener->id, id);
	*ret = rule;
	return 0;
}

static int refuse_again(const struct rewrite_call *it, const struct rewrite *rewrite,
			const char *name, const struct rule *rule, const char *why)
{
	return problem_set(&it->call->problem, "InvalidParameter.RewriteAlreadyExist",
			   path_of(rewrite, name).text, "%s: rule %s %s.", name, rule->id, why);
}

static int check_pair(const struct rewrite_call *it, const struct rewrite *rewrite)
{
	if (rewrite->source == rewrite->target)
		return problem_set(&it->call->problem, "InvalidParameter",
				   path_of(rewrite, "TargetLocationId").text,
				   "TargetLocationId: a rule cannot be redirected to itself.");
	if (rewrite->source->redirect_rule != 0)
		return refuse_again(it, rewrite, "SourceLocationId", rewrite->source,
				    "is redirected already; DeleteRewrite ends that");
	if (redirect_is_target(it->instance, rewrite->source))
		return refuse_again(it, rewrite, "SourceLocationId", rewrite->source,
				    "is the target of a redirection, so it cannot be redirected");
	if (rewrite->target->redirect_rule != 0)
		return refuse_again(it, rewrite, "TargetLocationId", rewrite->target,
				    "is redirected itself, so it cannot be a target");
	return 0;
}

static int check_domain(const struct rewrite_call *it, const struct rewrite *rewrite)
{
	const char *domain = input_text(rewrite->input, "SourceDomain");
	char lower[LIMIT_DOMAIN + 1];

	if (!domain || !*domain)
		return 0;
	if (domain_lower_copy(domain, lower) && rule_has_domain(rewrite->source, lower))
		return 0;
	return problem_set(&it->call->problem, "InvalidParameter",
			   path_of(rewrite, "SourceDomain").text,
			   "SourceDomain: rule %s does not have the domain %.80s.",
			   rewrite->source->id, domain);
}

static int read_options(const struct rewrite_call *it, const struct rewrite *rewrite,
			uint16_t *ret_code)
{
	int64_t code = input_integer(rewrite->input, "RewriteCode", REDIRECT_CODE_DEFAULT);

	if (code != 301 && code != 302 && code != 307)
		return problem_set(&it->call->problem, "InvalidParameterValue",
				   path_of(rewrite, "RewriteCode").text,
				   "RewriteCode must be 301, 302 or 307.");
	if (input_has(rewrite->input, "RewriteCode") && !input_has(rewrite->input, "TakeUrl"))
		return problem_set(&it->call->problem, "MissingParameter",
				   path_of(rewrite, "TakeUrl").text,
				   "TakeUrl is required with RewriteCode.");
	*ret_code = (uint16_t)code;
	return check_domain(it, rewrite);
}

static int make_rewrite(const struct rewrite_call *it, const struct rewrite *rewrite)
{
	struct rule *source = rewrite->source;
	uint16_t code = 0;
	int error = read_options(it, rewrite, &code);

	if (error == 0)
		error = check_pair(it, rewrite);
	if (error != 0)
		return error;
	source->redirect_rule = rewrite->target->number;
	source->redirect_code = code;
	source->redirect_takes_url = input_boolean(rewrite->input, "TakeUrl", false);
	error = store_set_redirect(it->call->control->store, source);
	if (error != 0)
		return error;
	return redirect_check(it->call, it->instance, it->source, source,
			      path_of(rewrite, "TargetLocationId").text);
}

static int end_rewrite(const struct rewrite_call *it, const struct rewrite *rewrite)
{
	struct rule *source = rewrite->source;

	if (source->redirect_rule != rewrite->target->number)
		return problem_set(&it->call->problem, "InvalidParameter.SomeRewriteNotFound",
				   path_of(rewrite, "SourceLocationId").text,
				   "SourceLocationId: rule %s is not redirected to %s.", source->id,
				   rewrite->target->id);
	source->redirect_rule = 0;
	source->redirect_code = 0;
	source->redirect_takes_url = false;
	return store_set_redirect(it->call->control->store, source);
}

static int for_each(struct call *call,
		    int (*run)(const struct rewrite_call *it, const struct rewrite *rewrite))
{
	const json_t *list = input_get(call->input, "RewriteInfos");
	struct rewrite_call it = { .call = call };
	int error = call_instance(call, &it.instance);

	if (error == 0)
		error = read_listener(&it, "SourceListenerId", &it.source);
	if (error == 0)
		error = read_listener(&it, "TargetListenerId", &it.target);
	for (size_t row = 0; row < json_array_size(list) && error == 0; row++) {
		struct rewrite rewrite = { .input = json_array_get(list, row), .row = row };

		error = read_rule(&it, &rewrite, it.source, "SourceLocationId", &rewrite.source);
		if (error == 0)
			error = read_rule(&it, &rewrite, it.target, "TargetLocationId",
					  &rewrite.target);
		if (error == 0)
			error = run(&it, &rewrite);
	}
	return error == 0 ? call_touch(call, it.instance) : error;
}

int manual_rewrite(struct call *call)
{
	return for_each(call, make_rewrite);
}

int delete_rewrite(struct call *call)
{
	return for_each(call, end_rewrite);
}

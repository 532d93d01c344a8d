/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeleteRule (api.md section 8): rules by identifier, or by any of their domains
 * (docs/decisions/domains.md). Control's one thread.
 */
#include <string.h>

#include "control/actions.h"
#include "control/call_noun.h"
#include "control/redirect.h"
#include "control/rule_domain.h"
#include "control/shared_fields.h"
#include "control/store.h"

const struct field delete_rule_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER },
	{ "LocationIds", FIELD_TEXT_LIST, .most = 1000,
	  .about = "The rules; or name them by Domain and Url." },
	{ "Domain", FIELD_TEXT,
	  .about = "With Url its one rule, without all of its rules. Any domain of a rule that has "
		   "several names it; the rule goes whole." },
	{ "Url", FIELD_TEXT, .about = "Without Domain: of a rule that answers any host." },
	{ "NewDefaultServerDomain", FIELD_TEXT,
	  .about = "The default domain from now on. Without it, when the default domain's last "
		   "rule goes, the oldest remaining rule's domain becomes default." },
	{ 0 },
};

/* What a call names: rules by their ids, or else by a domain with or without a URL. */
struct selection {
	const json_t *ids; /* NULL when it is by domain */
	const char *url; /* NULL: any */
	char domain[LIMIT_DOMAIN + 1];
};

static int check_ids(struct call *call, const struct listener *listener, const json_t *ids)
{
	const json_t *id;
	size_t i;

	json_array_foreach((json_t *)ids, i, id)
	{
		if (!listener_find_rule(listener, json_string_value(id)))
			return problem_set(&call->problem, "InvalidParameter.LocationNotFound",
					   field_path("LocationIds", i, NULL).text,
					   "LocationIds: listener %s has no rule %s.", listener->id,
					   json_string_value(id));
	}
	return 0;
}

static int refuse_domain(struct call *call, const struct listener *listener)
{
	return problem_set(&call->problem, "InvalidParameter.LocationNotFound", "Domain",
			   "Domain: listener %s has no such rule.", listener->id);
}

static int read_selection(struct call *call, const struct listener *listener, struct selection *ret)
{
	const json_t *ids = input_get(call->input, "LocationIds");
	const char *domain = input_text(call->input, "Domain");
	struct selection selection = { .url = input_text(call->input, "Url") };

	if (json_array_size(ids) > 0) {
		selection.ids = ids;
		*ret = selection;
		return check_ids(call, listener, ids);
	}
	if (!domain && !selection.url)
		return problem_set(&call->problem, "MissingParameter", "LocationIds",
				   "LocationIds, Domain or Url is required.");
	if (domain && !domain_lower_copy(domain, selection.domain))
		return refuse_domain(call, listener);
	*ret = selection;
	return 0;
}

static bool is_selected(const struct selection *selection, const struct rule *rule)
{
	if (selection->ids)
		return filter_passes(selection->ids, rule->id);
	return rule_has_domain(rule, selection->domain) &&
	       (!selection->url || strcmp(selection->url, rule->url) == 0);
}

static int delete_one(struct call *call, struct listener *listener, struct rule *rule)
{
	int error = store_delete_rule(call->control->store, rule);

	if (error == 0)
		listener_remove_rule(listener, rule);
	return error;
}

static int delete_selected(struct call *call, struct listener *listener)
{
	struct selection selection;
	bool is_found = false;
	int error = read_selection(call, listener, &selection);

	for (size_t i = error == 0 ? listener->rule_count : 0; i > 0 && error == 0; i--) {
		struct rule *rule = listener->rules[i - 1];

		if (!is_selected(&selection, rule))
			continue;
		is_found = true;
		error = delete_one(call, listener, rule);
	}
	return error == 0 && !is_found ? refuse_domain(call, listener) : error;
}

int delete_rule(struct call *call)
{
	struct instance *instance;
	struct listener *listener;
	char wanted[LIMIT_DOMAIN + 1] = "";
	int error = call_listener_7(call, &instance, &listener);

	if (error == 0)
		error = delete_selected(call, listener);
	if (error == 0)
		error = default_read(call, listener, wanted);
	if (error == 0)
		error = default_settle(call, listener, *wanted ? wanted : NULL);
	if (error != 0)
		return error;
	redirects_settle(instance);
	return call_touch(call, instance);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions on forwarding rules (api.md section 8), and the default domain of their listener:
 * exactly one as long as there are rules. Rules without a domain answer any host, so where there is
 * one, they are the default and default_domain is "". Control's one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/actions.h"
#include "control/call_noun.h"
#include "control/health_input.h"
#include "control/quota.h"
#include "control/rule_input.h"
#include "control/shared_fields.h"
#include "control/store.h"
#include "model/validate.h"

const struct field create_rule_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER },
	{ "Rules", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1, .most = 1000,
	  .fields = rule_input_fields, .about = "All are made, or none." },
	{ 0 },
};

static bool has_domain(const struct listener *listener, const char *domain)
{
	for (size_t i = 0; i < listener->rule_count; i++) {
		if (strcmp(listener->rules[i]->domain, domain) == 0)
			return true;
	}
	return false;
}

/*
 * The default after rules came or went: any-host rules, else the wanted domain, else the one so
 * far, else the domain of the oldest rule.
 */
static int settle_default(struct call *call, struct listener *listener, const char *wanted)
{
	const char *domain = wanted ? wanted : listener->default_domain;
	int error;

	if (has_domain(listener, "") || listener->rule_count == 0)
		domain = "";
	else if (!*domain || !has_domain(listener, domain))
		domain = listener->rules[0]->domain;
	if (strcmp(domain, listener->default_domain) == 0)
		return 0;
	error = text_set(&listener->default_domain, domain);
	return error == 0 ? store_update_listener(call->control->store, listener) : error;
}

/* A named default cannot stand beside rules that answer any host. */
static int refuse_default(struct call *call, const char *field)
{
	return problem_set(&call->problem, "InvalidParameter", field,
			   "%s: rules without a domain answer every host that no other rule names, "
			   "so no domain can be the default.",
			   field);
}

static int check_unique(struct call *call, const struct listener *listener, const struct rule *rule,
			const char *prefix)
{
	const struct rule *other = listener_find_rule_by_url(listener, rule->domain, rule->url);

	if (!other)
		return 0;
	return problem_set(&call->problem, "InvalidParameterValue", field_below(prefix, "Url").text,
			   "Url: rule %s of this listener has domain %s and URL %s already.",
			   other->id, *rule->domain ? rule->domain : "(any)", rule->url);
}

static int insert_rule(struct call *call, const struct listener *listener, struct rule *rule)
{
	int error = -EEXIST;

	for (int i = 0; i < ID_TRIES && error == -EEXIST; i++) {
		error = id_make("loc-", rule->id);
		if (error == 0)
			error = store_insert_rule(call->control->store, listener, rule);
	}
	return error;
}

/* Takes *rule over when it becomes part of the listener. */
static int create_one(struct call *call, struct listener *listener, struct rule **rule,
		      size_t index)
{
	json_t *ids = json_object_get(call->output, "LocationIds");
	int error = check_unique(call, listener, *rule, field_path("Rules", index, NULL).text);

	if (error == 0)
		error = insert_rule(call, listener, *rule);
	if (error == 0)
		error = listener_add_rule(listener, *rule);
	if (error != 0)
		return error;
	if (json_array_append_new(ids, json_string((*rule)->id)) != 0)
		error = -ENOMEM;
	*rule = NULL;
	return error;
}

/* What the rules' DefaultServer asks for: at most one domain. */
static int read_default(struct call *call, const struct listener *listener, struct rule **rules,
			size_t count, const char **ret_wanted)
{
	const json_t *list = input_get(call->input, "Rules");
	bool has_any_host = has_domain(listener, "");
	const char *wanted = NULL;

	for (size_t i = 0; i < count; i++)
		has_any_host = has_any_host || !*rules[i]->domain;
	for (size_t i = 0; i < count; i++) {
		struct field_path path = field_path("Rules", i, "DefaultServer");

		if (!input_boolean(json_array_get(list, i), "DefaultServer", false) ||
		    !*rules[i]->domain)
			continue;
		if (has_any_host)
			return refuse_default(call, path.text);
		if (wanted && strcmp(wanted, rules[i]->domain) != 0)
			return problem_set(&call->problem, "InvalidParameter", path.text,
					   "DefaultServer: a listener has one default domain; %s "
					   "and %s both ask for it.",
					   wanted, rules[i]->domain);
		wanted = rules[i]->domain;
	}
	*ret_wanted = wanted;
	return 0;
}

static int create_all(struct call *call, struct rule **rules, size_t count)
{
	struct instance *instance;
	struct listener *listener;
	const char *wanted = NULL;
	int error = call_listener_7(call, &instance, &listener);

	for (size_t i = 0; i < count && error == 0; i++)
		error = rule_check(call, rules[i], field_path("Rules", i, NULL).text);
	if (error == 0)
		error = read_default(call, listener, rules, count, &wanted);
	if (error == 0)
		error = quota_check(QUOTA_OF_RULES, listener->rule_count, count, &call->problem);
	if (error == 0 && json_object_set_new(call->output, "LocationIds", json_array()) != 0)
		error = -ENOMEM;
	/* The wanted domain lives in a rule, which the listener owns from here on. */
	for (size_t i = 0; i < count && error == 0; i++)
		error = create_one(call, listener, &rules[i], i);
	if (error == 0)
		error = settle_default(call, listener, wanted);
	return error == 0 ? call_touch(call, instance) : error;
}

/* NULL with the reason in *ret_error. */
static struct rule *read_rule(struct call *call, const json_t *input, size_t index, int *ret_error)
{
	struct rule *rule = rule_new();

	*ret_error = rule ? rule_read_new(call, input, field_path("Rules", index, NULL).text, rule)
			  : -ENOMEM;
	return *ret_error == 0 ? rule : rule_free(rule);
}

int create_rule(struct call *call)
{
	const json_t *list = input_get(call->input, "Rules");
	size_t count = json_array_size(list), read = 0;
	struct rule **rules = calloc(count, sizeof(struct rule *));
	int error = rules ? 0 : -ENOMEM;

	while (read < count && error == 0) {
		rules[read] = read_rule(call, json_array_get(list, read), read, &error);
		read++;
	}
	if (error == 0)
		error = create_all(call, rules, count);
	for (size_t i = 0; i < read; i++)
		rule_free(rules[i]);
	free(rules);
	return error;
}

/* The settings of `from` as a rule of its own: what ModifyRule works on until all is checked. */
static struct rule *copy_settings(const struct rule *from)
{
	struct rule *copy = rule_new();

	if (!copy)
		return NULL;
	copy->scheduler = from->scheduler;
	copy->forward_type = from->forward_type;
	copy->strips_cookie = from->strips_cookie;
	copy->keeps_draining = from->keeps_draining;
	copy->session_expire_s = from->session_expire_s;
	if (text_set(&copy->domain, from->domain) != 0 || text_set(&copy->url, from->url) != 0 ||
	    text_set(&copy->cookie_name, from->cookie_name) != 0 ||
	    health_check_copy(&from->health_check, &copy->health_check) != 0)
		return rule_free(copy);
	return copy;
}

static void swap_texts(char **a, char **b)
{
	char *text = *a;

	*a = *b;
	*b = text;
}

/* `changed` holds the old texts afterwards. */
static int take_settings(struct call *call, struct rule *rule, struct rule *changed)
{
	struct health_check old = rule->health_check;

	rule->scheduler = changed->scheduler;
	rule->forward_type = changed->forward_type;
	rule->strips_cookie = changed->strips_cookie;
	rule->keeps_draining = changed->keeps_draining;
	rule->session_expire_s = changed->session_expire_s;
	rule->health_check = changed->health_check;
	changed->health_check = old;
	swap_texts(&rule->url, &changed->url);
	swap_texts(&rule->cookie_name, &changed->cookie_name);
	return store_update_rule(call->control->store, rule);
}

static int change_rule(struct call *call, const struct listener *listener, struct rule *rule,
		       struct rule *changed)
{
	int error = rule_read(call, call->input, "", changed);

	if (error == 0)
		error = rule_check(call, changed, "");
	if (error == 0 && strcmp(changed->url, rule->url) != 0)
		error = check_unique(call, listener, changed, "");
	return error == 0 ? take_settings(call, rule, changed) : error;
}

int modify_rule(struct call *call)
{
	const char *id = input_text(call->input, "LocationId");
	struct instance *instance;
	struct listener *listener;
	struct rule *rule, *changed;
	int error = call_listener_7(call, &instance, &listener);

	if (error != 0)
		return error;
	rule = listener_find_rule(listener, id);
	if (!rule)
		return problem_set(&call->problem, "InvalidParameter.LocationNotFound",
				   "LocationId", "LocationId: listener %s has no rule %s.",
				   listener->id, id);
	changed = copy_settings(rule);
	error = changed ? change_rule(call, listener, rule, changed) : -ENOMEM;
	rule_free(changed);
	return error == 0 ? call_touch(call, instance) : error;
}

const struct field delete_rule_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER },
	{ "LocationIds", FIELD_TEXT_LIST, .most = 1000,
	  .about = "The rules; or name them by Domain and Url." },
	{ "Domain", FIELD_TEXT, .about = "With Url its one rule, without all of its rules." },
	{ "Url", FIELD_TEXT, .about = "Without Domain: of a rule that answers any host." },
	{ "NewDefaultServerDomain", FIELD_TEXT,
	  .about = "The default domain from now on. Without it, when the default domain's last "
		   "rule goes, the oldest remaining rule's domain becomes default." },
	{ 0 },
};

/* In a call's input: does it name this rule? */
static bool is_named(const json_t *input, const struct rule *rule)
{
	const json_t *ids = input_get(input, "LocationIds");
	const char *domain = input_text(input, "Domain");
	const char *url = input_text(input, "Url");

	if (json_array_size(ids) > 0)
		return filter_passes(ids, rule->id);
	return strcasecmp(domain ? domain : "", rule->domain) == 0 &&
	       (!url || strcmp(url, rule->url) == 0);
}

static int check_named(struct call *call, const struct listener *listener)
{
	const json_t *ids = input_get(call->input, "LocationIds"), *id;
	size_t i;

	if (json_array_size(ids) == 0 && !input_has(call->input, "Domain") &&
	    !input_has(call->input, "Url"))
		return problem_set(&call->problem, "MissingParameter", "LocationIds",
				   "LocationIds, Domain or Url is required.");
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

static int delete_named(struct call *call, struct listener *listener)
{
	size_t deleted = 0;

	for (size_t i = listener->rule_count; i > 0; i--) {
		struct rule *rule = listener->rules[i - 1];
		int error;

		if (!is_named(call->input, rule))
			continue;
		error = store_delete_rule(call->control->store, rule);
		if (error != 0)
			return error;
		listener_remove_rule(listener, rule);
		deleted++;
	}
	if (deleted == 0)
		return problem_set(&call->problem, "InvalidParameter.LocationNotFound", "Domain",
				   "Domain: listener %s has no such rule.", listener->id);
	return 0;
}

static int check_new_default(struct call *call, const struct listener *listener, char **ret_wanted)
{
	const char *text = input_text(call->input, "NewDefaultServerDomain");
	char *wanted;

	if (!text || !*text)
		return 0;
	if (has_domain(listener, ""))
		return refuse_default(call, "NewDefaultServerDomain");
	wanted = strdup(text);
	if (!wanted)
		return -ENOMEM;
	domain_lower(wanted);
	*ret_wanted = wanted;
	if (!has_domain(listener, wanted))
		return problem_set(&call->problem, "InvalidParameter", "NewDefaultServerDomain",
				   "NewDefaultServerDomain: no remaining rule has the domain %s.",
				   text);
	return 0;
}

int delete_rule(struct call *call)
{
	struct instance *instance;
	struct listener *listener;
	char *wanted = NULL;
	int error = call_listener_7(call, &instance, &listener);

	if (error == 0)
		error = check_named(call, listener);
	if (error == 0)
		error = delete_named(call, listener);
	if (error == 0)
		error = check_new_default(call, listener, &wanted);
	if (error == 0)
		error = settle_default(call, listener, wanted);
	free(wanted);
	return error == 0 ? call_touch(call, instance) : error;
}

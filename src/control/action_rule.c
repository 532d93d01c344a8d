/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and modifying forwarding rules (api.md section 8). Their listener has exactly one default
 * domain as long as there are rules. Rules without a domain answer any host, so where there is one,
 * they are the default and default_domain is "". Control's one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/actions.h"
#include "control/call_noun.h"
#include "control/health_input.h"
#include "control/quota.h"
#include "control/redirect.h"
#include "control/rule_domain.h"
#include "control/rule_input.h"
#include "control/shared_fields.h"
#include "control/store.h"

const struct field create_rule_fields[] = {
	{ "LoadBalancerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_INSTANCE },
	{ "ListenerId", FIELD_TEXT, FIELD_REQUIRED, .about = ABOUT_LISTENER },
	{ "Rules", FIELD_OBJECT_LIST, FIELD_REQUIRED, .least = 1, .most = 1000,
	  .fields = rule_input_fields, .about = "All are made, or none." },
	{ 0 },
};

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
	struct field_path path = field_path("Rules", index, NULL);
	struct rule *added = *rule;
	int error = rule_check_place(call, listener, added, NULL, path.text);

	if (error == 0)
		error = insert_rule(call, listener, added);
	if (error == 0)
		error = listener_add_rule(listener, added);
	if (error != 0)
		return error;
	*rule = NULL;
	if (json_array_append_new(ids, json_string(added->id)) != 0)
		return -ENOMEM;
	return rule_check_patterns(call, listener, added, path.text);
}

/* What the rules' DefaultServer asks for: at most one domain. */
static int read_default(struct call *call, const struct listener *listener, struct rule **rules,
			size_t count, const char **ret_wanted)
{
	const json_t *list = input_get(call->input, "Rules");
	bool has_any_host = listener_has_domain(listener, "");
	const char *wanted = NULL;

	for (size_t i = 0; i < count; i++)
		has_any_host = has_any_host || !*rules[i]->domain;
	for (size_t i = 0; i < count; i++) {
		struct field_path path = field_path("Rules", i, "DefaultServer");

		if (!input_boolean(json_array_get(list, i), "DefaultServer", false) ||
		    !*rules[i]->domain)
			continue;
		if (has_any_host)
			return default_refuse(call, path.text);
		if (wanted && !rule_has_domain(rules[i], wanted))
			return problem_set(&call->problem, "InvalidParameter", path.text,
					   "DefaultServer: a listener has one default domain; %s "
					   "and %s both ask for it.",
					   wanted, rules[i]->domain);
		if (!wanted)
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
		error = default_settle(call, listener, wanted);
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
	struct domain_list domains;

	if (!copy)
		return NULL;
	domain_list_of(from, &domains);
	copy->scheduler = from->scheduler;
	copy->forward_type = from->forward_type;
	copy->strips_cookie = from->strips_cookie;
	copy->keeps_draining = from->keeps_draining;
	copy->session_expire_s = from->session_expire_s;
	if (rule_set_domains(copy, &domains) != 0 || text_set(&copy->url, from->url) != 0 ||
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

/* Another URL: nobody else's, within the roof, and no redirection may go astray. */
static int check_new_url(struct call *call, const struct instance *instance,
			 const struct listener *listener, const struct rule *rule)
{
	int error = rule_check_patterns(call, listener, rule, "Url");

	return error == 0 ? redirects_check(call, instance, "Url") : error;
}

static int change_rule(struct call *call, const struct instance *instance,
		       const struct listener *listener, struct rule *rule, struct rule *changed)
{
	int error = rule_read(call, call->input, "", changed);
	bool is_moved = error == 0 && strcmp(changed->url, rule->url) != 0;

	if (error == 0)
		error = rule_check(call, changed, "");
	if (error == 0 && is_moved)
		error = rule_check_place(call, listener, changed, rule, "");
	if (error == 0)
		error = take_settings(call, rule, changed);
	return error == 0 && is_moved ? check_new_url(call, instance, listener, rule) : error;
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
	error = changed ? change_rule(call, instance, listener, rule, changed) : -ENOMEM;
	rule_free(changed);
	return error == 0 ? call_touch(call, instance) : error;
}

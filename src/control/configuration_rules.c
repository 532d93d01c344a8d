/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the file's rules among those of the model, and giving them their domains. */
#include "control/configuration_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/call_noun.h"
#include "control/configuration_key.h"
#include "control/rule_domain.h"

/* The keys of all of the file's rules, each once. */
static int check_keys(struct plan *plan, const struct plan_listener *listener, const json_t *list)
{
	struct plan_place owner = plan_place_listener(listener);
	struct key_index *index = key_index_new();
	int error = index ? 0 : -ENOMEM;

	for (size_t row = 0; !error && row < json_array_size(list); row++) {
		const json_t *input = json_array_get(list, row);

		for (size_t i = 0; !error && i < key_domain_count(input); i++) {
			struct key key = key_of_place(key_domain_at(input, i), key_url(input));
			size_t other;

			error = key_add(index, &key, row, &other);
			if (error == -EEXIST && other == row)
				error = 0; /* the API says what is wrong with it */
			if (error == -EEXIST) {
				struct plan_place place = plan_place_member(&owner, "Rules", row);

				error = plan_refuse(plan, &place, "", "InvalidParameterValue",
						    "%s has the same domain and URL as Rules[%zu].",
						    place.path, other);
			}
		}
	}
	key_index_free(index);
	return error;
}

/* Where the match is made. */
struct matching {
	const struct listener *listener;
	const struct key_index *has; /* rows of its rules, under each of their domains */
	struct rule_match *match;
};

/* Is the rule of this domain and URL still nobody's? Then it is the file's `row`. */
static bool claim(struct matching *it, size_t row, const char *domain, const char *url,
		  bool by_first)
{
	struct key key = key_of_place(domain, url);
	size_t found = key_find(it->has, &key);
	struct rule *rule = found == KEY_NONE ? NULL : it->listener->rules[found];

	if (!rule || it->match->is_named[found])
		return false;
	if (by_first) {
		struct key first = key_of_place(rule->domain, rule->url);

		if (strcmp(first.text, key.text) != 0)
			return false;
	}
	it->match->rules[row] = rule;
	it->match->is_named[found] = true;
	return true;
}

static void match_all(struct matching *it, const json_t *list)
{
	for (size_t row = 0; row < json_array_size(list); row++) {
		const json_t *input = json_array_get(list, row);

		claim(it, row, key_domain_at(input, 0), key_url(input), true);
	}
	for (size_t row = 0; row < json_array_size(list); row++) {
		const json_t *input = json_array_get(list, row);

		for (size_t i = 0; !it->match->rules[row] && i < key_domain_count(input); i++)
			claim(it, row, key_domain_at(input, i), key_url(input), false);
	}
}

int rule_match_init(struct plan *plan, const struct plan_listener *listener, struct rule_match *ret)
{
	const json_t *list = plan_list(listener->input, "Rules");
	const struct listener *has = listener->listener;
	struct rule_match match = {
		.rules = calloc(json_array_size(list) + 1, sizeof(*match.rules)),
		.is_named = calloc((has ? has->rule_count : 0) + 1, sizeof(*match.is_named)),
	};
	struct key_index *index = has ? key_index_rules(has) : NULL;
	int error = match.rules && match.is_named && (index || !has) ? 0 : -ENOMEM;

	if (!error)
		error = check_keys(plan, listener, list);
	if (!error && has)
		match_all(&(struct matching){ has, index, &match }, list);
	key_index_free(index);
	if (error)
		rule_match_done(&match);
	else
		*ret = match;
	return error;
}

void rule_match_done(struct rule_match *match)
{
	free(match->rules);
	free(match->is_named);
}

/* The domains that the file gives the rule; one "" when none. */
static int read_domains(struct plan *plan, const struct plan_rule *rule, struct domain_list *ret)
{
	struct plan_place place = plan_place_rule(rule);
	struct problem *problem = &plan->call->problem;
	const json_t *list = input_get(rule->input, "Domains");
	const char *domain = input_text(rule->input, "Domain");
	int error = 0;

	ret->count = 0;
	if (json_array_size(list) > 0)
		error = domain_list_read_all(ret, list, "Domains", problem);
	else if (domain && *domain)
		error = domain_list_read(ret, domain, "Domain", problem);
	else
		ret->texts[ret->count++][0] = '\0';
	return error == -EINVAL ? plan_tell(plan, &place) : error;
}

/* Notes what `list` has and `other` has not. */
static int note_domains(struct plan *plan, const struct plan_rule *rule, const char *sign,
			const struct domain_list *list, const struct domain_list *other)
{
	char owner[PLAN_NAME_ROOM];
	int error = 0;

	plan_name_rule(rule, owner);
	for (size_t i = 0; !error && i < list->count; i++) {
		if (!domain_list_has(other, list->texts[i]))
			error = plan_note(plan, "%s domain %s in %s", sign, list->texts[i], owner);
	}
	return error;
}

int plan_drop_domains(struct plan *plan, const struct plan_rule *rule)
{
	struct domain_list before, now, wanted;
	int error;

	if (rule->rule->more_domain_count == 0)
		return 0;
	error = read_domains(plan, rule, &wanted);
	if (error)
		return error;
	domain_list_of(rule->rule, &before);
	now = before;
	domain_list_keep(&now, &wanted);
	if (now.count == before.count)
		return 0;
	error = note_domains(plan, rule, "-", &before, &now);
	if (!error)
		error = rule_keep_domains(plan->call, rule->rule, &now);
	return error ? error : call_touch(plan->call, rule->parent->parent->instance);
}

/* What a rule must keep to where it stands now. */
static int check_domains(struct plan *plan, const struct plan_rule *rule)
{
	struct plan_place place = plan_place_rule(rule);
	const struct listener *listener = rule->parent->listener;
	int error = rule_check_place(plan->call, listener, rule->rule, rule->rule, "");

	if (!error)
		error = rule_check_patterns(plan->call, listener, rule->rule, "Domains");
	return error == -EINVAL ? plan_tell(plan, &place) : error;
}

int plan_make_domains(struct plan *plan, const struct plan_rule *rule, const char *what)
{
	struct domain_list now, wanted;
	bool is_same = true;
	int error;

	if (rule->rule->more_domain_count == 0 && key_domain_count(rule->input) == 1)
		return 0; /* by its only domain it was found */
	error = read_domains(plan, rule, &wanted);
	if (error)
		return error;
	/* What was too much is dropped already. */
	domain_list_of(rule->rule, &now);
	for (size_t i = 0; is_same && i < wanted.count; i++)
		is_same = i < now.count && strcmp(now.texts[i], wanted.texts[i]) == 0;
	if (is_same)
		return 0;
	error = now.count < wanted.count ? note_domains(plan, rule, "+", &wanted, &now)
					 : plan_note(plan, "~ %s: the order of its Domains", what);
	if (!error)
		error = rule_keep_domains(plan->call, rule->rule, &wanted);
	if (!error)
		error = check_domains(plan, rule);
	return error ? error : call_touch(plan->call, rule->parent->parent->instance);
}

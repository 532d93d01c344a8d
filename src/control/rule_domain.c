/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of domains, and what a listener holds together about them. Control's one thread. */
#include "control/rule_domain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/call_noun.h"
#include "control/store_setting.h"
#include "model/route_text.h"
#include "model/validate.h"

bool domain_lower_copy(const char *domain, char ret_lower[LIMIT_DOMAIN + 1])
{
	size_t size = strlen(domain);

	if (size > LIMIT_DOMAIN)
		return false;
	memcpy(ret_lower, domain, size + 1);
	domain_lower(ret_lower);
	return true;
}

static void list_put(struct domain_list *list, const char *domain)
{
	snprintf(list->texts[list->count++], sizeof(list->texts[0]), "%s", domain);
}

void domain_list_of(const struct rule *rule, struct domain_list *ret)
{
	ret->count = 0;
	list_put(ret, rule->domain);
	for (size_t i = 0; i < rule->more_domain_count && ret->count < LIMIT_DOMAINS_PER_RULE; i++)
		list_put(ret, rule->more_domains[i]);
}

bool domain_list_has(const struct domain_list *list, const char *domain)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->texts[i], domain) == 0)
			return true;
	}
	return false;
}

static int refuse_count(const char *field, struct problem *problem)
{
	return problem_set(problem, "InvalidParameterValue.Length", field,
			   "%s: a rule has 1 to %d domains.", problem_field_name(field),
			   LIMIT_DOMAINS_PER_RULE);
}

int domain_list_read(struct domain_list *list, const char *domain, const char *field,
		     struct problem *problem)
{
	char lower[LIMIT_DOMAIN + 1];
	bool is_short = domain_lower_copy(domain, lower);
	int error = validate_domain(is_short ? lower : domain, field, problem);

	if (error != 0)
		return error;
	if (list->count == LIMIT_DOMAINS_PER_RULE)
		return refuse_count(field, problem);
	if (domain_list_has(list, lower))
		return problem_set(problem, "InvalidParameterValue.Duplicate", field,
				   "%s: %s is in the list twice.", problem_field_name(field),
				   lower);
	list_put(list, lower);
	return 0;
}

int domain_list_read_all(struct domain_list *list, const json_t *texts, const char *field,
			 struct problem *problem)
{
	const json_t *text;
	size_t i;
	int error = 0;

	json_array_foreach((json_t *)texts, i, text)
	{
		struct field_path path = field_path(field, i, NULL);

		error = domain_list_read(list, json_string_value(text), path.text, problem);
		if (error != 0)
			return error;
	}
	return list->count > 0 ? 0 : refuse_count(field, problem);
}

void domain_list_keep(struct domain_list *list, const struct domain_list *other)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (!domain_list_has(other, list->texts[i]))
			continue;
		if (kept < i)
			memcpy(list->texts[kept], list->texts[i], sizeof(list->texts[0]));
		kept++;
	}
	list->count = kept;
}

int domain_list_replace(struct domain_list *list, const char *gone, const struct domain_list *come)
{
	struct domain_list old = *list;

	list->count = 0;
	for (size_t i = 0; i < old.count; i++) {
		bool is_place = strcmp(old.texts[i], gone) == 0;
		size_t count = is_place ? come->count : 1;

		for (size_t j = 0; j < count; j++) {
			const char *domain = is_place ? come->texts[j] : old.texts[i];

			if (domain_list_has(list, domain))
				continue;
			if (list->count == LIMIT_DOMAINS_PER_RULE)
				return -E2BIG;
			list_put(list, domain);
		}
	}
	return 0;
}

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

int rule_set_domains(struct rule *rule, const struct domain_list *list)
{
	size_t more = list->count - 1, made = 0;
	char **texts = more > 0 ? calloc(more, sizeof(*texts)) : NULL;
	char *first = strdup(list->texts[0]);

	while (texts && made < more && (texts[made] = strdup(list->texts[made + 1])))
		made++;
	if (!first || made < more) {
		free(first);
		if (texts)
			free_texts(texts, made);
		return -ENOMEM;
	}
	free(rule->domain);
	free_texts(rule->more_domains, rule->more_domain_count);
	rule->domain = first;
	rule->more_domains = texts;
	rule->more_domain_count = more;
	return 0;
}

int rule_keep_domains(struct call *call, struct rule *rule, const struct domain_list *list)
{
	int error = rule_set_domains(rule, list);

	if (error == 0)
		error = store_update_rule(call->control->store, rule);
	return error == 0 ? store_set_domains(call->control->store, rule) : error;
}

int rule_check_place(struct call *call, const struct listener *listener, const struct rule *rule,
		     const struct rule *self, const char *prefix)
{
	for (size_t i = 0; i <= rule->more_domain_count; i++) {
		const char *domain = i > 0 ? rule->more_domains[i - 1] : rule->domain;

		for (size_t j = 0; j < listener->rule_count; j++) {
			const struct rule *other = listener->rules[j];

			if (other == self || !url_same_place(other->url, rule->url) ||
			    !rule_has_domain(other, domain))
				continue;
			return problem_set(
				&call->problem, "InvalidParameterValue",
				field_below(prefix, "Url").text,
				"Url: rule %s of this listener has domain %s and URL %s already.",
				other->id, *domain ? domain : "(any)", other->url);
		}
	}
	return 0;
}

static bool rule_has_pattern(const struct rule *rule)
{
	bool has = rule->domain[0] == '~' || url_parts_of(bytes_of(rule->url)).form == URL_PATTERN;

	for (size_t i = 0; i < rule->more_domain_count && !has; i++)
		has = rule->more_domains[i][0] == '~';
	return has;
}

int rule_check_patterns(struct call *call, const struct listener *listener, const struct rule *rule,
			const char *prefix)
{
	if (!rule_has_pattern(rule) ||
	    listener_pattern_count(listener) <= LIMIT_PATTERNS_PER_LISTENER)
		return 0;
	return problem_set(&call->problem, "LimitExceeded", prefix,
			   "The rules of a listener may have %d regular expressions, in domains "
			   "and URLs together.",
			   LIMIT_PATTERNS_PER_LISTENER);
}

bool listener_has_domain(const struct listener *listener, const char *domain)
{
	for (size_t i = 0; i < listener->rule_count; i++) {
		if (rule_has_domain(listener->rules[i], domain))
			return true;
	}
	return false;
}

int default_settle(struct call *call, struct listener *listener, const char *wanted)
{
	const char *domain = wanted ? wanted : listener->default_domain;
	int error;

	if (listener->rule_count == 0 || listener_has_domain(listener, ""))
		domain = "";
	else if (!*domain || !listener_has_domain(listener, domain))
		domain = listener->rules[0]->domain;
	if (strcmp(domain, listener->default_domain) == 0)
		return 0;
	error = text_set(&listener->default_domain, domain);
	return error == 0 ? store_update_listener(call->control->store, listener) : error;
}

int default_refuse(struct call *call, const char *field)
{
	return problem_set(&call->problem, "InvalidParameter", field,
			   "%s: rules without a domain answer every host that no other rule names, "
			   "so no domain can be the default.",
			   field);
}

int default_read(struct call *call, const struct listener *listener,
		 char ret_wanted[LIMIT_DOMAIN + 1])
{
	const char *text = input_text(call->input, "NewDefaultServerDomain");
	char wanted[LIMIT_DOMAIN + 1];

	if (!text || !*text)
		return 0;
	if (listener_has_domain(listener, ""))
		return default_refuse(call, "NewDefaultServerDomain");
	if (!domain_lower_copy(text, wanted) || !listener_has_domain(listener, wanted))
		return problem_set(&call->problem, "InvalidParameter", "NewDefaultServerDomain",
				   "NewDefaultServerDomain: no rule of the listener has the domain "
				   "%.80s then.",
				   text);
	memcpy(ret_wanted, wanted, sizeof(wanted));
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder's view of routes: a row of paths for every domain and URL of a rule, in the order in
 * which the look-up wants them; regular expressions, each once; where redirections lead. Runs on
 * control's thread, which owns the model.
 */
#include "model/snapshot_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int path_order(const void *a, const void *b)
{
	const struct planned_path *first = a, *second = b;
	int order = (int)first->domain_form - (int)second->domain_form;

	/* What is left out of a wildcard is the same in all of its kind, and below any other byte:
	 * the whole compares as the rest does. */
	if (order == 0 && first->domain_form == DOMAIN_PATTERN)
		order = (first->host_order > second->host_order) -
			(first->host_order < second->host_order);
	else if (order == 0 && first->domain_text.offset != second->domain_text.offset)
		order = strcmp(first->domain, second->domain);
	if (order == 0)
		order = (int)first->url.form - (int)second->url.form;
	if (order)
		return order;
	if (first->url.form == URL_PATTERN)
		return (first->rule > second->rule) - (first->rule < second->rule);
	return bytes_compare(first->url.rest, second->url.rest);
}

/* The entry of an expression that ends the text `whole`. */
static int plan_pattern(struct snapshot_plan *plan, struct bytes expression, bool is_caseless,
			struct snapshot_text whole, uint32_t *ret_entry)
{
	char key[LIMIT_URL + 1];
	uint32_t entry, known = plan->pattern_keys.entry_count;
	int error;

	if (expression.size > LIMIT_URL)
		return -EINVAL;
	memcpy(key, expression.at, expression.size);
	key[expression.size] = (char)is_caseless;
	error = intern_add(&plan->pattern_keys, (struct bytes){ key, expression.size + 1 }, &entry);
	if (error)
		return error;
	if (entry == known)
		plan->patterns[entry] = (struct planned_pattern){
			.text = { whole.offset + whole.size - (uint32_t)expression.size,
				  (uint32_t)expression.size },
			.is_caseless = is_caseless,
		};
	*ret_entry = entry;
	return 0;
}

/* Regular expressions of one listener's domains so far, in order of creation. */
struct seen_hosts {
	uint32_t count;
	uint32_t offsets[LIMIT_PATTERNS_PER_LISTENER];
};

static int host_order(struct seen_hosts *seen, struct snapshot_text domain, uint32_t *ret_order)
{
	uint32_t i = 0;

	while (i < seen->count && seen->offsets[i] != domain.offset)
		i++;
	if (i == LIMIT_PATTERNS_PER_LISTENER)
		return -E2BIG;
	if (i == seen->count)
		seen->offsets[seen->count++] = domain.offset;
	*ret_order = i;
	return 0;
}

static int plan_path(struct snapshot_plan *plan, uint32_t row, const char *domain,
		     struct seen_hosts *seen)
{
	struct planned_path *path = &plan->paths[plan->path_count];
	const struct planned_rule *planned = &plan->rules[row];
	struct bytes rest;
	int error;

	*path = (struct planned_path){
		.domain = domain,
		.rule = row,
		.host_pattern = SNAPSHOT_NONE,
		.pattern = SNAPSHOT_NONE,
		.domain_form = domain_form_of(bytes_of(domain), &rest),
		.url = url_parts_of(bytes_of(planned->rule->url)),
	};
	error = snapshot_plan_text(plan, domain, &path->domain_text);
	if (error == 0 && path->domain_form == DOMAIN_PATTERN)
		error = host_order(seen, path->domain_text, &path->host_order);
	if (error == 0 && path->domain_form == DOMAIN_PATTERN)
		error = plan_pattern(plan, rest, true, path->domain_text, &path->host_pattern);
	if (error == 0 && path->url.form == URL_PATTERN)
		error = plan_pattern(plan, path->url.rest, path->url.is_caseless, planned->url,
				     &path->pattern);
	if (error == 0)
		plan->path_count++;
	return error;
}

int snapshot_plan_paths(struct snapshot_plan *plan, const struct listener *listener, uint32_t first)
{
	struct seen_hosts seen = { .count = 0 };
	uint32_t began = plan->path_count, patterns = 0;
	struct planned_path *paths = plan->paths + began;
	int error = 0;

	for (uint32_t i = 0; error == 0 && i < listener->rule_count; i++) {
		const struct rule *rule = listener->rules[i];

		error = plan_path(plan, first + i, rule->domain, &seen);
		for (size_t j = 0; error == 0 && j < rule->more_domain_count; j++)
			error = plan_path(plan, first + i, rule->more_domains[j], &seen);
		patterns += url_parts_of(bytes_of(rule->url)).form == URL_PATTERN;
	}
	if (error == 0 && seen.count + patterns > LIMIT_PATTERNS_PER_LISTENER)
		error = -E2BIG;
	if (error)
		return error;
	if (plan->path_count - began > 1)
		qsort(paths, plan->path_count - began, sizeof(*paths), path_order);
	for (uint32_t i = 0; i < plan->path_count - began; i++) {
		if (i == 0 || paths[i].domain_text.offset != paths[i - 1].domain_text.offset)
			plan->counts[SNAPSHOT_HOSTS]++;
	}
	return 0;
}

/* The row of that rule, or SNAPSHOT_NONE: its listener is stopped, or it is not there. */
static uint32_t row_of_rule(const struct instance *instance, uint32_t first, uint64_t number)
{
	struct listener *owner;
	uint32_t row = first;

	if (!instance_find_rule(instance, number, &owner) || owner->is_stopped)
		return SNAPSHOT_NONE;
	for (size_t i = 0; instance->listeners[i] != owner; i++) {
		if (!instance->listeners[i]->is_stopped)
			row += planned_rule_count(instance->listeners[i]);
	}
	for (size_t i = 0; owner->rules[i]->number != number; i++)
		row++;
	return row;
}

void snapshot_plan_redirects(struct snapshot_plan *plan, const struct instance *instance,
			     uint32_t first, uint32_t behind)
{
	for (uint32_t row = first; row < behind; row++) {
		struct planned_rule *planned = &plan->rules[row];

		planned->redirect = SNAPSHOT_NONE;
		if (planned->rule && planned->rule->redirect_rule)
			planned->redirect =
				row_of_rule(instance, first, planned->rule->redirect_rule);
	}
}

static struct bytes text_of(const struct snapshot_plan *plan, struct snapshot_text text)
{
	return (struct bytes){ plan->texts.bytes + text.offset, text.size };
}

static int pattern_order(const void *a, const void *b, void *context)
{
	const struct snapshot_plan *plan = context;
	const struct planned_pattern *first = &plan->patterns[*(const uint32_t *)a];
	const struct planned_pattern *second = &plan->patterns[*(const uint32_t *)b];
	int order = bytes_compare(text_of(plan, first->text), text_of(plan, second->text));

	return order ? order : (int)first->is_caseless - (int)second->is_caseless;
}

int snapshot_plan_patterns(struct snapshot_plan *plan)
{
	uint32_t count = plan->pattern_keys.entry_count;
	uint32_t *order;

	plan->counts[SNAPSHOT_PATTERNS] = count;
	if (count == 0)
		return 0;
	order = calloc(count, sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	qsort_r(order, count, sizeof(*order), pattern_order, plan);
	for (uint32_t i = 0; i < count; i++)
		plan->patterns[order[i]].row = i;
	free(order);
	return 0;
}

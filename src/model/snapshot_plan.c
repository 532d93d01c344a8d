/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, gathering, sorting. Runs on control's thread, which owns the model. */
#include "model/snapshot_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/route_text.h"
#include "model/turns.h"
#include "model/validate.h"

int snapshot_plan_text(struct snapshot_plan *plan, const char *text, struct snapshot_text *ret)
{
	uint32_t entry;
	int error = intern_add(&plan->texts, bytes_of(text), &entry);

	if (error)
		return error;
	*ret = (struct snapshot_text){ plan->texts.entries[entry].offset,
				       plan->texts.entries[entry].size };
	return 0;
}

static int turns_append(struct snapshot_plan *plan, const uint16_t *weights, size_t count,
			struct snapshot_run *ret)
{
	size_t period = turns_period(weights, count);
	size_t used = plan->counts[SNAPSHOT_TURNS];

	if (period > LIMIT_SNAPSHOT_SIZE / sizeof(*plan->turns) - used)
		return -E2BIG;
	if (used + period > plan->turns_room) {
		size_t room = (used + period) * 2 + 1024;
		uint16_t *grown = reallocarray(plan->turns, room, sizeof(*plan->turns));

		if (!grown)
			return -ENOMEM;
		plan->turns = grown;
		plan->turns_room = room;
	}
	if (period > 0)
		turns_layout(weights, count, plan->turns + used);
	*ret = (struct snapshot_run){ (uint32_t)used, (uint32_t)period };
	plan->counts[SNAPSHOT_TURNS] += (uint32_t)period;
	return 0;
}

/* Rows whose weights stand in the same proportions share one run. */
static int plan_turns(struct snapshot_plan *plan, struct target *const *targets, size_t count,
		      struct snapshot_run *ret)
{
	uint16_t weights[LIMIT_TARGETS_PER_RULE];
	uint32_t entry, known = plan->weights.entry_count;
	size_t sum = 0, divisor;
	int error;

	if (count > LIMIT_TARGETS_PER_RULE)
		return -E2BIG;
	for (size_t i = 0; i < count; i++) {
		weights[i] = targets[i]->weight;
		if (weights[i] > WEIGHT_MOST)
			return -EINVAL;
		sum += weights[i];
	}
	if (sum > 0) {
		divisor = sum / turns_period(weights, count);
		for (size_t i = 0; i < count; i++)
			weights[i] = (uint16_t)(weights[i] / divisor);
	}
	error = intern_add(&plan->weights,
			   (struct bytes){ (const char *)weights, count * sizeof(*weights) },
			   &entry);
	if (error)
		return error;
	if (entry == known) {
		error = turns_append(plan, weights, count, &plan->weight_turns[entry]);
		if (error)
			return error;
	}
	*ret = plan->weight_turns[entry];
	return 0;
}

static int plan_rule(struct snapshot_plan *plan, const struct rule *rule,
		     struct planned_rule *planned)
{
	const char *cookie_name = rule->cookie_name[0] ? rule->cookie_name : COOKIE_NAME_DEFAULT;
	int error = snapshot_plan_text(plan, rule->domain, &planned->domain);

	planned->rule = rule;
	if (error == 0)
		error = snapshot_plan_text(plan, rule->url, &planned->url);
	if (error == 0)
		error = snapshot_plan_text(plan, cookie_name, &planned->cookie_name);
	if (error == 0)
		error = snapshot_plan_health(plan, &rule->health_check, rule_host(rule),
					     &planned->check);
	if (error == 0)
		error = plan_turns(plan, rule->targets, rule->target_count, &planned->turns);
	return error;
}

static int plan_layer4(struct snapshot_plan *plan, const struct listener *listener,
		       struct planned_rule *planned)
{
	struct problem problem = { 0 };
	int error =
		validate_layer4(&listener->layer4, (enum protocol)listener->protocol, "", &problem);

	if (error == 0 && listener->rule_count > 0)
		error = -EINVAL;
	if (error == 0)
		error = snapshot_plan_text(plan, "", &planned->domain);
	if (error == 0)
		error = snapshot_plan_health(plan, &listener->health_check, "", &planned->check);
	if (error)
		return error;
	planned->url = planned->domain;
	planned->cookie_name = planned->domain;
	return plan_turns(plan, listener->targets, listener->target_count, &planned->turns);
}

/* `first` is the row of the listener's first rule. */
static int plan_listener(struct snapshot_plan *plan, const struct listener *listener,
			 uint32_t first)
{
	if (protocol_is_layer4((enum protocol)listener->protocol))
		return plan_layer4(plan, listener, &plan->rules[first]);
	if (listener->protocol != PROTOCOL_HTTP || listener->target_count > 0)
		return -EINVAL;
	for (uint32_t i = 0; i < listener->rule_count; i++) {
		int error = plan_rule(plan, listener->rules[i], &plan->rules[first + i]);

		if (error)
			return error;
	}
	return snapshot_plan_paths(plan, listener, first);
}

static int plan_count(struct snapshot_plan *plan, const struct model *model)
{
	size_t listeners = 0, rules = 0, targets = 0, layer4 = 0, more = 0;

	for (size_t i = 0; i < model->instance_count; i++) {
		const struct instance *instance = model->instances[i];

		for (size_t j = 0; j < instance->listener_count; j++) {
			const struct listener *listener = instance->listeners[j];

			if (listener->is_stopped)
				continue;
			listeners++;
			layer4 += protocol_is_layer4((enum protocol)listener->protocol);
			rules += listener->rule_count;
			targets += listener->target_count;
			for (size_t k = 0; k < listener->rule_count; k++) {
				const struct rule *rule = listener->rules[k];

				targets += rule->target_count;
				more += rule->more_domain_count;
				if (rule->more_domain_count >= LIMIT_DOMAINS_PER_RULE)
					return -E2BIG;
			}
		}
	}
	if (model->instance_count > LIMIT_INSTANCES || listeners > LIMIT_LISTENERS ||
	    rules > LIMIT_RULES || targets > LIMIT_TARGETS || model->key_count > COOKIE_KEYS_MOST)
		return -E2BIG;
	plan->counts[SNAPSHOT_INSTANCES] = (uint32_t)model->instance_count;
	plan->counts[SNAPSHOT_LISTENERS] = (uint32_t)listeners;
	plan->counts[SNAPSHOT_RULES] = (uint32_t)(rules + layer4);
	plan->counts[SNAPSHOT_PATHS] = (uint32_t)(rules + more);
	plan->counts[SNAPSHOT_TARGETS] = (uint32_t)targets;
	plan->counts[SNAPSHOT_KEYS] = (uint32_t)model->key_count;
	return 0;
}

static int plan_reserve(struct snapshot_plan *plan)
{
	size_t rules = plan->counts[SNAPSHOT_RULES] + 1ul;
	size_t paths = plan->counts[SNAPSHOT_PATHS] + 1ul;

	plan->rules = calloc(rules, sizeof(*plan->rules));
	plan->paths = calloc(paths, sizeof(*plan->paths));
	plan->patterns = calloc(paths + rules, sizeof(*plan->patterns));
	plan->weight_turns = calloc(rules, sizeof(*plan->weight_turns));
	plan->instance_names =
		calloc(plan->counts[SNAPSHOT_INSTANCES] + 1ul, sizeof(*plan->instance_names));
	plan->access_logs =
		calloc(plan->counts[SNAPSHOT_LISTENERS] + 1ul, sizeof(*plan->access_logs));
	if (!plan->rules || !plan->paths || !plan->patterns || !plan->weight_turns ||
	    !plan->instance_names || !plan->access_logs)
		return -ENOMEM;
	return 0;
}

int snapshot_plan_make(const struct model *model, struct snapshot_plan *plan)
{
	uint32_t rule = 0, row = 0;
	int error = plan_count(plan, model);

	if (error == 0)
		error = plan_reserve(plan);
	if (error == 0)
		error = snapshot_plan_http(plan, model);
	if (error == 0)
		error = snapshot_plan_access(plan, model);
	for (size_t i = 0; error == 0 && i < model->instance_count; i++) {
		const struct instance *instance = model->instances[i];
		uint32_t first = rule;

		error = snapshot_plan_text(plan, instance->name, &plan->instance_names[i]);
		for (size_t j = 0; error == 0 && j < instance->listener_count; j++) {
			const struct listener *listener = instance->listeners[j];

			if (listener->is_stopped)
				continue;
			error = snapshot_plan_text(plan, listener->access_log,
						   &plan->access_logs[row++]);
			if (error == 0)
				error = plan_listener(plan, listener, rule);
			rule += planned_rule_count(listener);
		}
		if (error == 0)
			snapshot_plan_redirects(plan, instance, first, rule);
	}
	if (error == 0)
		error = snapshot_plan_patterns(plan);
	plan->counts[SNAPSHOT_CHECKS] = plan->checks.entry_count;
	plan->counts[SNAPSHOT_TEXT] = (uint32_t)plan->texts.size;
	return error;
}

void snapshot_plan_done(struct snapshot_plan *plan)
{
	intern_done(&plan->texts);
	intern_done(&plan->checks);
	intern_done(&plan->pattern_keys);
	intern_done(&plan->weights);
	free(plan->weight_turns);
	free(plan->turns);
	free(plan->rules);
	free(plan->paths);
	free(plan->patterns);
	free(plan->instance_names);
	free(plan->access_logs);
	free(plan->ranges);
	free(plan->access);
	free(plan->https);
	free(plan->fields);
	free(plan->pages);
	free(plan->custom_rows);
	free(plan->instance_https);
	*plan = (struct snapshot_plan){ 0 };
}

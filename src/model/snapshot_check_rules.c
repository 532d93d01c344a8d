/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker's second half: rules with their targets and turns. Runs of targets follow each other
 * without gap or overlap, so every row has exactly one owner. Linear. Any thread.
 */
#include <string.h>

#include "model/charset.h"
#include "model/snapshot_check.h"
#include "model/turns.h"
#include "model/words.h"

static const char *target_fault(struct snapshot_checker *checker, uint32_t row, uint32_t rule,
				uint64_t number_before)
{
	static const uint16_t zeros[sizeof(checker->view.targets->unused) / sizeof(uint16_t)];
	const struct snapshot_target *target = &checker->view.targets[row];

	if (target->number <= number_before || target->number > LIMIT_NUMBER)
		return "the number does not rise, or is too large";
	if (target->rule != rule)
		return "belongs to another rule";
	if (!snapshot_address_is_good(&target->address))
		return "bad address";
	if (target->slot >= LIMIT_TARGETS ||
	    !snapshot_bit_is_new(checker->target_slots, target->slot))
		return "the slot is out of range or taken";
	if (target->weight > WEIGHT_MOST)
		return "the weight is above 100";
	if (memcmp(target->unused, zeros, sizeof(zeros)) != 0)
		return "unused bytes are not zero";
	return NULL;
}

static int check_targets(struct snapshot_checker *checker, uint32_t rule)
{
	struct snapshot_run run = checker->view.rules[rule].targets;
	uint64_t number = 0;

	for (uint32_t row = run.first; row < run.first + run.count; row++) {
		const char *fault = target_fault(checker, row, rule, number);

		if (fault)
			return snapshot_refuse(checker, SNAPSHOT_TARGETS, row, "%s", fault);
		number = checker->view.targets[row].number;
	}
	return 0;
}

/* One whole period, in which every target has exactly the turns that its weight is worth. */
static int check_turns(struct snapshot_checker *checker, uint32_t row)
{
	const struct snapshot_rule *rule = &checker->view.rules[row];
	const struct snapshot_target *targets = checker->view.targets + rule->targets.first;
	const uint16_t *turns = checker->view.turns + rule->turns.first;
	uint32_t total = checker->counts[SNAPSHOT_TURNS];
	uint16_t weights[LIMIT_TARGETS_PER_RULE];
	uint32_t had[LIMIT_TARGETS_PER_RULE]; /* cleared as far as it is used */
	uint64_t sum = 0;
	size_t period;

	for (uint32_t i = 0; i < rule->targets.count; i++) {
		weights[i] = targets[i].weight;
		had[i] = 0;
		sum += weights[i];
	}
	period = turns_period(weights, rule->targets.count);
	if (rule->turns.count != period || rule->turns.first > total ||
	    rule->turns.count > total - rule->turns.first)
		return snapshot_refuse(checker, SNAPSHOT_RULES, row,
				       "its turns are not a period of %zu within the section",
				       period);
	for (uint32_t i = 0; i < period; i++) {
		if (turns[i] >= rule->targets.count)
			return snapshot_refuse(checker, SNAPSHOT_TURNS, rule->turns.first + i,
					       "no target %u in rule %u", turns[i], row);
		had[turns[i]]++;
	}
	for (uint32_t i = 0; i < rule->targets.count; i++) {
		if (had[i] * sum != weights[i] * (uint64_t)period)
			return snapshot_refuse(checker, SNAPSHOT_RULES, row,
					       "target %u has %u turns, not its weight's share", i,
					       had[i]);
	}
	return 0;
}

static bool cookie_name_is_good(const struct snapshot_checker *checker, struct snapshot_text name)
{
	struct bytes text = snapshot_bytes(&checker->view, name);

	return snapshot_text_is_good(checker, name, LIMIT_COOKIE_NAME) && text.size > 0 &&
	       charset_token(text) == text.size;
}

static const char *http_rule_fault(struct snapshot_checker *checker,
				   const struct snapshot_rule *rule)
{
	if (rule->number == 0 || rule->number > LIMIT_NUMBER)
		return "bad number";
	if (!snapshot_id_is_good(rule->id))
		return "bad id";
	if (rule->slot >= LIMIT_RULES || !snapshot_bit_is_new(checker->rule_slots, rule->slot))
		return "the slot is out of range or taken";
	if (!snapshot_text_is_good(checker, rule->domain, LIMIT_DOMAIN))
		return "bad domain"; /* its characters are checked with its host */
	if (!snapshot_text_is_good(checker, rule->url, LIMIT_URL))
		return "bad url"; /* its characters are checked with its path */
	if (!cookie_name_is_good(checker, rule->cookie_name))
		return "bad cookie name";
	if (rule->strips_cookie > 1)
		return "a flag is not 0 or 1";
	if (!scheduler_name((enum scheduler)rule->scheduler))
		return "no such scheduler";
	return snapshot_redirect_fault(checker, rule);
}

/* `rule` is row `row` and stands for `listener`, which was checked. */
static const char *layer4_rule_fault(const struct snapshot_checker *checker,
				     const struct snapshot_rule *rule, uint32_t row,
				     const struct snapshot_listener *listener)
{
	if (listener->rule != row)
		return "another rule stands for its listener";
	if (rule->number != listener->number || memcmp(rule->id, listener->id, LIMIT_ID) != 0 ||
	    rule->slot != LIMIT_RULES + listener->slot)
		return "its number, id or slot is not its listener's";
	if (!snapshot_text_is_good(checker, rule->domain, 0) ||
	    !snapshot_text_is_good(checker, rule->url, 0) ||
	    !snapshot_text_is_good(checker, rule->cookie_name, 0))
		return "layer 4, and yet it has a domain, url or cookie name";
	if (rule->strips_cookie)
		return "layer 4, and yet it strips a cookie";
	if (rule->redirect != SNAPSHOT_NONE || rule->redirect_code)
		return "layer 4, and yet it redirects";
	if (rule->scheduler != SCHEDULER_WRR && rule->scheduler != SCHEDULER_LEAST_CONN)
		return "a scheduler that layer 4 does not have";
	return snapshot_redirect_fault(checker, rule);
}

static const char *rule_fault(struct snapshot_checker *checker, uint32_t row)
{
	const struct snapshot_rule *rule = &checker->view.rules[row];
	uint32_t session = rule->session_expire_s;
	const struct snapshot_listener *listener;
	const char *fault;

	if (rule->listener >= checker->counts[SNAPSHOT_LISTENERS])
		return "no such listener";
	listener = &checker->view.listeners[rule->listener];
	fault = protocol_is_layer4((enum protocol)listener->protocol)
			? layer4_rule_fault(checker, rule, row, listener)
			: http_rule_fault(checker, rule);
	if (!fault)
		fault = snapshot_rule_health_fault(checker, rule,
						   (enum protocol)listener->protocol);
	if (fault)
		return fault;
	if (rule->keeps_draining > 1)
		return "a flag is not 0 or 1";
	if (session != 0 && (session < SESSION_EXPIRE_LEAST_S || session > SESSION_EXPIRE_MOST_S))
		return "bad session time";
	if (session != 0 && rule->scheduler != SCHEDULER_WRR)
		return "persistence with another scheduler than WRR";
	if (rule->unused)
		return "unused bytes are not zero";
	if (rule->targets.count > LIMIT_TARGETS_PER_RULE)
		return "too many targets";
	return NULL;
}

int snapshot_check_rules(struct snapshot_checker *checker)
{
	uint32_t count = checker->counts[SNAPSHOT_RULES];
	uint32_t targets = 0;

	for (uint32_t row = 0; row < count; row++) {
		const struct snapshot_rule *rule = &checker->view.rules[row];
		const char *fault = rule_fault(checker, row);
		int error;

		if (!fault && !snapshot_run_follows(rule->targets, &targets,
						    checker->counts[SNAPSHOT_TARGETS]))
			fault = "its targets do not follow those of the rule before";
		if (fault)
			return snapshot_refuse(checker, SNAPSHOT_RULES, row, "%s", fault);
		error = check_targets(checker, row);
		if (error == 0)
			error = check_turns(checker, row);
		if (error)
			return error;
		/* A layer-4 row has its listener's number, which was compared there. */
		if (rule->slot < LIMIT_RULES)
			checker->numbers[checker->http_rules++] = rule->number;
	}
	if (targets != checker->counts[SNAPSHOT_TARGETS])
		return snapshot_refuse(checker, SNAPSHOT_TARGETS, targets, "belongs to no rule");
	if (!snapshot_numbers_differ(checker, checker->http_rules))
		return snapshot_refuse(checker, SNAPSHOT_RULES, 0, "a number stands twice");
	return 0;
}

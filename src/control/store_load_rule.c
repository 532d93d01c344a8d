/* SPDX-License-Identifier: Apache-2.0 */
/* Reading rules, their domains and redirections, and servers. Control's one thread. */
#include "control/store_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/host_address.h"
#include "model/validate.h"
#include "process/log.h"

static void check_rule(struct row *row, const struct rule *rule)
{
	struct problem problem = { 0 };

	if (*rule->domain)
		load_check(row, 4, validate_domain(rule->domain, "domain", &problem), &problem);
	load_check(row, 5, validate_url(rule->url, "url", &problem), &problem);
	load_check(row, 10, validate_session_expire(rule->session_expire_s, "session", &problem),
		   &problem);
	load_check(row, 10,
		   validate_session_scheduler(rule->session_expire_s,
					      (enum scheduler)rule->scheduler, "session", &problem),
		   &problem);
	if (*rule->cookie_name)
		load_check(row, 11, validate_cookie_name(rule->cookie_name, "cookie", &problem),
			   &problem);
}

static void read_rule(struct row *row, struct rule *rule)
{
	rule->number = load_number(row, 0);
	load_id(row, 1, "loc-", rule->id);
	rule->slot = (uint32_t)row_integer(row, 3, 0, LIMIT_RULES - 1);
	load_text(row, 4, LIMIT_DOMAIN, &rule->domain);
	load_text(row, 5, LIMIT_URL, &rule->url);
	rule->scheduler = (uint8_t)row_integer(row, 6, SCHEDULER_WRR, SCHEDULER_IP_HASH);
	rule->forward_type = (uint8_t)row_integer(row, 7, FORWARD_HTTP, FORWARD_HTTP);
	rule->has_http2 = row_integer(row, 8, 0, 0) != 0;
	rule->strips_cookie = row_integer(row, 9, 0, 1) != 0;
	rule->session_expire_s = (uint32_t)row_integer(row, 10, 0, SESSION_EXPIRE_MOST_S);
	load_text(row, 11, LIMIT_COOKIE_NAME, &rule->cookie_name);
	load_health(row, 12, PROTOCOL_HTTP, &rule->health_check);
	rule->created_at = row_integer(row, 13, 0, TIME_MOST);
	rule->keeps_draining = row_integer(row, 14, 0, 1) != 0;
	rule->target_type = (uint8_t)row_integer(row, 15, TARGETS_OWN, TARGETS_GROUP);
	if (row->error == 0)
		check_rule(row, rule);
}

int load_rule(struct row *row, void *context)
{
	struct load *load = context;
	struct listener *listener =
		load_find(load->listeners.nouns, load->listeners.count, load_number(row, 2));
	struct rule *rule;

	if (!listener)
		return row_bad(row, 2, "no such listener");
	if (protocol_is_layer4((enum protocol)listener->protocol))
		return row_bad(row, 2, "a TCP or UDP listener has no rules");
	rule = rule_new();
	if (!rule)
		return -ENOMEM;
	read_rule(row, rule);
	if (row->error == 0)
		row->error = listener_add_rule(listener, rule);
	if (row->error != 0) {
		rule_free(rule);
		return row->error;
	}
	return load_parent(&load->rules, rule);
}

int load_rule_domain(struct row *row, void *context)
{
	struct load *load = context;
	struct rule *rule = load_find(load->rules.nouns, load->rules.count, load_number(row, 0));
	struct problem problem = { 0 };
	char **domains, *domain;
	bool is_known;

	if (!rule)
		return row_bad(row, 0, "no such rule");
	if (rule->more_domain_count + 1 >= LIMIT_DOMAINS_PER_RULE)
		return row_bad(row, 0, "too many domains");
	domains = reallocarray(rule->more_domains, rule->more_domain_count + 1, sizeof(*domains));
	if (!domains)
		return -ENOMEM;
	rule->more_domains = domains;
	domains[rule->more_domain_count] = row_text_copy(row, 1, LIMIT_DOMAIN);
	if (row->error != 0)
		return row->error;
	domain = domains[rule->more_domain_count];
	is_known = rule_has_domain(rule, domain);
	rule->more_domain_count++; /* the rule's from here on */
	if (!*rule->domain || is_known)
		return row_bad(row, 1, "the rule has it already, or answers any host");
	return load_check(row, 1, validate_domain(domain, "domain", &problem), &problem);
}

int load_redirect(struct row *row, void *context)
{
	struct load *load = context;
	struct rule *rule = load_find(load->rules.nouns, load->rules.count, load_number(row, 0));

	if (!rule)
		return row_bad(row, 0, "no such rule");
	rule->redirect_rule = load_number(row, 1);
	rule->redirect_code = (uint16_t)row_integer(row, 2, 301, 307);
	rule->redirect_takes_url = row_integer(row, 3, 0, 1) != 0;
	return row->error;
}

static int refuse_redirect(const struct rule *rule, const char *reason)
{
	log_event(LOG_LEVEL_ERROR, "store_damaged", "table", "redirect", "row",
		  log_number((int64_t)rule->number), "column", "target", "reason", reason, NULL);
	return -EBADMSG;
}

static int check_redirects_of(const struct instance *instance, const struct listener *listener)
{
	for (size_t i = 0; i < listener->rule_count; i++) {
		const struct rule *rule = listener->rules[i], *target;

		if (rule->redirect_rule == 0)
			continue;
		target = instance_find_rule(instance, rule->redirect_rule, NULL);
		if (!target)
			return refuse_redirect(rule, "a rule of another instance");
		if (target->redirect_rule != 0)
			return refuse_redirect(rule, "a rule that is redirected itself");
	}
	return 0;
}

int load_check_redirects(const struct load *load)
{
	const struct model *model = load->model;
	int error = 0;

	for (size_t i = 0; i < model->instance_count && error == 0; i++) {
		const struct instance *instance = model->instances[i];

		for (size_t j = 0; j < instance->listener_count && error == 0; j++)
			error = check_redirects_of(instance, instance->listeners[j]);
	}
	return error;
}

static void read_target(struct row *row, struct target *target)
{
	target->number = load_number(row, 0);
	target->slot = (uint32_t)row_integer(row, 3, 0, LIMIT_TARGETS - 1);
	load_server(row, 4, &target->address);
	target->weight = (uint16_t)row_integer(row, 6, 0, WEIGHT_MOST);
	load_text(row, 7, LIMIT_NAME_BYTES * 2, &target->tag);
	target->created_at = row_integer(row, 8, 0, TIME_MOST);
}

static int add_target(struct row *row, const struct load *load, struct target *target)
{
	bool is_layer4 = !row_is_null(row, 1);
	int column = is_layer4 ? 1 : 2;
	const struct parents *parents = is_layer4 ? &load->listeners : &load->rules;
	void *parent = load_find(parents->nouns, parents->count, load_number(row, column));
	struct listener *listener = is_layer4 ? parent : NULL;
	struct rule *rule = is_layer4 ? NULL : parent;

	if (!parent)
		return row_bad(row, column, is_layer4 ? "no such listener" : "no such rule");
	if (listener && !protocol_is_layer4((enum protocol)listener->protocol))
		return row_bad(row, column, "its listener is neither TCP nor UDP");
	if ((listener ? listener->target_count : rule->target_count) >= LIMIT_TARGETS_PER_RULE)
		return row_bad(row, column, "too many servers behind one rule or listener");
	return listener ? listener_add_target(listener, target) : rule_add_target(rule, target);
}

int load_target(struct row *row, void *context)
{
	struct load *load = context;
	struct target *target = target_new();

	if (!target)
		return -ENOMEM;
	read_target(row, target);
	if (row->error == 0)
		row->error = add_target(row, load, target);
	if (row->error != 0)
		target_free(target);
	return row->error;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Writing lists and redirections. The caller has a transaction open. Control's one thread. */
#include "control/store_setting.h"

#include "control/store_internal.h"

enum access_list { ACCESS_ALLOW = 1, ACCESS_DENY = 2 };

int store_set_tags(struct store *store, const struct instance *instance)
{
	struct value number = value_number(instance->number);
	int error = store_run(store, STATEMENT_CLEAR_TAGS, number);

	for (size_t i = 0; i < instance->tag_count && error == 0; i++)
		error = store_run(store, STATEMENT_INSERT_TAG, number, value_integer((int64_t)i),
				  value_text(instance->tags[i].key),
				  value_text(instance->tags[i].value));
	return error;
}

static int insert_access(struct store *store, const struct instance *instance,
			 enum access_list list)
{
	const struct access_control *access = &instance->access;
	const struct cidr *cidrs = list == ACCESS_ALLOW ? access->allow : access->deny;
	size_t count = list == ACCESS_ALLOW ? access->allow_count : access->deny_count;
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++) {
		char text[CIDR_TEXT_SIZE];

		cidr_format(&cidrs[i], text);
		error = store_run(store, STATEMENT_INSERT_ACCESS, value_number(instance->number),
				  value_integer(list), value_integer((int64_t)i), value_text(text));
	}
	return error;
}

int store_set_access(struct store *store, const struct instance *instance)
{
	int error = store_run(store, STATEMENT_CLEAR_ACCESS, value_number(instance->number));

	if (error == 0)
		error = insert_access(store, instance, ACCESS_ALLOW);
	return error == 0 ? insert_access(store, instance, ACCESS_DENY) : error;
}

int store_set_domains(struct store *store, const struct rule *rule)
{
	struct value number = value_number(rule->number);
	int error = store_run(store, STATEMENT_CLEAR_RULE_DOMAINS, number);

	for (size_t i = 0; i < rule->more_domain_count && error == 0; i++)
		error = store_run(store, STATEMENT_INSERT_RULE_DOMAIN, number,
				  value_integer((int64_t)i), value_text(rule->more_domains[i]));
	return error;
}

int store_set_redirect(struct store *store, const struct rule *rule)
{
	struct value number = value_number(rule->number);

	if (rule->redirect_rule == 0)
		return store_run(store, STATEMENT_CLEAR_REDIRECT, number);
	return store_run(store, STATEMENT_SET_REDIRECT, number, value_number(rule->redirect_rule),
			 value_integer(rule->redirect_code),
			 value_integer(rule->redirect_takes_url));
}

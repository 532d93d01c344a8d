/* SPDX-License-Identifier: Apache-2.0 */
/* Target groups, domains, redirections, stop flags and access lists in the store: what comes back,
 * what goes with what, and what is not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/store_group.h"
#include "control/store_setting.h"
#include "process/log.h"
#include "store_fixture.h"

static void push(struct cidr **list, size_t *count, const char *text)
{
	*list = realloc(*list, (*count + 1) * sizeof(**list));
	assert_int_equal(cidr_parse(text, &(*list)[(*count)++]), 0);
}

static struct instance *make_instance(struct fixture *fixture, struct model *model)
{
	struct instance *instance = instance_new();

	strcpy(instance->id, "lb-abcdefgh");
	set_text(&instance->name, "shop");
	instance->network = NETWORK_OPEN;
	instance->is_stopped = true;
	address_parse_ip(BYTES_LITERAL("127.0.0.1"), &instance->vip);
	push(&instance->access.allow, &instance->access.allow_count, "10.0.0.0/8");
	push(&instance->access.allow, &instance->access.allow_count, "2001:db8::/32");
	push(&instance->access.deny, &instance->access.deny_count, "10.1.2.3");
	assert_int_equal(store_insert_instance(fixture->store, instance), 0);
	assert_int_equal(model_add_instance(model, instance), 0);
	return instance;
}

static struct listener *make_listener(struct fixture *fixture, struct instance *instance,
				      enum protocol protocol, uint16_t port)
{
	struct listener *listener = listener_new();

	snprintf(listener->id, sizeof(listener->id), "lbl-%04u%04u", (unsigned)protocol, port);
	set_text(&listener->name, "a");
	listener->protocol = (uint8_t)protocol;
	listener->port = port;
	listener->scheduler = SCHEDULER_WRR;
	listener->access_log_format = protocol == PROTOCOL_HTTP ? ACCESS_LOG_BRACKETS : 0;
	if (protocol == PROTOCOL_TCP)
		layer4_defaults(&listener->layer4, protocol);
	health_check_defaults(&listener->health_check, protocol);
	assert_int_equal(store_insert_listener(fixture->store, instance, listener), 0);
	assert_int_equal(instance_add_listener(instance, listener), 0);
	return listener;
}

static struct rule *make_rule(struct fixture *fixture, struct listener *listener, const char *id,
			      const char *domain)
{
	struct rule *rule = rule_new();

	strcpy(rule->id, id);
	set_text(&rule->domain, domain);
	set_text(&rule->url, "/");
	rule->scheduler = SCHEDULER_WRR;
	rule->forward_type = FORWARD_HTTP;
	health_check_defaults(&rule->health_check, PROTOCOL_HTTP);
	rule->more_domains = calloc(2, sizeof(char *));
	for (int i = 0; i < 2; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%d.%s", i, domain);
		rule->more_domains[i] = strdup(text);
	}
	rule->more_domain_count = 2;
	assert_int_equal(store_insert_rule(fixture->store, listener, rule), 0);
	assert_int_equal(listener_add_rule(listener, rule), 0);
	return rule;
}

static void make_target(struct fixture *fixture, struct listener *listener, struct rule *rule,
			const struct group_member *member)
{
	struct target *target = target_new();

	target->address = member->address;
	target->weight = member->weight;
	assert_int_equal(store_insert_target(fixture->store, listener, rule, target), 0);
	if (rule)
		assert_int_equal(rule_add_target(rule, target), 0);
	else
		assert_int_equal(listener_add_target(listener, target), 0);
}

static struct target_group *make_group(struct fixture *fixture, struct model *model)
{
	struct target_group *group = target_group_new();

	strcpy(group->id, "lbtg-abcdefgh");
	set_text(&group->name, "web \xc3\xa4");
	group->port = 8080;
	group->created_at = 5;
	group->updated_at = 6;
	group->tags = calloc(1, sizeof(struct tag));
	group->tags[0] = (struct tag){ strdup("stage"), strdup("test") };
	group->tag_count = 1;
	assert_int_equal(store_insert_group(fixture->store, group), 0);
	assert_int_equal(model_add_group(model, group), 0);
	for (int i = 1; i <= 3; i++) {
		struct group_member member = { .weight = (uint16_t)(i * 10), .created_at = i };
		char text[32];

		snprintf(text, sizeof(text), "10.0.0.%d:80", i);
		assert_int_equal(address_parse(bytes_of(text), &member.address), 0);
		assert_int_equal(store_insert_member(fixture->store, group, &member), 0);
		assert_int_equal(target_group_add_member(group, &member), 0);
	}
	return group;
}

/* Rule 1 redirects to rule 2; rule 3 and TCP listener 2 stand on the group. */
static void fill(struct fixture *fixture, struct model *model)
{
	struct instance *instance;
	struct listener *http, *tcp;
	struct target_group *group;
	struct rule *first, *second, *third;

	assert_int_equal(store_begin(fixture->store), 0);
	group = make_group(fixture, model);
	instance = make_instance(fixture, model);
	http = make_listener(fixture, instance, PROTOCOL_HTTP, 80);
	tcp = make_listener(fixture, instance, PROTOCOL_TCP, 81);
	first = make_rule(fixture, http, "loc-aaaaaaaa", "a.example");
	second = make_rule(fixture, http, "loc-bbbbbbbb", "b.example");
	third = make_rule(fixture, http, "loc-cccccccc", "c.example");
	first->redirect_rule = second->number;
	first->redirect_code = 307;
	first->redirect_takes_url = true;
	assert_int_equal(store_set_redirect(fixture->store, first), 0);
	third->target_type = TARGETS_GROUP;
	third->group = group;
	assert_int_equal(store_update_rule(fixture->store, third), 0);
	assert_int_equal(store_bind_group(fixture->store, NULL, third), 0);
	tcp->target_type = TARGETS_GROUP;
	tcp->group = group;
	tcp->is_stopped = true;
	assert_int_equal(store_update_listener(fixture->store, tcp), 0);
	assert_int_equal(store_bind_group(fixture->store, tcp, NULL), 0);
	for (size_t i = 0; i < group->member_count; i++) {
		make_target(fixture, NULL, third, &group->members[i]);
		make_target(fixture, tcp, NULL, &group->members[i]);
	}
	assert_int_equal(store_commit(fixture->store), 0);
}

static void comes_back_whole(void **state)
{
	struct fixture *fixture = *state;
	struct model written = { 0 }, read = { 0 };
	const struct instance *instance;
	const struct target_group *group;
	const struct rule *rule;
	char text[CIDR_TEXT_SIZE];

	fill(fixture, &written);
	store_reopen(fixture, 0);
	assert_int_equal(store_load(fixture->store, &read), 0);
	instance = read.instances[0];
	assert_true(instance->is_stopped);
	assert_int_equal(instance->access.allow_count, 2);
	cidr_format(&instance->access.allow[1], text);
	assert_string_equal(text, "2001:db8::/32");
	cidr_format(&instance->access.deny[0], text);
	assert_string_equal(text, "10.1.2.3/32");
	assert_int_equal(read.group_count, 1);
	group = read.groups[0];
	assert_string_equal(group->id, "lbtg-abcdefgh");
	assert_string_equal(group->name, "web \xc3\xa4");
	assert_string_equal(group->tags[0].value, "test");
	assert_int_equal(group->port, 8080);
	assert_int_equal(group->member_count, 3);
	assert_int_equal(group->members[2].weight, 30);
	rule = instance->listeners[0]->rules[0];
	assert_int_equal(rule->more_domain_count, 2);
	assert_string_equal(rule->more_domains[1], "1.a.example");
	assert_int_equal(rule->redirect_rule, instance->listeners[0]->rules[1]->number);
	assert_int_equal(rule->redirect_code, 307);
	assert_true(rule->redirect_takes_url);
	assert_ptr_equal(listener_find_rule_by_url(instance->listeners[0], "0.a.example", "/"),
			 rule);
	assert_ptr_equal(instance->listeners[0]->rules[2]->group, group);
	assert_ptr_equal(instance->listeners[1]->group, group);
	assert_int_equal(instance->listeners[1]->target_count, 3);
	assert_true(instance->listeners[1]->is_stopped);
	assert_false(instance->listeners[0]->is_stopped);
	model_done(&written);
	model_done(&read);
}

/* A target rule takes the redirection along; a group stays as long as something stands on it. */
static void goes_with_its_owner(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 }, read = { 0 };
	const struct listener *http;

	fill(fixture, &model);
	http = model.instances[0]->listeners[0];
	assert_int_equal(store_begin(fixture->store), 0);
	assert_true(store_delete_group(fixture->store, model.groups[0]) < 0);
	store_rollback(fixture->store);
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_delete_rule(fixture->store, http->rules[1]), 0);
	assert_int_equal(store_delete_rule(fixture->store, http->rules[2]), 0);
	assert_int_equal(store_delete_listener(fixture->store, model.instances[0]->listeners[1]),
			 0);
	assert_int_equal(store_delete_group(fixture->store, model.groups[0]), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(store_load(fixture->store, &read), 0);
	assert_int_equal(read.group_count, 0);
	assert_int_equal(read.instances[0]->listener_count, 1);
	assert_int_equal(read.instances[0]->listeners[0]->rule_count, 1);
	assert_int_equal(read.instances[0]->listeners[0]->rules[0]->redirect_rule, 0);
	model_done(&model);
	model_done(&read);
}

static void lists_are_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 }, read = { 0 };
	struct instance *instance;
	struct rule *rule;

	fill(fixture, &model);
	instance = model.instances[0];
	rule = instance->listeners[0]->rules[0];
	free(rule->more_domains[1]);
	rule->more_domain_count = 1;
	rule->redirect_rule = 0;
	instance->access.allow_count = 0;
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_set_domains(fixture->store, rule), 0);
	assert_int_equal(store_set_redirect(fixture->store, rule), 0);
	assert_int_equal(store_set_access(fixture->store, instance), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(store_load(fixture->store, &read), 0);
	rule = read.instances[0]->listeners[0]->rules[0];
	assert_int_equal(rule->more_domain_count, 1);
	assert_string_equal(rule->more_domains[0], "0.a.example");
	assert_int_equal(rule->redirect_rule, 0);
	assert_int_equal(read.instances[0]->access.allow_count, 0);
	assert_int_equal(read.instances[0]->access.deny_count, 1);
	model_done(&model);
	model_done(&read);
}

static void bad_rows_are_refused(void **state)
{
	static const char *const changes[] = {
		"UPDATE access_entry SET cidr = '10.0.0.0/33' WHERE cidr = '10.0.0.0/8'",
		"UPDATE access_entry SET cidr = '10.0.0.1/8' WHERE cidr = '10.0.0.0/8'",
		"UPDATE access_entry SET cidr = '10.1.2.3' WHERE list = 2",
		"UPDATE access_entry SET cidr = '::ffff:10.0.0.0/104' WHERE list = 2",
		"PRAGMA foreign_keys = OFF; UPDATE access_entry SET instance = 9 WHERE list = 2",
		"UPDATE rule_domain SET domain = 'a.example' WHERE rule = 1 AND position = 0",
		"UPDATE rule_domain SET domain = '' WHERE rule = 1 AND position = 0",
		"UPDATE rule_domain SET domain = '_a' WHERE rule = 1 AND position = 0",
		"UPDATE rule SET domain = '' WHERE number = 1",
		"WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
		"INSERT INTO rule_domain SELECT 1, i, 'x' || i || '.example' FROM n",
		"UPDATE redirect SET target = 3; INSERT INTO redirect VALUES (3, 2, 302, 0)",
		"PRAGMA foreign_keys = OFF; UPDATE redirect SET target = 77",
		"UPDATE target_group SET name = char(7)",
		"UPDATE target_group SET id = 'lbtg-ABCDEFGH'",
		"UPDATE target_group_member SET ip = '0.0.0.0' WHERE number = 1",
		"UPDATE target_group_member SET ip = '10.0.0.9' WHERE number = 1",
		"UPDATE target_group_member SET weight = 11 WHERE number = 1",
		"DELETE FROM target_group_member WHERE number = 1",
		"DELETE FROM group_binding WHERE rule IS NOT NULL",
		"UPDATE rule SET target_type = 1 WHERE number = 3",
		"UPDATE listener SET target_type = 2 WHERE number = 1",
		"PRAGMA foreign_keys = OFF; UPDATE group_binding SET target_group = 5",
	};
	struct fixture *fixture = *state;
	struct model model = { 0 };

	fill(fixture, &model);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		store_refuses(fixture, changes[i]);
	model_done(&model);
}

static void networks_are_read_strictly(void **state)
{
	static const char *const bad[] = { "",         "10.0.0.0/",   "10.0.0.0/33",
					   "10.0.0/8", "10.0.0.1/8",  "10.0.0.0/-1",
					   "::/129",   "::1/64",      "/8",
					   "a/8",      "10.0.0.0/8 ", "10.0.0.0/008x" };
	struct cidr cidr;
	char text[CIDR_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cidr_parse(bad[i], &cidr), -EINVAL);
	assert_int_equal(cidr_parse("0.0.0.0/0", &cidr), 0);
	assert_int_equal(cidr.bits, 0);
	assert_int_equal(cidr_parse("::/0", &cidr), 0);
	assert_int_equal(cidr.address.family, ADDRESS_IPV6);
	assert_int_equal(cidr_parse("2001:DB8::1", &cidr), 0);
	cidr_format(&cidr, text);
	assert_string_equal(text, "2001:db8::1/128");
	assert_int_equal(cidr_parse("10.128.0.0/9", &cidr), 0);
	assert_int_equal(cidr_parse("10.192.0.0/9", &cidr), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_back_whole, store_set_up, store_tear_down),
		cmocka_unit_test_setup_teardown(goes_with_its_owner, store_set_up, store_tear_down),
		cmocka_unit_test_setup_teardown(lists_are_replaced, store_set_up, store_tear_down),
		cmocka_unit_test_setup_teardown(bad_rows_are_refused, store_set_up,
						store_tear_down),
		cmocka_unit_test(networks_are_read_strictly),
	};

	log_init("test", LOG_LEVEL_ERROR, LOG_KEY_VALUE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

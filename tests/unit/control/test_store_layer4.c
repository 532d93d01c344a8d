/* SPDX-License-Identifier: Apache-2.0 */
/* TCP and UDP listeners in the store: their settings, their servers, and what is not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/log.h"
#include "store_fixture.h"

static struct listener *make_listener(struct fixture *fixture, struct instance *instance,
				      enum protocol protocol, uint16_t port)
{
	struct listener *listener = listener_new();

	snprintf(listener->id, sizeof(listener->id), "lbl-%04u%04u", (unsigned)protocol, port);
	set_text(&listener->name, protocol_name(protocol));
	listener->protocol = (uint8_t)protocol;
	listener->port = port;
	listener->scheduler = SCHEDULER_WRR;
	layer4_defaults(&listener->layer4, protocol);
	health_check_defaults(&listener->health_check, protocol);
	assert_int_equal(store_insert_listener(fixture->store, instance, listener), 0);
	assert_int_equal(instance_add_listener(instance, listener), 0);
	return listener;
}

static struct target *make_target(struct fixture *fixture, struct listener *listener,
				  const char *address)
{
	struct target *target = target_new();

	assert_int_equal(address_parse(bytes_of(address), &target->address), 0);
	target->weight = 10;
	assert_int_equal(store_insert_target(fixture->store, listener, NULL, target), 0);
	assert_int_equal(listener_add_target(listener, target), 0);
	return target;
}

/* Listener 1 of TCP with two servers, 2 of UDP on the same port with one, 3 of HTTP. */
static void fill(struct fixture *fixture, struct model *model)
{
	struct instance *instance = instance_new();
	struct listener *listener;

	assert_int_equal(store_begin(fixture->store), 0);
	strcpy(instance->id, "lb-abcdefgh");
	set_text(&instance->name, "edge");
	instance->network = NETWORK_OPEN;
	address_parse_ip(BYTES_LITERAL("::1"), &instance->vip);
	assert_int_equal(store_insert_instance(fixture->store, instance), 0);
	assert_int_equal(model_add_instance(model, instance), 0);
	listener = make_listener(fixture, instance, PROTOCOL_TCP, 53);
	make_target(fixture, listener, "10.0.0.1:53");
	make_target(fixture, listener, "[2001:db8::1]:53");
	listener = make_listener(fixture, instance, PROTOCOL_UDP, 53);
	listener->scheduler = SCHEDULER_LEAST_CONN;
	assert_int_equal(store_update_listener(fixture->store, listener), 0);
	make_target(fixture, listener, "10.0.0.1:53");
	make_listener(fixture, instance, PROTOCOL_HTTP, 80);
	assert_int_equal(store_commit(fixture->store), 0);
}

static void assert_same_layer4(const struct layer4 *a, const struct layer4 *b)
{
	assert_int_equal(a->idle_timeout_s, b->idle_timeout_s);
	assert_int_equal(a->max_conn, b->max_conn);
	assert_int_equal(a->max_cps, b->max_cps);
	assert_int_equal(a->reschedule_start_s, b->reschedule_start_s);
	assert_int_equal(a->reschedule_interval_s, b->reschedule_interval_s);
	assert_int_equal(a->udp_responses, b->udp_responses);
	assert_int_equal(a->session_epoch, b->session_epoch);
	assert_int_equal(a->resets_deregistered, b->resets_deregistered);
	assert_int_equal(a->reschedules_zero_weight, b->reschedules_zero_weight);
	assert_int_equal(a->reschedules_unhealthy, b->reschedules_unhealthy);
	assert_int_equal(a->reschedules_expand, b->reschedules_expand);
	assert_int_equal(a->has_proxy_protocol, b->has_proxy_protocol);
	assert_int_equal(a->keeps_draining, b->keeps_draining);
}

static void assert_same(const struct model *a, const struct model *b)
{
	assert_int_equal(a->instances[0]->listener_count, b->instances[0]->listener_count);
	for (size_t i = 0; i < a->instances[0]->listener_count; i++) {
		const struct listener *left = a->instances[0]->listeners[i];
		const struct listener *right = b->instances[0]->listeners[i];

		assert_int_equal(left->number, right->number);
		assert_int_equal(left->slot, right->slot);
		assert_int_equal(left->protocol, right->protocol);
		assert_int_equal(left->scheduler, right->scheduler);
		assert_int_equal(left->session_expire_s, right->session_expire_s);
		assert_same_layer4(&left->layer4, &right->layer4);
		assert_int_equal(left->health_check.type, right->health_check.type);
		assert_int_equal(left->target_count, right->target_count);
		for (size_t j = 0; j < left->target_count; j++) {
			assert_int_equal(left->targets[j]->number, right->targets[j]->number);
			assert_int_equal(left->targets[j]->slot, right->targets[j]->slot);
			assert_true(address_equal(&left->targets[j]->address,
						  &right->targets[j]->address));
		}
	}
}

static void loads_what_was_written(struct fixture *fixture, const struct model *written)
{
	struct model read = { 0 };

	store_reopen(fixture, 0);
	assert_int_equal(store_load(fixture->store, &read), 0);
	assert_same(written, &read);
	model_done(&read);
}

static void comes_back_whole(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 };
	struct listener *listener;

	fill(fixture, &model);
	loads_what_was_written(fixture, &model);
	listener = model.instances[0]->listeners[0];
	listener->layer4 = (struct layer4){
		.idle_timeout_s = 900,
		.max_conn = 1,
		.max_cps = MAX_CONN_MOST,
		.reschedule_start_s = 1,
		.reschedule_interval_s = 3600,
		.session_epoch = UINT16_MAX,
		.resets_deregistered = true,
		.reschedules_unhealthy = true,
		.has_proxy_protocol = true,
		.keeps_draining = true,
	};
	listener_set_session_expire(listener, 60);
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_update_listener(fixture->store, listener), 0);
	listener = model.instances[0]->listeners[1];
	listener->layer4.idle_timeout_s = 10;
	listener->layer4.udp_responses = 2;
	listener->layer4.reschedules_zero_weight = true;
	listener->layer4.reschedules_expand = true;
	assert_int_equal(store_update_listener(fixture->store, listener), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	loads_what_was_written(fixture, &model);
	listener = model.instances[0]->listeners[0];
	listener_set_session_expire(listener, 0);
	assert_int_equal(store_update_listener(fixture->store, listener), 0);
	assert_int_equal(listener->layer4.session_epoch, 0);
	loads_what_was_written(fixture, &model);
	model_done(&model);
}

static void servers_change_and_go(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 };
	struct listener *listener;
	struct target *again = target_new();

	fill(fixture, &model);
	listener = model.instances[0]->listeners[0];
	assert_int_equal(store_begin(fixture->store), 0);
	again->address = listener->targets[0]->address;
	assert_int_equal(store_insert_target(fixture->store, listener, NULL, again), -EEXIST);
	target_free(again);
	listener->targets[1]->weight = 0;
	assert_int_equal(store_update_target(fixture->store, listener->targets[1]), 0);
	assert_int_equal(store_delete_target(fixture->store, listener->targets[0]), 0);
	listener_remove_target(listener, listener->targets[0]);
	/* Its slot waits for a newer generation. */
	assert_int_equal(make_target(fixture, listener, "10.0.0.3:53")->slot, 3);
	assert_int_equal(store_commit(fixture->store), 0);
	loads_what_was_written(fixture, &model);
	model_done(&model);
}

/* Deleting a listener takes its settings and servers; a later one has its own number and slot. */
static void listeners_go_whole(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 };
	struct instance *instance;
	struct listener *listener;
	int64_t slots[2];

	fill(fixture, &model);
	instance = model.instances[0];
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_delete_listener(fixture->store, instance->listeners[0]), 0);
	instance_remove_listener(instance, instance->listeners[0]);
	listener = make_listener(fixture, instance, PROTOCOL_TCP, 53);
	slots[0] = listener->slot;
	assert_int_equal(listener->number, 4);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(slots[0], 3);
	loads_what_was_written(fixture, &model);
	assert_int_equal(store_release_slots(fixture->store, 1), 0);
	assert_int_equal(store_begin(fixture->store), 0);
	slots[1] = make_listener(fixture, instance, PROTOCOL_TCP, 54)->slot;
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(slots[1], 0);
	model_done(&model);
}

/* A failed insert leaves no slot taken and no number given. */
static void a_taken_port_is_the_callers(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 };
	struct listener *listener = listener_new();

	fill(fixture, &model);
	strcpy(listener->id, "lbl-zzzzzzzz");
	set_text(&listener->name, "again");
	listener->protocol = PROTOCOL_UDP;
	listener->port = 53;
	listener->scheduler = SCHEDULER_WRR;
	layer4_defaults(&listener->layer4, PROTOCOL_UDP);
	health_check_defaults(&listener->health_check, PROTOCOL_UDP);
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_insert_listener(fixture->store, model.instances[0], listener),
			 -EEXIST);
	assert_int_equal(listener->number, 0);
	listener->port = 54;
	assert_int_equal(store_insert_listener(fixture->store, model.instances[0], listener), 0);
	assert_int_equal(listener->slot, 3);
	/* What the schema does not bear is refused as a whole. */
	listener->layer4.max_conn = 0;
	assert_true(store_update_listener(fixture->store, listener) < 0);
	store_rollback(fixture->store);
	listener_free(listener);
	loads_what_was_written(fixture, &model);
	model_done(&model);
}

/* A database as it was before layer 4 opens, and takes listeners of it. */
static void older_database_is_brought_up(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 };

	store_tamper(fixture,
		     BACK_TO_VERSION_4 "ALTER TABLE rule DROP COLUMN keeps_draining;"
				       "ALTER TABLE listener DROP COLUMN access_log_format;"
				       "ALTER TABLE listener DROP COLUMN access_log;"
				       "DROP TABLE layer4; PRAGMA user_version = 2");
	assert_int_equal(store_open(fixture->directory, &fixture->store), 0);
	fill(fixture, &model);
	loads_what_was_written(fixture, &model);
	model_done(&model);
}

static void bad_rows_are_refused(void **state)
{
	static const char *const changes[] = {
		"DELETE FROM layer4 WHERE listener = 1",
		"INSERT INTO layer4 VALUES (3, 900, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
		"PRAGMA foreign_keys = OFF;"
		"INSERT INTO layer4 VALUES (9, 900, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
		"UPDATE layer4 SET idle_timeout_s = 600 WHERE listener = 1",
		"UPDATE layer4 SET idle_timeout_s = 1981 WHERE listener = 2",
		"UPDATE layer4 SET idle_timeout_s = 4294967596 WHERE listener = 2",
		"UPDATE layer4 SET max_conn = 16777217",
		"UPDATE layer4 SET max_cps = 9223372036854775807",
		"UPDATE layer4 SET reschedule_start_s = 3601",
		"UPDATE layer4 SET reschedule_interval_s = 65536",
		"UPDATE layer4 SET udp_responses = 65536 WHERE listener = 2",
		"UPDATE layer4 SET udp_responses = 1 WHERE listener = 1",
		"UPDATE layer4 SET has_proxy_protocol = 1 WHERE listener = 2",
		"UPDATE listener SET access_log = 'a' WHERE number = 1",
		"UPDATE listener SET access_log_format = 1 WHERE number = 2",
		"UPDATE listener SET access_log = '../a' WHERE number = 3",
		"UPDATE listener SET access_log = '.a' WHERE number = 3",
		"UPDATE listener SET scheduler = 3 WHERE number = 1",
		"UPDATE listener SET scheduler = 2 WHERE number = 3",
		"UPDATE listener SET session_expire_s = 60 WHERE number = 2",
		"UPDATE listener SET session_expire_s = 60 WHERE number = 3",
		"UPDATE listener SET has_keepalive = 1 WHERE number = 1",
		"UPDATE listener SET default_domain = 'a.example' WHERE number = 1",
		"UPDATE listener SET protocol = 4, port = 54 WHERE number = 1",
		"UPDATE listener SET protocol = 5 WHERE number = 1",
		"UPDATE listener SET protocol = 6, port = 54 WHERE number = 2",
		"UPDATE listener SET protocol = 2 WHERE number = 3",
		"UPDATE listener SET health_check = '{\"CheckType\": \"PING\"}' WHERE number = 1",
		"UPDATE target SET listener = 3 WHERE number = 1",
		"PRAGMA foreign_keys = OFF; UPDATE target SET listener = 9 WHERE number = 1",
		"UPDATE target SET ip = '0.0.0.0' WHERE number = 1",
		"INSERT INTO rule VALUES (1, 'loc-abcdefgh', 1, 1, '', '/', 1, 1, 0, 0, 0, '', "
		"'{}', 0, 0, 1)",
		"WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 1010) "
		"INSERT INTO target SELECT i, 1, NULL, i, '10.0.0.9', i, 1, '', 0 FROM n",
	};
	struct fixture *fixture = *state;
	struct model model = { 0 };

	fill(fixture, &model);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		store_refuses(fixture, changes[i]);
	loads_what_was_written(fixture, &model);
	model_done(&model);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(comes_back_whole),
		STORE_TEST(servers_change_and_go),
		STORE_TEST(listeners_go_whole),
		STORE_TEST(a_taken_port_is_the_callers),
		STORE_TEST(older_database_is_brought_up),
		STORE_TEST(bad_rows_are_refused),
	};

	log_init("test", LOG_LEVEL_ERROR, LOG_KEY_VALUE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The publisher between a real store and a keeper that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/publish.h"
#include "control/store.h"
#include "model/snapshot.h"
#include "noun_fixture.h"

static struct message message;

static void sleep_ms(int ms)
{
	struct timespec time = { 0, ms * 1000000l };

	nanosleep(&time, NULL);
}

/* The generation that was sent, 0 when none was. Its snapshot is opened and checked. */
static uint64_t sent(uint32_t *ret_listeners)
{
	int result = message_receive(noun.keeper, &message);
	struct snapshot snapshot;
	char why[200] = "";

	if (result == -EAGAIN)
		return 0;
	assert_int_equal(result, 1);
	assert_int_equal(message.header.type, MESSAGE_PUBLISH);
	assert_int_equal(message.fd_count, 1);
	if (snapshot_open(message.fds[0], true, &snapshot, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	assert_int_equal(snapshot.header->generation, message.header.generation);
	if (ret_listeners)
		*ret_listeners = snapshot.listener_count;
	snapshot_close(&snapshot);
	message_close_fds(&message);
	return message.header.generation;
}

/* Turns until something was sent. */
static uint64_t published(void)
{
	for (int i = 0; i < 100; i++) {
		uint64_t generation;

		publisher_turn(noun.control.publisher);
		generation = sent(NULL);
		if (generation != 0)
			return generation;
		sleep_ms(5);
	}
	fail_msg("nothing was published");
	return 0;
}

static void say(enum message_type type, uint64_t generation, const void *payload, size_t size)
{
	message.header = (struct message_header){ type, (uint32_t)size, generation };
	message.fd_count = 0;
	memcpy(message.payload, payload ? payload : "", size);
	publisher_message(noun.control.publisher, &message);
}

static void expect_task(const char *id, int status, const char *text)
{
	json_t *answer = noun_call("DescribeTaskStatus", "{'TaskId':'%s'}", id);
	const json_t *found = json_object_get(answer, "Message");

	assert_int_equal(noun_integer(answer, "Status"), status);
	assert_true(text ? strstr(json_string_value(found), text) != NULL : json_is_null(found));
	json_decref(answer);
}

/* An instance; its task's id. */
static void create(char id[40], char task[40])
{
	json_t *answer =
		noun_call("CreateLoadBalancer", "{'LoadBalancerType':'OPEN','Vip':'127.0.0.1'}");

	snprintf(id, 40, "%s", noun_text(answer, "LoadBalancerIds.0"));
	snprintf(task, 40, "%s", noun_text(answer, "DealName"));
	json_decref(answer);
}

/* The newest task's id, as somebody else reads the database. */
static void newest_task(char task[40])
{
	sqlite3_stmt *statement;
	sqlite3 *database;
	char path[100];

	snprintf(path, sizeof(path), "%s/setia.db", noun.directory);
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(database,
					    "SELECT request_id FROM task ORDER BY number DESC", -1,
					    &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	snprintf(task, 40, "%s", (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	sqlite3_close(database);
}

/* A listener; its task's id. */
static void listen_on(const char *instance, unsigned port, char task[40])
{
	noun_do("CreateListener", "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[%u]}",
		instance, port);
	newest_task(task);
}

static void tasks_end_when_live(void **state)
{
	char id[40], task[40];
	uint64_t generation;
	json_t *answer;

	create(id, task);
	expect_task(task, TASK_RUNNING, NULL);
	generation = published();
	expect_task(task, TASK_RUNNING, NULL);
	say(MESSAGE_LIVE, generation - 1, NULL, 0);
	expect_task(task, TASK_RUNNING, NULL);
	say(MESSAGE_LIVE, generation, NULL, 0);
	expect_task(task, TASK_DONE, NULL);
	assert_int_equal(publisher_live_generation(noun.control.publisher), generation);
	answer = noun_call("DescribeTaskStatus", "{'DealName':'%s'}", task);
	assert_string_equal(noun_text(answer, "LoadBalancerIds.0"), id);
	json_decref(answer);
	noun_refuse("DescribeTaskStatus", "InvalidParameter", "TaskId", "{'TaskId':'x'}");
	noun_refuse("DescribeTaskStatus", "MissingParameter", "TaskId", "{}");
}

static void changes_of_an_interval_share_a_snapshot(void **state)
{
	char id[40], task[40], second[40];
	uint64_t first, generation;
	uint32_t listeners = 0;

	create(id, task);
	assert_int_equal(publisher_timeout_ms(noun.control.publisher), 0);
	publisher_turn(noun.control.publisher);
	first = sent(NULL);
	assert_true(first > 0);
	listen_on(id, 80, task);
	listen_on(id, 81, second);
	/* Not within the interval, then once for both. */
	assert_true(publisher_timeout_ms(noun.control.publisher) <= PUBLISH_INTERVAL_MS);
	sleep_ms(PUBLISH_INTERVAL_MS + 5);
	assert_int_equal(publisher_timeout_ms(noun.control.publisher), 0);
	publisher_turn(noun.control.publisher);
	generation = sent(&listeners);
	assert_int_equal(generation, first + 1);
	assert_int_equal(listeners, 2);
	publisher_turn(noun.control.publisher);
	assert_int_equal(sent(NULL), 0);
	say(MESSAGE_LIVE, generation, NULL, 0);
	expect_task(task, TASK_DONE, NULL);
	expect_task(second, TASK_DONE, NULL);
}

static void closed_ports_fail_their_task_only(void **state)
{
	char id[40], task[40], other[40];
	struct message_bind bind = { .error = EADDRINUSE };
	uint64_t generation;
	json_t *answer;

	create(id, task);
	listen_on(id, 80, task);
	listen_on(id, 81, other);
	generation = published();
	bind.listener = noun.control.model.instances[0]->listeners[0]->number;
	say(MESSAGE_BINDS, generation, &bind, sizeof(bind));
	say(MESSAGE_LIVE, generation, NULL, 0);
	expect_task(task, TASK_FAILED, "port 80: Address already in use");
	expect_task(other, TASK_DONE, NULL);
	answer = noun_call("DescribeListeners", "{'LoadBalancerId':'%s'}", id);
	assert_string_equal(noun_text(answer, "Listeners.0.BindError"), "Address already in use");
	assert_true(json_is_null(noun_at(answer, "Listeners.1.BindError")));
	json_decref(answer);
	/* A change that is refused reads the model again, and still knows. */
	noun_refuse("CreateListener", "InvalidParameter.PortCheckFailed", NULL,
		    "{'LoadBalancerId':'%s','Protocol':'HTTP','Ports':[80]}", id);
	assert_int_equal(noun.control.model.instances[0]->listeners[0]->bind_error, EADDRINUSE);
	say(MESSAGE_BINDS, generation, NULL, 0);
	assert_int_equal(noun.control.model.instances[0]->listeners[0]->bind_error, 0);
	expect_task(task, TASK_FAILED, "port 80");
}

static void refused_generations_fail_their_tasks(void **state)
{
	char id[40], task[40], later[40];
	uint64_t generation;

	create(id, task);
	generation = published();
	say(MESSAGE_REFUSED, generation, "ba\nd\xff", 5);
	expect_task(task, TASK_FAILED, "ba?d?");
	listen_on(id, 80, later);
	assert_true(published() > generation);
	expect_task(later, TASK_RUNNING, NULL);
}

static void a_restart_forgets_no_task(void **state)
{
	char id[40], unsent[40], sent_task[40];
	uint64_t generation, next;

	create(id, sent_task);
	generation = published();
	listen_on(id, 80, unsent);
	noun_restart();
	expect_task(sent_task, TASK_RUNNING, NULL);
	publisher_request(noun.control.publisher);
	next = published();
	assert_true(next > generation);
	/* They wait for what this control sent. */
	say(MESSAGE_LIVE, generation, NULL, 0);
	expect_task(sent_task, TASK_RUNNING, NULL);
	say(MESSAGE_LIVE, next, NULL, 0);
	expect_task(sent_task, TASK_DONE, NULL);
	expect_task(unsent, TASK_DONE, NULL);
}

static void goes_above_a_foreign_generation(void **state)
{
	char id[40], task[40];
	uint64_t generation;

	create(id, task);
	generation = published();
	say(MESSAGE_LIVE, generation + 800, NULL, 0);
	expect_task(task, TASK_RUNNING, NULL);
	generation = published();
	assert_true(generation > 800);
	say(MESSAGE_LIVE, generation, NULL, 0);
	expect_task(task, TASK_DONE, NULL);
	noun_restart();
	publisher_request(noun.control.publisher);
	assert_int_equal(published(), generation + 1);
}

static void slots_come_back_when_live(void **state)
{
	char id[40], task[40];
	uint64_t generation;

	create(id, task);
	listen_on(id, 80, task);
	generation = published();
	say(MESSAGE_LIVE, generation, NULL, 0);
	noun_do("DeleteListener", "{'LoadBalancerId':'%s','ListenerId':'%s'}", id,
		noun.control.model.instances[0]->listeners[0]->id);
	listen_on(id, 81, task);
	assert_int_equal(noun.control.model.instances[0]->listeners[0]->slot, 1);
	say(MESSAGE_LIVE, published(), NULL, 0);
	listen_on(id, 82, task);
	assert_int_equal(noun.control.model.instances[0]->listeners[1]->slot, 0);
}

/* A keeper that is gone: nothing is lost, and it is tried less and less often. */
static void waits_when_it_cannot_send(void **state)
{
	char id[40], task[40];

	create(id, task);
	close(noun.keeper);
	noun.keeper = -1;
	publisher_turn(noun.control.publisher);
	assert_in_range(publisher_timeout_ms(noun.control.publisher), 50, 100);
	sleep_ms(105);
	publisher_turn(noun.control.publisher);
	assert_in_range(publisher_timeout_ms(noun.control.publisher), 150, 200);
	expect_task(task, TASK_RUNNING, NULL);
	noun_restart();
	publisher_request(noun.control.publisher);
	say(MESSAGE_LIVE, published(), NULL, 0);
	expect_task(task, TASK_DONE, NULL);
}

#define NOUN_TEST(name) cmocka_unit_test_setup_teardown(name, noun_setup, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOUN_TEST(tasks_end_when_live),
		NOUN_TEST(changes_of_an_interval_share_a_snapshot),
		NOUN_TEST(closed_ports_fail_their_task_only),
		NOUN_TEST(refused_generations_fail_their_tasks),
		NOUN_TEST(a_restart_forgets_no_task),
		NOUN_TEST(goes_above_a_foreign_generation),
		NOUN_TEST(slots_come_back_when_live),
		NOUN_TEST(waits_when_it_cannot_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

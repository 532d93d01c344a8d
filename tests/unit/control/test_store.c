/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what is written comes back, what is damaged does not, slots are not handed over early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "process/log.h"
#include "store_fixture.h"

/* One instance, one listener, one rule of two servers, as the actions make them. */
static struct target *add_target(struct fixture *fixture, struct rule *rule, const char *address)
{
	struct target *target = target_new();

	assert_int_equal(address_parse(bytes_of(address), &target->address), 0);
	target->weight = 7;
	set_text(&target->tag, "t\xc3\xa4g");
	target->created_at = 5;
	assert_int_equal(store_insert_target(fixture->store, NULL, rule, target), 0);
	assert_int_equal(rule_add_target(rule, target), 0);
	return target;
}

static void fill(struct fixture *fixture, struct model *model)
{
	struct custom_configuration *custom = custom_configuration_new();
	struct instance *instance = instance_new();
	struct listener *listener = listener_new();
	struct rule *rule = rule_new();

	assert_int_equal(store_begin(fixture->store), 0);
	strcpy(custom->id, "pz-abcdefgh");
	set_text(&custom->name, "slow");
	set_text(&custom->content, "# \xc3\xa4\r\nkeepalive_timeout 10s;");
	custom->created_at = 3;
	custom->updated_at = 4;
	assert_int_equal(store_insert_custom(fixture->store, custom), 0);
	assert_int_equal(model_add_custom(model, custom), 0);
	strcpy(instance->id, "lb-abcdefgh");
	set_text(&instance->name, "shop");
	instance->network = NETWORK_OPEN;
	address_parse_ip(BYTES_LITERAL("127.0.0.1"), &instance->vip);
	instance->tags = calloc(1, sizeof(struct tag));
	instance->tags[0] = (struct tag){ strdup("stage"), strdup("test") };
	instance->tag_count = 1;
	assert_int_equal(store_insert_instance(fixture->store, instance), 0);
	assert_int_equal(model_add_instance(model, instance), 0);
	instance->custom = custom;
	assert_int_equal(store_bind_custom(fixture->store, instance), 0);
	strcpy(listener->id, "lbl-abcdefgh");
	set_text(&listener->name, "web");
	listener->protocol = PROTOCOL_HTTP;
	listener->port = 80;
	listener->scheduler = SCHEDULER_WRR;
	listener->has_keepalive = true;
	set_text(&listener->access_log, "shop.log");
	listener->access_log_format = ACCESS_LOG_JSON;
	set_text(&listener->default_domain, "a.example");
	health_check_defaults(&listener->health_check, PROTOCOL_HTTP);
	assert_int_equal(store_insert_listener(fixture->store, instance, listener), 0);
	assert_int_equal(instance_add_listener(instance, listener), 0);
	strcpy(rule->id, "loc-abcdefgh");
	set_text(&rule->domain, "a.example");
	set_text(&rule->url, "/a");
	rule->scheduler = SCHEDULER_WRR;
	rule->forward_type = FORWARD_HTTP;
	rule->session_expire_s = 60;
	rule->strips_cookie = true;
	rule->keeps_draining = true;
	set_text(&rule->cookie_name, "c");
	health_check_defaults(&rule->health_check, PROTOCOL_HTTP);
	rule->health_check.path = strdup("/health");
	rule->health_check.is_get = true;
	assert_int_equal(store_insert_rule(fixture->store, listener, rule), 0);
	assert_int_equal(listener_add_rule(listener, rule), 0);
	add_target(fixture, rule, "10.0.0.1:80");
	add_target(fixture, rule, "[2001:db8::1]:81");
	assert_int_equal(store_commit(fixture->store), 0);
}

static void comes_back_whole(void **state)
{
	struct fixture *fixture = *state;
	struct model written = { 0 }, read = { 0 };
	const struct rule *rule;

	fill(fixture, &written);
	store_reopen(fixture, 0);
	assert_int_equal(store_load(fixture->store, &read), 0);
	assert_int_equal(read.instance_count, 1);
	assert_string_equal(read.instances[0]->name, "shop");
	assert_string_equal(read.instances[0]->tags[0].value, "test");
	assert_int_equal(read.instances[0]->listeners[0]->port, 80);
	assert_int_equal(read.custom_count, 1);
	assert_ptr_equal(read.instances[0]->custom, read.customs[0]);
	assert_string_equal(read.customs[0]->id, "pz-abcdefgh");
	assert_string_equal(read.customs[0]->name, "slow");
	assert_string_equal(read.customs[0]->content, written.customs[0]->content);
	assert_int_equal(read.customs[0]->directives.keepalive_timeout_ms, 10000);
	assert_int_equal(read.customs[0]->created_at, 3);
	assert_int_equal(read.customs[0]->updated_at, 4);
	rule = read.instances[0]->listeners[0]->rules[0];
	assert_string_equal(rule->health_check.path, "/health");
	assert_true(rule->health_check.is_get && rule->strips_cookie && rule->keeps_draining);
	assert_string_equal(read.instances[0]->listeners[0]->access_log, "shop.log");
	assert_int_equal(read.instances[0]->listeners[0]->access_log_format, ACCESS_LOG_JSON);
	assert_int_equal(rule->session_expire_s, 60);
	assert_int_equal(rule->target_count, 2);
	assert_int_equal(rule->targets[0]->slot, 0);
	assert_int_equal(rule->targets[1]->slot, 1);
	assert_int_equal(rule->targets[1]->number, 2);
	assert_string_equal(rule->targets[1]->tag, "t\xc3\xa4g");
	assert_int_equal(rule->targets[1]->address.family, ADDRESS_IPV6);
	model_done(&written);
	model_done(&read);
}

static void file_is_private(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;

	fixture->store = store_close(fixture->store);
	chmod(fixture->path, 0644);
	assert_int_equal(store_open(fixture->directory, &fixture->store), 0);
	assert_int_equal(store_set_number(fixture->store, "generation", 1), 0);
	assert_int_equal(stat(fixture->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void rollback_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 }, read = { 0 };
	struct target *target;
	struct rule *rule;

	fill(fixture, &model);
	rule = model.instances[0]->listeners[0]->rules[0];
	assert_int_equal(store_begin(fixture->store), 0);
	target = add_target(fixture, rule, "10.0.0.3:80");
	assert_int_equal(target->slot, 2);
	assert_int_equal(store_delete_target(fixture->store, rule->targets[0]), 0);
	store_rollback(fixture->store);
	assert_int_equal(store_load(fixture->store, &read), 0);
	assert_int_equal(read.instances[0]->listeners[0]->rules[0]->target_count, 2);
	/* The slot is free again, and slot 0 is still held. */
	assert_int_equal(store_begin(fixture->store), 0);
	target = add_target(fixture, rule, "10.0.0.4:80");
	assert_int_equal(target->slot, 2);
	assert_int_equal(store_commit(fixture->store), 0);
	model_done(&model);
	model_done(&read);
}

static uint32_t next_target_slot(struct fixture *fixture, struct rule *rule, const char *address)
{
	uint32_t slot;

	assert_int_equal(store_begin(fixture->store), 0);
	slot = add_target(fixture, rule, address)->slot;
	assert_int_equal(store_commit(fixture->store), 0);
	return slot;
}

static void slots_wait_for_a_newer_generation(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 };
	struct rule *rule;

	fill(fixture, &model);
	rule = model.instances[0]->listeners[0]->rules[0];
	assert_int_equal(store_set_number(fixture->store, "generation", 5), 0);
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_delete_target(fixture->store, rule->targets[0]), 0);
	rule_remove_target(rule, rule->targets[0]);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(next_target_slot(fixture, rule, "10.0.0.3:80"), 2);
	/* 5 may have named the old owner, so 5 being live frees nothing. */
	assert_int_equal(store_release_slots(fixture->store, 5), 0);
	assert_int_equal(next_target_slot(fixture, rule, "10.0.0.4:80"), 3);
	/* Nor does a restart. */
	store_reopen(fixture, 0);
	assert_int_equal(next_target_slot(fixture, rule, "10.0.0.5:80"), 4);
	assert_int_equal(store_release_slots(fixture->store, 6), 0);
	assert_int_equal(next_target_slot(fixture, rule, "10.0.0.6:80"), 0);
	store_reopen(fixture, 0);
	assert_int_equal(next_target_slot(fixture, rule, "10.0.0.7:80"), 5);
	model_done(&model);
}

static void children_go_with_their_parent(void **state)
{
	struct fixture *fixture = *state;
	int64_t deletions = -1;
	struct model model = { 0 }, read = { 0 };

	fill(fixture, &model);
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_delete_instance(fixture->store, model.instances[0], 9), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(store_load(fixture->store, &read), 0);
	assert_int_equal(read.instance_count, 0);
	assert_int_equal(store_count_deletions(fixture->store, 9, &deletions), 0);
	assert_int_equal(deletions, 1);
	assert_int_equal(store_count_deletions(fixture->store, 10, &deletions), 0);
	assert_int_equal(deletions, 0);
	model_done(&model);
	model_done(&read);
}

static void customs_change_and_roll_back(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 }, read = { 0 };
	struct custom_configuration *custom;
	struct instance *instance;

	fill(fixture, &model);
	custom = model.customs[0];
	instance = model.instances[0];
	assert_int_equal(store_begin(fixture->store), 0);
	set_text(&custom->content, "send_timeout 5;");
	assert_int_equal(store_update_custom(fixture->store, custom), 0);
	instance->custom = NULL;
	assert_int_equal(store_bind_custom(fixture->store, instance), 0);
	assert_int_equal(store_delete_custom(fixture->store, custom), 0);
	store_rollback(fixture->store);
	assert_int_equal(store_load(fixture->store, &read), 0);
	assert_ptr_equal(read.instances[0]->custom, read.customs[0]);
	assert_int_equal(read.customs[0]->directives.keepalive_timeout_ms, 10000);
	model_done(&read);
	memset(&read, 0, sizeof(read));

	/* In use: it stays. An instance binds to one only. */
	assert_int_equal(store_begin(fixture->store), 0);
	assert_true(store_delete_custom(fixture->store, custom) < 0);
	instance->custom = custom;
	assert_int_equal(store_bind_custom(fixture->store, instance), -EEXIST);
	store_rollback(fixture->store);
	assert_int_equal(store_begin(fixture->store), 0);
	custom->updated_at = 77;
	assert_int_equal(store_update_custom(fixture->store, custom), 0);
	assert_int_equal(store_delete_instance(fixture->store, instance, 9), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(store_load(fixture->store, &read), 0);
	assert_int_equal(read.instance_count, 0);
	assert_int_equal(read.customs[0]->updated_at, 77);
	assert_int_equal(read.customs[0]->directives.client_send_timeout_ms, 5000);
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_delete_custom(fixture->store, custom), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	model_done(&model);
	model_done(&read);
}

/* The number of the newest server, which was deleted before the table was made anew, stays its own.
 */
static void numbers_go_on(struct fixture *fixture, struct rule *rule)
{
	uint64_t last = rule->targets[rule->target_count - 1]->number;

	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(add_target(fixture, rule, "10.0.0.9:80")->number, last + 1);
	store_rollback(fixture->store);
}

/* A database of the first version, as it was before custom configurations, opens and is whole. */
static void older_database_is_brought_up(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 }, read = { 0 };

	fill(fixture, &model);
	store_tamper(
		fixture, BACK_TO_VERSION_4
		"ALTER TABLE rule DROP COLUMN keeps_draining;"
		"ALTER TABLE listener DROP COLUMN access_log_format;"
		"ALTER TABLE listener DROP COLUMN access_log;"
		"DROP TABLE layer4; DROP TABLE custom_binding; DROP TABLE custom_configuration;"
		"DELETE FROM target WHERE number = (SELECT max(number) FROM target);"
		"PRAGMA user_version = 1");
	assert_int_equal(store_open(fixture->directory, &fixture->store), 0);
	assert_int_equal(store_load(fixture->store, &read), 0);
	assert_int_equal(read.instance_count, 1);
	assert_null(read.instances[0]->custom);
	assert_int_equal(read.custom_count, 0);
	assert_string_equal(read.instances[0]->listeners[0]->access_log, "");
	assert_int_equal(read.instances[0]->listeners[0]->access_log_format, ACCESS_LOG_BRACKETS);
	assert_false(read.instances[0]->listeners[0]->rules[0]->keeps_draining);
	numbers_go_on(fixture, model.instances[0]->listeners[0]->rules[0]);
	store_reopen(fixture, 0);
	model_done(&model);
	model_done(&read);
}

static void uniqueness_is_the_callers(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 };
	struct rule *rule;
	struct target *target = target_new();

	fill(fixture, &model);
	rule = model.instances[0]->listeners[0]->rules[0];
	target->address = rule->targets[0]->address;
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_insert_target(fixture->store, NULL, rule, target), -EEXIST);
	assert_int_equal(target->number, 0);
	/* The slot went back. */
	assert_int_equal(add_target(fixture, rule, "10.0.0.9:80")->slot, 2);
	store_rollback(fixture->store);
	target_free(target);
	model_done(&model);
}

static void bad_rows_are_refused(void **state)
{
	static const char *const changes[] = {
		"UPDATE instance SET vip = '0127.0.0.1'",
		"UPDATE instance SET vip = 'nobody'",
		"UPDATE instance SET name = char(7)",
		"UPDATE instance SET name = CAST(x'ff' AS TEXT)",
		"UPDATE instance SET id = 'lb-ABCDEFGH'",
		"UPDATE listener SET protocol = 3",
		"UPDATE listener SET default_domain = 'b.example'",
		"UPDATE listener SET health_check = '{'",
		"UPDATE listener SET slot = 16384",
		"UPDATE rule SET domain = 'A.example'",
		"UPDATE rule SET url = 'a'",
		"UPDATE rule SET scheduler = 2",
		"UPDATE rule SET cookie_name = 'a b'",
		"UPDATE rule SET health_check = '{\"TimeOut\": 61}'",
		"UPDATE rule SET health_check = '{\"TimeOut\": 5, \"IntervalTime\": 5}'",
		"UPDATE rule SET health_check = '{\"Nonsense\": 5}'",
		"UPDATE target SET ip = '0:0::1' WHERE number = 2",
		"UPDATE target SET ip = '224.0.0.1' WHERE number = 1",
		"UPDATE target SET ip = '::' WHERE number = 2",
		"PRAGMA foreign_keys = OFF; DELETE FROM rule",
		"UPDATE target SET rule = NULL, listener = 1",
		"UPDATE target SET number = 281474976710656 WHERE number = 2",
		"INSERT INTO cookie_key VALUES (1, 1, zeroblob(32), 0, 9)",
		"UPDATE custom_configuration SET content = 'keepalive_timeout 3601;'",
		"UPDATE custom_configuration SET content = 'keepalive_timeout 1'",
		"UPDATE custom_configuration SET content = 'add_header Date b;'",
		"UPDATE custom_configuration SET content = printf('%65537c', char(10))",
		"UPDATE custom_configuration SET content = CAST(x'23ff' AS TEXT)",
		"UPDATE custom_configuration SET name = char(7)",
		"UPDATE custom_configuration SET id = 'pz-ABCDEFGH'",
		"UPDATE custom_configuration SET created_at = -1",
		"UPDATE custom_configuration SET updated_at = 253402300800",
		"PRAGMA foreign_keys = OFF; DELETE FROM custom_configuration",
		"PRAGMA foreign_keys = OFF; INSERT INTO custom_binding VALUES (9, 1)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4096) "
		"INSERT INTO custom_configuration SELECT NULL, printf('pz-%08d', i), 'n', '', 0, 0 "
		"FROM n",
	};
	struct fixture *fixture = *state;
	struct model model = { 0 };

	fill(fixture, &model);
	model_done(&model);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		store_refuses(fixture, changes[i]);
}

static void other_files_are_refused(void **state)
{
	static const char *const changes[] = {
		"PRAGMA user_version = 99",
		"PRAGMA user_version = 0",
		"PRAGMA application_id = 1",
		"DROP TRIGGER rule_freed",
		"DROP TABLE custom_binding",
		"DROP TABLE layer4",
		"DROP INDEX custom_binding_custom",
		"CREATE TABLE more (a)",
		"CREATE TRIGGER evil AFTER INSERT ON target BEGIN DELETE FROM api_key; END",
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct fixture *fixture = *state;

		store_tamper(fixture, changes[i]);
		assert_int_equal(store_open(fixture->directory, &fixture->store), -EBADMSG);
		assert_int_equal(unlink(fixture->path), 0);
		assert_int_equal(store_open(fixture->directory, &fixture->store), 0);
	}
}

static void damaged_files_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct model model = { 0 };
	struct stat status;
	unsigned refused = 0;
	int fd;

	fill(fixture, &model);
	model_done(&model);
	fixture->store = store_close(fixture->store);
	fd = open(fixture->path, O_RDWR);
	assert_int_equal(fstat(fd, &status), 0);
	/* Each page torn in turn: never a crash, and most are noticed. */
	for (off_t page = 0; page < status.st_size; page += 4096) {
		struct model read = { 0 };
		char good[4096], junk[4096];
		int error;

		assert_int_equal(pread(fd, good, sizeof(good), page), sizeof(good));
		memset(junk, 0xa5, sizeof(junk));
		assert_int_equal(pwrite(fd, junk, sizeof(junk), page), sizeof(junk));
		error = store_open(fixture->directory, &fixture->store);
		if (error == 0)
			error = store_load(fixture->store, &read);
		assert_true(error == 0 || error == -EBADMSG);
		refused += error == -EBADMSG;
		model_done(&read);
		fixture->store = store_close(fixture->store);
		assert_int_equal(pwrite(fd, good, sizeof(good), page), sizeof(good));
	}
	assert_true(refused > 10);
	assert_int_equal(ftruncate(fd, status.st_size / 2), 0);
	close(fd);
	assert_int_equal(store_open(fixture->directory, &fixture->store), -EBADMSG);
	assert_int_equal(truncate(fixture->path, 0), 0);
	assert_int_equal(store_open(fixture->directory, &fixture->store), 0);
}

static void no_directory_no_file(void **state)
{
	struct store *store = NULL;

	assert_int_equal(store_open("/nonexistent/setia", &store), -ENOENT);
	assert_int_equal(store_open("/proc/self/status", &store), -ENOTDIR);
	assert_null(store);
	assert_null(store_close(NULL));
}

static void locked_database_is_busy(void **state)
{
	struct fixture *fixture = *state;
	sqlite3 *other;

	assert_int_equal(sqlite3_open(fixture->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_begin(fixture->store), -EBUSY);
	sqlite3_close(other);
	assert_int_equal(store_begin(fixture->store), 0);
	store_rollback(fixture->store);
}

static void tasks_run_and_end(void **state)
{
	struct fixture *fixture = *state;
	struct task_row task = { .request_id = "r-1", .status = TASK_RUNNING, .created_at = 7 };
	struct task_row found;

	task.listeners = strdup("[1,2]");
	assert_int_equal(store_insert_task(fixture->store, &task), 0);
	assert_int_equal(store_insert_task(fixture->store, &task), -EEXIST);
	task_row_done(&task);
	assert_int_equal(store_next_running_task(fixture->store, 1, 9, &found), -ENOENT);
	assert_int_equal(store_assign_tasks(fixture->store, 4, false), 0);
	assert_int_equal(store_next_running_task(fixture->store, 1, 3, &found), -ENOENT);
	assert_int_equal(store_assign_tasks(fixture->store, 5, false), 0);
	assert_int_equal(store_next_running_task(fixture->store, 1, 4, &found), 0);
	assert_int_equal(found.generation, 4);
	assert_string_equal(found.listeners, "[1,2]");
	assert_string_equal(found.instances, "[]");
	assert_null(found.message);
	task_row_done(&found);
	assert_int_equal(store_assign_tasks(fixture->store, 6, true), 0);
	assert_int_equal(store_next_running_task(fixture->store, 1, 5, &found), -ENOENT);
	assert_int_equal(store_update_task(fixture->store, "r-1", TASK_FAILED, 6, "why"), 0);
	assert_int_equal(store_next_running_task(fixture->store, 1, 9, &found), -ENOENT);
	assert_int_equal(store_find_task(fixture->store, "r-1", &found), 0);
	assert_int_equal(found.status, TASK_FAILED);
	assert_string_equal(found.message, "why");
	task_row_done(&found);
	assert_int_equal(store_forget_tasks(fixture->store, 1), 0);
	assert_int_equal(store_find_task(fixture->store, "r-1", &found), 0);
	task_row_done(&found);
	assert_int_equal(store_forget_tasks(fixture->store, INT64_MAX), 0);
	assert_int_equal(store_find_task(fixture->store, "r-1", &found), -ENOENT);
}

static void keys_and_audit(void **state)
{
	struct fixture *fixture = *state;
	struct api_key key = { "id", "secret", true, 3, NULL }, *read;
	struct audit_row row = { 1, "id", "CreateRule", "r", "ok", "{}" };

	assert_int_equal(store_insert_api_key(fixture->store, &key), 0);
	assert_int_equal(store_insert_api_key(fixture->store, &key), -EEXIST);
	key.is_enabled = false;
	assert_int_equal(store_update_api_key(fixture->store, &key), 0);
	assert_int_equal(store_load_api_keys(fixture->store, &read), 0);
	assert_string_equal(read->secret_key, "secret");
	assert_false(read->is_enabled);
	assert_null(read->next);
	free(read);
	assert_int_equal(store_delete_api_key(fixture->store, "id"), 0);
	assert_int_equal(store_load_api_keys(fixture->store, &read), 0);
	assert_null(read);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_insert_audit(fixture->store, &row), 0);
}

static void insert_token(struct fixture *fixture, const char *token, const char *request_id,
			 int64_t wall_s)
{
	struct task_row task = { .status = TASK_DONE, .created_at = wall_s };
	char answer[128];

	snprintf(task.request_id, sizeof(task.request_id), "%s", request_id);
	snprintf(answer, sizeof(answer), "{\"Response\":{\"RequestId\":\"%s\"}}", request_id);
	assert_int_equal(store_insert_task(fixture->store, &task), 0);
	assert_int_equal(
		store_insert_client_token(fixture->store, "id", token, "h", answer, wall_s), 0);
}

static void tokens_and_their_tasks_stay_as_long(void **state)
{
	struct fixture *fixture = *state;
	int64_t now_s = time(NULL);
	struct found_token found;
	struct task_row task;

	assert_int_equal(store_find_client_token(fixture->store, "id", "new", &found), -ENOENT);
	insert_token(fixture, "new", "r-new", now_s - CLIENT_TOKEN_LIFE_S + 60);
	insert_token(fixture, "expired", "r-expired", now_s - CLIENT_TOKEN_LIFE_S - 60);
	insert_token(fixture, "old", "r-old", now_s - CLIENT_TOKEN_KEEP_S - 60);
	assert_int_equal(store_insert_client_token(fixture->store, "id", "odd", "h", "{", now_s),
			 0);
	assert_int_equal(store_find_client_token(fixture->store, "id", "new", &found), 0);
	assert_string_equal(found.body_hash, "h");
	assert_string_equal(found.answer, "{\"Response\":{\"RequestId\":\"r-new\"}}");
	assert_int_equal(found.created_at, now_s - CLIENT_TOKEN_LIFE_S + 60);
	found_token_done(&found);
	assert_int_equal(store_find_client_token(fixture->store, "other", "new", &found), -ENOENT);
	assert_int_equal(store_forget_tasks(fixture->store, INT64_MAX), 0);
	assert_int_equal(store_find_task(fixture->store, "r-new", &task), 0);
	task_row_done(&task);
	assert_int_equal(store_find_task(fixture->store, "r-expired", &task), -ENOENT);
	assert_int_equal(store_find_client_token(fixture->store, "id", "expired", &found), 0);
	found_token_done(&found);
	assert_int_equal(store_find_client_token(fixture->store, "id", "old", &found), -ENOENT);
}

static void cookie_keys_rotate(void **state)
{
	struct fixture *fixture = *state;
	struct cookie_key key = { .id = 255, .created_s = 10 };
	struct model model = { 0 };

	memset(key.secret, 1, sizeof(key.secret));
	assert_int_equal(store_insert_cookie_key(fixture->store, &key), 0);
	key.id = 1;
	assert_int_equal(store_insert_cookie_key(fixture->store, &key), 0);
	assert_int_equal(store_retire_cookie_keys(fixture->store, 1, 100), 0);
	assert_int_equal(store_load(fixture->store, &model), 0);
	assert_int_equal(model.key_count, 2);
	assert_int_equal(model.keys[0].id, 1);
	assert_int_equal(model.keys[0].retired_s, 0);
	assert_int_equal(model.keys[1].retired_s, 100);
	model_done(&model);
	key.id = 2;
	assert_int_equal(store_insert_cookie_key(fixture->store, &key), 0);
	assert_int_equal(store_retire_cookie_keys(fixture->store, 2, 101 + COOKIE_KEY_LIFE_S), 0);
	memset(&model, 0, sizeof(model));
	assert_int_equal(store_load(fixture->store, &model), 0);
	assert_int_equal(model.key_count, 2);
	assert_int_equal(model.keys[1].id, 1);
	model_done(&model);
}

static void numbers_by_name(void **state)
{
	struct fixture *fixture = *state;
	int64_t number = -1;

	assert_int_equal(store_get_number(fixture->store, "generation", &number), -ENOENT);
	assert_int_equal(number, -1);
	assert_int_equal(store_set_number(fixture->store, "generation", 7), 0);
	assert_int_equal(store_set_number(fixture->store, "generation", 8), 0);
	store_reopen(fixture, 0);
	assert_int_equal(store_get_number(fixture->store, "generation", &number), 0);
	assert_int_equal(number, 8);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(comes_back_whole),
		STORE_TEST(file_is_private),
		STORE_TEST(rollback_leaves_nothing),
		STORE_TEST(slots_wait_for_a_newer_generation),
		STORE_TEST(children_go_with_their_parent),
		STORE_TEST(customs_change_and_roll_back),
		STORE_TEST(older_database_is_brought_up),
		STORE_TEST(uniqueness_is_the_callers),
		STORE_TEST(bad_rows_are_refused),
		STORE_TEST(other_files_are_refused),
		STORE_TEST(damaged_files_are_refused),
		STORE_TEST(no_directory_no_file),
		STORE_TEST(locked_database_is_busy),
		STORE_TEST(tasks_run_and_end),
		STORE_TEST(keys_and_audit),
		STORE_TEST(tokens_and_their_tasks_stay_as_long),
		STORE_TEST(cookie_keys_rotate),
		STORE_TEST(numbers_by_name),
	};

	log_init("test", LOG_LEVEL_ERROR, LOG_KEY_VALUE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

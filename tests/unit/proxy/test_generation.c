/* SPDX-License-Identifier: Apache-2.0 */
/* Turns through edits: the shared counter and the offsets of generations built from real models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balance/balance.h"
#include "model/model.h"
#include "proxy/generation.h"

static struct regions *regions;
static uint64_t generation_number;

static void add_target(struct rule *rule, uint64_t number, uint16_t weight)
{
	struct target *target = target_new();

	assert_non_null(target);
	target->number = number;
	target->slot = (uint32_t)number;
	target->weight = weight;
	assert_int_equal(address_parse(bytes_of("127.0.0.1:80"), &target->address), 0);
	target->address.port = (uint16_t)(8000 + number);
	assert_int_equal(rule_add_target(rule, target), 0);
}

/* One instance, one listener, one rule whose targets are `numbers` with `weights`. */
static int build(uint64_t rule_number, const uint64_t *numbers, const uint16_t *weights,
		 size_t count)
{
	struct model model = { 0 };
	struct instance *instance = instance_new();
	struct listener *listener = listener_new();
	struct rule *rule = rule_new();
	int fd;

	assert_true(instance && listener && rule);
	instance->number = 1;
	strcpy(instance->id, "lb-00000001");
	instance->network = NETWORK_OPEN;
	assert_int_equal(address_parse_ip(bytes_of("127.0.0.1"), &instance->vip), 0);
	listener->number = 2;
	strcpy(listener->id, "lbl-00000001");
	listener->protocol = PROTOCOL_HTTP;
	listener->scheduler = SCHEDULER_WRR;
	listener->port = 80;
	rule->number = rule_number;
	rule->slot = 5;
	strcpy(rule->id, "loc-00000001");
	rule->scheduler = SCHEDULER_WRR;
	rule->forward_type = FORWARD_HTTP;
	free(rule->url);
	rule->url = strdup("/");
	assert_int_equal(model_add_instance(&model, instance), 0);
	assert_int_equal(instance_add_listener(instance, listener), 0);
	assert_int_equal(listener_add_rule(listener, rule), 0);
	for (size_t i = 0; i < count; i++)
		add_target(rule, numbers[i], weights[i]);
	assert_int_equal(snapshot_build(&model, ++generation_number, &fd), 0);
	model_done(&model);
	return fd;
}

static struct generation *follow(struct generation *previous, uint64_t rule_number,
				 const uint64_t *numbers, const uint16_t *weights, size_t count)
{
	struct generation *generation = NULL;
	char why[200] = "";
	int fd = build(rule_number, numbers, weights, count);

	assert_int_equal(generation_open(fd, previous, regions, &generation, why, sizeof(why)), 0);
	close(fd);
	generation_unpin(previous);
	return generation;
}

/* The number of the target that the next request gets. */
static uint64_t next(struct generation *generation)
{
	const struct snapshot *snapshot = &generation->snapshot;
	uint64_t turn = generation_turn(generation, regions, 0);
	uint32_t row = round_robin_choose(snapshot, &snapshot->rules[0], turn, NULL);

	return row == SNAPSHOT_NONE ? 0 : snapshot->targets[row].number;
}

static const uint16_t tens[8] = { 10, 10, 10, 10, 10, 10, 10, 10 };

static void test_a_new_rule_begins_at_its_beginning(void **state)
{
	struct generation *generation;

	atomic_store(&regions->turns[5].turn, 12345677); /* what the slot's last owner left */
	generation = follow(NULL, 9, (uint64_t[]){ 1, 2, 3 }, tens, 3);
	for (uint64_t i = 0; i < 9; i++)
		assert_int_equal(next(generation), 1 + i % 3);
	/* Another rule in the same slot does not go on where this one stood. */
	next(generation);
	generation = follow(generation, 10, (uint64_t[]){ 4, 5, 6 }, tens, 3);
	assert_int_equal(next(generation), 4);
	generation_unpin(generation);
}

static void test_edits_go_on_with_whose_turn_it_was(void **state)
{
	struct generation *generation = follow(NULL, 9, (uint64_t[]){ 1, 2, 3 }, tens, 3);

	assert_int_equal(next(generation), 1);
	generation = follow(generation, 9, (uint64_t[]){ 1, 2, 3, 4 }, tens, 4);
	assert_int_equal(next(generation), 2);
	assert_int_equal(next(generation), 3);
	assert_int_equal(next(generation), 4);
	assert_int_equal(next(generation), 1);
	/* The next one is removed: the one behind it is next. */
	generation = follow(generation, 9, (uint64_t[]){ 1, 3, 4 }, tens, 3);
	assert_int_equal(next(generation), 3);
	assert_int_equal(next(generation), 4);
	assert_int_equal(next(generation), 1);
	/* Nothing about the servers changed: nothing about the turn does. */
	generation = follow(generation, 9, (uint64_t[]){ 1, 3, 4 }, tens, 3);
	assert_int_equal(next(generation), 3);
	generation_unpin(generation);
}

static void test_shares_are_exact_through_many_edits(void **state)
{
	uint64_t numbers[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct generation *generation = follow(NULL, 19, numbers, tens, 4);
	unsigned counts[9] = { 0 };

	/* Between edits every server is at most one request from its share. */
	for (size_t edit = 0; edit < 60; edit++) {
		size_t count = 4 + edit % 4;

		memset(counts, 0, sizeof(counts));
		generation = follow(generation, 19, numbers, tens, count);
		for (size_t i = 0; i < count * 3 + edit % 5; i++)
			counts[next(generation)]++;
		for (size_t i = 0; i < count; i++)
			assert_in_range(counts[numbers[i]], 3, 5);
	}
	generation_unpin(generation);
}

static void test_another_proxy_goes_on(void **state)
{
	struct generation *generation = follow(NULL, 9, (uint64_t[]){ 1, 2, 3 }, tens, 3);

	next(generation);
	generation = follow(generation, 9, (uint64_t[]){ 1, 2 }, tens, 2);
	assert_int_equal(next(generation), 2);
	generation_unpin(generation);
	/* The process died; the region lives on. */
	generation = follow(NULL, 9, (uint64_t[]){ 1, 2 }, tens, 2);
	assert_int_equal(next(generation), 1);
	generation_unpin(generation);
	generation = follow(NULL, 9, (uint64_t[]){ 1, 2 }, tens, 2);
	assert_int_equal(next(generation), 2);
	generation_unpin(generation);
}

static void test_no_server_has_no_turn(void **state)
{
	static const uint16_t zeros[2] = { 0, 0 };
	struct generation *generation = follow(NULL, 9, NULL, tens, 0);

	assert_int_equal(next(generation), 0);
	generation = follow(generation, 9, (uint64_t[]){ 1, 2 }, zeros, 2);
	assert_int_equal(next(generation), 0);
	generation = follow(generation, 9, (uint64_t[]){ 1, 2 }, tens, 2);
	assert_int_equal(next(generation), 1);
	generation_unpin(generation);
}

static void test_what_is_not_a_snapshot_is_refused(void **state)
{
	struct generation *generation = NULL;
	char why[200] = "";
	char path[] = "/tmp/generation-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, "not a snapshot", 14), 14);
	assert_true(generation_open(fd, NULL, regions, &generation, why, sizeof(why)) < 0);
	assert_null(generation);
	assert_string_not_equal(why, "");
	close(fd);
}

static int setup(void **state)
{
	struct clock_anchor anchor = { .boot_id = "test" };
	int fd;

	if (regions_create(&anchor, 2, &fd, &regions) < 0)
		return -1;
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	regions_close(regions);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_rule_begins_at_its_beginning),
		cmocka_unit_test(test_edits_go_on_with_whose_turn_it_was),
		cmocka_unit_test(test_shares_are_exact_through_many_edits),
		cmocka_unit_test(test_another_proxy_goes_on),
		cmocka_unit_test(test_no_server_has_no_turn),
		cmocka_unit_test(test_what_is_not_a_snapshot_is_refused),
	};

	return cmocka_run_group_tests_name("proxy_generation", tests, setup, teardown);
}

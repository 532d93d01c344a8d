/* SPDX-License-Identifier: Apache-2.0 */
/* The table of flows against a plain list, under random beginnings and ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/udp_flow.h"

#define KEYS 3000
#define MOST 2000
#define STEPS 200000

static uint64_t random_state = 1;

static uint32_t random_next(uint32_t below)
{
	/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)(random_state * 0x2545f4914f6cdd1dull >> 33) % below;
}

/* Distinct, and differing in one part only as strangers' would. */
static struct udp_key key_of(unsigned i)
{
	struct udp_key key;

	memset(&key, 0, sizeof(key));
	if (i % 3 == 0) {
		key.client.ipv6.sin6_family = AF_INET6;
		key.client.ipv6.sin6_addr.s6_addr[i % 16] = (uint8_t)(i >> 4 | 1);
		key.client.ipv6.sin6_port = (in_port_t)i;
		key.client.ipv6.sin6_scope_id = i & 4;
	} else {
		key.client.ipv4.sin_family = AF_INET;
		key.client.ipv4.sin_addr.s_addr = i & 1 ? 0x0100007f : 0x0200007f;
		key.client.ipv4.sin_port = (in_port_t)i;
		key.local.ip[0] = (uint8_t)(i & 2);
	}
	return key;
}

struct sum {
	unsigned count;
	uintptr_t flows;
};

static void sum_up(struct udp_flow *flow, void *context)
{
	struct sum *sum = context;

	sum->count++;
	sum->flows += (uintptr_t)flow;
}

static void check(struct udp_table *table, struct udp_flow **flows)
{
	struct sum sum = { 0 }, expected = { 0 };

	for (unsigned i = 0; i < KEYS; i++) {
		struct udp_key key = key_of(i);

		assert_ptr_equal(udp_table_find(table, &key), flows[i]);
		expected.count += flows[i] != NULL;
		expected.flows += (uintptr_t)flows[i];
	}
	udp_table_walk(table, sum_up, &sum);
	assert_int_equal(sum.count, expected.count);
	assert_int_equal(sum.flows, expected.flows);
	assert_int_equal(table->count, expected.count);
}

static void test_like_a_list(void **state)
{
	static struct udp_flow *flows[KEYS];
	struct udp_table *table = udp_table_new(MOST);

	assert_non_null(table);
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = random_next(KEYS);
		/* It fills and empties in turns. */
		bool is_filling = step / (STEPS / 8) % 2 == 0;
		struct udp_key key = key_of(i);

		if (flows[i] && (!is_filling || random_next(4) == 0)) {
			udp_table_remove(flows[i]);
			flows[i] = NULL;
		} else if (!flows[i] && (is_filling || random_next(4) == 0)) {
			struct udp_flow *untouched = (struct udp_flow *)&key;
			int result;

			flows[i] = untouched;
			result = udp_table_add(table, &key, &flows[i]);
			assert_int_equal(result, table->count == MOST && flows[i] == untouched
							 ? -ENOBUFS
							 : 0);
			if (result < 0)
				flows[i] = NULL;
		}
		assert_true(table->count <= MOST);
		if (step % 997 == 0)
			udp_table_shrink(table);
		if (step % 4999 == 0)
			check(table, flows);
	}
	check(table, flows);
	for (unsigned i = 0; i < KEYS; i++) {
		if (flows[i])
			udp_table_remove(flows[i]);
		flows[i] = NULL;
	}
	udp_table_shrink(table);
	assert_int_equal(table->count, 0);
	assert_true(table->bucket_count <= 256);
	assert_null(udp_table_free(table));
	assert_null(udp_table_free(NULL));
}

static void test_the_roof_keeps_who_is_there(void **state)
{
	struct udp_table *table = udp_table_new(3);
	struct udp_flow *flow, *first;
	struct udp_key keys[5];

	for (unsigned i = 0; i < 5; i++)
		keys[i] = key_of(i + 1);
	assert_int_equal(udp_table_add(table, &keys[0], &first), 0);
	for (unsigned i = 1; i < 5; i++)
		assert_int_equal(udp_table_add(table, &keys[i], &flow), i < 3 ? 0 : -ENOBUFS);
	assert_ptr_equal(udp_table_find(table, &keys[0]), first);
	assert_null(udp_table_find(table, &keys[4]));
	udp_table_remove(first);
	assert_int_equal(udp_table_add(table, &keys[4], &flow), 0);
	assert_memory_equal(&flow->key, &keys[4], sizeof(keys[4]));
	assert_ptr_equal(flow->table, table);
	for (unsigned i = 1; i < 5; i++) {
		if (udp_table_find(table, &keys[i]))
			udp_table_remove(udp_table_find(table, &keys[i]));
	}
	udp_table_free(table);
}

static void remove_all(struct udp_flow *flow, void *context)
{
	udp_table_remove(flow);
}

static void test_a_walk_may_remove(void **state)
{
	struct udp_table *table = udp_table_new(100000);
	struct udp_flow *flow;

	for (unsigned i = 0; i < 5000; i++) {
		struct udp_key key = key_of(i);

		assert_int_equal(udp_table_add(table, &key, &flow), 0);
	}
	assert_int_equal(table->count, 5000);
	udp_table_walk(table, remove_all, NULL);
	assert_int_equal(table->count, 0);
	udp_table_free(table);
}

static void test_answered_is_as_the_listener_says(void **state)
{
	struct udp_table table = { .responses = 2 };
	struct udp_flow flow = { .table = &table, .questions = 3, .answers = 5 };

	assert_false(udp_flow_is_answered(&flow));
	flow.answers++;
	assert_true(udp_flow_is_answered(&flow));
	table.responses = 0;
	assert_false(udp_flow_is_answered(&flow));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_a_list),
		cmocka_unit_test(test_the_roof_keeps_who_is_there),
		cmocka_unit_test(test_a_walk_may_remove),
		cmocka_unit_test(test_answered_is_as_the_listener_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

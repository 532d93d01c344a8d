/* SPDX-License-Identifier: Apache-2.0 */
/* IP hash: shares as the weights say, and nobody moves who need not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "balance/balance.h"
#include "sample.h"

#define CLIENTS 20000
#define SERVERS_MOST 100
#define SIGMAS 5.0 /* of a binomial count: one run in millions strays further */

/* The stable number of server i is 100 + i. weights[i] < 0: it is not there. */
static void pool_open(struct snapshot *ret, const int *weights, size_t count)
{
	struct sample sample;
	struct rule *rule;

	sample_init(&sample);
	rule = sample_rule(&sample,
			   sample_listener(&sample, sample_instance(&sample, "127.0.0.1"), 80), "",
			   "/");
	for (size_t i = 0; i < count; i++) {
		sample.next_number = 100 + i;
		if (weights[i] >= 0)
			sample_target(&sample, rule, "10.0.0.1:80", (uint16_t)weights[i]);
	}
	sample_open(&sample, 1, ret);
	sample_done(&sample);
}

/* The server of a client, or -1. */
static int server_of(const struct snapshot *snapshot, unsigned client, const struct left_out *out)
{
	char text[16];
	int size = snprintf(text, sizeof(text), "10.%u.%u.%u", client >> 16, client >> 8 & 255,
			    client & 255);
	uint32_t row = ip_hash_choose(snapshot, snapshot->rules,
				      (struct bytes){ text, (size_t)size }, out);

	return row == SNAPSHOT_NONE ? -1 : (int)(snapshot->targets[row].number - 100);
}

static void map_clients(const int *weights, size_t count, int *ret_servers)
{
	struct snapshot snapshot;

	pool_open(&snapshot, weights, count);
	for (unsigned i = 0; i < CLIENTS; i++)
		ret_servers[i] = server_of(&snapshot, i, NULL);
	snapshot_close(&snapshot);
}

/* So many of all CLIENTS as a share says, as nearly as chance allows. */
static void assert_share(unsigned had, double share)
{
	double spread = SIGMAS * sqrt(CLIENTS * share * (1 - share)) + 1;

	if (fabs(had - CLIENTS * share) > spread)
		fail_msg("%u of %d, %.0f +- %.0f expected", had, CLIENTS, CLIENTS * share, spread);
}

static void assert_shares(const int *weights, size_t count, const int *servers)
{
	unsigned had[SERVERS_MOST] = { 0 };
	double sum = 0;

	for (unsigned i = 0; i < CLIENTS; i++) {
		assert_true(servers[i] >= 0);
		had[servers[i]]++;
	}
	for (size_t i = 0; i < count; i++)
		sum += weights[i] > 0 ? weights[i] : 0;
	for (size_t i = 0; i < count; i++)
		assert_share(had[i], weights[i] > 0 ? weights[i] / sum : 0);
}

static int servers[CLIENTS], others[CLIENTS];

static void shares_are_those_of_the_weights(void **state)
{
	const int equal[] = { 10, 10, 10 }, unequal[] = { 100, 1, 50, 7, 0, 30 };
	const int pair[] = { 99, 100 }, one[] = { 0, 3, 0 };
	int many[SERVERS_MOST];

	srandom(7);
	for (size_t i = 0; i < SERVERS_MOST; i++)
		many[i] = (int)(random() % (WEIGHT_MOST + 1));
	map_clients(equal, 3, servers);
	assert_shares(equal, 3, servers);
	map_clients(unequal, 6, servers);
	assert_shares(unequal, 6, servers);
	map_clients(pair, 2, servers);
	assert_shares(pair, 2, servers);
	map_clients(one, 3, servers);
	assert_shares(one, 3, servers);
	map_clients(many, SERVERS_MOST, servers);
	assert_shares(many, SERVERS_MOST, servers);
}

/*
 * A server comes, goes, or changes its weight, among random others: whoever moves, moves to it or
 * away from it, and only as many as its share changed by.
 */
static void edits_move_only_whom_they_must(void **state)
{
	srandom(8);
	for (unsigned round = 0; round < 40; round++) {
		unsigned count = 2 + (unsigned)random() % 15, at = (unsigned)random() % count;
		int weights[SERVERS_MOST], before, after;
		double rest = 0, share_before, share_after;
		unsigned moved = 0;

		for (unsigned i = 0; i < count; i++)
			weights[i] = 1 + (int)(random() % WEIGHT_MOST);
		for (unsigned i = 0; i < count; i++)
			rest += i == at ? 0 : weights[i];
		before = round % 3 == 0 ? -1 : weights[at];
		after = round % 3 == 1 ? -1 : 1 + (int)(random() % WEIGHT_MOST);
		weights[at] = before;
		map_clients(weights, count, servers);
		weights[at] = after;
		map_clients(weights, count, others);
		for (unsigned i = 0; i < CLIENTS; i++) {
			if (servers[i] == others[i])
				continue;
			moved++;
			assert_true(after > before ? others[i] == (int)at : servers[i] == (int)at);
		}
		share_before = before > 0 ? before / (rest + before) : 0;
		share_after = after > 0 ? after / (rest + after) : 0;
		assert_share(moved, fabs(share_after - share_before));
	}
}

/* Left out is the same as not there: its clients go where they would without it, the others stay.
 * All left out: nobody. */
static void those_left_out_move_nobody_else(void **state)
{
	const int all[] = { 10, 20, 30, 40 }, without[] = { 10, -1, 30, -1 };
	struct left_out out = { 0 };
	struct snapshot snapshot;

	map_clients(all, 4, servers);
	map_clients(without, 4, others);
	pool_open(&snapshot, all, 4);
	left_out_add(&out, 1);
	left_out_add(&out, 3);
	for (unsigned i = 0; i < CLIENTS; i++) {
		int server = server_of(&snapshot, i, &out);

		assert_int_equal(server, others[i]);
		if (servers[i] == 0 || servers[i] == 2)
			assert_int_equal(server, servers[i]);
	}
	left_out_add(&out, 0);
	left_out_add(&out, 2);
	assert_int_equal(server_of(&snapshot, 1, &out), -1);
	snapshot_close(&snapshot);
}

static void nobody_has_weight(void **state)
{
	const int zeros[] = { 0, 0 };
	struct snapshot snapshot;

	pool_open(&snapshot, zeros, 2);
	assert_int_equal(server_of(&snapshot, 1, NULL), -1);
	snapshot_close(&snapshot);
	pool_open(&snapshot, zeros, 0);
	assert_int_equal(server_of(&snapshot, 1, NULL), -1);
	snapshot_close(&snapshot);
}

/* What clients were sent to before an upgrade or a restart they are sent to afterwards: the
 * function is the same for ever. */
static void the_function_stays(void **state)
{
	static const char expected[] = "53744676676465376567276351414641";
	const int weights[] = { 10, 20, 30, 40, 50, 60, 70, 80 };
	char found[sizeof(expected)] = { 0 };
	struct snapshot snapshot;

	pool_open(&snapshot, weights, 8);
	for (unsigned i = 0; i < sizeof(expected) - 1; i++)
		found[i] = (char)('0' + server_of(&snapshot, i * 7919, NULL));
	assert_string_equal(found, expected);
	snapshot_close(&snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_are_those_of_the_weights),
		cmocka_unit_test(edits_move_only_whom_they_must),
		cmocka_unit_test(those_left_out_move_nobody_else),
		cmocka_unit_test(nobody_has_weight),
		cmocka_unit_test(the_function_stays),
	};

	return cmocka_run_group_tests_name("balance_ip_hash", tests, NULL, NULL);
}

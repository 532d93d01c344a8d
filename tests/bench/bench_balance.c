/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one choice costs, by scheduler and number of targets.
 *   bench_balance [TARGETS ...]      default 2 10 100 1000; CPU time, the best of 9 runs
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "balance/balance.h"
#include "sample.h"

#define RUNS 9
#define CHOICES 200000

struct pool {
	struct snapshot snapshot;
	uint32_t active[LIMIT_TARGETS_PER_RULE];
	struct left_out out; /* every fourth target */
};

/* CPU time of this thread, kernel included: a busy machine disturbs it least. */
static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static uint64_t by_turn(const struct pool *pool, uint64_t i)
{
	return round_robin_choose(&pool->snapshot, pool->snapshot.rules, i, NULL);
}

static uint64_t by_turn_among(const struct pool *pool, uint64_t i)
{
	return round_robin_choose(&pool->snapshot, pool->snapshot.rules, i, &pool->out);
}

static uint64_t by_load(const struct pool *pool, uint64_t i)
{
	return least_conn_choose(&pool->snapshot, pool->snapshot.rules, i, pool->active, NULL);
}

static struct bytes client_of(uint64_t i, char text[16])
{
	text[10] = (char)('0' + i % 10);
	text[9] = (char)('0' + i / 10 % 10);
	text[7] = (char)('0' + i / 100 % 10);
	return (struct bytes){ text, 11 };
}

static uint64_t by_address(const struct pool *pool, uint64_t i)
{
	char text[16] = "192.0.2.100";

	return ip_hash_choose(&pool->snapshot, pool->snapshot.rules, client_of(i, text), NULL);
}

static uint64_t by_address_among(const struct pool *pool, uint64_t i)
{
	char text[16] = "192.0.2.100";

	return ip_hash_choose(&pool->snapshot, pool->snapshot.rules, client_of(i, text),
			      &pool->out);
}

static const struct {
	const char *name;
	uint64_t (*choose)(const struct pool *pool, uint64_t i);
} ways[] = {
	{ "WRR", by_turn },
	{ "WRR, 1 of 4 down", by_turn_among },
	{ "LEAST_CONN", by_load },
	{ "IP_HASH", by_address },
	{ "IP_HASH, 1 of 4 down", by_address_among },
};

static void bench(unsigned targets, unsigned weight_most)
{
	static struct pool pool;
	struct sample sample;
	struct rule *rule;

	pool = (struct pool){ 0 };
	sample_init(&sample);
	rule = sample_rule(&sample,
			   sample_listener(&sample, sample_instance(&sample, "127.0.0.1"), 80), "",
			   "/");
	for (unsigned i = 0; i < targets; i++) {
		sample_target(&sample, rule, "10.0.0.1:80",
			      (uint16_t)(1 + (unsigned)random() % weight_most));
		pool.active[i] = (uint32_t)random() % 100;
		if (i % 4 == 1)
			left_out_add(&pool.out, i);
	}
	sample_open(&sample, 1, &pool.snapshot);
	sample_done(&sample);
	for (size_t way = 0; way < sizeof(ways) / sizeof(*ways); way++) {
		uint64_t sum = 0;
		double best = 0;

		for (unsigned run = 0; run < RUNS; run++) {
			double start = now_ns(), took;

			for (uint64_t i = 0; i < CHOICES / targets; i++)
				sum += ways[way].choose(&pool, i * 7);
			took = (now_ns() - start) / (CHOICES / targets);
			best = run && best < took ? best : took;
		}
		printf("%5u targets, weights 1..%-3u  %-22s%9.1f ns   (%u)\n", targets, weight_most,
		       ways[way].name, best, (unsigned)(sum & 1));
	}
	snapshot_close(&pool.snapshot);
}

int main(int argc, char **argv)
{
	static const unsigned usual[] = { 2, 10, 100, 1000 };
	int count = argc > 1 ? argc - 1 : 4;

	for (int i = 0; i < count; i++) {
		unsigned targets = argc > 1 ? (unsigned)atoi(argv[i + 1]) : usual[i];

		if (!targets || targets > LIMIT_TARGETS_PER_RULE) {
			fprintf(stderr, "usage: %s [TARGETS ...], each 1 to %u\n", argv[0],
				LIMIT_TARGETS_PER_RULE);
			return 2;
		}
		bench(targets, 1);
		bench(targets, WEIGHT_MOST);
	}
	return 0;
}

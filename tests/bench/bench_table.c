/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session table at 1 k, 100 k, 1 M and 10 M entries: lookups and claims per second and core (in
 * random order), memory per entry, the longest single call and the longest sweep of a shard. One
 * thread, and two for what sharing costs; run it on an optimised build.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "sticky/table.h"

#define NOW 1700000000u
#define EXPIRE 600
#define CALLS 4000000u

static struct session_table *table;
static uint32_t entries;

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static struct session_key key_of(uint32_t n)
{
	struct address client = { .family = ADDRESS_IPV4 };

	memcpy(client.ip, &n, sizeof(n));
	return session_key_of(1, 0, &client);
}

/* A permutation step: visits clients in no order that a cache or the prefetcher could like. */
static uint32_t scatter(uint32_t i)
{
	return (uint32_t)((uint64_t)(i * 2654435761u) * entries >> 32);
}

static double fill(void)
{
	double start = now_ns();

	for (uint32_t n = 0; n < entries; n++) {
		struct session_entry entry = { key_of(n), n + 1, NOW, EXPIRE };

		session_table_claim(table, &entry, 0);
	}
	return (now_ns() - start) / entries;
}

static void *look_up(void *argument)
{
	uint32_t begin = (uint32_t)(uintptr_t)argument;
	uint64_t found = 0, target;

	for (uint32_t i = begin; i < begin + CALLS; i++) {
		struct session_key key = key_of(scatter(i));

		found += session_table_find(table, &key, EXPIRE, NOW + i / (CALLS / 4), &target) ==
			 SESSION_ALIVE;
	}
	return (void *)(uintptr_t)found;
}

static double bench_threads(unsigned count)
{
	pthread_t threads[8];
	double start = now_ns();

	for (unsigned i = 0; i < count; i++) {
		if (pthread_create(&threads[i], NULL, look_up, (void *)(uintptr_t)(i * CALLS)))
			abort();
	}
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return (now_ns() - start) / CALLS;
}

/* Each call by itself: the longest one, and how long a shard is held by housekeeping. */
static void bench_pauses(double *ret_call_us, double *ret_sweep_us)
{
	*ret_call_us = *ret_sweep_us = 0;
	for (uint32_t i = 0; i < CALLS / 4; i++) {
		struct session_key key = key_of(scatter(i));
		double start = now_ns(), took;
		uint64_t target;

		session_table_find(table, &key, EXPIRE, NOW + 4, &target);
		took = (now_ns() - start) / 1e3;
		*ret_call_us = took > *ret_call_us ? took : *ret_call_us;
	}
	for (uint32_t i = 0; i < session_table_shards(table); i++) {
		double start = now_ns(), took;

		session_table_sweep(table, i, NOW + 4);
		took = (now_ns() - start) / 1e3;
		*ret_sweep_us = took > *ret_sweep_us ? took : *ret_sweep_us;
	}
}

static void bench(uint32_t count)
{
	size_t size = SESSION_BASE_BYTES + (size_t)count * SESSION_CELL_BYTES;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct session_statistics statistics;
	double claim_ns, one_ns, two_ns, call_us, sweep_us;

	entries = count;
	if (memory == MAP_FAILED || session_table_open(memory, size, &table) < 0)
		abort();
	claim_ns = fill();
	one_ns = bench_threads(1);
	two_ns = bench_threads(2);
	bench_pauses(&call_us, &sweep_us);
	session_table_statistics(table, &statistics);
	printf("| %8u | %6.0f | %6.0f | %6.2f | %6.2f | %5.1f | %6.0f | %6.0f | %llu |\n", count,
	       claim_ns, one_ns, 1e3 / one_ns, 2e3 / two_ns, (double)size / count, call_us,
	       sweep_us, (unsigned long long)statistics.evicted);
	session_table_close(table);
	munmap(memory, size);
}

int main(void)
{
	static const uint32_t counts[] = { 1024, 100000, 1000000, 10000000 };

	printf("| entries | new ns | find ns | M/s, 1 thread | M/s, 2 threads | bytes/entry | longest "
	       "call us | longest sweep us | evicted |\n|---|---|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		bench(counts[i]);
	return 0;
}

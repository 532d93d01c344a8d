/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change costs: building, checking and opening a snapshot, and one look-up in it.
 *   bench_snapshot [LISTENERS RULES TARGETS [WEIGHTS [LAYER4]]]   CPU time: median and best of
 *       15 runs. WEIGHTS: weights at random from 1 to this; LAYER4: so many TCP and UDP listeners
 *       of TARGETS each besides
 *   bench_snapshot --write FILE, --write-routes FILE     writes the small sample, or that of routes
 *       (the seeds of fuzz_snapshot)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "balance/balance.h"
#include "model/route.h"
#include "sample.h"

#define RUNS 15
#define LOOKUPS 1000000

/* CPU time of this thread, kernel included: a busy machine disturbs it least. */
static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int order(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

static void print_times(const char *what, double *values)
{
	qsort(values, RUNS, sizeof(*values), order);
	printf("%-20s%8.2f ms median, %8.2f ms best\n", what, values[RUNS / 2], values[0]);
}

/* The rule in the middle of those of HTTP, which come first, and a look-up that finds it. */
static void bench_lookups(const struct snapshot *snapshot, uint32_t http_rules)
{
	const struct snapshot_rule *rule = &snapshot->rules[http_rules / 2];
	const struct snapshot_listener *listener = &snapshot->listeners[rule->listener];
	struct bytes host = snapshot_bytes(snapshot, rule->domain);
	struct bytes path = snapshot_bytes(snapshot, rule->url);
	struct sample_map map;
	uint64_t sum = 0;
	double start;

	sample_map_init(&map, snapshot);
	start = now_ms();
	for (unsigned i = 0; i < LOOKUPS; i++)
		sum += route_find(&map.map, listener, host, path).rule;
	printf("route_find          %8.1f ns\n", (now_ms() - start) * 1e6 / LOOKUPS);
	start = now_ms();
	for (unsigned i = 0; i < LOOKUPS; i++)
		sum += round_robin_choose(snapshot, rule, sum + i, NULL);
	printf("round_robin_choose  %8.1f ns   (%llu)\n", (now_ms() - start) * 1e6 / LOOKUPS,
	       (unsigned long long)(sum & 1));
	sample_map_done(&map);
}

static void weights_at_random(struct rule *rule, unsigned most)
{
	for (size_t i = 0; i < rule->target_count; i++)
		rule->targets[i]->weight = (uint16_t)(1 + (unsigned)random() % most);
}

static void model_weights(struct model *model, unsigned most)
{
	for (size_t i = 0; i < model->instance_count; i++) {
		struct instance *instance = model->instances[i];

		for (size_t j = 0; j < instance->listener_count; j++) {
			struct listener *listener = instance->listeners[j];

			for (size_t k = 0; k < listener->rule_count; k++)
				weights_at_random(listener->rules[k], most);
		}
	}
}

/* TCP and UDP by turns, on an address of their own. */
static void add_layer4(struct sample *sample, unsigned listeners, unsigned targets)
{
	struct instance *instance = NULL;

	for (unsigned i = 0; i < listeners; i++) {
		struct listener *listener;

		if (i % 50 == 0)
			instance = sample_instance(sample, "127.0.0.2");
		listener = sample_layer4(sample, instance, i % 2 ? PROTOCOL_UDP : PROTOCOL_TCP,
					 (uint16_t)(1024 + i));
		listener->session_expire_s = 60;
		for (unsigned k = 0; k < targets; k++) {
			char address[32];

			snprintf(address, sizeof(address), "10.%u.%u.%u:9000", i & 255, k >> 8,
				 k & 255);
			sample_listener_target(sample, listener, address, (uint16_t)(1 + k % 10));
		}
	}
}

/* `shape`: listeners, rules, targets, weights, layer-4 listeners. */
static int bench(const unsigned shape[5])
{
	double builds[RUNS], checks[RUNS], opens[RUNS];
	struct snapshot snapshot = { 0 };
	struct sample sample;
	char why[200];

	sample_large(&sample, shape[0], shape[1], shape[2]);
	if (shape[3] > 0)
		model_weights(&sample.model, shape[3]);
	add_layer4(&sample, shape[4], shape[2]);
	for (unsigned i = 0; i < RUNS; i++) {
		double start = now_ms();
		int fd;

		if (snapshot_build(&sample.model, i + 1, &fd) < 0)
			return 1;
		builds[i] = now_ms() - start;
		snapshot_close(&snapshot);
		start = now_ms();
		if (snapshot_open(fd, true, &snapshot, why, sizeof(why)) < 0)
			return 1;
		opens[i] = now_ms() - start;
		start = now_ms();
		if (snapshot_check(snapshot.header, snapshot.header->size, why, sizeof(why)) < 0)
			return 1;
		checks[i] = now_ms() - start;
		close(fd);
	}
	printf("%u listeners, %u rules, %u targets, %.1f MB\n", snapshot.listener_count,
	       snapshot.rule_count, snapshot.target_count, (double)snapshot.header->size / 1e6);
	print_times("build (with check)", builds);
	print_times("map, check and open", opens);
	print_times("check alone", checks);
	if (shape[0] * shape[1] > 0)
		bench_lookups(&snapshot, shape[0] * shape[1]);
	snapshot_close(&snapshot);
	sample_done(&sample);
	return 0;
}

static int write_sample(const char *path, bool has_routes)
{
	struct snapshot snapshot;
	struct sample sample;
	FILE *file = fopen(path, "w");
	int result = 1;

	if (!file) {
		perror(path);
		return 1;
	}
	if (has_routes)
		sample_routes(&sample);
	else
		sample_small(&sample);
	sample_open(&sample, 1, &snapshot);
	if (fwrite(snapshot.header, snapshot.header->size, 1, file) == 1)
		result = 0;
	if (fclose(file) != 0)
		result = 1;
	snapshot_close(&snapshot);
	sample_done(&sample);
	return result;
}

int main(int argc, char **argv)
{
	unsigned shape[5] = { 1000, 10, 10, 0, 0 };

	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return write_sample(argv[2], false);
	if (argc == 3 && strcmp(argv[1], "--write-routes") == 0)
		return write_sample(argv[2], true);
	if (argc == 2 || argc == 3 || argc > 6) {
		fprintf(stderr,
			"usage: %s [LISTENERS RULES TARGETS [WEIGHTS [LAYER4]]] | --write FILE"
			" | --write-routes FILE\n",
			argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		shape[i - 1] = (unsigned)atoi(argv[i]);
	return bench(shape);
}

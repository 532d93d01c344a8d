/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What finding a rule costs as rules grow: CPU time of one look-up among 10 to 10,000 rules of
 * every kind, and of each regular expression that has to be asked, as machine code where the kernel
 * allows that.   bench_route
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sample.h"

#define LOOKUPS 50000
#define RUNS 15 /* the best counts: a busy machine disturbs it least */

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* One listener: every third domain exact, "*.domain", "domain.*"; two paths each. */
static void fill(struct sample *sample, unsigned rules)
{
	static const char *const domains[] = { "h%u.example", "*.w%u.example", "t%u.*" };
	struct listener *listener;

	sample_init(sample);
	listener = sample_listener(sample, sample_instance(sample, "127.0.0.1"), 80);
	for (unsigned i = 0; i < rules; i++) {
		char domain[40], url[40];
		unsigned number = i / 2;

		snprintf(domain, sizeof(domain), domains[number % 3], number);
		snprintf(url, sizeof(url), i % 2 ? "/path/%u/" : "/", number);
		sample_rule(sample, listener, domain, url);
	}
}

static void fill_patterns(struct sample *sample, unsigned patterns)
{
	struct listener *listener;

	sample_init(sample);
	listener = sample_listener(sample, sample_instance(sample, "127.0.0.1"), 80);
	sample_rule(sample, listener, "a.example", "/");
	for (unsigned i = 0; i < patterns; i++) {
		char url[60];

		snprintf(url, sizeof(url), "~^/(en|de)/shop/[0-9]+/item%u[.]html$", i);
		sample_rule(sample, listener, "a.example", url);
	}
}

/* Nanoseconds of one look-up in the best run, over `count` hosts made from `format`. */
static double measure(const struct sample_map *map, const char *format, const char *path,
		      unsigned count)
{
	const struct snapshot_listener *listener = map->map.snapshot->listeners;
	char(*hosts)[40] = calloc(count, sizeof(*hosts));
	uint64_t found = 0;
	double best = 0;

	if (!hosts)
		exit(1);
	for (unsigned i = 0; i < count; i++)
		snprintf(hosts[i], sizeof(hosts[i]), format, i * 7919u % count);
	for (unsigned run = 0; run < RUNS; run++) {
		double begin = now_ns();

		for (unsigned i = 0; i < LOOKUPS; i++)
			found += route_find(&map->map, listener, bytes_of(hosts[i % count]),
					    bytes_of(path))
					 .kind == ROUTE_RULE;
		begin = now_ns() - begin;
		best = run == 0 || begin < best ? begin : best;
	}
	if (found > LOOKUPS * RUNS)
		exit(1);
	free(hosts);
	return best / LOOKUPS;
}

static void bench_rules(void)
{
	printf("%-10s%12s%14s%14s%12s   ns a look-up\n", "rules", "exact", "*.domain", "domain.*",
	       "unknown");
	for (unsigned rules = 10; rules <= 10000; rules *= 10) {
		struct snapshot snapshot;
		struct sample_map map;
		struct sample sample;

		fill(&sample, rules);
		sample_open(&sample, 1, &snapshot);
		sample_map_init(&map, &snapshot);
		printf("%-10u%12.0f%14.0f%14.0f%12.0f\n", rules,
		       measure(&map, "h%u.example", "/path/x", rules / 2),
		       measure(&map, "www.w%u.example", "/path/x", rules / 2),
		       measure(&map, "t%u.example", "/path/x", rules / 2),
		       measure(&map, "a.b%u.unknown.test", "/path/x", rules / 2));
		sample_map_done(&map);
		snapshot_close(&snapshot);
		sample_done(&sample);
	}
}

static void bench_patterns(void)
{
	printf("\n%-10s%12s%14s   ns a look-up, %s\n", "patterns", "none fits", "the last one",
	       pattern_is_fast() ? "machine code" : "interpreted");
	for (unsigned patterns = 1; patterns <= LIMIT_PATTERNS_PER_LISTENER; patterns *= 10) {
		struct snapshot snapshot;
		struct sample_map map;
		struct sample sample;
		char last[60];

		fill_patterns(&sample, patterns);
		sample_open(&sample, 1, &snapshot);
		sample_map_init(&map, &snapshot);
		snprintf(last, sizeof(last), "/de/shop/1234567/item%u.html", patterns - 1);
		printf("%-10u%12.0f%14.0f\n", patterns,
		       measure(&map, "a.example", "/de/shop/1234567/item.html", 1),
		       measure(&map, "a.example", last, 1));
		sample_map_done(&map);
		snapshot_close(&snapshot);
		sample_done(&sample);
	}
}

static void bench_compiling(void)
{
	double begin = now_ns();

	for (unsigned i = 0; i < 1000; i++) {
		struct pattern *pattern;
		char text[60];

		snprintf(text, sizeof(text), "^/(en|de)/shop/[0-9]+/item%u[.]html$", i);
		if (pattern_new(bytes_of(text), false, &pattern) < 0)
			exit(1);
		pattern_unpin(pattern);
	}
	printf("\ncompiling one: %.1f us\n", (now_ns() - begin) / 1e6);
}

int main(void)
{
	bench_rules();
	bench_patterns();
	bench_compiling();
	return 0;
}

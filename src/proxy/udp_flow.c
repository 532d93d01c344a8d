/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of flows. Keys come from strangers, who can choose them: the hash has a secret seed, so
 * that they cannot aim at a bucket. Runs on the worker's thread, which owns all of it.
 */
#include "proxy/udp_flow.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"

#define BUCKETS_LEAST 64

struct udp_table *udp_table_new(uint32_t most)
{
	struct udp_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	list_init(&table->link);
	table->most = most;
	table->buckets = calloc(BUCKETS_LEAST, sizeof(struct udp_flow *));
	table->bucket_count = BUCKETS_LEAST;
	if (!table->buckets || random_bytes(&table->seed, sizeof(table->seed)) < 0)
		return udp_table_free(table);
	return table;
}

struct udp_table *udp_table_free(struct udp_table *table)
{
	if (!table)
		return NULL;
	list_remove(&table->link);
	free(table->buckets);
	free(table);
	return NULL;
}

static struct udp_flow **bucket_of(const struct udp_table *table, const struct udp_key *key)
{
	uint64_t hash = hash_bytes_seeded(key, sizeof(*key), table->seed);

	return &table->buckets[hash & (table->bucket_count - 1)];
}

struct udp_flow *udp_table_find(const struct udp_table *table, const struct udp_key *key)
{
	struct udp_flow *flow = *bucket_of(table, key);

	while (flow && !udp_key_equal(&flow->key, key))
		flow = flow->next;
	return flow;
}

/* When memory is out the chains only get longer. */
static void table_resize(struct udp_table *table, uint32_t bucket_count)
{
	struct udp_flow **old = table->buckets;
	uint32_t old_count = table->bucket_count;
	struct udp_flow **buckets = calloc(bucket_count, sizeof(*buckets));

	if (!buckets)
		return;
	table->buckets = buckets;
	table->bucket_count = bucket_count;
	for (uint32_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct udp_flow *flow = old[i];
			struct udp_flow **bucket = bucket_of(table, &flow->key);

			old[i] = flow->next;
			flow->next = *bucket;
			*bucket = flow;
		}
	}
	free(old);
}

int udp_table_add(struct udp_table *table, const struct udp_key *key, struct udp_flow **ret)
{
	struct udp_flow *flow, **bucket;

	if (table->count >= table->most)
		return -ENOBUFS;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return -ENOMEM;
	if (table->count >= table->bucket_count)
		table_resize(table, table->bucket_count * 2);
	flow->key = *key;
	flow->table = table;
	bucket = bucket_of(table, key);
	flow->next = *bucket;
	*bucket = flow;
	table->count++;
	*ret = flow;
	return 0;
}

void udp_table_remove(struct udp_flow *flow)
{
	struct udp_table *table = flow->table;
	struct udp_flow **where = bucket_of(table, &flow->key);

	while (*where != flow)
		where = &(*where)->next;
	*where = flow->next;
	table->count--;
	free(flow);
}

void udp_table_walk(struct udp_table *table, void (*visit)(struct udp_flow *flow, void *context),
		    void *context)
{
	for (uint32_t i = 0; i < table->bucket_count && table->count; i++) {
		struct udp_flow *flow = table->buckets[i];

		while (flow) {
			struct udp_flow *next = flow->next;

			visit(flow, context);
			flow = next;
		}
	}
}

void udp_table_shrink(struct udp_table *table)
{
	uint32_t wanted = BUCKETS_LEAST;

	while (wanted < table->count)
		wanted *= 2;
	/* Not at half of it: a table that breathes would be copied all the time. */
	if (wanted <= table->bucket_count / 4)
		table_resize(table, wanted);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pools of connections to targets. Runs on a worker's thread, which owns all of it.
 */
#include "proxy/upstream.h"

#include <errno.h>
#include <stdlib.h>

#include "proxy/connection.h"
#include "proxy/health.h"
#include "proxy/worker.h"

#define BUCKETS_FIRST 64

int upstream_table_init(struct upstream_table *table)
{
	table->buckets = calloc(BUCKETS_FIRST, sizeof(struct upstream_pool *));
	table->bucket_count = table->buckets ? BUCKETS_FIRST : 0;
	table->pool_count = 0;
	return table->buckets ? 0 : -ENOMEM;
}

static uint32_t bucket_of(const struct upstream_table *table, uint64_t target)
{
	return (uint32_t)(target * 0x9e3779b97f4a7c15ull >> 32) & (table->bucket_count - 1);
}

/* A larger table is a favour, not a need: when memory is out the chains only get longer. */
static void table_grow(struct upstream_table *table)
{
	struct upstream_table larger = { .bucket_count = table->bucket_count * 2,
					 .pool_count = table->pool_count };

	larger.buckets = calloc(larger.bucket_count, sizeof(struct upstream_pool *));
	if (!larger.buckets)
		return;
	for (uint32_t i = 0; i < table->bucket_count; i++) {
		while (table->buckets[i]) {
			struct upstream_pool *pool = table->buckets[i];
			uint32_t bucket = bucket_of(&larger, pool->target);

			table->buckets[i] = pool->next;
			pool->next = larger.buckets[bucket];
			larger.buckets[bucket] = pool;
		}
	}
	free(table->buckets);
	*table = larger;
}

static struct upstream_pool *pool_find(struct upstream_table *table, uint64_t target)
{
	struct upstream_pool *pool = table->buckets[bucket_of(table, target)];

	while (pool && pool->target != target)
		pool = pool->next;
	return pool;
}

static struct upstream_pool *pool_get(struct upstream_table *table, uint64_t target)
{
	struct upstream_pool *pool = pool_find(table, target);
	uint32_t bucket;

	if (pool)
		return pool;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	if (table->pool_count >= table->bucket_count)
		table_grow(table);
	pool->target = target;
	list_init(&pool->idle);
	bucket = bucket_of(table, target);
	pool->next = table->buckets[bucket];
	table->buckets[bucket] = pool;
	table->pool_count++;
	return pool;
}

static void upstream_ready(struct io_source *source)
{
	struct upstream *upstream = list_entry(source, struct upstream, stream.source);

	if (upstream->exchange)
		exchange_ready(upstream->exchange);
	else if (source->is_readable || source->is_ended)
		upstream_close(upstream, false); /* closed by the target, or it spoke out of turn */
}

static void upstream_fire(struct timer *timer)
{
	struct upstream *upstream = list_entry(timer, struct upstream, timer);

	if (upstream->exchange)
		exchange_upstream_timeout(upstream->exchange);
	else
		upstream_close(upstream, false);
}

static struct upstream *idle_take(struct upstream_pool *pool, bool must_be_alive)
{
	while (!list_is_empty(&pool->idle)) {
		struct upstream *upstream = list_entry(pool->idle.next, struct upstream, link);

		list_remove(&upstream->link);
		pool->idle_count--;
		pool->used_count++;
		if (!must_be_alive || stream_is_quiet(&upstream->stream))
			return upstream;
		upstream_close(upstream, false);
	}
	return NULL;
}

static void pool_close_idle(struct upstream_pool *pool)
{
	while (!list_is_empty(&pool->idle))
		upstream_close(list_entry(pool->idle.next, struct upstream, link), false);
}

void upstream_shed(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->upstreams.bucket_count; i++) {
		for (struct upstream_pool *pool = worker->upstreams.buckets[i]; pool;
		     pool = pool->next)
			pool_close_idle(pool);
	}
}

static void failure_report(struct worker *worker, const struct exchange *exchange)
{
	health_failed(worker->health, worker->regions, &exchange->use->generation->snapshot,
		      exchange->target);
}

int upstream_take(struct worker *worker, const struct snapshot_target *target, bool may_reuse,
		  bool must_be_alive, struct exchange *exchange, struct upstream **ret)
{
	struct upstream_pool *pool = pool_get(&worker->upstreams, target->number);
	struct upstream *upstream;
	int result;

	if (!pool)
		return -ENOMEM;
	upstream = may_reuse ? idle_take(pool, must_be_alive) : NULL;
	if (upstream) {
		upstream->exchange = exchange;
		timer_set(&worker->wheel, &upstream->timer, 0);
		*ret = upstream;
		return 0;
	}
	upstream = calloc(1, sizeof(*upstream));
	if (!upstream)
		return -ENOMEM;
	result = stream_connect(&target->address, &upstream->stream);
	if (result == -EMFILE || result == -ENFILE) {
		/* Idle connections are a favour; a request is waiting. */
		upstream_shed(worker);
		result = stream_connect(&target->address, &upstream->stream);
	}
	if (result == 0) {
		upstream->stream.source.on_ready = upstream_ready;
		result = io_add_stream(worker->io, &upstream->stream.source);
		if (result < 0)
			io_close(worker->io, &upstream->stream.source);
	}
	if (result < 0) {
		if (cause_of_try(result, false) != CAUSE_NO_ROOM)
			failure_report(worker, exchange);
		free(upstream);
		return result;
	}
	timer_init(&upstream->timer, upstream_fire);
	list_init(&upstream->link);
	upstream->worker = worker;
	upstream->pool = pool;
	upstream->exchange = exchange;
	pool->used_count++;
	descriptors_count(worker->descriptors, 1);
	meter_connect(exchange, upstream);
	*ret = upstream;
	return 0;
}

void upstream_keep(struct upstream *upstream)
{
	struct worker *worker = upstream->worker;
	struct upstream_pool *pool = upstream->pool;

	/* Bytes behind the answer would be taken for the next one's beginning. The flag may only be
	 * old: a read that filled its buffer, or a pipe, does not tell that nothing is left. */
	if (worker->is_stopping || pool->idle_count >= UPSTREAM_IDLE_MOST ||
	    (upstream->stream.source.is_readable && !stream_is_quiet(&upstream->stream))) {
		upstream_close(upstream, false);
		return;
	}
	upstream->stream.source.is_readable = false;
	upstream->exchange = NULL;
	upstream->is_reused = true;
	pool->used_count--;
	pool->idle_count++;
	list_insert_after(&pool->idle, &upstream->link);
	timer_set(&worker->wheel, &upstream->timer, worker->now_ms + UPSTREAM_IDLE_TIMEOUT_MS);
}

void upstream_close(struct upstream *upstream, bool is_failure)
{
	struct upstream_pool *pool = upstream->pool;

	if (upstream->stream.source.fd < 0)
		return;
	if (is_failure && upstream->exchange)
		failure_report(upstream->worker, upstream->exchange);
	if (list_is_empty(&upstream->link))
		pool->used_count--;
	else
		pool->idle_count--;
	list_remove(&upstream->link);
	timer_done(&upstream->worker->wheel, &upstream->timer);
	io_close(upstream->worker->io, &upstream->stream.source);
	descriptors_count(upstream->worker->descriptors, -1);
	meter_disconnect(upstream);
	upstream->exchange = NULL;
	worker_bury(upstream->worker, &upstream->grave, upstream);
}

static int number_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The numbers of all targets of a snapshot, sorted. */
static uint64_t *numbers_sorted(const struct snapshot *snapshot)
{
	uint64_t *numbers = malloc((snapshot->target_count + 1) * sizeof(*numbers));

	if (!numbers)
		return NULL;
	for (uint32_t i = 0; i < snapshot->target_count; i++)
		numbers[i] = snapshot->targets[i].number;
	qsort(numbers, snapshot->target_count, sizeof(*numbers), number_compare);
	return numbers;
}

void upstream_forget_gone(struct worker *worker)
{
	const struct snapshot *snapshot = &worker->current->generation->snapshot;
	struct upstream_table *table = &worker->upstreams;
	uint64_t *numbers;

	if (!table->pool_count)
		return;
	numbers = numbers_sorted(snapshot);
	if (!numbers)
		return; /* they go by their idle timeout */
	for (uint32_t i = 0; i < table->bucket_count; i++) {
		struct upstream_pool **where = &table->buckets[i];

		while (*where) {
			struct upstream_pool *pool = *where;

			if (bsearch(&pool->target, numbers, snapshot->target_count,
				    sizeof(*numbers), number_compare)) {
				where = &pool->next;
				continue;
			}
			pool_close_idle(pool);
			if (pool->used_count) {
				where = &pool->next; /* gone with a later generation */
				continue;
			}
			*where = pool->next;
			table->pool_count--;
			free(pool);
		}
	}
	free(numbers);
}

void upstream_table_done(struct worker *worker)
{
	struct upstream_table *table = &worker->upstreams;

	for (uint32_t i = 0; i < table->bucket_count; i++) {
		while (table->buckets[i]) {
			struct upstream_pool *pool = table->buckets[i];

			pool_close_idle(pool);
			table->buckets[i] = pool->next;
			free(pool);
		}
	}
	free(table->buckets);
	*table = (struct upstream_table){ 0 };
}

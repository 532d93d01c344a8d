/* SPDX-License-Identifier: Apache-2.0 */
/* Rates of instances out of rising sums of bytes. Control's one thread. */
#include "control/traffic_watch.h"

#include <stdlib.h>
#include <string.h>

#include "process/regions.h"

#define PARTIAL_LEAST_MS 1000 /* a shorter time would make a rate of nothing */

enum direction { FROM_CLIENTS, TO_CLIENTS, DIRECTIONS };

struct sums {
	uint64_t bytes[DIRECTIONS];
};

/* A ring: interval i of all time stands at i modulo the intervals that are kept. */
struct watched {
	uint64_t number; /* the instance's */
	struct sums last; /* at the end of the last interval */
	uint64_t peaks[TRAFFIC_WATCH_INTERVALS]; /* bits per second, of the busier direction */
	uint64_t intervals[TRAFFIC_WATCH_INTERVALS]; /* to which of them each belongs; 0 = none */
};

struct traffic_watch {
	struct watched *rows; /* by rising number, like the model's instances */
	size_t count;
	uint64_t interval; /* of the last reading; the first one is 1 */
	uint64_t read_ms; /* when; 0 = never */
};

struct traffic_watch *traffic_watch_new(void)
{
	return calloc(1, sizeof(struct traffic_watch));
}

struct traffic_watch *traffic_watch_free(struct traffic_watch *watch)
{
	if (watch)
		free(watch->rows);
	free(watch);
	return NULL;
}

static struct sums read_sums(const struct instance *instance, const struct regions *regions)
{
	struct sums sums = { 0 };

	for (size_t i = 0; i < instance->listener_count; i++) {
		const struct listener *listener = instance->listeners[i];
		uint64_t values[TRAFFIC_OF_RULE] = { 0 };

		regions_read(regions, TRAFFIC_LISTENER, listener->slot, listener->number, values);
		sums.bytes[FROM_CLIENTS] += values[TRAFFIC_BYTES_FROM_CLIENT];
		sums.bytes[TO_CLIENTS] += values[TRAFFIC_BYTES_TO_CLIENT];
	}
	return sums;
}

/* Sums fall when a listener is deleted: what it moved in this interval is forgotten with it. */
static uint64_t rate(const struct sums *before, const struct sums *now, uint64_t elapsed_ms)
{
	uint64_t most = 0;

	if (elapsed_ms < PARTIAL_LEAST_MS)
		elapsed_ms = PARTIAL_LEAST_MS;
	for (unsigned i = 0; i < DIRECTIONS; i++) {
		uint64_t grown =
			now->bytes[i] > before->bytes[i] ? now->bytes[i] - before->bytes[i] : 0;

		if (grown > most)
			most = grown;
	}
	return most > UINT64_MAX / 8000 ? UINT64_MAX : most * 8000 / elapsed_ms;
}

static int number_order(const void *a, const void *b)
{
	const struct watched *first = a, *second = b;

	return (first->number > second->number) - (first->number < second->number);
}

static struct watched *find(const struct traffic_watch *watch, uint64_t number)
{
	const struct watched key = { .number = number };

	return watch->count > 0
		       ? bsearch(&key, watch->rows, watch->count, sizeof(key), number_order)
		       : NULL;
}

static void read_one(const struct traffic_watch *watch, const struct instance *instance,
		     const struct regions *regions, uint64_t elapsed_ms, struct watched *row)
{
	const struct watched *old = find(watch, instance->number);
	struct sums now = read_sums(instance, regions);
	size_t place = watch->interval % TRAFFIC_WATCH_INTERVALS;

	if (old)
		*row = *old;
	row->number = instance->number;
	if (old && elapsed_ms > 0) {
		row->peaks[place] = rate(&row->last, &now, elapsed_ms);
		row->intervals[place] = watch->interval;
	}
	row->last = now;
}

/* Without memory the rows stay as they are: the guard knows less. */
static void read_all(struct traffic_watch *watch, const struct model *model,
		     const struct regions *regions, uint64_t now_ms)
{
	uint64_t elapsed_ms =
		watch->read_ms && now_ms > watch->read_ms ? now_ms - watch->read_ms : 0;
	/* Ones that passed without a reading count as ones without traffic. */
	uint64_t passed = elapsed_ms / TRAFFIC_WATCH_INTERVAL_MS;
	struct watched *rows = calloc(model->instance_count + 1, sizeof(*rows));

	watch->interval += passed > 1 ? passed : 1;
	watch->read_ms = now_ms;
	if (!rows)
		return;
	for (size_t i = 0; i < model->instance_count; i++)
		read_one(watch, model->instances[i], regions, elapsed_ms, &rows[i]);
	free(watch->rows);
	watch->rows = rows;
	watch->count = model->instance_count;
}

uint64_t traffic_watch_turn(struct traffic_watch *watch, const struct model *model,
			    const struct regions *regions, uint64_t now_ms)
{
	if (regions && (watch->read_ms == 0 || now_ms < watch->read_ms ||
			now_ms - watch->read_ms >= TRAFFIC_WATCH_INTERVAL_MS))
		read_all(watch, model, regions, now_ms);
	return (watch->read_ms ? watch->read_ms : now_ms) + TRAFFIC_WATCH_INTERVAL_MS;
}

uint64_t traffic_watch_peak(const struct traffic_watch *watch, const struct instance *instance,
			    const struct regions *regions, uint64_t now_ms)
{
	const struct watched *row = find(watch, instance->number);
	uint64_t most = 0, passed;
	struct sums now;

	if (!regions || watch->read_ms == 0 || now_ms < watch->read_ms)
		return 0;
	now = read_sums(instance, regions);
	passed = (now_ms - watch->read_ms) / TRAFFIC_WATCH_INTERVAL_MS;
	/* Without a row it was made since the last reading, and began with 0. */
	if (passed <= TRAFFIC_WATCH_INTERVALS)
		most = rate(row ? &row->last : &(struct sums){ 0 }, &now, now_ms - watch->read_ms);
	for (size_t i = 0; row && i < TRAFFIC_WATCH_INTERVALS; i++) {
		if (row->intervals[i] &&
		    watch->interval + passed - row->intervals[i] < TRAFFIC_WATCH_INTERVALS &&
		    row->peaks[i] > most)
			most = row->peaks[i];
	}
	return most;
}

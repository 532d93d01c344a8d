/* SPDX-License-Identifier: Apache-2.0 */
/* A short list of snapshots by generation. The keeper's one thread; owns the descriptors in it. */
#include "keeper/history.h"

#include <string.h>
#include <unistd.h>

static void remove_row(struct history *history, size_t index)
{
	close(history->rows[index].fd);
	history->count--;
	memmove(&history->rows[index], &history->rows[index + 1],
		(history->count - index) * sizeof(history->rows[0]));
}

void history_done(struct history *history)
{
	while (history->count > 0)
		remove_row(history, history->count - 1);
	history->good = 0;
}

void history_add(struct history *history, uint64_t generation, int fd)
{
	if (history->count == HISTORY_MOST)
		remove_row(history, history->rows[0].generation == history->good ? 1 : 0);
	history->rows[history->count++] =
		(struct history_row){ .generation = generation, .fd = fd };
}

const struct history_row *history_newest(const struct history *history)
{
	return history->count > 0 ? &history->rows[history->count - 1] : NULL;
}

const struct history_row *history_find(const struct history *history, uint64_t generation)
{
	for (size_t i = 0; i < history->count; i++) {
		if (history->rows[i].generation == generation)
			return &history->rows[i];
	}
	return NULL;
}

void history_set_good(struct history *history, uint64_t generation)
{
	while (history->count > 0 && history->rows[0].generation < generation)
		remove_row(history, 0);
	history->good = generation;
}

void history_remove(struct history *history, uint64_t generation)
{
	for (size_t i = 0; i < history->count && generation != history->good; i++) {
		if (history->rows[i].generation == generation) {
			remove_row(history, i);
			return;
		}
	}
}

void history_fall_back(struct history *history)
{
	while (history->count > 0 && history->rows[history->count - 1].generation != history->good)
		remove_row(history, history->count - 1);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of health changes: a sequence lock a row, so writers never wait. Any process that maps
 * the region; readers may have it mapped for reading only. */
#include "process/health_log.h"

#include <string.h>

_Static_assert(sizeof(struct health_event) % sizeof(uint64_t) == 0, "events are whole words");

void health_log_add(struct region_health_log *log, const struct health_event *event)
{
	uint64_t position = atomic_fetch_add_explicit(&log->next, 1, memory_order_relaxed);
	struct health_log_row *row = &log->rows[position % HEALTH_LOG_ROWS];
	uint64_t words[HEALTH_LOG_WORDS];

	memcpy(words, event, sizeof(words));
	atomic_store_explicit(&row->sequence, 2 * position + 1, memory_order_relaxed);
	/* Released: nobody sees a new word under the old sequence. */
	for (size_t i = 0; i < HEALTH_LOG_WORDS; i++)
		atomic_store_explicit(&row->words[i], words[i], memory_order_release);
	atomic_store_explicit(&row->sequence, 2 * position + 2, memory_order_release);
}

uint64_t health_log_end(const struct region_health_log *log)
{
	return atomic_load_explicit(&log->next, memory_order_acquire);
}

bool health_log_read(const struct region_health_log *log, uint64_t position,
		     struct health_event *ret)
{
	const struct health_log_row *row = &log->rows[position % HEALTH_LOG_ROWS];
	uint64_t words[HEALTH_LOG_WORDS];

	if (atomic_load_explicit(&row->sequence, memory_order_acquire) != 2 * position + 2)
		return false;
	for (size_t i = 0; i < HEALTH_LOG_WORDS; i++)
		words[i] = atomic_load_explicit(&row->words[i], memory_order_acquire);
	if (atomic_load_explicit(&row->sequence, memory_order_relaxed) != 2 * position + 2)
		return false;
	memcpy(ret, words, sizeof(*ret));
	return true;
}

const char *health_reason_name(enum health_reason reason)
{
	static const char *const names[HEALTH_REASONS] = {
		[HEALTH_REASON_NONE] = "-",
		[HEALTH_REASON_PASSED] = "passed",
		[HEALTH_REASON_REFUSED] = "refused",
		[HEALTH_REASON_UNREACHABLE] = "unreachable",
		[HEALTH_REASON_TIMEOUT] = "timeout",
		[HEALTH_REASON_CLOSED] = "closed",
		[HEALTH_REASON_BAD_ANSWER] = "bad_answer",
		[HEALTH_REASON_STATUS] = "status",
		[HEALTH_REASON_MISMATCH] = "mismatch",
		[HEALTH_REASON_NO_ECHO] = "no_echo",
	};

	return (unsigned)reason < HEALTH_REASONS ? names[reason] : "-";
}

const char *health_state_name(enum health_state state)
{
	switch (state) {
	case HEALTH_CLOSE:
		return "Close";
	case HEALTH_ALIVE:
		return "Alive";
	case HEALTH_DEAD:
		return "Dead";
	case HEALTH_UNKNOWN:
		break;
	}
	return "Unknown";
}

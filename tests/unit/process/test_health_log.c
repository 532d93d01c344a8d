/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of health changes: order, overwriting, and readers next to a writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "process/health_log.h"

static struct region_health_log *log_new(void)
{
	struct region_health_log *log = aligned_alloc(64, sizeof(*log));

	assert_non_null(log);
	memset(log, 0, sizeof(*log));
	return log;
}

/* Every field says the same, so that a half row is seen. */
static struct health_event event_of(uint64_t number)
{
	struct health_event event = { .target = number,
				      .listener = number,
				      .rule = number,
				      .wall_s = (int64_t)number,
				      .state = HEALTH_DEAD,
				      .reason = HEALTH_REASON_TIMEOUT };

	memcpy(event.address.ip, &number, sizeof(number));
	memcpy(event.vip.ip + 8, &number, sizeof(number));
	return event;
}

static void nothing_is_there_at_first(void **state)
{
	struct region_health_log *log = log_new();
	struct health_event event;

	assert_int_equal(health_log_end(log), 0);
	assert_false(health_log_read(log, 0, &event));
	assert_false(health_log_read(log, HEALTH_LOG_ROWS, &event));
	free(log);
}

static void the_last_4096_stay(void **state)
{
	struct region_health_log *log = log_new();
	struct health_event event, expected;

	for (uint64_t i = 0; i < HEALTH_LOG_ROWS + 3; i++) {
		expected = event_of(i);
		health_log_add(log, &expected);
	}
	assert_int_equal(health_log_end(log), HEALTH_LOG_ROWS + 3);
	for (uint64_t i = 0; i < 3; i++)
		assert_false(health_log_read(log, i, &event));
	for (uint64_t i = 3; i < HEALTH_LOG_ROWS + 3; i++) {
		expected = event_of(i);
		assert_true(health_log_read(log, i, &event));
		assert_memory_equal(&event, &expected, sizeof(event));
	}
	assert_false(health_log_read(log, HEALTH_LOG_ROWS + 3, &event));
	free(log);
}

static void a_row_left_half_written_is_skipped(void **state)
{
	struct region_health_log *log = log_new();
	struct health_event event = event_of(7);

	health_log_add(log, &event);
	health_log_add(log, &event);
	atomic_store(&log->rows[0].sequence, 1);
	assert_false(health_log_read(log, 0, &event));
	assert_true(health_log_read(log, 1, &event));
	free(log);
}

#define WRITTEN 200000

static void *write_all(void *argument)
{
	struct region_health_log *log = argument;

	for (uint64_t i = 0; i < WRITTEN; i++) {
		struct health_event event = event_of(i);

		health_log_add(log, &event);
	}
	return NULL;
}

static void readers_see_whole_rows(void **state)
{
	struct region_health_log *log = log_new();
	pthread_t thread;
	uint64_t seen = 0;

	assert_int_equal(pthread_create(&thread, NULL, write_all, log), 0);
	for (uint64_t end = 0; end < WRITTEN;) {
		end = health_log_end(log);
		/* The rows that are overwritten next, and the newest. */
		for (uint64_t i = 0; i < 8 && end > HEALTH_LOG_ROWS; i++) {
			uint64_t position = i < 4 ? end - HEALTH_LOG_ROWS + i : end - i + 3;
			struct health_event event, expected = event_of(position);

			if (!health_log_read(log, position, &event))
				continue;
			assert_memory_equal(&event, &expected, sizeof(event));
			seen++;
		}
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(seen > 0);
	free(log);
}

static void words(void **state)
{
	assert_string_equal(health_reason_name(HEALTH_REASON_NO_ECHO), "no_echo");
	assert_string_equal(health_reason_name(HEALTH_REASONS), "-");
	assert_string_equal(health_state_name(HEALTH_ALIVE), "Alive");
	assert_string_equal(health_state_name((enum health_state)77), "Unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_there_at_first),
		cmocka_unit_test(the_last_4096_stay),
		cmocka_unit_test(a_row_left_half_written_is_skipped),
		cmocka_unit_test(readers_see_whole_rows),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of the shared region: their layout for any number of workers, who owns a row, and
 * that readers make no pages. */
#include "process/regions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

struct stage {
	struct regions *regions;
	int fd;
};

static const struct clock_anchor anchor = { .boot_id = "test" };

static void stage_begin(struct stage *stage, unsigned workers)
{
	assert_int_equal(regions_create(&anchor, workers, &stage->fd, &stage->regions), 0);
}

static void stage_end(struct stage *stage)
{
	regions_close(stage->regions);
	close(stage->fd);
}

static struct traffic_rows *column(const struct stage *stage, unsigned worker)
{
	return &stage->regions->columns[worker].traffic[0];
}

static uint64_t pages_of(const struct stage *stage)
{
	struct stat status;

	assert_int_equal(fstat(stage->fd, &status), 0);
	return (uint64_t)status.st_blocks * 512 / 4096;
}

static uint64_t sum_of(const struct stage *stage, enum traffic_kind kind, uint32_t slot,
		       uint64_t number, unsigned which)
{
	uint64_t sums[TRAFFIC_OF_RULE];

	regions_read(stage->regions, kind, slot, number, sums);
	return sums[which];
}

static const struct {
	enum traffic_kind kind;
	uint32_t roof;
} kinds[] = {
	{ TRAFFIC_TARGET, LIMIT_TARGETS },
	{ TRAFFIC_RULE, LIMIT_RULES },
	{ TRAFFIC_LISTENER, LIMIT_LISTENERS },
};

/* Sets a value, or finds it as it was set. */
static void mark(_Atomic uint64_t *value, uint64_t stamp, bool is_set)
{
	if (is_set)
		assert_int_equal(*value, stamp);
	*value = stamp;
}

/* The ends of all rows at the ends of all tables, each with a value of its own: where two overlap,
 * one of them is lost. */
static void column_mark(struct region_column *column, uint64_t stamp, bool is_set)
{
	for (unsigned i = 0; i < 12; i++) {
		enum traffic_kind kind = kinds[i / 4].kind;
		uint32_t slot = i / 2 % 2 ? kinds[i / 4].roof - 1 : 0;
		_Atomic uint64_t *row = traffic_row(&column->traffic[i % 2], kind, slot, 7);

		mark(&row[0], stamp++, is_set);
		mark(&row[traffic_count(kind) - 1], stamp++, is_set);
	}
	mark(&column->counters[0].values[0], stamp++, is_set);
	mark(&column->counters[LIMIT_LISTENERS - 1].values[COUNTERS_ROOM - 1], stamp, is_set);
}

static void nothing_overlaps(void **state)
{
	for (unsigned workers = 1; workers <= LIMIT_WORKERS; workers++) {
		struct stage stage;

		stage_begin(&stage, workers);
		assert_int_equal(regions_workers(stage.regions), workers);
		for (int pass = 0; pass < 2; pass++) {
			mark((_Atomic uint64_t *)&stage.regions->health_log.next, 1, pass);
			for (unsigned i = 0; i < workers; i++)
				column_mark(&stage.regions->columns[i], 100 * (i + 1), pass);
		}
		stage_end(&stage);
	}
}

static void readers_know_how_many_workers(void **state)
{
	const struct regions *reader;
	struct regions *again;
	struct stage stage;
	int fd;

	assert_int_equal(regions_create(&anchor, 0, &fd, &again), -EINVAL);
	assert_int_equal(regions_create(&anchor, LIMIT_WORKERS + 1, &fd, &again), -EINVAL);
	stage_begin(&stage, 3);
	assert_int_equal(regions_open(stage.fd, &again), 0);
	assert_int_equal(regions_workers(again), 3);
	assert_int_equal(regions_open_reader(stage.fd, &reader), 0);
	assert_int_equal(regions_workers(reader), 3);
	traffic_add(traffic_row(&again->columns[2].traffic[1], TRAFFIC_RULE, 9, 1), 5, 4);
	assert_int_equal(reader->columns[2].traffic[1].rules[9].values[5], 4);
	regions_close(reader);
	regions_close(again);
	stage_end(&stage);
}

static void a_new_owner_begins_at_zero(void **state)
{
	struct stage stage;
	_Atomic uint64_t *row;

	stage_begin(&stage, 2);
	for (unsigned i = 0; i < 3; i++) {
		enum traffic_kind kind = kinds[i].kind;

		for (unsigned worker = 0; worker < 2; worker++) {
			row = traffic_row(column(&stage, worker), kind, 40, 100);
			traffic_add(row, TRAFFIC_RETRIES, 5);
		}
		assert_int_equal(sum_of(&stage, kind, 40, 100, TRAFFIC_RETRIES), 10);
		assert_int_equal(sum_of(&stage, kind, 40, 101, TRAFFIC_RETRIES), 0);
		assert_int_equal(sum_of(&stage, kind, 40, 0, TRAFFIC_RETRIES), 0);

		/* The next owner begins at zero, and what the last one still does is lost. */
		row = traffic_row(column(&stage, 1), kind, 40, 101);
		traffic_add(row, TRAFFIC_RETRIES, 1);
		assert_int_equal(sum_of(&stage, kind, 40, 101, TRAFFIC_RETRIES), 1);
		assert_int_equal(sum_of(&stage, kind, 40, 100, TRAFFIC_RETRIES), 5);
		row = traffic_row(column(&stage, 1), kind, 40, 100);
		assert_null(row);
		traffic_add(row, TRAFFIC_RETRIES, 1);
		assert_null(traffic_row(column(&stage, 0), kind, 40, 0));
		assert_int_equal(sum_of(&stage, kind, 40, 101, TRAFFIC_RETRIES), 1);
	}
	assert_null(traffic_row(column(&stage, 0), TRAFFIC_TARGET, 41, 0));
	/* A claim that was broken off: the number is gone, the old values are not. */
	column(&stage, 1)->targets[40].number = 0;
	row = traffic_row(column(&stage, 1), TRAFFIC_TARGET, 40, 102);
	assert_int_equal(row[TRAFFIC_RETRIES], 0);
	stage_end(&stage);
}

static void what_is_open_is_by_bank(void **state)
{
	struct stage stage;
	struct traffic_rows *first;

	stage_begin(&stage, 2);
	first = stage.regions->columns[0].traffic;
	for (unsigned worker = 0; worker < 2; worker++) {
		for (unsigned bank = 0; bank < REGION_BANKS; bank++)
			traffic_open(&stage.regions->columns[worker].traffic[bank], 77, 5, 1);
	}
	traffic_open(&first[1], LIMIT_TARGETS - 1, 6, 1);
	traffic_open(&first[0], 77, 5, 1);
	traffic_open(&stage.regions->columns[1].traffic[0], 77, 5, -1);
	traffic_add(traffic_row(&first[0], TRAFFIC_TARGET, 77, 5), TRAFFIC_RETRIES, 9);
	assert_int_equal(regions_read_open(stage.regions, 77, 5), 4);
	assert_int_equal(regions_read_open(stage.regions, 77, 6), 0);
	regions_clear_bank(stage.regions, stage.fd, 0);
	assert_int_equal(regions_read_open(stage.regions, 77, 5), 2);
	regions_clear_bank(stage.regions, stage.fd, 1);
	assert_int_equal(regions_read_open(stage.regions, 77, 5), 0);
	assert_int_equal(regions_read_open(stage.regions, LIMIT_TARGETS - 1, 6), 0);
	assert_int_equal(sum_of(&stage, TRAFFIC_TARGET, 77, 5, TRAFFIC_RETRIES), 9);

	/* The slot's next owner has none, and what the last one closes is not its own. */
	traffic_open(first, 77, 5, 1);
	traffic_open(first, 77, 8, 1);
	traffic_open(first, 77, 5, -1);
	assert_int_equal(regions_read_open(stage.regions, 77, 8), 1);
	stage_end(&stage);
}

static void changes_of_health_are_the_targets(void **state)
{
	struct stage stage;

	stage_begin(&stage, 1);
	stage.regions->health[3].number = 50;
	stage.regions->health[3].ups = 2;
	stage.regions->health[3].downs = 1;
	assert_int_equal(sum_of(&stage, TRAFFIC_TARGET, 3, 50, TRAFFIC_WENT_UP), 2);
	assert_int_equal(sum_of(&stage, TRAFFIC_TARGET, 3, 50, TRAFFIC_WENT_DOWN), 1);
	assert_int_equal(sum_of(&stage, TRAFFIC_TARGET, 3, 51, TRAFFIC_WENT_UP), 0);
	assert_int_equal(sum_of(&stage, TRAFFIC_RULE, 3, 50, TRAFFIC_WENT_UP), 0);
	stage_end(&stage);
}

static void reading_makes_no_pages(void **state)
{
	uint64_t sums[TRAFFIC_OF_RULE], before;
	struct stage stage;

	stage_begin(&stage, 4);
	before = pages_of(&stage);
	for (unsigned i = 0; i < 3; i++) {
		for (uint32_t slot = 0; slot < kinds[i].roof; slot++)
			regions_read(stage.regions, kinds[i].kind, slot, 1, sums);
	}
	for (uint32_t slot = 0; slot < LIMIT_TARGETS; slot++)
		assert_int_equal(regions_read_open(stage.regions, slot, 1), 0);
	regions_clear_bank(stage.regions, stage.fd, 0);
	/* Only the bytes that tell, 16 + 4 + 1 KiB of each; and health, which is there anyway for
	 * all targets that there are. */
	assert_in_range(pages_of(&stage) - before, 0,
			4 * REGION_BANKS * 10 + sizeof(stage.regions->health) / 4096);
	stage_end(&stage);
}

static void single_statuses(void **state)
{
	static const struct {
		unsigned status, got, sent;
	} cases[] = {
		{ 101, TRAFFIC_GOT_1XX, TRAFFIC_SENT_1XX },
		{ 200, TRAFFIC_GOT_2XX, TRAFFIC_SENT_2XX },
		{ 304, TRAFFIC_GOT_3XX, TRAFFIC_SENT_3XX },
		{ 404, TRAFFIC_GOT_404, TRAFFIC_SENT_404 },
		{ 429, TRAFFIC_GOT_4XX, TRAFFIC_SENT_4XX },
		{ 499, TRAFFIC_GOT_499, TRAFFIC_SENT_499 },
		{ 500, TRAFFIC_GOT_5XX, TRAFFIC_SENT_5XX },
		{ 502, TRAFFIC_GOT_502, TRAFFIC_SENT_502 },
		{ 503, TRAFFIC_GOT_503, TRAFFIC_SENT_503 },
		{ 504, TRAFFIC_GOT_504, TRAFFIC_SENT_504 },
		{ 599, TRAFFIC_GOT_5XX, TRAFFIC_SENT_5XX },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(traffic_single(TRAFFIC_GOT_1XX, cases[i].status), cases[i].got);
		assert_int_equal(traffic_single(TRAFFIC_SENT_1XX, cases[i].status), cases[i].sent);
	}
}

static void buckets(void **state)
{
	for (unsigned i = 0; i < TRAFFIC_BUCKETS; i++) {
		assert_int_equal(traffic_bucket(traffic_buckets_ms[i]), i);
		if (i)
			assert_int_equal(traffic_bucket((uint64_t)traffic_buckets_ms[i - 1] + 1),
					 i);
	}
	assert_int_equal(traffic_bucket(0), 0);
	assert_int_equal(traffic_bucket(UINT64_MAX), TRAFFIC_BUCKETS - 1);
}

static void names(void **state)
{
	for (unsigned i = 0; i < TRAFFIC_OF_RULE; i++) {
		assert_non_null(traffic_name(i));
		assert_string_not_equal(traffic_name(i), "-");
		for (unsigned other = 0; other < i; other++)
			assert_string_not_equal(traffic_name(i), traffic_name(other));
	}
	assert_string_equal(traffic_name(TRAFFIC_OF_RULE), "-");
	assert_string_equal(traffic_name(TRAFFIC_RESPONSE_BUCKETS + TRAFFIC_BUCKETS - 1),
			    "response_ms_inf");
	assert_string_equal(traffic_name(TRAFFIC_REQUEST_BUCKETS + TRAFFIC_BUCKETS - 1),
			    "request_ms_inf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_overlaps),
		cmocka_unit_test(readers_know_how_many_workers),
		cmocka_unit_test(a_new_owner_begins_at_zero),
		cmocka_unit_test(what_is_open_is_by_bank),
		cmocka_unit_test(reading_makes_no_pages),
		cmocka_unit_test(changes_of_health_are_the_targets),
		cmocka_unit_test(single_statuses),
		cmocka_unit_test(buckets),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

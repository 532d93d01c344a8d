/* SPDX-License-Identifier: Apache-2.0 */
/* DIR/sessions: what is written comes back, whatever is bent is refused whole; and the thread that
 * loads, saves and reports. */
#include "proxy/sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "process/log.h"
#include "proxy/sessions_file.h"

#define ENTRIES 3000 /* more than two blocks of the file */
#define ROOM 8192

static char directory[64];
static char why[128];

static struct session_entry entry_number(uint64_t number, uint32_t used_s)
{
	struct session_entry entry = { .key.scope = session_scope(7, 1),
				       .target = 1 + number % 5,
				       .used_s = used_s,
				       .expire_s = 3600 };

	memcpy(entry.key.ip, &number, sizeof(number));
	return entry;
}

/* --- The file. */

static int write_entries(uint64_t count, int64_t saved_s)
{
	static struct sessions_writer writer;
	int fd = memfd_create("sessions", MFD_CLOEXEC);

	assert_int_equal(sessions_write_begin(&writer, fd), 0);
	for (uint64_t i = 0; i < count; i++) {
		const struct session_entry entry = entry_number(i, (uint32_t)(1000 + i));

		assert_int_equal(sessions_write(&writer, &entry, 1), 0);
	}
	assert_int_equal(sessions_write_end(&writer, saved_s), 0);
	return fd;
}

/* What a taker was given. */
struct taken {
	uint64_t count;
	uint32_t less_s; /* how much younger the entries must be than they were written */
	bool is_wrong;
};

static void take(void *context, const struct session_entry *entry)
{
	struct taken *taken = context;
	const struct session_entry expected =
		entry_number(taken->count, (uint32_t)(1000 + taken->count) - taken->less_s);

	taken->is_wrong |= entry->key.scope != expected.key.scope ||
			   memcmp(entry->key.ip, expected.key.ip, 16) != 0 ||
			   entry->target != expected.target || entry->used_s != expected.used_s ||
			   entry->expire_s != expected.expire_s;
	taken->count++;
}

static int read_file(int fd, int64_t now_s, struct taken *ret)
{
	const struct sessions_taker taker = { take, ret };

	return sessions_read(fd, now_s, &taker, why, sizeof(why));
}

static void what_is_written_comes_back(void **state)
{
	static const uint64_t counts[] = { 0, 1, SESSIONS_FILE_BLOCK, ENTRIES };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int fd = write_entries(counts[i], 9000);
		struct taken taken = { 0 };

		assert_int_equal(read_file(fd, 9000, &taken), 0);
		assert_int_equal(taken.count, counts[i]);
		assert_false(taken.is_wrong);
		close(fd);
	}
}

/* A lost clock: the file says 500 s more than it is now. */
static void nothing_is_from_the_future(void **state)
{
	struct taken taken = { .less_s = 500 };
	int fd = write_entries(10, 9000);

	assert_int_equal(read_file(fd, 8500, &taken), 0);
	assert_int_equal(taken.count, 10);
	assert_false(taken.is_wrong);
	close(fd);
}

/* Every byte of the header and many of the records, bent; and every kind of cut. */
static void bent_files_are_refused_whole(void **state)
{
	int fd = write_entries(ENTRIES, 9000);
	struct stat status;
	struct taken taken = { 0 };

	assert_int_equal(fstat(fd, &status), 0);
	for (off_t at = 0; at < status.st_size; at += at < 200 ? 1 : 997) {
		unsigned char byte, bent;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		bent = byte ^ (unsigned char)(1 << at % 8);
		assert_int_equal(pwrite(fd, &bent, 1, at), 1);
		why[0] = '\0';
		assert_int_equal(read_file(fd, 9000, &taken), -EBADMSG);
		assert_true(why[0]);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	for (off_t size = 0; size < status.st_size; size += size < 100 ? 1 : 1009) {
		int cut = write_entries(ENTRIES, 9000);

		assert_int_equal(ftruncate(cut, size), 0);
		assert_int_equal(read_file(cut, 9000, &taken), -EBADMSG);
		close(cut);
	}
	assert_int_equal(ftruncate(fd, status.st_size + 1), 0);
	assert_int_equal(read_file(fd, 9000, &taken), -EBADMSG);
	assert_int_equal(taken.count, 0); /* none of all these gave a single entry */
	close(fd);
}

static void other_files_are_refused(void **state)
{
	struct sessions_file_header header = { .magic = SESSIONS_FILE_MAGIC,
					       .version = SESSIONS_FILE_VERSION,
					       .record_size = 40,
					       .count = UINT64_MAX / 40 };
	int fd = memfd_create("sessions", MFD_CLOEXEC), folder = open("/", O_RDONLY | O_DIRECTORY);
	static struct sessions_writer writer;
	struct taken taken = { 0 };

	assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
	assert_int_equal(read_file(fd, 9000, &taken), -EBADMSG); /* a count that would overflow */
	assert_int_equal(read_file(folder, 9000, &taken), -EBADMSG);
	/* One that was never finished. */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(sessions_write_begin(&writer, fd), 0);
	assert_int_equal(read_file(fd, 9000, &taken), -EBADMSG);
	assert_non_null(strstr(why, "not finished"));
	close(folder);
	close(fd);
}

static void a_full_disk_is_told(void **state)
{
	static struct sessions_writer writer;
	const struct session_entry entry = entry_number(1, 1000);
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		skip();
	assert_int_equal(sessions_write_begin(&writer, fd), -ENOSPC);
	assert_int_equal(sessions_write(&writer, &entry, 1), 0); /* still in memory */
	assert_int_equal(sessions_write_end(&writer, 9000), -ENOSPC);
	close(fd);
}

/* --- The thread. */

struct stage {
	struct session_table *table;
	struct regions *regions;
	void *memory;
	size_t size;
	int regions_fd, done_fd;
	struct sessions *sessions;
};

static struct stage stage_open(bool must_load)
{
	const struct clock_anchor anchor = { .boot_id = "x", .offset_s = 1700000000 };
	struct stage stage = { .done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	struct pollfd wait = { .fd = stage.done_fd, .events = POLLIN };
	int fd;

	assert_int_equal(regions_create(&anchor, 2, &stage.regions_fd, &stage.regions), 0);
	assert_int_equal(regions_create_sessions(ROOM, &fd), 0);
	assert_int_equal(regions_open_sessions(fd, &stage.memory, &stage.size), 0);
	close(fd);
	assert_int_equal(session_table_open(stage.memory, stage.size, &stage.table), 0);
	assert_int_equal(sessions_start(&(struct sessions_setup){ .table = stage.table,
								  .regions = stage.regions,
								  .data = directory,
								  .must_load = must_load,
								  .done_fd = stage.done_fd },
					&stage.sessions),
			 0);
	assert_int_equal(poll(&wait, 1, 20000), 1);
	assert_true(sessions_are_loaded(stage.sessions));
	assert_int_equal(atomic_load(&stage.regions->sessions.is_loaded), 1);
	return stage;
}

static void stage_close(struct stage *stage, bool must_save)
{
	assert_null(sessions_stop(stage->sessions, must_save));
	session_table_close(stage->table);
	regions_close_sessions(stage->memory, stage->size);
	regions_close(stage->regions);
	close(stage->regions_fd);
	close(stage->done_fd);
}

static uint32_t session_now(const struct stage *stage)
{
	return (uint32_t)clock_session_s(&stage->regions->anchor, clock_boot_ms());
}

static void fill(struct stage *stage, uint64_t count, uint32_t age_s)
{
	for (uint64_t i = 0; i < count; i++) {
		const struct session_entry entry = entry_number(i, session_now(stage) - age_s);

		session_table_claim(stage->table, &entry, 0);
	}
}

static uint64_t entries_in(const struct stage *stage)
{
	struct session_statistics statistics;

	session_table_statistics(stage->table, &statistics);
	return statistics.entries;
}

static bool exists(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return access(path, F_OK) == 0;
}

static void an_unused_table_leaves_no_file(void **state)
{
	struct stage stage = stage_open(true);

	stage_close(&stage, true);
	assert_false(exists(SESSIONS_NAME));
	stage = stage_open(false);
	stage_close(&stage, true);
	assert_false(exists(SESSIONS_NAME));
}

static void a_restart_keeps_all(void **state)
{
	struct stage stage = stage_open(true);
	uint64_t target = 0;

	fill(&stage, ENTRIES, 0);
	assert_int_equal(entries_in(&stage), ENTRIES);
	stage_close(&stage, true);
	assert_true(exists(SESSIONS_NAME));
	assert_false(exists(SESSIONS_NAME ".new"));
	stage = stage_open(true);
	assert_int_equal(entries_in(&stage), ENTRIES);
	assert_int_equal(atomic_load(&stage.regions->sessions.entries), ENTRIES);
	for (uint64_t i = 0; i < ENTRIES; i++) {
		const struct session_entry entry = entry_number(i, 0);

		assert_int_equal(session_table_find(stage.table, &entry.key, 3600,
						    session_now(&stage), &target),
				 SESSION_ALIVE);
		assert_int_equal(target, entry.target);
	}
	stage_close(&stage, false); /* replaced: the file stays as it is */
	stage = stage_open(false); /* the memory is newer than the file */
	assert_int_equal(entries_in(&stage), 0);
	stage_close(&stage, false);
}

static void what_ran_out_is_gone(void **state)
{
	char path[128];
	static struct sessions_writer writer;
	struct stage stage = stage_open(true);
	struct session_entry entry;
	int fd;

	snprintf(path, sizeof(path), "%s/" SESSIONS_NAME, directory);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(sessions_write_begin(&writer, fd), 0);
	for (uint32_t i = 0; i < 10; i++) {
		/* Five of them are older than the longest session. */
		entry = entry_number(i, session_now(&stage) - (i % 2 ? 3700 : 10));
		assert_int_equal(sessions_write(&writer, &entry, 1), 0);
	}
	entry = entry_number(77, session_now(&stage));
	entry.target = 0; /* nothing that we would have written */
	assert_int_equal(sessions_write(&writer, &entry, 1), 0);
	assert_int_equal(sessions_write_end(&writer, session_now(&stage)), 0);
	close(fd);
	stage_close(&stage, false);
	stage = stage_open(true);
	assert_int_equal(entries_in(&stage), 5);
	stage_close(&stage, true);
	stage = stage_open(true);
	assert_int_equal(entries_in(&stage), 5);
	stage_close(&stage, false);
}

static void a_damaged_file_is_put_aside(void **state)
{
	struct stage stage = stage_open(true);
	char path[128];
	int fd;

	fill(&stage, 10, 0);
	stage_close(&stage, true);
	snprintf(path, sizeof(path), "%s/" SESSIONS_NAME, directory);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "?", 1, 100), 1);
	close(fd);
	stage = stage_open(true);
	assert_int_equal(entries_in(&stage), 0);
	assert_false(exists(SESSIONS_NAME));
	assert_true(exists(SESSIONS_REFUSED_NAME));
	fill(&stage, 20, 0); /* life goes on */
	stage_close(&stage, true);
	stage = stage_open(true);
	assert_int_equal(entries_in(&stage), 20);
	stage_close(&stage, false);
}

static void strange_things_in_its_place(void **state)
{
	char path[128];
	struct stage stage;

	snprintf(path, sizeof(path), "%s/" SESSIONS_NAME, directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	stage = stage_open(true); /* it does not wait for a writer */
	stage_close(&stage, false);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	stage = stage_open(true);
	fill(&stage, 5, 0);
	stage_close(&stage, true);
	stage = stage_open(true);
	assert_int_equal(entries_in(&stage), 5);
	stage_close(&stage, false);
}

static int begin(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/setia-sessions-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int end(void **state)
{
	static const char *const names[] = { SESSIONS_NAME, SESSIONS_NAME ".new",
					     SESSIONS_REFUSED_NAME };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_comes_back),
		cmocka_unit_test(nothing_is_from_the_future),
		cmocka_unit_test(bent_files_are_refused_whole),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test_setup_teardown(an_unused_table_leaves_no_file, begin, end),
		cmocka_unit_test_setup_teardown(a_restart_keeps_all, begin, end),
		cmocka_unit_test_setup_teardown(what_ran_out_is_gone, begin, end),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_put_aside, begin, end),
		cmocka_unit_test_setup_teardown(strange_things_in_its_place, begin, end),
	};

	log_init("test", (enum log_level)0, LOG_KEY_VALUE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

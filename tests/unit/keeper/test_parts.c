/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's smaller parts: pauses between starts, the history of snapshots, the data directory,
 * the last good file. */
#include "keeper/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "keeper/history.h"
#include "keeper/home.h"
#include "keeper/last_good.h"
#include "process/log.h"

static char directory[] = "/tmp/setia-keeper-XXXXXX";
static char path[256];

static const char *in_directory(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void pauses_grow(void **state)
{
	static const unsigned pauses_ms[] = { 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000 };

	for (unsigned ends = 0; ends < sizeof(pauses_ms) / sizeof(pauses_ms[0]); ends++)
		assert_int_equal(child_pause_ms(ends), pauses_ms[ends]);
	assert_int_equal(child_pause_ms(UINT32_MAX), CHILD_PAUSE_MOST_MS);
}

static void a_steady_life_forgives(void **state)
{
	struct child child;

	child_init(&child, "proxy");
	assert_true(child.start_due_ms == 0);
	for (int i = 0; i < 5; i++) {
		child.started_ms = 1000;
		child_ended(&child, SIGKILL, 1500);
	}
	assert_true(child.start_due_ms == 1500 + 800);
	child.started_ms = 2000;
	child_ended(&child, SIGKILL, 2000 + CHILD_STEADY_MS);
	assert_true(child.start_due_ms == 2000 + CHILD_STEADY_MS);
}

static int snapshot_file(void)
{
	return memfd_create("row", MFD_CLOEXEC);
}

static void history_keeps_what_matters(void **state)
{
	struct history history = { 0 };

	assert_null(history_newest(&history));
	history_fall_back(&history);
	history_add(&history, 5, snapshot_file());
	history_set_good(&history, 5);
	for (uint64_t generation = 6; generation < 30; generation++)
		history_add(&history, generation, snapshot_file());
	assert_int_equal(history.count, HISTORY_MOST);
	assert_non_null(history_find(&history, 5)); /* the good one is never pushed out */
	assert_null(history_find(&history, 22));
	assert_non_null(history_find(&history, 23));
	assert_int_equal(history_newest(&history)->generation, 29);
	history_remove(&history, 29);
	history_remove(&history, 5);
	history_remove(&history, 1000);
	assert_int_equal(history_newest(&history)->generation, 28);
	history_set_good(&history, 25);
	assert_null(history_find(&history, 5));
	assert_null(history_find(&history, 24));
	assert_int_equal(history.count, 4);
	history_fall_back(&history);
	assert_int_equal(history_newest(&history)->generation, 25);
	history_done(&history);
	assert_null(history_newest(&history));
}

static void history_without_a_good_one_falls_to_nothing(void **state)
{
	struct history history = { 0 };

	for (uint64_t generation = 1; generation < 20; generation++)
		history_add(&history, generation, snapshot_file());
	assert_int_equal(history.count, HISTORY_MOST);
	history_fall_back(&history);
	assert_null(history_newest(&history));
}

static void last_good_round_trip(void **state)
{
	int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	int source = memfd_create("source", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char bytes[5000], read_back[5000];
	struct stat status;

	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(last_good_load(directory_fd, &fd), -ENOENT);
	assert_int_equal(write(source, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(last_good_save(directory, source), 0);
	assert_int_equal(stat(in_directory("snapshot"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(last_good_load(directory_fd, &fd), 0);
	assert_int_equal(pread(fd, read_back, sizeof(read_back), 0), sizeof(read_back));
	assert_memory_equal(bytes, read_back, sizeof(bytes));
	assert_int_equal(fcntl(fd, F_GET_SEALS),
			 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	close(fd);
	close(source);
	assert_int_equal(last_good_save("/nonexistent", directory_fd), -ENODEV);
	close(directory_fd);
}

static void last_good_in_two_halves(void **state)
{
	int source = memfd_create("source", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char read_back[8];

	assert_int_equal(file_replace(in_directory("snapshot"), "old", 3, 0600), 0);
	assert_int_equal(write(source, "new", 3), 3);
	assert_int_equal(last_good_prepare(directory, source), 0);
	assert_int_equal(file_read(in_directory("snapshot"), read_back, sizeof(read_back)), 3);
	assert_memory_equal(read_back, "old", 3);
	assert_int_equal(last_good_put(directory), 0);
	assert_int_equal(file_read(in_directory("snapshot"), read_back, sizeof(read_back)), 3);
	assert_memory_equal(read_back, "new", 3);
	/* Nothing is prepared any more. */
	assert_int_equal(last_good_put(directory), -ENOENT);
	assert_int_equal(file_read(in_directory("snapshot"), read_back, sizeof(read_back)), 3);
	unlink(in_directory("snapshot"));
	close(source);
}

static void last_good_is_a_plain_file(void **state)
{
	int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;

	unlink(in_directory("snapshot"));
	assert_int_equal(symlink("/etc/passwd", in_directory("snapshot")), 0);
	assert_int_equal(last_good_load(directory_fd, &fd), -ELOOP);
	unlink(in_directory("snapshot"));
	assert_int_equal(mkfifo(in_directory("snapshot"), 0600), 0);
	assert_int_equal(last_good_load(directory_fd, &fd), -EINVAL);
	unlink(in_directory("snapshot"));
	assert_int_equal(file_replace(in_directory("snapshot"), "", 0, 0600), 0);
	assert_int_equal(last_good_load(directory_fd, &fd), -EINVAL); /* cut to nothing */
	assert_int_equal(truncate(in_directory("snapshot"), (off_t)2 << 30), 0);
	assert_int_equal(last_good_load(directory_fd, &fd), -EFBIG);
	unlink(in_directory("snapshot"));
	assert_int_equal(fd, -1);
	close(directory_fd);
}

static void home_is_made_and_locked(void **state)
{
	char data[256];
	struct home home, second;
	struct stat status;
	int64_t offset_s;

	snprintf(data, sizeof(data), "%s/data", directory);
	assert_int_equal(home_open(&home, data, NULL), 0);
	assert_string_equal(home.path, data);
	assert_int_equal(stat(data, &status), 0);
	assert_int_equal(status.st_mode & 0027, 0);
	assert_int_equal(home_open(&second, data, NULL), -EBUSY);
	home_done(&second);
	assert_int_equal(home_open(&second, data, NULL), -EBUSY); /* the first still has it */
	home_done(&second);
	offset_s = home.anchor.offset_s;
	home_done(&home);
	home_done(&home);
	assert_int_equal(home_open(&home, data, NULL), 0);
	assert_true(home.anchor.offset_s == offset_s); /* the same boot, the same session time */
	home_save_clock(&home, clock_boot_ms() + 5000);
	home_done(&home);
}

static void homes_that_cannot_be(void **state)
{
	struct home home;

	assert_int_equal(home_open(&home, "/nonexistent/data", NULL), -ENOENT);
	home_done(&home);
	assert_int_equal(file_replace(in_directory("file"), "x", 1, 0600), 0);
	assert_int_equal(home_open(&home, in_directory("file"), NULL), -ENOTDIR);
	home_done(&home);
	assert_int_equal(mkdir(in_directory("open"), 0700), 0);
	assert_int_equal(chmod(in_directory("open"), 0777), 0);
	assert_int_equal(home_open(&home, in_directory("open"), NULL), -EPERM);
	home_done(&home);
	/* A torn clock begins anew. */
	assert_int_equal(mkdir(in_directory("torn"), 0700), 0);
	assert_int_equal(file_replace(in_directory("torn/clock"), "boot_id", 7, 0600), 0);
	assert_int_equal(home_open(&home, in_directory("torn"), NULL), 0);
	home_done(&home);
}

static void home_is_given_away(void **state)
{
	const struct identity nobody = { .user = 65534, .group = 65534 };
	struct stat status;
	struct home home;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(in_directory("given"), 0700), 0);
	assert_int_equal(file_replace(in_directory("given/setia.db"), "x", 1, 0600), 0);
	assert_int_equal(file_replace(in_directory("outside"), "x", 1, 0600), 0);
	assert_int_equal(file_replace(in_directory("given/snapshot"), "x", 1, 0600), 0);
	assert_int_equal(symlink("../outside", in_directory("given/link")), 0);
	assert_int_equal(home_open(&home, in_directory("given"), &nobody), 0);
	home_done(&home);
	assert_int_equal(stat(in_directory("given"), &status), 0);
	assert_int_equal(status.st_uid, 65534);
	assert_int_equal(stat(in_directory("given/setia.db"), &status), 0);
	assert_int_equal(status.st_uid, 65534);
	assert_int_equal(status.st_gid, 65534);
	assert_int_equal(stat(in_directory("outside"), &status), 0);
	assert_int_equal(status.st_uid, 0);
	assert_int_equal(stat(in_directory("given/snapshot"), &status), 0);
	assert_int_equal(status.st_uid, 0);
	assert_int_equal(stat(in_directory("given/lock"), &status), 0);
	assert_int_equal(status.st_uid, 0);
}

static int make_directory(void **state)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		execlp("rm", "rm", "-rf", directory, NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_grow),
		cmocka_unit_test(a_steady_life_forgives),
		cmocka_unit_test(history_keeps_what_matters),
		cmocka_unit_test(history_without_a_good_one_falls_to_nothing),
		cmocka_unit_test(last_good_round_trip),
		cmocka_unit_test(last_good_in_two_halves),
		cmocka_unit_test(last_good_is_a_plain_file),
		cmocka_unit_test(home_is_made_and_locked),
		cmocka_unit_test(homes_that_cannot_be),
		cmocka_unit_test(home_is_given_away),
	};

	log_init("test", (enum log_level)0, LOG_KEY_VALUE);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

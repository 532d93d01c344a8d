/* SPDX-License-Identifier: Apache-2.0 */
/* The three times, the shift that tests use, the anchor's rule and the anchor's file. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define BOOT_A "253621d4-abec-42d9-87e7-a84ba7b97cd1"
#define BOOT_B "00000000-0000-0000-0000-000000000000"

static char directory[] = "/tmp/setia-clock-XXXXXX";
static char path[64], beside[72];

static int make_directory(void **state)
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/clock", directory);
	snprintf(beside, sizeof(beside), "%s.new", path);
	return 0;
}

static int remove_directory(void **state)
{
	unlink(path);
	return rmdir(directory); /* fails when a temporary file was left behind */
}

static void write_file(const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static void test_clocks(void **state)
{
	uint64_t before = clock_boot_ms(), after;
	int64_t wall_us = clock_wall_us();
	char boot_id[40];

	assert_in_range(clock_wall_s(), wall_us / 1000000, wall_us / 1000000 + 1);
	assert_in_range(clock_wall_s(), time(NULL) - 1, time(NULL) + 1);
	after = clock_boot_ms();
	assert_true(before <= after && after < before + 60000);
	assert_int_equal(clock_boot_id(boot_id), 0);
	assert_int_equal(strlen(boot_id), 36);
}

static void test_shift(void **state)
{
	struct clock_shift shift = { 0 };
	uint64_t boot_ms = clock_boot_ms();
	int64_t wall_s = clock_wall_s();
	int fd;

	unsetenv("SETIA_CLOCK_FILE");
	assert_int_equal(clock_init(), 0);
	assert_false(clock_is_shifted());

	setenv("SETIA_CLOCK_FILE", path, 1);
	unlink(path);
	assert_int_equal(clock_init(), -ENOENT);
	write_file("", 0);
	assert_int_equal(clock_init(), -EINVAL);
	write_file("0123456789abcdefg", 17);
	assert_int_equal(clock_init(), -EINVAL);
	assert_false(clock_is_shifted());

	write_file(&shift, sizeof(shift));
	assert_int_equal(clock_init(), 0);
	assert_true(clock_is_shifted());
	assert_in_range(clock_boot_ms(), boot_ms, boot_ms + 60000);

	/* A later write is seen without another call. */
	shift = (struct clock_shift){ .boot_ms = 1000000, .wall_ms = -7200000 };
	fd = open(path, O_WRONLY);
	assert_int_equal(write(fd, &shift, sizeof(shift)), sizeof(shift));
	assert_in_range(clock_boot_ms(), boot_ms + 1000000, boot_ms + 1060000);
	assert_in_range(clock_wall_s(), wall_s - 7200, wall_s - 7140);

	/* Boot time has no time before zero; wall time does, and rounds down there. */
	shift.boot_ms = -(int64_t)boot_ms - 10000000;
	shift.wall_ms = -clock_wall_s() * 1000 - 7200000 - 10000500;
	assert_int_equal(pwrite(fd, &shift, sizeof(shift), 0), sizeof(shift));
	assert_int_equal(clock_boot_ms(), 0);
	assert_true(clock_wall_s() < 0);
	assert_true(clock_wall_s() * 1000000 <= clock_wall_us());
	close(fd);
	unsetenv("SETIA_CLOCK_FILE");
}

static void test_anchor_first(void **state)
{
	struct clock_anchor anchor = clock_anchor_make(NULL, BOOT_A, 5999, 1700000000);

	assert_string_equal(anchor.boot_id, BOOT_A);
	assert_int_equal(anchor.offset_s, 1700000000 - 5);
	assert_int_equal(anchor.last_session_s, 1700000000);
	assert_int_equal(clock_session_s(&anchor, 5999), 1700000000);
	assert_int_equal(clock_session_s(&anchor, 6000), 1700000001);
}

static void test_anchor_same_boot(void **state)
{
	struct clock_anchor old = clock_anchor_make(NULL, BOOT_A, 5000, 1700000000), now;

	/* The wall clock steps by hours, either way: session time does not. */
	now = clock_anchor_make(&old, BOOT_A, 105000, 1700000000 + 7200);
	assert_int_equal(clock_session_s(&now, 105000), 1700000100);
	assert_int_equal(now.last_session_s, 1700000100);
	now = clock_anchor_make(&now, BOOT_A, 205000, 1700000000 - 7200);
	assert_int_equal(clock_session_s(&now, 205000), 1700000200);
	assert_int_equal(now.offset_s, old.offset_s);
}

static void test_anchor_other_boot(void **state)
{
	struct clock_anchor old = clock_anchor_make(NULL, BOOT_A, 5000, 1700000000), now;

	/* Downtime counts. */
	now = clock_anchor_make(&old, BOOT_B, 3000, 1700000600);
	assert_string_equal(now.boot_id, BOOT_B);
	assert_int_equal(clock_session_s(&now, 3000), 1700000600);
	/* A machine that woke up with a wrong date goes on from where it was. */
	now = clock_anchor_make(&old, BOOT_B, 3000, 12);
	assert_int_equal(clock_session_s(&now, 3000), 1700000000);
	assert_int_equal(now.last_session_s, 1700000000);
	/* Without boot ids two boots cannot be told apart. */
	old.boot_id[0] = '\0';
	now = clock_anchor_make(&old, "", 3000, 1700000600);
	assert_int_equal(clock_session_s(&now, 3000), 1700000600);
}

static void test_anchor_file(void **state)
{
	struct clock_anchor anchor = clock_anchor_make(NULL, BOOT_A, 9000000, 1000), back;
	struct stat status;
	char text[256];
	ssize_t size;

	anchor.last_session_s = 1234;
	assert_int_equal(clock_anchor_write(path, &anchor), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0644);
	size = file_read(path, text, sizeof(text));
	assert_true(size > 0);
	text[size] = '\0';
	assert_string_equal(text,
			    "boot_id = " BOOT_A "\noffset_s = -8000\nlast_session_s = 1234\n");
	assert_int_equal(clock_anchor_read(path, &back), 0);
	assert_memory_equal(&anchor, &back, sizeof(back));

	/* What a crash left beside it, even a link to elsewhere, is not followed. */
	assert_int_equal(symlink("/nonexistent/elsewhere", beside), 0);
	anchor.boot_id[0] = '\0';
	memset(anchor.boot_id, 0, sizeof(anchor.boot_id));
	assert_int_equal(clock_anchor_write(path, &anchor), 0);
	assert_int_equal(clock_anchor_read(path, &back), 0);
	assert_string_equal(back.boot_id, "");

	snprintf(anchor.boot_id, sizeof(anchor.boot_id), "%s", "a\nb");
	assert_int_equal(clock_anchor_write(path, &anchor), -EINVAL);
	anchor.boot_id[0] = '\0';
	anchor.offset_s = INT64_MIN;
	assert_int_equal(clock_anchor_write(path, &anchor), -EINVAL);
	assert_int_equal(clock_anchor_write("/nonexistent/clock", &back), -ENOENT);
}

static void test_anchor_file_hostile(void **state)
{
	static const char *const bad[] = {
		"",
		"boot_id = " BOOT_A "\n",
		"boot_id = " BOOT_A "\noffset_s = 1\nlast_session_s = 1",
		"boot_id = " BOOT_A "\noffset_s = 1\nlast_session_s = 1\n\n",
		"boot_id = " BOOT_A "\noffset_s = \nlast_session_s = 1\n",
		"boot_id = " BOOT_A "\noffset_s = --1\nlast_session_s = 1\n",
		"boot_id = " BOOT_A "\noffset_s = 1 \nlast_session_s = 1\n",
		"boot_id = " BOOT_A "\noffset_s = 99999999999999999999\nlast_session_s = 1\n",
		"boot_id = " BOOT_A "\noffset_s = 1\nlast_session_s = -1\n",
		"boot_id = " BOOT_A BOOT_A "\noffset_s = 1\nlast_session_s = 1\n",
		"boot_id = X\noffset_s = 1\nlast_session_s = 1\n",
		"offset_s = 1\nboot_id = " BOOT_A "\nlast_session_s = 1\n",
		"boot_id = " BOOT_A "\r\noffset_s = 1\r\nlast_session_s = 1\r\n",
	};
	struct clock_anchor anchor, before;
	char large[4096];

	memset(&before, 0xee, sizeof(before));
	anchor = before;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file(bad[i], strlen(bad[i]));
		assert_int_equal(clock_anchor_read(path, &anchor), -EBADMSG);
	}
	memset(large, 'a', sizeof(large));
	write_file(large, sizeof(large));
	assert_int_equal(clock_anchor_read(path, &anchor), -EBADMSG);
	write_file("boot_id = a\0b\noffset_s = 1\nlast_session_s = 1\n", 47);
	assert_int_equal(clock_anchor_read(path, &anchor), -EBADMSG);
	assert_memory_equal(&anchor, &before, sizeof(anchor));
	unlink(path);
	assert_int_equal(clock_anchor_read(path, &anchor), -ENOENT);
	assert_int_equal(clock_anchor_read(directory, &anchor), -EINVAL);
}

static void test_file(void **state)
{
	char text[8];

	assert_int_equal(file_replace(path, "12345678", 8, 0600), 0);
	assert_int_equal(file_read(path, text, 8), 8);
	assert_int_equal(file_read(path, text, 7), -EFBIG);
	assert_int_equal(file_replace(path, "", 0, 0600), 0);
	assert_int_equal(file_read(path, text, 0), 0);
	unlink(path);
	/* Nobody ever writes into this FIFO: reading must not wait for it. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(path, text, 8), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_shift),
		cmocka_unit_test(test_anchor_first),
		cmocka_unit_test(test_anchor_same_boot),
		cmocka_unit_test(test_anchor_other_boot),
		cmocka_unit_test(test_anchor_file),
		cmocka_unit_test(test_anchor_file_hostile),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

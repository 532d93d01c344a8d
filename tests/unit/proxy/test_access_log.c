/* SPDX-License-Identifier: Apache-2.0 */
/* The ring between two threads, the files and what can be wrong with them, and the thread between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/h1.h"
#include "process/log.h"
#include "proxy/access_file.h"
#include "proxy/access_log.h"
#include "proxy/access_note.h"

#define SLOT 7

static char directory[] = "/tmp/test-access-log-XXXXXX";
static struct regions *regions;
static struct access_bell bell = { .fd = -1 };

static const char *path_of(const char *name)
{
	static char path[sizeof(directory) + 256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static int group_begin(void **state)
{
	struct clock_anchor anchor = { .boot_id = "test" };
	int fd;

	(void)state;
	log_init("test", (enum log_level)0, LOG_KEY_VALUE);
	assert_non_null(mkdtemp(directory));
	assert_int_equal(regions_create(&anchor, 2, &fd, &regions), 0);
	close(fd);
	bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return bell.fd < 0;
}

static int files_remove(void **state)
{
	DIR *listing = opendir(directory);
	struct dirent *entry;

	(void)state;
	while (listing && (entry = readdir(listing))) {
		if (entry->d_name[0] != '.')
			unlink(path_of(entry->d_name));
	}
	if (listing)
		closedir(listing);
	for (unsigned worker = 0; worker < 2; worker++)
		atomic_store(
			&regions->columns[worker].counters[SLOT].values[COUNTER_ACCESS_LOG_DROPPED],
			0);
	return 0;
}

static int group_end(void **state)
{
	files_remove(state);
	rmdir(directory);
	regions_close(regions);
	close(bell.fd);
	return 0;
}

static uint64_t lost_of(unsigned worker)
{
	return atomic_load(
		&regions->columns[worker].counters[SLOT].values[COUNTER_ACCESS_LOG_DROPPED]);
}

static bool put(struct access_ring *ring, const char *file, const char *text)
{
	return access_ring_put(ring, &(struct access_place){ .slot = SLOT, .file = bytes_of(file) },
			       bytes_of(text));
}

/* What the bell was rung since the last look. */
static uint64_t rings_heard(void)
{
	uint64_t count = 0;

	return read(bell.fd, &count, sizeof(count)) < 0 ? 0 : count;
}

static void test_ring(void **state)
{
	struct access_ring *ring = access_ring_new(&bell);
	struct access_record record;
	char text[ACCESS_LINE_MOST];
	unsigned fit = 0, taken = 0;

	(void)state;
	assert_false(access_ring_peek(ring, access_ring_end(ring), &record));
	/* Several times round, with every way for a line to lie across the end. */
	for (unsigned i = 0; i < 40000; i++) {
		int size = snprintf(text, sizeof(text), "%u %*s\n", i, (int)(i % 300), "");

		assert_true(put(ring, "name", text));
		assert_true(access_ring_peek(ring, access_ring_end(ring), &record));
		assert_int_equal(record.size, size);
		assert_int_equal(record.slot, SLOT);
		assert_memory_equal(record.file, "name", 4);
		memset(text, 'x', sizeof(text));
		access_ring_take(ring, &record, text);
		assert_int_equal(strtoul(text, NULL, 10), i);
		assert_int_equal(text[size - 1], '\n');
	}
	assert_int_equal(rings_heard(), 0);
	/* Full: refused, and the reader was called once, at half. */
	memset(text, 'y', 1000);
	strcpy(text + 1000, "\n");
	while (put(ring, "name", text))
		fit++;
	assert_in_range(fit, 1000, ACCESS_RING_SIZE / 1000);
	assert_int_equal(rings_heard(), 1);
	assert_false(put(ring, "name", text));
	while (access_ring_peek(ring, access_ring_end(ring), &record)) {
		access_ring_take(ring, &record, NULL);
		taken++;
	}
	assert_int_equal(taken, fit);
	assert_true(put(ring, "name", text));
	assert_int_equal(rings_heard(), 0);
	/* A reader that sleeps is woken by the first line alone. */
	atomic_store(&bell.is_asleep, true);
	assert_true(put(ring, "name", text));
	assert_true(put(ring, "name", text));
	assert_int_equal(rings_heard(), 1);
	access_ring_free(ring);
}

static void *write_numbers(void *argument)
{
	struct access_ring *ring = argument;
	char text[400];

	for (unsigned i = 0; i < 200000;) {
		snprintf(text, sizeof(text), "%u %*s\n", i, (int)(i % 257), "");
		if (put(ring, "name", text))
			i++;
	}
	return NULL;
}

static void test_ring_threads(void **state)
{
	struct access_ring *ring = access_ring_new(&bell);
	struct access_record record;
	char text[400];
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, write_numbers, ring), 0);
	for (unsigned i = 0; i < 200000;) {
		if (!access_ring_peek(ring, access_ring_end(ring), &record))
			continue;
		assert_true(record.size < sizeof(text));
		access_ring_take(ring, &record, text);
		assert_int_equal(strtoul(text, NULL, 10), i);
		assert_int_equal(text[record.size - 1], '\n');
		i++;
	}
	pthread_join(thread, NULL);
	rings_heard();
	access_ring_free(ring);
}

/* The lines of a ring into the files, at this time. */
static void move(struct access_files *files, struct access_ring *ring, unsigned worker,
		 uint64_t now_ms)
{
	struct access_record record;

	while (access_ring_peek(ring, access_ring_end(ring), &record))
		access_files_take(files, ring, worker, &record, now_ms);
}

static const char *content_of(const char *name)
{
	static char text[4096];
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[size > 0 ? size : 0] = '\0';
	return text;
}

static void test_files(void **state)
{
	struct access_files *files = access_files_new(directory, regions);
	struct access_ring *ring = access_ring_new(&bell);
	struct stat status;
	char moved[sizeof(directory) + 256];

	(void)state;
	put(ring, "one", "a\n");
	put(ring, "two", "b\n");
	put(ring, "one", "c\n");
	move(files, ring, 0, 1);
	assert_false(access_files_flush(files, 1));
	assert_string_equal(content_of("one"), "a\nc\n");
	assert_string_equal(content_of("two"), "b\n");
	assert_int_equal(stat(path_of("one"), &status), 0);
	assert_int_equal(status.st_mode & 0137, 0);
	/* Moved away: the old one is written to until they are opened again. */
	strcpy(moved, path_of("one.1"));
	assert_int_equal(rename(path_of("one"), moved), 0);
	put(ring, "one", "d\n");
	move(files, ring, 0, 2);
	access_files_reopen(files, 2);
	put(ring, "one", "e\n");
	move(files, ring, 0, 3);
	access_files_free(files);
	assert_string_equal(content_of("one.1"), "a\nc\nd\n");
	assert_string_equal(content_of("one"), "e\n");
	assert_int_equal(lost_of(0), 0);
	access_ring_free(ring);
}

/* What is not a plain file of that name is not touched: the line is lost and counted. */
static void test_refused(void **state)
{
	static const char *const names[] = { "link", "fifo", "folder", "../up", ".hidden" };
	struct access_files *files = access_files_new(directory, regions);
	struct access_ring *ring = access_ring_new(&bell);
	char target[sizeof(directory) + 256];

	(void)state;
	strcpy(target, path_of("target"));
	assert_int_equal(symlink(target, path_of("link")), 0);
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	assert_int_equal(mkdir(path_of("folder"), 0700), 0);
	for (size_t i = 0; i < 5; i++) {
		put(ring, names[i], "a\n");
		move(files, ring, 1, i);
		access_files_flush(files, i);
		assert_int_equal(lost_of(1), i + 1);
	}
	assert_int_equal(access_files_lost(files), 5);
	assert_int_equal(access(target, F_OK), -1);
	/* It is looked at again after a while. */
	unlink(path_of("link"));
	put(ring, "link", "b\n");
	move(files, ring, 1, 10);
	access_files_flush(files, 10);
	assert_string_equal(content_of("link"), "");
	put(ring, "link", "c\n");
	move(files, ring, 1, ACCESS_RETRY_MS + 10);
	access_files_flush(files, ACCESS_RETRY_MS + 10);
	assert_string_equal(content_of("link"), "c\n");
	access_files_free(files);
	rmdir(path_of("folder"));
	access_ring_free(ring);
}

/* A directory that is not there is made; so is one that went away. */
static void test_directory(void **state)
{
	char path[160];
	struct access_files *files;
	struct access_ring *ring = access_ring_new(&bell);
	struct stat status;

	(void)state;
	snprintf(path, sizeof(path), "%s/made", directory);
	files = access_files_new(path, regions);
	for (int i = 0; i < 2; i++) {
		put(ring, "one", "a\n");
		move(files, ring, 0, 1);
		access_files_flush(files, 1);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777 & ~0750u, 0);
		assert_string_equal(content_of("made/one"), "a\n");
		unlink(path_of("made/one"));
		assert_int_equal(rmdir(path), 0);
		access_files_reopen(files, 2);
	}
	access_files_free(files);
	unlink(path_of("made/one"));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(lost_of(0), 0);
	access_ring_free(ring);
}

/* The disk is full in the middle of a line: what is lost is counted, and the next line is whole. */
static void test_full(void **state)
{
	struct access_files *files = access_files_new(directory, regions);
	struct access_ring *ring = access_ring_new(&bell);
	struct rlimit old, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ .rlim_cur = 10, .rlim_max = old.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	put(ring, "one", "1234\n");
	put(ring, "one", "abcdefgh\n");
	put(ring, "one", "never\n");
	move(files, ring, 0, 1);
	access_files_flush(files, 1);
	assert_string_equal(content_of("one"), "1234\nabcde");
	assert_int_equal(lost_of(0), 2);
	put(ring, "one", "neither\n");
	move(files, ring, 0, 2);
	access_files_flush(files, 2);
	assert_int_equal(lost_of(0), 3);
	setrlimit(RLIMIT_FSIZE, &old);
	put(ring, "one", "again\n");
	move(files, ring, 0, 3);
	access_files_flush(files, 3);
	assert_string_equal(content_of("one"), "1234\nabcde\nagain\n");
	assert_int_equal(lost_of(0), 3);
	access_files_free(files);
	access_ring_free(ring);
}

/* More names than may be open: none of the lines is lost. */
static void test_many(void **state)
{
	struct access_files *files = access_files_new(directory, regions);
	struct access_ring *ring = access_ring_new(&bell);
	char name[16];

	(void)state;
	for (unsigned i = 0; i < 4 * ACCESS_FILES_MOST; i++) {
		snprintf(name, sizeof(name), "n%u", i % (2 * ACCESS_FILES_MOST));
		put(ring, name, "x\n");
		move(files, ring, 0, i);
	}
	access_files_free(files);
	for (unsigned i = 0; i < 2 * ACCESS_FILES_MOST; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_string_equal(content_of(name), "x\nx\n");
	}
	assert_int_equal(lost_of(0), 0);
	access_ring_free(ring);
}

/* stderr is a pipe that nobody reads: lines wait, then are lost; other files go on. */
static void test_blocked_stderr(void **state)
{
	struct access_files *files = access_files_new(directory, regions);
	struct access_ring *ring = access_ring_new(&bell);
	int pipes[2], saved = dup(STDERR_FILENO);
	char line[1000], read_back[65536];
	size_t lines = 0;
	ssize_t size;

	(void)state;
	memset(line, 'z', sizeof(line));
	line[sizeof(line) - 2] = '\n';
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	dup2(pipes[1], STDERR_FILENO);
	log_init("test", (enum log_level)0, LOG_KEY_VALUE);
	for (unsigned i = 0; i < 1000; i++) {
		put(ring, "stderr", line);
		put(ring, "one", "a\n");
		move(files, ring, 0, i);
	}
	assert_true(access_files_flush(files, 1000));
	assert_in_range(lost_of(0), 800, 990);
	assert_int_equal(strlen(content_of("one")), 2000);
	while ((size = read(pipes[0], read_back, sizeof(read_back))) > 0) {
		assert_int_equal(size % (ssize_t)(sizeof(line) - 1), 0);
		lines += (size_t)size / (sizeof(line) - 1);
		if (!access_files_flush(files, 1000) && lines + lost_of(0) == 1000)
			break;
	}
	assert_int_equal(lines + lost_of(0), 1000);
	access_files_free(files);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(pipes[0]);
	close(pipes[1]);
	log_init("test", (enum log_level)0, LOG_KEY_VALUE);
	access_ring_free(ring);
}

static void *write_lines(void *argument)
{
	struct access_ring *ring = argument;

	for (unsigned i = 0; i < 5000; i++) {
		put(ring, "shared", "0123456789012345678901234567890123456789\n");
		if (i % 1000 == 0)
			poll(NULL, 0, 1);
	}
	return NULL;
}

/* Two workers, one file, opened again and again meanwhile: every line is whole and there. */
static void test_thread(void **state)
{
	struct access_log *log = NULL;
	pthread_t threads[2];
	struct stat status;
	off_t sum = 0;

	(void)state;
	assert_int_equal(access_log_start(&(struct access_log_setup){ .data = "/nowhere",
								      .directory = directory,
								      .regions = regions,
								      .workers = 2 },
					  &log),
			 0);
	assert_null(access_log_ring(log, 2));
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, write_lines, access_log_ring(log, i));
	for (int i = 0; i < 5; i++) {
		access_log_reopen(log);
		poll(NULL, 0, 2);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_null(access_log_stop(log));
	assert_int_equal(stat(path_of("shared"), &status), 0);
	sum = status.st_size / 41 + (off_t)lost_of(0) + (off_t)lost_of(1);
	assert_int_equal(status.st_size % 41, 0);
	assert_int_equal(sum, 10000);
	assert_null(access_log_stop(NULL));
}

/* A thread that sleeps is woken, and "log" in --data is the usual place. */
static void test_wakes(void **state)
{
	struct access_log *log = NULL;

	(void)state;
	assert_int_equal(access_log_start(&(struct access_log_setup){ .data = directory,
								      .regions = regions,
								      .workers = 1 },
					  &log),
			 0);
	for (int i = 1; i <= 3; i++) {
		poll(NULL, 0, 3 * ACCESS_TURN_MS);
		put(access_log_ring(log, 0), "one", "a\n");
		for (int j = 0; j < 200 && strlen(content_of("log/one")) < 2u * (unsigned)i; j++)
			poll(NULL, 0, 10);
		assert_int_equal(strlen(content_of("log/one")), 2 * i);
	}
	access_log_stop(log);
	unlink(path_of("log/one"));
	rmdir(path_of("log"));
}

static void test_note(void **state)
{
	static const char head[] = "GET http://a.example/p/q?x=1 HTTP/1.0\r\nHost: a.example\r\n"
				   "Referer: r\r\nUser-Agent: u a\r\n\r\n";
	struct buffer_stock stock = { 0 };
	struct access_note note = { 0 };
	struct http_request request;
	char padded[sizeof(head) + 64] = "";

	(void)state;
	memcpy(padded, head, sizeof(head));
	assert_int_equal(http_request_parse(padded, sizeof(head) - 1, &request), 0);
	assert_true(access_note_take(&note, &stock, padded, &request));
	assert_true(bytes_equal(access_note_request(&note),
				bytes_of("GET http://a.example/p/q?x=1 HTTP/1.0")));
	assert_true(bytes_equal(access_note_path(&note), bytes_of("/p/q")));
	assert_true(bytes_equal(access_note_host(&note), bytes_of("a.example")));
	assert_true(bytes_equal(access_note_agent(&note), bytes_of("u a")));
	assert_true(bytes_equal(access_note_referer(&note), bytes_of("r")));
	assert_int_equal(note.minor, 0);
	access_note_give(&note, &stock);
	access_note_give(&note, &stock);
	note = (struct access_note){ 0 };
	assert_true(access_note_take_bad(&note, &stock, bytes_of("GET  /bad\r\nHost: x\r\n")));
	assert_true(bytes_equal(access_note_request(&note), bytes_of("GET  /bad")));
	access_note_give(&note, &stock);
	assert_true(access_note_take_bad(&note, &stock, bytes_of("")));
	assert_int_equal(access_note_request(&note).size, 0);
	access_note_give(&note, &stock);
	buffer_stock_done(&stock);
}

/* A target longer than what is kept: the path is cut with it. */
static void test_note_long(void **state)
{
	static char head[40000];
	struct buffer_stock stock = { 0 };
	struct access_note note = { 0 };
	struct http_request request;
	int size;

	(void)state;
	memset(head, 'a', sizeof(head));
	memcpy(head, "GET /", 5);
	size = 20000 + sprintf(head + 20000, " HTTP/1.1\r\nHost: h\r\nUser-Agent: ");
	memset(head + size, 'u', 5000);
	size += 5000 + sprintf(head + size + 5000, "\r\n\r\n");
	assert_int_equal(http_request_parse(head, (size_t)size, &request), 0);
	assert_true(access_note_take(&note, &stock, head, &request));
	assert_int_equal(access_note_request(&note).size, ACCESS_REQUEST_MOST);
	assert_int_equal(access_note_path(&note).size, ACCESS_REQUEST_MOST - 4);
	assert_int_equal(access_note_agent(&note).size, ACCESS_AGENT_MOST);
	access_note_give(&note, &stock);
	buffer_stock_done(&stock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_ring, files_remove),
		cmocka_unit_test_teardown(test_ring_threads, files_remove),
		cmocka_unit_test_teardown(test_files, files_remove),
		cmocka_unit_test_teardown(test_refused, files_remove),
		cmocka_unit_test_teardown(test_directory, files_remove),
		cmocka_unit_test_teardown(test_full, files_remove),
		cmocka_unit_test_teardown(test_many, files_remove),
		cmocka_unit_test_teardown(test_blocked_stderr, files_remove),
		cmocka_unit_test_teardown(test_thread, files_remove),
		cmocka_unit_test_teardown(test_wakes, files_remove),
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_note_long),
	};

	return cmocka_run_group_tests(tests, group_begin, group_end);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of every size around the border between memory and file; the roofs; disks that refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/body_store.h"

static struct descriptors descriptors = { .roof = 100 };
static struct buffer_stock stock = { .descriptors = &descriptors };
static char top[] = "/tmp/body-store-XXXXXX";
static char directory[64];
static struct body_room room = { .directory = directory, .disk_most = 1 << 20 };

static char byte_at(uint64_t at)
{
	return (char)(at * 31 + (at >> 8) * 17);
}

static struct buffer *buffer_of(uint64_t from, uint32_t size)
{
	struct buffer *buffer = buffer_take(&stock, size);

	for (uint32_t i = 0; i < size; i++)
		buffer->data[buffer->end++] = byte_at(from + i);
	return buffer;
}

/* A body of `size` bytes that comes in pieces. The first error. */
static int fill(struct body_store *store, uint64_t size, uint32_t piece)
{
	while (store->size < size) {
		uint64_t left = size - store->size;
		struct buffer *buffer =
			buffer_of(store->size, left < piece ? (uint32_t)left : piece);
		int result = body_store_add(store, &buffer);

		assert_null(buffer);
		if (result < 0)
			return result;
	}
	return 0;
}

static void assert_empty(void)
{
	DIR *listing = opendir(directory);

	assert_int_equal(stock.used, 0);
	assert_int_equal(room.memory, 0);
	assert_int_equal(room.disk, 0);
	assert_int_equal(descriptors.used, 0);
	for (struct dirent *entry; listing && (entry = readdir(listing));)
		assert_int_equal(entry->d_name[0], '.');
	if (listing)
		closedir(listing);
}

/* Everything with a head in front, to a peer that reads little at a time. */
static void assert_written(const struct body_store *store, const char *head)
{
	struct stream to;
	size_t head_size = strlen(head);
	uint64_t at = 0, got = 0, whole = head_size + store->size;
	char bytes[5000];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	io_source_init(&to.source, pair[0], NULL);
	while (got < whole) {
		bool has_head = at < head_size;
		ssize_t put = 0, count;

		if (at < whole)
			put = body_store_write(store,
					       (struct iovec){ (char *)head + (has_head ? at : 0),
							       has_head ? head_size - at : 0 },
					       has_head ? 0 : at - head_size, &to);
		assert_true(put >= 0 || put == -EAGAIN);
		at += put > 0 ? (uint64_t)put : 0;
		count = read(pair[1], bytes, sizeof(bytes));
		for (ssize_t i = 0; i < count; i++, got++)
			assert_int_equal(bytes[i],
					 got < head_size ? head[got] : byte_at(got - head_size));
	}
	assert_int_equal(at, whole);
	close(pair[0]);
	close(pair[1]);
}

static void test_sizes(void **state)
{
	static const uint32_t pieces[] = { 1, 100, 16320, 40000 };
	static const uint32_t sizes[] = { 1, 16000, 16321, 65280, 65281, 65536, 300000 };

	for (size_t i = 0; i < 28; i++) {
		uint32_t size = sizes[i / 4], piece = pieces[i % 4];
		struct body_store *store = body_store_new(&room, &stock);

		assert_non_null(store);
		assert_int_equal(fill(store, size, piece), 0);
		assert_int_equal(store->size, size);
		if (size <= 16000 && piece <= 16320)
			assert_int_equal(store->fd, -1);
		if (size > BODY_MEMORY_MOST)
			assert_true(store->fd >= 0);
		assert_int_equal(room.disk, store->fd < 0 ? 0 : size);
		assert_int_equal(descriptors.used, store->fd < 0 ? 0 : 1);
		assert_true(stock.used <= BODY_STORE_PARTS);
		assert_written(store, "");
		assert_written(store, "HEAD / HTTP/1.1\r\n\r\n");
		assert_null(body_store_free(store));
		assert_empty();
	}
	assert_null(body_store_free(NULL));
}

static void test_disk_roof(void **state)
{
	struct body_store *first = body_store_new(&room, &stock);
	struct body_store *second = body_store_new(&room, &stock);

	assert_true(body_store_may_fit(&room, 1 << 20));
	assert_false(body_store_may_fit(&room, (1 << 20) + 1));
	assert_false(body_store_may_fit(&room, UINT64_MAX));
	assert_int_equal(fill(first, 900000, 10000), 0);
	assert_int_equal(fill(second, 900000, 10000), -ENOSPC);
	assert_true(room.disk <= room.disk_most);
	assert_written(first, "");
	body_store_free(second);
	assert_int_equal(room.disk, 900000);
	second = body_store_new(&room, &stock);
	assert_int_equal(fill(second, 148576, 16000), 0);
	assert_int_equal(room.disk, room.disk_most);
	body_store_free(first);
	assert_int_equal(fill(second, 1 << 20, 16000), 0);
	body_store_free(second);
	assert_empty();
}

/* Where all memory is taken, small bodies go to files too. */
static void test_memory_roof(void **state)
{
	struct body_store *store = body_store_new(&room, &stock);

	room.memory = BODY_MEMORY_ALL - BUFFER_SMALL;
	assert_int_equal(fill(store, 1000, 1000), 0);
	assert_int_equal(store->fd, -1);
	body_store_free(store);
	room.memory = BODY_MEMORY_ALL - BUFFER_SMALL + 1;
	store = body_store_new(&room, &stock);
	assert_int_equal(fill(store, 1000, 1000), 0);
	assert_true(store->fd >= 0);
	assert_written(store, "x");
	body_store_free(store);
	assert_int_equal(room.memory, BODY_MEMORY_ALL - BUFFER_SMALL + 1);
	room.memory = 0;
	assert_empty();
}

static void test_refusals(void **state)
{
	struct body_room nowhere = { .directory = "/dev/null", .disk_most = 1 << 20 };
	struct body_store *store = body_store_new(&nowhere, &stock);

	assert_int_equal(fill(store, 100000, 16000), -ENOTDIR);
	body_store_free(store);
	assert_int_equal(nowhere.disk, 0);
	nowhere.directory = "/proc/no/such";
	store = body_store_new(&nowhere, &stock);
	assert_int_equal(fill(store, 100000, 16000), -ENOENT);
	body_store_free(store);
	assert_int_equal(nowhere.disk + nowhere.memory, 0);
	descriptors.used = descriptors.roof;
	store = body_store_new(&room, &stock);
	assert_int_equal(fill(store, 100000, 16000), -EMFILE);
	body_store_free(store);
	descriptors.used = 0;
	assert_empty();
}

static void test_full_disk(void **state)
{
	struct body_store *store = body_store_new(&room, &stock);
	struct rlimit limit, small;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = (struct rlimit){ .rlim_cur = 150000, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(fill(store, 100000, 16000), 0);
	assert_int_equal(fill(store, 200000, 16000), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	body_store_free(store);
	assert_empty();
}

static int setup(void **state)
{
	if (!mkdtemp(top))
		return -1;
	/* Made by the first file. */
	snprintf(directory, sizeof(directory), "%s/body", top);
	return 0;
}

static int teardown(void **state)
{
	buffer_stock_done(&stock);
	rmdir(directory);
	return rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),       cmocka_unit_test(test_disk_roof),
		cmocka_unit_test(test_memory_roof), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests_name("proxy_body_store", tests, setup, teardown);
}

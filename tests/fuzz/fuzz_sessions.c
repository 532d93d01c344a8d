/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR/sessions, as somebody else may have left it: whatever is read was checked whole before, every
 * entry in it survives another writing and reading, and the table takes only what can be ours. With
 * the first byte odd, the bytes become records of a file that is sound.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process/regions.h"
#include "proxy/sessions_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000
#define TAKEN_MOST 4096

static struct session_table *table;
static struct session_entry entries[TAKEN_MOST];
static size_t count;
static struct sessions_writer writer;

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static void take(void *context, const struct session_entry *entry)
{
	struct session_claim claim;
	uint64_t target = 0;

	if (count < TAKEN_MOST)
		entries[count++] = *entry;
	if (session_table_restore(table, entry, NOW) < 0)
		return;
	if (session_table_find(table, &entry->key, entry->expire_s, NOW, &target) == SESSION_ALIVE)
		require(target > 0 && target <= LIMIT_NUMBER);
	claim = session_table_claim(table, entry, 0);
	require(claim.target > 0 && claim.target <= LIMIT_NUMBER);
}

static int read_back(int fd)
{
	const struct sessions_taker taker = { take, NULL };
	char why[128] = "";
	int error = sessions_read(fd, NOW, &taker, why, sizeof(why));

	require(error != -EBADMSG || why[0]);
	return error;
}

/* What was taken, written and read again, is the same. */
static void check_again(void)
{
	static struct session_entry before[TAKEN_MOST];
	size_t many = count;
	int fd = memfd_create("again", MFD_CLOEXEC);

	memcpy(before, entries, many * sizeof(before[0]));
	require(sessions_write_begin(&writer, fd) == 0);
	require(sessions_write(&writer, before, many) == 0);
	require(sessions_write_end(&writer, NOW) == 0);
	count = 0;
	require(read_back(fd) == 0 && count == many);
	for (size_t i = 0; i < many; i++) {
		require(entries[i].key.scope == before[i].key.scope &&
			memcmp(entries[i].key.ip, before[i].key.ip, 16) == 0 &&
			entries[i].target == before[i].target &&
			entries[i].used_s == before[i].used_s &&
			entries[i].expire_s == before[i].expire_s);
	}
	close(fd);
}

static int sound_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("sound", MFD_CLOEXEC);

	require(sessions_write_begin(&writer, fd) == 0);
	for (; size >= 40; data += 40, size -= 40) {
		struct session_entry entry = { 0 };

		memcpy(&entry.key.scope, data, 8);
		memcpy(entry.key.ip, data + 8, 16);
		memcpy(&entry.target, data + 24, 8);
		memcpy(&entry.used_s, data + 32, 4);
		memcpy(&entry.expire_s, data + 36, 2);
		require(sessions_write(&writer, &entry, 1) == 0);
	}
	require(sessions_write_end(&writer, NOW) == 0);
	return fd;
}

static void open_table(void)
{
	void *memory;
	size_t size;
	int fd;

	if (table)
		return;
	require(regions_create_sessions(SESSIONS_LEAST, &fd) == 0);
	require(regions_open_sessions(fd, &memory, &size) == 0);
	require(session_table_open(memory, size, &table) == 0);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	open_table();
	if (size == 0)
		return 0;
	count = 0;
	if (data[0] % 2) {
		fd = sound_file(data + 1, size - 1);
		require(read_back(fd) == 0);
		require(count == (size - 1) / 40);
		check_again();
	} else {
		fd = memfd_create("strange", MFD_CLOEXEC);
		require(write(fd, data + 1, size - 1) == (ssize_t)size - 1);
		if (read_back(fd) == 0)
			check_again();
		else
			require(count == 0);
	}
	close(fd);
	return 0;
}

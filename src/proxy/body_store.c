/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers in a row, then a file. Writes go to the page cache, one buffer at a time, so that a
 * loop's turn never waits for more than that. Runs on the worker's thread that owns the request.
 */
#include "proxy/body_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY_MODE 0700
#define FILE_MODE 0600
#define PIECE_MOST (1u << 18) /* read from a file in one go */

struct body_store *body_store_new(struct body_room *room, struct buffer_stock *stock)
{
	struct body_store *store = malloc(sizeof(*store));

	if (store)
		*store = (struct body_store){ .room = room, .stock = stock, .fd = -1 };
	return store;
}

/* False, with nothing taken, when that is more than there may be. */
static bool room_take(_Atomic uint64_t *used, uint64_t size, uint64_t most)
{
	uint64_t before = atomic_fetch_add_explicit(used, size, memory_order_relaxed);

	if (size <= most && before <= most - size)
		return true;
	atomic_fetch_sub_explicit(used, size, memory_order_relaxed);
	return false;
}

static void room_give(_Atomic uint64_t *used, uint64_t size)
{
	atomic_fetch_sub_explicit(used, size, memory_order_relaxed);
}

static void memory_clear(struct body_store *store)
{
	while (store->first) {
		struct buffer *buffer = store->first;

		store->first = buffer->next;
		buffer_give(store->stock, buffer);
	}
	room_give(&store->room->memory, (uint64_t)store->buffer_count * BUFFER_SMALL);
	store->last = NULL;
	store->buffer_count = 0;
}

struct body_store *body_store_free(struct body_store *store)
{
	if (!store)
		return NULL;
	memory_clear(store);
	if (store->fd >= 0) {
		close(store->fd);
		if (store->stock->descriptors)
			descriptors_count(store->stock->descriptors, -1);
		room_give(&store->room->disk, store->size);
	}
	free(store);
	return NULL;
}

bool body_store_may_fit(const struct body_room *room, uint64_t size)
{
	return size <= room->disk_most || size <= BODY_MEMORY_MOST / 2;
}

/* For file systems that cannot make a file without a name. */
static int file_open_named(const char *directory)
{
	char path[PATH_MAX];
	int size = snprintf(path, sizeof(path), "%s/body-XXXXXX", directory);
	int fd;

	if (size < 0 || (size_t)size >= sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

static int file_open_in(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, FILE_MODE);

	if (fd >= 0)
		return fd;
	/* EISDIR: a kernel or a file system that takes O_TMPFILE for its other half, O_DIRECTORY.
	 */
	return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL
		       ? file_open_named(directory)
		       : -errno;
}

static int file_open(struct body_store *store)
{
	const char *directory = store->room->directory;
	struct descriptors *descriptors = store->stock->descriptors;
	int fd;

	if (descriptors && !descriptors_have_room(descriptors))
		return -EMFILE;
	fd = file_open_in(directory);
	if (fd == -ENOENT && mkdir(directory, DIRECTORY_MODE) < 0 && errno != EEXIST)
		return -errno;
	if (fd == -ENOENT)
		fd = file_open_in(directory);
	if (fd < 0)
		return fd;
	if (descriptors)
		descriptors_count(descriptors, 1);
	store->fd = fd;
	return 0;
}

static int file_write(struct body_store *store, uint64_t at, const char *bytes, size_t size)
{
	while (size) {
		ssize_t put = pwrite(store->fd, bytes, size, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -ENOSPC;
		bytes += put;
		at += (uint64_t)put;
		size -= (size_t)put;
	}
	return 0;
}

/* What was in memory so far goes first. */
static int file_begin(struct body_store *store)
{
	uint64_t at = 0;
	int result;

	if (!room_take(&store->room->disk, store->size, store->room->disk_most))
		return -ENOSPC;
	result = file_open(store);
	if (result < 0) {
		room_give(&store->room->disk, store->size);
		return result;
	}
	for (struct buffer *buffer = store->first; buffer && !result; buffer = buffer->next) {
		result = file_write(store, at, buffer_at(buffer), buffer_used(buffer));
		at += buffer_used(buffer);
	}
	memory_clear(store);
	return result;
}

static int file_add(struct body_store *store, struct buffer *buffer)
{
	uint32_t size = buffer_used(buffer);
	int result = store->fd < 0 ? file_begin(store) : 0;

	if (result == 0 && !room_take(&store->room->disk, size, store->room->disk_most))
		result = -ENOSPC;
	if (result < 0)
		return result;
	result = file_write(store, store->size, buffer_at(buffer), size);
	store->size += size;
	return result;
}

/* True when it is in memory now, or needs no place of its own there. */
static bool memory_add(struct body_store *store, struct buffer **buffer)
{
	struct buffer *last = store->last;
	uint32_t size = buffer_used(*buffer);

	if (last && size <= buffer_room(last)) {
		memcpy(last->data + last->end, buffer_at(*buffer), size);
		last->end += size;
		*buffer = buffer_give(store->stock, *buffer);
	} else {
		if (store->buffer_count == BODY_STORE_PARTS || (*buffer)->size != BUFFER_SMALL ||
		    !room_take(&store->room->memory, BUFFER_SMALL, BODY_MEMORY_ALL))
			return false;
		if (last)
			last->next = *buffer;
		else
			store->first = *buffer;
		store->last = *buffer;
		store->buffer_count++;
		*buffer = NULL;
	}
	store->size += size;
	return true;
}

int body_store_add(struct body_store *store, struct buffer **buffer)
{
	int result;

	if (store->fd < 0 && memory_add(store, buffer))
		return 0;
	result = file_add(store, *buffer);
	*buffer = buffer_give(store->stock, *buffer);
	return result;
}

/* The bytes in memory from `at` on. */
static int memory_parts(const struct body_store *store, uint64_t at, struct iovec *parts)
{
	int count = 0;

	for (struct buffer *buffer = store->first; buffer; buffer = buffer->next) {
		uint32_t size = buffer_used(buffer);

		if (at < size)
			parts[count++] = (struct iovec){ buffer_at(buffer) + at, size - at };
		at -= at < size ? at : size;
	}
	return count;
}

ssize_t body_store_write(const struct body_store *store, struct iovec head, uint64_t at,
			 struct stream *to)
{
	struct iovec parts[1 + BODY_STORE_PARTS];
	uint64_t left = store->size - at;
	int count = 0;

	if (head.iov_len)
		parts[count++] = head;
	if (store->fd < 0)
		count += memory_parts(store, at, parts + count);
	if (count)
		return stream_write(to, parts, count);
	return stream_from_file(to, store->fd, at, left < PIECE_MOST ? (size_t)left : PIECE_MOST);
}

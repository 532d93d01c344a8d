/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared memfds: made by the keeper, mapped by whoever gets the descriptor. Their sizes are
 * sealed, so nobody who holds one can make another process fault by cutting it.
 */
#include "process/regions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGIONS_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

/* A memfd of `size` zeros that can neither grow nor shrink. -errno. */
static int memory_create(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, REGIONS_SEALS | F_SEAL_SEAL) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Its size, once that is sure to stay. -EBADMSG. */
static int64_t memory_size(int fd)
{
	struct stat status;
	int seals;

	if (fstat(fd, &status) < 0)
		return -errno;
	seals = fcntl(fd, F_GET_SEALS);
	return seals < 0 || (seals & REGIONS_SEALS) != REGIONS_SEALS ? -EBADMSG : status.st_size;
}

/* NULL with errno. */
static struct regions *regions_map(int fd, int protection)
{
	void *memory = mmap(NULL, sizeof(struct regions), protection, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int regions_create(const struct clock_anchor *anchor, int *ret_fd, struct regions **ret)
{
	struct regions *regions;
	int fd = memory_create("setia-regions", sizeof(struct regions));
	int error;

	if (fd < 0)
		return fd;
	regions = regions_map(fd, PROT_READ | PROT_WRITE);
	if (!regions) {
		error = -errno;
		close(fd);
		return error;
	}
	regions->anchor = *anchor;
	regions->version = REGIONS_VERSION;
	regions->magic = REGIONS_MAGIC;
	*ret_fd = fd;
	*ret = regions;
	return 0;
}

static int regions_open_as(int fd, int protection, struct regions **ret)
{
	struct regions *regions;
	int64_t size = memory_size(fd);

	if (size != (int64_t)sizeof(struct regions))
		return size < 0 ? (int)size : -EBADMSG;
	regions = regions_map(fd, protection);
	if (!regions)
		return -errno;
	if (regions->magic != REGIONS_MAGIC || regions->version != REGIONS_VERSION) {
		regions_close(regions);
		return -EBADMSG;
	}
	*ret = regions;
	return 0;
}

int regions_open(int fd, struct regions **ret)
{
	return regions_open_as(fd, PROT_READ | PROT_WRITE, ret);
}

int regions_open_reader(int fd, const struct regions **ret)
{
	struct regions *regions;
	int error = regions_open_as(fd, PROT_READ, &regions);

	if (error == 0)
		*ret = regions;
	return error;
}

void regions_close(const struct regions *regions)
{
	if (regions)
		munmap((void *)regions, sizeof(*regions));
}

/* The next run of written bytes within [*at, end); false when there is none. On failure, which only
 * an old kernel has reason for, all of it counts as written. */
static bool next_written(int fd, size_t *at, size_t end, size_t *ret_stop)
{
	off_t data = lseek(fd, (off_t)*at, SEEK_DATA), hole;

	if (data < 0 && errno == ENXIO)
		return false;
	hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
	if (data > (off_t)*at)
		*at = (size_t)data;
	*ret_stop = hole < 0 || (size_t)hole > end ? end : (size_t)hole;
	return *at < end;
}

void regions_clear_bank(struct regions *regions, int fd, unsigned bank)
{
	const size_t row = sizeof(regions->listeners[0]);
	const size_t listeners = offsetof(struct regions, listeners);
	const size_t targets = offsetof(struct regions, target_connections) +
			       bank * sizeof(regions->target_connections[0]);
	size_t at, stop;

	atomic_store_explicit(&regions->open[bank].connections, 0, memory_order_relaxed);
	/* A row that begins before a hole's end is not among the holes: rows are aligned, and pages
	 * hold whole numbers of them. */
	for (at = listeners; next_written(fd, &at, listeners + sizeof(regions->listeners), &stop);
	     at = stop) {
		for (size_t i = (at - listeners) / row; i < (stop - listeners + row - 1) / row; i++)
			atomic_store_explicit(&regions->listeners[i].connections[bank], 0,
					      memory_order_relaxed);
	}
	for (at = targets;
	     next_written(fd, &at, targets + sizeof(regions->target_connections[0]), &stop);
	     at = stop) {
		for (size_t i = (at - targets) / sizeof(uint32_t);
		     i < (stop - targets) / sizeof(uint32_t); i++)
			atomic_store_explicit(&regions->target_connections[bank][i], 0,
					      memory_order_relaxed);
	}
}

int regions_create_sessions(uint32_t entries_most, int *ret_fd)
{
	int fd = memory_create("setia-sessions",
			       SESSION_BASE_BYTES + (size_t)entries_most * SESSION_CELL_BYTES);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

int regions_open_sessions(int fd, void **ret_memory, size_t *ret_size)
{
	int64_t size = memory_size(fd);
	void *memory;

	if (size <= 0)
		return size < 0 ? (int)size : -EBADMSG;
	memory = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	*ret_memory = memory;
	*ret_size = (size_t)size;
	return 0;
}

void regions_close_sessions(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

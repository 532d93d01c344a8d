/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared memfds: made by the keeper, mapped by whoever gets the descriptor. Their sizes are
 * sealed, so nobody who holds one can make another process fault by cutting it.
 */
#include "process/regions.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGIONS_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

#define SESSIONS_BASE (1u << 20) /* header and locks of the smallest table */

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
static struct regions *regions_map(int fd)
{
	void *memory =
		mmap(NULL, sizeof(struct regions), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int regions_create(const struct clock_anchor *anchor, int *ret_fd, struct regions **ret)
{
	struct regions *regions;
	int fd = memory_create("setia-regions", sizeof(struct regions));
	int error;

	if (fd < 0)
		return fd;
	regions = regions_map(fd);
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

int regions_open(int fd, struct regions **ret)
{
	struct regions *regions;
	int64_t size = memory_size(fd);

	if (size != (int64_t)sizeof(struct regions))
		return size < 0 ? (int)size : -EBADMSG;
	regions = regions_map(fd);
	if (!regions)
		return -errno;
	if (regions->magic != REGIONS_MAGIC || regions->version != REGIONS_VERSION) {
		regions_close(regions);
		return -EBADMSG;
	}
	*ret = regions;
	return 0;
}

void regions_close(struct regions *regions)
{
	if (regions)
		munmap(regions, sizeof(*regions));
}

int regions_create_sessions(uint32_t entries_most, int *ret_fd)
{
	int fd = memory_create("setia-sessions",
			       SESSIONS_BASE + (size_t)entries_most * SESSION_CELL_BYTES);

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

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
	/* Whoever runs as another user has what his descriptor lets him, and cannot open it anew.
	 */
	if (fchmod(fd, S_IRUSR) == 0 && ftruncate(fd, (off_t)size) == 0 &&
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

/* What this process knows of its mapping, in a page of its own before it: what stands in the region
 * itself can be written by a proxy, and the keeper must not believe it. */
struct mapping {
	size_t size; /* of the region */
	unsigned workers;
};

static size_t region_size(unsigned workers)
{
	return sizeof(struct regions) + workers * sizeof(struct region_column);
}

static struct mapping *mapping_of(const struct regions *regions)
{
	return (struct mapping *)((char *)regions - sysconf(_SC_PAGESIZE));
}

/* NULL with errno. */
static struct regions *regions_map(int fd, int protection, unsigned workers)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = region_size(workers);
	char *all = mmap(NULL, page + size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (all == MAP_FAILED)
		return NULL;
	if (mmap(all + page, size, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
		munmap(all, page + size);
		return NULL;
	}
	*(struct mapping *)all = (struct mapping){ size, workers };
	return (struct regions *)(all + page);
}

unsigned regions_workers(const struct regions *regions)
{
	return mapping_of(regions)->workers;
}

int regions_create(const struct clock_anchor *anchor, unsigned workers, int *ret_fd,
		   struct regions **ret)
{
	struct regions *regions;
	int fd, error;

	if (!workers || workers > LIMIT_WORKERS)
		return -EINVAL;
	fd = memory_create("setia-regions", region_size(workers));
	if (fd < 0)
		return fd;
	regions = regions_map(fd, PROT_READ | PROT_WRITE, workers);
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
	unsigned workers = 1;

	while (workers < LIMIT_WORKERS && size > (int64_t)region_size(workers))
		workers++;
	if (size != (int64_t)region_size(workers))
		return size < 0 ? (int)size : -EBADMSG;
	regions = regions_map(fd, protection, workers);
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
		munmap(mapping_of(regions),
		       (size_t)sysconf(_SC_PAGESIZE) + mapping_of(regions)->size);
}

static void health_read(const struct region_health *row, uint64_t number,
			uint64_t sums[TRAFFIC_OF_RULE])
{
	if (atomic_load_explicit(&row->number, memory_order_acquire) != number)
		return;
	sums[TRAFFIC_WENT_UP] = atomic_load_explicit(&row->ups, memory_order_relaxed);
	sums[TRAFFIC_WENT_DOWN] = atomic_load_explicit(&row->downs, memory_order_relaxed);
}

void regions_read(const struct regions *regions, enum traffic_kind kind, uint32_t slot,
		  uint64_t number, uint64_t ret_sums[TRAFFIC_OF_RULE])
{
	memset(ret_sums, 0, TRAFFIC_OF_RULE * sizeof(*ret_sums));
	for (unsigned i = 0; i < regions_workers(regions) * REGION_BANKS; i++)
		traffic_read(&regions->columns[i / REGION_BANKS].traffic[i % REGION_BANKS], kind,
			     slot, number, ret_sums);
	if (kind == TRAFFIC_TARGET)
		health_read(&regions->health[slot], number, ret_sums);
}

uint32_t regions_read_open(const struct regions *regions, uint32_t slot, uint64_t number)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < regions_workers(regions) * REGION_BANKS; i++)
		sum += traffic_read_open(
			&regions->columns[i / REGION_BANKS].traffic[i % REGION_BANKS], slot,
			number);
	return sum;
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

/* Zeroes a number in each row of a table that stands at `table`, where pages were ever written. */
static void column_clear(struct regions *regions, int fd, const void *table, size_t row_size,
			 size_t rows)
{
	const size_t first = (size_t)((const char *)table - (const char *)regions);
	const size_t end = first + rows * row_size;
	size_t stop;

	for (size_t at = first; next_written(fd, &at, end, &stop); at = stop) {
		for (size_t row = (at - first + row_size - 1) / row_size * row_size;
		     first + row < stop; row += row_size)
			atomic_store_explicit((_Atomic uint32_t *)((char *)regions + first + row),
					      0, memory_order_relaxed);
	}
}

void regions_clear_bank(struct regions *regions, int fd, unsigned bank)
{
	atomic_store_explicit(&regions->open[bank].connections, 0, memory_order_relaxed);
	column_clear(regions, fd, &regions->listeners[0].connections[bank],
		     sizeof(regions->listeners[0]), LIMIT_LISTENERS);
	column_clear(regions, fd, regions->target_connections[bank],
		     sizeof(regions->target_connections[0][0]), LIMIT_TARGETS);
	for (unsigned worker = 0; worker < regions_workers(regions); worker++)
		column_clear(regions, fd, &regions->columns[worker].traffic[bank].targets[0].open,
			     sizeof(struct traffic_target), LIMIT_TARGETS);
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

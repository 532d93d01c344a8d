/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared region's memfd: made by the keeper, mapped by whoever gets the descriptor. Its size is
 * sealed, so nobody who holds it can make another process fault by cutting it.
 */
#include "process/regions.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGIONS_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

/* NULL with errno. */
static struct regions *regions_map(int fd)
{
	void *memory =
		mmap(NULL, sizeof(struct regions), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int regions_create(const struct clock_anchor *anchor, int *ret_fd, struct regions **ret)
{
	struct regions *regions = NULL;
	int fd = memfd_create("setia-regions", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(struct regions)) == 0 &&
	    fcntl(fd, F_ADD_SEALS, REGIONS_SEALS | F_SEAL_SEAL) == 0)
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
	struct stat status;
	int seals;

	if (fstat(fd, &status) < 0)
		return -errno;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & REGIONS_SEALS) != REGIONS_SEALS ||
	    status.st_size != (off_t)sizeof(struct regions))
		return -EBADMSG;
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

/* SPDX-License-Identifier: Apache-2.0 */
/* The last good snapshot's file. Runs on the keeper's one thread; owns nothing between calls. */
#include "keeper/last_good.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "model/limits.h"

static int copy_file(int from, int to, off_t size)
{
	off_t done = 0;

	while (done < size) {
		ssize_t copied = sendfile(to, from, NULL, (size_t)(size - done));

		if (copied < 0 && errno == EINTR)
			continue;
		if (copied < 0)
			return -errno;
		if (copied == 0)
			return -EIO; /* it was cut meanwhile */
		done += copied;
	}
	return 0;
}

static int copy_sealed(int file, off_t size, int *ret_fd)
{
	int fd = memfd_create("setia-snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING), error;

	if (fd < 0)
		return -errno;
	error = copy_file(file, fd, size);
	if (!error &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		error = -errno;
	if (error) {
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

int last_good_load(int directory_fd, int *ret_fd)
{
	/* The directory may belong to a less trusted user: no links, and no waiting for a FIFO's
	 * other end. */
	int file = openat(directory_fd, LAST_GOOD_NAME,
			  O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	int error = 0;

	if (file < 0)
		return -errno;
	if (fstat(file, &status) < 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode) || status.st_size == 0)
		error = -EINVAL;
	else if (status.st_size > (off_t)LIMIT_SNAPSHOT_SIZE)
		error = -EFBIG;
	if (!error)
		error = copy_sealed(file, status.st_size, ret_fd);
	close(file);
	return error;
}

static int path_of(const char *directory, char path[PATH_MAX])
{
	int length = snprintf(path, PATH_MAX, "%s/%s", directory, LAST_GOOD_NAME);

	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int last_good_prepare(const char *directory, int fd)
{
	char path[PATH_MAX];
	struct stat status;
	void *data;
	int error = path_of(directory, path);

	if (error)
		return error;
	if (fstat(fd, &status) < 0)
		return -errno;
	data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	error = file_prepare(path, data, (size_t)status.st_size, 0600);
	munmap(data, (size_t)status.st_size);
	return error;
}

int last_good_put(const char *directory)
{
	char path[PATH_MAX];
	int error = path_of(directory, path);

	return error ? error : file_put(path);
}

int last_good_save(const char *directory, int fd)
{
	int error = last_good_prepare(directory, fd);

	return error ? error : last_good_put(directory);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole-file reading and atomic replacing. Blocks on the disk, so not for a thread that carries
 * traffic. Owns nothing between calls.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t file_read(const char *path, void *out, size_t room)
{
	/* O_NONBLOCK: opening a FIFO that somebody put there must not wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	size_t have = 0;
	ssize_t got = 0;
	int error = 0;
	char extra;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) != 0)
		error = -errno;
	else if (!S_ISREG(status.st_mode))
		error = -EINVAL;
	while (error == 0) {
		got = have < room ? read(fd, (char *)out + have, room - have) : read(fd, &extra, 1);
		if (got == 0)
			break;
		if (got < 0)
			error = errno == EINTR ? 0 : -errno;
		else if (have == room)
			error = -EFBIG;
		else
			have += (size_t)got;
	}
	close(fd);
	return error ? error : (ssize_t)have;
}

static int file_write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t wrote = write(fd, data, size);

		if (wrote < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		data += wrote;
		size -= (size_t)wrote;
	}
	return 0;
}

int file_sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX] = ".";
	size_t size = slash ? (size_t)(slash - path) : 0;
	int fd, error = 0;

	if (size >= sizeof(directory))
		return -ENAMETOOLONG;
	if (slash) {
		if (size == 0)
			size = 1; /* "/name" lives in "/" */
		memcpy(directory, path, size);
		directory[size] = '\0';
	}
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) != 0)
		error = -errno;
	close(fd);
	return error;
}

/* A file left behind by a crash is unlinked, not opened: it may be a link to somewhere else. */
static int file_create(const char *path, const void *data, size_t size, mode_t mode)
{
	int fd, error;

	if (unlink(path) != 0 && errno != ENOENT)
		return -errno;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	error = file_write_all(fd, data, size);
	if (error == 0 && fchmod(fd, mode) != 0)
		error = -errno;
	if (error == 0 && fsync(fd) != 0)
		error = -errno;
	if (close(fd) != 0 && error == 0)
		error = -errno;
	if (error != 0)
		unlink(path);
	return error;
}

static int beside_path(const char *path, char beside[PATH_MAX])
{
	int length = snprintf(beside, PATH_MAX, "%s.new", path);

	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int file_prepare(const char *path, const void *data, size_t size, mode_t mode)
{
	char beside[PATH_MAX];
	int error = beside_path(path, beside);

	return error ? error : file_create(beside, data, size, mode);
}

int file_put(const char *path)
{
	char beside[PATH_MAX];
	int error = beside_path(path, beside);

	if (error != 0)
		return error;
	if (rename(beside, path) != 0) {
		error = -errno;
		unlink(beside);
		return error;
	}
	return file_sync_directory(path);
}

int file_replace(const char *path, const void *data, size_t size, mode_t mode)
{
	int error = file_prepare(path, data, size, mode);

	return error ? error : file_put(path);
}

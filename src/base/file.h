/* SPDX-License-Identifier: Apache-2.0 */
/* Small files read whole and replaced whole. A reader sees the old bytes or the new ones, never a
 * mixture. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Reads a regular file of at most `room` bytes. Returns its size; -EFBIG when it is larger, -EINVAL
 * when it is no regular file, or -errno.
 */
ssize_t file_read(const char *path, void *out, size_t room);

/*
 * Makes `path` hold these bytes, on disk when this returns 0: a new file beside it, fsync, rename,
 * fsync of the directory. One writer per path at a time. -errno with the old file as it was.
 */
int file_replace(const char *path, const void *data, size_t size, mode_t mode);

/*
 * The same in two halves, when the bytes are known before it is sure that they are wanted:
 * file_prepare writes them beside `path`, on disk when it returns 0; file_put then makes them its
 * own. file_replace and file_prepare throw away what was prepared before.
 */
int file_prepare(const char *path, const void *data, size_t size, mode_t mode);
int file_put(const char *path);

/* What was renamed into the directory of `path` is there after a crash. */
int file_sync_directory(const char *path);

#endif

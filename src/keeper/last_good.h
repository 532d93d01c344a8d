/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DIR/snapshot: the newest configuration that traffic ran with, so that it starts without control
 * and without the database. Written and read by the keeper alone; `setia explain` reads it too.
 */
#ifndef KEEPER_LAST_GOOD_H
#define KEEPER_LAST_GOOD_H

#define LAST_GOOD_NAME "snapshot"

/*
 * A sealed memfd with the file's bytes, not checked yet. -ENOENT none there; -EFBIG, -EINVAL no
 * file that could be one; -errno.
 */
int last_good_load(int directory_fd, int *ret_fd);

/* Replaces the file by the bytes of `fd`; on disk when this returns 0. -errno with the old file as
 * it was. */
int last_good_save(const char *directory, int fd);

/* The two halves of it: the bytes on disk beside the file, and in its place. */
int last_good_prepare(const char *directory, int fd);
int last_good_put(const char *directory);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one life of the keeper leaves to the next, which is another program in the same process: a
 * memfd of numbers, among them those of the descriptors that stay open over execve(). Both lives
 * must know the same version of it; the check before an upgrade makes sure. The keeper's one
 * thread.
 */
#ifndef KEEPER_HANDOVER_H
#define KEEPER_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>

struct keeper;
struct run_options;

/* A memfd with all of it, close-on-exec. -errno. */
int handover_write(const struct keeper *keeper, int *ret_fd);
/* All descriptors in it stay open over execve(), `fd` too; or they do not any more. -errno: some
 * may be closed by it. */
int handover_keep_open(const struct keeper *keeper, int fd, bool must_stay);
/* Whether handover_take could read it. -EBADMSG with the reason in `why`; -errno. */
int handover_check(int fd, const struct run_options *options, char *why, size_t why_size);
/* Fills a keeper whose options are set and whose descriptors are all -1; every descriptor is
 * close-on-exec again. Closes `fd`. -errno with the reason in `why`. */
int handover_take(struct keeper *keeper, int fd, char *why, size_t why_size);

#endif

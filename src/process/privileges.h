/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process may do: the user it becomes, and how many descriptors it may open. Called by the
 * keeper at its start and by a child between fork and exec.
 */
#ifndef PROCESS_PRIVILEGES_H
#define PROCESS_PRIVILEGES_H

#include <stddef.h>
#include <sys/types.h>

struct identity {
	uid_t user;
	gid_t group;
};

/* -ENOENT: no such user. */
int privileges_find(const char *user, struct identity *ret);

/*
 * Becomes `identity` for good, with no other group and no way back through a set-uid file. 0, or
 * -errno: the caller must not go on then. Only calls that are safe between fork and exec.
 */
int privileges_drop(const struct identity *identity);

/* The soft limit of descriptors becomes the hard one; returns the limit in force. */
size_t privileges_raise_descriptors(void);

#endif

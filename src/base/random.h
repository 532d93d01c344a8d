/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets and identifiers from the kernel's random generator. Any thread. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

/* Fills all of `out`, or returns -errno with it undefined. Waits only before the kernel is seeded.
 */
int random_bytes(void *out, size_t size);

/*
 * Like snprintf, `size` counts the NUL: writes size - 1 characters of `alphabet` (1..256 of them,
 * each equally likely) and a NUL. -EINVAL for a size of 0 or another alphabet, or -errno.
 */
int random_text(char *out, size_t size, const char *alphabet);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The product's one hash for tables and checksums: XXH3, 64 bits. Not for secrets: whoever knows
 * the bytes can make collisions, so a table keyed by strangers' input must bear them.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* `data` may be NULL when `size` is 0. The same bytes give the same number in every process. */
uint64_t hash_bytes(const void *data, size_t size);
/* Another function for every seed: strangers who do not know it cannot aim at a table's places. */
uint64_t hash_bytes_seeded(const void *data, size_t size, uint64_t seed);

#endif

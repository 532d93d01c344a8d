/* SPDX-License-Identifier: Apache-2.0 */
/* A key that seals and opens persistence cookies. Kept by the store, carried by the snapshot. */
#ifndef MODEL_COOKIE_KEY_H
#define MODEL_COOKIE_KEY_H

#include <stdint.h>

struct cookie_key {
	uint8_t id; /* 1..255, rises and wraps */
	uint8_t secret[32]; /* AES-SIV with two 128-bit halves, RFC 5297 */
	int64_t created_s; /* session seconds */
	int64_t retired_s; /* session seconds; 0 = the one that seals */
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A borrowed run of bytes, not ended by NUL, and the few questions asked of one. Owns nothing.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct bytes {
	const char *at;
	size_t size;
};

#define BYTES_LITERAL(text) ((struct bytes){ (text), sizeof(text) - 1 })

static inline struct bytes bytes_of(const char *text)
{
	return (struct bytes){ text, text ? strlen(text) : 0 };
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

/* ASCII letters compare without case; for field names and host names. */
static inline bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || strncasecmp(a.at, b.at, a.size) == 0);
}

static inline bool bytes_starts_with(struct bytes text, struct bytes prefix)
{
	return text.size >= prefix.size &&
	       (prefix.size == 0 || memcmp(text.at, prefix.at, prefix.size) == 0);
}

/* Lexicographic order of unsigned bytes: <0, 0, >0. */
int bytes_compare(struct bytes a, struct bytes b);

/*
 * The whole of `text` as a decimal number: digits only, no sign, no space, at least one digit.
 * Errors: -EINVAL (empty or another character), -ERANGE (above `most`).
 */
int bytes_to_u64(struct bytes text, uint64_t most, uint64_t *ret_value);

#endif

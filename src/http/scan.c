/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds where a head ends, at memory speed: 64 bytes a step, one branch each. What stands in the
 * lines is the parsers' matter; here only what would make two readers disagree about where a line
 * ends is refused at once, a bare LF or a NUL. Any thread.
 */
#include "http/h1.h"

#include <errno.h>
#include <limits.h>

#include "http/classes.h"

#define STEP 64

/* Bit i of each speaks of byte i. */
struct line_masks {
	uint64_t feed, carriage, nul;
};

#if defined(__SSE2__)

static inline struct line_masks line_masks_of(const char block[STEP])
{
	struct line_masks masks = { 0 };

	for (unsigned i = 0; i < STEP; i += HTTP_BLOCK) {
		__m128i lanes = _mm_loadu_si128((const __m128i *)(block + i));

		masks.feed |= (uint64_t)_mm_movemask_epi8(lanes_equal(lanes, '\n')) << i;
		masks.carriage |= (uint64_t)_mm_movemask_epi8(lanes_equal(lanes, '\r')) << i;
		masks.nul |= (uint64_t)_mm_movemask_epi8(lanes_equal(lanes, 0)) << i;
	}
	return masks;
}

#else

static inline struct line_masks line_masks_of(const char block[STEP])
{
	struct line_masks masks = { 0 };

	for (unsigned i = 0; i < STEP; i++) {
		masks.feed |= (uint64_t)(block[i] == '\n') << i;
		masks.carriage |= (uint64_t)(block[i] == '\r') << i;
		masks.nul |= (uint64_t)(block[i] == 0) << i;
	}
	return masks;
}

#endif

/*
 * A head ends with the LF of an empty line: an LF whose last byte but one is an LF too, or the
 * head's very first LF when only a CR stands before it. `before[0]` and `before[1]` are the two
 * bytes ahead of the block. Sets bits of *ret_bad and returns bits of ends; only the lowest of
 * either counts.
 */
static inline uint64_t ends_of(const struct line_masks *masks, const char before[2],
			       uint64_t *ret_bad)
{
	uint64_t after_carriage = masks->carriage << 1 | (before[1] == '\r');
	uint64_t after_line = masks->feed << 2 | (before[0] == '\n') | (before[1] == '\n') << 1;

	*ret_bad = (masks->feed & ~after_carriage) | masks->nul;
	return masks->feed & after_line;
}

int http_head_scan(const char *data, size_t size, struct http_scan *scan)
{
	if (size > INT_MAX)
		size = INT_MAX;
	/* As if a line had ended before the head. */
	for (size_t at = scan->at; at < size; at += STEP) {
		char before[2] = { at >= 2 ? data[at - 2] : (at == 1 ? '\n' : 0),
				   at >= 1 ? data[at - 1] : '\n' };
		char padded[STEP];
		const char *block = data + at;
		struct line_masks masks;
		uint64_t bad, ends;

		if (size - at < STEP) {
			memset(padded, ' ', STEP);
			memcpy(padded, block, size - at);
			block = padded;
		}
		masks = line_masks_of(block);
		ends = ends_of(&masks, before, &bad);
		if (!(ends | bad))
			continue;
		/* Below the first end nothing may be bad; what follows it is another message. */
		if (bad && (!ends || (bad & -bad) <= (ends & -ends)))
			return -EBADMSG;
		return (int)(at + (size_t)__builtin_ctzll(ends) + 1);
	}
	if (scan->at < size)
		scan->at = (uint32_t)size;
	return 0;
}

size_t http_skip_empty_lines(const char *data, size_t size)
{
	size_t skipped = 0;

	while (skipped < 4 && size - skipped >= 2 && memcmp(data + skipped, "\r\n", 2) == 0)
		skipped += 2;
	return skipped;
}

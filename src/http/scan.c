/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds where a head ends, at memory speed: 64 bytes a step, one branch each. What stands in the
 * lines is the parsers' matter; here only what would make two readers disagree about where a line
 * ends is refused at once, a bare LF or a NUL. Any thread.
 */
#include "http/h1.h"

#include <errno.h>
#include <limits.h>

#include "http/search.h"

#define STEP 64
#define EMPTY_LINES_MOST 2

/* Bit i of each speaks of byte i. */
struct line_masks {
	uint64_t feed, carriage, nul;
};

#if defined(__SSE2__)

static inline struct line_masks line_masks_of(const char block[STEP])
{
	struct line_masks masks = { 0 };
	__m128i lowest = _mm_set1_epi8(-1);

	for (unsigned i = 0; i < STEP; i += HTTP_BLOCK) {
		__m128i lanes = _mm_loadu_si128((const __m128i *)(block + i));

		masks.feed |= (uint64_t)_mm_movemask_epi8(lanes_equal(lanes, '\n')) << i;
		masks.carriage |= (uint64_t)_mm_movemask_epi8(lanes_equal(lanes, '\r')) << i;
		lowest = _mm_min_epu8(lowest, lanes);
	}
	if (_mm_movemask_epi8(lanes_equal(lowest, 0)))
		for (unsigned i = 0; i < STEP; i++)
			masks.nul |= (uint64_t)(block[i] == 0) << i;
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
 * head's second byte behind a CR, as if a line had ended before the head. Sets bits of *ret_bad and
 * returns bits of ends for the block at data + start; only the lowest of either counts.
 */
static inline uint64_t ends_of(const struct line_masks *masks, const char *data, size_t start,
			       uint64_t *ret_bad)
{
	char last = start >= 1 ? data[start - 1] : '\n', last_but_one = 0;
	uint64_t after_carriage, after_line;

	if (start >= 1)
		last_but_one = start >= 2 ? data[start - 2] : '\n';
	after_carriage = masks->carriage << 1 | (last == '\r');
	after_line = masks->feed << 2 | (last_but_one == '\n') | (uint64_t)(last == '\n') << 1;
	*ret_bad = (masks->feed & ~after_carriage) | masks->nul;
	return masks->feed & after_line;
}

int http_head_scan(const char *data, size_t size, struct http_scan *scan)
{
	char padded[STEP];
	const char *block = data;

	if (size > INT_MAX)
		size = INT_MAX;
	for (size_t at = scan->at; at < size; at += STEP) {
		size_t start = at;
		struct line_masks masks;
		uint64_t bad, ends;

		/* The last block is read so that it ends with the data, and its bits before `at`
		 * ignored. */
		if (size - at < STEP && size >= STEP)
			start = size - STEP;
		block = data + start;
		if (size < STEP) {
			start = 0;
			memset(padded, ' ', STEP);
			memcpy(padded, data, size);
			block = padded;
		}
		masks = line_masks_of(block);
		ends = ends_of(&masks, data, start, &bad);
		ends = ends >> (at - start) << (at - start);
		bad = bad >> (at - start) << (at - start);
		if (!(ends | bad))
			continue;
		/* Below the first end nothing may be bad; what follows it is another message. */
		if (bad && (!ends || (bad & -bad) <= (ends & -ends)))
			return -EBADMSG;
		return (int)(start + (size_t)__builtin_ctzll(ends) + 1);
	}
	if (scan->at < size)
		scan->at = (uint32_t)size;
	return 0;
}

size_t http_skip_empty_lines(const char *data, size_t size, struct http_scan *scan)
{
	size_t skipped = 0;

	while (scan->empty_lines < EMPTY_LINES_MOST && size - skipped >= 2 &&
	       memcmp(data + skipped, "\r\n", 2) == 0) {
		skipped += 2;
		scan->empty_lines++;
	}
	if (skipped)
		scan->at = 0;
	return skipped;
}

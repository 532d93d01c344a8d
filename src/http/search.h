/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner header of this folder: the three searches that reading a head consists of. With SSE2 (every
 * x86-64) they look at 16 bytes a step, elsewhere at one. `end - 16` must be readable in the fast
 * form: every head that can be well-formed has 16 bytes.
 */
#ifndef HTTP_SEARCH_H
#define HTTP_SEARCH_H

#include <stdbool.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "http/classes.h"

#define HTTP_BLOCK 16

#if defined(__SSE2__)

static inline __m128i lanes_equal(__m128i lanes, char byte)
{
	return _mm_cmpeq_epi8(lanes, _mm_set1_epi8(byte));
}

/* In every mask bit i speaks of byte i. */
static inline uint32_t mask_controls(__m128i lanes)
{
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(lanes, _mm_set1_epi8(0x1f)), lanes);

	low = _mm_andnot_si128(lanes_equal(lanes, '\t'), low);
	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, lanes_equal(lanes, 0x7f)));
}

static inline uint32_t mask_not_target(__m128i lanes)
{
	/* Signed: bytes from 0x80 on are negative, so one comparison refuses them and 0x00..0x20.
	 */
	__m128i bad = _mm_cmplt_epi8(lanes, _mm_set1_epi8(0x21));

	bad = _mm_or_si128(bad, lanes_equal(lanes, 0x7f));
	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(bad, lanes_equal(lanes, '#')));
}

/* Not a letter or hyphen: names made of these alone need no look at the table. */
static inline uint32_t mask_not_letter(__m128i lanes)
{
	__m128i folded = _mm_or_si128(lanes, _mm_set1_epi8(0x20));
	__m128i letter = _mm_and_si128(_mm_cmpgt_epi8(folded, _mm_set1_epi8('a' - 1)),
				       _mm_cmplt_epi8(folded, _mm_set1_epi8('z' + 1)));

	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(letter, lanes_equal(lanes, '-'))) ^ 0xffff;
}

/*
 * Walks blocks; the last one is read so that it ends with `end`, and the bits of bytes before `at`
 * are shifted out.
 */
#define FIND_FIRST(at, end, mask_of)                                                            \
	for (;;) {                                                                              \
		uint32_t mask;                                                                  \
		if ((end) - (at) < HTTP_BLOCK) {                                                \
			const __m128i *last = (const __m128i *)((end)-HTTP_BLOCK);              \
			mask = mask_of(_mm_loadu_si128(last)) >> (HTTP_BLOCK - ((end) - (at))); \
			return mask ? (at) + __builtin_ctz(mask) : (end);                       \
		}                                                                               \
		mask = mask_of(_mm_loadu_si128((const __m128i *)(at)));                         \
		if (mask)                                                                       \
			return (at) + __builtin_ctz(mask);                                      \
		(at) += HTTP_BLOCK;                                                             \
	}

static inline const char *value_end(const char *at, const char *end)
{
	/* Most values end within 64 bytes: looking at all of them costs less than guessing how
	 * many. */
	if (end - at >= 4 * HTTP_BLOCK) {
		const __m128i *block = (const __m128i *)at;
		uint64_t mask = mask_controls(_mm_loadu_si128(block)) |
				(uint64_t)mask_controls(_mm_loadu_si128(block + 1)) << 16 |
				(uint64_t)mask_controls(_mm_loadu_si128(block + 2)) << 32 |
				(uint64_t)mask_controls(_mm_loadu_si128(block + 3)) << 48;

		if (mask)
			return at + __builtin_ctzll(mask);
		at += 4 * HTTP_BLOCK;
	}
	FIND_FIRST(at, end, mask_controls)
}

static inline const char *target_end(const char *at, const char *end)
{
	FIND_FIRST(at, end, mask_not_target)
}

static inline const char *name_end_of_letters(const char *at, const char *end)
{
	FIND_FIRST(at, end, mask_not_letter)
}

static inline const char *name_end(const char *at, const char *end, bool *ret_is_letters)
{
	at = name_end_of_letters(at, end);
	if (at < end && *at == ':') {
		*ret_is_letters = true;
		return at;
	}
	return class_end(at, end, CLASS_TOKEN);
}

#undef FIND_FIRST

#else

/* *ret_is_letters is set only when the name is known to be letters and hyphens alone. */
static inline const char *value_end(const char *at, const char *end)
{
	return class_end(at, end, CLASS_VALUE);
}

static inline const char *target_end(const char *at, const char *end)
{
	return class_end(at, end, CLASS_TARGET);
}

static inline const char *name_end(const char *at, const char *end, bool *ret_is_letters)
{
	return class_end(at, end, CLASS_TOKEN);
}

#endif

#endif

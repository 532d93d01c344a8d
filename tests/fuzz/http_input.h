/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the fuzz targets of src/http: what must hold, and messages that surround fuzzed parts.
 */
#ifndef FUZZ_HTTP_INPUT_H
#define FUZZ_HTTP_INPUT_H

#include <stdio.h>
#include <stdlib.h>

#include "http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stays in every build, unlike assert. */
#define MUST(condition)                                                                 \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* A run of the heap of exactly this size, so that the sanitizer sees a byte too far. */
static inline char *exact_copy(const void *data, size_t size)
{
	char *copy = calloc(1, size ? size : 1);

	MUST(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* The result of one scan, which every way of cutting the data must repeat. */
static inline int scan_in_pieces(const char *data, size_t size, size_t piece)
{
	struct http_scan whole = { 0 }, scan = { 0 };
	int expected = http_head_scan(data, size, &whole), result = 0;

	for (size_t at = 0; at < size && result == 0;) {
		at = size - at > piece ? at + piece : size;
		result = http_head_scan(data, at, &scan);
	}
	MUST(result == expected);
	return expected;
}

static inline bool same_text(const char *a, struct http_span span_a, const char *b,
			     struct http_span span_b)
{
	return bytes_equal(http_bytes(a, span_a), http_bytes(b, span_b));
}

#endif

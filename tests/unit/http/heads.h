/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of src/http: raw messages with their size, so that they may hold a NUL. */
#ifndef TEST_HTTP_HEADS_H
#define TEST_HTTP_HEADS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "http/h1.h"

#define RAW(text) (text), sizeof(text) - 1
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A head of 1.1 with these fields. */
#define GET(fields) RAW("GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n")
#define POST(fields) RAW("POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n")

/* The parsed text must be exactly this. */
static inline void assert_span(const char *head, struct http_span span, const char *text)
{
	struct bytes bytes = http_bytes(head, span);

	if (!bytes_equal(bytes, bytes_of(text)))
		fail_msg("\"%.*s\" is not \"%s\"", (int)bytes.size, bytes.at, text);
}

/* What a person can read of a raw message. */
static inline const char *readable(const char *raw, size_t size)
{
	static char text[1024];
	size_t at = 0;

	for (size_t i = 0; i < size && at + 5 < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       raw[i] >= ' ' && raw[i] < 0x7f ? "%c" : "\\x%02x",
				       (uint8_t)raw[i]);
	text[at] = 0;
	return text;
}

/*
 * Scanned whole, and in two pieces at every position: always the same. Returns the result; a bad
 * byte may be told earlier by the first piece only, which is the end of it.
 */
static inline int scan_everywhere(const char *raw, size_t size)
{
	struct http_scan whole = { 0 };
	int expected = http_head_scan(raw, size, &whole);

	for (size_t cut = 0; cut <= size; cut++) {
		struct http_scan scan = { 0 };
		int result = http_head_scan(raw, cut, &scan);

		if (result == 0)
			result = http_head_scan(raw, size, &scan);
		if (result != expected)
			fail_msg("cut at %zu: %d, not %d: %s", cut, result, expected,
				 readable(raw, size));
	}
	return expected;
}

#endif

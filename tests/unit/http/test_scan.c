/* SPDX-License-Identifier: Apache-2.0 */
/* Where a head ends; and the searches of search.h against the plain loop they must agree with. */
#include "heads.h"

#include <errno.h>
#include <stdlib.h>

#include "http/search.h"

static const struct {
	const char *raw;
	size_t size;
	int result;
} scans[] = {
	{ RAW(""), 0 },
	{ RAW("G"), 0 },
	{ RAW("GET / HTTP/1.1\r\n"), 0 },
	{ RAW("GET / HTTP/1.1\r\nA: b\r\n\r"), 0 },
	{ RAW("GET / HTTP/1.1\r\nA: b\r\n\r\n"), 24 },
	{ RAW("GET / HTTP/1.1\r\nA: b\r\n\r\nbody\n\0"), 24 },
	{ RAW("GET / HTTP/1.1\r\nA: b\r\n\r\n\r\n\r\n"), 24 },
	{ RAW("GET / HTTP/1.1\r\n\r\n"), 18 },
	{ RAW("\r\n\r\n"), 2 },
	{ RAW("\r\n\r\n0123456789012345678901234567890123456789012345678901234567890123"), 2 },
	{ RAW("\n\r\n0123456789012345678901234567890123456789012345678901234567890123"), -EBADMSG },
	{ RAW("\r\r\n\r\n"), 5 },
	{ RAW("\r\rx\r\n"), 0 },
	{ RAW("\n"), -EBADMSG },
	{ RAW("A\n"), -EBADMSG },
	{ RAW("A\r\nB\n"), -EBADMSG },
	{ RAW("A\r\n\n"), -EBADMSG },
	{ RAW("A\n\n"), -EBADMSG },
	{ RAW("A\n\r\n"), -EBADMSG },
	{ RAW("A\r\n\n\r\n"), -EBADMSG },
	{ RAW("\0"), -EBADMSG },
	{ RAW("GET / HTTP/1.1\r\nA: \0\r\n\r\n"), -EBADMSG },
	{ RAW("\x16\x03\x01\x02\x00\x01"), -EBADMSG },
	/* A bare CR is the parsers' matter: the line has not ended. */
	{ RAW("A\rB\r\n\r\n"), 7 },
	{ RAW("0123456789012345678901234567890123456789012345678901234567890\r\n\r\n"), 65 },
	{ RAW("01234567890123456789012345678901234567890123456789012345678901\r\n\r\n"), 66 },
	{ RAW("012345678901234567890123456789012345678901234567890123456789012\r\n\r\n"), 67 },
	{ RAW("0123456789012345678901234567890123456789012345678901234567890123\r\n\r\n"), 68 },
	{ RAW("0123456789012345678901234567890123456789012345678901234567890123\n\r\n"), -EBADMSG },
	{ RAW("012345678901234567890123456789012345678901234567890123456789012\r\n\n"), -EBADMSG },
	{ RAW("01234567890123456789012345678901234567890123456789012345678901\r\n\n"), -EBADMSG },
};

static void test_scans(void **state)
{
	for (size_t i = 0; i < COUNT(scans); i++) {
		int result = scan_everywhere(scans[i].raw, scans[i].size);

		if (result != scans[i].result)
			fail_msg("%d, not %d: %s", result, scans[i].result,
				 readable(scans[i].raw, scans[i].size));
	}
}

/* An end and a bad byte at every position of a long message, byte by byte and whole. */
static void test_positions(void **state)
{
	char data[200];

	for (size_t end = 5; end <= sizeof(data); end++) {
		for (size_t bad = 0; bad < sizeof(data); bad += 3) {
			struct http_scan scan = { 0 };
			bool is_before = bad < end - 4;
			int result = 0;
			size_t size = 0;

			memset(data, 'x', sizeof(data));
			data[bad] = bad & 1 ? '\n' : 0;
			memcpy(data + end - 4, "\r\n\r\n", 4);
			assert_int_equal(scan_everywhere(data, sizeof(data)),
					 is_before ? -EBADMSG : (int)end);
			while (result == 0 && size < sizeof(data))
				result = http_head_scan(data, ++size, &scan);
			assert_int_equal(result, is_before ? -EBADMSG : (int)end);
			assert_int_equal(size, is_before ? bad + 1 : end);
		}
	}
}

static size_t skipped_of(struct bytes data)
{
	struct http_scan scan = { .at = 1 };
	size_t skipped = http_skip_empty_lines(data.at, data.size, &scan);

	assert_int_equal(scan.empty_lines, skipped / 2);
	assert_int_equal(scan.at, skipped ? 0 : 1);
	return skipped;
}

static void test_empty_lines(void **state)
{
	assert_int_equal(skipped_of((struct bytes){ RAW("") }), 0);
	assert_int_equal(skipped_of((struct bytes){ RAW("\r") }), 0);
	assert_int_equal(skipped_of((struct bytes){ RAW("\r\n") }), 2);
	assert_int_equal(skipped_of((struct bytes){ RAW("\r\nGET") }), 2);
	assert_int_equal(skipped_of((struct bytes){ RAW("\r\n\r\nGET") }), 4);
	assert_int_equal(skipped_of((struct bytes){ RAW("\r\n\r\n\r\nGET") }), 4);
	assert_int_equal(skipped_of((struct bytes){ RAW("GET\r\n") }), 0);
	assert_int_equal(skipped_of((struct bytes){ RAW("\n") }), 0);
	assert_int_equal(skipped_of((struct bytes){ RAW(" \r\n") }), 0);
}

/* As many as in one piece, and the third is what the parser sees. */
static void test_empty_lines_in_pieces(void **state)
{
	const char data[] = "\r\n\r\n\r\n\r\n";
	struct http_scan scan = { 0 };
	size_t begin = 0;

	for (size_t end = 1; end <= 4; end++) {
		begin += http_skip_empty_lines(data + begin, end - begin, &scan);
		assert_int_equal(begin, end / 2 * 2);
		assert_int_equal(http_head_scan(data + begin, end - begin, &scan), 0);
	}
	assert_int_equal(http_skip_empty_lines(data + 4, 2, &scan), 0);
	assert_int_equal(http_head_scan(data + 4, 2, &scan), 2);
}

static void test_searches(void **state)
{
	char bytes[HTTP_BLOCK + 80];

	srandom(1);
	for (unsigned round = 0; round < 20000; round++) {
		const char *at = bytes + HTTP_BLOCK + random() % 40;
		const char *end = at + random() % 40;
		bool is_letters = false;

		/* Mostly good bytes, or no search would get far. */
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(random() % 20 ? 'A' + random() % 26 : random());
		assert_ptr_equal(value_end(at, end), class_end(at, end, CLASS_VALUE));
		assert_ptr_equal(target_end(at, end), class_end(at, end, CLASS_TARGET));
		assert_ptr_equal(name_end(at, end, &is_letters), class_end(at, end, CLASS_TOKEN));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scans),       cmocka_unit_test(test_positions),
		cmocka_unit_test(test_empty_lines), cmocka_unit_test(test_empty_lines_in_pieces),
		cmocka_unit_test(test_searches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked bodies: what they hold, where they end, what is refused, and none of it by how they are
 * cut. */
#include "heads.h"

#include <errno.h>

struct body {
	const char *raw;
	size_t size;
	const char *payload; /* NULL = refused */
	size_t left_over; /* bytes of the next message */
	bool is_unfinished;
	const char *trailers; /* NULL = none */
};

/* What came out, over all pieces. */
struct decoded {
	char payload[256], trailers[256];
	size_t payload_size, trailers_size, consumed;
	bool is_done;
};

static const struct body bodies[] = {
	/* RFC 9112 section 7.1 */
	{ RAW("0\r\n\r\n"), "" },
	{ RAW("3\r\nabc\r\n0\r\n\r\n"), "abc" },
	{ RAW("3\r\nabc\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"), "abcdef" },
	{ RAW("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), "01234567890123456789" },
	{ RAW("9\r\n012345678\r\n0\r\n\r\n"), "012345678" },
	{ RAW("003\r\nabc\r\n000\r\n\r\n"), "abc" },
	{ RAW("0000000000000003\r\nabc\r\n0\r\n\r\n"), "abc" },
	{ RAW("4\r\n\r\n\r\n\r\n0\r\n\r\n"), "\r\n\r\n" },
	{ RAW("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), "0\r\n\r\n" },
	{ RAW("0\r\n\r\nGET"), "", 3 },
	{ RAW("1\r\na\r\n0\r\n\r\n\r\n"), "a", 2 },
	{ RAW(""), "", 0, true },
	{ RAW("3\r\nab"), "ab", 0, true },
	{ RAW("3\r\nabc\r\n0\r\n"), "abc", 0, true },
	{ RAW("3\r\nabc\r\n0\r\n\r"), "abc", 0, true },
	{ RAW("7fffffffffffffff\r\nab"), "ab", 0, true },
	/* bad sizes */
	{ RAW("\r\n\r\n"), NULL },
	{ RAW("g\r\n"), NULL },
	{ RAW("0x3\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("-3\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("+3\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW(" 3\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3 \r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3\t\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3 3\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3,\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3h\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("\xef\xbc\x93\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("8000000000000000\r\n"), NULL },
	{ RAW("ffffffffffffffff\r\n"), NULL },
	{ RAW("10000000000000003\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("00000000000000003\r\nabc\r\n0\r\n\r\n"), NULL },
	/* bad line ends */
	{ RAW("3\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3\r\rabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3\r\nabc\n0\r\n\r\n"), NULL },
	{ RAW("3\r\nabcd\r\n0\r\n\r\n"), NULL },
	{ RAW("3\r\nabc0\r\n\r\n"), NULL },
	{ RAW("3\r\nabc\r0\r\n\r\n"), NULL },
	{ RAW("3\r\nabc\r\n\r\n0\r\n\r\n"), NULL },
	{ RAW("0\r\n\n"), NULL },
	{ RAW("0\n\r\n"), NULL },
	{ RAW("0\r\n\rx"), NULL },
	/* RFC 9112 section 7.1.1: extensions, to the letter, and dropped */
	{ RAW("3;a\r\nabc\r\n0\r\n\r\n"), "abc" },
	{ RAW("3;a=b\r\nabc\r\n0;c=d\r\n\r\n"), "abc" },
	{ RAW("3;a;b=c;d=\"e;f=\\\"g\\\"\"\r\nabc\r\n0\r\n\r\n"), "abc" },
	{ RAW("3 ; a = b ; c\t=\t\"d\" ;e\r\nabc\r\n0\r\n\r\n"), "abc" },
	{ RAW("3;a ;b\t\t=c\r\nabc\r\n0\r\n\r\n"), "abc" },
	{ RAW("3;a b c\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a=\"\"\r\nabc\r\n0\r\n\r\n"), "abc" },
	{ RAW("3;a=\"\t\x80~\\\t\"\r\nabc\r\n0\r\n\r\n"), "abc" },
	{ RAW("3;\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a;\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;;a\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a=\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;=b\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a=b=c\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a b\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a=b c\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a \r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a=b \r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a=\"b\" \r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a=\"b\"c\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a=\"b\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a=\"\\\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a=\"\x7f\"\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a=\"\n\"\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a\rb\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;\xc3\xa9\r\nabc\r\n0\r\n\r\n"), NULL },
	{ RAW("3;a\0\r\nabc\r\n0\r\n\r\n"), NULL },
	/* RFC 9112 section 7.1.2: trailers, checked like fields, and shown */
	{ RAW("1\r\na\r\n0\r\nA: b\r\n\r\n"), "a", 0, false, "A: b\r\n\r\n" },
	{ RAW("0\r\nA:\r\nB: c\td\x80\r\nContent-Length: 5\r\n\r\nGET"), "", 3, false,
	  "A:\r\nB: c\td\x80\r\nContent-Length: 5\r\n\r\n" },
	{ RAW("0\r\nA: b\r\n"), "", 0, true, "A: b\r\n" },
	{ RAW("0\r\n: b\r\n\r\n"), NULL },
	{ RAW("0\r\nA\r\n\r\n"), NULL },
	{ RAW("0\r\nA : b\r\n\r\n"), NULL },
	{ RAW("0\r\n A: b\r\n\r\n"), NULL },
	{ RAW("0\r\nA: b\r\n c\r\n\r\n"), NULL },
	{ RAW("0\r\nA: b\n\r\n"), NULL },
	{ RAW("0\r\nA: b\rc\r\n\r\n"), NULL },
	{ RAW("0\r\nA: \0\r\n\r\n"), NULL },
	{ RAW("0\r\nA: b\r\n\n"), NULL },
	{ RAW("0\r\nGET / HTTP/1.1\r\n\r\n"), NULL },
};

/* Decodes raw[0..size) in pieces that end at the cuts, each in a buffer of its exact size. */
static int decode(const struct body *body, const size_t *cuts, struct decoded *ret)
{
	struct http_chunked chunked = { 0 };
	size_t at = 0;

	*ret = (struct decoded){ 0 };
	for (unsigned i = 0; i < 3 && !chunked.is_done; i++) {
		size_t size = cuts[i] - at;
		char *piece = test_malloc(size + 1);
		struct http_chunked_step step;
		int result;

		memcpy(piece, body->raw + at, size);
		result = http_chunked_decode(&chunked, piece, size, &step);
		if (result == 0) {
			assert_true(step.consumed == size || chunked.is_done);
			assert_true(step.payload_at + step.payload_size <= step.consumed);
			memcpy(ret->payload + ret->payload_size, piece + step.payload_at,
			       step.payload_size);
			ret->payload_size += step.payload_size;
			assert_true(step.trailers_at + step.trailers_size == step.consumed);
			memcpy(ret->trailers + ret->trailers_size, piece + step.trailers_at,
			       step.trailers_size);
			ret->trailers_size += step.trailers_size;
			at += step.consumed;
		}
		test_free(piece);
		if (result)
			return result;
	}
	ret->consumed = at;
	ret->is_done = chunked.is_done;
	return 0;
}

static void check(const struct body *body, const size_t *cuts)
{
	const char *trailers = body->trailers ? body->trailers : "";
	struct decoded decoded;
	int result = decode(body, cuts, &decoded);

	if (result != (body->payload ? 0 : -EBADMSG))
		fail_msg("%d: %s", result, readable(body->raw, body->size));
	if (!body->payload)
		return;
	if (decoded.payload_size != strlen(body->payload) ||
	    memcmp(decoded.payload, body->payload, decoded.payload_size) != 0 ||
	    decoded.trailers_size != strlen(trailers) ||
	    memcmp(decoded.trailers, trailers, decoded.trailers_size) != 0 ||
	    decoded.is_done == body->is_unfinished ||
	    decoded.consumed != body->size - body->left_over)
		fail_msg("cut at %zu, %zu: %s", cuts[0], cuts[1], readable(body->raw, body->size));
}

static void test_bodies(void **state)
{
	for (size_t i = 0; i < COUNT(bodies); i++) {
		size_t size = bodies[i].size;

		for (size_t first = 0; first <= size; first++)
			for (size_t second = first; second <= size; second++)
				check(&bodies[i], (const size_t[]){ first, second, size });
	}
}

/* The payload is gathered in place, and one chunk is not moved at all. */
static void test_gathering(void **state)
{
	char data[] = "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n";
	char one[] = "2\r\nab\r\n";
	struct http_chunked chunked = { 0 };
	struct http_chunked_step step;

	assert_int_equal(http_chunked_decode(&chunked, data, sizeof(data) - 1, &step), 0);
	assert_int_equal(step.payload_at, 3);
	assert_int_equal(step.payload_size, 5);
	assert_memory_equal(data + 3, "abcde", 5);
	assert_true(chunked.is_done);
	assert_int_equal(http_chunked_decode(&chunked, data, sizeof(data) - 1, &step), 0);
	assert_int_equal(step.consumed, 0);
	chunked = (struct http_chunked){ 0 };
	assert_int_equal(http_chunked_decode(&chunked, one, sizeof(one) - 1, &step), 0);
	assert_string_equal(one, "2\r\nab\r\n");
}

/* Once refused, always refused for the same reason, and the output untouched. */
static void test_refusal_stays(void **state)
{
	struct http_chunked chunked = { 0 };
	struct http_chunked_step step = { 1, 2, 3 };
	char bad[] = "x", good[] = "0\r\n\r\n";

	assert_int_equal(http_chunked_decode(&chunked, bad, 1, &step), -EBADMSG);
	assert_int_equal(http_chunked_decode(&chunked, good, 5, &step), -EBADMSG);
	assert_int_equal(step.consumed, 1);
	assert_int_equal(step.payload_size, 3);
}

static int decode_all(char *data, size_t size)
{
	struct http_chunked chunked = { 0 };
	struct http_chunked_step step;

	return http_chunked_decode(&chunked, data, size, &step);
}

static void test_roofs(void **state)
{
	static char data[300000];
	size_t size;

	/* A size line of 4,096 bytes with its end. */
	for (unsigned more = 0; more < 2; more++) {
		memset(data, 'a', sizeof(data));
		memcpy(data, "1;", 2);
		memcpy(data + HTTP_CHUNK_LINE_ROOM - 2 + more, "\r\n", 2);
		size = HTTP_CHUNK_LINE_ROOM + more;
		assert_int_equal(decode_all(data, size), more ? -E2BIG : 0);
	}
	/* Trailers of 8,192 bytes with the empty line. */
	for (unsigned more = 0; more < 2; more++) {
		memset(data, 'a', sizeof(data));
		memcpy(data, "0\r\nA:", 5);
		size = 3 + HTTP_TRAILER_ROOM + more;
		memcpy(data + size - 4, "\r\n\r\n", 4);
		assert_int_equal(decode_all(data, size), more ? -E2BIG : 0);
	}
	for (unsigned more = 0; more < 2; more++) {
		memcpy(data, "0\r\n", 3);
		for (size = 3; size < 3 + 4 * (HTTP_FIELDS_ROOM + more); size += 4)
			memcpy(data + size, "A:\r\n", 4);
		memcpy(data + size, "\r\n", 2);
		assert_int_equal(decode_all(data, size + 2), more ? -E2BIG : 0);
	}
	/* Many small chunks are honest; many small chunks with large extensions are not. */
	for (size = 0; size < sizeof(data) - 6; size += 6)
		memcpy(data + size, "1\r\na\r\n", 6);
	assert_int_equal(decode_all(data, size), 0);
	for (size = 0; size < sizeof(data) - 55; size += 55)
		memcpy(data + size, "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n",
		       55);
	assert_int_equal(decode_all(data, size), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_gathering),
		cmocka_unit_test(test_refusal_stays),
		cmocka_unit_test(test_roofs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

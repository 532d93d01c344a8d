/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of a Cookie field. What is found is told by a second, plain reading too; after
 * stripping nothing is found, and the other cookies are the same bytes in the same order.
 */
#include "http_input.h"

#include "http/cookie.h"

static const char name[] = "sid";

/* Counts the pairs called `wanted` (or all others), summing their bytes up in order. */
static unsigned plain_count(const char *value, size_t size, bool wanted, uint64_t *ret_sum)
{
	unsigned count = 0;

	*ret_sum = 0;
	for (size_t at = 0; at < size;) {
		size_t end = at, start;
		bool is_wanted;

		while (end < size && value[end] != ';')
			end++;
		for (start = at; start < end && (value[start] == ' ' || value[start] == '\t');)
			start++;
		is_wanted = end - start >= sizeof(name) &&
			    strncmp(value + start, "sid=", sizeof(name)) == 0;
		if (is_wanted == wanted && end > start) {
			count++;
			while (start < end)
				*ret_sum = *ret_sum * 31 + (uint8_t)value[start++];
		}
		at = end + 1;
	}
	return count;
}

static unsigned find(struct bytes value, struct bytes *ret_found)
{
	static const char start[] = "GET / HTTP/1.0\r\nCookie: ";
	static struct http_request request;
	static char head[8192];
	size_t size = sizeof(start) - 1;

	/* Not one value any more. */
	if (memchr(value.at, '\r', value.size))
		return 99;
	memcpy(head, start, size);
	memcpy(head + size, value.at, value.size);
	size += value.size;
	memcpy(head + size, "\r\n\r\n", 4);
	if (http_request_parse(head, size + 4, &request) != 0)
		return 99;
	return http_cookie_find(head, &request, bytes_of(name), ret_found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes value, found, ignored;
	uint64_t sum, others, others_after;
	unsigned count, plain, other_count;
	char *copy, *out;
	int stripped;

	if (size == 0 || size > 4096)
		return 0;
	copy = exact_copy(data, size);
	out = malloc(size);
	MUST(out);
	value = (struct bytes){ copy, size };
	plain = plain_count(copy, size, true, &sum);
	other_count = plain_count(copy, size, false, &others);
	count = find(value, &found);
	if (count != 99) {
		MUST(count == (plain > 2 ? 2 : plain));
		MUST(found.size < size);
	}
	stripped = http_cookie_strip(value, bytes_of(name), out, size);
	MUST(stripped >= 0 && (size_t)stripped <= size);
	MUST(plain || ((size_t)stripped == size && memcmp(out, copy, size) == 0));
	MUST(plain_count(out, (size_t)stripped, true, &sum) == 0);
	MUST(plain_count(out, (size_t)stripped, false, &others_after) == other_count);
	MUST(others == others_after);
	if (count != 99)
		MUST(find((struct bytes){ out, (size_t)stripped }, &ignored) == 0);
	free(out);
	free(copy);
	return 0;
}

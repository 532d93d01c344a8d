/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol's bytes as its description (proxy-protocol.txt 2.2) gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "io/proxy_protocol.h"

#define SIGNATURE "\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A"

static struct address address(const char *text)
{
	struct address parsed;

	assert_int_equal(address_parse(bytes_of(text), &parsed), 0);
	return parsed;
}

static void assert_header(const char *source, const char *destination, const char *expected,
			  size_t size)
{
	struct address from = address(source), to = address(destination);
	char out[PROXY_HEADER_MOST + 1];

	memset(out, 0x55, sizeof(out));
	assert_int_equal(proxy_header_write(&from, &to, out), size);
	assert_memory_equal(out, expected, size);
	assert_int_equal(out[size], 0x55);
}

static void test_ipv4(void **state)
{
	assert_header("192.0.2.1:56324", "203.0.113.9:443",
		      SIGNATURE "\x21\x11\x00\x0C\xC0\x00\x02\x01\xCB\x00\x71\x09\xDC\x04\x01\xBB",
		      28);
}

static void test_ipv6(void **state)
{
	assert_header("[2001:db8::1]:1", "[2001:db8::ff]:65535",
		      SIGNATURE "\x21\x21\x00\x24\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01"
				"\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\xFF\x00\x01\xFF\xFF",
		      52);
}

static void test_mixed_families_say_nothing(void **state)
{
	assert_header("192.0.2.1:1", "[2001:db8::1]:2", SIGNATURE "\x21\x00\x00\x00", 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_mixed_families_say_nothing),
	};

	return cmocka_run_group_tests_name("io_proxy_protocol", tests, NULL, NULL);
}

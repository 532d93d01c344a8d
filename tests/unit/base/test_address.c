/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: what is read, what is refused, and that every shape survives the way there and back.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/address.h"

static void test_parse_ip(void **state)
{
	static const struct {
		const char *text, *again;
	} good[] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "2001:DB8::0:1", "2001:db8::1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "::FFFF:c000:0201", "192.0.2.1" },
		{ "0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1" },
		{ "::192.0.2.1", "::192.0.2.1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};
	static const char *const bad[] = {
		"",
		"1",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"01.2.3.4",
		"0x1.2.3.4",
		" 1.2.3.4",
		"1.2.3.4 ",
		"1.2.3.4:80",
		"[::1]",
		":::",
		"::1::",
		"fe80::1%lo",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"12345::",
		"localhost",
		"::ffff:1.2.3.256",
		"1.2.3.-4",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
	};
	struct address address;
	char text[ADDRESS_IP_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&address, 0xee, sizeof(address));
		assert_int_equal(address_parse_ip(bytes_of(good[i].text), &address), 0);
		assert_int_equal(address.port, 0);
		assert_int_equal(address.unused, 0);
		assert_int_equal(address_format_ip(&address, text), strlen(good[i].again));
		assert_string_equal(text, good[i].again);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(address_parse_ip(bytes_of(bad[i]), &address), -EINVAL);
	assert_int_equal(address_parse_ip((struct bytes){ "1.2.3.4\0", 8 }, &address), -EINVAL);
	assert_int_equal(address_parse_ip((struct bytes){ NULL, 0 }, &address), -EINVAL);
	/* The text is not ended by NUL: what stands behind it is not read. */
	assert_int_equal(address_parse_ip((struct bytes){ "1.2.3.45", 7 }, &address), 0);
	assert_int_equal(address.ip[3], 4);
}

static void test_parse(void **state)
{
	static const char *const good[] = { "1.2.3.4:80", "0.0.0.0:0", "[::1]:65535",
					    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" };
	static const char *const bad[] = {
		"",           ":",       "1.2.3.4",      "1.2.3.4:",       "1.2.3.4:65536",
		"1.2.3.4:-1", ":80",     "::1:80",       "[::1]",          "[::1]:",
		"[::1]80",    "[]:80",   "[1.2.3.4]:80", "[::1]:80 ",      "1.2.3.4:000080",
		"[::1:80",    "::1]:80", "[[::1]]:80",   "[fe80::1%1]:80", "1.2.3.4:8o",
	};
	struct address address, before;
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(address_parse(bytes_of(good[i]), &address), 0);
		assert_int_equal(address_format(&address, text), strlen(good[i]));
		assert_string_equal(text, good[i]);
	}
	memset(&before, 0xee, sizeof(before));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(&address, &before, sizeof(address));
		assert_int_equal(address_parse(bytes_of(bad[i]), &address), -EINVAL);
		assert_memory_equal(&address, &before, sizeof(address));
	}
	assert_int_equal(address_parse(BYTES_LITERAL("[::ffff:1.2.3.4]:5"), &address), 0);
	address_format(&address, text);
	assert_string_equal(text, "1.2.3.4:5");
}

static void test_questions(void **state)
{
	struct address a, b, none = { 0 };
	char text[ADDRESS_TEXT_SIZE];

	assert_int_equal(address_parse(BYTES_LITERAL("1.2.3.4:80"), &a), 0);
	assert_int_equal(address_parse(BYTES_LITERAL("[::ffff:1.2.3.4]:80"), &b), 0);
	assert_true(address_equal(&a, &b));
	b.port = 81;
	assert_false(address_equal(&a, &b));
	assert_false(address_is_any(&a));
	assert_int_equal(address_parse_ip(BYTES_LITERAL("::"), &b), 0);
	assert_true(address_is_any(&b));
	assert_int_equal(address_parse_ip(BYTES_LITERAL("0.0.0.0"), &a), 0);
	assert_true(address_is_any(&a));
	assert_false(address_equal(&a, &b));
	assert_false(address_is_any(&none));
	address_format(&none, text);
	assert_string_equal(text, "-:0");
}

/* Ours instead of inet_ntop: the same texts. */
static void test_octets(void **state)
{
	struct address address = { .family = ADDRESS_IPV4 };
	char text[ADDRESS_IP_TEXT_SIZE], expected[ADDRESS_IP_TEXT_SIZE];

	for (unsigned i = 0; i < 256; i++) {
		address.ip[0] = (uint8_t)i;
		address.ip[1] = (uint8_t)(i * 7);
		address.ip[2] = (uint8_t)(255 - i);
		address.ip[3] = (uint8_t)(i / 3);
		inet_ntop(AF_INET, address.ip, expected, sizeof(expected));
		assert_int_equal(address_format_ip(&address, text), strlen(expected));
		assert_string_equal(text, expected);
	}
}

static void test_sockaddr(void **state)
{
	static const char *const texts[] = { "1.2.3.4:80", "[2001:db8::1]:443" };
	struct sockaddr_storage storage;
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&storage;
	struct address address, back, none = { 0 };

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(address_parse(bytes_of(texts[i]), &address), 0);
		assert_int_equal(address_to_sockaddr(&address, &storage),
				 i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		memset(&back, 0xee, sizeof(back));
		assert_int_equal(address_from_sockaddr(&storage, &back), 0);
		assert_true(address_equal(&address, &back));
		assert_memory_equal(&address, &back, sizeof(back));
	}
	assert_int_equal(address_to_sockaddr(&none, &storage), 0);
	storage.ss_family = AF_UNIX;
	assert_int_equal(address_from_sockaddr(&storage, &back), -EAFNOSUPPORT);

	memset(&storage, 0, sizeof(storage));
	ipv6->sin6_family = AF_INET6;
	ipv6->sin6_port = htons(99);
	assert_int_equal(inet_pton(AF_INET6, "::ffff:10.0.0.1", &ipv6->sin6_addr), 1);
	assert_int_equal(address_from_sockaddr(&storage, &back), 0);
	assert_int_equal(address_parse(BYTES_LITERAL("10.0.0.1:99"), &address), 0);
	assert_true(address_equal(&address, &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_ip),  cmocka_unit_test(test_parse),
		cmocka_unit_test(test_questions), cmocka_unit_test(test_octets),
		cmocka_unit_test(test_sockaddr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

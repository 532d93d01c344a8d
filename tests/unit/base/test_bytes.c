/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes, text codings, hash and random: values at their edges, and what must be refused. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/random.h"
#include "base/text.h"

static void test_compare(void **state)
{
	const struct bytes empty = { NULL, 0 };

	assert_int_equal(bytes_compare(empty, empty), 0);
	assert_true(bytes_compare(empty, BYTES_LITERAL("a")) < 0);
	assert_true(bytes_compare(BYTES_LITERAL("a"), empty) > 0);
	assert_true(bytes_compare(BYTES_LITERAL("a"), BYTES_LITERAL("ab")) < 0);
	assert_true(bytes_compare(BYTES_LITERAL("b"), BYTES_LITERAL("ab")) > 0);
	/* Unsigned: 0xff comes behind everything in ASCII. */
	assert_true(bytes_compare(BYTES_LITERAL("\xff"), BYTES_LITERAL("z")) > 0);
	assert_int_equal(bytes_compare(BYTES_LITERAL("a\0b"), BYTES_LITERAL("a\0b")), 0);
	assert_true(bytes_equal(empty, BYTES_LITERAL("")));
	assert_true(bytes_equal_nocase(BYTES_LITERAL("HoSt"), BYTES_LITERAL("hOsT")));
	assert_false(bytes_equal(BYTES_LITERAL("a"), BYTES_LITERAL("A")));
	assert_true(bytes_starts_with(BYTES_LITERAL("abc"), BYTES_LITERAL("ab")));
	assert_true(bytes_starts_with(BYTES_LITERAL("abc"), empty));
	assert_false(bytes_starts_with(BYTES_LITERAL("ab"), BYTES_LITERAL("abc")));
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t most;
		int error;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0, 0 },
		{ "1", 0, -ERANGE, 0 },
		{ "007", 9, 0, 7 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999999", UINT64_MAX, -ERANGE, 0 },
		{ "65535", 65535, 0, 65535 },
		{ "65536", 65535, -ERANGE, 0 },
		{ "", 9, -EINVAL, 0 },
		{ "-1", 9, -EINVAL, 0 },
		{ "+1", 9, -EINVAL, 0 },
		{ " 1", 9, -EINVAL, 0 },
		{ "1 ", 9, -EINVAL, 0 },
		{ "0x1", 9, -EINVAL, 0 },
		{ "1.0", 9, -EINVAL, 0 },
		{ "99999999999999999999999999x", 9, -EINVAL, 0 },
		{ "\xb2", 9, -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 4711;
		int error = bytes_to_u64(bytes_of(cases[i].text), cases[i].most, &value);

		assert_int_equal(error, cases[i].error);
		assert_int_equal(value, error ? 4711 : cases[i].value);
	}
	assert_int_equal(bytes_to_u64((struct bytes){ "1\0", 2 }, 9, &(uint64_t){ 0 }), -EINVAL);
}

static void test_hex(void **state)
{
	const uint8_t data[] = { 0x00, 0x7f, 0x80, 0xff };
	uint8_t back[4] = { 1, 2, 3, 4 };
	char text[TEXT_HEX_SIZE(4) + 1];

	text_hex_write(data, sizeof(data), text);
	assert_string_equal(text, "007f80ff");
	assert_int_equal(text_hex_read(BYTES_LITERAL("007F80fF"), back, 4), 0);
	assert_memory_equal(back, data, 4);
	assert_int_equal(text_hex_read(BYTES_LITERAL("007f80f"), back, 4), -EINVAL);
	assert_int_equal(text_hex_read(BYTES_LITERAL("007f80fg"), back, 4), -EINVAL);
	assert_int_equal(text_hex_read(BYTES_LITERAL("007f80ff00"), back, 4), -EINVAL);
	assert_memory_equal(back, data, 4);
}

static void test_base64url(void **state)
{
	/* RFC 4648 section 10, without padding. */
	static const char *const vectors[][2] = {
		{ "", "" },
		{ "f", "Zg" },
		{ "fo", "Zm8" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg" },
		{ "fooba", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy" },
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t size = strlen(vectors[i][0]);
		char text[16], data[16];

		text_base64url_write(vectors[i][0], size, text);
		assert_string_equal(text, vectors[i][1]);
		assert_int_equal(strlen(text), TEXT_BASE64URL_SIZE(size));
		assert_int_equal(text_base64url_read(bytes_of(text), data, size), 0);
		assert_memory_equal(data, vectors[i][0], size);
	}
}

static void test_base64url_is_canonical(void **state)
{
	char data[8];

	assert_int_equal(text_base64url_read(BYTES_LITERAL("Zh"), data, 1), -EINVAL);
	assert_int_equal(text_base64url_read(BYTES_LITERAL("Zm9"), data, 2), -EINVAL);
	assert_int_equal(text_base64url_read(BYTES_LITERAL("Zg=="), data, 1), -EINVAL);
	assert_int_equal(text_base64url_read(BYTES_LITERAL("Zm9v"), data, 2), -EINVAL);
	assert_int_equal(text_base64url_read(BYTES_LITERAL("Zm+v"), data, 3), -EINVAL);
	assert_int_equal(text_base64url_read(BYTES_LITERAL("Zm/v"), data, 3), -EINVAL);
	assert_int_equal(text_base64url_read(BYTES_LITERAL("Zm\0v"), data, 3), -EINVAL);
	/* Of all texts of two characters exactly 256 are read, each as another byte. */
	{
		static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					  "0123456789-_";
		unsigned read = 0;

		for (size_t i = 0; i < 64; i++) {
			for (size_t j = 0; j < 64; j++) {
				char pair[2] = { all[i], all[j] }, again[3];
				struct bytes text = { pair, 2 };

				if (text_base64url_read(text, data, 1) != 0)
					continue;
				text_base64url_write(data, 1, again);
				assert_memory_equal(pair, again, 2);
				read++;
			}
		}
		assert_int_equal(read, 256);
	}
}

static void test_hash(void **state)
{
	/* The value is part of the snapshot's file format: it must never change. */
	assert_true(hash_bytes(NULL, 0) == 0x2d06800538d394c2ull);
	assert_true(hash_bytes("setia", 5) != hash_bytes("setiA", 5));
}

static void test_random(void **state)
{
	unsigned seen[3] = { 0 };
	char text[3001], one[1];
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	assert_int_equal(random_bytes(a, sizeof(a)), 0);
	assert_int_equal(random_bytes(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(random_bytes(a, 0), 0);

	assert_int_equal(random_text(text, sizeof(text), "abc"), 0);
	assert_int_equal(strlen(text), 3000);
	for (size_t i = 0; i < 3000; i++) {
		assert_in_range(text[i], 'a', 'c');
		seen[text[i] - 'a']++;
	}
	/* Ten standard deviations around 1,000. */
	for (size_t i = 0; i < 3; i++)
		assert_in_range(seen[i], 740, 1260);
	assert_int_equal(random_text(one, 1, "abc"), 0);
	assert_int_equal(one[0], '\0');
	assert_int_equal(random_text(text, 0, "abc"), -EINVAL);
	assert_int_equal(random_text(text, 4, ""), -EINVAL);
}

static void test_list(void **state)
{
	struct member {
		int value;
		struct list link;
	} a = { .value = 1 }, b = { .value = 2 };
	struct list head;

	list_init(&head);
	assert_true(list_is_empty(&head));
	list_append(&head, &b.link);
	list_insert_after(&head, &a.link);
	assert_int_equal(list_entry(head.next, struct member, link)->value, 1);
	assert_int_equal(list_entry(head.previous, struct member, link)->value, 2);
	list_remove(&a.link);
	list_remove(&a.link);
	list_remove(&b.link);
	assert_true(list_is_empty(&head));
}

static size_t character(const char *text)
{
	return text_character_size((const unsigned char *)text, strlen(text));
}

static void test_characters(void **state)
{
	assert_int_equal(character("\xc3\xa9"), 2);
	assert_int_equal(character("\xe2\x82\xac!"), 3);
	assert_int_equal(character("\xf0\x9f\x98\x80"), 4);
	assert_int_equal(character("\xf4\x8f\xbf\xbf"), 4);
	assert_int_equal(character(""), 0);
	assert_int_equal(character("\x80"), 0); /* not a first byte */
	assert_int_equal(character("\xc1\xbf"), 0); /* overlong */
	assert_int_equal(character("\xe0\x9f\xbf"), 0);
	assert_int_equal(character("\xf0\x8f\xbf\xbf"), 0);
	assert_int_equal(character("\xc2\x9b"), 0); /* CSI */
	assert_int_equal(character("\xed\xa0\x80"), 0); /* a surrogate */
	assert_int_equal(character("\xf4\x90\x80\x80"), 0); /* above U+10FFFF */
	assert_int_equal(character("\xe2\x82"), 0); /* cut off */
	assert_int_equal(text_character_size((const unsigned char *)"\xe2\x82\xac", 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_base64url),
		cmocka_unit_test(test_base64url_is_canonical),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

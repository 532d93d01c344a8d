/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens: the format byte by byte against a second implementation of the cipher, forgery, the key
 * ring, and that what a box remembers never outlives the key that made it.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/text.h"
#include "reference_siv.h"
#include "sticky/token.h"

#define RAW_SIZE 33
#define NOW 1700000000

static struct snapshot_key ring[COOKIE_KEYS_MOST];
static struct token_box *box;

static void key_make(struct snapshot_key *key, uint8_t id, uint8_t seed)
{
	memset(key, 0, sizeof(*key));
	key->id = id;
	for (size_t i = 0; i < sizeof(key->secret); i++)
		key->secret[i] = (uint8_t)(seed * 31 + i * 7);
}

static int box_make(void **state)
{
	for (uint8_t i = 0; i < COOKIE_KEYS_MOST; i++)
		key_make(&ring[i], (uint8_t)(COOKIE_KEYS_MOST - i), i);
	box = token_box_new();
	return box ? 0 : -1;
}

static int box_drop(void **state)
{
	box = token_box_free(box);
	return 0;
}

static struct bytes text_of(const char text[TOKEN_TEXT_SIZE + 1])
{
	return (struct bytes){ text, TOKEN_TEXT_SIZE };
}

/* RFC 5297 appendix A.1: the reference that the next test leans on is AES-SIV. */
static void test_reference(void **state)
{
	uint8_t key[32], associated[24], plain[14], sealed[30], expected[30];
	const struct siv_message message = { key, associated, sizeof(associated), plain,
					     sizeof(plain) };

	text_hex_read(BYTES_LITERAL("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0"
				    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
		      key, sizeof(key));
	text_hex_read(BYTES_LITERAL("101112131415161718191a1b1c1d1e1f2021222324252627"), associated,
		      sizeof(associated));
	text_hex_read(BYTES_LITERAL("112233445566778899aabbccddee"), plain, sizeof(plain));
	text_hex_read(BYTES_LITERAL("85632d07c6e8f37f950acd320a2ecc93"
				    "40c02b9690c4dc04daef7f6afe5c"),
		      expected, sizeof(expected));
	reference_siv(&message, sealed);
	assert_memory_equal(sealed, expected, sizeof(expected));
}

static void test_format(void **state)
{
	const struct token token = { 0x010203040506, 0x0708090a0b0c, 0x0d0e0f10 };
	const uint8_t plain[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	const uint8_t associated[] = "setia token 1\x08";
	const struct siv_message message = { ring[0].secret, associated, sizeof(associated) - 1,
					     plain, sizeof(plain) };
	uint8_t raw[RAW_SIZE] = { 8 };
	char expected[TOKEN_TEXT_SIZE + 1], text[TOKEN_TEXT_SIZE + 1];

	reference_siv(&message, raw + 1);
	text_base64url_write(raw, sizeof(raw), expected);
	assert_int_equal(token_seal(box, ring, COOKIE_KEYS_MOST, &token, text), 0);
	assert_string_equal(text, expected);
	/* Cookies in browsers bear this: a change of it would end every session. */
	assert_string_equal(text, "CHb29FemHT__k47uy79IepSO6U96n0PTPb9h_B6FaO04");
}

static void test_round_trip(void **state)
{
	static const struct token tokens[] = {
		{ 0, 0, 0 },        { 1, 2, 3 }, { (1ull << 48) - 1, (1ull << 48) - 1, UINT32_MAX },
		{ 1, 2 + 1024, 3 }, { 2, 2, 3 }, { 1, 2, 4 },
	};
	char text[TOKEN_TEXT_SIZE + 1], again[TOKEN_TEXT_SIZE + 1];
	struct token back;

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
			assert_int_equal(token_seal(box, ring, 1, &tokens[i], text), 0);
			assert_int_equal(strlen(text), TOKEN_TEXT_SIZE);
			assert_int_equal(token_seal(box, ring, 1, &tokens[i], again), 0);
			assert_string_equal(text, again);
			for (int twice = 0; twice < 2; twice++) {
				memset(&back, 0xee, sizeof(back));
				assert_int_equal(
					token_open(box, ring, 1, text_of(text), NOW, &back), 0);
				assert_int_equal(back.rule, tokens[i].rule);
				assert_int_equal(back.target, tokens[i].target);
				assert_int_equal(back.stamp_s, tokens[i].stamp_s);
			}
		}
	}
}

static void test_seal_refuses(void **state)
{
	char text[TOKEN_TEXT_SIZE + 1] = "untouched";
	struct token token = { 1ull << 48, 0, 0 };

	assert_int_equal(token_seal(box, ring, 1, &token, text), -ERANGE);
	token = (struct token){ 0, 1ull << 48, 0 };
	assert_int_equal(token_seal(box, ring, 1, &token, text), -ERANGE);
	token = (struct token){ 1, 1, 1 };
	assert_int_equal(token_seal(box, ring, 0, &token, text), -ENOKEY);
	assert_string_equal(text, "untouched");
}

/* Every single bit of a token matters, whether its true form is remembered or not. */
static void test_forgery(void **state)
{
	const struct token token = { 77, 88, NOW };
	struct token back, before;
	char text[TOKEN_TEXT_SIZE + 1], bent[TOKEN_TEXT_SIZE + 1];
	uint8_t raw[RAW_SIZE];

	memset(&before, 0xee, sizeof(before));
	back = before;
	assert_int_equal(token_seal(box, ring, COOKIE_KEYS_MOST, &token, text), 0);
	assert_int_equal(text_base64url_read(text_of(text), raw, sizeof(raw)), 0);
	for (int round = 0; round < 2; round++) {
		for (size_t bit = 0; bit < RAW_SIZE * 8; bit++) {
			int error;

			raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
			text_base64url_write(raw, sizeof(raw), bent);
			raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
			error = token_open(box, ring, COOKIE_KEYS_MOST, text_of(bent), NOW, &back);
			assert_true(error == -EBADMSG || (bit < 8 && error == -ENOKEY));
			assert_memory_equal(&back, &before, sizeof(back));
		}
		assert_int_equal(token_open(box, ring, COOKIE_KEYS_MOST, text_of(text), NOW, &back),
				 0);
		back = before;
	}
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_malformed(void **state)
{
	const struct token token = { 77, 88, NOW };
	struct token back = { 1, 2, 3 };
	char text[TOKEN_TEXT_SIZE + 2] = { 0 };

	assert_int_equal(token_seal(box, ring, 1, &token, text), 0);
	for (size_t size = 0; size <= TOKEN_TEXT_SIZE + 1; size++) {
		if (size != TOKEN_TEXT_SIZE)
			assert_int_equal(
				token_open(box, ring, 1, (struct bytes){ text, size }, NOW, &back),
				-EINVAL);
	}
	assert_int_equal(token_open(box, ring, 1, (struct bytes){ NULL, 0 }, NOW, &back), -EINVAL);
	for (size_t at = 0; at < TOKEN_TEXT_SIZE; at++) {
		static const char junk[] = { '=', '+', '/', ' ', '\0', '\n', '\xc3', '.', '"' };

		for (size_t i = 0; i < sizeof(junk); i++) {
			char kept = text[at];

			text[at] = junk[i];
			assert_int_equal(token_open(box, ring, 1, text_of(text), NOW, &back),
					 -EINVAL);
			text[at] = kept;
		}
	}
	assert_int_equal(back.rule, 1);
}

/* A rotation: the old key goes on opening for COOKIE_KEY_LIFE_S, from memory or not. */
static void test_rotation(void **state)
{
	const struct token token = { 5, 6, NOW };
	struct snapshot_key now[2];
	struct token back;
	char old[TOKEN_TEXT_SIZE + 1], new[TOKEN_TEXT_SIZE + 1];

	key_make(&now[0], 1, 100);
	assert_int_equal(token_seal(box, now, 1, &token, old), 0);
	now[1] = now[0];
	key_make(&now[0], 2, 101);
	now[1].retired_s = NOW;
	assert_int_equal(token_seal(box, now, 2, &token, new), 0);
	assert_string_not_equal(old, new);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(token_open(box, now, 2, text_of(old), NOW - 1, &back), 0);
		assert_int_equal(
			token_open(box, now, 2, text_of(old), NOW + COOKIE_KEY_LIFE_S, &back), 0);
		assert_int_equal(
			token_open(box, now, 2, text_of(old), NOW + COOKIE_KEY_LIFE_S + 1, &back),
			-ENOKEY);
		assert_int_equal(
			token_open(box, now, 2, text_of(new), NOW + COOKIE_KEY_LIFE_S + 1, &back),
			0);
	}
	/* Thrown out of the ring: remembered, and refused all the same. */
	assert_int_equal(token_open(box, now, 1, text_of(old), NOW, &back), -ENOKEY);
	assert_int_equal(token_open(box, now, 0, text_of(new), NOW, &back), -ENOKEY);
	now[1].retired_s = INT64_MAX;
	assert_int_equal(token_open(box, now, 2, text_of(old), NOW, &back), 0);
	now[1].retired_s = INT64_MIN;
	assert_int_equal(token_open(box, now, 2, text_of(old), NOW, &back), -ENOKEY);
}

/* The same id with another secret is another key, for both memories. */
static void test_key_replaced(void **state)
{
	const struct token token = { 5, 6, NOW };
	struct snapshot_key key;
	struct token back;
	char old[TOKEN_TEXT_SIZE + 1], new[TOKEN_TEXT_SIZE + 1];

	key_make(&key, 9, 100);
	assert_int_equal(token_seal(box, &key, 1, &token, old), 0);
	assert_int_equal(token_open(box, &key, 1, text_of(old), NOW, &back), 0);
	key_make(&key, 9, 101);
	assert_int_equal(token_open(box, &key, 1, text_of(old), NOW, &back), -EBADMSG);
	assert_int_equal(token_seal(box, &key, 1, &token, new), 0);
	assert_string_not_equal(old, new);
	assert_int_equal(token_open(box, &key, 1, text_of(new), NOW, &back), 0);
	key_make(&key, 9, 100);
	assert_int_equal(token_seal(box, &key, 1, &token, new), 0);
	assert_string_equal(old, new);
}

/* More keys than the box has room for, each in turn: slower, never wrong. */
static void test_many_keys(void **state)
{
	char texts[40][TOKEN_TEXT_SIZE + 1];
	struct snapshot_key keys[40];

	for (int round = 0; round < 3; round++) {
		for (uint8_t i = 0; i < 40; i++) {
			const struct token token = { i, 1000u + i, NOW };
			char text[TOKEN_TEXT_SIZE + 1];
			struct token back;

			key_make(&keys[i], (uint8_t)(i % 5 + 1), i);
			assert_int_equal(token_seal(box, &keys[i], 1, &token, text), 0);
			if (round > 0)
				assert_string_equal(text, texts[i]);
			memcpy(texts[i], text, sizeof(text));
			assert_int_equal(token_open(box, &keys[i], 1, text_of(text), NOW, &back),
					 0);
			assert_int_equal(back.target, 1000u + i);
		}
	}
}

/* Far more tokens than the tables hold, checked against a box that has seen nothing. */
static void test_memory_against_fresh(void **state)
{
	struct token_box *fresh = token_box_new();
	unsigned seed = 1;

	assert_non_null(fresh);
	for (int i = 0; i < 20000; i++) {
		const struct token token = { (uint64_t)rand_r(&seed) % 3,
					     (uint64_t)rand_r(&seed) % 3000,
					     (uint32_t)NOW + (uint32_t)(i / 4000) };
		const struct snapshot_key *key = &ring[rand_r(&seed) % 2];
		char text[TOKEN_TEXT_SIZE + 1], again[TOKEN_TEXT_SIZE + 1];
		struct token back;

		assert_int_equal(token_seal(box, key, 1, &token, text), 0);
		assert_int_equal(token_open(box, key, 1, text_of(text), NOW, &back), 0);
		assert_true(back.rule == token.rule && back.target == token.target &&
			    back.stamp_s == token.stamp_s);
		if (i % 100 == 0) {
			fresh = token_box_free(fresh);
			fresh = token_box_new();
			assert_non_null(fresh);
		}
		if (i % 10 == 0) {
			assert_int_equal(token_seal(fresh, key, 1, &token, again), 0);
			assert_string_equal(text, again);
		}
	}
	assert_null(token_box_free(fresh));
	assert_null(token_box_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference),
		cmocka_unit_test_setup_teardown(test_format, box_make, box_drop),
		cmocka_unit_test_setup_teardown(test_round_trip, box_make, box_drop),
		cmocka_unit_test_setup_teardown(test_seal_refuses, box_make, box_drop),
		cmocka_unit_test_setup_teardown(test_forgery, box_make, box_drop),
		cmocka_unit_test_setup_teardown(test_malformed, box_make, box_drop),
		cmocka_unit_test_setup_teardown(test_rotation, box_make, box_drop),
		cmocka_unit_test_setup_teardown(test_key_replaced, box_make, box_drop),
		cmocka_unit_test_setup_teardown(test_many_keys, box_make, box_drop),
		cmocka_unit_test_setup_teardown(test_memory_against_fresh, box_make, box_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

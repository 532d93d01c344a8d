/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal and base64url by table. Pure; any thread. */
#include "base/text.h"

#include <errno.h>
#include <stdbool.h>

static const char base64url_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					"0123456789-_";

/* A letter's value plus one, so that the table's zeros mean "not in the alphabet". */
static const uint8_t base64url_values[256] = {
	['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
	['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
	['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
	['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
	['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
	['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
	['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63,
	['_'] = 64,
};

static int hex_value(char letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	if (letter >= 'a' && letter <= 'f')
		return letter - 'a' + 10;
	if (letter >= 'A' && letter <= 'F')
		return letter - 'A' + 10;
	return -1;
}

void text_hex_write(const void *data, size_t size, char *ret_text)
{
	const uint8_t *from = data;

	for (size_t i = 0; i < size; i++) {
		*ret_text++ = "0123456789abcdef"[from[i] >> 4];
		*ret_text++ = "0123456789abcdef"[from[i] & 15];
	}
	*ret_text = '\0';
}

int text_hex_read(struct bytes text, void *ret_data, size_t size)
{
	uint8_t *to = ret_data;

	if (size > SIZE_MAX / 2 || text.size != TEXT_HEX_SIZE(size))
		return -EINVAL;
	for (size_t i = 0; i < text.size; i++) {
		if (hex_value(text.at[i]) < 0)
			return -EINVAL;
	}
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)((unsigned)hex_value(text.at[2 * i]) << 4 |
				  (unsigned)hex_value(text.at[2 * i + 1]));
	return 0;
}

void text_base64url_write(const void *data, size_t size, char *ret_text)
{
	const uint8_t *from = data;
	uint32_t bits = 0;
	unsigned held = 0;

	for (size_t i = 0; i < size; i++) {
		bits = bits << 8 | from[i];
		held += 8;
		while (held >= 6) {
			held -= 6;
			*ret_text++ = base64url_letters[bits >> held & 63];
		}
	}
	if (held > 0)
		*ret_text++ = base64url_letters[bits << (6 - held) & 63];
	*ret_text = '\0';
}

int text_base64url_read(struct bytes text, void *ret_data, size_t size)
{
	uint8_t *to = ret_data;
	uint32_t bits = 0;
	unsigned held = 0;

	if (size > SIZE_MAX / 8 || text.size != TEXT_BASE64URL_SIZE(size))
		return -EINVAL;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t value = base64url_values[(uint8_t)text.at[i]];

		if (value == 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)(value - 1);
		held += 6;
		if (held >= 8) {
			held -= 8;
			*to++ = (uint8_t)(bits >> held);
		}
	}
	return (bits & ((1u << held) - 1)) ? -EINVAL : 0;
}

/* A byte behind the first of a character, within the range that the first one leaves. */
static bool follows(unsigned char byte, unsigned char least, unsigned char most)
{
	return byte >= least && byte <= most;
}

size_t text_character_size(const unsigned char *text, size_t room)
{
	unsigned char first = text[0], least = 0x80, most = 0xbf;
	size_t size = 4;

	if (first < 0xc2 || first > 0xf4)
		return 0;
	if (first < 0xe0) {
		least = first == 0xc2 ? 0xa0 : 0x80;
		size = 2;
	} else if (first < 0xf0) {
		least = first == 0xe0 ? 0xa0 : 0x80;
		most = first == 0xed ? 0x9f : 0xbf;
		size = 3;
	} else {
		least = first == 0xf0 ? 0x90 : 0x80;
		most = first == 0xf4 ? 0x8f : 0xbf;
	}
	if (size > room || !follows(text[1], least, most))
		return 0;
	for (size_t i = 2; i < size; i++) {
		if (!follows(text[i], 0x80, 0xbf))
			return 0;
	}
	return size;
}

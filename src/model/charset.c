/* SPDX-License-Identifier: Apache-2.0 */
/* Character classes by table: one bit a class, one byte a character. Pure; any thread. */
#include "model/charset.h"

#include <string.h>

enum class {
	CLASS_DOMAIN = 1,
	CLASS_PATH = 2,
	CLASS_TOKEN = 4,
	CLASS_HEX = 8,
	CLASS_ID = 16,
	CLASS_FILE = 32
};

#define LOWER (CLASS_DOMAIN | CLASS_PATH | CLASS_TOKEN | CLASS_ID | CLASS_FILE)
#define UPPER (CLASS_PATH | CLASS_TOKEN | CLASS_ID | CLASS_FILE)

static const uint8_t classes[256] = {
	['0' ... '9'] = LOWER | CLASS_HEX,
	['a' ... 'f'] = LOWER | CLASS_HEX,
	['g' ... 'z'] = LOWER,
	['A' ... 'F'] = UPPER | CLASS_HEX,
	['G' ... 'Z'] = UPPER,
	['-'] = LOWER,
	['.'] = CLASS_DOMAIN | CLASS_PATH | CLASS_TOKEN | CLASS_FILE,
	['_'] = LOWER,
	['~'] = CLASS_PATH | CLASS_TOKEN,
	['!'] = CLASS_PATH | CLASS_TOKEN,
	['$'] = CLASS_PATH | CLASS_TOKEN,
	['&'] = CLASS_PATH | CLASS_TOKEN,
	['\''] = CLASS_PATH | CLASS_TOKEN,
	['*'] = CLASS_PATH | CLASS_TOKEN,
	['+'] = CLASS_PATH | CLASS_TOKEN,
	['('] = CLASS_PATH,
	[')'] = CLASS_PATH,
	[','] = CLASS_PATH,
	[';'] = CLASS_PATH,
	['='] = CLASS_PATH,
	[':'] = CLASS_PATH,
	['@'] = CLASS_PATH,
	['/'] = CLASS_PATH,
	['#'] = CLASS_TOKEN,
	['%'] = CLASS_TOKEN,
	['^'] = CLASS_TOKEN,
	['`'] = CLASS_TOKEN,
	['|'] = CLASS_TOKEN,
};

static bool is_of(struct bytes text, size_t at, unsigned class)
{
	return at < text.size && (classes[(unsigned char)text.at[at]] & class) != 0;
}

size_t charset_utf8(struct bytes text, uint32_t *ret_point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = text.size > 0 ? (unsigned char)text.at[0] : 0xff;
	size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t point = first;

	if (first > 0xf4 || size == 0 || size > text.size)
		return 0;
	if (size > 1)
		point = first & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		unsigned char next = (unsigned char)text.at[i];

		if ((next & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (next & 0x3f);
	}
	if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret_point = point;
	return size;
}

bool charset_is_control(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 ||
	       point == 0x2029;
}

static size_t class_span(struct bytes text, unsigned class)
{
	size_t at = 0;

	while (is_of(text, at, class))
		at++;
	return at;
}

size_t charset_domain(struct bytes text)
{
	return class_span(text, CLASS_DOMAIN);
}

size_t charset_id(struct bytes text)
{
	return class_span(text, CLASS_ID);
}

size_t charset_file_name(struct bytes text)
{
	return class_span(text, CLASS_FILE);
}

static size_t pattern_span(struct bytes text, unsigned class, const char *signs)
{
	size_t at = 0;

	while (at < text.size &&
	       (is_of(text, at, class) || (text.at[at] != '\0' && strchr(signs, text.at[at]))))
		at++;
	return at;
}

size_t charset_domain_pattern(struct bytes text)
{
	return pattern_span(text, CLASS_DOMAIN, "?=+\\^*!$&|()[]");
}

size_t charset_url_pattern(struct bytes text)
{
	return pattern_span(text, CLASS_FILE, "/=?^*$:()[]+|");
}

size_t charset_token(struct bytes text)
{
	return class_span(text, CLASS_TOKEN);
}

static size_t path_span(struct bytes text, bool has_query)
{
	size_t at = 0;

	while (at < text.size) {
		if (is_of(text, at, CLASS_PATH) || (has_query && text.at[at] == '?'))
			at++;
		else if (text.at[at] == '%' && is_of(text, at + 1, CLASS_HEX) &&
			 is_of(text, at + 2, CLASS_HEX))
			at += 3;
		else
			break;
	}
	return at;
}

size_t charset_path(struct bytes text)
{
	return path_span(text, false);
}

size_t charset_path_query(struct bytes text)
{
	return path_span(text, true);
}

size_t charset_name(struct bytes text)
{
	size_t at = 0;

	while (at < text.size) {
		uint32_t point;
		size_t step = charset_utf8((struct bytes){ text.at + at, text.size - at }, &point);

		if (step == 0 || point > 0xffff || charset_is_control(point))
			break;
		at += step;
	}
	return at;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The table of byte classes. Constant; any thread. */
#include "http/classes.h"

#define ANY (CLASS_VALUE | CLASS_QUOTED | CLASS_TARGET)
#define ALNUM (ANY | CLASS_TOKEN | CLASS_HOST)
#define OBS_TEXT (CLASS_VALUE | CLASS_QUOTED)

const uint8_t http_classes[256] = {
	['\t'] = CLASS_VALUE | CLASS_QUOTED,
	[' '] = CLASS_VALUE | CLASS_QUOTED,
	['0' ... '9'] = ALNUM | CLASS_HEX,
	['A' ... 'F'] = ALNUM | CLASS_HEX,
	['G' ... 'Z'] = ALNUM,
	['a' ... 'f'] = ALNUM | CLASS_HEX,
	['g' ... 'z'] = ALNUM,
	['!'] = ANY | CLASS_TOKEN | CLASS_HOST,
	['"'] = CLASS_VALUE | CLASS_TARGET,
	['#'] = CLASS_VALUE | CLASS_QUOTED | CLASS_TOKEN,
	['$'] = ANY | CLASS_TOKEN | CLASS_HOST,
	['%'] = ANY | CLASS_TOKEN,
	['&'] = ANY | CLASS_TOKEN | CLASS_HOST,
	['\''] = ANY | CLASS_TOKEN | CLASS_HOST,
	['('] = ANY | CLASS_HOST,
	[')'] = ANY | CLASS_HOST,
	['*'] = ANY | CLASS_TOKEN | CLASS_HOST,
	['+'] = ANY | CLASS_TOKEN | CLASS_HOST,
	[','] = ANY | CLASS_HOST,
	['-'] = ANY | CLASS_TOKEN | CLASS_HOST,
	['.'] = ANY | CLASS_TOKEN | CLASS_HOST,
	['/'] = ANY,
	[':'] = ANY,
	[';'] = ANY | CLASS_HOST,
	['<'] = ANY,
	['='] = ANY | CLASS_HOST,
	['>'] = ANY,
	['?'] = ANY,
	['@'] = ANY,
	['['] = ANY,
	['\\'] = CLASS_VALUE | CLASS_TARGET,
	[']'] = ANY,
	['^'] = ANY | CLASS_TOKEN,
	['_'] = ANY | CLASS_TOKEN | CLASS_HOST,
	['`'] = ANY | CLASS_TOKEN,
	['{'] = ANY,
	['|'] = ANY | CLASS_TOKEN,
	['}'] = ANY,
	['~'] = ANY | CLASS_TOKEN | CLASS_HOST,
	[0x80 ... 0xff] = OBS_TEXT,
};

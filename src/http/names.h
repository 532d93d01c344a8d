/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner header of this folder: knows a field's name by its length and one or two comparisons of
 * whole words, without a table of names and without folding byte by byte.
 */
#ifndef HTTP_NAMES_H
#define HTTP_NAMES_H

#include "http/message.h"

/*
 * Setting bit 0x20 folds letters, and among token bytes changes only '^' and '_' besides, into '~'
 * and DEL, which no name below has: so equality of the folded words is equality without case.
 */
static inline uint64_t folded_8(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word | 0x2020202020202020u;
}

static inline uint32_t folded_4(const char *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word | 0x20202020u;
}

/* `size` bytes, a constant of at least 4, so that all of this becomes a few instructions. */
static inline __attribute__((always_inline)) bool name_is(const char *name, const char *lower,
							  size_t size)
{
	uint64_t differs = 0;

	if (size < 8)
		return ((folded_4(name) ^ folded_4(lower)) |
			(folded_4(name + size - 4) ^ folded_4(lower + size - 4))) == 0;
	for (size_t i = 0; i + 8 < size; i += 8)
		differs |= folded_8(name + i) ^ folded_8(lower + i);
	differs |= folded_8(name + size - 8) ^ folded_8(lower + size - 8);
	return differs == 0;
}

#define NAME_CASE(text, id)                        \
	if (name_is(name, text, sizeof(text) - 1)) \
		return id;

/* `name` holds token bytes only. */
static inline enum http_field_name field_name_find(const char *name, size_t size)
{
	switch (size) {
	case 2:
		/* Both were read as token bytes. NOLINTNEXTLINE(clang-analyzer-core.*) */
		return (name[0] | 0x20) == 't' && (name[1] | 0x20) == 'e' ? HTTP_TE : HTTP_OTHER;
	case 4:
		NAME_CASE("host", HTTP_HOST)
		NAME_CASE("date", HTTP_DATE)
		break;
	case 6:
		NAME_CASE("cookie", HTTP_COOKIE)
		NAME_CASE("expect", HTTP_EXPECT)
		break;
	case 7:
		NAME_CASE("referer", HTTP_REFERER)
		NAME_CASE("upgrade", HTTP_UPGRADE)
		NAME_CASE("trailer", HTTP_TRAILER)
		break;
	case 9:
		NAME_CASE("x-real-ip", HTTP_X_REAL_IP)
		break;
	case 10:
		NAME_CASE("connection", HTTP_CONNECTION)
		NAME_CASE("user-agent", HTTP_USER_AGENT)
		NAME_CASE("set-cookie", HTTP_SET_COOKIE)
		NAME_CASE("keep-alive", HTTP_KEEP_ALIVE)
		break;
	case 14:
		NAME_CASE("content-length", HTTP_CONTENT_LENGTH)
		NAME_CASE("http2-settings", HTTP_HTTP2_SETTINGS)
		break;
	case 15:
		NAME_CASE("x-forwarded-for", HTTP_X_FORWARDED_FOR)
		break;
	case 16:
		NAME_CASE("x-forwarded-port", HTTP_X_FORWARDED_PORT)
		NAME_CASE("proxy-connection", HTTP_PROXY_CONNECTION)
		break;
	case 17:
		NAME_CASE("transfer-encoding", HTTP_TRANSFER_ENCODING)
		NAME_CASE("x-forwarded-proto", HTTP_X_FORWARDED_PROTO)
		break;
	case 18:
		NAME_CASE("proxy-authenticate", HTTP_PROXY_AUTHENTICATE)
		break;
	case 19:
		NAME_CASE("proxy-authorization", HTTP_PROXY_AUTHORIZATION)
		break;
	}
	return HTTP_OTHER;
}

#undef NAME_CASE

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as text and back: lower-case hexadecimal, and base64url without padding (RFC 4648 section
 * 5). Reading is canonical: one run of bytes has exactly one text. And what a character is.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Characters, without NUL. */
#define TEXT_HEX_SIZE(bytes) ((bytes)*2)
#define TEXT_BASE64URL_SIZE(bytes) (((bytes)*4 + 2) / 3)

/* `ret_text` has room for TEXT_HEX_SIZE(size) + 1. */
void text_hex_write(const void *data, size_t size, char *ret_text);

/* Exactly `size` bytes from 2 * size digits of either case. -EINVAL, *ret_data untouched. */
int text_hex_read(struct bytes text, void *ret_data, size_t size);

/* `ret_text` has room for TEXT_BASE64URL_SIZE(size) + 1. */
void text_base64url_write(const void *data, size_t size, char *ret_text);

/*
 * Exactly `size` bytes from TEXT_BASE64URL_SIZE(size) characters. -EINVAL for another length, a
 * character outside the alphabet, or left-over bits that are not zero; *ret_data is undefined then.
 */
int text_base64url_read(struct bytes text, void *ret_data, size_t size);

/*
 * The length of the UTF-8 character above U+007F that `text` begins with, 2 to 4, or 0: overlong
 * forms, surrogates and the C1 controls, which steer some terminals, are none. The table of RFC
 * 3629 section 4. Reads no byte behind `room`, nor behind a NUL.
 */
size_t text_character_size(const unsigned char *text, size_t room);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which bytes a name, a domain, a path and a cookie name may hold. One page for both sides of the
 * wall: validation tells people, the checker of snapshots trusts nobody. Pure.
 */
#ifndef MODEL_CHARSET_H
#define MODEL_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * The length of the UTF-8 character at the front of `text` (RFC 3629: shortest form, no surrogates)
 * and its code point; 0 when there is none.
 */
size_t charset_utf8(struct bytes text, uint32_t *ret_point);

/* C0, DEL, C1, and the two line separators: what must not reach a terminal or a log line. */
bool charset_is_control(uint32_t point);

/*
 * Each returns the number of good bytes at the front: all of them when the text is well-formed,
 * else the place of the first wrong one. Lengths are not their business.
 */
size_t charset_domain(struct bytes text); /* a-z 0-9 . - _ */
size_t charset_id(struct bytes text); /* A-Z a-z 0-9 - _ */
size_t charset_file_name(struct bytes text); /* A-Z a-z 0-9 . _ - */
size_t charset_path(struct bytes text); /* RFC 3986: "/" and pchar, "%" with two hex digits */
size_t charset_path_query(struct bytes text); /* the same and "?" */
/* Regular expressions, features.md section 3; what the bytes mean is model/pattern's business. */
size_t charset_domain_pattern(struct bytes text); /* a-z 0-9 . - ? = _ + \ ^ * ! $ & | ( ) [ ] */
size_t charset_url_pattern(struct bytes text); /* A-Z a-z 0-9 . - _ / = ? ^ * $ : ( ) [ ] + | */
size_t charset_token(struct bytes text); /* RFC 6265 cookie-name = RFC 9110 token */
size_t charset_name(struct bytes text); /* UTF-8 of the basic plane, no control characters */

#endif

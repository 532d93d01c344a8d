/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cookies in requests (RFC 6265 section 5.4 as browsers send them, read with forgiveness) and the
 * one that the balancer sets. Junk around our cookie never hides it and is never changed.
 */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include "http/message.h"

/*
 * Looks for `name` (case matters) in all Cookie fields. Returns how often it stands there (stops
 * counting at 2); the first value, without surrounding white space or one pair of double quotes,
 * goes to *ret_value (empty when none).
 */
unsigned http_cookie_find(const char *head, const struct http_request *request, struct bytes name,
			  struct bytes *ret_value);

/*
 * `value` of a Cookie field without any cookie called `name`, the others in their bytes. Returns
 * the size written (0 = nothing is left, leave the field out), or -ENOBUFS.
 */
int http_cookie_strip(struct bytes value, struct bytes name, char *out, size_t room);

/*
 * "NAME=VALUE; Path=/; Expires=<wall_s + max_age_s>; Max-Age=<max_age_s>; HttpOnly". Returns the
 * size, or -ENOBUFS.
 */
int http_set_cookie_write(struct bytes name, struct bytes value, int64_t wall_s, uint32_t max_age_s,
			  char *out, size_t room);

#endif

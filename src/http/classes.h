/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner header of this folder: the classes of bytes that HTTP's grammar knows.
 */
#ifndef HTTP_CLASSES_H
#define HTTP_CLASSES_H

#include <stdint.h>

enum {
	CLASS_TOKEN = 1, /* tchar, RFC 9110 5.6.2 */
	CLASS_HOST = 2, /* unreserved and sub-delims, RFC 3986 3.2.2 */
	CLASS_HEX = 4, /* RFC 9112 7.1 */
	CLASS_VALUE = 8, /* field-vchar, SP, HTAB, RFC 9110 5.5 */
	CLASS_QUOTED = 16, /* qdtext, RFC 9110 5.6.4 */
	CLASS_TARGET = 32, /* what we let pass in a request target */
};

extern const uint8_t http_classes[256];

static inline uint8_t class_of(char byte)
{
	return http_classes[(uint8_t)byte];
}

/* The first byte of at..end that is not of `class`, or end. */
static inline const char *class_end(const char *at, const char *end, uint8_t class)
{
	while (at < end && class_of(*at) & class)
		at++;
	return at;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner header of this folder: bytes appended to a caller's buffer, which is never written past its
 * end. What does not fit is remembered, so one question at the end is enough.
 */
#ifndef HTTP_WRITE_H
#define HTTP_WRITE_H

#include <errno.h>

#include "base/bytes.h"

struct writer {
	char *start, *at, *end;
	bool is_full; /* something did not fit: the whole is void */
};

static inline struct writer writer_of(char *out, size_t room)
{
	return (struct writer){ out, out, out + room, false };
}

static inline void write_run(struct writer *writer, const char *from, size_t size)
{
	if ((size_t)(writer->end - writer->at) < size) {
		writer->is_full = true;
		return;
	}
	memcpy(writer->at, from, size);
	writer->at += size;
}

static inline void write_bytes(struct writer *writer, struct bytes bytes)
{
	if (bytes.size)
		write_run(writer, bytes.at, bytes.size);
}

#define write_literal(writer, text) write_run((writer), (text), sizeof(text) - 1)

static inline void write_decimal(struct writer *writer, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	write_run(writer, digits + at, sizeof(digits) - at);
}

#define write_field(writer, name, value)            \
	do {                                        \
		write_literal((writer), name ": "); \
		write_bytes((writer), (value));     \
		write_literal((writer), "\r\n");    \
	} while (0)

/* What the functions of this folder return: the size, or -ENOBUFS. */
static inline int writer_result(const struct writer *writer)
{
	return writer->is_full ? -ENOBUFS : (int)(writer->at - writer->start);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory that bytes pass through, in two sizes, kept in stock by each worker. A connection
 * holds one only while it has bytes in it. Room before and behind the bytes lets a chunk's size
 * line and end be written around them without a copy.
 */
#ifndef PROXY_BUFFER_H
#define PROXY_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "model/limits.h"

#define BUFFER_SMALL 16384
#define BUFFER_LARGE (HTTP_HEAD_MOST + 4096) /* the largest head with what editing adds */
#define BUFFER_FRONT 32 /* room for a chunk-size line */
#define BUFFER_BACK 32 /* room for a chunk's end and the last chunk */
#define BUFFER_STOCK_SMALL 256 /* kept by a worker for the next request: 4 MiB */
#define BUFFER_STOCK_LARGE 32 /* 2 MiB */

struct buffer {
	struct buffer *next; /* in stock */
	uint32_t size;
	uint32_t begin, end; /* the bytes: data[begin..end) */
	char data[];
};

struct buffer_stock {
	struct buffer *small, *large;
	uint32_t small_count, large_count;
	uint32_t used; /* handed out, both sizes */
};

/* Empty, begin = end = BUFFER_FRONT. NULL when memory is out. */
struct buffer *buffer_take(struct buffer_stock *stock, size_t size);
/* Accepts NULL, returns NULL. */
struct buffer *buffer_give(struct buffer_stock *stock, struct buffer *buffer);
void buffer_stock_done(struct buffer_stock *stock);
/*
 * The same bytes in a large buffer, which takes the place of *buffer (given back). -ENOMEM with
 * nothing changed; -ENOBUFS when it is large already.
 */
int buffer_grow(struct buffer_stock *stock, struct buffer **buffer);

static inline uint32_t buffer_used(const struct buffer *buffer)
{
	return buffer->end - buffer->begin;
}

/* Bytes that may be read in behind `end`, BUFFER_BACK left free. */
static inline uint32_t buffer_room(const struct buffer *buffer)
{
	return buffer->size - BUFFER_BACK - buffer->end;
}

/* Moves the bytes to the front, so that there is room behind them. */
void buffer_compact(struct buffer *buffer);

static inline char *buffer_at(struct buffer *buffer)
{
	return buffer->data + buffer->begin;
}

#endif

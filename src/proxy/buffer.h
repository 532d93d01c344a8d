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
#include "proxy/descriptors.h"

#define BUFFER_SMALL 16384
/* The largest head with what editing and custom headers add. */
#define BUFFER_LARGE (HTTP_HEAD_MOST + LIMIT_CUSTOM_HEADER_BYTES + 4096)
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

/* A pipe for bulk: bytes rest in it on their way from socket to socket without being copied. */
struct bulk_pipe {
	struct bulk_pipe *next; /* in stock */
	int read_fd, write_fd;
	uint32_t used; /* bytes in it */
};

#define PIPE_SIZE (1u << 20) /* asked for; the kernel may give less to a user who has many */
#define PIPE_STOCK 32

struct buffer_stock {
	struct buffer *small, *large;
	uint32_t small_count, large_count;
	uint32_t used; /* handed out, both sizes */
	struct bulk_pipe *pipes;
	uint32_t pipe_count;
	struct descriptors *descriptors; /* where pipes are counted; NULL: nowhere (tests) */
};

/* Empty, begin = end = BUFFER_FRONT. NULL when memory is out. */
struct buffer *buffer_take(struct buffer_stock *stock, size_t size);
/* Accepts NULL, returns NULL. */
struct buffer *buffer_give(struct buffer_stock *stock, struct buffer *buffer);
/* An empty pipe, or NULL when descriptors are at their roof: then bytes are copied. */
struct bulk_pipe *pipe_take(struct buffer_stock *stock);
/* Accepts NULL, returns NULL. One that still holds bytes is closed. */
struct bulk_pipe *pipe_give(struct buffer_stock *stock, struct bulk_pipe *pipe);
/* Closes the pipes in stock: their descriptors are wanted. */
void pipes_shed(struct buffer_stock *stock);
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

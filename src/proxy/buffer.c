/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's stock of buffers: last given, first taken, so that the bytes stay in the processor's
 * cache. One thread each.
 */
#include "proxy/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct buffer *buffer_take(struct buffer_stock *stock, size_t size)
{
	bool is_small = size <= BUFFER_SMALL - BUFFER_FRONT - BUFFER_BACK;
	struct buffer **shelf = is_small ? &stock->small : &stock->large;
	struct buffer *buffer = *shelf;
	uint32_t whole = is_small ? BUFFER_SMALL : BUFFER_LARGE;

	if (buffer) {
		*shelf = buffer->next;
		if (is_small)
			stock->small_count--;
		else
			stock->large_count--;
	} else {
		buffer = malloc(sizeof(*buffer) + whole);
		if (!buffer)
			return NULL;
		buffer->size = whole;
	}
	buffer->next = NULL;
	buffer->begin = buffer->end = BUFFER_FRONT;
	stock->used++;
	return buffer;
}

struct buffer *buffer_give(struct buffer_stock *stock, struct buffer *buffer)
{
	if (!buffer)
		return NULL;
	stock->used--;
	if (buffer->size == BUFFER_SMALL && stock->small_count < BUFFER_STOCK_SMALL) {
		buffer->next = stock->small;
		stock->small = buffer;
		stock->small_count++;
	} else if (buffer->size == BUFFER_LARGE && stock->large_count < BUFFER_STOCK_LARGE) {
		buffer->next = stock->large;
		stock->large = buffer;
		stock->large_count++;
	} else {
		free(buffer);
	}
	return NULL;
}

static void shelf_clear(struct buffer *buffer)
{
	while (buffer) {
		struct buffer *next = buffer->next;

		free(buffer);
		buffer = next;
	}
}

struct bulk_pipe *pipe_take(struct buffer_stock *stock)
{
	struct bulk_pipe *pipe = stock->pipes;
	int fds[2];

	if (pipe) {
		stock->pipes = pipe->next;
		stock->pipe_count--;
		return pipe;
	}
	if (stock->descriptors && !descriptors_have_room(stock->descriptors))
		return NULL;
	pipe = calloc(1, sizeof(*pipe));
	if (!pipe)
		return NULL;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(pipe);
		return NULL;
	}
	if (stock->descriptors)
		descriptors_count(stock->descriptors, 2);
	pipe->read_fd = fds[0];
	pipe->write_fd = fds[1];
	fcntl(pipe->write_fd, F_SETPIPE_SZ, PIPE_SIZE);
	return pipe;
}

static void pipe_close(struct buffer_stock *stock, struct bulk_pipe *pipe)
{
	if (stock->descriptors)
		descriptors_count(stock->descriptors, -2);
	close(pipe->read_fd);
	close(pipe->write_fd);
	free(pipe);
}

struct bulk_pipe *pipe_give(struct buffer_stock *stock, struct bulk_pipe *pipe)
{
	if (!pipe)
		return NULL;
	if (pipe->used || stock->pipe_count >= PIPE_STOCK) {
		pipe_close(stock, pipe);
		return NULL;
	}
	pipe->next = stock->pipes;
	stock->pipes = pipe;
	stock->pipe_count++;
	return NULL;
}

void pipes_shed(struct buffer_stock *stock)
{
	while (stock->pipes) {
		struct bulk_pipe *pipe = stock->pipes;

		stock->pipes = pipe->next;
		pipe_close(stock, pipe);
	}
	stock->pipe_count = 0;
}

void buffer_stock_done(struct buffer_stock *stock)
{
	pipes_shed(stock);
	shelf_clear(stock->small);
	shelf_clear(stock->large);
	*stock = (struct buffer_stock){ .descriptors = stock->descriptors };
}

int buffer_grow(struct buffer_stock *stock, struct buffer **buffer)
{
	struct buffer *large;
	uint32_t used = buffer_used(*buffer);

	if ((*buffer)->size == BUFFER_LARGE)
		return -ENOBUFS;
	large = buffer_take(stock, BUFFER_LARGE - BUFFER_FRONT - BUFFER_BACK);
	if (!large)
		return -ENOMEM;
	memcpy(buffer_at(large), buffer_at(*buffer), used);
	large->end += used;
	*buffer = buffer_give(stock, *buffer);
	*buffer = large;
	return 0;
}

void buffer_compact(struct buffer *buffer)
{
	uint32_t used = buffer_used(buffer);

	memmove(buffer->data + BUFFER_FRONT, buffer_at(buffer), used);
	buffer->begin = BUFFER_FRONT;
	buffer->end = BUFFER_FRONT + used;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving bytes. Runs on a worker's thread; the buffers come from and go to that worker's stock.
 */
#include "proxy/transfer.h"

#include <errno.h>
#include <string.h>

#include "http/edit.h"

/* Splicing pays for what fills buffers; what comes in drips is cheaper to copy. */
#define FULL_READS_TO_SPLICE 1
#define STORE_WRITES 4 /* of up to 256 KiB before the others get their turn */

void transfer_expect(struct transfer *transfer, enum http_framing framing_in,
		     enum http_framing framing_out, uint64_t length)
{
	transfer->framing_in = framing_in;
	transfer->framing_out = framing_out;
	transfer->left = framing_in == HTTP_LENGTH ? length : 0;
	transfer->chunked = (struct http_chunked){ 0 };
	transfer->drops_trailers = false;
	transfer->is_truncated = false;
	transfer->is_read = framing_in == HTTP_NO_BODY || (framing_in == HTTP_LENGTH && !length);
}

void transfer_done(struct transfer *transfer, struct buffer_stock *stock)
{
	transfer->head = buffer_give(stock, transfer->head);
	transfer->trailers = buffer_give(stock, transfer->trailers);
	if (transfer_has_body(transfer))
		transfer_drop(transfer, stock);
	if (transfer->store)
		transfer->store = body_store_free(transfer->store);
}

/* What waits behind a buffer that is written, or NULL. */
static struct buffer *body_next(struct transfer *transfer, struct buffer_stock *stock)
{
	struct buffer *next = transfer->ahead;

	transfer->body = buffer_give(stock, transfer->body);
	if (next) {
		transfer->ahead = next->next;
		transfer->ahead_held -= next->size;
		next->next = NULL;
	}
	return next;
}

void transfer_drop(struct transfer *transfer, struct buffer_stock *stock)
{
	while (transfer->body)
		transfer->body = body_next(transfer, stock);
	transfer->pipe = pipe_give(stock, transfer->pipe);
	transfer->store_left = 0;
}

void transfer_rewind(struct transfer *transfer)
{
	transfer->head_written = 0;
	transfer->store_left = transfer->store ? transfer->store->size : 0;
}

static void put(struct buffer *buffer, const char *text, uint32_t size)
{
	memcpy(buffer->data + buffer->end, text, size);
	buffer->end += size;
}

/*
 * Puts the size line before the payload and the ends behind it, into the room that buffers keep for
 * that. Trailers find room as well: those that came with payload stood in this very buffer, the
 * others have it to themselves. 0, -EBADMSG, -E2BIG.
 */
static int frame_chunk(struct transfer *transfer, struct buffer *buffer, struct buffer_stock *stock)
{
	uint32_t size = buffer_used(buffer);
	char line[16];
	uint32_t at = sizeof(line);

	if (size) {
		line[--at] = '\n';
		line[--at] = '\r';
		for (uint32_t rest = size; rest; rest >>= 4)
			line[--at] = "0123456789abcdef"[rest & 15];
		buffer->begin -= sizeof(line) - at;
		memcpy(buffer_at(buffer), line + at, sizeof(line) - at);
		put(buffer, "\r\n", 2);
	}
	if (!transfer->is_read)
		return 0;
	put(buffer, "0\r\n", 3);
	if (transfer->trailers) {
		int edited = http_trailers_edit(
			buffer_at(transfer->trailers), buffer_used(transfer->trailers),
			buffer->data + buffer->end, buffer->size - buffer->end - 2);

		transfer->trailers = buffer_give(stock, transfer->trailers);
		if (edited < 0) {
			transfer->is_read = false; /* nothing behind it can be trusted */
			return edited;
		}
		buffer->end += (uint32_t)edited;
	}
	put(buffer, "\r\n", 2);
	return 0;
}

/* Keeps them until all of them are here. Their roof fits a small buffer. */
static int trailers_take(struct transfer *transfer, const char *bytes, size_t size,
			 struct buffer_stock *stock)
{
	_Static_assert(HTTP_TRAILER_MOST <= BUFFER_SMALL - BUFFER_FRONT - BUFFER_BACK, "trailers");

	if (!size || transfer->drops_trailers || transfer->framing_out != HTTP_CHUNKED)
		return 0;
	if (!transfer->trailers)
		transfer->trailers = buffer_take(stock, HTTP_TRAILER_MOST);
	if (!transfer->trailers)
		return -ENOMEM;
	if (size > buffer_room(transfer->trailers))
		return -E2BIG;
	put(transfer->trailers, bytes, (uint32_t)size);
	return 0;
}

/* The payload within the raw bytes: the buffer shrinks to it. Returns what lies behind the message,
 * as an offset. */
static int frame_take(struct transfer *transfer, struct buffer *buffer, struct buffer_stock *stock,
		      uint32_t *ret_rest)
{
	struct http_chunked_step step;
	uint32_t used = buffer_used(buffer);
	uint32_t begin = buffer->begin;
	int result;

	switch (transfer->framing_in) {
	case HTTP_LENGTH:
		if (used >= transfer->left) {
			used = (uint32_t)transfer->left;
			transfer->is_read = true;
		}
		transfer->left -= used;
		*ret_rest = begin + used;
		buffer->end = begin + used;
		return 0;
	case HTTP_CHUNKED:
		result = http_chunked_decode(&transfer->chunked, buffer_at(buffer), used, &step);
		if (result < 0)
			return result;
		result = trailers_take(transfer, buffer_at(buffer) + step.trailers_at,
				       step.trailers_size, stock);
		if (result < 0)
			return result;
		transfer->is_read = transfer->chunked.is_done;
		transfer->payload += step.payload_size;
		*ret_rest = begin + (uint32_t)step.consumed;
		buffer->begin = begin + (uint32_t)step.payload_at;
		buffer->end = buffer->begin + (uint32_t)step.payload_size;
		return 0;
	case HTTP_UNTIL_CLOSE:
		*ret_rest = buffer->end;
		return 0;
	default:
		*ret_rest = begin;
		buffer->end = begin;
		transfer->is_read = true;
		return 0;
	}
}

/* The surplus is copied before the chunk's end is written over it. */
int transfer_frame(struct transfer *transfer, struct buffer_stock *stock,
		   struct buffer **ret_surplus)
{
	struct buffer *buffer = transfer->body;
	uint32_t end = buffer->end;
	uint32_t rest = end;
	struct buffer *surplus = NULL;
	int result = frame_take(transfer, buffer, stock, &rest);

	if (result < 0)
		return result;
	if (rest < end && ret_surplus) {
		surplus = buffer_take(stock, end - rest);
		if (!surplus)
			return -ENOMEM;
		memcpy(buffer_at(surplus), buffer->data + rest, end - rest);
		surplus->end += end - rest;
	}
	if (ret_surplus)
		*ret_surplus = surplus;
	if (rest < end)
		transfer->has_surplus = true;
	if (transfer->framing_out == HTTP_CHUNKED)
		result = frame_chunk(transfer, buffer, stock);
	if (!buffer_used(buffer))
		transfer->body = buffer_give(stock, buffer);
	return result;
}

/* The source is at its end. */
static ssize_t fill_end(struct transfer *transfer, struct buffer_stock *stock)
{
	if (transfer->framing_in != HTTP_UNTIL_CLOSE) {
		transfer->is_truncated = true;
		transfer->body = buffer_give(stock, transfer->body);
		return 0;
	}
	transfer->is_read = true;
	if (transfer->framing_out == HTTP_CHUNKED)
		frame_chunk(transfer, transfer->body, stock);
	else
		transfer->body = buffer_give(stock, transfer->body);
	return 0;
}

/* Nothing in these bytes is ours to look at, and there are many of them. */
static bool is_bulk(const struct transfer *transfer)
{
	if (transfer->full_reads < FULL_READS_TO_SPLICE ||
	    transfer->framing_in != transfer->framing_out)
		return false;
	return transfer->framing_in == HTTP_UNTIL_CLOSE ||
	       (transfer->framing_in == HTTP_LENGTH && transfer->left >= BUFFER_LARGE);
}

static ssize_t fill_pipe(struct transfer *transfer, struct stream *source,
			 struct buffer_stock *stock)
{
	size_t most = transfer->held_most ? transfer->held_most : PIPE_SIZE;
	ssize_t got;

	if (transfer->framing_in == HTTP_LENGTH && transfer->left < most)
		most = (size_t)transfer->left;
	got = stream_to_pipe(source, transfer->pipe->write_fd, most);
	if (got <= 0) {
		transfer->pipe = pipe_give(stock, transfer->pipe);
		return got ? got : fill_end(transfer, stock);
	}
	if (got < BUFFER_SMALL)
		transfer->full_reads = 0; /* a trickle is cheaper to copy */
	transfer->pipe->used = (uint32_t)got;
	if (transfer->framing_in == HTTP_LENGTH) {
		transfer->left -= (uint64_t)got;
		transfer->is_read = !transfer->left;
	}
	return got;
}

static ssize_t fill_body(struct transfer *transfer, struct stream *source,
			 struct buffer_stock *stock, struct buffer **ret_surplus)
{
	bool is_large = transfer->full_reads &&
			(!transfer->held_most || transfer->held_most >= BUFFER_LARGE);
	uint32_t room;
	ssize_t got;
	int result;

	transfer->body = buffer_take(stock, is_large ? BUFFER_SMALL : 1);
	if (!transfer->body)
		return -ENOMEM;
	room = buffer_room(transfer->body);
	/* Pipelined requests stay in the socket: a body's read takes no more than the body. */
	if (transfer->framing_in == HTTP_LENGTH && transfer->left < room && ret_surplus)
		room = (uint32_t)transfer->left;
	got = stream_read(source, transfer->body->data + transfer->body->end, room);
	if (got == 0)
		return fill_end(transfer, stock);
	if (got < 0) {
		transfer->body = buffer_give(stock, transfer->body);
		return got;
	}
	if ((size_t)got < room)
		transfer->full_reads = 0;
	else if (transfer->full_reads < FULL_READS_TO_SPLICE)
		transfer->full_reads++;
	transfer->body->end += (uint32_t)got;
	result = transfer_frame(transfer, stock, ret_surplus);
	return result < 0 ? result : got;
}

ssize_t transfer_fill(struct transfer *transfer, struct stream *source, struct buffer_stock *stock,
		      struct buffer **ret_surplus)
{
	if (is_bulk(transfer))
		transfer->pipe = pipe_take(stock);
	if (transfer->pipe)
		return fill_pipe(transfer, source, stock);
	return fill_body(transfer, source, stock, ret_surplus);
}

ssize_t transfer_fill_ahead(struct transfer *transfer, struct stream *source,
			    struct buffer_stock *stock)
{
	struct buffer *first = transfer->body, *more;
	ssize_t got;

	transfer->full_reads = 0; /* a small buffer */
	transfer->body = NULL;
	got = fill_body(transfer, source, stock, NULL);
	more = transfer->body;
	transfer->body = first;
	if (!more)
		return got;
	if (transfer->ahead)
		transfer->ahead_last->next = more;
	else
		transfer->ahead = more;
	transfer->ahead_last = more;
	transfer->ahead_held += more->size;
	return got;
}

static void head_written(struct transfer *transfer, struct buffer_stock *stock, uint32_t count)
{
	transfer->head_written += count;
	if (!transfer->keeps_head && transfer->head_written == buffer_used(transfer->head)) {
		transfer->head = buffer_give(stock, transfer->head);
		transfer->head_written = 0;
	}
}

/* 1 = the pipe is empty, 0 = the stream is full, -errno. */
static int write_pipe(struct transfer *transfer, struct stream *to, struct buffer_stock *stock,
		      uint64_t *ret_bytes)
{
	while (transfer->pipe && transfer->pipe->used) {
		ssize_t put = stream_from_pipe(to, transfer->pipe->read_fd, transfer->pipe->used);

		if (put == -EAGAIN)
			return 0;
		if (put <= 0)
			return put ? (int)put : -EPIPE;
		*ret_bytes += (uint64_t)put;
		transfer->pipe->used -= (uint32_t)put;
		transfer->body_written = true;
	}
	transfer->pipe = pipe_give(stock, transfer->pipe);
	return 1;
}

/* The head and a part of the store: 1 = both are written, 0 = the stream is full, or others want
 * their turn, -errno. */
static int write_store(struct transfer *transfer, struct stream *to, struct buffer_stock *stock,
		       uint64_t *ret_bytes)
{
	for (int i = 0; i < STORE_WRITES; i++) {
		struct iovec head = { NULL, 0 };
		ssize_t put;
		uint32_t part;

		if (transfer->head)
			head = (struct iovec){ buffer_at(transfer->head) + transfer->head_written,
					       buffer_used(transfer->head) -
						       transfer->head_written };
		put = body_store_write(transfer->store, head,
				       transfer->store->size - transfer->store_left, to);
		if (put == -EAGAIN)
			return 0;
		if (put < 0)
			return (int)put;
		*ret_bytes += (uint64_t)put;
		part = (size_t)put < head.iov_len ? (uint32_t)put : (uint32_t)head.iov_len;
		if (part)
			head_written(transfer, stock, part);
		transfer->body_written |= put > part;
		transfer->store_left -= (uint64_t)put - part;
		if (!transfer->store_left)
			return 1;
	}
	return 0;
}

int transfer_write(struct transfer *transfer, struct stream *to, struct buffer_stock *stock,
		   uint64_t *ret_bytes)
{
	struct iovec parts[2];

	if (transfer->store_left)
		return write_store(transfer, to, stock, ret_bytes);
	for (;;) {
		uint32_t head_left =
			transfer->head ? buffer_used(transfer->head) - transfer->head_written : 0;
		ssize_t put;
		int count = 0;

		if (head_left)
			parts[count++] =
				(struct iovec){ buffer_at(transfer->head) + transfer->head_written,
						head_left };
		if (transfer->body)
			parts[count++] = (struct iovec){ buffer_at(transfer->body),
							 buffer_used(transfer->body) };
		if (!count)
			return write_pipe(transfer, to, stock, ret_bytes);
		put = stream_write(to, parts, count);
		if (put == -EAGAIN)
			return 0;
		if (put < 0)
			return (int)put;
		*ret_bytes += (uint64_t)put;
		if (head_left) {
			uint32_t part = put < head_left ? (uint32_t)put : head_left;

			head_written(transfer, stock, part);
			put -= part;
		}
		if (transfer->body) {
			transfer->body->begin += (uint32_t)put;
			transfer->body_written |= put > 0;
			if (!buffer_used(transfer->body))
				transfer->body = body_next(transfer, stock);
		}
	}
}

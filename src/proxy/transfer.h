/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a message on its way: an edited head, then a body in pieces, from one stream to
 * another, framed anew where it must be. Holds one buffer at a time, so a slow reader holds back
 * its sender; more where a custom configuration says so.
 */
#ifndef PROXY_TRANSFER_H
#define PROXY_TRANSFER_H

#include "http/h1.h"
#include "io/stream.h"
#include "proxy/body_store.h"
#include "proxy/buffer.h"

struct transfer {
	struct buffer *head; /* to be written before the body; NULL once written, unless it is kept
				for another try */
	struct buffer *body; /* framed bytes to be written, or NULL */
	struct buffer
		*trailers; /* what came of them so far, or NULL: they go on when all are here */
	struct bulk_pipe *pipe; /* holds bytes to be written behind those of body, or NULL */
	struct body_store *store; /* the whole body, read before; nothing else holds any of it */
	uint64_t store_left; /* of it, to be written */
	struct buffer *ahead, *ahead_last; /* framed bytes behind those of body: read ahead of a
					      slow reader */
	uint32_t ahead_held; /* memory of those */
	uint32_t held_most; /* memory that body and ahead, or pipe, may take; 0 = one buffer or
			       pipe of any size, nothing ahead */
	uint32_t head_written;
	uint8_t framing_in; /* enum http_framing */
	uint8_t framing_out;
	bool drops_trailers; /* chunked to chunked all the same */
	bool keeps_head; /* the head stays until the answer began */
	bool is_read; /* all of the body was seen */
	bool is_truncated; /* the source ended too early */
	bool has_surplus; /* the source sent more than the message */
	bool body_written; /* some of the body went out */
	uint8_t full_reads; /* in a row: the next one gets a large buffer, then a pipe */
	uint64_t left; /* HTTP_LENGTH: bytes still to come */
	uint64_t payload; /* HTTP_CHUNKED: bytes so far, without the chunks' frames */
	struct http_chunked chunked;
};

/* A body of `framing_in` is expected; HTTP_NO_BODY and a length of 0 are read already. */
void transfer_expect(struct transfer *transfer, enum http_framing framing_in,
		     enum http_framing framing_out, uint64_t length);
void transfer_done(struct transfer *transfer, struct buffer_stock *stock);

/*
 * Takes the raw bytes in transfer->body (just put there) for the next part of the body and frames
 * them for the way on. What stands behind the message's end goes to *ret_surplus (a buffer of its
 * own, or NULL), or is dropped when that is NULL; has_surplus tells that there was some. -EBADMSG:
 * bad chunks; -E2BIG: a roof of theirs; -ENOMEM.
 */
int transfer_frame(struct transfer *transfer, struct buffer_stock *stock,
		   struct buffer **ret_surplus);

/*
 * Reads one buffer full from `source` into an empty transfer->body and frames it. Bytes read; 0
 * when the source ended (is_read or is_truncated tells how); -EAGAIN; -ENOMEM; -EBADMSG; -E2BIG;
 * -errno.
 */
ssize_t transfer_fill(struct transfer *transfer, struct stream *source, struct buffer_stock *stock,
		      struct buffer **ret_surplus);

/* The same where transfer_may_read_ahead(): the bytes go behind those that wait. */
ssize_t transfer_fill_ahead(struct transfer *transfer, struct stream *source,
			    struct buffer_stock *stock);

/* Writes head and body. 1 = nothing is pending, 0 = the stream is full, -errno. *ret_bytes (added
 * to) counts what went out. */
int transfer_write(struct transfer *transfer, struct stream *to, struct buffer_stock *stock,
		   uint64_t *ret_bytes);

/* The store, which is complete, is written from its beginning. */
void transfer_rewind(struct transfer *transfer);
/* What waits to be written goes nowhere, the head apart. */
void transfer_drop(struct transfer *transfer, struct buffer_stock *stock);

/* Bytes of the body wait to be written. */
static inline bool transfer_has_body(const struct transfer *transfer)
{
	return transfer->body || transfer->pipe || transfer->store_left;
}

/* There is room behind what waits to be written. */
static inline bool transfer_may_read_ahead(const struct transfer *transfer)
{
	return transfer->held_most && transfer->body && !transfer->pipe &&
	       transfer->body->size + transfer->ahead_held + BUFFER_SMALL <= transfer->held_most;
}

/* Everything was read and written. */
static inline bool transfer_is_done(const struct transfer *transfer)
{
	return transfer->is_read && !transfer_has_body(transfer) &&
	       (!transfer->head || transfer->head_written == buffer_used(transfer->head));
}

#endif

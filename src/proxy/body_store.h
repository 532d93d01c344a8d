/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's body that is kept whole before it is sent (proxy_request_buffering): in memory while
 * it is small, else in a file without a name, which is gone with its last descriptor whatever
 * happens to the process. A body belongs to one worker's thread; what all of them take together is
 * counted in one place.
 */
#ifndef PROXY_BODY_STORE_H
#define PROXY_BODY_STORE_H

#include <stdatomic.h>
#include <sys/uio.h>

#include "io/stream.h"
#include "proxy/buffer.h"

/* Shared by all workers; made by the main thread before the first of them starts. */
struct body_room {
	const char *directory; /* of the files; made when the first one is needed */
	uint64_t disk_most; /* bytes in files */
	_Atomic uint64_t disk; /* of those, now */
	_Atomic uint64_t memory; /* in buffers, now: BODY_MEMORY_ALL at most */
};

#define BODY_STORE_PARTS (BODY_MEMORY_MOST / BUFFER_SMALL)

struct body_store {
	struct body_room *room;
	struct buffer_stock *stock;
	struct buffer *first, *last; /* while it is in memory */
	uint32_t buffer_count;
	int fd; /* the file, or -1 */
	uint64_t size; /* bytes of the body so far */
};

/* Empty. NULL when memory is out. */
struct body_store *body_store_new(struct body_room *room, struct buffer_stock *stock);
/* Accepts NULL, returns NULL. */
struct body_store *body_store_free(struct body_store *store);
/* Whether a body of `size` bytes could be kept at all. */
bool body_store_may_fit(const struct body_room *room, uint64_t size);
/*
 * Takes the bytes of *buffer, and the buffer with them, for the body's next part; *buffer is NULL
 * afterwards, whatever happens. A file's part is one write of no more than a buffer. 0; -ENOSPC: no
 * room, ours or the disk's; else -errno. After an error the body is of no use.
 */
int body_store_add(struct body_store *store, struct buffer **buffer);
/*
 * Writes some of the bytes from `at` on, behind `head` (may be empty). Bytes written, those of the
 * head first; or as stream_write(), and -EIO: the file cannot be read.
 */
ssize_t body_store_write(const struct body_store *store, struct iovec head, uint64_t at,
			 struct stream *to);

#endif

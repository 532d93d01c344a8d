/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to the kernel's readiness events: one loop a thread, sources that live inside their
 * owners.
 *
 * Streams are registered once, edge-triggered, for both directions, so that no later system call is
 * needed to change the interest. The owner therefore keeps what it knows: `is_readable` and
 * `is_writable` stay true until a call said otherwise (io/stream.h keeps them). Listening sockets
 * are level-triggered, reading only. io_epoll.c is the kernel's form; tests/sim may link another
 * one behind this header.
 */
#ifndef IO_IO_H
#define IO_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct io;

struct io_source {
	int fd; /* -1 once closed: events that were already fetched are dropped */
	bool is_readable;
	bool is_writable;
	bool is_ended; /* the peer will send no more, or the connection broke: a read tells which */
	bool is_broken; /* reset: nothing that is written will arrive */
	bool is_queued; /* stands in the loop's list of those to be called again */
	struct list again;
	/* Something changed above. May close any source, this one too; memory must live until
	 * io_turn returns. */
	void (*on_ready)(struct io_source *source);
};

/* NULL when memory or descriptors are out (errno tells). */
struct io *io_new(void);
struct io *io_free(struct io *io);

void io_source_init(struct io_source *source, int fd, void (*on_ready)(struct io_source *source));
/* Both directions, edge-triggered. -errno. */
int io_add_stream(struct io *io, struct io_source *source);
/* Reading, level-triggered: listening sockets, eventfds. -errno. */
int io_add_reader(struct io *io, struct io_source *source);
/* Takes it out of the loop; the descriptor stays open. */
void io_remove(struct io *io, struct io_source *source);
/* Calls on_ready again in the next turn, without waiting: for work that was cut short to be fair.
 */
void io_again(struct io *io, struct io_source *source);
/*
 * Closes the descriptor and forgets the source; does nothing on one that is closed. A descriptor
 * whose file is open elsewhere too (a listening socket that the keeper shares) must be removed
 * before.
 */
void io_close(struct io *io, struct io_source *source);

/* Waits up to timeout_ms (-1 = for ever; not at all when io_again was called) ... */
int io_wait(struct io *io, int timeout_ms);
/* ... and calls on_ready of everything that io_wait found. Apart, so that the owner can read the
 * clock in between. */
void io_turn(struct io *io);

#endif

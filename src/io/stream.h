/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection as bytes both ways, without waiting. Keeps the source's readiness true to what the
 * calls said. TLS will stand behind the same calls; tests/sim may link another form.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/address.h"
#include "io/io.h"

struct stream {
	struct io_source source;
};

/* Once for each listening socket: what its connections inherit (TCP_NODELAY). Others are left as
 * they are. */
void stream_prepare_listening(int listening_fd);
/*
 * Takes one connection from a listening socket: non-blocking, close-on-exec. The
 * stream is not yet in a loop. *ret_peer may be NULL. -EAGAIN none waits; -EMFILE, -ENFILE,
 * -ENOBUFS, -ENOMEM no room; other errors concern the one connection only.
 */
int stream_accept(int listening_fd, struct stream *ret_stream, struct address *ret_peer);

/*
 * Begins a connection to `address`. 0 = begun: stream_connected() tells later how it ended. -errno.
 */
int stream_connect(const struct address *address, struct stream *ret_stream);
/* 0 = connected; -EINPROGRESS; or how it failed. */
int stream_connected(struct stream *stream);

/* Bytes read; 0 = the peer ended; -EAGAIN; -errno. */
ssize_t stream_read(struct stream *stream, void *data, size_t size);
/* Bytes written, maybe fewer than given; -EAGAIN; -errno (-EPIPE, -ECONNRESET: the peer is gone).
 */
ssize_t stream_write(struct stream *stream, const struct iovec *parts, int count);
/*
 * Bulk without copies, splice(2): moves up to `size` bytes from a stream into an empty pipe, and
 * out of a pipe into a stream. Results as of stream_read and stream_write.
 */
ssize_t stream_to_pipe(struct stream *stream, int pipe_fd, size_t size);
ssize_t stream_from_pipe(struct stream *stream, int pipe_fd, size_t size);
/* The same out of a file, from `at` on, sendfile(2). -EIO: it ends before that. */
ssize_t stream_from_file(struct stream *stream, int file_fd, uint64_t at, size_t size);
/* True when nothing waits to be read and the peer has not ended: an idle connection that may be
 * used again. Costs a system call. */
bool stream_is_quiet(struct stream *stream);
/* True when bytes wait to be read. Costs a system call. */
bool stream_has_input(struct stream *stream);
/* The address that the peer connected to. -errno. */
int stream_local(const struct stream *stream, struct address *ret_address);
/* Asks a silent peer from time to time whether it is still there; one that is not breaks the stream
 * after about two minutes. Four system calls. */
void stream_keep_probing(struct stream *stream);
/* The round trip to the peer as the kernel measured it, in microseconds. A system call. -errno. */
int stream_rtt(const struct stream *stream, uint32_t *ret_us);
/* No more bytes to the peer (FIN). */
void stream_finish(struct stream *stream);
/* The next io_close resets the connection (RST) instead of ending it in order. */
void stream_abort(struct stream *stream);

#endif

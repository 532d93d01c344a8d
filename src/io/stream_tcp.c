/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams over plain TCP. Called by the thread that owns the stream.
 */
#include "io/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROBE_IDLE_S 60
#define PROBE_INTERVAL_S 15
#define PROBES 4

static void no_delay(int fd)
{
	int on = 1;

	/* Both hops carry whole messages; Nagle would only hold back their ends. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void stream_prepare_listening(int listening_fd)
{
	no_delay(listening_fd);
}

int stream_accept(int listening_fd, struct stream *ret_stream, struct address *ret_peer)
{
	struct sockaddr_storage storage;
	socklen_t size = sizeof(storage);
	int fd;

	fd = accept4(listening_fd, (struct sockaddr *)&storage, &size,
		     SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (ret_peer && address_from_sockaddr(&storage, ret_peer) < 0)
		*ret_peer = (struct address){ 0 };
	io_source_init(&ret_stream->source, fd, NULL);
	ret_stream->source.is_writable = true;
	ret_stream->source.is_readable = true; /* the request often came with the handshake */
	return 0;
}

int stream_connect(const struct address *address, struct stream *ret_stream)
{
	struct sockaddr_storage storage;
	socklen_t size = address_to_sockaddr(address, &storage);
	int fd;

	if (!size)
		return -EAFNOSUPPORT;
	fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	no_delay(fd);
	io_source_init(&ret_stream->source, fd, NULL);
	if (connect(fd, (struct sockaddr *)&storage, size) < 0 && errno != EINPROGRESS) {
		int error = -errno;

		ret_stream->source.fd = -1;
		close(fd);
		return error;
	}
	return 0;
}

int stream_connected(struct stream *stream)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (!stream->source.is_writable && !stream->source.is_ended)
		return -EINPROGRESS;
	if (getsockopt(stream->source.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	return -error;
}

ssize_t stream_read(struct stream *stream, void *data, size_t size)
{
	ssize_t got = recv(stream->source.fd, data, size, 0);

	if (got < 0) {
		if (errno == EAGAIN || errno == EINTR) {
			stream->source.is_readable = errno == EINTR;
			return -EAGAIN;
		}
		return -errno;
	}
	/* A short read emptied the socket; only an end that is already known still waits behind it.
	 */
	if (got > 0 && (size_t)got < size && !stream->source.is_ended)
		stream->source.is_readable = false;
	return got;
}

ssize_t stream_write(struct stream *stream, const struct iovec *parts, int count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };
	size_t size = 0;
	ssize_t put;

	if (count == 1)
		put = send(stream->source.fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
	else
		put = sendmsg(stream->source.fd, &message, MSG_NOSIGNAL);
	if (put < 0) {
		if (errno == EAGAIN || errno == ENOTCONN) {
			stream->source.is_writable = false;
			return -EAGAIN;
		}
		return -errno;
	}
	for (int i = 0; i < count; i++)
		size += parts[i].iov_len;
	/* A short write filled the socket: the kernel will tell when there is room (epoll(7), Q9).
	 */
	stream->source.is_writable = (size_t)put == size;
	return put;
}

ssize_t stream_to_pipe(struct stream *stream, int pipe_fd, size_t size)
{
	ssize_t got = splice(stream->source.fd, NULL, pipe_fd, NULL, size,
			     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (got >= 0)
		return got;
	if (errno != EAGAIN && errno != EINTR)
		return -errno;
	stream->source.is_readable = errno == EINTR;
	return -EAGAIN;
}

ssize_t stream_from_pipe(struct stream *stream, int pipe_fd, size_t size)
{
	ssize_t put = splice(pipe_fd, NULL, stream->source.fd, NULL, size,
			     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (put >= 0)
		return put;
	if (errno != EAGAIN && errno != EINTR)
		return -errno;
	stream->source.is_writable = errno == EINTR;
	return -EAGAIN;
}

ssize_t stream_from_file(struct stream *stream, int file_fd, uint64_t at, size_t size)
{
	off_t offset = (off_t)at;
	ssize_t put = sendfile(stream->source.fd, file_fd, &offset, size);

	if (put > 0)
		return put;
	if (put == 0)
		return -EIO;
	if (errno != EAGAIN && errno != EINTR)
		return -errno;
	stream->source.is_writable = errno == EINTR;
	return -EAGAIN;
}

bool stream_is_quiet(struct stream *stream)
{
	char byte;

	return recv(stream->source.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

bool stream_has_input(struct stream *stream)
{
	char byte;

	return recv(stream->source.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

int stream_local(const struct stream *stream, struct address *ret_address)
{
	struct sockaddr_storage storage;
	socklen_t size = sizeof(storage);

	if (getsockname(stream->source.fd, (struct sockaddr *)&storage, &size) < 0)
		return -errno;
	return address_from_sockaddr(&storage, ret_address);
}

static void set_number(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

void stream_keep_probing(struct stream *stream)
{
	int fd = stream->source.fd;

	set_number(fd, IPPROTO_TCP, TCP_KEEPIDLE, PROBE_IDLE_S);
	set_number(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_INTERVAL_S);
	set_number(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
	set_number(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

int stream_rtt(const struct stream *stream, uint32_t *ret_us)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	if (getsockopt(stream->source.fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return -errno;
	*ret_us = info.tcpi_rtt;
	return 0;
}

void stream_finish(struct stream *stream)
{
	shutdown(stream->source.fd, SHUT_WR);
}

void stream_abort(struct stream *stream)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(stream->source.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

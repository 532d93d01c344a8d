/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening the listening sockets of one address. Runs on the keeper's one thread; the caller owns
 * what is opened.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper/socket_set.h"

#define LISTEN_BACKLOG 65535 /* the kernel cuts it to net.core.somaxconn */
#define DATAGRAM_BUFFER                                                           \
	(4 << 20) /* bursts of new flows; the kernel cuts it to net.core.rmem_max \
		   */

static int set_option(int fd, int level, int name)
{
	const int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* What both kinds have set before they are bound, since datagrams may come at once. */
static int socket_prepare(int fd, int family, bool is_datagram)
{
	const int size = DATAGRAM_BUFFER;
	int error = 0;

	if (family == AF_INET6)
		error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	/* Answers have to leave from the address that was asked, also on 0.0.0.0 and ::. */
	if (!error && is_datagram)
		error = family == AF_INET6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
					   : set_option(fd, IPPROTO_IP, IP_PKTINFO);
	/* Root may pass the system's roof; without that, as much as there is. */
	if (!error && is_datagram &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return error;
}

/*
 * A bound socket, or -errno. The first one binds without SO_REUSEPORT, so that a port which
 * somebody else listens on is refused even when he shares it; it opens itself to the others of this
 * address afterwards. SO_REUSEADDR is for connections of an earlier life in TIME_WAIT; on a
 * datagram socket it would let a stranger in.
 */
static int socket_bind(const struct address *address, bool is_datagram, bool is_first,
		       bool is_shared)
{
	int type = is_datagram ? SOCK_DGRAM : SOCK_STREAM;
	struct sockaddr_storage storage;
	socklen_t size = address_to_sockaddr(address, &storage);
	int error = 0, fd;

	if (size == 0)
		return -EAFNOSUPPORT;
	fd = socket(storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	error = socket_prepare(fd, storage.ss_family, is_datagram);
	if (!error && !is_datagram)
		error = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!error && !is_first)
		error = set_option(fd, SOL_SOCKET, SO_REUSEPORT);
	if (!error && bind(fd, (struct sockaddr *)&storage, size) < 0)
		error = -errno;
	if (!error && is_first && is_shared)
		error = set_option(fd, SOL_SOCKET, SO_REUSEPORT);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

int sockets_open(const struct address *address, bool is_datagram, unsigned count, int *ret_fds)
{
	int fds[LIMIT_WORKERS], error = 0;
	unsigned bound = 0;

	if (count > LIMIT_WORKERS)
		return -EINVAL;
	while (bound < count && !error) {
		fds[bound] = socket_bind(address, is_datagram, bound == 0, count > 1);
		if (fds[bound] < 0)
			error = fds[bound];
		else
			bound++;
	}
	for (unsigned i = 0; i < bound && !error && !is_datagram; i++) {
		if (listen(fds[i], LISTEN_BACKLOG) < 0)
			error = -errno;
	}
	for (unsigned i = 0; i < bound; i++) {
		if (error)
			close(fds[i]);
		else
			ret_fds[i] = fds[i];
	}
	return error;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams with descriptors between the three processes. Callable from any thread that owns its
 * channel. What arrives is treated as hostile: lengths are checked, and descriptors of a malformed
 * message are closed here.
 */
#include "process/message.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"

#define SEND_TIMEOUT_MS 5000 /* a peer that reads nothing for so long is lost */
#define SEND_RETRY_MS 10 /* when the kernel is short of something that poll cannot wait for */

union control_space {
	struct cmsghdr header; /* for its alignment */
	char space[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MOST)];
};

static void attach_fds(struct msghdr *envelope, union control_space *control, const int *fds,
		       size_t fd_count)
{
	struct cmsghdr *header;

	memset(control, 0, sizeof(*control));
	envelope->msg_control = control->space;
	envelope->msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
	header = CMSG_FIRSTHDR(envelope);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
	memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
}

/* 0 when the send may be tried again. */
static int wait_for_room(int channel, int error, uint64_t deadline_ms)
{
	struct pollfd room = { .fd = channel, .events = POLLOUT };
	uint64_t now_ms = clock_boot_ms();
	int left_ms;

	if (now_ms >= deadline_ms)
		return -ETIMEDOUT;
	left_ms = (int)(deadline_ms - now_ms);
	/* ETOOMANYREFS: too many descriptors are on their way; POLLOUT does not know about those.
	 */
	if (error != EAGAIN)
		poll(NULL, 0, left_ms < SEND_RETRY_MS ? left_ms : SEND_RETRY_MS);
	else if (poll(&room, 1, left_ms) < 0 && errno != EINTR)
		return -errno;
	return 0;
}

int message_send(int channel, const struct message_header *header, const void *payload,
		 const int *fds, size_t fd_count)
{
	struct iovec parts[2] = { { (void *)header, sizeof(*header) },
				  { (void *)payload, header->size } };
	struct msghdr envelope = { .msg_iov = parts, .msg_iovlen = header->size > 0 ? 2 : 1 };
	uint64_t deadline_ms = clock_boot_ms() + SEND_TIMEOUT_MS;
	union control_space control;

	if (header->size > MESSAGE_PAYLOAD_MOST || fd_count > MESSAGE_FDS_MOST)
		return -EMSGSIZE;
	if (fd_count > 0)
		attach_fds(&envelope, &control, fds, fd_count);
	for (;;) {
		int error;

		if (sendmsg(channel, &envelope, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		error = errno;
		if (error == EINTR)
			continue;
		if (error == ECONNRESET || error == ENOTCONN)
			return -EPIPE;
		if (error != EAGAIN && error != ETOOMANYREFS && error != ENOBUFS)
			return -error;
		error = wait_for_room(channel, error, deadline_ms);
		if (error)
			return error;
	}
}

/* Takes over every descriptor that came, whatever else is wrong with the message. */
static int take_fds(struct msghdr *envelope, struct message *ret)
{
	int result = 0;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(envelope); header;
	     header = CMSG_NXTHDR(envelope, header)) {
		const unsigned char *data = CMSG_DATA(header);
		size_t count;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
			result = -EBADMSG;
			continue;
		}
		count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, data + i * sizeof(int), sizeof(fd));
			if (ret->fd_count < MESSAGE_FDS_MOST) {
				ret->fds[ret->fd_count++] = fd;
				continue;
			}
			close(fd);
			result = -EBADMSG;
		}
	}
	return result;
}

int message_receive(int channel, struct message *ret)
{
	struct iovec parts[2] = { { &ret->header, sizeof(ret->header) },
				  { ret->payload, sizeof(ret->payload) } };
	union control_space control;
	struct msghdr envelope = { .msg_iov = parts,
				   .msg_iovlen = 2,
				   .msg_control = control.space,
				   .msg_controllen = sizeof(control.space) };
	ssize_t size;
	int error;

	ret->fd_count = 0;
	do {
		size = recvmsg(channel, &envelope, MSG_CMSG_CLOEXEC);
	} while (size < 0 && errno == EINTR);
	if (size < 0)
		return errno == ECONNRESET ? 0 : -errno;
	error = take_fds(&envelope, ret);
	/* The kernel also cuts the descriptors when this process may open no more. */
	if (envelope.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		error = -EBADMSG;
	if (size == 0 && ret->fd_count == 0 && !error)
		return 0;
	if ((size_t)size < sizeof(ret->header) ||
	    ret->header.size != (size_t)size - sizeof(ret->header))
		error = -EBADMSG;
	if (error) {
		message_close_fds(ret);
		return error;
	}
	return 1;
}

void message_close_fds(struct message *message)
{
	for (size_t i = 0; i < message->fd_count; i++) {
		if (message->fds[i] >= 0)
			close(message->fds[i]);
	}
	message->fd_count = 0;
}

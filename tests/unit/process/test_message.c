/* SPDX-License-Identifier: Apache-2.0 */
/* Messages over a real socket pair: round trips, hostile datagrams, peers that are slow or gone;
 * and the shared region. */
#include "process/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/regions.h"

static struct message message;

static void pair_open(int ends[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void pair_close(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static int send_as(int channel, struct message_header header, const int *fds, size_t fd_count)
{
	static const char payload[MESSAGE_PAYLOAD_MOST + 1] = { 7, 7 };

	return message_send(channel, &header, payload, fds, fd_count);
}

static size_t descriptors_open(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void round_trip(void **state)
{
	int ends[2], fds[MESSAGE_FDS_MOST], pipe_ends[2];
	char byte = 0;

	pair_open(ends);
	assert_int_equal(pipe(pipe_ends), 0);
	for (size_t i = 0; i < MESSAGE_FDS_MOST; i++)
		fds[i] = pipe_ends[1];
	assert_int_equal(message_receive(ends[1], &message), -EAGAIN);
	assert_int_equal(send_as(ends[0],
				 (struct message_header){ MESSAGE_SOCKETS, MESSAGE_PAYLOAD_MOST,
							  UINT64_MAX },
				 fds, MESSAGE_FDS_MOST),
			 0);
	assert_int_equal(send_as(ends[0], (struct message_header){ MESSAGE_LIVE, 0, 9 }, NULL, 0),
			 0);
	assert_int_equal(message_receive(ends[1], &message), 1);
	assert_int_equal(message.header.type, MESSAGE_SOCKETS);
	assert_int_equal(message.header.size, MESSAGE_PAYLOAD_MOST);
	assert_true(message.header.generation == UINT64_MAX);
	assert_memory_equal(message.payload, "\7\7\0", 3);
	assert_int_equal(message.fd_count, MESSAGE_FDS_MOST);
	assert_int_equal(fcntl(message.fds[5], F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(message.fds[MESSAGE_FDS_MOST - 1], "x", 1), 1);
	assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
	message_close_fds(&message);
	assert_int_equal(message.fd_count, 0);
	assert_int_equal(message_receive(ends[1], &message), 1);
	assert_int_equal(message.header.type, MESSAGE_LIVE);
	assert_int_equal(message.fd_count, 0);
	pair_close(pipe_ends);
	pair_close(ends);
}

static void roofs_of_sending(void **state)
{
	int ends[2], fds[MESSAGE_FDS_MOST + 1] = { 0 };

	pair_open(ends);
	assert_int_equal(
		send_as(ends[0],
			(struct message_header){ MESSAGE_LIVE, MESSAGE_PAYLOAD_MOST + 1, 1 }, NULL,
			0),
		-EMSGSIZE);
	assert_int_equal(send_as(ends[0], (struct message_header){ MESSAGE_LIVE, 0, 1 }, fds,
				 MESSAGE_FDS_MOST + 1),
			 -EMSGSIZE);
	pair_close(ends);
}

/* What a peer sends that does not keep to the shape. */
static void raw_send(int channel, const void *data, size_t size, size_t fd_count)
{
	char space[CMSG_SPACE(sizeof(int) * 200)] = { 0 };
	struct iovec part = { (void *)data, size };
	struct msghdr envelope = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *header;

	if (fd_count) {
		envelope.msg_control = space;
		envelope.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		header = CMSG_FIRSTHDR(&envelope);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		/* Descriptor 0, many times. */
	}
	assert_int_equal(sendmsg(channel, &envelope, 0), (ssize_t)size);
}

static void hostile_datagrams(void **state)
{
	char data[sizeof(struct message_header) + MESSAGE_PAYLOAD_MOST + 1] = { 0 };
	struct message_header *header = (struct message_header *)data;
	size_t before;
	int ends[2];

	pair_open(ends);
	before = descriptors_open();
	raw_send(ends[0], data, 5, 3); /* too short for a header */
	assert_int_equal(message_receive(ends[1], &message), -EBADMSG);
	header->size = 4; /* more and less than came */
	raw_send(ends[0], data, sizeof(*header), 2);
	assert_int_equal(message_receive(ends[1], &message), -EBADMSG);
	raw_send(ends[0], data, sizeof(*header) + 5, 2);
	assert_int_equal(message_receive(ends[1], &message), -EBADMSG);
	header->size = MESSAGE_PAYLOAD_MOST + 1; /* too large */
	raw_send(ends[0], data, sizeof(data), 1);
	assert_int_equal(message_receive(ends[1], &message), -EBADMSG);
	header->size = 0; /* too many descriptors */
	raw_send(ends[0], data, sizeof(*header), 200);
	assert_int_equal(message_receive(ends[1], &message), -EBADMSG);
	raw_send(ends[0], data, 0, 1); /* descriptors alone */
	assert_int_equal(message_receive(ends[1], &message), -EBADMSG);
	assert_int_equal(message.fd_count, 0);
	assert_int_equal(descriptors_open(), before);
	raw_send(ends[0], data, sizeof(*header), 0); /* and the channel still works */
	assert_int_equal(message_receive(ends[1], &message), 1);
	pair_close(ends);
}

static void no_descriptors_left(void **state)
{
	struct rlimit limit, small;
	int ends[2], fds[3] = { 0, 0, 0 };

	pair_open(ends);
	assert_int_equal(send_as(ends[0], (struct message_header){ MESSAGE_SOCKETS, 0, 1 }, fds, 3),
			 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	small = limit;
	small.rlim_cur = (rlim_t)(ends[1] > ends[0] ? ends[1] : ends[0]) + 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
	assert_int_equal(message_receive(ends[1], &message), -EBADMSG);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(message.fd_count, 0);
	pair_close(ends);
}

static void peer_is_gone(void **state)
{
	int ends[2];

	pair_open(ends);
	assert_int_equal(send_as(ends[0], (struct message_header){ MESSAGE_LIVE, 0, 1 }, NULL, 0),
			 0);
	close(ends[0]);
	assert_int_equal(message_receive(ends[1], &message), 1); /* what was said before is heard */
	assert_int_equal(message_receive(ends[1], &message), 0);
	assert_int_equal(send_as(ends[1], (struct message_header){ MESSAGE_LIVE, 0, 1 }, NULL, 0),
			 -EPIPE);
	close(ends[1]);
	pair_open(ends); /* the peer left without reading */
	assert_int_equal(send_as(ends[1], (struct message_header){ MESSAGE_LIVE, 0, 1 }, NULL, 0),
			 0);
	close(ends[0]);
	assert_int_equal(message_receive(ends[1], &message), 0);
	close(ends[1]);
}

static void regions_round_trip(void **state)
{
	struct clock_anchor anchor = { .boot_id = "abc", .offset_s = 42 };
	struct regions *made, *opened = NULL;
	int fd;

	assert_int_equal(regions_create(&anchor, 2, &fd, &made), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(regions_open(fd, &opened), 0);
	assert_int_equal(opened->anchor.offset_s, 42);
	atomic_fetch_add(&made->turns[LIMIT_RULES - 1].turn, 3);
	assert_int_equal(atomic_load(&opened->turns[LIMIT_RULES - 1].turn), 3);
	assert_int_equal(ftruncate(fd, 0), -1); /* nobody can make the others fault */
	assert_int_equal(ftruncate(fd, sizeof(struct regions) * 2), -1);
	regions_close(opened);
	made->version++;
	assert_int_equal(regions_open(fd, &opened), -EBADMSG);
	made->version--;
	made->magic++;
	assert_int_equal(regions_open(fd, &opened), -EBADMSG);
	regions_close(made);
	regions_close(NULL);
	close(fd);
}

static void regions_of_others(void **state)
{
	struct regions *regions = NULL;
	int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING), ends[2];

	assert_int_equal(ftruncate(fd, sizeof(struct regions)), 0);
	assert_int_equal(regions_open(fd, &regions), -EBADMSG);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(regions_open(fd, &regions), -EBADMSG);
	close(fd);
	assert_int_equal(regions_open(fd, &regions), -EBADF);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(regions_open(ends[0], &regions), -EBADMSG);
	assert_null(regions);
	pair_close(ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),        cmocka_unit_test(roofs_of_sending),
		cmocka_unit_test(hostile_datagrams), cmocka_unit_test(no_descriptors_left),
		cmocka_unit_test(peer_is_gone),      cmocka_unit_test(regions_round_trip),
		cmocka_unit_test(regions_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

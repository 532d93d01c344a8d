/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls of the proxy's libraries, answered by the simulation. The lowest free descriptor is
 * given out, as the kernel does, so that a descriptor used too late meets another connection.
 */
#include "kernel.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FD_FIRST 1000000
#define FDS 1024
#define WATCHES_REAL 8
#define PIPE_PIECE 65536
#define WALL_AHEAD_S 1700000000 /* the wall clock is ahead of boot time */

struct handle {
	bool is_used;
	struct net_end *end;
	struct net_listener *listener;
	uint32_t watched; /* epoll events, 0 = none */
	void *data;
};

struct real_watch {
	int fd;
	void *data;
};

struct kernel kernel;

static struct handle handles[FDS];
static struct real_watch real_watches[WATCHES_REAL];

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int most, int timeout_ms);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_socket(int family, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap___recv_chk(int fd, void *data, size_t size, size_t room, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
		      unsigned flags);
ssize_t __wrap_sendfile64(int to, int from, off_t *at, size_t size);
int __wrap_shutdown(int fd, int how);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_getrlimit(int what, struct rlimit *ret);

void kernel_begin(void)
{
	kernel = (struct kernel){ .descriptors = 4096 };
	memset(handles, 0, sizeof(handles));
	for (int i = 0; i < WATCHES_REAL; i++)
		real_watches[i].fd = -1;
}

static struct handle *handle_of(int fd)
{
	if (fd < FD_FIRST || fd >= FD_FIRST + FDS)
		return NULL;
	if (!handles[fd - FD_FIRST].is_used)
		sim_fail("descriptor %d is used after it was closed", fd - FD_FIRST);
	return &handles[fd - FD_FIRST];
}

static struct net_end *end_of(int fd)
{
	struct handle *handle = handle_of(fd);

	if (!handle || !handle->end)
		sim_fail("descriptor %d is no connection", fd);
	return handle->end;
}

static int handle_open(struct net_end *end, struct net_listener *listener)
{
	for (int i = 0; i < FDS; i++) {
		if (handles[i].is_used)
			continue;
		handles[i] = (struct handle){ .is_used = true, .end = end, .listener = listener };
		return FD_FIRST + i;
	}
	sim_fail("more than %d descriptors", FDS);
}

int kernel_listen(const struct address *address)
{
	return handle_open(NULL, net_listen(address));
}

unsigned kernel_open_count(void)
{
	unsigned count = 0;

	for (int i = 0; i < FDS; i++)
		count += handles[i].is_used;
	return count;
}

static int fail(int error)
{
	errno = error < 0 ? -error : error;
	return -1;
}

static ssize_t result(ssize_t value)
{
	return value < 0 ? fail((int)value) : value;
}

int __wrap_close(int fd)
{
	struct handle *handle = handle_of(fd);

	if (!handle)
		return __real_close(fd);
	if (handle->listener)
		net_listener_release(handle->listener);
	if (handle->end)
		net_close(handle->end);
	*handle = (struct handle){ 0 };
	return 0;
}

static int real_watch(int operation, int fd, const struct epoll_event *event)
{
	for (int i = 0; i < WATCHES_REAL; i++) {
		bool is_it = operation == EPOLL_CTL_ADD ? real_watches[i].fd < 0
							: real_watches[i].fd == fd;

		if (!is_it)
			continue;
		real_watches[i].fd = operation == EPOLL_CTL_ADD ? fd : -1;
		real_watches[i].data = operation == EPOLL_CTL_ADD ? event->data.ptr : NULL;
		return 0;
	}
	return fail(ENOSPC);
}

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	struct handle *handle = handle_of(fd);

	if (!handle)
		return real_watch(operation, fd, event);
	if (operation == EPOLL_CTL_DEL) {
		handle->watched = 0;
		return 0;
	}
	SIM_MUST(operation == EPOLL_CTL_ADD && !handle->watched);
	handle->watched = event->events;
	handle->data = event->data.ptr;
	if (handle->end)
		handle->end->was_woken = true;
	return 0;
}

static uint32_t end_events(struct net_end *end)
{
	const struct net_lane *in = &end->other->out;
	uint32_t events = 0;

	if (end->connection->state == NET_CONNECTING)
		return 0;
	if (end->is_reset || end->connection->state == NET_FAILED)
		return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | (end->error ? EPOLLERR : 0);
	if (net_readable(end))
		events |= EPOLLIN;
	if (in->end_visible)
		events |= EPOLLIN | EPOLLRDHUP | (end->out.is_finished ? EPOLLHUP : 0);
	if (net_room(end) || end->out.is_finished)
		events |= EPOLLOUT;
	else
		net_want_room(end);
	return events;
}

static uint32_t handle_events(struct handle *handle)
{
	if (!handle->is_used || !handle->watched)
		return 0;
	if (handle->listener)
		return handle->listener->backlog ? EPOLLIN : 0;
	return handle->end->was_woken ? end_events(handle->end) : 0;
}

static int real_events(struct epoll_event *events)
{
	int count = 0;

	for (int i = 0; i < WATCHES_REAL; i++) {
		struct pollfd look = { .fd = real_watches[i].fd, .events = POLLIN };

		if (look.fd < 0 || poll(&look, 1, 0) <= 0 || !(look.revents & POLLIN))
			continue;
		events[count++] =
			(struct epoll_event){ .events = EPOLLIN, .data.ptr = real_watches[i].data };
	}
	return count;
}

/* In any order, and some of them later, when `may_hold_back`. */
static int events_collect(struct epoll_event *events, int most, bool may_hold_back)
{
	int count = real_events(events);

	for (int i = 0; i < FDS && count < most; i++) {
		uint32_t ready = handle_events(&handles[i]);
		int place;

		if (!ready || (may_hold_back && dice_percent(kernel.hold_back_percent)))
			continue;
		if (handles[i].end)
			handles[i].end->was_woken = false;
		place = (int)dice_below((uint32_t)count + 1);
		events[count++] = events[place];
		events[place].events = ready;
		events[place].data.ptr = handles[i].data;
	}
	return count;
}

static void time_go(uint64_t to_ms)
{
	if (to_ms <= sim.now_ms)
		return;
	sim.now_ms = to_ms;
	kernel.waits = 0;
}

static uint64_t drift_to(uint64_t until_ms)
{
	uint64_t to_ms = sim.now_ms + dice_below(20);

	return to_ms < until_ms ? to_ms : until_ms;
}

int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int most, int timeout_ms)
{
	uint64_t until_ms = timeout_ms < 0 ? SIM_NEVER : sim.now_ms + (uint64_t)timeout_ms;

	if (++kernel.waits > 100000)
		sim_fail("the loop turns and turns, and time stands still");
	for (;;) {
		bool moved = false;
		uint64_t next_ms;
		int count;

		for (uint32_t i = dice_below(4); i > 0; i--) {
			kernel.on_step();
			moved |= net_step();
		}
		count = events_collect(events, most, moved);
		if (count || !timeout_ms)
			return count;
		if (dice_percent(kernel.drift_percent))
			time_go(drift_to(until_ms));
		if (moved)
			continue;
		kernel.on_step();
		if (net_step() || net_release_holds())
			continue;
		count = events_collect(events, most, false);
		if (count)
			return count;
		next_ms = net_next_ms();
		if (kernel.next_ms() < next_ms)
			next_ms = kernel.next_ms();
		if (next_ms == SIM_NEVER && kernel.on_idle(until_ms))
			continue;
		if (next_ms == SIM_NEVER && until_ms == SIM_NEVER)
			sim_fail("nobody waits for a time, and nothing can happen");
		time_go(next_ms < until_ms ? next_ms : until_ms);
		if (sim.now_ms >= until_ms)
			return 0;
	}
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	struct net_listener *listener = handle_of(fd)->listener;
	struct net_connection *connection = listener->backlog;
	struct sockaddr_storage storage;

	if (!connection)
		return fail(EAGAIN);
	if (dice_percent(kernel.full_percent))
		return fail(EMFILE);
	listener->backlog = connection->next_waiting;
	*size = address_to_sockaddr(&connection->client, &storage);
	memcpy(address, &storage, *size);
	sim_note("#%u accepted", connection->number);
	return handle_open(&connection->ends[1], NULL);
}

int __wrap_socket(int family, int type, int protocol)
{
	return dice_percent(kernel.full_percent) ? fail(EMFILE) : handle_open(NULL, NULL);
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
	static const struct address ours = { .ip = { 10, 9, 9, 9 },
					     .port = 1000,
					     .family = ADDRESS_IPV4 };
	struct handle *handle = handle_of(fd);
	struct sockaddr_storage storage = { 0 };
	struct address target;
	int error;

	memcpy(&storage, address, size);
	SIM_MUST(address_from_sockaddr(&storage, &target) == 0);
	error = net_connect(&ours, &target, true, &handle->end);
	return fail(error ? error : EINPROGRESS);
}

ssize_t __wrap_recv(int fd, void *data, size_t size, int flags)
{
	struct net_end *end = end_of(fd);

	if (flags & MSG_PEEK && net_readable(end))
		return 1; /* nobody looks at the byte */
	if (flags & MSG_PEEK)
		return end->is_reset || end->other->out.end_visible ? 0 : fail(EAGAIN);
	return result(net_read(end, data, size));
}

ssize_t __wrap___recv_chk(int fd, void *data, size_t size, size_t room, int flags)
{
	SIM_MUST(size <= room);
	return __wrap_recv(fd, data, size, flags);
}

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
	return result(net_write(end_of(fd), data, size));
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	size_t sum = 0;

	for (size_t i = 0; i < message->msg_iovlen; i++) {
		const struct iovec *part = &message->msg_iov[i];
		ssize_t put;

		if (!part->iov_len)
			continue;
		put = net_write(end_of(fd), part->iov_base, part->iov_len);
		if (put < 0)
			return sum ? (ssize_t)sum : result(put);
		sum += (size_t)put;
		if ((size_t)put < part->iov_len)
			break;
	}
	return (ssize_t)sum;
}

static ssize_t splice_in(struct net_end *end, int pipe_fd, size_t size)
{
	static char piece[PIPE_PIECE];
	ssize_t got = net_read(end, piece, size < sizeof(piece) ? size : sizeof(piece));

	if (got > 0)
		SIM_MUST(write(pipe_fd, piece, (size_t)got) == got);
	return result(got);
}

static ssize_t splice_out(int pipe_fd, struct net_end *end, size_t size)
{
	static char piece[PIPE_PIECE];
	size_t room = net_room(end);
	ssize_t got;

	/* Asked first: what left the pipe must find its place. */
	if (end->is_reset || end->out.is_finished || !room)
		return result(net_write(end, "", 1));
	if (size > room)
		size = room;
	got = read(pipe_fd, piece, size < sizeof(piece) ? size : sizeof(piece));
	if (got <= 0)
		return got;
	for (ssize_t put = 0; put < got;) {
		ssize_t part = net_write(end, piece + put, (size_t)(got - put));

		if (part > 0)
			put += part;
		else if (end->out.hold_write != SIM_NEVER)
			end->out.hold_write = SIM_NEVER; /* no shortage in the middle of this */
		else
			sim_fail("spliced bytes found no room");
	}
	return got;
}

ssize_t __wrap_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
		      unsigned flags)
{
	return handle_of(from) ? splice_in(end_of(from), to, size)
			       : splice_out(from, end_of(to), size);
}

ssize_t __wrap_sendfile64(int to, int from, off_t *at, size_t size)
{
	static char piece[PIPE_PIECE];
	ssize_t got = pread(from, piece, size < sizeof(piece) ? size : sizeof(piece), *at);

	if (got > 0)
		got = net_write(end_of(to), piece, (size_t)got);
	if (got > 0)
		*at += got;
	return result(got);
}

int __wrap_shutdown(int fd, int how)
{
	SIM_MUST(how == SHUT_WR);
	net_finish(end_of(fd));
	return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	struct net_end *end = end_of(fd);

	SIM_MUST(level == SOL_SOCKET && name == SO_ERROR);
	*(int *)value = end->error;
	end->error = 0;
	return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	if (level == SOL_SOCKET && name == SO_LINGER)
		end_of(fd)->aborts = true;
	return 0;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
	ret->tv_sec = (time_t)(sim.now_ms / 1000) + (id == CLOCK_REALTIME ? WALL_AHEAD_S : 0);
	ret->tv_nsec = (long)(sim.now_ms % 1000) * 1000000;
	return 0;
}

int __wrap_getrlimit(int what, struct rlimit *ret)
{
	*ret = (struct rlimit){ .rlim_cur = kernel.descriptors, .rlim_max = kernel.descriptors };
	return 0;
}

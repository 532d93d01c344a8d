/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop on epoll(7). Each struct io belongs to one thread, which is the only one to call
 * anything here with it. Owns the epoll descriptor and nothing else.
 */
#include "io/io.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_A_TURN \
	256 /* more wait for the next turn: bounds the time between two reads of the clock */

struct io {
	int epoll_fd;
	int event_count;
	struct list again; /* sources to be called without an event */
	struct epoll_event events[EVENTS_A_TURN];
};

struct io *io_new(void)
{
	struct io *io = calloc(1, sizeof(*io));

	if (!io)
		return NULL;
	list_init(&io->again);
	io->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (io->epoll_fd < 0)
		return io_free(io);
	return io;
}

struct io *io_free(struct io *io)
{
	if (!io)
		return NULL;
	if (io->epoll_fd >= 0)
		close(io->epoll_fd);
	free(io);
	return NULL;
}

void io_source_init(struct io_source *source, int fd, void (*on_ready)(struct io_source *source))
{
	*source = (struct io_source){ .fd = fd, .on_ready = on_ready };
	list_init(&source->again);
}

static int source_add(struct io *io, struct io_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0 ? -errno : 0;
}

int io_add_stream(struct io *io, struct io_source *source)
{
	return source_add(io, source, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int io_add_reader(struct io *io, struct io_source *source)
{
	return source_add(io, source, EPOLLIN);
}

static void source_forget(struct io *io, struct io_source *source)
{
	list_remove(&source->again);
	source->is_queued = false;
	/* Events of this source that were fetched but not handed out yet must not reach it. */
	for (int i = 0; i < io->event_count; i++) {
		if (io->events[i].data.ptr == source)
			io->events[i].data.ptr = NULL;
	}
}

void io_remove(struct io *io, struct io_source *source)
{
	if (source->fd < 0)
		return;
	epoll_ctl(io->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source_forget(io, source);
}

void io_again(struct io *io, struct io_source *source)
{
	if (source->fd < 0 || source->is_queued)
		return;
	source->is_queued = true;
	list_append(&io->again, &source->again);
}

void io_close(struct io *io, struct io_source *source)
{
	if (source->fd < 0)
		return;
	list_remove(&source->again);
	source->is_queued = false;
	/* The last close takes it out of epoll; a pending event finds fd -1. */
	close(source->fd);
	source->fd = -1;
}

int io_wait(struct io *io, int timeout_ms)
{
	int count;

	if (!list_is_empty(&io->again))
		timeout_ms = 0;
	count = epoll_wait(io->epoll_fd, io->events, EVENTS_A_TURN, timeout_ms);
	io->event_count = count > 0 ? count : 0;
	return count < 0 && errno != EINTR ? -errno : 0;
}

static void source_call(struct io_source *source, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		source->is_readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		source->is_writable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		source->is_ended = true;
	/* Not EPOLLHUP: that also comes when both sides ended in order, with bytes still to be
	 * read. */
	if (events & EPOLLERR)
		source->is_broken = true;
	source->on_ready(source);
}

void io_turn(struct io *io)
{
	struct list queued;

	/* Those that asked before this turn; whoever asks during it waits for the next. */
	list_init(&queued);
	while (!list_is_empty(&io->again)) {
		struct list *link = io->again.next;

		list_remove(link);
		list_append(&queued, link);
	}
	for (int i = 0; i < io->event_count; i++) {
		struct io_source *source = io->events[i].data.ptr;

		if (source && source->fd >= 0)
			source_call(source, io->events[i].events);
	}
	io->event_count = 0;
	while (!list_is_empty(&queued)) {
		struct io_source *source = list_entry(queued.next, struct io_source, again);

		list_remove(&source->again);
		source->is_queued = false;
		source->on_ready(source);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepting. The registry is shared and locked; everything else runs on one worker's thread. At the
 * roof of connections or descriptors accepting pauses, clients wait in the backlog, and it goes on
 * by itself.
 */
#include "proxy/listener.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/words.h"
#include "process/log.h"
#include "proxy/admission.h"
#include "proxy/connection.h"
#include "proxy/tcp.h"
#include "proxy/udp.h"
#include "proxy/worker.h"

#define ACCEPTS_A_TURN 64 /* then the loop looks at the others */
#define ACCEPTS_AT_END 65536 /* the longest backlog there is */
#define PAUSE_MS 100

struct waiting_socket {
	struct list link;
	uint64_t listener;
	uint64_t sequence; /* 0 = not delivered yet */
	uint32_t worker;
	int fd;
};

struct sockets {
	pthread_mutex_t lock;
	struct list waiting;
};

struct sockets *sockets_new(void)
{
	struct sockets *sockets = calloc(1, sizeof(*sockets));

	if (!sockets)
		return NULL;
	pthread_mutex_init(&sockets->lock, NULL);
	list_init(&sockets->waiting);
	return sockets;
}

static void waiting_free(struct waiting_socket *waiting)
{
	list_remove(&waiting->link);
	if (waiting->fd >= 0)
		close(waiting->fd);
	free(waiting);
}

struct sockets *sockets_free(struct sockets *sockets)
{
	struct list *link;

	if (!sockets)
		return NULL;
	link = sockets->waiting.next;
	while (link != &sockets->waiting) {
		struct waiting_socket *waiting = list_entry(link, struct waiting_socket, link);

		link = link->next;
		waiting_free(waiting);
	}
	pthread_mutex_destroy(&sockets->lock);
	free(sockets);
	return NULL;
}

int sockets_put(struct sockets *sockets, uint64_t listener, uint32_t worker, int fd)
{
	struct waiting_socket *waiting = calloc(1, sizeof(*waiting));

	if (!waiting) {
		close(fd);
		return -ENOMEM;
	}
	waiting->listener = listener;
	waiting->worker = worker;
	waiting->fd = fd;
	pthread_mutex_lock(&sockets->lock);
	list_append(&sockets->waiting, &waiting->link);
	pthread_mutex_unlock(&sockets->lock);
	return 0;
}

void sockets_deliver(struct sockets *sockets, uint64_t sequence)
{
	pthread_mutex_lock(&sockets->lock);
	for (struct list *link = sockets->waiting.next; link != &sockets->waiting;
	     link = link->next) {
		struct waiting_socket *waiting = list_entry(link, struct waiting_socket, link);

		if (!waiting->sequence)
			waiting->sequence = sequence;
	}
	pthread_mutex_unlock(&sockets->lock);
}

static void socket_close(struct proxy_listener *listener)
{
	if (listener->source.fd < 0)
		return;
	io_close(listener->worker->io, &listener->source);
	descriptors_count(listener->worker->descriptors, -1);
}

void listener_unreference(struct proxy_listener *listener)
{
	if (--listener->references)
		return;
	socket_close(listener);
	list_remove(&listener->link);
	list_remove(&listener->pause_link);
	free(listener);
}

static void listener_pause(struct proxy_listener *listener)
{
	struct worker *worker = listener->worker;

	counter_add(&worker->counters[listener->slot], COUNTER_ACCEPT_PAUSED, 1);
	io_remove(worker->io, &listener->source);
	list_append(&worker->paused, &listener->pause_link);
	if (!worker->pause_timer.deadline_ms)
		timer_set(&worker->wheel, &worker->pause_timer, worker->now_ms + PAUSE_MS);
}

void listeners_resume(struct worker *worker)
{
	if (!descriptors_have_room(worker->descriptors)) {
		timer_set(&worker->wheel, &worker->pause_timer, worker->now_ms + PAUSE_MS);
		return;
	}
	while (!list_is_empty(&worker->paused)) {
		struct proxy_listener *listener =
			list_entry(worker->paused.next, struct proxy_listener, pause_link);

		list_remove(&listener->pause_link);
		if (listener->source.fd >= 0 && io_add_reader(worker->io, &listener->source) < 0) {
			listener_pause(listener);
			return;
		}
	}
}

/* One connection taken: 0; none waits or no room: a negative errno that ends the round. */
static int listener_accept(struct proxy_listener *listener)
{
	struct worker *worker = listener->worker;
	struct stream stream;
	struct address peer;
	int result;

	if (!descriptors_have_room(worker->descriptors))
		worker_shed(worker);
	if (!descriptors_have_room(worker->descriptors))
		return -EMFILE;
	result = stream_accept(listener->source.fd, &stream, &peer);
	if (result < 0)
		return result;
	if (admission_refuses(listener, &peer)) {
		stream_abort(&stream);
		io_close(worker->io, &stream.source);
		return 0;
	}
	if (listener->protocol == PROTOCOL_TCP) {
		tcp_open(worker, listener, &stream, &peer);
		return 0;
	}
	counter_add(&worker->counters[listener->slot], COUNTER_CONNECTIONS, 1);
	connection_open(worker, listener, &stream, &peer);
	return 0;
}

static bool is_out_of_room(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

static void listener_ready(struct io_source *source)
{
	struct proxy_listener *listener = list_entry(source, struct proxy_listener, source);

	if (listener->protocol == PROTOCOL_UDP) {
		udp_ready(listener);
		return;
	}
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int result = listener_accept(listener);

		if (result == -EAGAIN)
			return;
		if (is_out_of_room(result)) {
			listener_pause(listener);
			return;
		}
		/* Any other error was that one connection's: it broke while it waited. */
	}
}

static void listener_open(struct worker *worker, uint64_t number, int fd)
{
	struct proxy_listener *listener = calloc(1, sizeof(*listener));

	stream_prepare_listening(fd);
	if (listener) {
		io_source_init(&listener->source, fd, listener_ready);
		list_init(&listener->link);
		list_init(&listener->pause_link);
		list_init(&listener->connections);
		listener->worker = worker;
		listener->number = number;
		listener->references = 1;
	}
	if (!listener || io_add_reader(worker->io, &listener->source) < 0) {
		/* A generation that says it is live while nobody listens would be a lie: the keeper
		 * starts us anew, and gives the generation up if that does not help. */
		log_event(LOG_LEVEL_ERROR, "listener_not_opened", "listener",
			  log_number((int64_t)number), "error", log_errno(errno), NULL);
		abort();
	}
	list_append(&worker->listeners, &listener->link);
	descriptors_count(worker->descriptors, 1);
}

struct proxy_listener *listener_successor(const struct proxy_listener *listener)
{
	const struct worker *worker = listener->worker;

	for (struct list *link = worker->listeners.next; link != &worker->listeners;
	     link = link->next) {
		struct proxy_listener *other = list_entry(link, struct proxy_listener, link);

		/* UDP has a port space of its own. A closed one may have its row back: it was
		 * stopped, and started again. */
		if (!other->is_closed && other->row != SNAPSHOT_NONE &&
		    other->protocol != PROTOCOL_UDP &&
		    address_equal(&other->address, &listener->address))
			return other;
	}
	return NULL;
}

/*
 * Who stands in the backlog came before the end: served, not reset. When another listener has the
 * same address now, the keeper gave it the same socket, and the backlog is its own.
 */
static void listener_close(struct proxy_listener *listener)
{
	/* Deleted before this worker ever saw it: nobody was promised anything. */
	bool was_live = listener->protocol != 0;
	bool is_udp = listener->protocol == PROTOCOL_UDP;

	if (listener->is_closed)
		return;
	for (int i = 0; was_live && !is_udp && i < ACCEPTS_AT_END && !listener_successor(listener);
	     i++) {
		int result = listener_accept(listener);

		if (result == -EAGAIN || is_out_of_room(result))
			break;
	}
	listener->is_closed = true;
	list_remove(&listener->pause_link);
	/* The keeper holds the same socket, so closing our descriptor does not take it out of
	 * epoll. */
	io_remove(listener->worker->io, &listener->source);
	if (is_udp)
		udp_close(listener);
	else
		socket_close(listener);
	listener_unreference(listener);
}

void listeners_close(struct worker *worker)
{
	struct list *link = worker->listeners.next;

	while (link != &worker->listeners) {
		struct proxy_listener *listener = list_entry(link, struct proxy_listener, link);

		link = link->next;
		listener_close(listener);
	}
}

static struct proxy_listener *listener_find(struct worker *worker, uint64_t number)
{
	for (struct list *link = worker->listeners.next; link != &worker->listeners;
	     link = link->next) {
		struct proxy_listener *listener = list_entry(link, struct proxy_listener, link);

		if (listener->number == number && !listener->is_closed)
			return listener;
	}
	return NULL;
}

/* Takes this worker's share of the sockets delivered up to `sequence`. */
static void sockets_take(struct worker *worker, uint64_t sequence)
{
	struct sockets *sockets = worker->sockets;
	struct list *link;

	pthread_mutex_lock(&sockets->lock);
	link = sockets->waiting.next;
	while (link != &sockets->waiting) {
		struct waiting_socket *waiting = list_entry(link, struct waiting_socket, link);

		link = link->next;
		if (waiting->worker != worker->index || !waiting->sequence ||
		    waiting->sequence > sequence)
			continue;
		if (!listener_find(worker, waiting->listener)) {
			listener_open(worker, waiting->listener, waiting->fd);
			waiting->fd = -1;
		}
		waiting_free(waiting);
	}
	pthread_mutex_unlock(&sockets->lock);
}

struct numbered_row {
	uint64_t number;
	uint32_t row;
};

static int numbered_compare(const void *a, const void *b)
{
	const struct numbered_row *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static void listener_set_row(struct proxy_listener *listener, const struct snapshot *snapshot,
			     const struct numbered_row *rows)
{
	struct numbered_row key = { .number = listener->number };
	const struct numbered_row *found =
		bsearch(&key, rows, snapshot->listener_count, sizeof(*rows), numbered_compare);
	const struct snapshot_listener *row;

	listener->row = found ? found->row : SNAPSHOT_NONE;
	if (!found)
		return;
	row = &snapshot->listeners[found->row];
	listener->slot = row->slot;
	listener->protocol = row->protocol;
	listener->address = row->address;
	admission_adopt(listener, snapshot);
	listener->port_size = (uint8_t)snprintf(listener->port_text, sizeof(listener->port_text),
						"%u", listener->address.port);
	address_format(&listener->address, listener->host_text);
}

/* Rows of another generation would be read, or nobody would: the keeper starts us anew. */
static _Noreturn void out_of_memory(const char *doing)
{
	log_event(LOG_LEVEL_ERROR, "out_of_memory", "doing", doing, NULL);
	abort();
}

void listeners_adopt(struct worker *worker, uint64_t sequence)
{
	const struct snapshot *snapshot = &worker->current->generation->snapshot;
	struct numbered_row *rows = calloc(snapshot->listener_count + 1, sizeof(*rows));
	struct list *link;

	if (!rows)
		out_of_memory("listeners_adopt");
	for (uint32_t i = 0; i < snapshot->listener_count; i++)
		rows[i] = (struct numbered_row){ snapshot->listeners[i].number, i };
	qsort(rows, snapshot->listener_count, sizeof(*rows), numbered_compare);
	sockets_take(worker, sequence);
	for (link = worker->listeners.next; link != &worker->listeners; link = link->next) {
		struct proxy_listener *listener = list_entry(link, struct proxy_listener, link);

		listener_set_row(listener, snapshot, rows);
		if (listener->row != SNAPSHOT_NONE && listener->protocol == PROTOCOL_UDP &&
		    !listener->udp && udp_open(worker, listener) < 0)
			out_of_memory("udp_open");
	}
	free(rows);
	link = worker->listeners.next;
	while (link != &worker->listeners) {
		struct proxy_listener *listener = list_entry(link, struct proxy_listener, link);

		link = link->next;
		if (listener->row == SNAPSHOT_NONE)
			listener_close(listener);
	}
}

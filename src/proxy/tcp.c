/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a TCP connection at layer 4, from accept to close. Runs on the worker's thread that
 * accepted it; nobody else touches it.
 */
#include "proxy/tcp.h"

#include <errno.h>
#include <stdlib.h>

#include "model/words.h"
#include "proxy/meter.h"
#include "proxy/tcp_connection.h"
#include "proxy/worker.h"

/* A peer that vanished without a word is noticed by probes, long before the idle timeout. They cost
 * system calls, so connections that end soon do without. */
#define PROBES_AFTER_MS 60000

/* How the two ends are closed. */
enum farewell { FAREWELL_FINISH, FAREWELL_RESET };

static void target_close(struct tcp_connection *connection)
{
	if (connection->target.source.fd < 0)
		return;
	io_close(connection->worker->io, &connection->target.source);
	descriptors_count(connection->worker->descriptors, -1);
}

/* The one place of death. */
static void tcp_end(struct tcp_connection *connection, enum farewell farewell, enum counter why)
{
	struct worker *worker = connection->worker;

	if (connection->state == TCP_CLOSED)
		return;
	connection->state = TCP_CLOSED;
	counter_add(&worker->counters[connection->listener->slot], why, 1);
	if (farewell == FAREWELL_RESET) {
		stream_abort(&connection->client);
		if (connection->target.source.fd >= 0)
			stream_abort(&connection->target);
	}
	tcp_lanes_done(connection);
	timer_done(&worker->wheel, &connection->timer);
	io_close(worker->io, &connection->client.source);
	target_close(connection);
	list_remove(&connection->link);
	pin_end(worker, connection->listener, &connection->client_address, &connection->pin);
	listener_leave(worker, connection->listener);
	listener_unreference(connection->listener);
	worker_count(worker, -1);
	worker_bury(worker, &connection->grave, connection);
}

void tcp_set_timer(struct tcp_connection *connection)
{
	uint64_t deadline_ms = connection->moved_ms + connection->listener->tcp.idle_timeout_ms;

	if (!connection->has_probes && connection->moved_ms + PROBES_AFTER_MS < deadline_ms)
		deadline_ms = connection->moved_ms + PROBES_AFTER_MS;
	if (connection->cut && connection->cut_ms < deadline_ms)
		deadline_ms = connection->cut_ms;
	timer_set(&connection->worker->wheel, &connection->timer, deadline_ms);
}

static bool is_broken(const struct stream *stream)
{
	return stream->source.is_broken;
}

/* Both sides were dealt with as far as possible. */
static void tcp_settle(struct tcp_connection *connection)
{
	if (is_broken(&connection->target)) {
		meter_flow(connection->worker, connection->listener, &connection->pin,
			   TRAFFIC_TARGET_RESETS);
		tcp_end(connection, FAREWELL_RESET, COUNTER_TARGET_RESET);
	} else if (is_broken(&connection->client)) {
		tcp_end(connection, FAREWELL_RESET, COUNTER_CLIENT_RESET);
	} else {
		tcp_end(connection, FAREWELL_FINISH, COUNTER_L4_CLOSED);
	}
}

static void tcp_run(struct tcp_connection *connection);

static void client_ready(struct io_source *source)
{
	tcp_run(list_entry(source, struct tcp_connection, client.source));
}

static void target_ready(struct io_source *source)
{
	tcp_run(list_entry(source, struct tcp_connection, target.source));
}

/* Begins the handshake. -errno. */
static int target_connect(struct tcp_connection *connection, const struct address *address)
{
	struct worker *worker = connection->worker;
	int result = stream_connect(address, &connection->target);

	if (result == -EMFILE || result == -ENFILE) {
		worker_shed(worker);
		result = stream_connect(address, &connection->target);
	}
	if (result < 0)
		return result;
	connection->target.source.on_ready = target_ready;
	descriptors_count(worker->descriptors, 1);
	result = io_add_stream(worker->io, &connection->target.source);
	if (result < 0)
		target_close(connection);
	return result;
}

/* This try's target could not be reached. */
static void target_failed(struct tcp_connection *connection, int error)
{
	struct counters *counters = &connection->worker->counters[connection->listener->slot];

	target_close(connection);
	counter_add(counters,
		    error == -ETIMEDOUT ? COUNTER_CONNECT_TIMEOUT : COUNTER_CONNECT_FAILED, 1);
	meter_flow(connection->worker, connection->listener, &connection->pin,
		   error == -ETIMEDOUT ? TRAFFIC_CONNECT_TIMEOUT : TRAFFIC_CONNECT_FAILED);
	connection->state = TCP_CHOOSING;
}

static void tcp_choose(struct tcp_connection *connection)
{
	struct worker *worker = connection->worker;
	const struct snapshot *snapshot = &worker->current->generation->snapshot;
	uint32_t row = SNAPSHOT_NONE;
	int result;

	if (connection->listener->row != SNAPSHOT_NONE)
		row = pin_choose(worker, connection->listener, &connection->client_address,
				 &connection->tries, &connection->pin);
	if (row == SNAPSHOT_NONE) {
		tcp_end(connection, FAREWELL_RESET, COUNTER_L4_NOT_CONNECTED);
		return;
	}
	result = target_connect(connection, &snapshot->targets[row].address);
	if (result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS) {
		/* Our want, not the target's fault: the others would fare no better. */
		tcp_end(connection, FAREWELL_RESET, COUNTER_L4_NOT_CONNECTED);
		return;
	}
	if (result < 0) {
		target_failed(connection, result);
		return;
	}
	connection->state = TCP_CONNECTING;
	timer_set(&worker->wheel, &connection->timer, worker->now_ms + L4_CONNECT_TIMEOUT_MS);
}

/* False: the handshake goes on. */
static bool tcp_connect(struct tcp_connection *connection)
{
	const struct worker *worker = connection->worker;
	int result;

	if (is_broken(&connection->client)) {
		tcp_end(connection, FAREWELL_RESET, COUNTER_CLIENT_RESET);
		return true;
	}
	if (is_broken(&connection->target)) {
		result = stream_connected(&connection->target);
		target_failed(connection, result < 0 ? result : -ECONNRESET);
		return true;
	}
	/* A handshake that failed is reported as broken, so room to write says that it did not. */
	if (!connection->target.source.is_writable)
		return false;
	connection->state = TCP_RELAYING;
	connection->moved_ms = worker->now_ms;
	tcp_set_timer(connection);
	if (tcp_put_header(connection) < 0)
		tcp_end(connection, FAREWELL_RESET, COUNTER_L4_NOT_CONNECTED);
	return true;
}

static void tcp_run(struct tcp_connection *connection)
{
	for (;;) {
		switch (connection->state) {
		case TCP_CHOOSING:
			tcp_choose(connection);
			break;
		case TCP_CONNECTING:
			if (!tcp_connect(connection))
				return;
			break;
		case TCP_RELAYING:
			if (tcp_move(connection))
				return;
			tcp_settle(connection);
			break;
		default:
			return;
		}
	}
}

static void relaying_fire(struct tcp_connection *connection)
{
	uint64_t now_ms = connection->worker->now_ms;

	if (connection->cut && connection->cut_ms <= now_ms) {
		tcp_end(connection, FAREWELL_RESET,
			connection->cut == TCP_CUT_DEREGISTERED ? COUNTER_L4_DEREGISTERED
								: COUNTER_L4_RESCHEDULED);
		return;
	}
	if (connection->moved_ms + connection->listener->tcp.idle_timeout_ms <= now_ms) {
		tcp_end(connection, FAREWELL_RESET, COUNTER_L4_IDLE);
		return;
	}
	if (!connection->has_probes) {
		stream_keep_probing(&connection->client);
		stream_keep_probing(&connection->target);
		connection->has_probes = true;
	}
	tcp_set_timer(connection);
}

static void tcp_fire(struct timer *timer)
{
	struct tcp_connection *connection = list_entry(timer, struct tcp_connection, timer);

	if (connection->state == TCP_RELAYING) {
		relaying_fire(connection);
	} else if (connection->state == TCP_CONNECTING) {
		target_failed(connection, -ETIMEDOUT);
		tcp_run(connection);
	}
}

static void stream_refuse(struct worker *worker, const struct stream *stream)
{
	struct stream refused = *stream;

	stream_abort(&refused);
	io_close(worker->io, &refused.source);
}

/* Who came through a deleted listener belongs to the one that has its address now. NULL: none
 * has. */
static struct proxy_listener *listener_of_now(struct proxy_listener *listener)
{
	if (listener->row == SNAPSHOT_NONE)
		listener = listener_successor(listener);
	return listener && listener->protocol == PROTOCOL_TCP ? listener : NULL;
}

void tcp_open(struct worker *worker, struct proxy_listener *accepted_by,
	      const struct stream *stream, const struct address *client)
{
	struct proxy_listener *listener = listener_of_now(accepted_by);
	struct tcp_connection *connection;

	if (!listener || listener_enter(worker, listener) != 0) {
		stream_refuse(worker, stream);
		return;
	}
	connection = calloc(1, sizeof(*connection));
	if (!connection) {
		listener_leave(worker, listener);
		stream_refuse(worker, stream);
		return;
	}
	io_source_init(&connection->client.source, stream->source.fd, client_ready);
	io_source_init(&connection->target.source, -1, target_ready);
	timer_init(&connection->timer, tcp_fire);
	list_init(&connection->link);
	connection->worker = worker;
	connection->listener = listener;
	connection->client_address = *client;
	connection->state = TCP_CHOOSING;
	listener->references++;
	list_append(&listener->connections, &connection->link);
	worker_count(worker, 1);
	/* What waits to be read is reported before the target is connected. */
	connection->client.source.is_writable = true;
	if (io_add_stream(worker->io, &connection->client.source) < 0) {
		tcp_end(connection, FAREWELL_RESET, COUNTER_L4_NOT_CONNECTED);
		return;
	}
	tcp_run(connection);
}

void tcp_close_all(struct worker *worker)
{
	struct list *link = worker->listeners.next;

	while (link != &worker->listeners) {
		struct proxy_listener *listener = list_entry(link, struct proxy_listener, link);
		bool is_last = false;

		link = link->next;
		/* The last one may take the listener with it. */
		while (!is_last && listener->protocol == PROTOCOL_TCP &&
		       !list_is_empty(&listener->connections)) {
			struct list *first = listener->connections.next;

			is_last = first->next == &listener->connections;
			tcp_end(list_entry(first, struct tcp_connection, link), FAREWELL_RESET,
				COUNTER_L4_STOPPED);
		}
	}
}

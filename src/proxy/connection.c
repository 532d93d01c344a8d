/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client connection's life from accept to close, and the reading of heads. Runs on the worker's
 * thread that accepted it; nobody else touches it.
 */
#include "proxy/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/pin.h"

/* The parsers may not see model/limits.h; here both can be seen. */
_Static_assert(HTTP_FIELDS_ROOM == HTTP_FIELDS_MOST, "fields");
_Static_assert(HTTP_TARGET_ROOM == HTTP_TARGET_MOST, "target");
_Static_assert(HTTP_CHUNK_LINE_ROOM == HTTP_CHUNK_LINE_MOST, "chunk line");
_Static_assert(HTTP_TRAILER_ROOM == HTTP_TRAILER_MOST, "trailers");

#define STEPS_A_TURN 32 /* a pipelining client waits its turn */
#define DRAIN_MS 5000 /* how long a client may take to notice our end */
#define DRAIN_MOST 65536 /* bytes dropped in one go */
#define NEWCOMER_MS 1000 /* at a graceful end: for first bytes, and for clients to leave */

static void client_ready(struct io_source *source)
{
	connection_run(list_entry(source, struct connection, stream.source));
}

/* Row 0 for who came through a listener that is deleted. */
static const struct snapshot_http *listener_http(const struct connection *connection)
{
	const struct snapshot *snapshot = &connection->worker->current->generation->snapshot;
	uint32_t row = connection->listener->row;

	return &snapshot->https[row == SNAPSHOT_NONE ? 0 : snapshot->listeners[row].http];
}

static void wait_ms(struct connection *connection, uint64_t timeout_ms)
{
	struct worker *worker = connection->worker;

	timer_set(&worker->wheel, &connection->timer, worker->now_ms + timeout_ms);
}

static void wait_for_head(struct connection *connection)
{
	wait_ms(connection, listener_http(connection)->header_timeout_ms);
}

static void wait_for_request(struct connection *connection)
{
	wait_ms(connection, listener_http(connection)->keepalive_timeout_ms);
}

static void drain_begin(struct connection *connection)
{
	stream_finish(&connection->stream);
	connection->state = CONNECTION_DRAINING;
	wait_ms(connection, connection->worker->is_stopping ? NEWCOMER_MS : DRAIN_MS);
}

static void client_fire(struct timer *timer)
{
	struct connection *connection = list_entry(timer, struct connection, timer);
	enum step step = STEP_CLOSE;

	switch (connection->state) {
	case CONNECTION_ACCEPTED:
	case CONNECTION_REQUEST:
		/* A browser's spare connection says nothing and gets nothing; a head cut short gets
		 * its 408. */
		if (connection->has_begun)
			step = answer_send(connection, CAUSE_SLOW_HEAD);
		else
			connection_count(connection, COUNTER_HTTP_KEEPALIVE_TIMEOUT);
		break;
	case CONNECTION_BUFFERING:
	case CONNECTION_CONNECTING:
	case CONNECTION_EXCHANGING:
		step = exchange_client_timeout(connection->exchange);
		break;
	default:
		break;
	}
	if (step == STEP_CLOSE)
		connection_close(connection);
	else if (step == STEP_AGAIN)
		connection_run(connection);
}

void connection_open(struct worker *worker, struct proxy_listener *listener,
		     const struct stream *stream, const struct address *peer)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection) {
		struct stream lost = *stream;

		io_close(worker->io, &lost.source);
		return;
	}
	connection->stream = *stream;
	io_source_init(&connection->stream.source, stream->source.fd, client_ready);
	connection->stream.source.is_readable = true;
	connection->stream.source.is_writable = true;
	if (io_add_stream(worker->io, &connection->stream.source) < 0) {
		io_close(worker->io, &connection->stream.source);
		free(connection);
		return;
	}
	timer_init(&connection->timer, client_fire);
	connection->worker = worker;
	connection->listener = listener;
	listener->references++;
	listener_join(worker, listener);
	list_append(&worker->connections, &connection->link);
	worker_count(worker, 1);
	connection->ip_size = (uint8_t)address_format_ip(peer, connection->ip_text);
	account_open(connection, peer->port);
	connection->state = CONNECTION_ACCEPTED;
	connection->is_last = worker->is_stopping;
	wait_for_head(connection);
	connection_run(connection);
}

/* Part of an answer is out whose end only the connection's end tells: an orderly one would lie. */
static bool is_cut(const struct exchange *exchange)
{
	return exchange && exchange->has_response && !exchange->is_tunnel &&
	       exchange->response.framing_out == HTTP_UNTIL_CLOSE &&
	       !transfer_is_done(&exchange->response);
}

void connection_close(struct connection *connection)
{
	struct worker *worker = connection->worker;

	if (connection->state == CONNECTION_CLOSED)
		return;
	connection->state = CONNECTION_CLOSED;
	if (is_cut(connection->exchange))
		stream_abort(&connection->stream);
	exchange_end(connection->exchange);
	connection->input = buffer_give(&worker->buffers, connection->input);
	timer_done(&worker->wheel, &connection->timer);
	io_close(worker->io, &connection->stream.source);
	list_remove(&connection->link);
	listener_leave(worker, connection->listener);
	listener_unreference(connection->listener);
	worker_count(worker, -1);
	worker_bury(worker, &connection->grave, connection);
}

/* client_header_buffer_size: one that asks for more than a small buffer gets a large one at once.
 */
static size_t first_size(const struct connection *connection)
{
	uint32_t asked = listener_http(connection)->head_buffer_size;

	return asked < HTTP_HEAD_MOST ? asked : HTTP_HEAD_MOST;
}

/* Room for the rest of a head. */
static int input_prepare(struct connection *connection)
{
	struct buffer_stock *stock = &connection->worker->buffers;

	if (!connection->input) {
		connection->input = buffer_take(stock, first_size(connection));
		return connection->input ? 0 : -ENOMEM;
	}
	if (buffer_room(connection->input))
		return 0;
	if (connection->input->begin > BUFFER_FRONT) {
		buffer_compact(connection->input);
		return 0;
	}
	return buffer_grow(stock, &connection->input);
}

/* What the bytes read so far amount to. STEP_WAIT: more are needed. */
static enum step input_look(struct connection *connection)
{
	struct worker *worker = connection->worker;
	struct buffer *input = connection->input;
	int size;
	int status;

	input->begin += (uint32_t)http_skip_empty_lines(buffer_at(input), buffer_used(input),
							&connection->scan);
	if (!buffer_used(input)) {
		input->begin = input->end = BUFFER_FRONT;
		return STEP_WAIT;
	}
	if (!connection->has_begun) {
		connection->has_begun = true;
		connection->account.begun_ms = worker->now_ms;
		wait_for_head(connection);
	}
	size = http_head_scan(buffer_at(input), buffer_used(input), &connection->scan);
	if (size < 0)
		return answer_send(connection, CAUSE_BAD_HEAD);
	/* One that came whole may be too long as well: a buffer has room for more. */
	if (size > HTTP_HEAD_MOST || (!size && buffer_used(input) >= HTTP_HEAD_MOST))
		return answer_send(connection, memchr(buffer_at(input), '\n', HTTP_HEAD_MOST)
						       ? CAUSE_HEAD_SIZE
						       : CAUSE_TARGET_SIZE);
	if (!size)
		return STEP_WAIT;
	status = http_request_parse(buffer_at(input), (size_t)size, &worker->request);
	if (status)
		return answer_send(connection, cause_of_status((unsigned)status));
	connection->state = CONNECTION_CHOOSING;
	return STEP_AGAIN;
}

/* The client is gone before its head was whole. */
static void head_lost(struct connection *connection)
{
	connection_count(connection, COUNTER_CLIENT_RESET);
	if (connection->has_begun)
		account_lost(connection);
}

static enum step request_read(struct connection *connection)
{
	struct worker *worker = connection->worker;

	for (;;) {
		ssize_t got;

		if (connection->input && buffer_used(connection->input)) {
			enum step step = input_look(connection);

			if (step != STEP_WAIT)
				return step;
		}
		if (connection->saw_end) {
			if (connection->has_begun)
				head_lost(connection);
			return STEP_CLOSE;
		}
		if (!connection->stream.source.is_readable) {
			if (connection->input && !buffer_used(connection->input))
				connection->input =
					buffer_give(&worker->buffers, connection->input);
			return STEP_WAIT;
		}
		if (input_prepare(connection) < 0)
			return STEP_CLOSE;
		got = stream_read(&connection->stream,
				  connection->input->data + connection->input->end,
				  buffer_room(connection->input));
		if (got == -EAGAIN)
			continue;
		if (got < 0) {
			head_lost(connection);
			return STEP_CLOSE;
		}
		if (got == 0)
			connection->saw_end = true;
		connection->input->end += (uint32_t)got;
	}
}

static enum step drain(struct connection *connection)
{
	char dropped[4096];

	for (size_t sum = 0; sum < DRAIN_MOST;) {
		ssize_t got;

		if (!connection->stream.source.is_readable)
			return STEP_WAIT;
		got = stream_read(&connection->stream, dropped, sizeof(dropped));
		if (got == -EAGAIN)
			continue;
		if (got <= 0)
			return STEP_CLOSE;
		sum += (size_t)got;
	}
	io_again(connection->worker->io, &connection->stream.source);
	return STEP_WAIT;
}

/* The answer is written. Another request, or the end. */
enum step connection_next(struct connection *connection)
{
	struct worker *worker = connection->worker;
	struct exchange *exchange = connection->exchange;
	bool is_read = exchange->request.is_read;
	bool keeps = exchange->keeps_client;
	bool may_send_more = exchange->may_send_more;

	exchange_end(exchange);
	connection->scan = (struct http_scan){ 0 };
	connection->has_begun = false;
	if (keeps && !connection->is_last) {
		connection->state = CONNECTION_REQUEST;
		wait_for_request(connection);
		return STEP_AGAIN;
	}
	/* Closing over unread bytes, or before those that a client without our "close" may still
	 * send, would reset the connection and could take the answer with it: RFC 9112 9.6. */
	if (connection->saw_end || (is_read && !connection->input && !may_send_more &&
				    !connection->stream.source.is_readable))
		return STEP_CLOSE;
	connection->input = buffer_give(&worker->buffers, connection->input);
	drain_begin(connection);
	return STEP_AGAIN;
}

void connection_run(struct connection *connection)
{
	for (int i = 0; connection->state != CONNECTION_CLOSED; i++) {
		enum step step = STEP_CLOSE;

		if (i == STEPS_A_TURN) {
			io_again(connection->worker->io, &connection->stream.source);
			return;
		}
		switch (connection->state) {
		case CONNECTION_ACCEPTED:
		case CONNECTION_REQUEST:
			step = request_read(connection);
			break;
		case CONNECTION_CHOOSING:
			step = exchange_begin(connection);
			break;
		case CONNECTION_BUFFERING:
			step = buffering_move(connection->exchange);
			break;
		case CONNECTION_CONNECTING:
			step = exchange_connect(connection->exchange);
			break;
		case CONNECTION_EXCHANGING:
			step = exchange_move(connection->exchange);
			break;
		case CONNECTION_DRAINING:
			step = drain(connection);
			break;
		}
		if (step == STEP_WAIT)
			return;
		if (step == STEP_CLOSE)
			connection_close(connection);
	}
}

void connections_wind_down(struct worker *worker, bool is_patient)
{
	struct list *link = worker->connections.next;

	while (link != &worker->connections) {
		struct connection *connection = list_entry(link, struct connection, link);

		link = link->next;
		connection->is_last = true;
		if (is_patient)
			continue; /* the timeouts that hold anyway end it */
		/* What is in the socket already was sent before the end: it is answered. */
		if (connection->state == CONNECTION_ACCEPTED)
			wait_ms(connection, NEWCOMER_MS);
		else if (connection->state == CONNECTION_REQUEST && !connection->has_begun &&
			 !stream_has_input(&connection->stream))
			connection_close(connection);
	}
}

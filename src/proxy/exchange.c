/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request on its way to a target: beginning, connecting, other tries, and the request's bytes.
 * The answer's bytes are response.c's. Runs on the worker's thread that owns the client.
 */
#include "proxy/connection.h"

#include <errno.h>
#include <stdlib.h>

#include "http/edit.h"
#include "proxy/headers.h"
#include "proxy/pin.h"
#include "proxy/redirect.h"

#define HEAD_ADDITIONS 1024 /* what editing may add to a head */
#define ROUNDS_A_TURN 16 /* buffers moved before the others get their turn */
#ifdef __SANITIZE_ADDRESS__
#define SPARES_MOST 0 /* so that uses after the end are found */
#else
#define SPARES_MOST 64 /* kept by a worker for the next requests: 40 KiB */
#endif

static const struct snapshot_http *http_of(const struct snapshot *snapshot, uint32_t listener)
{
	return &snapshot->https[listener == SNAPSHOT_NONE ? 0 : snapshot->listeners[listener].http];
}

struct exchange *exchange_new(struct connection *connection)
{
	struct worker *worker = connection->worker;
	struct exchange *exchange = worker->spare_exchanges;

	if (exchange) {
		worker->spare_exchanges = exchange->next_spare;
		worker->spare_count--;
	} else {
		exchange = malloc(sizeof(*exchange));
		if (!exchange)
			return NULL;
	}
	*exchange = (struct exchange){ .client = connection };
	exchange->use = generation_use_pin(worker->current);
	exchange->listener = connection->listener->row;
	exchange->http = http_of(&worker->current->generation->snapshot, exchange->listener);
	exchange->rule = exchange->target = exchange->counted = SNAPSHOT_NONE;
	exchange->sticky.target = SNAPSHOT_NONE;
	connection->exchange = exchange;
	return exchange;
}

static void exchange_free(struct worker *worker, struct exchange *exchange)
{
	if (worker->spare_count + 1 > SPARES_MOST) {
		free(exchange);
		return;
	}
	exchange->next_spare = worker->spare_exchanges;
	worker->spare_exchanges = exchange;
	worker->spare_count++;
}

void exchanges_shed(struct worker *worker)
{
	while (worker->spare_exchanges) {
		struct exchange *exchange = worker->spare_exchanges;

		worker->spare_exchanges = exchange->next_spare;
		free(exchange);
	}
	worker->spare_count = 0;
}

void exchange_end(struct exchange *exchange)
{
	struct connection *connection;

	if (!exchange)
		return;
	connection = exchange->client;
	account_end(exchange);
	if (exchange->upstream)
		upstream_close(exchange->upstream, false);
	transfer_done(&exchange->request, &connection->worker->buffers);
	transfer_done(&exchange->response, &connection->worker->buffers);
	choose_end(exchange);
	generation_use_unpin(exchange->use);
	connection->exchange = NULL;
	exchange_free(connection->worker, exchange);
}

void exchange_ready(struct exchange *exchange)
{
	connection_run(exchange->client);
}

/* The edited head, to be kept until the answer begins. */
static enum cause request_edit(struct exchange *exchange, const char *head)
{
	struct connection *connection = exchange->client;
	struct worker *worker = connection->worker;
	const struct proxy_listener *listener = connection->listener;
	const struct snapshot *snapshot = &exchange->use->generation->snapshot;
	const struct snapshot_rule *rule = exchange_rule(exchange);
	struct http_request_edit edit = {
		.client_ip = { connection->ip_text, connection->ip_size },
		.proto = BYTES_LITERAL("http"),
		.port = { listener->port_text, listener->port_size },
		.host = bytes_of(listener->host_text),
		.strip_cookie = rule->strips_cookie && rule->session_expire_s
					? snapshot_bytes(snapshot, rule->cookie_name)
					: (struct bytes){ "", 0 },
		.keeps_connection = exchange_listener(exchange)->has_keepalive,
		.has_whole_body = exchange->buffers_request,
	};
	size_t room = worker->request.head_size + HEAD_ADDITIONS;
	struct header_edits custom;
	struct buffer *buffer;
	int size;

	if (headers_has_to_target(exchange)) {
		headers_to_target(exchange, head, &custom);
		edit.replaced = custom.replaced;
		edit.extras = custom.extras;
		edit.extra_count = custom.extra_count;
		room += custom.size;
	}
	buffer = buffer_take(&worker->buffers, room);
	if (!buffer)
		return CAUSE_NO_ROOM;
	size = http_request_edit(head, &worker->request, &edit, buffer_at(buffer),
				 buffer->size - BUFFER_FRONT);
	if (size < 0) {
		buffer_give(&worker->buffers, buffer);
		return CAUSE_HEAD_SIZE;
	}
	buffer->end += (uint32_t)size;
	exchange->request.head = buffer;
	exchange->request.keeps_head = true;
	return CAUSE_NONE;
}

/* What came behind the head: the body's first bytes, or the next request. */
static enum cause request_take_input(struct exchange *exchange, size_t head_size)
{
	struct connection *connection = exchange->client;
	struct buffer_stock *stock = &connection->worker->buffers;
	int result;

	connection->input->begin += (uint32_t)head_size;
	if (!buffer_used(connection->input)) {
		connection->input = buffer_give(stock, connection->input);
		return CAUSE_NONE;
	}
	if (exchange->request.is_read)
		return CAUSE_NONE;
	exchange->request.body = connection->input;
	exchange->request.full_reads = !buffer_room(connection->input);
	connection->input = NULL;
	exchange->body_size += buffer_used(exchange->request.body);
	result = transfer_frame(&exchange->request, stock, &connection->input);
	/* What stands behind it is the next request's. */
	if (connection->input)
		exchange->body_size -= buffer_used(connection->input);
	return result < 0 ? cause_of_body(result) : CAUSE_NONE;
}

/* The listener row to use: a deleted listener may have a successor at its address. */
static bool listener_settle(struct connection *connection)
{
	struct proxy_listener *successor;

	if (connection->listener->row != SNAPSHOT_NONE)
		return true;
	successor = listener_successor(connection->listener);
	if (!successor)
		return false;
	successor->references++;
	listener_join(connection->worker, successor);
	listener_leave(connection->worker, connection->listener);
	listener_unreference(connection->listener);
	connection->listener = successor;
	return true;
}

static enum cause exchange_prepare(struct exchange *exchange, const char *head)
{
	const struct http_request *request = &exchange->client->worker->request;
	const struct snapshot_http *http = exchange_http(exchange);
	struct connection *connection = exchange->client;
	enum cause cause;

	if (++connection->requests >= http->keepalive_requests || !http->keepalive_timeout_ms)
		exchange->wants_keepalive = false;
	if (http->pages.count)
		exchange->is_for_page = answer_is_page(exchange, http_bytes(head, request->path));
	if (request->framing == HTTP_LENGTH && request->length > http->body_most)
		return CAUSE_BODY_SIZE;
	cause = choose_rule(exchange, head);
	if (cause)
		return cause;
	if (!exchange->request.is_read && exchange_http(exchange)->buffers_request) {
		exchange->buffers_request = true;
		exchange->request.framing_out = HTTP_UNTIL_CLOSE; /* bare, for the store */
	}
	return request_edit(exchange, head);
}

enum step exchange_begin(struct connection *connection)
{
	struct worker *worker = connection->worker;
	const struct http_request *request = &worker->request;
	const char *head = buffer_at(connection->input);
	bool has_listener = listener_settle(connection);
	struct exchange *exchange = exchange_new(connection);
	enum cause cause;

	if (!exchange)
		return STEP_CLOSE;
	connection_count(connection, COUNTER_HTTP_REQUESTS);
	timer_set(&worker->wheel, &connection->timer, 0);
	exchange->method = request->method;
	exchange->minor = request->minor;
	exchange->wants_keepalive = request->is_keepalive && !connection->is_last;
	exchange->may_send_more = request->is_keepalive;
	account_begin(exchange, head);
	exchange->wants_websocket = request->wants_websocket;
	transfer_expect(&exchange->request, request->framing, request->framing, request->length);
	exchange->request.drops_trailers = request->names_fields;
	if (!has_listener) {
		exchange->wants_keepalive = false;
		return answer_send(connection, CAUSE_NO_LISTENER);
	}
	cause = exchange_prepare(exchange, head);
	if (redirect_is_cause(cause)) {
		enum step step = redirect_send(connection, cause, head);

		request_take_input(exchange, request->head_size);
		return step;
	}
	if (!cause)
		cause = request_take_input(exchange, request->head_size);
	else
		request_take_input(exchange, request->head_size);
	if (cause)
		return answer_send(connection, cause);
	if (exchange->buffers_request)
		return buffering_begin(exchange);
	return exchange_try(exchange, CAUSE_NONE);
}

static void failure_count(struct exchange *exchange, enum cause cause)
{
	if (cause == CAUSE_CONNECT_FAILED) {
		connection_count(exchange->client, COUNTER_CONNECT_FAILED);
		meter_target(exchange, TRAFFIC_CONNECT_FAILED);
	} else if (cause == CAUSE_CONNECT_TIMEOUT) {
		connection_count(exchange->client, COUNTER_CONNECT_TIMEOUT);
		meter_target(exchange, TRAFFIC_CONNECT_TIMEOUT);
	} else if (cause == CAUSE_TARGET_CLOSED) {
		connection_count(exchange->client, COUNTER_TARGET_RESET);
		meter_target(exchange, TRAFFIC_TARGET_RESETS);
	}
}

/* This target is not tried again for this request. */
static void try_failed(struct exchange *exchange, enum cause cause)
{
	exchange->account.tried_status[exchange->tried_count] = (uint16_t)cause_status(cause);
	exchange->tried[exchange->tried_count++] = exchange->target;
}

enum step exchange_try(struct exchange *exchange, enum cause cause)
{
	struct connection *connection = exchange->client;
	struct worker *worker = connection->worker;
	bool may_reuse = exchange_listener(exchange)->has_keepalive && !exchange->attempts;

	while (exchange->attempts < CONNECTION_TRIES) {
		const struct snapshot_target *target;
		uint32_t row = choose_target(exchange);
		int result;

		if (row == SNAPSHOT_NONE) {
			connection_count(connection, COUNTER_NO_TARGET);
			meter_rule(exchange, TRAFFIC_NO_TARGET);
			break;
		}
		exchange->target = row;
		target = &exchange->use->generation->snapshot.targets[row];
		if (exchange->attempts++)
			connection_count(connection, COUNTER_RETRIES);
		exchange->sent = 0;
		transfer_rewind(&exchange->request);
		account_try(exchange);
		result = upstream_take(worker, target, may_reuse,
				       !http_method_is_idempotent(exchange->method), exchange,
				       &exchange->upstream);
		if (result == 0) {
			connection->state = exchange->upstream->is_connected
						    ? CONNECTION_EXCHANGING
						    : CONNECTION_CONNECTING;
			exchange->upstream_wait = WAIT_NOTHING;
			if (connection->state == CONNECTION_CONNECTING)
				timer_set(&worker->wheel, &exchange->upstream->timer,
					  worker->now_ms +
						  exchange_http(exchange)->connect_timeout_ms);
			return STEP_AGAIN;
		}
		cause = cause_of_try(result, false);
		failure_count(exchange, cause);
		try_failed(exchange, cause);
		may_reuse = false;
	}
	return answer_send(connection, cause ? cause : CAUSE_NO_TARGET);
}

enum step exchange_fail(struct exchange *exchange, int error)
{
	bool was_reused = exchange->upstream->is_reused;
	bool has_body = !exchange->request.body_written || exchange->request.store;
	bool is_safe = !exchange->has_answered && has_body &&
		       (!exchange->sent || http_method_is_idempotent(exchange->method));
	enum cause cause = cause_of_try(error, exchange->client->state != CONNECTION_CONNECTING);

	meter_try_end(exchange);
	if (!was_reused)
		failure_count(exchange, cause);
	upstream_close(exchange->upstream, !was_reused && cause != CAUSE_NO_ROOM);
	exchange->upstream = NULL;
	if (exchange->has_response)
		return STEP_CLOSE;
	if (!is_safe || exchange->attempts >= CONNECTION_TRIES)
		return answer_send(exchange->client, cause);
	/* An idle connection that was closed under us says nothing about its target: a fresh one to
	 * the same. */
	if (!was_reused)
		try_failed(exchange, cause);
	return exchange_try(exchange, cause);
}

enum step exchange_connect(struct exchange *exchange)
{
	struct upstream *upstream = exchange->upstream;
	struct worker *worker = exchange->client->worker;
	int result = transfer_write(&exchange->request, &upstream->stream, &worker->buffers,
				    &exchange->sent);

	if (result >= 0 && !exchange->sent)
		result = stream_connected(&upstream->stream);
	if (result == -EINPROGRESS)
		return STEP_WAIT;
	if (result < 0)
		return exchange_fail(exchange, result);
	upstream->is_connected = true;
	exchange->client->state = CONNECTION_EXCHANGING;
	exchange->upstream_moved = true;
	return STEP_AGAIN;
}

/*
 * The request's bytes, from the client to the target. STEP_AGAIN: something moved; STEP_WAIT:
 * nothing did; else the state changed or ended: *ret_is_over.
 */
static enum step request_move(struct exchange *exchange, bool *ret_is_over)
{
	struct connection *connection = exchange->client;
	struct buffer_stock *stock = &connection->worker->buffers;
	struct transfer *request = &exchange->request;
	uint64_t sent = exchange->sent;
	ssize_t got;
	int result;

	if (exchange->upstream->stream.source.is_writable && !transfer_is_done(request)) {
		result = transfer_write(request, &exchange->upstream->stream, stock,
					&exchange->sent);
		if (result < 0 && !exchange->has_response &&
		    !exchange->upstream->stream.source.is_readable) {
			*ret_is_over = true;
			return exchange_fail(exchange, result);
		}
		if (result < 0) {
			/* A target may answer early and close: what it said goes on, the rest of
			 * the request goes nowhere. */
			transfer_drop(request, stock);
			request->body_written = true;
			exchange->upstream->stream.source.is_writable = false;
			/* The kernel tells of a reset once; reads will now say that the target
			 * ended. EPIPE: it ended in order before. */
			exchange->upstream_broke |= result != -EPIPE;
			request->is_read |= exchange->is_tunnel; /* nothing goes there any more */
			return STEP_WAIT;
		}
		exchange->upstream_moved |= exchange->sent != sent;
	}
	if (request->is_read || transfer_has_body(request) ||
	    !connection->stream.source.is_readable)
		return exchange->sent != sent ? STEP_AGAIN : STEP_WAIT;
	got = transfer_fill(request, &connection->stream, stock, &connection->input);
	if (got == -EAGAIN)
		return exchange->sent != sent ? STEP_AGAIN : STEP_WAIT;
	if (got == 0) {
		connection->saw_end = true;
		if (request->is_read)
			return STEP_AGAIN; /* a tunnel's end, to be passed on */
	}
	*ret_is_over = true;
	if (got == -EBADMSG || got == -E2BIG || got == -ENOMEM)
		return answer_send(connection, cause_of_body((int)got));
	if (got <= 0) {
		/* In the middle of its body. */
		account_client_left(exchange);
		return STEP_CLOSE;
	}
	exchange->body_size += (uint64_t)got;
	if (connection->input)
		exchange->body_size -= buffer_used(connection->input);
	if (request->payload > exchange_http(exchange)->body_most)
		return answer_send(connection, CAUSE_BODY_SIZE);
	*ret_is_over = false;
	exchange->client_moved = true;
	return STEP_AGAIN;
}

bool exchange_abandon(struct exchange *exchange)
{
	struct connection *connection = exchange->client;
	struct worker *worker = connection->worker;

	if (exchange->is_abandoned)
		return true;
	account_client_left(exchange);
	if (!exchange->upstream || exchange->is_tunnel || !exchange->request.is_read ||
	    !exchange_http(exchange)->ignores_client_abort)
		return false;
	exchange->is_abandoned = true;
	exchange->wants_keepalive = exchange->keeps_client = false;
	/* However much the target says, and however steadily. */
	timer_set(&worker->wheel, &connection->timer,
		  worker->now_ms + exchange_http(exchange)->read_timeout_ms);
	return true;
}

static void wait_set(struct exchange *exchange, struct timer *timer, uint8_t *reason,
		     enum wait_reason now, bool moved, uint32_t timeout_ms)
{
	struct worker *worker = exchange->client->worker;

	if (now == *reason && !moved)
		return;
	*reason = (uint8_t)now;
	timer_set(&worker->wheel, timer, now == WAIT_NOTHING ? 0 : worker->now_ms + timeout_ms);
}

void exchange_set_timers(struct exchange *exchange)
{
	const struct snapshot_http *http = exchange_http(exchange);
	const struct transfer *request = &exchange->request, *response = &exchange->response;
	enum wait_reason client = WAIT_NOTHING, upstream = WAIT_NOTHING;
	uint32_t client_ms = http->body_timeout_ms;
	uint32_t upstream_ms = http->read_timeout_ms;

	if (response->head || (exchange->has_response && transfer_has_body(response))) {
		client = WAIT_TO_WRITE;
		client_ms = http->client_send_timeout_ms;
	} else if (!request->is_read && !transfer_has_body(request) && !exchange->is_tunnel) {
		client = WAIT_TO_READ;
	}
	if (!exchange->is_abandoned)
		wait_set(exchange, &exchange->client->timer, &exchange->client_wait, client,
			 client == WAIT_TO_WRITE ? exchange->client_took : exchange->client_moved,
			 client_ms);
	if (exchange->upstream) {
		bool is_sent = transfer_is_done(request);

		if (transfer_has_body(request) ||
		    (request->head && !is_sent &&
		     request->head_written < buffer_used(request->head))) {
			upstream = WAIT_TO_WRITE;
			upstream_ms = http->send_timeout_ms;
		} else if (is_sent || exchange->has_response || exchange->is_tunnel) {
			upstream = client == WAIT_TO_WRITE && !exchange->is_tunnel ? WAIT_NOTHING
										   : WAIT_TO_READ;
		}
		/* A tunnel is idle when neither side speaks. */
		wait_set(exchange, &exchange->upstream->timer, &exchange->upstream_wait, upstream,
			 exchange->upstream_moved ||
				 (exchange->is_tunnel && exchange->client_moved),
			 upstream_ms);
	}
	exchange->client_moved = exchange->upstream_moved = exchange->client_took = false;
}

enum step exchange_move(struct exchange *exchange)
{
	struct connection *connection = exchange->client;

	if (connection->stream.source.is_broken && !exchange_abandon(exchange))
		return STEP_CLOSE; /* nobody is there to answer to */
	for (int i = 0; i < ROUNDS_A_TURN; i++) {
		bool is_over = false;
		enum step sent = STEP_WAIT;
		enum step answered;

		if (exchange->upstream) {
			sent = request_move(exchange, &is_over);
			if (is_over)
				return sent;
		}
		account_move(exchange);
		answered = response_move(exchange, &is_over);
		if (is_over)
			return answered;
		if (sent == STEP_WAIT && answered == STEP_WAIT) {
			exchange_set_timers(exchange);
			return STEP_WAIT;
		}
	}
	exchange_set_timers(exchange);
	io_again(connection->worker->io, &connection->stream.source);
	return STEP_WAIT;
}

void exchange_upstream_timeout(struct exchange *exchange)
{
	struct connection *connection = exchange->client;
	enum cause cause =
		exchange->upstream_wait == WAIT_TO_WRITE ? CAUSE_SEND_TIMEOUT : CAUSE_READ_TIMEOUT;
	enum step step = STEP_CLOSE;

	if (connection->state == CONNECTION_CONNECTING) {
		step = exchange_fail(exchange, -ETIMEDOUT);
	} else if (!exchange->has_response) {
		meter_target(exchange, TRAFFIC_TARGET_TIMEOUTS);
		upstream_close(exchange->upstream, true);
		exchange->upstream = NULL;
		step = answer_send(connection, cause);
	} else if (exchange->is_tunnel) {
		connection_count(connection, COUNTER_HTTP_TUNNEL_IDLE);
	} else {
		connection_count(connection, cause_counter(cause));
		connection_count(connection, COUNTER_HTTP_CUT);
		meter_target(exchange, TRAFFIC_TARGET_TIMEOUTS);
	}
	if (step == STEP_CLOSE)
		connection_close(connection);
	else
		connection_run(connection);
}

enum step exchange_client_timeout(struct exchange *exchange)
{
	struct connection *connection = exchange->client;

	if (exchange->is_abandoned)
		return STEP_CLOSE;
	if (exchange->client_wait == WAIT_NOTHING)
		return STEP_WAIT;
	/* Closes when an answer is on its way. */
	if (exchange->client_wait == WAIT_TO_READ)
		return answer_send(connection, CAUSE_SLOW_BODY);
	connection_count(connection, COUNTER_HTTP_SEND_TIMEOUT);
	stream_abort(&connection->stream); /* unread bytes would keep the socket for minutes */
	return STEP_CLOSE;
}

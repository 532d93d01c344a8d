/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a request's body whole before a target is chosen (proxy_request_buffering): a slow client
 * costs no target anything, chunks become a length, and the body can be sent once more. Runs on the
 * worker's thread that owns the client.
 */
#include "proxy/connection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS_A_TURN 8 /* reads, and writes to a file, before the others get their turn */
#define LENGTH_ROOM 64 /* of a Content-Length field */

/* Behind the other fields: the edited head has no framing of its own. */
static int head_add_length(struct exchange *exchange)
{
	struct buffer_stock *stock = &exchange->client->worker->buffers;
	struct buffer **head = &exchange->request.head;
	int size, result = 0;

	if ((*head)->size - (*head)->end < LENGTH_ROOM)
		result = buffer_grow(stock, head);
	if (result == 0 && (*head)->size - (*head)->end < LENGTH_ROOM)
		result = -ENOBUFS;
	if (result < 0)
		return result;
	size = snprintf((*head)->data + (*head)->end - 2, LENGTH_ROOM,
			"Content-Length: %" PRIu64 "\r\n\r\n", exchange->request.store->size);
	(*head)->end += (uint32_t)size - 2;
	return 0;
}

/* The body is here. */
static enum step buffering_end(struct exchange *exchange)
{
	struct transfer *request = &exchange->request;
	int result = request->framing_in == HTTP_CHUNKED ? head_add_length(exchange) : 0;

	if (result < 0)
		return answer_send(exchange->client,
				   result == -ENOMEM ? CAUSE_NO_ROOM : CAUSE_HEAD_SIZE);
	request->framing_out = HTTP_LENGTH;
	exchange_set_timers(exchange);
	return exchange_try(exchange, CAUSE_NONE);
}

/* What stands in the buffer goes to the store. */
static enum cause store_take(struct exchange *exchange)
{
	struct transfer *request = &exchange->request;
	int result;

	if (request->payload > exchange_http(exchange)->body_most)
		return CAUSE_BODY_SIZE;
	if (!request->body)
		return CAUSE_NONE;
	result = body_store_add(request->store, &request->body);
	return result < 0 ? cause_of_store(result) : CAUSE_NONE;
}

/* RFC 9110 10.1.1: a client that waits for it has sent nothing yet. */
static enum cause continue_place(struct exchange *exchange)
{
	static const char head[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct transfer *response = &exchange->response;

	response->head = buffer_take(&exchange->client->worker->buffers, sizeof(head));
	if (!response->head)
		return CAUSE_NO_ROOM;
	memcpy(buffer_at(response->head), head, sizeof(head) - 1);
	response->head->end += sizeof(head) - 1;
	response->head_written = 0;
	return CAUSE_NONE;
}

enum step buffering_begin(struct exchange *exchange)
{
	struct connection *connection = exchange->client;
	struct worker *worker = connection->worker;
	struct transfer *request = &exchange->request;
	bool is_awaited =
		worker->request.expects_continue && worker->request.minor && !exchange->body_size;
	enum cause cause = CAUSE_NONE;

	/* What can never fit is not asked for. */
	if (!worker->bodies || !body_store_may_fit(worker->bodies, request->left))
		return answer_send(connection, CAUSE_NO_BODY_ROOM);
	request->store = body_store_new(worker->bodies, &worker->buffers);
	if (!request->store)
		return answer_send(connection, CAUSE_NO_ROOM);
	cause = store_take(exchange);
	if (!cause && !request->is_read && is_awaited)
		cause = continue_place(exchange);
	if (cause)
		return answer_send(connection, cause);
	if (request->is_read)
		return buffering_end(exchange);
	connection->state = CONNECTION_BUFFERING;
	exchange->client_moved = true;
	return STEP_AGAIN;
}

/* One read. STEP_AGAIN: there may be more; STEP_WAIT: not now; else over: *ret_is_over. */
static enum step buffering_read(struct exchange *exchange, bool *ret_is_over)
{
	struct connection *connection = exchange->client;
	struct transfer *request = &exchange->request;
	enum cause cause;
	ssize_t got;

	if (request->store->fd < 0)
		request->full_reads = 0; /* small buffers, which can stay in memory */
	got = transfer_fill(request, &connection->stream, &connection->worker->buffers,
			    &connection->input);
	if (got == -EAGAIN)
		return STEP_WAIT;
	*ret_is_over = true;
	if (got == -EBADMSG || got == -E2BIG || got == -ENOMEM)
		return answer_send(connection, cause_of_body((int)got));
	if (got <= 0) {
		connection->saw_end = got == 0;
		account_client_left(exchange);
		return STEP_CLOSE;
	}
	exchange->body_size += (uint64_t)got;
	if (connection->input)
		exchange->body_size -= buffer_used(connection->input);
	exchange->client_moved = true;
	cause = store_take(exchange);
	if (cause)
		return answer_send(connection, cause);
	if (request->is_read)
		return buffering_end(exchange);
	*ret_is_over = false;
	return STEP_AGAIN;
}

enum step buffering_move(struct exchange *exchange)
{
	struct connection *connection = exchange->client;
	struct transfer *response = &exchange->response;
	enum step step = STEP_WAIT;

	if (connection->stream.source.is_broken) {
		account_client_left(exchange);
		return STEP_CLOSE;
	}
	if (response->head && connection->stream.source.is_writable &&
	    transfer_write(response, &connection->stream, &connection->worker->buffers,
			   &exchange->answered) < 0) {
		account_client_left(exchange);
		return STEP_CLOSE;
	}
	for (int i = 0; i < ROUNDS_A_TURN && connection->stream.source.is_readable; i++) {
		bool is_over = false;

		step = buffering_read(exchange, &is_over);
		if (is_over)
			return step;
	}
	account_move(exchange);
	exchange_set_timers(exchange);
	if (connection->stream.source.is_readable)
		io_again(connection->worker->io, &connection->stream.source);
	return STEP_WAIT;
}

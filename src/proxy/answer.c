/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that the balancer makes itself: errors, and the redirection of a missing slash. They take
 * the way of any other answer, as a head that waits to be written. Runs on the worker's thread.
 */
#include "proxy/connection.h"

#include <string.h>

#include "http/edit.h"
#include "proxy/report.h"

#define ANSWER_ROOM 2048
#define LOCATION_ROOM (BUFFER_LARGE - ANSWER_ROOM)

/* The request is not read any further: what came of it is dropped, and the connection ends behind
 * the answer. */
static void request_drop(struct exchange *exchange)
{
	struct worker *worker = exchange->client->worker;

	if (exchange->upstream) {
		upstream_close(exchange->upstream, false);
		exchange->upstream = NULL;
	}
	transfer_done(&exchange->request, &worker->buffers);
	exchange->response.body = buffer_give(&worker->buffers, exchange->response.body);
}

/* A head that is bad or was cut short may still say that no body may follow its answer. */
static bool is_head_request(const struct connection *connection)
{
	const struct buffer *input = connection->input;

	return input &&
	       bytes_starts_with((struct bytes){ input->data + input->begin, buffer_used(input) },
				 BYTES_LITERAL("HEAD "));
}

static enum step answer_place(struct connection *connection, enum cause cause,
			      struct bytes location)
{
	struct worker *worker = connection->worker;
	struct exchange *exchange = connection->exchange;
	struct buffer_stock *stock = &worker->buffers;
	struct buffer *buffer;
	char request_id[17];
	int size;

	connection_count(connection, cause_counter(cause));
	if (exchange && exchange->has_response)
		return STEP_CLOSE; /* half an answer is on its way: only the end of the connection
				      can tell */
	if (!exchange) {
		exchange = exchange_new(connection);
		if (exchange && is_head_request(connection))
			exchange->method = HTTP_HEAD;
		if (exchange)
			account_begin_bad(exchange);
	}
	if (!exchange)
		return STEP_CLOSE;
	request_drop(exchange);
	exchange->keeps_client =
		exchange->wants_keepalive && exchange->request.is_read && !connection->is_last;
	buffer = buffer_take(stock, location.size + ANSWER_ROOM);
	if (!buffer)
		return STEP_CLOSE;
	account_request_id(exchange, request_id);
	size = http_answer_write(
		&(struct http_answer){
			.status = cause_status(cause),
			.is_head = exchange->method == HTTP_HEAD,
			.keeps_connection = exchange->keeps_client,
			.request_id = bytes_of(request_id),
			.date = { worker->date, HTTP_DATE_SIZE },
			.location = location,
		},
		buffer_at(buffer), buffer->size - BUFFER_FRONT);
	if (size < 0) {
		buffer_give(stock, buffer);
		return STEP_CLOSE;
	}
	buffer->end += (uint32_t)size;
	/* An interim answer that is half written must be finished first: it is in the same buffer
	 * then, or lost. */
	if (exchange->response.head && exchange->response.head_written) {
		buffer_give(stock, buffer);
		return STEP_CLOSE;
	}
	buffer_give(stock, exchange->response.head);
	exchange->response.head = buffer;
	exchange->response.head_written = 0;
	transfer_expect(&exchange->response, HTTP_NO_BODY, HTTP_NO_BODY, 0);
	exchange->has_response = true;
	exchange->account.status = (uint16_t)cause_status(cause);
	connection->state = CONNECTION_EXCHANGING;
	report_answer(exchange, cause, request_id);
	return STEP_AGAIN;
}

enum step answer_send(struct connection *connection, enum cause cause)
{
	return answer_place(connection, cause, (struct bytes){ "", 0 });
}

enum step answer_redirect_slash(struct connection *connection, const char *head)
{
	struct worker *worker = connection->worker;
	const struct http_request *request = &worker->request;
	struct bytes path = http_bytes(head, request->path);
	struct bytes origin = http_bytes(head, request->origin);
	struct buffer *buffer = buffer_take(&worker->buffers, origin.size + 1);
	enum step step;
	char *out;

	if (!buffer)
		return answer_send(connection, CAUSE_NO_ROOM);
	if (origin.size + 1 > LOCATION_ROOM) {
		buffer_give(&worker->buffers, buffer);
		return answer_send(connection, CAUSE_TARGET_SIZE);
	}
	out = buffer_at(buffer);
	memcpy(out, path.at, path.size);
	out[path.size] = '/';
	memcpy(out + path.size + 1, origin.at + path.size, origin.size - path.size);
	step = answer_place(connection, CAUSE_SLASH, (struct bytes){ out, origin.size + 1 });
	buffer_give(&worker->buffers, buffer);
	return step;
}

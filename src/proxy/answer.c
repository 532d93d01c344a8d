/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that the balancer makes itself: errors and redirections. They take
 * the way of any other answer, as a head that waits to be written. Runs on the worker's thread.
 */
#include "proxy/connection.h"

#include <string.h>

#include "http/edit.h"
#include "proxy/headers.h"
#include "proxy/report.h"

#define ANSWER_ROOM 2048

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

/* error_page: what the answer becomes instead, or NULL. */
static const struct snapshot_page *page_find(const struct exchange *exchange, unsigned status)
{
	const struct snapshot_page *pages = exchange->use->generation->snapshot.pages;
	struct snapshot_run run = exchange_http(exchange)->pages;

	if (status < 400 || exchange->is_for_page)
		return NULL;
	for (uint32_t row = run.first; row < run.first + run.count; row++) {
		if (pages[row].status == status)
			return &pages[row];
	}
	return NULL;
}

bool answer_is_page(const struct exchange *exchange, struct bytes path)
{
	const struct snapshot *snapshot = &exchange->use->generation->snapshot;
	struct snapshot_run run = exchange_http(exchange)->pages;

	for (uint32_t row = run.first; row < run.first + run.count; row++) {
		struct bytes uri = snapshot_bytes(snapshot, snapshot->pages[row].uri);
		const char *query = memchr(uri.at, '?', uri.size);

		if (query)
			uri.size = (size_t)(query - uri.at);
		if (bytes_equal(uri, path))
			return true;
	}
	return false;
}

/* Writes it into a buffer of the stock; NULL: there is no memory, or it does not fit. */
static struct buffer *answer_write(struct exchange *exchange, struct http_answer *answer)
{
	struct buffer_stock *stock = &exchange->client->worker->buffers;
	size_t room = answer->location.size + ANSWER_ROOM;
	struct header_edits custom;
	struct buffer *buffer;
	int size;

	if (headers_has_to_client(exchange, answer->status)) {
		headers_to_answer(exchange, answer->status, &custom);
		answer->extras = custom.extras;
		answer->extra_count = custom.extra_count;
		room += custom.size;
	}
	buffer = buffer_take(stock, room);
	if (!buffer)
		return NULL;
	size = http_answer_write(answer, buffer_at(buffer), buffer->size - BUFFER_FRONT);
	if (size < 0)
		return buffer_give(stock, buffer);
	buffer->end += (uint32_t)size;
	return buffer;
}

/* The exchange to answer in. One for a head that cannot be parsed, or never came whole, is made. */
static struct exchange *answer_exchange(struct connection *connection)
{
	struct exchange *exchange = connection->exchange;

	if (exchange)
		return exchange;
	exchange = exchange_new(connection);
	if (!exchange)
		return NULL;
	if (is_head_request(connection))
		exchange->method = HTTP_HEAD;
	/* Nobody knows what it asks for, so a page could send it round for ever. */
	exchange->is_for_page = true;
	account_begin_bad(exchange);
	return exchange;
}

static enum step answer_place(struct connection *connection, enum cause cause,
			      struct bytes location)
{
	struct buffer_stock *stock = &connection->worker->buffers;
	struct exchange *exchange = connection->exchange;
	const struct snapshot_page *page;
	struct http_answer answer = {
		.status = cause_status(cause),
		.date = { connection->worker->date, HTTP_DATE_SIZE },
		.location = location,
	};
	struct buffer *buffer;
	char request_id[17];

	connection_count(connection, cause_counter(cause));
	if (exchange && exchange->has_response)
		return STEP_CLOSE; /* half an answer is on its way: only the end of the connection
				      can tell */
	exchange = answer_exchange(connection);
	if (!exchange)
		return STEP_CLOSE;
	request_drop(exchange);
	exchange->keeps_client =
		exchange->wants_keepalive && exchange->request.is_read && !connection->is_last;
	account_request_id(exchange, request_id);
	page = page_find(exchange, answer.status);
	if (page) {
		answer.status = page->response;
		answer.location = snapshot_bytes(&exchange->use->generation->snapshot, page->uri);
	}
	answer.server = exchange_http(exchange)->shows_version
				? BYTES_LITERAL("setia/" SETIA_VERSION)
				: BYTES_LITERAL("setia");
	answer.request_id = bytes_of(request_id);
	answer.is_head = exchange->method == HTTP_HEAD;
	answer.keeps_connection = exchange->keeps_client;
	buffer = answer_write(exchange, &answer);
	if (!buffer)
		return STEP_CLOSE;
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
	exchange->account.status = (uint16_t)answer.status;
	connection->state = CONNECTION_EXCHANGING;
	report_answer(exchange, cause, request_id);
	return STEP_AGAIN;
}

enum step answer_send(struct connection *connection, enum cause cause)
{
	return answer_place(connection, cause, (struct bytes){ "", 0 });
}

enum step answer_redirect(struct connection *connection, enum cause cause, struct bytes location)
{
	return answer_place(connection, cause, location);
}

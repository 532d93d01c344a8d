/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer on its way to the client: interim and final heads from the target, held to the same
 * strictness as requests, the body, and how an exchange ends. Runs on the worker's thread that owns
 * the client.
 */
#include "proxy/connection.h"

#include <errno.h>

#include "http/edit.h"
#include "proxy/headers.h"
#include "proxy/health.h"

#define HEAD_ADDITIONS 1024 /* Set-Cookie, Date, framing */
#define COOKIE_ROOM 512

/* The target broke the rules, or broke off before its final head. */
static enum step response_bad(struct exchange *exchange, enum cause cause)
{
	upstream_close(exchange->upstream, cause != CAUSE_NO_ROOM);
	exchange->upstream = NULL;
	return answer_send(exchange->client, cause);
}

/* `room` for a head behind what is there already: interim heads that the client did not take yet.
 */
static int head_prepare(struct exchange *exchange, size_t room)
{
	struct buffer_stock *stock = &exchange->client->worker->buffers;
	struct buffer **head = &exchange->response.head;

	if (!*head) {
		*head = buffer_take(stock, room);
		exchange->response.head_written = 0;
		return *head ? 0 : -ENOMEM;
	}
	if ((*head)->size - (*head)->end >= room)
		return 0;
	return buffer_grow(stock, head) < 0 || (*head)->size - (*head)->end < room ? -ENOBUFS : 0;
}

/* Writes the parsed head, edited, behind the pending ones. Framing of the way on, or -errno. */
static int head_place(struct exchange *exchange, const char *bytes, struct bytes cookie)
{
	struct worker *worker = exchange->client->worker;
	enum http_framing framing = HTTP_NO_BODY;
	struct buffer *head;
	struct http_response_edit edit = {
		.client_minor = exchange->minor,
		.keeps_connection = exchange->keeps_client,
		.set_cookie = cookie,
		.date = { worker->date, HTTP_DATE_SIZE },
	};
	size_t room = worker->response.head_size + HEAD_ADDITIONS;
	struct header_edits custom;
	int size;

	if (headers_has_to_client(exchange, worker->response.status)) {
		headers_to_client(exchange, bytes, &custom);
		edit.extras = custom.extras;
		edit.extra_count = custom.extra_count;
		room += custom.size;
	}
	size = head_prepare(exchange, room);
	if (size < 0)
		return size;
	head = exchange->response.head;
	size = http_response_edit(bytes, &worker->response, &edit, head->data + head->end,
				  head->size - head->end, &framing);
	if (size < 0)
		return size;
	head->end += (uint32_t)size;
	return (int)framing;
}

static void tunnel_begin(struct exchange *exchange)
{
	struct connection *connection = exchange->client;
	struct transfer *request = &exchange->request;

	connection_count(connection, COUNTER_HTTP_TUNNELS);
	meter_answer(exchange);
	exchange->is_tunnel = true;
	exchange->keeps_client = exchange->keeps_upstream = false;
	transfer_expect(request, HTTP_UNTIL_CLOSE, HTTP_UNTIL_CLOSE, 0);
	request->body = connection->input; /* the client spoke on before it saw the answer */
	connection->input = NULL;
	if (request->body)
		exchange->body_size += buffer_used(request->body);
}

/* What proxy_buffers allow an answer to take while its client is slow, in whole buffers. */
static uint32_t held_most(const struct snapshot_http *http)
{
	uint32_t bytes = http->response_buffer_count * http->response_buffer_size;

	return (bytes + BUFFER_SMALL - 1) / BUFFER_SMALL * BUFFER_SMALL;
}

/* The final head: from here on the exchange is decided. 0 or -errno. */
static int response_begin(struct exchange *exchange, const char *bytes)
{
	struct connection *connection = exchange->client;
	struct worker *worker = connection->worker;
	const struct http_response *response = &worker->response;
	struct transfer *transfer = &exchange->response;
	bool is_tunnel = response->status == 101;
	char cookie[COOKIE_ROOM];
	int size = choose_cookie(exchange, cookie, sizeof(cookie));
	int framing;

	/* A body that was read whole is no matter of the client's any more. */
	exchange->keeps_client = exchange->wants_keepalive && !connection->is_last &&
				 (transfer_is_done(&exchange->request) || exchange->request.store);
	exchange->keeps_upstream =
		response->is_keepalive && exchange_listener(exchange)->has_keepalive;
	framing =
		head_place(exchange, bytes, (struct bytes){ cookie, size > 0 ? (size_t)size : 0 });
	if (framing < 0)
		return framing;
	if (framing == HTTP_UNTIL_CLOSE)
		exchange->keeps_client = false;
	exchange->has_response = true;
	account_answer(exchange, response->status);
	health_succeeded(worker->regions,
			 exchange->use->generation->snapshot.targets[exchange->target].slot);
	exchange->request.keeps_head = false;
	if (transfer_is_done(&exchange->request)) {
		exchange->request.head = buffer_give(&worker->buffers, exchange->request.head);
		if (exchange->request.store)
			exchange->request.store = body_store_free(exchange->request.store);
	}
	transfer_expect(transfer, is_tunnel ? HTTP_UNTIL_CLOSE : response->framing,
			is_tunnel ? HTTP_UNTIL_CLOSE : (enum http_framing)framing,
			response->length);
	transfer->drops_trailers = response->names_fields;
	transfer->held_most = is_tunnel ? 0 : held_most(exchange_http(exchange));
	if (is_tunnel)
		tunnel_begin(exchange);
	return 0;
}

/* One complete head stands in the buffer. 1 = it was the final one, 0 = interim, -errno. */
static int head_take(struct exchange *exchange, int size)
{
	struct worker *worker = exchange->client->worker;
	struct transfer *transfer = &exchange->response;
	const char *bytes = buffer_at(transfer->body);
	unsigned status;
	int result;

	result = http_response_parse(bytes, (size_t)size, exchange->method, &worker->response);
	if (result < 0)
		return result;
	status = worker->response.status;
	if (status == 101 && !(exchange->wants_websocket && worker->response.is_websocket))
		return -EBADMSG;
	if (status >= 200 || status == 101) {
		result = response_begin(exchange, bytes);
		transfer->body->begin += (uint32_t)size;
		return result < 0 ? result : 1;
	}
	if (++exchange->informational_count > HTTP_INFORMATIONAL_MOST)
		return -E2BIG;
	exchange->keeps_client = true; /* an interim head ends nothing */
	result = exchange->minor ? head_place(exchange, bytes, (struct bytes){ "", 0 }) : 0;
	transfer->body->begin += (uint32_t)size;
	exchange->scan = (struct http_scan){ 0 };
	return result < 0 ? result : 0;
}

/* What stands behind the final head is the body's beginning. 0 or -EBADMSG, -E2BIG, -ENOMEM. */
static int body_begin(struct exchange *exchange)
{
	struct transfer *transfer = &exchange->response;
	struct buffer_stock *stock = &exchange->client->worker->buffers;

	if (!buffer_used(transfer->body)) {
		transfer->body = buffer_give(stock, transfer->body);
		return 0;
	}
	if (transfer->is_read) {
		transfer->has_surplus = true;
		transfer->body = buffer_give(stock, transfer->body);
		return 0;
	}
	return transfer_frame(transfer, stock, NULL);
}

/* The heads that are complete in the buffer. 1 = the final one was among them, 0 = more bytes are
 * needed, -errno. */
static int heads_take(struct exchange *exchange)
{
	struct buffer *raw = exchange->response.body;
	uint32_t asked = exchange_http(exchange)->response_head_size;
	uint32_t head_most = asked ? asked : HTTP_HEAD_MOST;

	while (buffer_used(raw)) {
		int size = http_head_scan(buffer_at(raw), buffer_used(raw), &exchange->scan);
		int result;

		if (size < 0)
			return size;
		if (!size)
			return buffer_used(raw) < head_most ? 0 : -E2BIG;
		if ((uint32_t)size > head_most)
			return -E2BIG;
		result = head_take(exchange, size);
		if (result)
			return result;
	}
	return 0;
}

static int raw_prepare(struct exchange *exchange)
{
	struct buffer_stock *stock = &exchange->client->worker->buffers;
	struct buffer **raw = &exchange->response.body;

	if (!*raw)
		*raw = buffer_take(stock, 1);
	if (!*raw)
		return -ENOMEM;
	if (buffer_room(*raw))
		return 0;
	if ((*raw)->begin > BUFFER_FRONT) {
		buffer_compact(*raw);
		return 0;
	}
	return buffer_grow(stock, raw);
}

static enum step response_read_head(struct exchange *exchange, bool *ret_is_over)
{
	struct stream *stream = &exchange->upstream->stream;
	struct transfer *transfer = &exchange->response;
	int result = 0;

	while (stream->source.is_readable) {
		ssize_t got;

		result = raw_prepare(exchange);
		if (result < 0)
			goto bad;
		got = stream_read(stream, transfer->body->data + transfer->body->end,
				  buffer_room(transfer->body));
		if (got == -EAGAIN)
			break;
		if (got <= 0) {
			*ret_is_over = true;
			if (exchange->has_answered) {
				connection_count(exchange->client, COUNTER_TARGET_RESET);
				meter_target(exchange, TRAFFIC_TARGET_RESETS);
				return response_bad(exchange, CAUSE_TARGET_CLOSED);
			}
			transfer->body =
				buffer_give(&exchange->client->worker->buffers, transfer->body);
			return exchange_fail(exchange, got ? (int)got : -ECONNRESET);
		}
		exchange->has_answered = exchange->upstream_moved = true;
		exchange->account.meter.received += (uint64_t)got;
		transfer->body->end += (uint32_t)got;
		/* A head that came with a buffer full of body is followed by more of it. */
		transfer->full_reads = !buffer_room(transfer->body);
		result = heads_take(exchange);
		if (result > 0)
			result = body_begin(exchange);
		if (result < 0)
			goto bad;
		if (exchange->has_response || transfer->head)
			return STEP_AGAIN;
	}
	if (transfer->body && !buffer_used(transfer->body))
		transfer->body = buffer_give(&exchange->client->worker->buffers, transfer->body);
	return STEP_WAIT;
bad:
	*ret_is_over = true;
	if (exchange->has_response && transfer->head_written) {
		connection_count(exchange->client, COUNTER_HTTP_CUT);
		return STEP_CLOSE; /* some of the head is out of our hands */
	}
	/* The head was good, what came with it is not, and the client saw neither. */
	exchange->has_response = false;
	transfer->head = buffer_give(&exchange->client->worker->buffers, transfer->head);
	return response_bad(exchange, cause_of_answer(result));
}

/* All of the answer is here: the upstream goes back or ends. */
static void upstream_release(struct exchange *exchange)
{
	struct upstream *upstream = exchange->upstream;
	bool keeps = exchange->keeps_upstream && transfer_is_done(&exchange->request) &&
		     !exchange->response.has_surplus && !upstream->stream.source.is_ended;

	exchange->upstream = NULL;
	if (keeps)
		upstream_keep(upstream);
	else
		upstream_close(upstream, false);
}

/* All of the answer is written: the client's connection goes on or ends. */
static enum step response_end(struct exchange *exchange)
{
	if (exchange->upstream)
		upstream_release(exchange);
	return connection_next(exchange->client);
}

/* The target broke off in the middle of its body: the client must not take it for the whole. */
static enum step response_cut(struct exchange *exchange)
{
	if (!exchange->is_tunnel)
		connection_count(exchange->client, COUNTER_HTTP_CUT);
	upstream_close(exchange->upstream, true);
	exchange->upstream = NULL;
	if (exchange->response.framing_out == HTTP_UNTIL_CLOSE)
		stream_abort(&exchange->client->stream);
	return STEP_CLOSE;
}

/* Ends of a tunnel's directions go from side to side, each once. True when both are over. */
static bool tunnel_pass_ends(struct exchange *exchange)
{
	if (transfer_is_done(&exchange->request) && !exchange->was_finished) {
		exchange->was_finished = true;
		stream_finish(&exchange->upstream->stream);
	}
	if (transfer_is_done(&exchange->response) && !exchange->was_finished_back) {
		exchange->was_finished_back = true;
		stream_finish(&exchange->client->stream);
	}
	return exchange->was_finished && exchange->was_finished_back;
}

static enum step body_fill(struct exchange *exchange, bool *ret_is_over)
{
	struct transfer *transfer = &exchange->response;
	struct stream *source = &exchange->upstream->stream;
	struct buffer_stock *stock = &exchange->client->worker->buffers;
	ssize_t got = transfer_has_body(transfer) ? transfer_fill_ahead(transfer, source, stock)
						  : transfer_fill(transfer, source, stock, NULL);

	if (got == -EAGAIN)
		return STEP_WAIT;
	if (got > 0)
		exchange->account.meter.received += (uint64_t)got;
	if (got > 0 || (got == 0 && transfer->is_read && !exchange->upstream_broke)) {
		exchange->upstream_moved = true;
		if (transfer->held_most && transfer->is_read &&
		    transfer_is_done(&exchange->request)) {
			account_move(exchange);
			upstream_release(exchange); /* it need not wait for a slow client */
			choose_end(exchange);
		}
		return STEP_AGAIN;
	}
	*ret_is_over = true;
	if (got != -EBADMSG && got != -E2BIG && got != -ENOMEM) {
		connection_count(exchange->client, COUNTER_TARGET_RESET);
		meter_target(exchange, TRAFFIC_TARGET_RESETS);
	}
	return response_cut(exchange);
}

/* The client is gone: nothing of this is for anybody. */
static void response_drop(struct exchange *exchange)
{
	struct transfer *transfer = &exchange->response;
	struct buffer_stock *stock = &exchange->client->worker->buffers;

	transfer->head = buffer_give(stock, transfer->head);
	transfer->head_written = 0;
	if (!exchange->has_response)
		return; /* what transfer->body holds is a head's beginning */
	transfer_drop(transfer, stock);
	transfer->framing_out = HTTP_NO_BODY;
}

/* What there is for the client. -errno: it is gone. */
static int response_write(struct exchange *exchange)
{
	struct transfer *transfer = &exchange->response;
	struct connection *connection = exchange->client;
	/* Before the final head, transfer->body holds raw bytes that are not for the client. */
	struct buffer *raw = exchange->has_response ? NULL : transfer->body;
	int result;

	if (raw)
		transfer->body = NULL;
	result = transfer_write(transfer, &connection->stream, &connection->worker->buffers,
				&exchange->answered);
	if (raw)
		transfer->body = raw;
	return result;
}

enum step response_move(struct exchange *exchange, bool *ret_is_over)
{
	struct connection *connection = exchange->client;
	struct transfer *transfer = &exchange->response;
	uint64_t answered = exchange->answered;
	enum step step = STEP_WAIT;

	if (!exchange->has_response) {
		step = response_read_head(exchange, ret_is_over);
		if (*ret_is_over)
			return step;
	}
	if (connection->stream.source.is_writable && !exchange->is_abandoned &&
	    (transfer->head || exchange->has_response) && response_write(exchange) < 0 &&
	    !exchange_abandon(exchange)) {
		*ret_is_over = true;
		return STEP_CLOSE;
	}
	if (exchange->is_abandoned)
		response_drop(exchange);
	if (exchange->answered != answered) {
		exchange->client_moved = exchange->client_took = true;
		step = STEP_AGAIN;
	}
	if (!exchange->has_response)
		return step;
	if (exchange->is_tunnel && tunnel_pass_ends(exchange)) {
		*ret_is_over = true;
		return STEP_CLOSE;
	}
	if (!exchange->is_tunnel && transfer_is_done(transfer)) {
		*ret_is_over = true;
		return response_end(exchange);
	}
	if (!transfer->is_read && exchange->upstream->stream.source.is_readable &&
	    (!transfer_has_body(transfer) || transfer_may_read_ahead(transfer))) {
		enum step filled = body_fill(exchange, ret_is_over);

		return *ret_is_over || filled == STEP_AGAIN ? filled : step;
	}
	return step;
}

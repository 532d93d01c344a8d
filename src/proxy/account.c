/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an exchange, for those who count it and log it. Runs on the worker's thread. */
#include "proxy/account.h"

#include <endian.h>

#include "base/text.h"
#include "proxy/access.h"
#include "proxy/connection.h"

#define STATUS_CLIENT_LEFT 499 /* logged only: nobody is there to be answered */

void account_open(struct connection *connection, uint16_t port)
{
	struct worker *worker = connection->worker;

	connection->account.number = ++worker->connection_numbers * LIMIT_WORKERS + worker->index;
	connection->account.begun_ms = worker->now_ms;
	connection->account.port = port;
}

/* The exchange's listener has a log, and there is a thread that writes it. */
static bool is_logged(const struct exchange *exchange)
{
	return exchange->client->worker->access && exchange->listener != SNAPSHOT_NONE &&
	       exchange_listener(exchange)->access_log.size;
}

void account_begin(struct exchange *exchange, const char *head)
{
	struct worker *worker = exchange->client->worker;

	exchange->account.begun_ms = exchange->client->account.begun_ms;
	exchange->account.head_size = worker->request.head_size;
	if (is_logged(exchange) &&
	    !access_note_take(&exchange->account.note, &worker->buffers, head, &worker->request))
		access_lose(exchange);
}

void account_begin_bad(struct exchange *exchange)
{
	struct connection *connection = exchange->client;
	struct buffer *input = connection->input;
	struct bytes bytes = { "", 0 };

	if (input)
		bytes = (struct bytes){ buffer_at(input), buffer_used(input) };
	exchange->account.begun_ms = connection->account.begun_ms;
	exchange->account.head_size = (uint32_t)bytes.size;
	if (is_logged(exchange) &&
	    !access_note_take_bad(&exchange->account.note, &connection->worker->buffers, bytes))
		access_lose(exchange);
}

void account_lost(struct connection *connection)
{
	struct exchange *exchange = exchange_new(connection);

	if (!exchange)
		return;
	exchange->account.client_left = true;
	account_begin_bad(exchange);
}

void account_try(struct exchange *exchange)
{
	struct account *account = &exchange->account;

	account->tried_ms = exchange->client->worker->now_ms;
	account->sent_ms = account->head_ms = account->read_ms = 0;
	meter_try(exchange);
}

void account_answer(struct exchange *exchange, unsigned status)
{
	struct account *account = &exchange->account;

	account->status = account->target_status = (uint16_t)status;
	account->head_ms = exchange->client->worker->now_ms;
}

void account_client_left(struct exchange *exchange)
{
	exchange->account.client_left = true;
	connection_count(exchange->client, COUNTER_CLIENT_RESET);
}

void account_move(struct exchange *exchange)
{
	struct account *account = &exchange->account;
	uint64_t now_ms = exchange->client->worker->now_ms;

	if (!account->sent_ms && transfer_is_done(&exchange->request))
		account->sent_ms = now_ms;
	if (!account->read_ms && exchange->has_response && exchange->response.is_read)
		account->read_ms = now_ms;
	meter_move(exchange);
}

void account_end(struct exchange *exchange)
{
	struct account *account = &exchange->account;

	meter_end(exchange);
	if (!account->note.text)
		return;
	access_write(exchange);
	access_note_give(&account->note, &exchange->client->worker->buffers);
}

void account_request_id(struct exchange *exchange, char text[17])
{
	uint64_t id;

	if (!exchange->account.request_id)
		exchange->account.request_id = worker_request_id(exchange->client->worker);
	id = htobe64(exchange->account.request_id);
	text_hex_write(&id, sizeof(id), text);
}

unsigned account_status(const struct exchange *exchange)
{
	const struct account *account = &exchange->account;

	/* An interim head is no answer. */
	return account->client_left && (!exchange->answered || !account->status)
		       ? STATUS_CLIENT_LEFT
		       : account->status;
}

unsigned account_try_status(const struct exchange *exchange, unsigned tried)
{
	const struct account *account = &exchange->account;

	if (tried < exchange->tried_count)
		return account->tried_status[tried];
	if (account->target_status)
		return account->target_status;
	/* The last try ended the request without being counted as one to be tried again. */
	return account->status == 502 || account->status == 504 ? account->status : 0;
}

uint64_t account_request_bytes(const struct exchange *exchange)
{
	return exchange->account.head_size + exchange->body_size;
}

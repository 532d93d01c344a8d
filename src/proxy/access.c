/* SPDX-License-Identifier: Apache-2.0 */
/* The 29 fields of an exchange that is over. Runs on the worker's thread. */
#include "proxy/access.h"

#include <string.h>

#include "proxy/access_line.h"
#include "proxy/access_ring.h"
#include "proxy/connection.h"

#define RTT_EVERY_MS 1000 /* asking the kernel costs a system call: not for each request */
#define TRIES_TEXT (CONNECTION_TRIES * (ADDRESS_TEXT_SIZE + 2))

/* Texts of one line that stand nowhere else. */
struct access_texts {
	char request_id[17];
	char server[ADDRESS_TEXT_SIZE], remote[ADDRESS_TEXT_SIZE];
	char targets[TRIES_TEXT];
	char statuses[CONNECTION_TRIES * 6];
};

static size_t decimal_write(unsigned number, char *out)
{
	char digits[12];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	memcpy(out, digits + at, sizeof(digits) - at);
	return sizeof(digits) - at;
}

/*
 * The port stands behind the last colon. An IPv6 address gets no brackets: those are the fields'.
 */
static size_t address_write(const struct address *address, char *out)
{
	char *begin = out;

	/* Every line has two addresses: the usual ones are not left to printf. */
	for (int i = 0; i < 4 && address->family == ADDRESS_IPV4; i++) {
		if (i)
			*out++ = '.';
		out += decimal_write(address->ip[i], out);
	}
	if (address->family != ADDRESS_IPV4)
		out += address_format_ip(address, out);
	*out++ = ':';
	out += decimal_write(address->port, out);
	return (size_t)(out - begin);
}

static struct access_value text_of_remote(const struct connection *connection,
					  struct access_texts *texts)
{
	char *out = texts->remote;

	memcpy(out, connection->ip_text, connection->ip_size);
	out += connection->ip_size;
	*out++ = ':';
	out += decimal_write(connection->account.port, out);
	return access_text((struct bytes){ texts->remote, (size_t)(out - texts->remote) });
}

/* All targets that were tried, the last one last, and what each said. */
static void upstream_fill(const struct exchange *exchange, struct access_line *line,
			  struct access_texts *texts)
{
	const struct snapshot *snapshot = &exchange->use->generation->snapshot;
	unsigned count = exchange->tried_count;
	size_t at = 0, status_at = 0;

	if (exchange->target == SNAPSHOT_NONE)
		return;
	/* The last one is among those that failed, or is still being tried. */
	if (!count || exchange->tried[count - 1] != exchange->target)
		count++;
	for (unsigned i = 0; i < count && i < CONNECTION_TRIES; i++) {
		uint32_t row = i < exchange->tried_count ? exchange->tried[i] : exchange->target;
		unsigned status = account_try_status(exchange, i);

		if (i) {
			memcpy(texts->targets + at, ", ", 2);
			memcpy(texts->statuses + status_at, ", ", 2);
			at += 2;
			status_at += 2;
		}
		at += address_write(&snapshot->targets[row].address, texts->targets + at);
		if (status)
			status_at += decimal_write(status, texts->statuses + status_at);
		else
			texts->statuses[status_at++] = '-';
	}
	line->values[ACCESS_UPSTREAM_ADDRESS] = access_text((struct bytes){ texts->targets, at });
	if (count > 1 || texts->statuses[0] != '-')
		line->values[ACCESS_UPSTREAM_STATUS] =
			access_text((struct bytes){ texts->statuses, status_at });
}

static void times_fill(const struct exchange *exchange, struct access_line *line)
{
	const struct account *account = &exchange->account;
	uint64_t now_ms = exchange->client->worker->now_ms;
	uint64_t read_ms = account->read_ms ? account->read_ms : now_ms;

	line->values[ACCESS_REQUEST_TIME] = access_seconds(now_ms - account->begun_ms);
	if (!account->tried_ms)
		return;
	line->values[ACCESS_UPSTREAM_RESPONSE_TIME] = access_seconds(read_ms - account->tried_ms);
	if (account->sent_ms)
		line->values[ACCESS_UPSTREAM_CONNECT_TIME] =
			access_seconds(account->sent_ms - account->tried_ms);
	if (account->head_ms)
		line->values[ACCESS_UPSTREAM_HEADER_TIME] =
			access_seconds(account->head_ms - account->tried_ms);
}

static void request_fill(const struct exchange *exchange, struct access_line *line)
{
	const struct access_note *note = &exchange->account.note;

	line->values[ACCESS_REQUEST] = access_text(access_note_request(note));
	if (!note->is_parsed)
		return;
	line->values[ACCESS_HTTP_HOST] = access_text(access_note_host(note));
	line->values[ACCESS_HTTP_USER_AGENT] = access_text(access_note_agent(note));
	line->values[ACCESS_HTTP_REFERER] = access_text(access_note_referer(note));
	line->values[ACCESS_URI] = access_text(access_note_path(note));
	line->values[ACCESS_SERVER_PROTOCOL] =
		access_text(note->minor ? BYTES_LITERAL("HTTP/1.1") : BYTES_LITERAL("HTTP/1.0"));
}

static void connection_fill(struct connection *connection, bool is_parsed, struct access_line *line,
			    struct access_texts *texts)
{
	struct account_client *account = &connection->account;
	uint64_t now_ms = connection->worker->now_ms;

	if (now_ms >= account->rtt_due_ms && stream_rtt(&connection->stream, &account->rtt_us) == 0)
		account->rtt_due_ms = now_ms + RTT_EVERY_MS;
	line->values[ACCESS_SERVER_ADDRESS] = access_text((struct bytes){
		texts->server, address_write(&connection->listener->address, texts->server) });
	line->values[ACCESS_REMOTE_ADDRESS] = text_of_remote(connection, texts);
	if (account->rtt_due_ms)
		line->values[ACCESS_TCPINFO_RTT] = access_number(account->rtt_us);
	line->values[ACCESS_CONNECTION] = access_number((int64_t)account->number);
	/* A head that could not be parsed is not counted against the listener's roof. */
	line->values[ACCESS_CONNECTION_REQUESTS] =
		access_number((int64_t)connection->requests + !is_parsed);
}

void access_write(struct exchange *exchange)
{
	struct connection *connection = exchange->client;
	struct worker *worker = connection->worker;
	const struct snapshot *snapshot = &exchange->use->generation->snapshot;
	const struct snapshot_listener *listener = exchange_listener(exchange);
	struct bytes file = snapshot_bytes(snapshot, listener->access_log);
	struct access_line line = { 0 };
	struct access_texts texts;

	account_request_id(exchange, texts.request_id);
	line.values[ACCESS_REQUEST_ID] = access_text((struct bytes){ texts.request_id, 16 });
	line.values[ACCESS_TIME_LOCAL] =
		access_text(access_ring_time(worker->access, worker->wall_s));
	line.values[ACCESS_PROTOCOL_TYPE] =
		access_text(exchange->is_tunnel ? BYTES_LITERAL("WS") : BYTES_LITERAL("HTTP"));
	line.values[ACCESS_STATUS] = access_number(account_status(exchange));
	if (exchange->rule != SNAPSHOT_NONE) {
		const struct snapshot_rule *rule = exchange_rule(exchange);

		line.values[ACCESS_SERVER_NAME] =
			access_text(snapshot_bytes(snapshot, rule->domain));
		line.values[ACCESS_PROXY_HOST] = access_text(bytes_of(rule->id));
	}
	line.values[ACCESS_REQUEST_LENGTH] =
		access_number((int64_t)account_request_bytes(exchange));
	line.values[ACCESS_BYTES_SENT] = access_number((int64_t)exchange->answered);
	line.values[ACCESS_VIP_VPCID] = access_number(-1);
	upstream_fill(exchange, &line, &texts);
	times_fill(exchange, &line);
	request_fill(exchange, &line);
	connection_fill(connection, exchange->account.note.is_parsed, &line, &texts);
	if (!access_ring_write(worker->access, &line,
			       (enum access_log_format)listener->access_log_format,
			       &(struct access_place){ .slot = listener->slot, .file = file }))
		access_lose(exchange);
}

void access_lose(const struct exchange *exchange)
{
	connection_count(exchange->client, COUNTER_ACCESS_LOG_DROPPED);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes over TCP: a connection alone, an HTTP request, or bytes of the operator's own. All end
 * with a reset, so that no port of ours waits for late segments. Runs on the checker's thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/words.h"
#include "proxy/health_probe.h"

#define IN_FIRST 2048

/* What the answer's first bytes must be: garbage is known by them, without waiting for more. */
static const struct bytes http_begin = { "HTTP/1.", 7 };

static enum probe_verdict head_judge(struct probe *probe, int size)
{
	struct http_response *response = &probe->prober->response;
	unsigned kind;

	if (http_response_parse(probe->in, (size_t)size, probe->is_get ? HTTP_GET : HTTP_HEAD,
				response) < 0)
		return PROBE_BAD_ANSWER;
	if (response->status < 200 && response->status != 101) {
		/* Informational: the answer is still to come. */
		if (++probe->informational_count > HTTP_INFORMATIONAL_MOST)
			return PROBE_BAD_ANSWER;
		probe->in_size -= (uint32_t)size;
		memmove(probe->in, probe->in + size, probe->in_size);
		probe->scan = (struct http_scan){ 0 };
		return PROBE_UNDER_WAY;
	}
	kind = response->status / 100u;
	return kind <= 5 && probe->http_code & 1u << (kind - 1) ? PROBE_GOOD : PROBE_STATUS;
}

/* The heads that are complete so far. */
static enum probe_verdict http_judge(struct probe *probe)
{
	while (probe->in_size) {
		struct bytes begin = http_begin;
		enum probe_verdict verdict;
		int size;

		if (begin.size > probe->in_size)
			begin.size = probe->in_size;
		if (memcmp(probe->in, begin.at, begin.size) != 0)
			return PROBE_BAD_ANSWER;
		size = http_head_scan(probe->in, probe->in_size, &probe->scan);
		if (size < 0)
			return PROBE_BAD_ANSWER;
		if (!size)
			return PROBE_UNDER_WAY;
		verdict = head_judge(probe, size);
		if (verdict != PROBE_UNDER_WAY)
			return verdict;
	}
	return PROBE_UNDER_WAY;
}

static enum probe_verdict http_room(struct probe *probe)
{
	uint32_t larger = probe->in_room ? probe->in_room * 2 : IN_FIRST;
	char *in;

	if (probe->in_total >= HTTP_HEAD_MOST)
		return PROBE_BAD_ANSWER;
	if (probe->in_size < probe->in_room)
		return PROBE_UNDER_WAY;
	if (larger > HTTP_HEAD_MOST)
		larger = HTTP_HEAD_MOST;
	in = realloc(probe->in, larger);
	if (!in)
		return PROBE_NO_ROOM;
	probe->in = in;
	probe->in_room = larger;
	return PROBE_UNDER_WAY;
}

static enum probe_verdict http_read(struct probe *probe)
{
	enum probe_verdict verdict = PROBE_UNDER_WAY;

	while (probe->stream.source.is_readable && verdict == PROBE_UNDER_WAY) {
		uint32_t room;
		ssize_t got;

		verdict = http_room(probe);
		if (verdict != PROBE_UNDER_WAY)
			return verdict;
		room = probe->in_room - probe->in_size;
		if (room > HTTP_HEAD_MOST - probe->in_total)
			room = HTTP_HEAD_MOST - probe->in_total;
		got = stream_read(&probe->stream, probe->in + probe->in_size, room);
		if (got == -EAGAIN)
			return PROBE_UNDER_WAY;
		if (got <= 0)
			return PROBE_CLOSED;
		probe->in_size += (uint32_t)got;
		probe->in_total += (uint32_t)got;
		verdict = http_judge(probe);
	}
	return verdict;
}

static enum probe_verdict custom_read(struct probe *probe)
{
	while (probe->stream.source.is_readable) {
		char bytes[sizeof(probe->expected)];
		uint16_t left = probe->expected_size - probe->expected_seen;
		ssize_t got = stream_read(&probe->stream, bytes, left);

		if (got == -EAGAIN)
			return PROBE_UNDER_WAY;
		if (got <= 0)
			return PROBE_CLOSED;
		if (memcmp(bytes, probe->expected + probe->expected_seen, (size_t)got) != 0)
			return PROBE_MISMATCH;
		probe->expected_seen += (uint16_t)got;
		if (probe->expected_seen == probe->expected_size)
			return PROBE_GOOD;
	}
	return PROBE_UNDER_WAY;
}

static enum probe_verdict stream_send(struct probe *probe)
{
	while (probe->out_written < probe->out_size && probe->stream.source.is_writable) {
		struct iovec part = { probe->out + probe->out_written,
				      (size_t)probe->out_size - probe->out_written };
		ssize_t put = stream_write(&probe->stream, &part, 1);

		if (put == -EAGAIN)
			break;
		if (put < 0)
			return PROBE_CLOSED;
		probe->out_written += (uint16_t)put;
	}
	return PROBE_UNDER_WAY;
}

static enum probe_verdict stream_step(struct probe *probe)
{
	enum probe_verdict verdict;

	if (!probe->is_connected) {
		int result = stream_connected(&probe->stream);

		if (result == -EINPROGRESS)
			return PROBE_UNDER_WAY;
		if (result < 0)
			return probe_verdict_of(result);
		probe->is_connected = true;
		if (probe->type == CHECK_TCP)
			return PROBE_GOOD;
	}
	verdict = stream_send(probe);
	if (verdict != PROBE_UNDER_WAY)
		return verdict;
	return probe->type == CHECK_HTTP ? http_read(probe) : custom_read(probe);
}

static void stream_ready(struct io_source *source)
{
	struct probe *probe = list_entry(source, struct probe, stream.source);
	enum probe_verdict verdict = stream_step(probe);

	if (verdict != PROBE_UNDER_WAY)
		probe_end(probe, verdict);
}

/* The Host of a rule without a domain: what a client would write who asks the target itself. */
static void host_of_address(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	char ip[ADDRESS_IP_TEXT_SIZE];

	if (address->port != 80) {
		address_format(address, text);
		return;
	}
	address_format_ip(address, ip);
	snprintf(text, ADDRESS_TEXT_SIZE, address->family == ADDRESS_IPV6 ? "[%s]" : "%s", ip);
}

/* False when it does not fit: then no snapshot was checked. */
static bool request_write(struct probe *probe, const struct probe_order *order)
{
	const struct snapshot_health *check = order->check;
	struct bytes path = snapshot_bytes(order->snapshot, check->path);
	struct bytes domain = snapshot_bytes(order->snapshot, check->domain);
	char host[ADDRESS_TEXT_SIZE];
	int size;

	if (!domain.size) {
		host_of_address(&probe->address, host);
		domain = bytes_of(host);
	}
	size = snprintf(probe->out, sizeof(probe->out),
			"%s %.*s HTTP/1.%u\r\nHost: %.*s\r\nUser-Agent: " PROBE_USER_AGENT
			"\r\nConnection: close\r\n\r\n",
			check->is_get ? "GET" : "HEAD", (int)path.size, path.at, check->minor,
			(int)domain.size, domain.at);
	probe->out_size = (uint16_t)size;
	return size > 0 && (size_t)size < sizeof(probe->out);
}

static bool words_write(struct probe *probe, const struct probe_order *order)
{
	struct bytes send = snapshot_bytes(order->snapshot, order->check->send);
	struct bytes receive = snapshot_bytes(order->snapshot, order->check->receive);

	if (send.size > sizeof(probe->out) || receive.size > sizeof(probe->expected))
		return false;
	memcpy(probe->out, send.at, send.size);
	probe->out_size = (uint16_t)send.size;
	memcpy(probe->expected, receive.at, receive.size);
	probe->expected_size = (uint16_t)receive.size;
	return true;
}

enum probe_verdict probe_stream_begin(struct probe *probe, const struct probe_order *order)
{
	int result;

	if (!(probe->type == CHECK_HTTP ? request_write(probe, order) : words_write(probe, order)))
		return PROBE_NO_ROOM;
	result = stream_connect(&probe->address, &probe->stream);
	if (result < 0)
		return probe_verdict_of(result);
	probe->stream.source.on_ready = stream_ready;
	result = io_add_stream(probe->prober->io, &probe->stream.source);
	return result < 0 ? probe_verdict_of(result) : PROBE_UNDER_WAY;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A demo client's life is one enum: HEAD -> (BODY_LENGTH | BODY_CHUNKED) -> ANSWER -> HEAD. Its
 * buffers are part of it and are all it ever uses. The demo server's one thread.
 */
#include "command/demo_connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/edit.h"
#include "http/h1.h"

#define IN_ROOM 16384 /* a request's head; 431 above */
#define OUT_ROOM 2048 /* an answer: head below 512, body below 1,200 */
#define PATH_SHOWN 1024

enum state {
	HEAD, /* waits for a whole request head */
	BODY_LENGTH, /* waits for `left` bytes that nobody needs */
	BODY_CHUNKED, /* waits for the last chunk */
	ANSWER, /* waits until `out` is sent */
};

struct demo_connection {
	int fd;
	enum state state;
	const char *name;
	bool is_last; /* closes after this answer */
	struct http_scan scan;
	struct http_chunked chunked;
	uint64_t left;
	size_t in_size, out_size, out_at;
	char in[IN_ROOM];
	char out[OUT_ROOM];
};

struct demo_connection *demo_connection_new(int fd, const char *name)
{
	struct demo_connection *connection = calloc(1, sizeof(*connection));

	if (connection) {
		connection->fd = fd;
		connection->name = name;
	}
	return connection;
}

struct demo_connection *demo_connection_free(struct demo_connection *connection)
{
	if (connection) {
		close(connection->fd);
		free(connection);
	}
	return NULL;
}

static void consume(struct demo_connection *connection, size_t size)
{
	connection->in_size -= size;
	memmove(connection->in, connection->in + size, connection->in_size);
}

static void write_refusal(struct demo_connection *connection, unsigned status)
{
	int size = snprintf(
		connection->out, OUT_ROOM,
		"HTTP/1.1 %u %s\r\nX-Server: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		status, http_status_text(status), connection->name);

	connection->out_size = (size_t)size;
	connection->is_last = true;
	connection->state = ANSWER;
}

static void write_answer(struct demo_connection *connection, const struct http_request *request)
{
	struct bytes path = http_bytes(connection->in, request->origin);
	int shown = (int)(path.size < PATH_SHOWN ? path.size : PATH_SHOWN);
	int body_size = (int)strlen(connection->name) + 2 + shown;
	char date[HTTP_DATE_SIZE + 1];
	int size;

	http_date_write(clock_wall_s(), date);
	size = snprintf(
		connection->out, OUT_ROOM,
		"HTTP/1.1 200 OK\r\nDate: %s\r\nX-Server: %s\r\nContent-Type: text/plain\r\n"
		"Content-Length: %d\r\n%s\r\n",
		date, connection->name, body_size,
		connection->is_last   ? "Connection: close\r\n"
		: request->minor == 0 ? "Connection: keep-alive\r\n"
				      : "");
	if (request->method != HTTP_HEAD)
		size += snprintf(connection->out + size, OUT_ROOM - (size_t)size, "%s %.*s\n",
				 connection->name, shown, path.at);
	connection->out_size = (size_t)size;
}

/* Invites the body. It fits an empty socket buffer; a client that lets it not be empty is not worth
 * more. */
static bool send_continue(const struct demo_connection *connection)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	return send(connection->fd, text, sizeof(text) - 1, MSG_NOSIGNAL) ==
	       (ssize_t)sizeof(text) - 1;
}

/* The answer is written at once, since it depends on the head alone, and sent when the body is
 * read. */
static bool take_head(struct demo_connection *connection, size_t size)
{
	struct http_request request;
	int status = http_request_parse(connection->in, size, &request);

	if (status) {
		write_refusal(connection, (unsigned)status);
		return true;
	}
	connection->is_last = !request.is_keepalive;
	write_answer(connection, &request);
	consume(connection, size);
	connection->scan = (struct http_scan){ 0 };
	connection->chunked = (struct http_chunked){ 0 };
	connection->left = request.framing == HTTP_LENGTH ? request.length : 0;
	connection->state = request.framing == HTTP_CHUNKED ? BODY_CHUNKED
			    : connection->left              ? BODY_LENGTH
							    : ANSWER;
	return connection->state == ANSWER || !request.expects_continue || connection->in_size ||
	       send_continue(connection);
}

/* Each step: true when it went on, false when it needs more bytes; *is_over when the connection is
 * to end. */
static bool step_head(struct demo_connection *connection, bool *is_over)
{
	size_t empty =
		http_skip_empty_lines(connection->in, connection->in_size, &connection->scan);
	int size;

	if (empty)
		consume(connection, empty);
	size = http_head_scan(connection->in, connection->in_size, &connection->scan);
	if (size < 0) {
		write_refusal(connection, 400);
		return true;
	}
	if (!size && connection->in_size == IN_ROOM) {
		write_refusal(connection, 431);
		return true;
	}
	if (!size)
		return false;
	*is_over = !take_head(connection, (size_t)size);
	return true;
}

static bool step_length(struct demo_connection *connection)
{
	size_t size = connection->in_size < connection->left ? connection->in_size
							     : (size_t)connection->left;

	consume(connection, size);
	connection->left -= size;
	if (connection->left)
		return false;
	connection->state = ANSWER;
	return true;
}

static bool step_chunked(struct demo_connection *connection, bool *is_over)
{
	struct http_chunked_step step = { 0 };

	if (http_chunked_decode(&connection->chunked, connection->in, connection->in_size, &step)) {
		*is_over = true;
		return true;
	}
	consume(connection, step.consumed);
	if (connection->chunked.is_done)
		connection->state = ANSWER;
	else if (connection->in_size == IN_ROOM)
		*is_over = true;
	return connection->chunked.is_done || *is_over;
}

/* 1 = all is sent, 0 = the socket is full, -1 = the peer is gone. */
static int flush_answer(struct demo_connection *connection)
{
	while (connection->out_at < connection->out_size) {
		ssize_t sent = send(connection->fd, connection->out + connection->out_at,
				    connection->out_size - connection->out_at, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 0 : -1;
		connection->out_at += (size_t)sent;
	}
	connection->out_at = connection->out_size = 0;
	return 1;
}

static enum demo_wish answer_all(struct demo_connection *connection)
{
	bool is_over = false, goes_on = true;

	while (goes_on && !is_over) {
		int sent;

		switch (connection->state) {
		case HEAD:
			goes_on = step_head(connection, &is_over);
			break;
		case BODY_LENGTH:
			goes_on = step_length(connection);
			break;
		case BODY_CHUNKED:
			goes_on = step_chunked(connection, &is_over);
			break;
		case ANSWER:
			sent = flush_answer(connection);
			if (!sent)
				return DEMO_WRITE;
			is_over = sent < 0 || connection->is_last;
			connection->state = HEAD;
			break;
		}
	}
	return is_over ? DEMO_CLOSE : DEMO_READ;
}

enum demo_wish demo_connection_turn(struct demo_connection *connection)
{
	ssize_t got;

	if (connection->state != ANSWER) {
		got = recv(connection->fd, connection->in + connection->in_size,
			   IN_ROOM - connection->in_size, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return DEMO_READ;
		if (got <= 0)
			return DEMO_CLOSE;
		connection->in_size += (size_t)got;
	}
	return answer_all(connection);
}

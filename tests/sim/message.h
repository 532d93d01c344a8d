/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How clients and targets of the simulation read HTTP/1.1: a small reader of its own, stricter than
 * any real peer, that shares no line with src/http. What it refuses ends the run as a failure,
 * since the proxy must not have sent it. Bodies are compared with their plan byte for byte.
 */
#ifndef SIM_MESSAGE_H
#define SIM_MESSAGE_H

#include "plan.h"

#define MESSAGE_HEAD_MOST 8192
#define MESSAGE_TRAILERS_MOST 40

enum message_state {
	MESSAGE_HEAD,
	MESSAGE_LENGTH,
	MESSAGE_CHUNK_LINE,
	MESSAGE_CHUNK,
	MESSAGE_CHUNK_END,
	MESSAGE_TRAILERS,
	MESSAGE_CLOSE, /* a body until the connection's end */
	MESSAGE_DONE,
	MESSAGE_RAW, /* a tunnel's bytes: not for this reader */
};

struct message {
	const char *who;
	bool is_answer;
	bool is_answer_to_head;
	enum message_state state;
	char head[MESSAGE_HEAD_MOST + 1];
	size_t head_size;
	unsigned status, minor;
	char method[16], path[64];
	uint32_t id; /* X-Id; 0 = none: an answer of the proxy's own */
	bool has_length, is_chunked, says_close, says_keepalive, says_upgrade;
	bool has_host, has_forwarded;
	uint64_t length; /* Content-Length */
	uint64_t left;
	uint64_t body_size; /* so far */
	char line[20];
	size_t line_size;
	char trailers[MESSAGE_TRAILERS_MOST + 1];
	size_t trailers_size;
};

void message_begin(struct message *message, const char *who, bool is_answer);
/* Bytes used. Stops behind the head (state tells what comes then), and behind the message. */
size_t message_feed(struct message *message, const char *data, size_t size);
/* The connection ended in order. True when that completes the message. */
bool message_end(struct message *message);
/* A byte of it was seen. */
static inline bool message_has_begun(const struct message *message)
{
	return message->head_size > 0;
}

#endif

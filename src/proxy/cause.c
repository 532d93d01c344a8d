/* SPDX-License-Identifier: Apache-2.0 */
/* The table of causes. Any thread. */
#include "proxy/cause.h"

#include <errno.h>
#include <stdint.h>

static const struct {
	uint16_t status;
	uint8_t counter;
	const char *text;
} causes[CAUSES] = {
	[CAUSE_NONE] = { 500, COUNTER_HTTP_503, "-" },
	[CAUSE_SLASH] = { 301, COUNTER_HTTP_301, "slash" },
	[CAUSE_REDIRECT_301] = { 301, COUNTER_HTTP_REDIRECT, "redirect_301" },
	[CAUSE_REDIRECT_302] = { 302, COUNTER_HTTP_REDIRECT, "redirect_302" },
	[CAUSE_REDIRECT_307] = { 307, COUNTER_HTTP_REDIRECT, "redirect_307" },
	[CAUSE_BAD_HEAD] = { 400, COUNTER_HTTP_400, "bad_head" },
	[CAUSE_BAD_BODY] = { 400, COUNTER_HTTP_400_BODY, "bad_body" },
	[CAUSE_BODY_ROOF] = { 400, COUNTER_HTTP_400_ROOF, "body_roof" },
	[CAUSE_NO_RULE] = { 404, COUNTER_HTTP_404, "no_rule" },
	[CAUSE_METHOD] = { 405, COUNTER_HTTP_405, "method" },
	[CAUSE_SLOW_HEAD] = { 408, COUNTER_HTTP_408_HEAD, "slow_head" },
	[CAUSE_SLOW_BODY] = { 408, COUNTER_HTTP_408_BODY, "slow_body" },
	[CAUSE_BODY_SIZE] = { 413, COUNTER_HTTP_413, "body_size" },
	[CAUSE_TARGET_SIZE] = { 414, COUNTER_HTTP_414, "target_size" },
	[CAUSE_EXPECTATION] = { 417, COUNTER_HTTP_417, "expectation" },
	[CAUSE_HEAD_SIZE] = { 431, COUNTER_HTTP_431, "head_size" },
	[CAUSE_FIELDS] = { 431, COUNTER_HTTP_431_FIELDS, "fields" },
	[CAUSE_PATTERN] = { 500, COUNTER_HTTP_500_PATTERN, "pattern_limit" },
	[CAUSE_CODING] = { 501, COUNTER_HTTP_501, "coding" },
	[CAUSE_CONNECT_FAILED] = { 502, COUNTER_HTTP_502_CONNECT, "connect_failed" },
	[CAUSE_TARGET_CLOSED] = { 502, COUNTER_HTTP_502_CLOSED, "target_closed" },
	[CAUSE_BAD_ANSWER] = { 502, COUNTER_HTTP_502_ANSWER, "bad_answer" },
	[CAUSE_ANSWER_ROOF] = { 502, COUNTER_HTTP_502_ROOF, "answer_roof" },
	[CAUSE_NO_TARGET] = { 503, COUNTER_HTTP_503, "no_target" },
	[CAUSE_NO_LISTENER] = { 503, COUNTER_HTTP_503, "no_listener" },
	[CAUSE_NO_ROOM] = { 503, COUNTER_HTTP_503_ROOM, "no_room" },
	[CAUSE_NO_BODY_ROOM] = { 503, COUNTER_HTTP_503_BODY, "no_body_room" },
	[CAUSE_CONNECT_TIMEOUT] = { 504, COUNTER_HTTP_504_CONNECT, "connect_timeout" },
	[CAUSE_READ_TIMEOUT] = { 504, COUNTER_HTTP_504_READ, "read_timeout" },
	[CAUSE_SEND_TIMEOUT] = { 504, COUNTER_HTTP_504_SEND, "send_timeout" },
	[CAUSE_VERSION] = { 505, COUNTER_HTTP_505, "version" },
};

unsigned cause_status(enum cause cause)
{
	return causes[cause].status;
}

enum counter cause_counter(enum cause cause)
{
	return (enum counter)causes[cause].counter;
}

const char *cause_text(enum cause cause)
{
	return (unsigned)cause < CAUSES ? causes[cause].text : "-";
}

enum cause cause_of_status(unsigned status)
{
	switch (status) {
	case 405:
		return CAUSE_METHOD;
	case 414:
		return CAUSE_TARGET_SIZE;
	case 417:
		return CAUSE_EXPECTATION;
	case 431:
		return CAUSE_FIELDS;
	case 501:
		return CAUSE_CODING;
	case 505:
		return CAUSE_VERSION;
	default:
		return CAUSE_BAD_HEAD;
	}
}

enum cause cause_of_body(int error)
{
	if (error == -ENOMEM)
		return CAUSE_NO_ROOM;
	return error == -E2BIG ? CAUSE_BODY_ROOF : CAUSE_BAD_BODY;
}

enum cause cause_of_store(int error)
{
	switch (error) {
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return CAUSE_NO_ROOM;
	default:
		return CAUSE_NO_BODY_ROOM;
	}
}

enum cause cause_of_answer(int error)
{
	switch (error) {
	case -E2BIG:
	case -ENOBUFS:
		return CAUSE_ANSWER_ROOF;
	case -ENOMEM:
		return CAUSE_NO_ROOM;
	default:
		return CAUSE_BAD_ANSWER;
	}
}

enum cause cause_of_try(int error, bool was_connected)
{
	switch (error) {
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -ENOBUFS:
	case -EADDRNOTAVAIL:
	case -EIO: /* a kept body cannot be read */
		return CAUSE_NO_ROOM;
	case -ETIMEDOUT:
		return was_connected ? CAUSE_READ_TIMEOUT : CAUSE_CONNECT_TIMEOUT;
	default:
		return was_connected ? CAUSE_TARGET_CLOSED : CAUSE_CONNECT_FAILED;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a request gets an answer of our own: one table says its status, its counter and its word in
 * the log. Counting belongs to the worker's thread.
 */
#ifndef PROXY_CAUSE_H
#define PROXY_CAUSE_H

#include <stdbool.h>

#include "process/counters.h"

enum cause {
	CAUSE_NONE, /* there is no reason to refuse it */
	CAUSE_SLASH, /* 301 to the path with a "/" behind it */
	CAUSE_REDIRECT_301, /* the rule redirects */
	CAUSE_REDIRECT_302,
	CAUSE_REDIRECT_307,
	CAUSE_BAD_HEAD,
	CAUSE_BAD_BODY, /* chunks or trailers */
	CAUSE_BODY_ROOF, /* a chunk line's, or the trailers' */
	CAUSE_NO_RULE,
	CAUSE_METHOD,
	CAUSE_SLOW_HEAD,
	CAUSE_SLOW_BODY,
	CAUSE_BODY_SIZE,
	CAUSE_TARGET_SIZE, /* of the request line */
	CAUSE_EXPECTATION,
	CAUSE_HEAD_SIZE,
	CAUSE_FIELDS, /* too many */
	CAUSE_PATTERN, /* a regular expression took too long: nobody knows whose request it is */
	CAUSE_CODING,
	CAUSE_CONNECT_FAILED,
	CAUSE_TARGET_CLOSED,
	CAUSE_BAD_ANSWER,
	CAUSE_ANSWER_ROOF, /* its head's, or how many interim ones there are */
	CAUSE_NO_TARGET,
	CAUSE_NO_LISTENER, /* it was deleted while the client was connected */
	CAUSE_NO_ROOM, /* descriptors, ports or memory */
	CAUSE_NO_BODY_ROOM, /* for a body that is read first: the roof of all of them, or the disk
			     */
	CAUSE_CONNECT_TIMEOUT,
	CAUSE_READ_TIMEOUT,
	CAUSE_SEND_TIMEOUT,
	CAUSE_VERSION,
	CAUSES,
};

unsigned cause_status(enum cause cause);
enum counter cause_counter(enum cause cause);
/* "connect_failed"; "-" outside the enumeration. */
const char *cause_text(enum cause cause);

/* What http_request_parse answers with. */
enum cause cause_of_status(unsigned status);
/* Of a client's body, by how reading it failed. */
enum cause cause_of_body(int error);
/* Of a body that is kept, by how that failed. */
enum cause cause_of_store(int error);
/* Of a target's answer, likewise. */
enum cause cause_of_answer(int error);
/* Of a try whose connection failed, or broke before an answer began. */
enum cause cause_of_try(int error, bool was_connected);

#endif

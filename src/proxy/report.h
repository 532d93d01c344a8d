/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker logs about the answers that it makes itself: a line each, up to a roof in every
 * second, then one line with how many were left out. Belongs to the worker's thread.
 */
#ifndef PROXY_REPORT_H
#define PROXY_REPORT_H

#include "io/timer.h"
#include "proxy/cause.h"

struct worker;
struct exchange;

struct report {
	struct timer timer; /* the second's end; it stands only when lines were left out */
	uint64_t second_ends_ms;
	uint32_t errors, others; /* lines of this second: 5xx, and what only debugging asks for */
	uint32_t suppressed;
};

void report_init(struct report *report);
/* Says what was left out last. */
void report_done(struct worker *worker);
/* A request gets an answer of our own under this id. */
void report_answer(const struct exchange *exchange, enum cause cause, const char *request_id);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last changes of targets' health, in the shared region: written by the checker, read by
 * control while it is written. Each row has a sequence number, so a reader sees a whole row or none
 * of it.
 */
#ifndef PROCESS_HEALTH_LOG_H
#define PROCESS_HEALTH_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

enum health_state { HEALTH_CLOSE, HEALTH_UNKNOWN, HEALTH_ALIVE, HEALTH_DEAD };

/* Why a state changed: what the last probe found. */
enum health_reason {
	HEALTH_REASON_NONE,
	HEALTH_REASON_PASSED,
	HEALTH_REASON_REFUSED, /* nobody listens */
	HEALTH_REASON_UNREACHABLE, /* the network, or ICMP, says so */
	HEALTH_REASON_TIMEOUT,
	HEALTH_REASON_CLOSED, /* before its answer was whole */
	HEALTH_REASON_BAD_ANSWER,
	HEALTH_REASON_STATUS, /* an HTTP status that the mask does not have */
	HEALTH_REASON_MISMATCH, /* not the bytes that were expected */
	HEALTH_REASON_NO_ECHO,
	HEALTH_REASONS,
};

/* One change. Numbers and addresses, since the things themselves may be gone when it is read. */
struct health_event {
	uint64_t target, listener; /* numbers */
	uint64_t rule; /* number; 0 on layer 4 */
	int64_t wall_s;
	struct address address; /* the target's */
	struct address vip; /* the listener's */
	uint8_t state; /* enum health_state: what it is now */
	uint8_t reason; /* enum health_reason */
	uint8_t protocol; /* of the listener */
	uint8_t unused[5];
};

#define HEALTH_LOG_ROWS \
	4096 /* a flapping site's last hours; 400 KiB, untouched ones cost nothing */
#define HEALTH_LOG_WORDS (sizeof(struct health_event) / sizeof(uint64_t))

struct health_log_row {
	_Alignas(32) _Atomic uint64_t sequence; /* 2 x position + 1 while written, + 2 when whole */
	_Atomic uint64_t words[HEALTH_LOG_WORDS]; /* a struct health_event */
};

struct region_health_log {
	_Alignas(64) _Atomic uint64_t next; /* position of the next change: 0, 1, 2, ... */
	struct health_log_row rows[HEALTH_LOG_ROWS]; /* by position modulo */
};

/* The checker. Two of them (an upgrade) do not meet: each takes a position of its own. */
void health_log_add(struct region_health_log *log, const struct health_event *event);

/* How many changes there ever were: their positions are below. */
uint64_t health_log_end(const struct region_health_log *log);
/* False when the change at `position` is overwritten, half written or to come. */
bool health_log_read(const struct region_health_log *log, uint64_t position,
		     struct health_event *ret);

/* "refused"; "-" for none and outside the enumeration. */
const char *health_reason_name(enum health_reason reason);
/* The API's words: "Close", "Unknown", "Alive", "Dead"; "Unknown" outside the enumeration. */
const char *health_state_name(enum health_state state);

#endif

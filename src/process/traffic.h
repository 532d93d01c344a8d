/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went through: rows of numbers by listener, by rule and by target, in the shared region
 * (process/regions.h). Each worker adds to its own column, relaxed and without contention; readers
 * sum the columns. A row belongs to whoever wrote its number into it last: the worker that counts
 * for a slot's new owner empties it first, so nobody sees another's numbers as his.
 */
#ifndef PROCESS_TRAFFIC_H
#define PROCESS_TRAFFIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/limits.h"

#define TRAFFIC_BUCKETS 12 /* of times, as traffic_buckets_ms[] has them */

/* Append at the end of a group, and raise REGIONS_VERSION. traffic_name() gives the words. */
enum traffic {
	/*
	 * Between us and targets: in the rows of targets, rules and listeners; but of what struct
	 * counters has for listeners there is nothing in theirs.
	 */
	TRAFFIC_TARGET_CONNECTIONS, /* begun; UDP: flows given to it */
	TRAFFIC_CONNECT_FAILED,
	TRAFFIC_CONNECT_TIMEOUT,
	TRAFFIC_TARGET_RESETS, /* it broke off */
	TRAFFIC_TARGET_TIMEOUTS, /* HTTP: no answer, or none of the rest, in time */
	TRAFFIC_RETRIES, /* tries that came here after another target had failed */
	TRAFFIC_TARGET_REQUESTS, /* HTTP: tries that had a connection */
	TRAFFIC_BYTES_TO_TARGET,
	TRAFFIC_BYTES_FROM_TARGET,
	TRAFFIC_PACKETS_TO_TARGET, /* UDP */
	TRAFFIC_PACKETS_FROM_TARGET,
	TRAFFIC_SESSION_KEPT, /* pins that were followed */
	TRAFFIC_SESSION_PINNED, /* pins that were made or moved to it */
	TRAFFIC_RESPONSE_MS, /* sum over final answers: from the try's begin to the end */
	TRAFFIC_GOT_1XX, /* final answers' statuses; 1XX: 101 */
	TRAFFIC_GOT_2XX,
	TRAFFIC_GOT_3XX,
	TRAFFIC_GOT_4XX,
	TRAFFIC_GOT_5XX,
	TRAFFIC_GOT_404,
	TRAFFIC_GOT_499,
	TRAFFIC_GOT_502,
	TRAFFIC_GOT_503,
	TRAFFIC_GOT_504,
	TRAFFIC_WENT_UP, /* changes of health, by the checker; rows of targets only */
	TRAFFIC_WENT_DOWN,
	TRAFFIC_OF_TARGET,
	/* Between clients and us: in the rows of rules and listeners. */
	TRAFFIC_REQUESTS = TRAFFIC_OF_TARGET, /* HTTP: that ended, whatever their end */
	TRAFFIC_BYTES_FROM_CLIENT,
	TRAFFIC_BYTES_TO_CLIENT,
	TRAFFIC_PACKETS_FROM_CLIENT, /* UDP */
	TRAFFIC_PACKETS_TO_CLIENT,
	TRAFFIC_REQUEST_MS, /* sum: from a request's first byte to its answer's end */
	TRAFFIC_SENT_1XX, /* statuses, a target's and our own; 499: the client left before any */
	TRAFFIC_SENT_2XX,
	TRAFFIC_SENT_3XX,
	TRAFFIC_SENT_4XX,
	TRAFFIC_SENT_5XX,
	TRAFFIC_SENT_404,
	TRAFFIC_SENT_499,
	TRAFFIC_SENT_502,
	TRAFFIC_SENT_503,
	TRAFFIC_SENT_504,
	TRAFFIC_NO_TARGET,
	TRAFFIC_SESSION_NEW, /* verdicts of persistence, as of COUNTER_SESSION_... */
	TRAFFIC_SESSION_EXPIRED,
	TRAFFIC_SESSION_GONE,
	TRAFFIC_SESSION_DRAINED,
	TRAFFIC_SESSION_DEAD,
	TRAFFIC_SESSION_INVALID,
	TRAFFIC_OF_LISTENER,
	/* In the rows of rules: how many answers fell into each bucket. */
	TRAFFIC_REQUEST_BUCKETS = TRAFFIC_OF_LISTENER,
	TRAFFIC_RESPONSE_BUCKETS = TRAFFIC_REQUEST_BUCKETS + TRAFFIC_BUCKETS,
	TRAFFIC_OF_RULE = TRAFFIC_RESPONSE_BUCKETS + TRAFFIC_BUCKETS,
};

enum traffic_kind { TRAFFIC_TARGET, TRAFFIC_RULE, TRAFFIC_LISTENER };

/* Whole cache lines, with the number of whom they are about before them. */
struct traffic_target {
	_Alignas(64) _Atomic uint64_t number;
	_Atomic uint64_t values[30];
	_Atomic uint32_t open[2]; /* HTTP: connections to it, by bank (REGION_BANKS) */
};

struct traffic_rule {
	_Alignas(64) _Atomic uint64_t number;
	_Atomic uint64_t values[79];
};

struct traffic_listener {
	_Alignas(64) _Atomic uint64_t number;
	_Atomic uint64_t values[55];
};

#define TRAFFIC_BLOCK 16
/* A worker's rows, by slot; and which blocks of them were ever written, since to read a page of
 * shared memory is to make it. */
struct traffic_rows {
	struct traffic_target targets[LIMIT_TARGETS];
	struct traffic_rule rules[LIMIT_RULES];
	struct traffic_listener listeners[LIMIT_LISTENERS];
	_Atomic uint8_t target_blocks[LIMIT_TARGETS / TRAFFIC_BLOCK];
	_Atomic uint8_t rule_blocks[LIMIT_RULES / TRAFFIC_BLOCK];
	_Atomic uint8_t listener_blocks[LIMIT_LISTENERS / TRAFFIC_BLOCK];
};

/*
 * For the one who counts: the values of the thing with this number, zeros when it is new to its
 * slot. NULL when the slot has gone to a later one. Numbers only rise, and 0 is none.
 */
_Atomic uint64_t *traffic_row(struct traffic_rows *traffic, enum traffic_kind kind, uint32_t slot,
			      uint64_t number);

/* `values` may be NULL. */
static inline void traffic_add(_Atomic uint64_t *values, unsigned which, uint64_t count)
{
	if (values && count)
		atomic_fetch_add_explicit(&values[which], count, memory_order_relaxed);
}

/* Where an answer of this status counts: `first` is TRAFFIC_GOT_1XX or TRAFFIC_SENT_1XX. */
void traffic_add_status(_Atomic uint64_t *values, enum traffic first, unsigned status);

/* A connection to the target came (1) or went (-1). */
void traffic_open(struct traffic_rows *traffic, uint32_t slot, uint64_t number, unsigned bank,
		  int change);

/* For readers: adds what this column has for the thing with this number. */
void traffic_read(const struct traffic_rows *traffic, enum traffic_kind kind, uint32_t slot,
		  uint64_t number, uint64_t sums[TRAFFIC_OF_RULE]);
uint32_t traffic_read_open(const struct traffic_rows *traffic, uint32_t slot, uint64_t number);
/* How many values a row of this kind has. */
unsigned traffic_count(enum traffic_kind kind);

/* Upper ends in ms; UINT32_MAX closes the list. */
extern const uint32_t traffic_buckets_ms[TRAFFIC_BUCKETS];
unsigned traffic_bucket(uint64_t ms);

/* "bytes_to_target"; buckets are "request_ms_5", "response_ms_inf"; "-" outside the enumeration. */
const char *traffic_name(unsigned which);

#endif

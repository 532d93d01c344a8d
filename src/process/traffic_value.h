/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of traffic: the columns of process/traffic.h's rows, and their names. */
#ifndef PROCESS_TRAFFIC_VALUE_H
#define PROCESS_TRAFFIC_VALUE_H

#include <stdint.h>

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
	TRAFFIC_WENT_UP, /* targets: changes of health, kept in struct region_health */
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

/* Where an answer of this status counts, beside its class: a single status, or the class again.
 * `first` is TRAFFIC_GOT_1XX or TRAFFIC_SENT_1XX; the class is `first` + status / 100 - 1. */
unsigned traffic_single(enum traffic first, unsigned status);

/* Upper ends in ms; UINT32_MAX closes the list. */
extern const uint32_t traffic_buckets_ms[TRAFFIC_BUCKETS];
unsigned traffic_bucket(uint64_t ms);

/* "bytes_to_target"; buckets are "request_ms_5", "response_ms_inf"; "-" outside the enumeration. */
const char *traffic_name(unsigned which);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted, by listener and by worker, in memory that outlives the traffic process
 * (process/regions.h). Each worker writes its own column; a reader sums the columns and may see any
 * moment's values. Atomic, since during an upgrade two processes write the same column.
 */
#ifndef PROCESS_COUNTERS_H
#define PROCESS_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

/* Append only: the order is the region's. counter_name() gives the words for people and metrics. */
enum counter {
	/* Every protocol. */
	COUNTER_CONNECTIONS, /* accepted; UDP: flows begun */
	COUNTER_ACCEPT_PAUSED, /* descriptors or memory ran out: clients waited in the backlog */
	COUNTER_REFUSED_MAX_CONN,
	COUNTER_REFUSED_MAX_CPS,
	COUNTER_CONNECT_FAILED, /* a try: the target refused, or the network did */
	COUNTER_CONNECT_TIMEOUT, /* a try */
	COUNTER_RETRIES, /* tries after the first */
	COUNTER_NO_TARGET, /* none there, all of weight 0, or all tried */
	COUNTER_CLIENT_RESET, /* the client broke off */
	COUNTER_TARGET_RESET, /* the target broke off */

	/* HTTP: answers of our own, by cause. */
	COUNTER_HTTP_REQUESTS,
	COUNTER_HTTP_400,
	COUNTER_HTTP_404,
	COUNTER_HTTP_405,
	COUNTER_HTTP_408_HEAD, /* the head took too long */
	COUNTER_HTTP_408_BODY,
	COUNTER_HTTP_413,
	COUNTER_HTTP_414,
	COUNTER_HTTP_417,
	COUNTER_HTTP_431,
	COUNTER_HTTP_501,
	COUNTER_HTTP_502_CONNECT,
	COUNTER_HTTP_502_CLOSED, /* the target closed before or within its answer */
	COUNTER_HTTP_502_ANSWER, /* the answer broke the rules or a roof */
	COUNTER_HTTP_503,
	COUNTER_HTTP_504_CONNECT,
	COUNTER_HTTP_504_READ,
	COUNTER_HTTP_505,
	COUNTER_HTTP_KEEPALIVE_TIMEOUT, /* closed while idle */
	COUNTER_HTTP_SEND_TIMEOUT, /* the client took nothing */
	COUNTER_HTTP_TUNNELS,
	COUNTER_LOG_SUPPRESSED,

	/* Persistence, both layers. */
	COUNTER_SESSION_KEPT,
	COUNTER_SESSION_NEW, /* no entry or cookie */
	COUNTER_SESSION_EXPIRED,
	COUNTER_SESSION_GONE, /* the target is no longer there */
	COUNTER_SESSION_DRAINED, /* the target has weight 0 */
	COUNTER_SESSION_DEAD, /* the target could not be reached: the pin moved */
	COUNTER_SESSION_INVALID, /* cookie: forged, foreign, malformed, twice */
	COUNTER_SESSION_EVICTED, /* table full: an older entry went for a new one */

	/* Layer 4: how connections and flows ended. */
	COUNTER_L4_CLOSED, /* in order, both directions */
	COUNTER_L4_IDLE, /* idle timeout */
	COUNTER_L4_NOT_CONNECTED, /* no target could be reached */
	COUNTER_L4_DEREGISTERED, /* cut by DeregisterTargetRst */
	COUNTER_L4_RESCHEDULED, /* cut by a Reschedule switch */
	COUNTER_UDP_FLOWS_FULL, /* datagrams of new flows dropped: the table was full */
	COUNTER_UDP_DROPPED, /* datagrams that could not be passed on */
	COUNTER_UDP_UNREACHABLE, /* ICMP port unreachable from a target */
	COUNTER_L4_STOPPED, /* still open when the process's grace was over */

	/* HTTP, the finer causes. */
	COUNTER_HTTP_301,
	COUNTER_HTTP_400_BODY, /* bad chunks or trailers */
	COUNTER_HTTP_400_ROOF, /* chunk lines or trailers above their roof */
	COUNTER_HTTP_431_FIELDS, /* too many; COUNTER_HTTP_431: too many bytes */
	COUNTER_HTTP_502_ROOF, /* a target's head, interim answers, chunk lines, trailers */
	COUNTER_HTTP_503_ROOM, /* descriptors, ports or memory ran out */
	COUNTER_HTTP_504_SEND, /* the target took nothing */
	COUNTER_HTTP_CUT, /* answers that broke off or broke the rules within their body */
	COUNTER_HTTP_TUNNEL_IDLE, /* tunnels on which nothing moved */
	COUNTER_ACCESS_LOG_DROPPED, /* lines: the log's thread could not keep up, or could not write
				     */
	COUNTER_HTTP_503_BODY, /* a body that is read first found no room: --body-room, or the disk
				*/
	COUNTER_ACCESS_DENIED, /* clients that an instance's lists keep out; UDP: datagrams */
	COUNTER_HTTP_REDIRECT, /* answers of rules that redirect */
	COUNTER_HTTP_500_PATTERN, /* a regular expression took too long */

	COUNTERS_USED,
	COUNTERS_ROOM = 64, /* the region's; COUNTERS_USED is at most that */
};

struct counters {
	_Alignas(64) _Atomic uint64_t values[COUNTERS_ROOM];
};

static inline void counter_add(struct counters *counters, enum counter counter, uint64_t count)
{
	atomic_fetch_add_explicit(&counters->values[counter], count, memory_order_relaxed);
}

/* "http_408_head"; "-" outside the enumeration. */
const char *counter_name(enum counter counter);

#endif

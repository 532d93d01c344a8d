/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layer 4's choice of a target: persistence by source IP over weighted round robin, or least
 * connections. Brings the session table, the shared turn and the counts of open connections
 * together; TCP connections and UDP flows use it alike. Runs on the worker's thread.
 */
#ifndef PROXY_PIN_H
#define PROXY_PIN_H

#include "model/snapshot.h"
#include "proxy/listener.h"
#include "proxy/schedule.h"
#include "sticky/table.h"

struct worker;

/* What a connection or flow remembers of its pin. Nothing here points into a generation. */
struct pin {
	uint64_t scope; /* of the session key; 0 = the listener has no persistence */
	uint64_t target; /* number of the target in use; 0 = none yet */
	uint32_t target_slot; /* its count of open connections is ours to give back */
	uint32_t touched_s; /* session second of the last refresh */
	uint16_t expire_s;
};

/* The tries of one connection so far: zeros at its beginning. Numbers, since a generation may come
 * in between. */
struct pin_tries {
	uint64_t targets[L4_CONNECT_TRIES];
	struct scheduled_turn turn;
	uint8_t count;
};

/*
 * The next target to try, a row of the current generation's targets, or SNAPSHOT_NONE when none is
 * left (COUNTER_NO_TARGET) or `tries` is full. `listener` must have a row. The first try asks the
 * session table; a later one leaves the targets in `tries` out and moves the pin with it. Adds the
 * target to `tries`, counts the connection to it (and takes it off the one before). Everything of
 * persistence and COUNTER_RETRIES is counted here.
 */
uint32_t pin_choose(struct worker *worker, const struct proxy_listener *listener,
		    const struct address *client, struct pin_tries *tries, struct pin *pin);
/* Bytes moved: refreshes the entry, at most once a second. Cheap to call often. */
void pin_touch(struct worker *worker, const struct address *client, struct pin *pin);
/* The connection or flow ended, whether or not a target was chosen: refreshes, and gives the
 * target's count back. */
void pin_end(struct worker *worker, const struct proxy_listener *listener,
	     const struct address *client, struct pin *pin);
/* A generation was adopted: the listener's present time, or none any more when its persistence
 * ended meanwhile (SP-50). */
void pin_renew(const struct proxy_listener *listener, struct pin *pin);
/* The row of its target in the current generation; SNAPSHOT_NONE when that is gone, or the listener
 * is. */
uint32_t pin_target_row(const struct proxy_listener *listener, const struct pin *pin);

/*
 * MaxConn and MaxCps of a listener (which must have a row) at a new connection or flow: 0 and
 * counted in, also as COUNTER_CONNECTIONS; or the counter of the refusal, to which it was added.
 * listener_leave() takes it off again.
 */
int listener_enter(struct worker *worker, const struct proxy_listener *listener);
/* The same without limits and COUNTER_CONNECTIONS, for HTTP. */
void listener_join(struct worker *worker, const struct proxy_listener *listener);
void listener_leave(struct worker *worker, const struct proxy_listener *listener);

#endif

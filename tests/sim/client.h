/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy's clients: each sends its requests over one connection, reads to the byte what comes
 * back, and judges it. An answer is the whole answer to its own request, an error of the proxy's
 * that something in the run excuses, or visibly none.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "net.h"
#include "plan.h"

#define CLIENT_REQUESTS_MOST 8
#define CLIENTS_MOST 16

enum client_fault {
	CLIENT_FINE,
	CLIENT_RESETS, /* at a byte of what it sends and reads */
	CLIENT_ENDS, /* ends its side at a byte of what it sends, maybe within a request */
	CLIENT_STALLS, /* sends nothing behind a byte */
	CLIENT_DEAF, /* reads nothing behind a byte */
	CLIENT_FAULTS,
};

/* What may go wrong in this run through no fault of a plan. */
struct excuses {
	bool no_target; /* for a while: 503 */
	bool few_targets; /* for a while there may be one only: no other to try */
	bool no_listener; /* for a while: 503, or nothing */
	bool stops; /* a graceful end: requests that had not begun get nothing */
	bool stops_hard; /* ... and the others no end */
	bool is_full; /* descriptors */
	bool idle_closes; /* targets end idle connections */
	bool refuses, silent; /* targets */
	bool breaks; /* a sweep breaks something */
	bool keeps_bodies; /* a try may be repeated with its body: less is excused */
};

struct client_setup {
	struct address listener;
	unsigned plans[CLIENT_REQUESTS_MOST]; /* ids */
	unsigned count;
	bool pipelines;
	bool lingers; /* waits for the proxy to close */
	bool half_closes; /* ends its side behind the last request */
	uint64_t start_ms;
	uint32_t think_ms; /* between requests, at most */
	enum client_fault fault;
	uint64_t fault_at;
};

struct client_report {
	unsigned last_status; /* of the last complete answer; 0 = none */
	uint64_t last_answer_ms; /* when it was complete */
	uint64_t over_ms; /* when the connection ended */
	bool was_reset;
	unsigned complete; /* answers from targets */
	unsigned own; /* answers of the proxy */
};

void clients_begin(const struct excuses *excuses);
void clients_end(void);
/* Its index. */
unsigned client_add(const struct client_setup *setup);
/* Those whose time has come connect. */
void clients_start(void);
uint64_t clients_next_ms(void);
bool clients_are_over(void);
const struct client_report *client_report(unsigned index);
/* The `nth` event at any client resets or ends it; 0 = never. */
void client_break_at(unsigned nth, bool is_reset);
unsigned client_events(void);

#endif

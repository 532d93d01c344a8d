/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread of traffic: an event loop, its timers, its connections to clients and to targets.
 * Everything here belongs to that thread, except what is marked atomic: there the main thread hands
 * over a generation or asks for the end.
 */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/edit.h"
#include "io/io.h"
#include "io/timer.h"
#include "proxy/admission.h"
#include "proxy/buffer.h"
#include "proxy/descriptors.h"
#include "proxy/generation.h"
#include "proxy/grave.h"
#include "proxy/report.h"
#include "proxy/upstream.h"
#include "sticky/policy.h"

struct health; /* proxy/health.h */
struct access_ring; /* proxy/access_ring.h */
struct body_room; /* proxy/body_store.h */
struct sockets; /* proxy/listener.h: listening sockets on their way from the keeper to the workers
		 */

/* A generation that this worker's requests use: one counted reference for all of them. */
struct generation_use {
	struct generation *generation;
	uint32_t pins; /* requests, and one while it is the current one */
};

struct worker {
	unsigned index;
	pthread_t thread;
	struct io *io;
	struct timer_wheel wheel;
	struct buffer_stock buffers;
	struct body_room *bodies; /* of all workers; NULL: no body is kept (tests) */
	struct exchange *spare_exchanges; /* ended ones, for the next requests */
	uint32_t spare_count;
	struct token_box *tokens;
	struct pattern_matcher *matcher;
	struct regions *regions;
	struct session_table *sessions; /* NULL: nobody is pinned (tests) */
	struct access_ring *access; /* NULL: no requests are logged (tests) */
	struct health *health; /* NULL: failures are not told (tests) */
	struct counters *counters; /* this worker's column, by listener slot */
	struct traffic_rows *traffic; /* nobody else writes there */
	unsigned bank; /* of the counts of what is open: below REGION_BANKS */
	struct sockets *sockets;
	int done_fd; /* an eventfd of the main thread: written after a generation was adopted, and
			at the end */

	/* The time of this turn of the loop. */
	uint64_t now_ms;
	int64_t wall_s;
	int64_t session_s;
	char date[HTTP_DATE_SIZE + 1];

	struct generation_use *current;
	struct list listeners; /* struct listener */
	struct list paused; /* listeners that wait for descriptors */
	struct list connections; /* struct connection: all that live */
	uint32_t connection_count; /* those, and what hangs at listeners: TCP ones, UDP flows */
	struct descriptors *descriptors;
	struct list graves; /* what died in this turn: freed at its end */
	struct upstream_table upstreams;
	struct udp *udp; /* proxy/udp.c's; NULL before the first UDP listener */
	uint64_t request_ids;
	uint64_t request_id_seed;
	uint64_t connection_numbers;
	struct timer pause_timer;
	struct timer health_timer; /* proxy/reschedule.c */
	struct report report;
	struct admission_report admission;

	bool is_stopping;
	struct timer grace_timer;

	/* Scratch for the head being read: nothing in it outlives one call. */
	struct http_request request;
	struct http_response response;

	/* From the main thread, which writes `wake` after it changed the mailbox. */
	struct io_source wake; /* an eventfd */
	struct {
		pthread_mutex_t lock;
		struct generation *next; /* to be adopted; a reference comes with it */
		uint64_t sequence; /* of the handover */
		int64_t stop_grace_ms; /* -1 = go on */
		bool is_patient; /* of that stop */
	} mailbox;
	_Atomic uint64_t adopted; /* sequence of the handover in force here */
	_Atomic bool is_ended;
};

struct worker_setup {
	unsigned index;
	unsigned bank;
	struct regions *regions;
	struct session_table *sessions; /* may be NULL */
	struct health *health; /* may be NULL */
	struct access_ring *access; /* may be NULL */
	struct body_room *bodies; /* may be NULL */
	struct sockets *sockets;
	struct descriptors *descriptors;
	int done_fd;
};

/* worker_done ends what worker_init began, also when it failed. Memory of *worker must not move. */
int worker_init(struct worker *worker, const struct worker_setup *setup);
int worker_start(struct worker *worker);
/*
 * One turn of the loop: waits, then deals with what came. False once the worker came to its end.
 * The thread of worker_start does nothing but this; a test may do it in its place.
 */
bool worker_turn(struct worker *worker);
void worker_done(struct worker *worker);
/* From the main thread. `sequence` rises; worker->adopted says which one is in force. */
void worker_hand_over(struct worker *worker, struct generation *generation, uint64_t sequence);
/* Stop accepting, finish requests, end after grace_ms at the latest: is_ended. */
void worker_ask_to_stop(struct worker *worker, int64_t grace_ms);
/* The same where another process has taken over: an idle client may use its connection once more,
 * so that none finds it closed while it sends. */
void worker_ask_to_make_way(struct worker *worker, int64_t grace_ms);
void worker_wake(struct worker *worker);

struct generation_use *generation_use_pin(struct generation_use *use);
struct generation_use *generation_use_unpin(struct generation_use *use);

/* Frees what holds `grave` when the turn is over: until then events may still point at it. */
void worker_bury(struct worker *worker, struct grave *grave, void *memory);
/* Closes what is only kept for later: its descriptors are wanted. */
void worker_shed(struct worker *worker);
/* A connection came or went. */
void worker_count(struct worker *worker, int change);
/* The name of a request; account_request_id() is who asks. */
uint64_t worker_request_id(struct worker *worker);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner header of the health checks: the checker and its watches, one for each target that is
 * probed or blocked. Everything here belongs to the checker's thread, but for the mailbox.
 */
#ifndef PROXY_HEALTH_CHECKER_H
#define PROXY_HEALTH_CHECKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "proxy/generation.h"
#include "proxy/health_probe.h"
#include "proxy/health_region.h"

#define HEALTH_BLOCK_MS 10000 /* features.md 6, passive checks */
#define HEALTH_FAILURES 3
/* However many targets there are: about a quarter of a core. Above it intervals grow. */
#define HEALTH_PROBES_A_SECOND 5000
#define HEALTH_REPORTS_MOST 256 /* reports of workers that wait; a lost one comes again */

/* A target under watch. */
struct watch {
	struct list link; /* checker.watches */
	struct list wait; /* checker.waiting or .waiting_failed; alone when it does not wait */
	struct timer due_timer, block_timer;
	struct checker *checker;
	struct probe *probe; /* under way, or NULL */
	uint64_t number, due_ms;
	uint32_t slot, target; /* row of the generation */
	uint32_t interval_ms; /* 0 = not probed, only blocked */
	bool has_failed; /* the last probe */
	bool is_failed_probe; /* the one under way counts among those of failed targets */
	bool is_listed; /* while adopting: the new generation has it */
};

struct checker {
	struct regions *regions;
	struct io *io;
	struct timer_wheel wheel;
	struct prober prober;
	uint64_t now_ms;
	struct generation *generation; /* pinned; NULL before the first */
	struct list watches;
	struct watch **by_slot; /* LIMIT_TARGETS: the watch of a slot, or NULL */
	uint32_t *rows; /* LIMIT_TARGETS: the target's row + 1, or 0 */
	/*
	 * Due, but as many probes as may be are under way. Targets that failed wait apart: they
	 * hold their places until the timeout, so they get three quarters of them at most, and
	 * those that answer are never late because of them.
	 */
	struct list waiting, waiting_failed;
	uint32_t probes_most, failed_probes;
	uint32_t may_begin; /* of HEALTH_PROBES_A_SECOND; filled up with the time */
	uint64_t filled_ms;
	uint64_t no_room_until_ms; /* said in the log, not to be said again before */
};

struct health_report {
	uint64_t number;
	uint32_t slot;
};

struct health {
	struct checker checker;
	pthread_t thread;
	struct io_source wake; /* an eventfd */
	bool is_stopped; /* the thread's own */
	bool must_end;
	struct {
		pthread_mutex_t lock;
		pthread_cond_t is_done;
		struct generation *next; /* to be adopted; whoever asks waits for that */
		int result;
		bool must_stop, must_end;
		uint32_t report_count;
		struct health_report reports[HEALTH_REPORTS_MOST];
	} mailbox;
};

/* health_watch.c. -ENOMEM, or -errno. */
int checker_init(struct checker *checker, struct regions *regions);
/* Ends all probes and forgets all targets; the region stays as it is. */
void checker_clear(struct checker *checker);
void checker_done(struct checker *checker);
/* -ENOMEM with the old generation in force. */
int checker_adopt(struct checker *checker, struct generation *generation);
/* A worker's forwards to it failed. */
void checker_block(struct checker *checker, const struct health_report *report);
/* Begins what waits, as far as there is room. */
void checker_begin_waiting(struct checker *checker);
/* How long the loop may wait; -1 = for ever. */
int checker_timeout_ms(const struct checker *checker, uint64_t now_ms);

/* health_tell.c: one line each, features.md section 13, and a change into the ring as well. */
void health_tell_change(struct regions *regions, const struct snapshot *snapshot, uint32_t target,
			const struct health_change *change, enum probe_verdict verdict);
void health_tell_blocked(const struct snapshot *snapshot, uint32_t target);

#endif

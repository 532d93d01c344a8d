/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker's thread and the door to it. The main thread hands generations over and waits until
 * they are adopted; workers leave reports and go on. Each turn: wait, read the clock, deal with
 * events, the mailbox and timers, begin what is due, free what died.
 */
#include "proxy/health.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/words.h"
#include "process/log.h"
#include "proxy/health_checker.h"

#define SHIFTED_TURN_MS 100 /* how often the loop looks when a test moves the clock */
#define STALL_MS 1000
#define STALL_ROUNDS 32 /* of some hundred events each: all probes that there may be */

static void health_wake(struct health *health)
{
	uint64_t one = 1;

	if (write(health->wake.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_event(LOG_LEVEL_ERROR, "eventfd_write", "error", log_errno(errno), NULL);
}

/* --- The thread. */

static void take_reports(struct health *health)
{
	struct health_report reports[HEALTH_REPORTS_MOST];
	uint32_t count;

	pthread_mutex_lock(&health->mailbox.lock);
	count = health->mailbox.report_count;
	memcpy(reports, health->mailbox.reports, count * sizeof(*reports));
	health->mailbox.report_count = 0;
	pthread_mutex_unlock(&health->mailbox.lock);
	for (uint32_t i = 0; i < count && !health->is_stopped; i++)
		checker_block(&health->checker, &reports[i]);
}

/* What the main thread asks for; it waits for the answer. */
static void take_orders(struct health *health)
{
	struct generation *next;
	bool must_stop;
	int result = 0;

	pthread_mutex_lock(&health->mailbox.lock);
	next = health->mailbox.next;
	must_stop = health->mailbox.must_stop;
	health->must_end = health->mailbox.must_end;
	pthread_mutex_unlock(&health->mailbox.lock);
	if (must_stop && !health->is_stopped) {
		health->is_stopped = true;
		checker_clear(&health->checker);
	}
	if (next && !health->is_stopped)
		result = checker_adopt(&health->checker, next);
	if (!next && !must_stop)
		return;
	pthread_mutex_lock(&health->mailbox.lock);
	health->mailbox.result = result;
	health->mailbox.next = NULL;
	health->mailbox.must_stop = false;
	pthread_cond_signal(&health->mailbox.is_done);
	pthread_mutex_unlock(&health->mailbox.lock);
}

static void wake_ready(struct io_source *source)
{
	struct health *health = list_entry(source, struct health, wake);
	uint64_t count;

	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	take_orders(health);
	take_reports(health);
}

/*
 * After a pause of ours (the process was stopped, the machine slept) answers lie in the sockets
 * that came in time: all are read before anybody is said to have timed out.
 */
static void read_what_came(struct checker *checker)
{
	for (int i = 0; i < STALL_ROUNDS; i++) {
		if (io_wait(checker->io, 0) < 0)
			abort();
		io_turn(checker->io);
	}
}

static void *health_run(void *argument)
{
	struct health *health = argument;
	struct checker *checker = &health->checker;

	while (!health->must_end) {
		uint64_t before_ms = clock_boot_ms();
		int timeout_ms = checker_timeout_ms(checker, before_ms);

		if (clock_is_shifted() && (timeout_ms < 0 || timeout_ms > SHIFTED_TURN_MS))
			timeout_ms = SHIFTED_TURN_MS;
		if (io_wait(checker->io, timeout_ms) < 0)
			abort();
		checker->now_ms = checker->prober.now_ms = clock_boot_ms();
		io_turn(checker->io);
		if (timeout_ms >= 0 &&
		    checker->now_ms - before_ms > (uint64_t)timeout_ms + STALL_MS)
			read_what_came(checker);
		timer_wheel_run(&checker->wheel, checker->now_ms);
		checker_begin_waiting(checker);
		prober_free_dead(&checker->prober);
	}
	return NULL;
}

/* --- The door. */

static struct health *health_discard(struct health *health)
{
	checker_done(&health->checker);
	if (health->wake.fd >= 0)
		close(health->wake.fd);
	pthread_mutex_destroy(&health->mailbox.lock);
	pthread_cond_destroy(&health->mailbox.is_done);
	free(health);
	return NULL;
}

struct health *health_new(struct regions *regions)
{
	struct health *health = calloc(1, sizeof(*health));

	if (!health)
		return NULL;
	pthread_mutex_init(&health->mailbox.lock, NULL);
	pthread_cond_init(&health->mailbox.is_done, NULL);
	io_source_init(&health->wake, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), wake_ready);
	if (checker_init(&health->checker, regions) < 0 || health->wake.fd < 0 ||
	    io_add_reader(health->checker.io, &health->wake) < 0 ||
	    pthread_create(&health->thread, NULL, health_run, health) != 0)
		return health_discard(health);
	pthread_setname_np(health->thread, "health");
	return health;
}

struct health *health_free(struct health *health)
{
	if (!health)
		return NULL;
	pthread_mutex_lock(&health->mailbox.lock);
	health->mailbox.must_end = true;
	pthread_mutex_unlock(&health->mailbox.lock);
	health_wake(health);
	pthread_join(health->thread, NULL);
	return health_discard(health);
}

int health_adopt(struct health *health, struct generation *generation)
{
	int result;

	pthread_mutex_lock(&health->mailbox.lock);
	health->mailbox.next = generation;
	health_wake(health);
	while (health->mailbox.next)
		pthread_cond_wait(&health->mailbox.is_done, &health->mailbox.lock);
	result = health->mailbox.result;
	pthread_mutex_unlock(&health->mailbox.lock);
	return result;
}

void health_stop(struct health *health)
{
	if (!health)
		return;
	pthread_mutex_lock(&health->mailbox.lock);
	health->mailbox.must_stop = true;
	health_wake(health);
	while (health->mailbox.must_stop)
		pthread_cond_wait(&health->mailbox.is_done, &health->mailbox.lock);
	pthread_mutex_unlock(&health->mailbox.lock);
}

static void health_report(struct health *health, const struct snapshot_target *target)
{
	pthread_mutex_lock(&health->mailbox.lock);
	if (health->mailbox.report_count < HEALTH_REPORTS_MOST)
		health->mailbox.reports[health->mailbox.report_count++] =
			(struct health_report){ target->number, target->slot };
	pthread_mutex_unlock(&health->mailbox.lock);
	health_wake(health);
}

void health_failed(struct health *health, struct regions *regions, const struct snapshot *snapshot,
		   uint32_t target)
{
	const struct snapshot_target *row = &snapshot->targets[target];
	const struct snapshot_rule *rule = &snapshot->rules[row->rule];
	_Atomic uint8_t *failures = &regions->health[row->slot].failures;

	if (!health ||
	    protocol_is_layer4((enum protocol)snapshot->listeners[rule->listener].protocol))
		return;
	/* Far below where it would begin anew. */
	if (atomic_load_explicit(failures, memory_order_relaxed) < UINT8_MAX / 2)
		atomic_fetch_add_explicit(failures, 1, memory_order_relaxed);
	if (atomic_load_explicit(failures, memory_order_relaxed) >= HEALTH_FAILURES)
		health_report(health, row);
}

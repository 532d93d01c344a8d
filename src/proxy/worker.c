/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's thread: its loop, its time, its dead. Each turn: wait, read the clock, adopt a
 * generation if one came, handle events and timers, free what died.
 */
#include "proxy/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "process/log.h"
#include "proxy/connection.h"
#include "proxy/listener.h"
#include "proxy/reschedule.h"
#include "proxy/tcp.h"
#include "proxy/udp.h"

#define SHIFTED_TURN_MS 100 /* how often a loop looks when a test moves the clock */
#define DESCRIPTORS_MOST (1u << 24) /* a limit may be "infinity" */
#define DESCRIPTORS_KEPT 128 /* for everything that is not traffic, probes apart */
#define PROBES_SHARE 16 /* of all descriptors: at 20,000 as many as 3,000 hanging targets need */
#define PROBES_MOST 4096

struct generation_use *generation_use_pin(struct generation_use *use)
{
	use->pins++;
	return use;
}

struct generation_use *generation_use_unpin(struct generation_use *use)
{
	if (use && !--use->pins) {
		generation_unpin(use->generation);
		free(use);
	}
	return NULL;
}

void worker_bury(struct worker *worker, struct grave *grave, void *memory)
{
	grave->memory = memory;
	list_append(&worker->graves, &grave->link);
}

static void worker_free_dead(struct worker *worker)
{
	while (!list_is_empty(&worker->graves)) {
		struct grave *grave = list_entry(worker->graves.next, struct grave, link);

		list_remove(&grave->link);
		/* The analyzer does not follow list links. NOLINTNEXTLINE(clang-analyzer-*) */
		free(grave->memory);
	}
}

void worker_count(struct worker *worker, int change)
{
	worker->connection_count += (uint32_t)change;
	atomic_fetch_add_explicit(&worker->regions->open[worker->bank].connections,
				  (uint32_t)change, memory_order_relaxed);
	descriptors_count(worker->descriptors, change);
}

uint64_t worker_request_id(struct worker *worker)
{
	/* Odd multiplier: a bijection, so ids do not repeat before 2^64 of them. */
	return (worker->request_id_seed + ++worker->request_ids) * 0x9e3779b97f4a7c15ull;
}

void worker_shed(struct worker *worker)
{
	upstream_shed(worker);
	udp_shed(worker);
	pipes_shed(&worker->buffers);
}

static void worker_read_clock(struct worker *worker)
{
	int64_t wall_s = clock_wall_s();

	worker->now_ms = clock_boot_ms();
	worker->session_s = clock_session_s(&worker->regions->anchor, worker->now_ms);
	if (wall_s != worker->wall_s) {
		worker->wall_s = wall_s;
		http_date_write(wall_s, worker->date);
	}
}

static void done_tell(const struct worker *worker)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, and then the main thread is awake anyway. */
	if (write(worker->done_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_event(LOG_LEVEL_ERROR, "eventfd_write", "error", log_errno(errno), NULL);
}

static void worker_adopt(struct worker *worker, struct generation *generation, uint64_t sequence)
{
	struct generation_use *use = calloc(1, sizeof(*use));
	struct generation_use *old = worker->current;

	if (!use)
		abort(); /* nothing can be answered without memory: the keeper starts us anew */
	*use = (struct generation_use){ .generation = generation, .pins = 1 };
	worker->current = use;
	listeners_adopt(worker, sequence);
	if (worker->is_stopping)
		listeners_close(worker); /* nothing is opened any more */
	upstream_forget_gone(worker);
	tcp_adopt(worker);
	udp_adopt(worker);
	reschedule_adopt(worker);
	generation_use_unpin(old);
	atomic_store_explicit(&worker->adopted, sequence, memory_order_release);
	done_tell(worker);
}

static void grace_fire(struct timer *timer)
{
	struct worker *worker = list_entry(timer, struct worker, grace_timer);

	while (!list_is_empty(&worker->connections))
		connection_close(list_entry(worker->connections.next, struct connection, link));
	tcp_close_all(worker);
	udp_close_all(worker);
}

static void worker_stop(struct worker *worker, int64_t grace_ms, bool is_patient)
{
	if (!worker->is_stopping) {
		worker->is_stopping = true;
		listeners_close(worker);
	}
	connections_wind_down(worker, is_patient);
	timer_set(&worker->wheel, &worker->grace_timer, worker->now_ms + (uint64_t)grace_ms + 1);
}

static void wake_ready(struct io_source *source)
{
	struct worker *worker = list_entry(source, struct worker, wake);
	struct generation *next;
	uint64_t sequence;
	int64_t grace_ms;
	bool is_patient;
	uint64_t count;

	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&worker->mailbox.lock);
	next = worker->mailbox.next;
	worker->mailbox.next = NULL;
	sequence = worker->mailbox.sequence;
	grace_ms = worker->mailbox.stop_grace_ms;
	is_patient = worker->mailbox.is_patient;
	worker->mailbox.stop_grace_ms = -1;
	pthread_mutex_unlock(&worker->mailbox.lock);
	if (next)
		worker_adopt(worker, next, sequence);
	if (grace_ms >= 0)
		worker_stop(worker, grace_ms, is_patient);
}

static void pause_fire(struct timer *timer)
{
	listeners_resume(list_entry(timer, struct worker, pause_timer));
}

static void worker_end(struct worker *worker)
{
	udp_done(worker);
	upstream_table_done(worker);
	report_done(worker);
	worker_free_dead(worker);
	atomic_store_explicit(&worker->is_ended, true, memory_order_release);
	done_tell(worker);
}

bool worker_turn(struct worker *worker)
{
	int timeout_ms = timer_wheel_timeout_ms(&worker->wheel, clock_boot_ms());

	if (worker->is_stopping && !worker->connection_count) {
		worker_end(worker);
		return false;
	}
	if (clock_is_shifted() && (timeout_ms < 0 || timeout_ms > SHIFTED_TURN_MS))
		timeout_ms = SHIFTED_TURN_MS;
	if (io_wait(worker->io, timeout_ms) < 0)
		abort();
	worker_read_clock(worker);
	io_turn(worker->io);
	udp_flush(worker);
	timer_wheel_run(&worker->wheel, worker->now_ms);
	worker_free_dead(worker);
	return true;
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;

	while (worker_turn(worker))
		;
	return NULL;
}

static rlim_t descriptors_all(void)
{
	struct rlimit limit = { .rlim_cur = 1024 };

	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur < DESCRIPTORS_MOST ? limit.rlim_cur : DESCRIPTORS_MOST;
}

uint32_t descriptors_of_probes(void)
{
	rlim_t share = descriptors_all() / PROBES_SHARE;

	return share < 8 ? 8 : share > PROBES_MOST ? PROBES_MOST : (uint32_t)share;
}

void descriptors_init(struct descriptors *descriptors)
{
	rlim_t usable = descriptors_all();
	rlim_t kept = usable / 4 < DESCRIPTORS_KEPT ? usable / 4 : DESCRIPTORS_KEPT;

	usable -= kept;
	usable -= descriptors_of_probes() < usable / 2 ? descriptors_of_probes() : usable / 2;
	/* A client that asks at once takes its target's descriptor before the next one is accepted,
	 * so the reserve is only for those that were silent until now. */
	descriptors->roof = (uint32_t)(usable - usable / 16);
	atomic_init(&descriptors->used, 0);
}

int worker_init(struct worker *worker, const struct worker_setup *setup)
{
	*worker = (struct worker){
		.index = setup->index,
		.bank = setup->bank,
		.regions = setup->regions,
		.sessions = setup->sessions,
		.access = setup->access,
		.bodies = setup->bodies,
		.health = setup->health,
		.counters = setup->regions->columns[setup->index].counters,
		.traffic = &setup->regions->columns[setup->index].traffic[setup->bank],
		.sockets = setup->sockets,
		.done_fd = setup->done_fd,
		.request_id_seed = (uint64_t)clock_wall_us() << 8 | setup->index,
		.descriptors = setup->descriptors,
		.buffers = { .descriptors = setup->descriptors },
	};
	io_source_init(&worker->wake, -1, wake_ready);
	pthread_mutex_init(&worker->mailbox.lock, NULL);
	worker->mailbox.stop_grace_ms = -1;
	list_init(&worker->listeners);
	list_init(&worker->paused);
	list_init(&worker->connections);
	list_init(&worker->graves);
	timer_init(&worker->pause_timer, pause_fire);
	timer_init(&worker->grace_timer, grace_fire);
	reschedule_init(worker);
	report_init(&worker->report);
	worker_read_clock(worker);
	timer_wheel_init(&worker->wheel, worker->now_ms);
	worker->io = io_new();
	worker->tokens = token_box_new();
	worker->matcher = pattern_matcher_new();
	if (!worker->io || !worker->tokens || !worker->matcher ||
	    upstream_table_init(&worker->upstreams) < 0)
		return -ENOMEM;
	worker->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->wake.fd < 0)
		return -errno;
	return io_add_reader(worker->io, &worker->wake);
}

int worker_start(struct worker *worker)
{
	return -pthread_create(&worker->thread, NULL, worker_run, worker);
}

void worker_hand_over(struct worker *worker, struct generation *generation, uint64_t sequence)
{
	struct generation *unused;

	generation_pin(generation);
	pthread_mutex_lock(&worker->mailbox.lock);
	unused = worker->mailbox.next;
	worker->mailbox.next = generation;
	worker->mailbox.sequence = sequence;
	pthread_mutex_unlock(&worker->mailbox.lock);
	generation_unpin(unused);
	worker_wake(worker);
}

static void ask_to_stop(struct worker *worker, int64_t grace_ms, bool is_patient)
{
	pthread_mutex_lock(&worker->mailbox.lock);
	worker->mailbox.stop_grace_ms = grace_ms;
	worker->mailbox.is_patient = is_patient;
	pthread_mutex_unlock(&worker->mailbox.lock);
	worker_wake(worker);
}

void worker_ask_to_stop(struct worker *worker, int64_t grace_ms)
{
	ask_to_stop(worker, grace_ms, false);
}

void worker_ask_to_make_way(struct worker *worker, int64_t grace_ms)
{
	ask_to_stop(worker, grace_ms, true);
}

void worker_wake(struct worker *worker)
{
	uint64_t one = 1;

	if (write(worker->wake.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_event(LOG_LEVEL_ERROR, "eventfd_write", "error", log_errno(errno), NULL);
}

void worker_done(struct worker *worker)
{
	udp_done(worker);
	generation_use_unpin(worker->current);
	generation_unpin(worker->mailbox.next);
	upstream_table_done(worker);
	worker_free_dead(worker);
	exchanges_shed(worker);
	buffer_stock_done(&worker->buffers);
	token_box_free(worker->tokens);
	pattern_matcher_free(worker->matcher);
	if (worker->wake.fd >= 0)
		close(worker->wake.fd);
	io_free(worker->io);
	pthread_mutex_destroy(&worker->mailbox.lock);
}

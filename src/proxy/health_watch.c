/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is probed when: watches, the queues in front of the probes, what their verdicts do, and how a
 * new generation changes all that. Runs on the checker's thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "model/words.h"
#include "process/log.h"
#include "proxy/descriptors.h"
#include "proxy/health_checker.h"
#include "proxy/health_judge.h"

#define NO_ROOM_SAY_MS 10000
#define BURST_MS 100 /* what the rate allows at once, as a time */
#define RATE_MS 10

static const struct snapshot *snapshot_of(const struct checker *checker)
{
	return &checker->generation->snapshot;
}

/* --- Probes of watches. */

static void watch_result(struct watch *watch, enum probe_verdict verdict)
{
	struct checker *checker = watch->checker;
	struct health_change change;

	if (watch->is_failed_probe)
		checker->failed_probes--;
	watch->is_failed_probe = false;
	watch->probe = NULL;
	if (verdict == PROBE_NO_ROOM) {
		if (checker->now_ms >= checker->no_room_until_ms)
			log_event(LOG_LEVEL_WARNING, "health_no_room", "effect",
				  "some targets are not checked in time", NULL);
		if (checker->now_ms >= checker->no_room_until_ms)
			checker->no_room_until_ms = checker->now_ms + NO_ROOM_SAY_MS;
		return;
	}
	watch->has_failed = verdict != PROBE_GOOD;
	if (health_region_result(checker->regions, snapshot_of(checker), watch->target,
				 verdict == PROBE_GOOD, clock_wall_s(), &change))
		health_tell_change(checker->regions, snapshot_of(checker), watch->target, &change,
				   verdict);
}

static void probe_ended(struct prober *prober, struct probe *probe, enum probe_verdict verdict)
{
	(void)prober;
	watch_result(probe->owner, verdict);
}

static void watch_begin(struct watch *watch)
{
	struct checker *checker = watch->checker;
	const struct snapshot *snapshot = snapshot_of(checker);
	const struct snapshot_target *target = &snapshot->targets[watch->target];
	const struct snapshot_rule *rule = &snapshot->rules[target->rule];
	enum probe_verdict verdict;

	list_remove(&watch->wait);
	checker->may_begin--;
	watch->is_failed_probe = watch->has_failed;
	if (watch->is_failed_probe)
		checker->failed_probes++;
	verdict = probe_begin(
		&checker->prober,
		&(struct probe_order){
			.snapshot = snapshot,
			.check = &snapshot->checks[rule->check],
			.address = &target->address,
			.is_datagram = protocol_is_datagram(
				(enum protocol)snapshot->listeners[rule->listener].protocol),
			.owner = watch,
		},
		&watch->probe);
	if (verdict != PROBE_UNDER_WAY)
		watch_result(watch, verdict);
}

static void rate_fill(struct checker *checker)
{
	uint64_t passed_ms = checker->now_ms - checker->filled_ms;
	uint64_t most = HEALTH_PROBES_A_SECOND * BURST_MS / 1000;
	uint64_t filled;

	if (passed_ms > BURST_MS)
		passed_ms = BURST_MS;
	filled = checker->may_begin + passed_ms * HEALTH_PROBES_A_SECOND / 1000;
	checker->may_begin = (uint32_t)(filled > most ? most : filled);
	checker->filled_ms = checker->now_ms;
}

static bool may_begin(const struct checker *checker)
{
	return checker->may_begin > 0 && checker->prober.count < checker->probes_most;
}

static bool may_begin_failed(const struct checker *checker)
{
	return may_begin(checker) &&
	       checker->failed_probes < checker->probes_most - checker->probes_most / 4;
}

void checker_begin_waiting(struct checker *checker)
{
	rate_fill(checker);
	while (!list_is_empty(&checker->waiting) && may_begin(checker))
		watch_begin(list_entry(checker->waiting.next, struct watch, wait));
	while (!list_is_empty(&checker->waiting_failed) && may_begin_failed(checker))
		watch_begin(list_entry(checker->waiting_failed.next, struct watch, wait));
}

int checker_timeout_ms(const struct checker *checker, uint64_t now_ms)
{
	int timeout_ms = timer_wheel_timeout_ms(&checker->wheel, now_ms);
	bool has_waiting =
		!list_is_empty(&checker->waiting) || !list_is_empty(&checker->waiting_failed);

	/* A place comes free with an event, the right to begin only with the time. */
	if (has_waiting && !checker->may_begin && (timeout_ms < 0 || timeout_ms > RATE_MS))
		return RATE_MS;
	return timeout_ms;
}

static void due_fire(struct timer *timer)
{
	struct watch *watch = list_entry(timer, struct watch, due_timer);
	struct checker *checker = watch->checker;

	watch->due_ms = health_next_due_ms(watch->due_ms, watch->interval_ms, checker->now_ms);
	timer_set(&checker->wheel, &watch->due_timer, watch->due_ms);
	if (watch->probe || !list_is_empty(&watch->wait))
		return;
	list_append(watch->has_failed ? &checker->waiting_failed : &checker->waiting, &watch->wait);
}

/* --- Watches. */

static void watch_rest(struct watch *watch)
{
	struct checker *checker = watch->checker;

	probe_cancel(watch->probe);
	watch->probe = NULL;
	if (watch->is_failed_probe)
		checker->failed_probes--;
	watch->is_failed_probe = watch->has_failed = false;
	watch->interval_ms = 0;
	list_remove(&watch->wait);
	timer_done(&checker->wheel, &watch->due_timer);
}

static void watch_free(struct watch *watch)
{
	watch_rest(watch);
	timer_done(&watch->checker->wheel, &watch->block_timer);
	watch->checker->by_slot[watch->slot] = NULL;
	list_remove(&watch->link);
	free(watch);
}

static void block_fire(struct timer *timer)
{
	struct watch *watch = list_entry(timer, struct watch, block_timer);
	struct checker *checker = watch->checker;

	health_region_block(checker->regions, snapshot_of(checker), watch->target, 0);
	if (!watch->interval_ms)
		watch_free(watch);
}

static struct watch *watch_new(struct checker *checker)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->checker = checker;
	list_init(&watch->link);
	list_init(&watch->wait);
	timer_init(&watch->due_timer, due_fire);
	timer_init(&watch->block_timer, block_fire);
	return watch;
}

static void watch_place(struct watch *watch, uint32_t row)
{
	struct checker *checker = watch->checker;
	const struct snapshot_target *target = &snapshot_of(checker)->targets[row];

	watch->number = target->number;
	watch->slot = target->slot;
	watch->target = row;
	checker->by_slot[watch->slot] = watch;
	list_append(&checker->watches, &watch->link);
}

void checker_block(struct checker *checker, const struct health_report *report)
{
	uint32_t row = report->slot < LIMIT_TARGETS ? checker->rows[report->slot] : 0;
	struct region_health *health;
	struct watch *watch;
	uint64_t until_ms;

	if (!row || snapshot_of(checker)->targets[--row].number != report->number)
		return;
	health = &checker->regions->health[report->slot];
	/* The requests that were under way fail too: that says nothing new. */
	if (atomic_load_explicit(&health->state, memory_order_relaxed) == HEALTH_DEAD ||
	    atomic_load_explicit(&health->blocked_until_ms, memory_order_relaxed) != 0) {
		atomic_store_explicit(&health->failures, 0, memory_order_relaxed);
		return;
	}
	watch = checker->by_slot[report->slot];
	if (!watch) {
		watch = watch_new(checker);
		if (!watch)
			return;
		watch_place(watch, row);
	}
	until_ms = checker->now_ms + HEALTH_BLOCK_MS;
	health_region_block(checker->regions, snapshot_of(checker), row, until_ms);
	timer_set(&checker->wheel, &watch->block_timer, until_ms);
	health_tell_blocked(snapshot_of(checker), row);
}

/* --- Generations. */

static const struct snapshot_health *check_of(const struct snapshot *snapshot,
					      const struct snapshot_target *target)
{
	uint32_t check = snapshot->rules[target->rule].check;

	return check == SNAPSHOT_NONE ? NULL : &snapshot->checks[check];
}

static bool is_blocked(const struct checker *checker, const struct snapshot_target *target)
{
	return health_region_is_known(checker->regions, target) &&
	       atomic_load_explicit(&checker->regions->health[target->slot].blocked_until_ms,
				    memory_order_relaxed) != 0;
}

/* Is probed from now on, or at other times than before. */
static bool is_newcomer(const struct watch *watch, const struct snapshot_target *target,
			const struct snapshot_health *check)
{
	return !watch || watch->number != target->number ||
	       watch->interval_ms != check->interval_ms;
}

static void spares_free(struct list *spares)
{
	while (!list_is_empty(spares)) {
		struct watch *watch = list_entry(spares->next, struct watch, link);

		list_remove(&watch->link);
		/* The analyzer does not follow list links. NOLINTNEXTLINE(clang-analyzer-*) */
		free(watch);
	}
}

/* The memory that adopting will need, so that it cannot fail half-way. */
static int spares_make(struct checker *checker, const struct snapshot *snapshot,
		       struct list *spares, uint32_t *ret_newcomers)
{
	uint32_t newcomers = 0;

	for (uint32_t i = 0; i < snapshot->target_count; i++) {
		const struct snapshot_target *target = &snapshot->targets[i];
		const struct snapshot_health *check = check_of(snapshot, target);
		struct watch *watch = checker->by_slot[target->slot];

		newcomers += check && is_newcomer(watch, target, check);
		if (watch || !(check || is_blocked(checker, target)))
			continue;
		watch = watch_new(checker);
		if (!watch)
			return -ENOMEM;
		list_append(spares, &watch->link);
	}
	*ret_newcomers = newcomers;
	return 0;
}

static void target_adopt(struct checker *checker, uint32_t row, struct list *spares,
			 uint32_t newcomers)
{
	const struct snapshot *snapshot = snapshot_of(checker);
	const struct snapshot_target *target = &snapshot->targets[row];
	const struct snapshot_health *check = check_of(snapshot, target);
	uint64_t blocked_ms = atomic_load_explicit(
		&checker->regions->health[target->slot].blocked_until_ms, memory_order_relaxed);
	struct watch *watch = checker->by_slot[target->slot];

	checker->rows[target->slot] = row + 1;
	if (!check && !blocked_ms)
		return;
	if (!watch) {
		watch = list_entry(spares->next, struct watch, link);
		list_remove(&watch->link);
		watch_place(watch, row);
	} else if (watch->number != target->number) {
		watch_rest(watch);
		watch->number = target->number;
	}
	watch->is_listed = true;
	watch->target = row;
	timer_set(&checker->wheel, &watch->block_timer, blocked_ms);
	if (!check) {
		watch_rest(watch);
	} else if (is_newcomer(watch, target, check)) {
		watch->interval_ms = check->interval_ms;
		watch->due_ms = health_first_due_ms(checker->now_ms, target->number, newcomers,
						    check->interval_ms);
		timer_set(&checker->wheel, &watch->due_timer, watch->due_ms);
	}
}

int checker_adopt(struct checker *checker, struct generation *generation)
{
	const struct snapshot *snapshot = &generation->snapshot;
	int64_t wall_s = clock_wall_s();
	struct list spares, *link, *next;
	uint32_t newcomers;
	int result;

	list_init(&spares);
	result = spares_make(checker, snapshot, &spares, &newcomers);
	if (result < 0) {
		spares_free(&spares);
		return result;
	}
	for (uint32_t i = 0; checker->generation && i < snapshot_of(checker)->target_count; i++)
		checker->rows[snapshot_of(checker)->targets[i].slot] = 0;
	generation_pin(generation);
	generation_unpin(checker->generation);
	checker->generation = generation;
	for (uint32_t i = 0; i < snapshot->rule_count; i++)
		health_region_adopt(checker->regions, snapshot, i, wall_s);
	for (uint32_t i = 0; i < snapshot->target_count; i++)
		target_adopt(checker, i, &spares, newcomers);
	spares_free(&spares);
	for (link = checker->watches.next; link != &checker->watches; link = next) {
		struct watch *watch = list_entry(link, struct watch, link);

		next = link->next;
		if (!watch->is_listed)
			watch_free(watch);
		else
			watch->is_listed = false;
	}
	return 0;
}

/* --- The checker. */

int checker_init(struct checker *checker, struct regions *regions)
{
	int result;

	*checker = (struct checker){
		.regions = regions,
		.now_ms = clock_boot_ms(),
		.filled_ms = clock_boot_ms(),
		.probes_most = descriptors_of_probes(),
	};
	list_init(&checker->watches);
	list_init(&checker->waiting);
	list_init(&checker->waiting_failed);
	timer_wheel_init(&checker->wheel, checker->now_ms);
	checker->io = io_new();
	checker->by_slot = calloc(LIMIT_TARGETS, sizeof(struct watch *));
	checker->rows = calloc(LIMIT_TARGETS, sizeof(*checker->rows));
	if (!checker->io || !checker->by_slot || !checker->rows)
		return -ENOMEM;
	result = prober_init(&checker->prober, checker->io, &checker->wheel);
	checker->prober.on_end = probe_ended;
	checker->prober.now_ms = checker->now_ms;
	return result;
}

void checker_clear(struct checker *checker)
{
	while (!list_is_empty(&checker->watches))
		watch_free(list_entry(checker->watches.next, struct watch, link));
	checker->generation = generation_unpin(checker->generation);
}

void checker_done(struct checker *checker)
{
	checker_clear(checker);
	if (checker->prober.io)
		prober_done(&checker->prober);
	free(checker->by_slot);
	free(checker->rows);
	io_free(checker->io);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a client of layer 4 goes to, and what is counted about it. Runs on the worker's thread; the
 * session table and the counts are shared with the other workers and outlive the process.
 */
#include "proxy/pin.h"

#include "proxy/health.h"
#include "proxy/meter.h"
#include "proxy/worker.h"
#include "sticky/policy.h"

#define CLAIMS_MOST 3 /* other workers move the same pin at the same moment only so often */

/* What one choice looks at. */
struct view {
	struct worker *worker;
	const struct snapshot *snapshot;
	const struct snapshot_rule *rule;
	uint32_t rule_row;
	struct counters *counters;
};

static struct view view_of(struct worker *worker, const struct proxy_listener *listener)
{
	const struct snapshot *snapshot = &worker->current->generation->snapshot;
	uint32_t rule_row = snapshot->listeners[listener->row].rule;

	return (struct view){ worker, snapshot, &snapshot->rules[rule_row], rule_row,
			      &worker->counters[listener->slot] };
}

static struct session_key pin_key(const struct pin *pin, const struct address *client)
{
	return session_key_of(pin->scope >> 16, (uint16_t)pin->scope, client);
}

static struct session_entry pin_entry(const struct worker *worker, const struct pin *pin,
				      const struct address *client, uint64_t target)
{
	return (struct session_entry){
		.key = pin_key(pin, client),
		.target = target,
		.used_s = (uint32_t)worker->session_s,
		.expire_s = pin->expire_s,
	};
}

static void pin_begin(const struct view *view, const struct proxy_listener *listener,
		      struct pin *pin)
{
	uint32_t expire_s = view->rule->session_expire_s;

	*pin = (struct pin){ .expire_s = (uint16_t)expire_s };
	if (expire_s && view->worker->sessions)
		pin->scope = session_scope(listener->number,
					   view->snapshot->listeners[listener->row].session_epoch);
}

/* What a pin to this row is worth now: SP-44..SP-47. */
static enum counter pin_verdict(const struct view *view, uint32_t row)
{
	const struct snapshot_target *target;

	if (row == SNAPSHOT_NONE)
		return COUNTER_SESSION_GONE;
	target = &view->snapshot->targets[row];
	if (!target->weight && !view->rule->keeps_draining)
		return COUNTER_SESSION_DRAINED;
	return health_is_up(view->worker->regions, view->rule, target) ? COUNTER_SESSION_KEPT
								       : COUNTER_SESSION_DEAD;
}

/* The row of the target that the client is pinned to, if it may have it. *ret_instead_of: the one
 * it may not have any more. */
static uint32_t pin_follow(const struct view *view, const struct address *client,
			   const struct pin *pin, uint64_t *ret_instead_of)
{
	struct session_key key = pin_key(pin, client);
	enum counter verdict;
	uint64_t number = 0;
	uint32_t row = SNAPSHOT_NONE;

	switch (session_table_find(view->worker->sessions, &key, pin->expire_s,
				   (uint32_t)view->worker->session_s, &number)) {
	case SESSION_ALIVE:
		row = sticky_find_target(view->snapshot, view->rule, number);
		verdict = pin_verdict(view, row);
		break;
	case SESSION_EXPIRED:
		verdict = COUNTER_SESSION_EXPIRED;
		break;
	default:
		verdict = COUNTER_SESSION_NEW;
		break;
	}
	counter_add(view->counters, verdict, 1);
	if (verdict == COUNTER_SESSION_KEPT)
		return row;
	*ret_instead_of = verdict == COUNTER_SESSION_EXPIRED ? 0 : number;
	return SNAPSHOT_NONE;
}

/* Rows of this generation: a target that left it meanwhile is not tried again anyway. */
static size_t tried_rows(const struct view *view, const struct pin_tries *tries,
			 uint32_t ret_rows[L4_CONNECT_TRIES])
{
	size_t count = 0;

	for (uint8_t i = 0; i < tries->count; i++) {
		uint32_t row = sticky_find_target(view->snapshot, view->rule, tries->targets[i]);

		if (row != SNAPSHOT_NONE)
			ret_rows[count++] = row;
	}
	return count;
}

static uint32_t pin_schedule(const struct view *view, struct pin_tries *tries)
{
	const struct schedule schedule = {
		.worker = view->worker,
		.generation = view->worker->current->generation,
		.rule = view->rule_row,
	};
	uint32_t tried[L4_CONNECT_TRIES];
	size_t tried_count = tried_rows(view, tries, tried);

	return schedule_target(&schedule, tried, tried_count, &tries->turn);
}

static bool is_usable(const struct view *view, const struct pin_tries *tries, uint32_t row)
{
	if (pin_verdict(view, row) != COUNTER_SESSION_KEPT)
		return false;
	for (uint8_t i = 0; i < tries->count; i++) {
		if (tries->targets[i] == view->snapshot->targets[row].number)
			return false;
	}
	return true;
}

/*
 * Pins the client to `row` in place of `instead_of`. Another worker may have pinned it meanwhile:
 * then that one's target is used, unless it is one that cannot be.
 */
static uint32_t pin_claim(const struct view *view, const struct address *client,
			  const struct pin_tries *tries, const struct pin *pin, uint32_t row,
			  uint64_t instead_of)
{
	uint64_t number = view->snapshot->targets[row].number;
	struct session_entry entry = pin_entry(view->worker, pin, client, number);

	for (int i = 0; i < CLAIMS_MOST; i++) {
		struct session_claim claim =
			session_table_claim(view->worker->sessions, &entry, instead_of);
		uint32_t other;

		if (claim.was_evicted)
			counter_add(view->counters, COUNTER_SESSION_EVICTED, 1);
		if (claim.target == number)
			return row;
		other = sticky_find_target(view->snapshot, view->rule, claim.target);
		if (is_usable(view, tries, other))
			return other;
		instead_of = claim.target;
	}
	return row;
}

static void target_enter(struct worker *worker, struct pin *pin,
			 const struct snapshot_target *target)
{
	pin->target = target->number;
	pin->target_slot = target->slot;
	target_count_add(worker, target->slot);
}

/* A slot may have been emptied for another owner in between: counts never go below 0. */
static void count_take(_Atomic uint32_t *count)
{
	uint32_t value = atomic_load_explicit(count, memory_order_relaxed);

	while (value &&
	       !atomic_compare_exchange_weak_explicit(count, &value, value - 1,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

/* The slot of a target that is gone is not its own any more; whoever gets it finds it empty
 * (generation.c). */
static void target_leave(struct worker *worker, const struct proxy_listener *listener,
			 struct pin *pin)
{
	if (pin->target && pin_target_row(listener, pin) != SNAPSHOT_NONE)
		target_count_take(worker, pin->target_slot);
	pin->target = 0;
}

uint32_t pin_target_row(const struct proxy_listener *listener, const struct pin *pin)
{
	struct view view;

	if (listener->row == SNAPSHOT_NONE || !pin->target)
		return SNAPSHOT_NONE;
	view = view_of(listener->worker, listener);
	return sticky_find_target(view.snapshot, view.rule, pin->target);
}

/* The target is chosen. */
static void pin_meter(struct worker *worker, const struct proxy_listener *listener,
		      const struct pin *pin, const struct pin_tries *tries, bool is_kept)
{
	meter_flow(worker, listener, pin, TRAFFIC_TARGET_CONNECTIONS);
	if (tries->count)
		meter_flow(worker, listener, pin, TRAFFIC_RETRIES);
	if (pin->scope)
		meter_flow(worker, listener, pin,
			   is_kept ? TRAFFIC_SESSION_KEPT : TRAFFIC_SESSION_PINNED);
}

uint32_t pin_choose(struct worker *worker, const struct proxy_listener *listener,
		    const struct address *client, struct pin_tries *tries, struct pin *pin)
{
	struct view view = view_of(worker, listener);
	uint32_t row = SNAPSHOT_NONE;
	uint64_t instead_of = pin->target;
	bool is_kept;

	if (tries->count == L4_CONNECT_TRIES)
		return SNAPSHOT_NONE;
	if (!tries->count) {
		instead_of = 0;
		pin_begin(&view, listener, pin);
		if (pin->scope)
			row = pin_follow(&view, client, pin, &instead_of);
	}
	is_kept = row != SNAPSHOT_NONE;
	if (!is_kept) {
		row = pin_schedule(&view, tries);
		if (row == SNAPSHOT_NONE) {
			counter_add(view.counters, COUNTER_NO_TARGET, 1);
			return SNAPSHOT_NONE;
		}
		if (tries->count) {
			counter_add(view.counters, COUNTER_RETRIES, 1);
			if (pin->scope)
				counter_add(view.counters, COUNTER_SESSION_DEAD, 1);
		}
		if (pin->scope)
			row = pin_claim(&view, client, tries, pin, row, instead_of);
	}
	target_leave(worker, listener, pin);
	target_enter(worker, pin, &view.snapshot->targets[row]);
	pin->touched_s = (uint32_t)worker->session_s;
	pin_meter(worker, listener, pin, tries, is_kept);
	tries->targets[tries->count++] = pin->target;
	return row;
}

void pin_touch(struct worker *worker, const struct address *client, struct pin *pin)
{
	struct session_entry entry;

	if (!pin->scope || pin->touched_s == (uint32_t)worker->session_s)
		return;
	pin->touched_s = (uint32_t)worker->session_s;
	entry = pin_entry(worker, pin, client, pin->target);
	session_table_touch(worker->sessions, &entry);
}

void pin_end(struct worker *worker, const struct proxy_listener *listener,
	     const struct address *client, struct pin *pin)
{
	if (!pin->target)
		return;
	/* One that is gone would only keep its client from a target that is there. */
	if (pin_target_row(listener, pin) != SNAPSHOT_NONE)
		pin_touch(worker, client, pin);
	target_leave(worker, listener, pin);
}

void pin_renew(const struct proxy_listener *listener, struct pin *pin)
{
	struct pin now;
	struct view view;

	if (!pin->scope || listener->row == SNAPSHOT_NONE)
		return;
	view = view_of(listener->worker, listener);
	pin_begin(&view, listener, &now);
	pin->scope = pin->scope == now.scope ? now.scope : 0;
	pin->expire_s = now.expire_s;
}

/* MaxCps: so many in each second of boot time. */
static bool second_enter(struct region_listener *region, uint64_t now_ms, uint32_t most)
{
	uint64_t second = now_ms / 1000 << 32;
	uint64_t value = atomic_load_explicit(&region->second, memory_order_relaxed);
	uint64_t next;

	if (!most)
		return true;
	do {
		/* Another worker's clock may be a turn of its loop ahead. */
		next = value >= second ? value + 1 : second + 1;
		if ((uint32_t)next > most)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&region->second, &value, next, memory_order_relaxed, memory_order_relaxed));
	return true;
}

/* MaxConn: exact over the workers of a proxy; the other one of an upgrade only loses some. */
static bool conn_enter(struct region_listener *region, unsigned bank, uint32_t most)
{
	_Atomic uint32_t *count = &region->connections[bank];
	uint32_t value = atomic_load_explicit(count, memory_order_relaxed);
	uint32_t others =
		atomic_load_explicit(&region->connections[bank ^ 1], memory_order_relaxed);

	do {
		if (most && value + others >= most)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		count, &value, value + 1, memory_order_relaxed, memory_order_relaxed));
	return true;
}

int listener_enter(struct worker *worker, const struct proxy_listener *listener)
{
	struct region_listener *region = &worker->regions->listeners[listener->slot];
	const struct snapshot_listener *row =
		&worker->current->generation->snapshot.listeners[listener->row];
	struct counters *counters = &worker->counters[listener->slot];

	if (!conn_enter(region, worker->bank, row->max_conn)) {
		counter_add(counters, COUNTER_REFUSED_MAX_CONN, 1);
		return COUNTER_REFUSED_MAX_CONN;
	}
	if (!second_enter(region, worker->now_ms, row->max_cps)) {
		count_take(&region->connections[worker->bank]);
		counter_add(counters, COUNTER_REFUSED_MAX_CPS, 1);
		return COUNTER_REFUSED_MAX_CPS;
	}
	counter_add(counters, COUNTER_CONNECTIONS, 1);
	return 0;
}

void listener_join(struct worker *worker, const struct proxy_listener *listener)
{
	struct region_listener *region = &worker->regions->listeners[listener->slot];

	if (atomic_load_explicit(&region->number, memory_order_relaxed) == listener->number)
		atomic_fetch_add_explicit(&region->connections[worker->bank], 1,
					  memory_order_relaxed);
}

void listener_leave(struct worker *worker, const struct proxy_listener *listener)
{
	struct region_listener *region = &worker->regions->listeners[listener->slot];

	if (atomic_load_explicit(&region->number, memory_order_relaxed) == listener->number)
		count_take(&region->connections[worker->bank]);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new generation, and the worker's end, do to UDP flows (SP-44, SP-45, SP-48, SP-50): those
 * of a target or listener that is gone end, those of weight 0 go on unless a Reschedule switch says
 * otherwise, times are the present ones. Runs on the worker's thread, right after a generation was
 * adopted, and once a second where RescheduleUnhealthy asks for it (reschedule.h).
 */
#include "base/hash.h"
#include "proxy/health.h"
#include "proxy/reschedule.h"
#include "proxy/udp.h"
#include "proxy/udp_life.h"
#include "proxy/worker.h"

#define QUIET_AT_END_MS 3000 /* of a worker that stops: an answer takes no longer than that */

struct adoption {
	struct udp_table *table;
	const struct snapshot *snapshot;
	const struct snapshot_listener *row;
	bool has_other_targets;
	uint32_t old_idle_ms;
	uint32_t cuts; /* flows to be cut: the interval is spread over them */
	uint32_t cut; /* have their time so far */
};

/* What of the row and its targets concerns flows that live. */
struct row_view {
	uint64_t targets; /* numbers */
	uint64_t weights;
	uint64_t health; /* which ones are down; 0 without RescheduleUnhealthy */
	uint32_t session_expire_s, session_epoch;
	uint32_t idle_ms, responses;
	uint32_t reschedule_start_s, reschedule_interval_s;
	uint32_t reschedules_zero_weight, reschedules_expand;
};

static uint64_t mark_add(uint64_t mark, uint64_t value)
{
	mark = (mark ^ value) * 0x9e3779b97f4a7c15ull;
	return mark ^ mark >> 32;
}

static struct row_view row_look(const struct worker *worker, const struct snapshot *snapshot,
				const struct snapshot_listener *row)
{
	const struct snapshot_rule *rule = &snapshot->rules[row->rule];
	struct row_view view = {
		.session_expire_s = rule->session_expire_s,
		.session_epoch = row->session_epoch,
		.idle_ms = row->idle_timeout_ms,
		.responses = row->udp_responses,
		.reschedule_start_s = row->reschedule_start_s,
		.reschedule_interval_s = row->reschedule_interval_s,
		.reschedules_zero_weight = row->reschedules_zero_weight,
		.reschedules_expand = row->reschedules_expand,
	};

	for (uint32_t i = 0; i < rule->targets.count; i++) {
		const struct snapshot_target *target = &snapshot->targets[rule->targets.first + i];

		view.targets = mark_add(view.targets, target->number);
		view.weights = mark_add(view.weights, target->weight);
	}
	if (row->reschedules_unhealthy)
		view.health = reschedule_mark(worker, snapshot, rule);
	return view;
}

static enum udp_cut cut_of(const struct adoption *adoption, const struct udp_flow *flow,
			   uint32_t target)
{
	const struct snapshot_listener *row = adoption->row;

	if (row->reschedules_expand && (adoption->has_other_targets || flow->cut == UDP_CUT_EXPAND))
		return UDP_CUT_EXPAND;
	if (row->reschedules_zero_weight && !adoption->snapshot->targets[target].weight)
		return UDP_CUT_ZERO_WEIGHT;
	if (row->reschedules_unhealthy && !health_is_up(adoption->table->listener->worker->regions,
							&adoption->snapshot->rules[row->rule],
							&adoption->snapshot->targets[target]))
		return UDP_CUT_UNHEALTHY;
	return UDP_CUT_NONE;
}

/* First all are looked at, so that it is known over how many the interval is spread. */
static void flow_look(struct udp_flow *flow, void *context)
{
	struct adoption *adoption = context;
	const struct proxy_listener *listener = adoption->table->listener;
	uint32_t target = pin_target_row(listener, &flow->pin);
	enum udp_cut cut;

	if (target == SNAPSHOT_NONE) {
		udp_flow_end(flow, COUNTER_L4_DEREGISTERED);
		return;
	}
	pin_renew(listener, &flow->pin);
	/* What it has been silent for stays. */
	if (!flow->cut)
		timer_set(&listener->worker->wheel, &flow->timer,
			  flow->timer.deadline_ms - adoption->old_idle_ms +
				  adoption->table->idle_ms);
	cut = cut_of(adoption, flow, target);
	if (cut == flow->cut)
		return;
	flow->cut = (uint8_t)cut;
	flow->cut_ms = 0;
	if (!cut)
		udp_flow_extend(listener->worker, flow);
	adoption->cuts += cut != UDP_CUT_NONE;
}

static void flow_set_time(struct udp_flow *flow, void *context)
{
	struct adoption *adoption = context;
	const struct snapshot_listener *row = adoption->row;
	struct worker *worker = adoption->table->listener->worker;

	if (!flow->cut || flow->cut_ms)
		return;
	flow->cut_ms = worker->now_ms + row->reschedule_start_s * 1000ull +
		       row->reschedule_interval_s * 1000ull * adoption->cut / adoption->cuts;
	adoption->cut++;
	if (flow->cut_ms < flow->timer.deadline_ms)
		timer_set(&worker->wheel, &flow->timer, flow->cut_ms);
}

static void flow_deregister(struct udp_flow *flow, void *context)
{
	udp_flow_end(flow, COUNTER_L4_DEREGISTERED);
}

static void table_adopt(struct udp_table *table, const struct snapshot *snapshot)
{
	struct adoption adoption = { .table = table, .snapshot = snapshot };
	struct row_view view;
	uint64_t mark;

	if (table->listener->row == SNAPSHOT_NONE) {
		udp_table_walk(table, flow_deregister, NULL);
		return;
	}
	adoption.row = &snapshot->listeners[table->listener->row];
	view = row_look(table->listener->worker, snapshot, adoption.row);
	if (table->listener->is_closed && view.idle_ms > QUIET_AT_END_MS)
		view.idle_ms = QUIET_AT_END_MS;
	mark = hash_bytes(&view, sizeof(view));
	if (mark == table->row_mark)
		return;
	adoption.has_other_targets = view.targets != table->targets_mark;
	adoption.old_idle_ms = table->idle_ms;
	table->row_mark = mark;
	table->targets_mark = view.targets;
	table->idle_ms = view.idle_ms;
	table->responses = view.responses;
	udp_table_walk(table, flow_look, &adoption);
	if (adoption.cuts)
		udp_table_walk(table, flow_set_time, &adoption);
}

/* Calls `act` with every table, which may go with it. */
static void tables_walk(struct worker *worker,
			void (*act)(struct udp_table *table, const struct snapshot *snapshot))
{
	struct list *tables, *link;

	if (!worker->udp)
		return;
	tables = &worker->udp->tables;
	udp_flush(worker); /* a table may take its listener's socket with it */
	link = tables->next;
	while (link != tables) {
		struct udp_table *table = list_entry(link, struct udp_table, link);

		link = link->next;
		act(table, worker->current ? &worker->current->generation->snapshot : NULL);
		udp_table_release(table);
	}
}

void udp_adopt(struct worker *worker)
{
	tables_walk(worker, table_adopt);
}

/*
 * The worker stops. Who has as many answers as it asked questions is taken to be served; for the
 * others the loop goes on while answers come.
 */
static void flow_wind_down(struct udp_flow *flow, void *context)
{
	uint64_t due = flow->questions;

	if (flow->table->responses)
		due *= flow->table->responses;
	if (flow->answers == due)
		udp_flow_end(flow, COUNTER_L4_CLOSED);
	else
		udp_flow_extend(flow->table->listener->worker, flow);
}

void udp_close(struct proxy_listener *listener)
{
	struct udp_table *table = listener->udp;

	if (!table)
		return;
	udp_flush(listener->worker);
	if (listener->row == SNAPSHOT_NONE) {
		udp_table_walk(table, flow_deregister, NULL);
	} else {
		if (table->idle_ms > QUIET_AT_END_MS)
			table->idle_ms = QUIET_AT_END_MS;
		udp_table_walk(table, flow_wind_down, NULL);
	}
	udp_table_release(table);
}

static void flow_stop(struct udp_flow *flow, void *context)
{
	udp_flow_end(flow, COUNTER_L4_STOPPED);
}

static void table_stop(struct udp_table *table, const struct snapshot *snapshot)
{
	udp_table_walk(table, flow_stop, NULL);
}

void udp_close_all(struct worker *worker)
{
	tables_walk(worker, table_stop);
}

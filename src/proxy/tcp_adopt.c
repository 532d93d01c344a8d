/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new generation does to open TCP connections (SP-48, SP-50): DeregisterTargetRst and the
 * Reschedule switches, and the present time of persistence. Runs on the worker's thread, right
 * after a generation was adopted; for RescheduleUnhealthy also when targets went down or came up.
 */
#include "model/words.h"
#include "proxy/health.h"
#include "proxy/reschedule.h"
#include "proxy/tcp.h"
#include "proxy/tcp_connection.h"
#include "proxy/worker.h"

#define CUTS_A_TICK 256 /* more at one moment would hold up the loop */

/* One listener's connections and what happens to them. */
struct adoption {
	struct proxy_listener *listener;
	const struct snapshot *snapshot;
	const struct snapshot_listener *row; /* NULL: it was deleted */
	bool has_other_targets;
	uint32_t due; /* will be cut, and were not going to be */
	uint32_t timed; /* of those */
};

/* Changes when a target comes or goes, not with weights. */
static uint64_t targets_mark(const struct snapshot *snapshot, const struct snapshot_listener *row)
{
	const struct snapshot_rule *rule = &snapshot->rules[row->rule];
	uint64_t mark = rule->targets.count + 1;

	for (uint32_t i = 0; i < rule->targets.count; i++) {
		mark ^= snapshot->targets[rule->targets.first + i].number;
		mark *= 0x9e3779b97f4a7c15ull;
		mark ^= mark >> 32;
	}
	return mark;
}

static uint64_t health_mark(const struct proxy_listener *listener, const struct snapshot *snapshot)
{
	const struct snapshot_listener *row = &snapshot->listeners[listener->row];

	if (!row->reschedules_unhealthy)
		return 0;
	return reschedule_mark(listener->worker, snapshot, &snapshot->rules[row->rule]);
}

/* What is to become of a connection now. */
static enum tcp_cut cut_of(const struct adoption *adoption, const struct tcp_connection *connection)
{
	const struct proxy_listener *listener = adoption->listener;
	const struct snapshot_listener *row = adoption->row;
	uint32_t target = pin_target_row(listener, &connection->pin);

	if (target == SNAPSHOT_NONE && listener->tcp.resets_deregistered)
		return TCP_CUT_DEREGISTERED;
	if (!row)
		return TCP_CUT_NONE;
	if (row->reschedules_expand &&
	    (adoption->has_other_targets || connection->cut == TCP_CUT_EXPAND))
		return TCP_CUT_EXPAND;
	if (row->reschedules_zero_weight && target != SNAPSHOT_NONE &&
	    !adoption->snapshot->targets[target].weight)
		return TCP_CUT_ZERO_WEIGHT;
	if (row->reschedules_unhealthy && target != SNAPSHOT_NONE &&
	    !health_is_up(listener->worker->regions, &adoption->snapshot->rules[row->rule],
			  &adoption->snapshot->targets[target]))
		return TCP_CUT_UNHEALTHY;
	return TCP_CUT_NONE;
}

/* When the next one is cut: of those whose target left, now; the others spread over the interval.
 */
static uint64_t cut_time(struct adoption *adoption, uint8_t cut)
{
	uint64_t now_ms = adoption->listener->worker->now_ms;
	uint64_t stagger_ms = adoption->timed / CUTS_A_TICK * TIMER_TICK_MS;
	uint64_t spread_ms;

	if (cut == TCP_CUT_DEREGISTERED)
		return now_ms + stagger_ms;
	spread_ms = (uint64_t)adoption->row->reschedule_interval_s * 1000 * adoption->timed /
		    adoption->due;
	return now_ms + (uint64_t)adoption->row->reschedule_start_s * 1000 +
	       (spread_ms > stagger_ms ? spread_ms : stagger_ms);
}

/* First all of them are looked at, so that it is known over how many the interval is spread. */
static void connection_look(struct adoption *adoption, struct tcp_connection *connection)
{
	enum tcp_cut cut = cut_of(adoption, connection);

	pin_renew(adoption->listener, &connection->pin);
	if (cut == connection->cut)
		return;
	connection->cut = (uint8_t)cut;
	connection->cut_ms = 0;
	adoption->due += cut != TCP_CUT_NONE;
}

static void connection_set_time(struct adoption *adoption, struct tcp_connection *connection)
{
	if (!connection->cut || connection->cut_ms)
		return;
	connection->cut_ms = cut_time(adoption, connection->cut);
	adoption->timed++;
	if (connection->state == TCP_RELAYING)
		tcp_set_timer(connection);
}

/* Takes over what the row says now. True when open connections may have to know. */
static bool changes_take(struct adoption *adoption)
{
	struct proxy_listener *listener = adoption->listener;
	const struct snapshot_listener *row = adoption->row;
	struct tcp_changes old = listener->tcp;
	struct tcp_changes *now = &listener->tcp;

	if (!row)
		return old.resets_deregistered || old.has_switch;
	*now = (struct tcp_changes){
		.targets = targets_mark(adoption->snapshot, row),
		.session = (uint64_t)adoption->snapshot->rules[row->rule].session_expire_s << 16 |
			   row->session_epoch,
		.idle_timeout_ms = row->idle_timeout_ms,
		.resets_deregistered = row->resets_deregistered,
		.has_switch = row->reschedules_zero_weight || row->reschedules_expand ||
			      row->reschedules_unhealthy,
		.health = health_mark(listener, adoption->snapshot),
	};
	adoption->has_other_targets = now->targets != old.targets;
	return now->resets_deregistered || now->has_switch || old.resets_deregistered ||
	       old.has_switch || now->session != old.session;
}

static void listener_adopt(struct proxy_listener *listener, const struct snapshot *snapshot)
{
	struct adoption adoption = { .listener = listener, .snapshot = snapshot };
	const struct list *all = &listener->connections;

	if (listener->row != SNAPSHOT_NONE)
		adoption.row = &snapshot->listeners[listener->row];
	if (!changes_take(&adoption))
		return;
	for (struct list *link = all->next; link != all; link = link->next)
		connection_look(&adoption, list_entry(link, struct tcp_connection, link));
	for (struct list *link = all->next; adoption.due && link != all; link = link->next)
		connection_set_time(&adoption, list_entry(link, struct tcp_connection, link));
}

void tcp_adopt(struct worker *worker)
{
	const struct snapshot *snapshot = &worker->current->generation->snapshot;

	for (struct list *link = worker->listeners.next; link != &worker->listeners;
	     link = link->next) {
		struct proxy_listener *listener = list_entry(link, struct proxy_listener, link);

		if (listener->protocol == PROTOCOL_TCP)
			listener_adopt(listener, snapshot);
	}
}

void tcp_look_at_health(struct worker *worker)
{
	const struct snapshot *snapshot = &worker->current->generation->snapshot;

	for (struct list *link = worker->listeners.next; link != &worker->listeners;
	     link = link->next) {
		struct proxy_listener *listener = list_entry(link, struct proxy_listener, link);

		if (listener->protocol == PROTOCOL_TCP && listener->row != SNAPSHOT_NONE &&
		    health_mark(listener, snapshot) != listener->tcp.health)
			listener_adopt(listener, snapshot);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See reschedule.h. Health has its own writers; here it is only read. */
#include "proxy/reschedule.h"

#include "proxy/health.h"
#include "proxy/listener.h"
#include "proxy/tcp.h"
#include "proxy/udp.h"
#include "proxy/worker.h"

#define LOOK_MS 1000

static void look_fire(struct timer *timer)
{
	struct worker *worker = list_entry(timer, struct worker, health_timer);

	timer_set(&worker->wheel, &worker->health_timer, worker->now_ms + LOOK_MS);
	tcp_look_at_health(worker);
	udp_adopt(worker);
}

void reschedule_init(struct worker *worker)
{
	timer_init(&worker->health_timer, look_fire);
}

void reschedule_adopt(struct worker *worker)
{
	const struct snapshot *snapshot = &worker->current->generation->snapshot;
	bool has_switch = false;

	for (struct list *link = worker->listeners.next; link != &worker->listeners;
	     link = link->next) {
		uint32_t row = list_entry(link, struct proxy_listener, link)->row;

		has_switch |=
			row != SNAPSHOT_NONE && snapshot->listeners[row].reschedules_unhealthy;
	}
	if (!has_switch)
		timer_set(&worker->wheel, &worker->health_timer, 0);
	else if (!worker->health_timer.deadline_ms)
		timer_set(&worker->wheel, &worker->health_timer, worker->now_ms + LOOK_MS);
}

uint64_t reschedule_mark(const struct worker *worker, const struct snapshot *snapshot,
			 const struct snapshot_rule *rule)
{
	uint64_t mark = 1;

	if (health_is_plain(worker->regions, rule))
		return 0;
	for (uint32_t i = 0; i < rule->targets.count; i++) {
		const struct snapshot_target *target = &snapshot->targets[rule->targets.first + i];

		mark += health_is_up(worker->regions, rule, target) ? 1 : 2;
		mark *= 0x9e3779b97f4a7c15ull;
		mark ^= mark >> 32;
	}
	return mark | 1;
}

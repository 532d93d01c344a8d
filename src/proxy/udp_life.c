/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a UDP flow begins and ends. A flow holds a place in its listener's table and in MaxConn, its
 * target's count, a lane towards the target, and the worker's life; all of it is given back in
 * udp_flow_end, its one place of death.
 */
#include "proxy/udp_life.h"

#include <errno.h>
#include <string.h>

#include "proxy/admission.h"
#include "proxy/worker.h"

static struct counters *table_counters(const struct udp_table *table)
{
	const struct proxy_listener *listener = table->listener;

	return &listener->worker->counters[listener->slot];
}

struct meter_amounts *udp_run_of(struct udp *udp, struct udp_flow *flow)
{
	if (udp->run.flow != flow) {
		udp_run_end(udp);
		udp->run.flow = flow;
	}
	return &udp->run.amounts;
}

void udp_run_end(struct udp *udp)
{
	struct udp_run *run = &udp->run;

	if (!run->flow)
		return;
	meter_flow_move(udp->worker, run->flow->table->listener, &run->flow->pin, &run->amounts);
	*run = (struct udp_run){ 0 };
}

void udp_flow_extend(const struct worker *worker, struct udp_flow *flow)
{
	uint64_t deadline_ms = worker->now_ms + flow->table->idle_ms;

	if (flow->cut && flow->cut_ms < deadline_ms)
		deadline_ms = flow->cut_ms;
	timer_set(&flow->table->listener->worker->wheel, &flow->timer, deadline_ms);
}

static void flow_fire(struct timer *timer)
{
	struct udp_flow *flow = list_entry(timer, struct udp_flow, timer);
	struct udp_table *table = flow->table;
	bool is_cut = flow->cut && table->listener->worker->now_ms >= flow->cut_ms;

	udp_flow_end(flow, is_cut ? COUNTER_L4_RESCHEDULED : COUNTER_L4_IDLE);
	udp_table_release(table);
}

void udp_flow_end(struct udp_flow *flow, enum counter why)
{
	struct udp_table *table = flow->table;
	const struct proxy_listener *listener = table->listener;
	struct worker *worker = listener->worker;

	counter_add(table_counters(table), why, 1);
	if (worker->udp && worker->udp->run.flow == flow)
		udp_run_end(worker->udp);
	/* Every datagram refreshed the pin; an end that silence brings is no use of it. */
	flow->pin.scope = 0;
	pin_end(worker, listener, &flow->client, &flow->pin);
	listener_leave(worker, listener);
	udp_path_close(&flow->path, udp_flow_is_answered(flow));
	timer_done(&worker->wheel, &flow->timer);
	worker->connection_count--;
	udp_table_remove(flow);
}

void udp_table_release(struct udp_table *table)
{
	struct proxy_listener *listener = table->listener;

	if (table->count)
		return;
	udp_table_shrink(table);
	if (!listener->is_closed)
		return;
	listener->udp = NULL;
	udp_table_free(table);
	listener_unreference(listener);
}

/* A target, and the way to it. 0; -ENOENT: no target is left; else there is no room. */
static int flow_place(struct udp *udp, struct udp_flow *flow)
{
	struct worker *worker = udp->worker;
	uint32_t row =
		pin_choose(worker, flow->table->listener, &flow->client, &flow->tries, &flow->pin);

	if (row == SNAPSHOT_NONE)
		return -ENOENT;
	return udp_path_open(&udp->ports,
			     &worker->current->generation->snapshot.targets[row].address, flow,
			     &flow->path);
}

/* Nobody answers to port 0; and a datagram that claims to come from this very listener would make
 * it talk to itself for ever. */
static bool may_begin(const struct proxy_listener *listener, const struct udp_key *key,
		      const struct address *client)
{
	static const struct datagram_local none;
	const uint8_t *own_ip = listener->address.ip;

	if (!client->port)
		return false;
	if (memcmp(&key->local, &none, sizeof(none)) != 0)
		own_ip = key->local.ip;
	return client->port != listener->address.port ||
	       client->family != listener->address.family ||
	       memcmp(client->ip, own_ip, sizeof(client->ip)) != 0;
}

struct udp_flow *udp_flow_begin(struct udp *udp, struct udp_table *table, const struct udp_key *key)
{
	struct proxy_listener *listener = table->listener;
	struct worker *worker = udp->worker;
	struct udp_flow *flow;
	struct address client;
	int result;

	if (datagram_address_to(&key->client, &client) < 0 || !may_begin(listener, key, &client)) {
		counter_add(table_counters(table), COUNTER_UDP_DROPPED, 1);
		return NULL;
	}
	if (admission_refuses(listener, &client))
		return NULL;
	if (table->count >= table->most || udp_ports_are_full(&udp->ports)) {
		counter_add(table_counters(table), COUNTER_UDP_FLOWS_FULL, 1);
		return NULL;
	}
	if (listener_enter(worker, listener))
		return NULL;
	if (udp_table_add(table, key, &flow) < 0) {
		listener_leave(worker, listener);
		counter_add(table_counters(table), COUNTER_UDP_FLOWS_FULL, 1);
		return NULL;
	}
	flow->client = client;
	timer_init(&flow->timer, flow_fire);
	worker->connection_count++;
	result = flow_place(udp, flow);
	if (result < 0) {
		udp_flow_end(flow,
			     result == -ENOENT ? COUNTER_L4_NOT_CONNECTED : COUNTER_UDP_FLOWS_FULL);
		return NULL;
	}
	return flow;
}

/*
 * As a refused connection over TCP: before the first answer the flow goes to another target, and
 * the client's pin with it; afterwards it ends, and what comes next is scheduled as usual. The
 * datagram itself is lost, as datagrams are.
 */
void udp_flow_unreachable(struct udp *udp, struct udp_flow *flow)
{
	struct udp_table *table = flow->table;
	int result;

	counter_add(table_counters(table), COUNTER_UDP_UNREACHABLE, 1);
	meter_flow(udp->worker, table->listener, &flow->pin,
		   flow->answers ? TRAFFIC_TARGET_RESETS : TRAFFIC_CONNECT_FAILED);
	if (flow->answers || table->listener->is_closed) {
		udp_flow_end(flow, COUNTER_TARGET_RESET);
		udp_table_release(table);
		return;
	}
	udp_path_close(&flow->path, false);
	result = flow_place(udp, flow);
	if (result < 0) {
		udp_flow_end(flow,
			     result == -ENOENT ? COUNTER_L4_NOT_CONNECTED : COUNTER_UDP_FLOWS_FULL);
		udp_table_release(table);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams between clients and targets, in batches: what waits at a listener is taken and sent on
 * at once; answers of all targets are gathered and leave at the end of the loop's turn. Runs on the
 * worker's thread, which owns all of it. What cannot be sent is dropped and counted: nothing waits.
 */
#include "proxy/udp.h"

#include <errno.h>
#include <stdlib.h>

#include "proxy/udp_life.h"
#include "proxy/worker.h"

#define ROUNDS_A_TURN 4 /* batches of one listener; then the loop looks at the others */
#define ANSWERS_AT_ONCE 16 /* of one port */
#define ERRORS_A_TURN 16 /* of one port */

/* Sends, and counts what could not be. */
static void batch_flush(const struct udp *udp, struct datagram_batch *batch)
{
	const struct datagram_out *outs;
	unsigned count;

	if (!datagram_flush(batch, &outs, &count))
		return;
	for (unsigned i = 0; i < count; i++) {
		if (outs[i].error)
			counter_add(&udp->worker->counters[outs[i].mark], COUNTER_UDP_DROPPED, 1);
	}
}

void udp_flush(struct worker *worker)
{
	if (worker->udp && datagram_room(worker->udp->answers) < DATAGRAM_BATCH)
		batch_flush(worker->udp, worker->udp->answers);
}

/* From clients */

static void question_take(struct udp *udp, struct udp_table *table, struct udp_flow *flow,
			  const struct datagram *datagram)
{
	struct meter_amounts *amounts = udp_run_of(udp, flow);

	amounts->packets_from_client++;
	amounts->packets_to_target++;
	amounts->from_client += datagram->size;
	amounts->to_target += datagram->size;
	flow->questions++;
	udp_flow_extend(udp->worker, flow);
	pin_touch(udp->worker, &flow->client, &flow->pin);
	datagram_put(udp->questions,
		     &(struct datagram_out){
			     .fd = flow->path.port->source.fd,
			     .mark = table->listener->slot,
			     .datagram = datagram,
			     .to = flow->path.peer->address,
		     },
		     NULL);
}

/* It came, and goes nowhere. */
static void question_drop(const struct udp *udp, const struct proxy_listener *listener,
			  const struct datagram *datagram)
{
	meter_flow_move(
		udp->worker, listener, NULL,
		&(struct meter_amounts){ .packets_from_client = 1, .from_client = datagram->size });
}

static void questions_take(struct udp *udp, struct udp_table *table,
			   const struct datagram *datagrams, int count)
{
	const struct proxy_listener *listener = table->listener;
	struct udp_flow *flow = NULL;

	for (int i = 0; i < count; i++) {
		const struct datagram *datagram = &datagrams[i];
		struct udp_key key = { datagram->from, datagram->to };

		if (datagram->is_cut) {
			counter_add(&udp->worker->counters[listener->slot], COUNTER_UDP_DROPPED, 1);
			question_drop(udp, listener, datagram);
			continue;
		}
		/* They often come in runs. */
		if (!flow || !udp_key_equal(&flow->key, &key))
			flow = udp_table_find(table, &key);
		if (!flow)
			flow = udp_flow_begin(udp, table, &key);
		if (flow)
			question_take(udp, table, flow, datagram);
		else
			question_drop(udp, listener, datagram);
	}
	udp_run_end(udp);
}

void udp_ready(struct proxy_listener *listener)
{
	struct udp *udp = listener->worker->udp;

	if (!listener->udp || listener->row == SNAPSHOT_NONE)
		return;
	for (int i = 0; i < ROUNDS_A_TURN; i++) {
		struct datagram *datagrams;
		int count = datagram_receive(udp->questions, listener->source.fd, DATAGRAM_BATCH,
					     &datagrams);

		if (count < 0)
			return;
		questions_take(udp, listener->udp, datagrams, count);
		batch_flush(udp, udp->questions);
		if (count < DATAGRAM_BATCH)
			return;
	}
}

/* From targets */

static void answer_take(struct udp *udp, const struct udp_port *port,
			const struct datagram *datagram)
{
	struct udp_flow *flow = udp_port_flow(port, &datagram->from);
	struct udp_table *table;
	const struct proxy_listener *listener;
	struct meter_amounts *amounts;

	if (!flow)
		return; /* too late, or from a stranger */
	table = flow->table;
	listener = table->listener;
	if (datagram->is_cut) {
		counter_add(&udp->worker->counters[listener->slot], COUNTER_UDP_DROPPED, 1);
		return;
	}
	amounts = udp_run_of(udp, flow);
	amounts->packets_from_target++;
	amounts->packets_to_client++;
	amounts->from_target += datagram->size;
	amounts->to_client += datagram->size;
	flow->answers++;
	datagram_put(udp->answers,
		     &(struct datagram_out){
			     .fd = listener->source.fd,
			     .mark = listener->slot,
			     .datagram = datagram,
			     .to = flow->key.client,
		     },
		     &flow->key.local);
	if (udp_flow_is_answered(flow)) {
		if (listener->is_closed) /* as above */
			udp_flush(udp->worker);
		udp_flow_end(flow, COUNTER_L4_CLOSED);
		udp_table_release(table);
		return;
	}
	udp_flow_extend(udp->worker, flow);
	pin_touch(udp->worker, &flow->client, &flow->pin);
}

static void port_errors(struct udp *udp, struct udp_port *port)
{
	struct datagram_error error;

	for (int i = 0; i < ERRORS_A_TURN && datagram_error(port->source.fd, &error); i++) {
		struct udp_flow *flow =
			error.is_unreachable ? udp_port_flow(port, &error.to) : NULL;

		if (!flow)
			continue;
		if (flow->table->listener->is_closed) /* its socket goes with the last flow */
			udp_flush(udp->worker);
		udp_flow_unreachable(udp, flow);
	}
}

static void port_ready(struct io_source *source)
{
	struct udp_port *port = list_entry(source, struct udp_port, source);
	struct udp *udp = port->pool->worker->udp;
	struct datagram *datagrams;
	int count;

	if (source->is_broken) {
		source->is_broken = false;
		port_errors(udp, port);
	}
	if (!datagram_room(udp->answers))
		batch_flush(udp, udp->answers);
	count = datagram_receive(udp->answers, source->fd, port->expected, &datagrams);
	for (int i = 0; i < count; i++)
		answer_take(udp, port, &datagrams[i]);
	udp_run_end(udp);
	/* Asking for more than there is costs a look; the loop comes back for the rest. */
	if (count < port->expected)
		port->expected = count > 1 ? (uint16_t)count : 1;
	else if (port->expected < ANSWERS_AT_ONCE)
		port->expected++;
}

/* Listeners */

static struct udp *udp_free(struct udp *udp)
{
	if (udp->ports.worker)
		udp_ports_done(&udp->ports);
	datagram_batch_free(udp->questions);
	datagram_batch_free(udp->answers);
	free(udp);
	return NULL;
}

static struct udp *udp_new(struct worker *worker)
{
	struct udp *udp = calloc(1, sizeof(*udp));

	if (!udp)
		return NULL;
	udp->worker = worker;
	list_init(&udp->tables);
	udp->questions = datagram_batch_new();
	udp->answers = datagram_batch_new();
	if (!udp->questions || !udp->answers || udp_ports_init(&udp->ports, worker, port_ready) < 0)
		return udp_free(udp);
	return udp;
}

int udp_open(struct worker *worker, struct proxy_listener *listener)
{
	struct udp_table *table;

	if (!worker->udp)
		worker->udp = udp_new(worker);
	table = worker->udp ? udp_table_new(UDP_FLOWS_MOST) : NULL;
	if (!table)
		return -ENOMEM;
	datagram_prepare(listener->source.fd,
			 listener->address.family == ADDRESS_IPV6 ? AF_INET6 : AF_INET,
			 address_is_any(&listener->address));
	table->listener = listener;
	listener->references++;
	listener->udp = table;
	list_append(&worker->udp->tables, &table->link);
	return 0;
}

void udp_shed(struct worker *worker)
{
	if (worker->udp)
		udp_ports_shed(&worker->udp->ports);
}

void udp_done(struct worker *worker)
{
	if (!worker->udp)
		return;
	udp_close_all(worker);
	while (!list_is_empty(&worker->udp->tables)) {
		struct udp_table *table =
			list_entry(worker->udp->tables.next, struct udp_table, link);

		table->listener->udp = NULL;
		udp_table_free(table);
	}
	worker->udp = udp_free(worker->udp);
}

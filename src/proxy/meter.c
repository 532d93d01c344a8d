/* SPDX-License-Identifier: Apache-2.0 */
/* Adding to the rows of traffic. Runs on the worker's thread. */
#include "proxy/meter.h"

#include "proxy/connection.h"
#include "proxy/pin.h"

#define MANY_BYTES 262144 /* that are not in the rows yet: long transfers show while they last */

/* Where something of this request is added; NULL where there is none. */
struct rows {
	_Atomic uint64_t *listener, *rule, *target;
};

static _Atomic uint64_t *listener_row(struct worker *worker, const struct proxy_listener *listener)
{
	return traffic_row(worker->traffic, TRAFFIC_LISTENER, listener->slot, listener->number);
}

static _Atomic uint64_t *rule_row(const struct exchange *exchange)
{
	const struct snapshot_rule *rule;

	if (exchange->rule == SNAPSHOT_NONE)
		return NULL;
	rule = &exchange->use->generation->snapshot.rules[exchange->rule];
	return traffic_row(exchange->client->worker->traffic, TRAFFIC_RULE, rule->slot,
			   rule->number);
}

static struct rows rows_of(const struct exchange *exchange)
{
	struct worker *worker = exchange->client->worker;
	const struct snapshot *snapshot = &exchange->use->generation->snapshot;
	struct rows rows = { .listener = listener_row(worker, exchange->client->listener),
			     .rule = rule_row(exchange) };

	if (exchange->target != SNAPSHOT_NONE)
		rows.target = traffic_row(worker->traffic, TRAFFIC_TARGET,
					  snapshot->targets[exchange->target].slot,
					  snapshot->targets[exchange->target].number);
	return rows;
}

static void client_add(const struct rows *rows, unsigned which, uint64_t count)
{
	traffic_add(rows->listener, which, count);
	traffic_add(rows->rule, which, count);
}

static void target_add(const struct rows *rows, unsigned which, uint64_t count)
{
	client_add(rows, which, count);
	traffic_add(rows->target, which, count);
}

/* What listeners have in struct counters already. */
static bool is_counter(enum traffic which)
{
	return which == TRAFFIC_CONNECT_FAILED || which == TRAFFIC_CONNECT_TIMEOUT ||
	       which == TRAFFIC_TARGET_RESETS || which == TRAFFIC_RETRIES ||
	       which == TRAFFIC_SESSION_KEPT;
}

/* What grew since it was last taken over. */
static uint64_t growth(uint64_t *known, uint64_t now)
{
	uint64_t grown = now > *known ? now - *known : 0;

	*known += grown;
	return grown;
}

static void bytes_add(struct exchange *exchange, const struct rows *rows)
{
	struct meter *meter = &exchange->account.meter;

	client_add(rows, TRAFFIC_BYTES_FROM_CLIENT,
		   growth(&meter->from_client, account_request_bytes(exchange)));
	client_add(rows, TRAFFIC_BYTES_TO_CLIENT, growth(&meter->to_client, exchange->answered));
	target_add(rows, TRAFFIC_BYTES_TO_TARGET, growth(&meter->to_target, exchange->sent));
	target_add(rows, TRAFFIC_BYTES_FROM_TARGET, growth(&meter->from_target, meter->received));
	if (exchange->sent && !meter->has_request) {
		meter->has_request = true;
		target_add(rows, TRAFFIC_TARGET_REQUESTS, 1);
	}
}

void meter_try(struct exchange *exchange)
{
	struct meter *meter = &exchange->account.meter;

	meter->received = meter->to_target = meter->from_target = 0;
	meter->has_request = false;
	if (exchange->attempts > 1)
		meter_target(exchange, TRAFFIC_RETRIES);
}

void meter_connect(struct exchange *exchange, struct upstream *upstream)
{
	const struct snapshot_target *target =
		&exchange->use->generation->snapshot.targets[exchange->target];

	upstream->target_slot = target->slot;
	meter_target(exchange, TRAFFIC_TARGET_CONNECTIONS);
	traffic_open(upstream->worker->traffic, target->slot, target->number, 1);
}

void meter_disconnect(const struct upstream *upstream)
{
	traffic_open(upstream->worker->traffic, upstream->target_slot, upstream->pool->target, -1);
}

void meter_try_end(struct exchange *exchange)
{
	const struct rows rows = rows_of(exchange);

	bytes_add(exchange, &rows);
}

void meter_target(struct exchange *exchange, enum traffic which)
{
	const struct rows rows = rows_of(exchange);

	if (!is_counter(which))
		traffic_add(rows.listener, which, 1);
	traffic_add(rows.rule, which, 1);
	traffic_add(rows.target, which, 1);
}

void meter_rule(struct exchange *exchange, enum traffic which)
{
	traffic_add(rule_row(exchange), which, 1);
}

void meter_verdict(struct exchange *exchange)
{
	static const uint8_t verdicts[STICKY_VERDICTS] = {
		[STICKY_NONE] = TRAFFIC_SESSION_NEW,
		[STICKY_KEPT] = TRAFFIC_SESSION_KEPT,
		[STICKY_EXPIRED] = TRAFFIC_SESSION_EXPIRED,
		[STICKY_GONE] = TRAFFIC_SESSION_GONE,
		[STICKY_DRAINED] = TRAFFIC_SESSION_DRAINED,
		[STICKY_DEAD] = TRAFFIC_SESSION_DEAD,
		[STICKY_FOREIGN] = TRAFFIC_SESSION_INVALID,
		[STICKY_FORGED] = TRAFFIC_SESSION_INVALID,
		[STICKY_UNKNOWN_KEY] = TRAFFIC_SESSION_INVALID,
		[STICKY_MALFORMED] = TRAFFIC_SESSION_INVALID,
		[STICKY_DUPLICATE] = TRAFFIC_SESSION_INVALID,
	};

	meter_rule(exchange, verdicts[exchange->sticky.verdict]);
}

void meter_move(struct exchange *exchange)
{
	const struct meter *meter = &exchange->account.meter;
	uint64_t known = meter->from_client + meter->to_client + meter->from_target;
	uint64_t now = account_request_bytes(exchange) + exchange->answered + meter->received;

	if (exchange->is_tunnel ? now != known : now - known >= MANY_BYTES)
		meter_try_end(exchange);
}

static void status_add(const struct rows *rows, enum traffic first, unsigned status,
		       _Atomic uint64_t *target)
{
	unsigned class = first + status / 100 - 1, single;

	if (status < 100 || status > 599)
		return;
	single = traffic_single(first, status);
	client_add(rows, class, 1);
	traffic_add(target, class, 1);
	if (single == class)
		return;
	client_add(rows, single, 1);
	traffic_add(target, single, 1);
}

/* A target's part of the answer. */
static void response_add(const struct exchange *exchange, const struct rows *rows)
{
	const struct account *account = &exchange->account;
	uint64_t end_ms = account->read_ms ? account->read_ms : exchange->client->worker->now_ms;
	uint64_t ms = end_ms - account->tried_ms;

	status_add(rows, TRAFFIC_GOT_1XX, account->target_status, rows->target);
	target_add(rows, TRAFFIC_RESPONSE_MS, ms);
	traffic_add(rows->rule, TRAFFIC_RESPONSE_BUCKETS + traffic_bucket(ms), 1);
}

static void answer_add(struct exchange *exchange, const struct rows *rows)
{
	uint64_t ms = exchange->client->worker->now_ms - exchange->account.begun_ms;
	unsigned status = account_status(exchange);

	exchange->account.meter.is_answered = true;
	client_add(rows, TRAFFIC_REQUESTS, 1);
	client_add(rows, TRAFFIC_REQUEST_MS, ms);
	traffic_add(rows->rule, TRAFFIC_REQUEST_BUCKETS + traffic_bucket(ms), 1);
	status_add(rows, TRAFFIC_SENT_1XX, status, NULL);
	if (exchange->account.target_status)
		response_add(exchange, rows);
	if (exchange->sticky.verdict == STICKY_KEPT)
		traffic_add(rows->target, TRAFFIC_SESSION_KEPT, 1);
}

void meter_answer(struct exchange *exchange)
{
	const struct rows rows = rows_of(exchange);

	if (!exchange->account.meter.is_answered)
		answer_add(exchange, &rows);
}

void meter_end(struct exchange *exchange)
{
	const struct rows rows = rows_of(exchange);

	bytes_add(exchange, &rows);
	if (!exchange->account.meter.is_answered)
		answer_add(exchange, &rows);
}

void meter_flow_move(struct worker *worker, const struct proxy_listener *listener,
		     const struct pin *pin, const struct meter_amounts *amounts)
{
	_Atomic uint64_t *row = listener_row(worker, listener);
	_Atomic uint64_t *target =
		pin ? traffic_row(worker->traffic, TRAFFIC_TARGET, pin->target_slot, pin->target)
		    : NULL;

	if (amounts->from_client | amounts->to_target) {
		traffic_add(row, TRAFFIC_BYTES_FROM_CLIENT, amounts->from_client);
		traffic_add(row, TRAFFIC_BYTES_TO_TARGET, amounts->to_target);
		traffic_add(target, TRAFFIC_BYTES_TO_TARGET, amounts->to_target);
	}
	if (amounts->from_target | amounts->to_client) {
		traffic_add(row, TRAFFIC_BYTES_FROM_TARGET, amounts->from_target);
		traffic_add(row, TRAFFIC_BYTES_TO_CLIENT, amounts->to_client);
		traffic_add(target, TRAFFIC_BYTES_FROM_TARGET, amounts->from_target);
	}
	if (amounts->packets_from_client) {
		traffic_add(row, TRAFFIC_PACKETS_FROM_CLIENT, amounts->packets_from_client);
		traffic_add(row, TRAFFIC_PACKETS_TO_TARGET, amounts->packets_to_target);
		traffic_add(target, TRAFFIC_PACKETS_TO_TARGET, amounts->packets_to_target);
	}
	if (amounts->packets_from_target) {
		traffic_add(row, TRAFFIC_PACKETS_FROM_TARGET, amounts->packets_from_target);
		traffic_add(row, TRAFFIC_PACKETS_TO_CLIENT, amounts->packets_to_client);
		traffic_add(target, TRAFFIC_PACKETS_FROM_TARGET, amounts->packets_from_target);
	}
}

void meter_flow(struct worker *worker, const struct proxy_listener *listener, const struct pin *pin,
		enum traffic which)
{
	if (!is_counter(which))
		traffic_add(listener_row(worker, listener), which, 1);
	if (pin && which < TRAFFIC_OF_TARGET)
		traffic_add(
			traffic_row(worker->traffic, TRAFFIC_TARGET, pin->target_slot, pin->target),
			which, 1);
}

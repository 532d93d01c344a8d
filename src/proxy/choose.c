/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request gets: its rule, its target, its cookie. Only brings the pure parts together
 * (model/route, sticky, balance) with the shared turn and the worker's time. Runs on the worker's
 * thread.
 */
#include "proxy/connection.h"

#include "http/cookie.h"
#include "http/edit.h"
#include "model/route.h"
#include "model/words.h"
#include "proxy/health.h"
#include "proxy/redirect.h"

static const struct snapshot *exchange_snapshot(const struct exchange *exchange)
{
	return &exchange->use->generation->snapshot;
}

const struct snapshot_listener *exchange_listener(const struct exchange *exchange)
{
	return &exchange_snapshot(exchange)->listeners[exchange->listener];
}

const struct snapshot_rule *exchange_rule(const struct exchange *exchange)
{
	return &exchange_snapshot(exchange)->rules[exchange->rule];
}

static void sticky_count(struct exchange *exchange)
{
	static const uint8_t counters[STICKY_VERDICTS] = {
		[STICKY_NONE] = COUNTER_SESSION_NEW,
		[STICKY_KEPT] = COUNTER_SESSION_KEPT,
		[STICKY_EXPIRED] = COUNTER_SESSION_EXPIRED,
		[STICKY_GONE] = COUNTER_SESSION_GONE,
		[STICKY_DRAINED] = COUNTER_SESSION_DRAINED,
		[STICKY_DEAD] = COUNTER_SESSION_DEAD,
		[STICKY_FOREIGN] = COUNTER_SESSION_INVALID,
		[STICKY_FORGED] = COUNTER_SESSION_INVALID,
		[STICKY_UNKNOWN_KEY] = COUNTER_SESSION_INVALID,
		[STICKY_MALFORMED] = COUNTER_SESSION_INVALID,
		[STICKY_DUPLICATE] = COUNTER_SESSION_INVALID,
	};

	if (exchange->sticky.verdict == STICKY_OFF)
		return;
	connection_count(exchange->client, (enum counter)counters[exchange->sticky.verdict]);
	meter_verdict(exchange);
}

enum cause choose_rule(struct exchange *exchange, const char *head)
{
	struct worker *worker = exchange->client->worker;
	const struct snapshot *snapshot = exchange_snapshot(exchange);
	const struct http_request *request = &worker->request;
	struct bytes value = { "", 0 };
	unsigned count = 0;
	const struct route_map map = {
		.snapshot = snapshot,
		.patterns = &exchange->use->generation->patterns,
		.matcher = worker->matcher,
	};
	struct route route;
	enum cause cause;

	route = route_find(&map, exchange_listener(exchange), http_bytes(head, request->host),
			   http_bytes(head, request->path));
	if (route.kind == ROUTE_NONE)
		return CAUSE_NO_RULE;
	if (route.kind == ROUTE_LIMIT)
		return CAUSE_PATTERN;
	exchange->rule = route.rule;
	if (route.kind == ROUTE_SLASH)
		return CAUSE_SLASH;
	cause = redirect_cause(exchange_rule(exchange));
	if (cause)
		return cause;
	if (exchange_rule(exchange)->session_expire_s)
		count = http_cookie_find(
			head, request,
			snapshot_bytes(snapshot, exchange_rule(exchange)->cookie_name), &value);
	exchange->sticky = sticky_decide(worker->tokens, snapshot, exchange_rule(exchange), value,
					 count, worker->session_s);
	if (exchange->sticky.verdict == STICKY_KEPT &&
	    !health_is_up(worker->regions, exchange_rule(exchange),
			  &snapshot->targets[exchange->sticky.target]))
		sticky_lose(&exchange->sticky);
	sticky_count(exchange);
	return CAUSE_NONE;
}

/*
 * A request that outlives its generation (a tunnel may for days) may find its target's slot in
 * other hands; those found it empty (generation.c).
 */
static bool owns_slot(const struct exchange *exchange, const struct snapshot_target *target)
{
	const struct worker *worker = exchange->client->worker;

	return exchange->use == worker->current ||
	       atomic_load_explicit(&worker->regions->health[target->slot].number,
				    memory_order_relaxed) == target->number;
}

void choose_end(struct exchange *exchange)
{
	const struct snapshot_target *target;

	if (exchange->counted == SNAPSHOT_NONE)
		return;
	target = &exchange_snapshot(exchange)->targets[exchange->counted];
	if (owns_slot(exchange, target))
		target_count_take(exchange->client->worker, target->slot);
	exchange->counted = SNAPSHOT_NONE;
}

static void choose_count(struct exchange *exchange, uint32_t row)
{
	const struct snapshot_target *target;

	if (row == SNAPSHOT_NONE || exchange_rule(exchange)->scheduler != SCHEDULER_LEAST_CONN)
		return;
	target = &exchange_snapshot(exchange)->targets[row];
	if (!owns_slot(exchange, target))
		return;
	target_count_add(exchange->client->worker, target->slot);
	exchange->counted = row;
}

uint32_t choose_target(struct exchange *exchange)
{
	const struct connection *client = exchange->client;
	const struct schedule schedule = {
		.worker = client->worker,
		.generation = exchange->use->generation,
		.rule = exchange->rule,
		.client = { client->ip_text, client->ip_size },
	};
	uint32_t row;

	if (exchange->sticky.verdict == STICKY_KEPT && exchange->tried_count) {
		sticky_lose(&exchange->sticky);
		sticky_count(exchange);
	}
	/* Following a cookie takes no turn: newcomers are spread by weight alone. */
	if (exchange->sticky.verdict == STICKY_KEPT)
		return exchange->sticky.target;
	choose_end(exchange);
	row = schedule_target(&schedule, exchange->tried, exchange->tried_count, &exchange->turn);
	choose_count(exchange, row);
	return row;
}

int choose_cookie(struct exchange *exchange, char *out, size_t room)
{
	struct worker *worker = exchange->client->worker;
	const struct snapshot *snapshot = exchange_snapshot(exchange);
	const struct snapshot_rule *rule = exchange_rule(exchange);
	char text[TOKEN_TEXT_SIZE + 1];
	struct token token;

	if (!rule->session_expire_s || exchange->target == SNAPSHOT_NONE)
		return 0;
	if (!exchange->sticky.must_issue && exchange->target == exchange->sticky.target)
		return 0;
	token = (struct token){
		.rule = rule->number,
		.target = snapshot->targets[exchange->target].number,
		.stamp_s = (uint32_t)worker->session_s,
	};
	if (token_seal(worker->tokens, snapshot->keys, snapshot->key_count, &token, text) < 0)
		return 0; /* without a key there is no persistence, but there is an answer */
	if (exchange->target != exchange->sticky.target)
		meter_target(exchange, TRAFFIC_SESSION_PINNED);
	return http_set_cookie_write(snapshot_bytes(snapshot, rule->cookie_name),
				     (struct bytes){ text, TOKEN_TEXT_SIZE }, worker->wall_s,
				     rule->session_expire_s, out, room);
}

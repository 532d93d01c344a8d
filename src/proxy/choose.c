/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request gets: its rule, its target, its cookie. Only brings the pure parts together
 * (model/route, sticky, balance) with the shared turn and the worker's time. Runs on the worker's
 * thread.
 */
#include "proxy/connection.h"

#include "balance/balance.h"
#include "http/cookie.h"
#include "http/edit.h"
#include "model/route.h"

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

unsigned choose_rule(struct exchange *exchange, const char *head)
{
	struct worker *worker = exchange->client->worker;
	const struct snapshot *snapshot = exchange_snapshot(exchange);
	const struct http_request *request = &worker->request;
	struct bytes value = { "", 0 };
	unsigned count = 0;
	struct route route;

	route = route_find(snapshot, exchange_listener(exchange), http_bytes(head, request->host),
			   http_bytes(head, request->path));
	if (route.kind == ROUTE_NONE)
		return 404;
	exchange->rule = route.rule;
	if (route.kind == ROUTE_SLASH)
		return 301;
	if (exchange_rule(exchange)->session_expire_s)
		count = http_cookie_find(
			head, request,
			snapshot_bytes(snapshot, exchange_rule(exchange)->cookie_name), &value);
	exchange->sticky = sticky_decide(worker->tokens, snapshot, exchange_rule(exchange), value,
					 count, worker->session_s);
	return 0;
}

uint32_t choose_target(struct exchange *exchange)
{
	const struct generation *generation = exchange->use->generation;

	/* Following a cookie takes no turn: newcomers are spread by weight alone. */
	if (exchange->sticky.verdict == STICKY_KEPT && !exchange->tried_count)
		return exchange->sticky.target;
	if (!exchange->has_turn) {
		exchange->turn = generation_turn(generation, exchange->client->worker->regions,
						 exchange->rule);
		exchange->has_turn = true;
	}
	return round_robin_choose(&generation->snapshot, exchange_rule(exchange), exchange->turn,
				  exchange->tried, exchange->tried_count);
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
	return http_set_cookie_write(snapshot_bytes(snapshot, rule->cookie_name),
				     (struct bytes){ text, TOKEN_TEXT_SIZE }, worker->wall_s,
				     rule->session_expire_s, out, room);
}

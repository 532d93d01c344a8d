/* SPDX-License-Identifier: Apache-2.0 */
/* Scripted clients, run by the network's steps, and their judgement. One thread. */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#define PIECE 65536
#define EXPECT_MS 1000 /* a client waits this long for a 100 */

struct client {
	struct client_setup setup;
	struct client_report report;
	struct net_end *end; /* NULL: not begun, or over */
	bool has_started;
	bool is_over;
	struct message in;
	unsigned sending, receiving; /* index of the request */
	char *out;
	size_t out_size, out_sent, out_limit; /* limit: Expect holds the body back */
	uint64_t sent, received;
	bool is_thinking;
	bool was_told_end; /* the last complete answer closes the connection */
	bool has_finished;
	bool is_tunnel;
	bool is_deaf;
	bool met_reset;
	uint64_t echoed, tunnel_sent;
};

static struct {
	struct excuses excuses;
	struct client clients[CLIENTS_MOST];
	unsigned count;
	unsigned events, break_at;
	bool breaks_by_reset;
} all;

void clients_begin(const struct excuses *excuses)
{
	clients_end();
	memset(&all, 0, sizeof(all));
	all.excuses = *excuses;
}

void clients_end(void)
{
	for (unsigned i = 0; i < all.count; i++)
		free(all.clients[i].out);
	all.count = 0;
}

unsigned client_add(const struct client_setup *setup)
{
	SIM_MUST(all.count < CLIENTS_MOST);
	all.clients[all.count].setup = *setup;
	return all.count++;
}

const struct client_report *client_report(unsigned index)
{
	return &all.clients[index].report;
}

void client_break_at(unsigned nth, bool is_reset)
{
	all.break_at = nth;
	all.breaks_by_reset = is_reset;
}

unsigned client_events(void)
{
	return all.events;
}

static struct plan *plan_of(const struct client *client, unsigned index)
{
	return index < client->setup.count ? plan_find(client->setup.plans[index]) : NULL;
}

/* The target's early end may reset the connection, and what it said may be lost with that. */
static bool is_cut_early(const struct plan *plan)
{
	return plan->is_early && plan->target_closes;
}

/* The next try goes to another target, and nothing can make it fail too. */
static bool retry_must_work(const struct plan *plan)
{
	const struct excuses *excuses = &all.excuses;
	bool is_early = plan->fault == FAULT_RESET_EARLY || plan->fault == FAULT_CLOSE_EARLY;

	return plan->is_idempotent && (plan->framing == FRAMING_NONE || excuses->keeps_bodies) &&
	       !excuses->refuses && !excuses->silent && !excuses->is_full && !excuses->breaks &&
	       !excuses->no_target && !excuses->few_targets &&
	       (!plan->fault || (is_early && plan->fault_attempts == 1));
}

static bool is_excused(const struct client *client, const struct plan *plan, unsigned status)
{
	const struct excuses *excuses = &all.excuses;

	switch (status) {
	case 400:
		return plan->is_malformed;
	case 408:
		return client->setup.fault == CLIENT_STALLS;
	case 502:
		return !retry_must_work(plan) &&
		       (plan->fault || excuses->idle_closes || excuses->refuses ||
			excuses->breaks || is_cut_early(plan));
	case 503:
		return excuses->no_target || excuses->no_listener || excuses->is_full;
	case 504:
		return plan->fault == FAULT_STALL_AT || plan->fault == FAULT_DEAF ||
		       excuses->silent;
	default:
		return false;
	}
}

/* A complete answer is here: whose is it, and is it whole? */
static void answer_judge(struct client *client)
{
	const struct message *in = &client->in;
	const struct plan *plan = plan_of(client, client->receiving);
	uint64_t size = plan ? plan->answer_size : 0;
	unsigned number = client->end->connection->number;

	client->report.last_status = in->status;
	client->report.last_answer_ms = sim.now_ms;
	if (!plan)
		sim_fail("#%u an answer to no request: %u", number, in->status);
	sim_note("#%u answer to %u: %u, %s, %llu bytes", number, plan->id, in->status,
		 in->id ? "from a target" : "own", (unsigned long long)in->body_size);
	if (!in->id) {
		client->report.own++;
		if (!is_excused(client, plan, in->status))
			sim_fail("#%u request %u got %u without a reason", number, plan->id,
				 in->status);
		return;
	}
	client->report.complete++;
	if (in->id != plan->id)
		sim_fail("#%u request %u got the answer to %u", number, plan->id, in->id);
	if (in->status != plan->status)
		sim_fail("#%u request %u: status %u", number, plan->id, in->status);
	if (plan_is_head(plan) || plan->is_tunnel || plan->answer_framing == FRAMING_NONE)
		size = 0;
	/* Only an orderly end tells how long such a body is. */
	if (plan->answer_framing == FRAMING_CLOSE &&
	    (plan->fault == FAULT_CLOSE_AT || all.excuses.breaks) && in->body_size <= size)
		return;
	if (in->body_size != size)
		sim_fail("#%u request %u: %llu bytes of %llu looked complete", number, plan->id,
			 (unsigned long long)in->body_size, (unsigned long long)size);
}

/* An end that the judge knows no reason for. */
static bool end_is_excused(const struct client *client)
{
	const struct excuses *excuses = &all.excuses;
	const struct plan *plan = plan_of(client, client->receiving);
	bool has_begun = message_has_begun(&client->in);

	if (!plan || client->was_told_end || client->setup.fault != CLIENT_FINE ||
	    excuses->breaks || excuses->stops_hard)
		return true;
	if (client->is_tunnel && client->echoed == plan->body_size)
		return true;
	if ((excuses->stops || excuses->no_listener) && !has_begun)
		return true;
	if (is_cut_early(plan))
		return true;
	/* What had come of it may be lost with the reset that tells of the cut. */
	if (plan->fault >= FAULT_RESET_AT && plan->fault <= FAULT_STALL_AT)
		return true;
	return plan->fault && (has_begun || plan->informational || client->is_tunnel);
}

static void client_over(struct client *client, bool is_reset)
{
	unsigned number = client->end->connection->number;

	sim_note("#%u the client is over%s", number, is_reset ? ", by a reset" : "");
	client->is_over = true;
	client->report.over_ms = sim.now_ms;
	client->report.was_reset = is_reset;
	net_close(client->end);
	client->end = NULL;
	if (!end_is_excused(client))
		sim_fail("#%u request %u was %s without a reason", number,
			 plan_of(client, client->receiving)->id,
			 message_has_begun(&client->in) ? "cut" : "not answered");
}

/* The client itself leaves. */
static void client_leave(struct client *client, bool is_reset)
{
	sim_note("#%u the client %s", client->end->connection->number,
		 is_reset ? "resets" : "closes");
	client->is_over = true;
	client->report.over_ms = sim.now_ms;
	if (is_reset)
		net_reset(client->end);
	else
		net_close(client->end);
	client->end = NULL;
}

static void answer_begin(struct client *client)
{
	const struct plan *plan = plan_of(client, client->receiving);

	message_begin(&client->in, "client", true);
	client->in.is_answer_to_head = plan && plan_is_head(plan);
}

static void answer_done(struct client *client)
{
	const struct message *in = &client->in;
	const struct plan *plan = plan_of(client, client->receiving);

	if (in->status < 200 && in->status != 101) {
		bool is_own = all.excuses.keeps_bodies && plan && plan->expects_continue &&
			      in->status == 100 && !in->id;

		if (!plan || (in->id != plan->id && !is_own) || !plan->minor)
			sim_fail("#%u a stray %u", client->end->connection->number, in->status);
		if (in->status == 100 && client->sending == client->receiving)
			client->out_limit = client->out_size;
		answer_begin(client);
		return;
	}
	answer_judge(client);
	client->is_tunnel = in->status == 101;
	if (client->is_tunnel)
		return;
	client->was_told_end = in->says_close || (plan->minor == 0 && !in->says_keepalive);
	client->receiving++;
	answer_begin(client);
	if (client->setup.think_ms && client->receiving < client->setup.count &&
	    !client->setup.pipelines) {
		client->is_thinking = true;
		client->end->alarm_ms = sim.now_ms + 1 + dice_below(client->setup.think_ms);
	}
}

static void echo_check(struct client *client, const char *data, size_t size)
{
	const struct plan *plan = plan_of(client, client->receiving);

	for (size_t i = 0; i < size; i++) {
		if ((uint8_t)data[i] != body_byte(plan->id, BODY_REQUEST, client->echoed++) ||
		    client->echoed > plan->body_size)
			sim_fail("tunnel %u: byte %llu is wrong", plan->id,
				 (unsigned long long)client->echoed - 1);
	}
}

static void bytes_take(struct client *client, const char *data, size_t size)
{
	while (size) {
		size_t used = size;

		if (client->is_tunnel)
			echo_check(client, data, size);
		else if (client->receiving == client->setup.count || client->was_told_end)
			sim_fail("#%u bytes behind the last answer",
				 client->end->connection->number);
		else
			used = message_feed(&client->in, data, size);
		data += used;
		size -= used;
		if (client->in.state == MESSAGE_DONE && !client->is_tunnel)
			answer_done(client);
	}
}

/* False when the client is over. */
static bool read_some(struct client *client)
{
	static char piece[PIECE];
	size_t most = 1 + dice_below(dice_percent(30) ? 100 : PIECE - 1);
	ssize_t got;

	if (client->setup.fault == CLIENT_DEAF && client->received >= client->setup.fault_at)
		client->is_deaf = true;
	if (client->is_deaf && (client->end->is_reset || client->end->other->out.end_visible)) {
		client_over(client, client->end->is_reset);
		return false;
	}
	if (client->is_deaf)
		return true;
	got = net_read(client->end, piece, most);
	if (got == -EAGAIN)
		return true;
	if (got == 0 && !client->met_reset && message_end(&client->in))
		answer_done(client);
	if (got <= 0) {
		client_over(client, got < 0 || client->met_reset);
		return false;
	}
	client->received += (uint64_t)got;
	client->end->was_woken = true;
	bytes_take(client, piece, (size_t)got);
	return true;
}

static bool may_send_next(const struct client *client)
{
	const struct plan *last;

	if (client->sending == client->setup.count || client->out || client->is_thinking ||
	    client->was_told_end || client->has_finished)
		return false;
	if (client->sending == client->receiving)
		return true;
	/* Whatever follows a request for a tunnel belongs to the tunnel; behind an announced end
	 * nothing may follow. */
	last = plan_of(client, client->sending - 1);
	return client->setup.pipelines && !last->is_tunnel && !last->says_close;
}

static void request_begin(struct client *client)
{
	const struct plan *plan = plan_of(client, client->sending);
	size_t head_size;

	client->out = plan_request(plan, &client->out_size, &head_size);
	client->out_sent = 0;
	client->out_limit = client->out_size;
	if (plan->expects_continue) {
		client->out_limit = head_size;
		client->end->alarm_ms = sim.now_ms + EXPECT_MS;
	}
}

static void finish(struct client *client)
{
	if (client->has_finished)
		return;
	client->has_finished = true;
	sim_note("#%u the client ends its side", client->end->connection->number);
	net_finish(client->end);
}

/* Up to the byte where this client goes wrong. */
static size_t write_some(struct client *client, const char *data, size_t size)
{
	uint64_t most = size;
	ssize_t put;

	if ((client->setup.fault == CLIENT_ENDS || client->setup.fault == CLIENT_STALLS) &&
	    most > client->setup.fault_at - client->sent)
		most = client->setup.fault_at - client->sent;
	if (dice_percent(40) && most)
		most = 1 + dice_below((uint32_t)most);
	put = most && !client->has_finished ? net_write(client->end, data, (size_t)most) : 0;
	client->met_reset |= put == -ECONNRESET; /* reads will not tell of it again */
	if (put <= 0)
		return 0;
	client->sent += (uint64_t)put;
	client->end->was_woken = true;
	return (size_t)put;
}

static void tunnel_write(struct client *client)
{
	const struct plan *plan = plan_of(client, client->receiving);
	char piece[2048];
	size_t size = sizeof(piece);

	if (size > plan->body_size - client->tunnel_sent)
		size = (size_t)(plan->body_size - client->tunnel_sent);
	for (size_t i = 0; i < size; i++)
		piece[i] = (char)body_byte(plan->id, BODY_REQUEST, client->tunnel_sent + i);
	client->tunnel_sent += write_some(client, piece, size);
	if (client->tunnel_sent == plan->body_size && !client->setup.lingers &&
	    (client->setup.half_closes || client->echoed == plan->body_size))
		finish(client);
}

static void requests_write(struct client *client)
{
	if (may_send_next(client))
		request_begin(client);
	if (!client->out)
		return;
	client->out_sent += write_some(client, client->out + client->out_sent,
				       client->out_limit - client->out_sent);
	if (client->out_sent < client->out_size)
		return;
	free(client->out);
	client->out = NULL;
	client->sending++;
	client->end->was_woken = true;
	if (client->setup.half_closes && client->sending == client->setup.count &&
	    !plan_of(client, client->sending - 1)->is_tunnel)
		finish(client);
}

static void alarm_take(struct client *client)
{
	if (client->end->alarm_ms)
		return;
	client->is_thinking = false;
	if (client->out && client->sending == client->receiving)
		client->out_limit = client->out_size; /* no 100 came: the body goes anyway */
}

/* The script's last page. True when the client is over. */
static bool script_end(struct client *client)
{
	const struct client_setup *setup = &client->setup;

	if (setup->fault == CLIENT_RESETS && client->sent + client->received >= setup->fault_at) {
		client_leave(client, true);
		return true;
	}
	if (setup->fault == CLIENT_ENDS && client->sent >= setup->fault_at)
		finish(client);
	if (client->receiving < setup->count || setup->lingers || client->is_tunnel)
		return false;
	if (client->was_told_end && dice_percent(50))
		return false; /* the proxy closes */
	client_leave(client, dice_percent(20));
	return true;
}

static void client_run(struct net_end *end)
{
	struct client *client = end->owner;

	if (++all.events == all.break_at) {
		client_leave(client, all.breaks_by_reset);
		return;
	}
	alarm_take(client);
	if (!read_some(client) || script_end(client))
		return;
	if (client->is_tunnel)
		tunnel_write(client);
	else
		requests_write(client);
	script_end(client);
}

static void client_start(struct client *client, unsigned index)
{
	struct address ours = { .ip = { 10, 1, 0, (uint8_t)index },
				.port = 2000,
				.family = ADDRESS_IPV4 };

	client->has_started = true;
	if (net_connect(&ours, &client->setup.listener, false, &client->end) < 0) {
		if (!all.excuses.no_listener && !all.excuses.stops)
			sim_fail("client %u was refused", index);
		client->is_over = true;
		client->report.over_ms = sim.now_ms;
		return;
	}
	client->end->owner = client;
	client->end->run = client_run;
	answer_begin(client);
}

void clients_start(void)
{
	for (unsigned i = 0; i < all.count; i++) {
		if (!all.clients[i].has_started && all.clients[i].setup.start_ms <= sim.now_ms)
			client_start(&all.clients[i], i);
	}
}

uint64_t clients_next_ms(void)
{
	uint64_t next = SIM_NEVER;

	for (unsigned i = 0; i < all.count; i++) {
		const struct client *client = &all.clients[i];

		if (!client->has_started && client->setup.start_ms < next)
			next = client->setup.start_ms;
	}
	return next;
}

bool clients_are_over(void)
{
	for (unsigned i = 0; i < all.count; i++) {
		if (!all.clients[i].is_over)
			return false;
	}
	return true;
}

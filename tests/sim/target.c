/* SPDX-License-Identifier: Apache-2.0 */
/* Scripted servers: one struct a connection, run by the network's steps. One thread. */
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#define PIECE 65536

struct serving {
	struct serving *next;
	struct net_end *end; /* NULL: over */
	struct message in;
	struct plan *plan; /* being answered */
	bool is_faulty; /* this attempt misbehaves */
	bool is_stalled, is_thinking, was_thought, saw_end;
	char *answer;
	size_t size, sent, limit;
	uint64_t fault_left; /* bytes until the fault */
	bool is_idle_ending;
	char echo[4096];
	size_t echo_size;
};

static struct {
	struct target_habits habits;
	struct serving *servings;
	unsigned events, break_at;
	bool breaks_by_reset;
} targets;

void targets_begin(const struct target_habits *habits)
{
	targets.habits = *habits;
	targets.events = targets.break_at = 0;
}

void targets_end(void)
{
	while (targets.servings) {
		struct serving *serving = targets.servings;

		targets.servings = serving->next;
		free(serving->answer);
		free(serving);
	}
}

void target_break_at(unsigned nth, bool is_reset)
{
	targets.break_at = nth;
	targets.breaks_by_reset = is_reset;
}

unsigned target_events(void)
{
	return targets.events;
}

/* Always false: the serving is over. */
static bool leave(struct serving *serving, bool is_reset)
{
	sim_note("#%u the target %s", serving->end->connection->number,
		 is_reset ? "resets" : "closes");
	if (is_reset)
		net_reset(serving->end);
	else
		net_close(serving->end);
	serving->end = NULL;
	return false;
}

static void request_check(struct serving *serving)
{
	const struct message *in = &serving->in;
	const struct plan *plan = serving->plan;
	char path[32];

	SIM_MUST(plan && !plan->is_malformed);
	snprintf(path, sizeof(path), "/r/%u", plan->id);
	SIM_MUST(!strcmp(in->path, path) && !strcmp(in->method, plan->method) && in->minor == 1);
	SIM_MUST(in->has_host && in->has_forwarded);
	SIM_MUST(in->says_upgrade == plan->is_tunnel);
	if (targets.habits.gets_whole_bodies) {
		SIM_MUST(!in->is_chunked && in->has_length == (plan->framing != FRAMING_NONE));
	} else {
		SIM_MUST(in->is_chunked == (plan->framing == FRAMING_CHUNKED));
		SIM_MUST(in->has_length == (plan->framing == FRAMING_LENGTH));
	}
	SIM_MUST(!in->has_length || in->length == plan->body_size);
}

/* The head of a request is here. */
static bool request_begin(struct serving *serving)
{
	struct plan *plan = plan_find(serving->in.id);
	size_t interim = 0;

	serving->plan = plan;
	request_check(serving);
	plan->heads++;
	sim_note("#%u request %u arrives, attempt %u: %s 1.%u, framing %d, %u bytes; "
		 "answer %d, %u bytes%s%s, fault %d at %u",
		 serving->end->connection->number, plan->id, plan->heads, plan->method, plan->minor,
		 (int)plan->framing, plan->body_size, (int)plan->answer_framing, plan->answer_size,
		 plan->is_early ? ", early" : "", plan->target_closes ? ", closes" : "",
		 (int)plan->fault, plan->fault_at);
	if (plan->heads > 1 && !plan->is_idempotent)
		sim_fail("request %u, a %s, came twice", plan->id, plan->method);
	serving->is_faulty = plan->fault && plan->heads <= plan->fault_attempts;
	serving->fault_left = plan->fault_at;
	if (serving->is_faulty && plan->fault <= FAULT_CLOSE_EARLY)
		return leave(serving, plan->fault == FAULT_RESET_EARLY);
	if (serving->is_faulty && plan->fault == FAULT_GARBAGE)
		serving->answer = plan_garbage(&serving->size);
	else
		serving->answer = plan_answer(plan, &serving->size, &interim);
	serving->limit = plan->is_early ? serving->size : interim;
	return true;
}

static void request_done(struct serving *serving)
{
	struct plan *plan = serving->plan;

	if (!plan->is_tunnel && serving->in.body_size != plan->body_size)
		sim_fail("request %u came with %llu bytes of %u", plan->id,
			 (unsigned long long)serving->in.body_size, plan->body_size);
	if (plan->think_ms && !plan->is_early) {
		serving->is_thinking = true;
		serving->end->alarm_ms = sim.now_ms + plan->think_ms;
		return;
	}
	serving->limit = serving->size;
}

static bool is_answered(const struct serving *serving)
{
	return serving->plan && serving->sent == serving->size && serving->limit == serving->size &&
	       !serving->plan->is_tunnel && !serving->is_stalled;
}

static bool answer_done(struct serving *serving)
{
	const struct plan *plan = serving->plan;

	if (serving->is_faulty && plan->fault == FAULT_SURPLUS &&
	    plan->answer_framing != FRAMING_CLOSE)
		net_write(serving->end, "HTTP/1.1 200 OK\r\n", 17);
	if (plan->target_closes || (serving->is_faulty && plan->fault == FAULT_GARBAGE))
		return leave(serving, false);
	if (serving->in.state != MESSAGE_DONE) {
		serving->is_faulty = false;
		return true; /* the answer was early: the rest of the body is read */
	}
	free(serving->answer);
	serving->answer = NULL;
	serving->plan = NULL;
	serving->size = serving->sent = serving->limit = 0;
	serving->is_faulty = serving->is_thinking = false;
	message_begin(&serving->in, "target", false);
	if (dice_percent(targets.habits.closes_idle_percent)) {
		serving->is_idle_ending = true;
		serving->end->alarm_ms = sim.now_ms + 1 + dice_below(3000);
	}
	return true;
}

static bool bytes_take(struct serving *serving, const char *data, size_t size)
{
	struct message *in = &serving->in;

	while (size) {
		bool was_head = in->state == MESSAGE_HEAD;
		size_t used;

		if (in->state == MESSAGE_DONE)
			sim_fail("#%u behind a request that is not answered yet: %zu bytes, %.20s",
				 serving->end->connection->number, size, data);
		used = message_feed(in, data, size);
		data += used;
		size -= used;
		if (was_head && in->state != MESSAGE_HEAD && !request_begin(serving))
			return false;
		if (in->state == MESSAGE_DONE && serving->plan)
			request_done(serving);
		/* Its answer went out early: the next request may be right behind. */
		if (in->state == MESSAGE_DONE && is_answered(serving) && !answer_done(serving))
			return false;
	}
	return true;
}

static bool is_echoing(const struct serving *serving)
{
	return serving->plan && serving->plan->is_tunnel && serving->sent == serving->size;
}

static bool read_some(struct serving *serving)
{
	static char piece[PIECE];
	size_t most = 1 + dice_below(dice_percent(30) ? 100 : PIECE);
	ssize_t got;

	if (is_echoing(serving)) {
		most = sizeof(serving->echo) - serving->echo_size;
		if (!most || serving->saw_end)
			return true;
	} else if (serving->plan && serving->is_faulty && serving->plan->fault == FAULT_DEAF) {
		return !serving->end->other->out.end_visible || leave(serving, false);
	} else if (serving->plan && serving->plan->is_tunnel) {
		return true; /* the answer first */
	}
	got = net_read(serving->end, piece, most < PIECE ? most : PIECE);
	if (got == -EAGAIN)
		return true;
	if (got <= 0 && !(got == 0 && is_echoing(serving)))
		return leave(serving, false);
	serving->end->was_woken = true; /* there may be more */
	if (is_echoing(serving)) {
		memcpy(serving->echo + serving->echo_size, piece, (size_t)got);
		serving->echo_size += (size_t)got;
		serving->saw_end = got == 0;
		return true;
	}
	return bytes_take(serving, piece, (size_t)got);
}

/* Up to the byte where the plan goes wrong. */
static size_t write_some(struct serving *serving, const char *data, size_t size)
{
	ssize_t put;

	if (serving->is_faulty && size > serving->fault_left &&
	    serving->plan->fault >= FAULT_RESET_AT && serving->plan->fault <= FAULT_STALL_AT)
		size = (size_t)serving->fault_left;
	if (dice_percent(40))
		size = size ? 1 + dice_below((uint32_t)size) : 0;
	put = size ? net_write(serving->end, data, size) : 0;
	if (put <= 0)
		return 0;
	serving->fault_left -=
		(uint64_t)put < serving->fault_left ? (uint64_t)put : serving->fault_left;
	serving->end->was_woken = true;
	return (size_t)put;
}

/* True when the connection goes on. */
static bool fault_happen(struct serving *serving)
{
	if (!serving->plan || !serving->is_faulty || serving->fault_left)
		return true;
	switch (serving->plan->fault) {
	case FAULT_RESET_AT:
		return leave(serving, true);
	case FAULT_CLOSE_AT:
		return leave(serving, false);
	case FAULT_STALL_AT:
		serving->is_stalled = true;
		sim_note("#%u the target says nothing more", serving->end->connection->number);
		return true;
	default:
		return true;
	}
}

static bool write_answer(struct serving *serving)
{
	size_t put;

	if (!serving->plan)
		return true;
	if (is_echoing(serving)) {
		put = write_some(serving, serving->echo, serving->echo_size);
		serving->echo_size -= put;
		memmove(serving->echo, serving->echo + put, serving->echo_size);
		if (!fault_happen(serving))
			return false;
		if (serving->saw_end && !serving->echo_size)
			return leave(serving, false);
		return true;
	}
	serving->sent += write_some(serving, serving->answer + serving->sent,
				    serving->limit - serving->sent);
	if (!fault_happen(serving))
		return false;
	return !is_answered(serving) || answer_done(serving);
}

static void serving_run(struct net_end *end)
{
	struct serving *serving = end->owner;

	if (++targets.events == targets.break_at) {
		leave(serving, targets.breaks_by_reset);
		return;
	}
	if (serving->is_stalled) {
		if (end->is_reset || end->other->out.end_visible)
			leave(serving, false);
		return;
	}
	if (serving->is_idle_ending && !end->alarm_ms) {
		serving->is_idle_ending = false;
		if (!serving->plan && !message_has_begun(&serving->in)) {
			leave(serving, false);
			return;
		}
	}
	if (serving->is_thinking && !end->alarm_ms) {
		serving->is_thinking = false;
		serving->limit = serving->size;
	}
	if (end->is_reset) {
		leave(serving, false);
		return;
	}
	if (read_some(serving))
		write_answer(serving);
}

static void serving_accept(struct net_listener *listener, struct net_end *end)
{
	struct serving *serving = calloc(1, sizeof(*serving));

	SIM_MUST(serving);
	serving->end = end;
	serving->next = targets.servings;
	targets.servings = serving;
	message_begin(&serving->in, "target", false);
	end->owner = serving;
	end->run = serving_run;
}

void target_listen(const struct address *address)
{
	struct net_listener *listener = net_listen(address);

	listener->accept = serving_accept;
	listener->refuses_percent = targets.habits.refuses_percent;
	listener->silent_percent = targets.habits.silent_percent;
	listener->slow_ms = targets.habits.slow_ms;
}

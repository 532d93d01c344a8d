/* SPDX-License-Identifier: Apache-2.0 */
/* Talkers, run by the network's steps. One thread. */
#include "talk.h"

#include <errno.h>
#include <stdlib.h>

#define PIECE 65536
#define MARK 0xff

struct talker {
	struct talker *next;
	struct net_end *end; /* NULL: not begun, or over */
	struct address listener;
	uint64_t start_ms;
	uint32_t size, said;
	uint64_t heard;
	uint64_t resets_at; /* SIM_NEVER */
	bool is_client, has_started, is_over;
	bool speaks_last; /* a server that waits for the client's end */
	bool is_pausing;
	bool heard_mark, heard_end, has_finished;
	uint32_t pause_ms;
};

static struct {
	struct talk_habits habits;
	struct excuses excuses;
	struct talker *talkers;
	unsigned complete;
	unsigned events[2], break_at[2]; /* of servers, of clients */
} all;

void talks_begin(const struct talk_habits *habits, const struct excuses *excuses)
{
	talks_end();
	all.habits = *habits;
	all.excuses = *excuses;
	all.complete = 0;
	for (int i = 0; i < 2; i++)
		all.events[i] = all.break_at[i] = 0;
}

void talks_end(void)
{
	while (all.talkers) {
		struct talker *talker = all.talkers;

		all.talkers = talker->next;
		free(talker);
	}
}

unsigned talks_complete(void)
{
	return all.complete;
}

void talk_break_at(bool is_client, unsigned nth)
{
	all.break_at[is_client] = nth;
}

unsigned talk_events(bool is_client)
{
	return all.events[is_client];
}

static uint8_t byte_at(const struct talker *talker, bool is_heard, uint64_t offset)
{
	bool by_client = talker->is_client != is_heard;

	return (uint8_t)((offset * 31 + (offset >> 8) * 17 + (offset >> 16) * 5 + by_client * 151) %
			 MARK);
}

static struct talker *talker_new(bool is_client)
{
	struct talker *talker = calloc(1, sizeof(*talker));

	SIM_MUST(talker);
	talker->is_client = is_client;
	talker->size = all.habits.size;
	talker->resets_at = SIM_NEVER;
	if (all.habits.is_thrown) {
		talker->size = 1 + dice_below(dice_percent(60) ? 100 : all.habits.size_most);
		talker->speaks_last = !is_client && dice_percent(30);
		talker->pause_ms = dice_percent(30) ? 1 + dice_below(5000) : 0;
	}
	if (dice_percent(all.habits.resets_percent))
		talker->resets_at = dice_below(dice_percent(50) ? 100 : all.habits.size_most);
	talker->next = all.talkers;
	all.talkers = talker;
	return talker;
}

static bool reset_is_excused(const struct talker *talker)
{
	const struct excuses *excuses = &all.excuses;

	if (all.habits.resets_percent || excuses->breaks || excuses->stops_hard)
		return true;
	/* What never came through to a server. */
	if (talker->is_client && !talker->heard &&
	    (excuses->no_target || excuses->no_listener || excuses->refuses || excuses->silent ||
	     excuses->is_full || excuses->stops))
		return true;
	return false;
}

static void leave(struct talker *talker, bool is_reset)
{
	talker->is_over = true;
	if (is_reset)
		net_reset(talker->end);
	else
		net_close(talker->end);
	talker->end = NULL;
}

static const char *name_of(const struct talker *talker)
{
	return talker->is_client ? "client" : "server";
}

static void was_reset(struct talker *talker)
{
	unsigned number = talker->end->connection->number;

	sim_note("#%u the %s is reset behind %llu bytes", number, name_of(talker),
		 (unsigned long long)talker->heard);
	leave(talker, false);
	if (!reset_is_excused(talker))
		sim_fail("#%u the %s was reset without a reason", number, name_of(talker));
}

static void hear(struct talker *talker, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (talker->heard_mark)
			sim_fail("#%u the %s hears more behind the mark",
				 talker->end->connection->number, name_of(talker));
		talker->heard_mark = data[i] == MARK;
		if (!talker->heard_mark && data[i] != byte_at(talker, true, talker->heard))
			sim_fail("#%u the %s: byte %llu is wrong", talker->end->connection->number,
				 name_of(talker), (unsigned long long)talker->heard);
		talker->heard++;
	}
}

/* False when the talker is over. */
static bool hear_some(struct talker *talker)
{
	static uint8_t piece[PIECE];
	ssize_t got;

	if (talker->heard_end) {
		if (talker->end->is_reset)
			was_reset(talker);
		return !talker->is_over;
	}
	got = net_read(talker->end, piece, 1 + dice_below(dice_percent(30) ? 100 : PIECE - 1));
	if (got == -EAGAIN)
		return true;
	/* A write may have been told of the reset before; it is told once. */
	if (got < 0 || (got == 0 && talker->end->is_reset)) {
		was_reset(talker);
		return false;
	}
	talker->end->was_woken = true;
	if (got == 0 && !talker->heard_mark)
		sim_fail("#%u the %s hears an end behind %llu bytes, without the mark",
			 talker->end->connection->number, name_of(talker),
			 (unsigned long long)talker->heard);
	talker->heard_end = got == 0;
	hear(talker, piece, (size_t)got);
	return true;
}

static void say_some(struct talker *talker)
{
	static uint8_t piece[PIECE];
	uint32_t size = talker->size - talker->said;
	ssize_t put;

	if (talker->is_pausing || talker->has_finished ||
	    (talker->speaks_last && !talker->heard_end))
		return;
	if (talker->pause_ms && talker->said > talker->size / 2) {
		talker->is_pausing = true;
		talker->end->alarm_ms = sim.now_ms + talker->pause_ms;
		talker->pause_ms = 0;
		return;
	}
	if (size > PIECE)
		size = PIECE;
	if (all.habits.is_thrown && dice_percent(40))
		size = 1 + dice_below(size);
	for (uint32_t i = 0; i < size; i++)
		piece[i] = talker->said + i + 1 == talker->size
				   ? MARK
				   : byte_at(talker, false, talker->said + i);
	put = net_write(talker->end, piece, size);
	if (put > 0) {
		talker->said += (uint32_t)put;
		talker->end->was_woken = true;
	}
	if (talker->said == talker->size) {
		talker->has_finished = true;
		net_finish(talker->end);
	}
}

static void talker_run(struct net_end *end)
{
	struct talker *talker = end->owner;
	bool is_client = talker->is_client;

	if (++all.events[is_client] == all.break_at[is_client] ||
	    talker->said + talker->heard >= talker->resets_at) {
		sim_note("#%u the %s resets", end->connection->number, name_of(talker));
		leave(talker, true);
		return;
	}
	if (!end->alarm_ms)
		talker->is_pausing = false;
	if (!hear_some(talker))
		return;
	say_some(talker);
	if (talker->has_finished && talker->heard_end) {
		sim_note("#%u the %s heard and said everything", end->connection->number,
			 name_of(talker));
		all.complete += is_client;
		leave(talker, false);
	}
}

void talk_add(const struct address *listener, uint64_t start_ms)
{
	struct talker *talker = talker_new(true);

	talker->listener = *listener;
	talker->start_ms = start_ms;
}

static void client_start(struct talker *talker, uint8_t host)
{
	struct address ours = { .ip = { 10, 1, 0, host }, .port = 2000, .family = ADDRESS_IPV4 };

	talker->has_started = true;
	if (net_connect(&ours, &talker->listener, false, &talker->end) < 0) {
		if (!all.excuses.no_listener && !all.excuses.stops)
			sim_fail("a client was refused");
		talker->is_over = true;
		return;
	}
	talker->end->owner = talker;
	talker->end->run = talker_run;
}

void talks_start(void)
{
	uint8_t host = 0;

	for (struct talker *talker = all.talkers; talker; talker = talker->next) {
		host++;
		if (talker->is_client && !talker->has_started && talker->start_ms <= sim.now_ms)
			client_start(talker, host);
	}
}

uint64_t talks_next_ms(void)
{
	uint64_t next = SIM_NEVER;

	for (const struct talker *talker = all.talkers; talker; talker = talker->next) {
		if (talker->is_client && !talker->has_started && talker->start_ms < next)
			next = talker->start_ms;
	}
	return next;
}

/* Servers are over when their connections are: the stage looks at those. */
bool talks_are_over(void)
{
	for (const struct talker *talker = all.talkers; talker; talker = talker->next) {
		if (!talker->is_over)
			return false;
	}
	return true;
}

static void server_accept(struct net_listener *listener, struct net_end *end)
{
	struct talker *talker = talker_new(false);

	talker->end = end;
	talker->has_started = true;
	end->owner = talker;
	end->run = talker_run;
	end->was_woken = true; /* it may speak first */
}

void talk_listen(const struct address *address, const struct target_habits *habits)
{
	struct net_listener *listener = net_listen(address);

	listener->accept = server_accept;
	listener->refuses_percent = habits->refuses_percent;
	listener->silent_percent = habits->silent_percent;
	listener->slow_ms = habits->slow_ms;
}

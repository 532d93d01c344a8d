/* SPDX-License-Identifier: Apache-2.0 */
/* The network in memory: lanes, ends, and its steps. One thread; owns all connections of a run. */
#include "net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct net net;

void net_begin(uint32_t capacity, unsigned whole_percent)
{
	net = (struct net){ .capacity = capacity, .whole_percent = whole_percent };
}

static void connection_free(struct net_connection *connection)
{
	free(connection->ends[0].out.ring);
	free(connection->ends[1].out.ring);
	free(connection);
}

void net_end_all(void)
{
	while (net.connections) {
		struct net_connection *connection = net.connections;

		net.connections = connection->next;
		connection_free(connection);
	}
	while (net.listeners) {
		struct net_listener *listener = net.listeners;

		net.listeners = listener->next;
		free(listener);
	}
}

struct net_listener *net_find(const struct address *address)
{
	struct net_listener *listener = net.listeners;

	while (listener && !address_equal(&listener->address, address))
		listener = listener->next;
	return listener;
}

struct net_listener *net_listen(const struct address *address)
{
	struct net_listener *listener = net_find(address);

	if (!listener) {
		listener = calloc(1, sizeof(*listener));
		SIM_MUST(listener);
		listener->address = *address;
		listener->next = net.listeners;
		net.listeners = listener;
	}
	listener->handles++;
	return listener;
}

void net_listener_release(struct net_listener *listener)
{
	SIM_MUST(listener->handles);
	if (--listener->handles)
		return;
	while (listener->backlog) {
		struct net_connection *connection = listener->backlog;

		listener->backlog = connection->next_waiting;
		sim_note("#%u is reset in the backlog", connection->number);
		connection->ends[1].aborts = true;
		net_close(&connection->ends[1]);
	}
}

static void wake(struct net_end *end)
{
	end->was_woken = true;
}

/* The lane of a sweep: `end` writes into it. */
static void hold_place(struct net_end *end, bool is_to_target)
{
	end->out.hold_write = end->out.hold_visible = SIM_NEVER;
	if (!net.hold.is_set || net.hold.is_to_target != is_to_target ||
	    net.hold.is_from_worker != end->is_worker)
		return;
	if (net.hold.is_write)
		end->out.hold_write = net.hold.at;
	else
		end->out.hold_visible = net.hold.at;
}

static struct net_connection *connection_new(bool is_worker)
{
	struct net_connection *connection = calloc(1, sizeof(*connection));

	SIM_MUST(connection);
	connection->number = ++net.count;
	for (int i = 0; i < 2; i++) {
		struct net_end *end = &connection->ends[i];

		end->connection = connection;
		end->other = &connection->ends[1 - i];
		end->is_worker = (i == 0) == is_worker;
		end->out.capacity = net.capacity;
		end->out.ring = malloc(net.capacity);
		SIM_MUST(end->out.ring);
		hold_place(end, is_worker);
	}
	connection->next = net.connections;
	net.connections = connection;
	return connection;
}

static void backlog_append(struct net_listener *listener, struct net_connection *connection)
{
	struct net_connection **where = &listener->backlog;

	while (*where)
		where = &(*where)->next_waiting;
	*where = connection;
}

int net_connect(const struct address *client, const struct address *address, bool is_worker,
		struct net_end **ret)
{
	struct net_listener *listener = net_find(address);
	struct net_connection *connection;

	if ((!listener || !listener->handles) && (!is_worker || dice_percent(50)))
		return -ECONNREFUSED;
	connection = connection_new(is_worker);
	connection->client = *client;
	connection->listener = listener;
	*ret = &connection->ends[0];
	if (!is_worker) {
		sim_note("#%u a client connects", connection->number);
		connection->state = NET_OPEN;
		backlog_append(listener, connection);
		wake(&connection->ends[0]);
		return 0;
	}
	sim_note("#%u to a target", connection->number);
	connection->ends[1].is_closed = true; /* nobody holds it yet */
	connection->decided_ms = sim.now_ms;
	if (listener && dice_percent(listener->silent_percent))
		connection->decided_ms = SIM_NEVER;
	else if (listener)
		connection->decided_ms += dice_below(listener->slow_ms);
	return 0;
}

static void connection_decide(struct net_connection *connection)
{
	struct net_listener *listener = connection->listener;

	wake(&connection->ends[0]);
	if (!listener || !listener->handles || dice_percent(listener->refuses_percent)) {
		sim_note("#%u refused", connection->number);
		connection->state = NET_FAILED;
		connection->ends[0].error = ECONNREFUSED;
		return;
	}
	sim_note("#%u connected", connection->number);
	connection->state = NET_OPEN;
	connection->ends[1].is_closed = false;
	listener->accept(listener, &connection->ends[1]);
	wake(&connection->ends[1]);
}

size_t net_readable(const struct net_end *end)
{
	return (size_t)(end->other->out.visible - end->other->out.taken);
}

size_t net_room(const struct net_end *end)
{
	const struct net_lane *lane = &end->out;
	uint64_t room = lane->capacity - (lane->written - lane->taken);

	if (lane->hold_write != SIM_NEVER && room > lane->hold_write - lane->written)
		room = lane->hold_write - lane->written;
	return (size_t)room;
}

void net_want_room(struct net_end *end)
{
	end->wants_room = true;
	if (end->out.hold_write == end->out.written)
		end->out.is_held = net.hold.was_met = true;
}

ssize_t net_read(struct net_end *end, void *data, size_t size)
{
	struct net_lane *lane = &end->other->out;
	size_t count = net_readable(end);
	int error = end->error;

	if (!count && end->connection->state == NET_CONNECTING)
		return -EAGAIN;
	if (!count && (end->is_reset || end->connection->state == NET_FAILED)) {
		end->error = 0;
		return -error;
	}
	if (!count)
		return lane->end_visible ? 0 : -EAGAIN;
	if (count > size)
		count = size;
	for (size_t i = 0; i < count;) {
		size_t at = (size_t)((lane->taken + i) % lane->capacity);
		size_t run = lane->capacity - at < count - i ? lane->capacity - at : count - i;

		memcpy((char *)data + i, lane->ring + at, run);
		i += run;
	}
	lane->taken += count;
	if (end->other->wants_room && lane->hold_write != lane->written) {
		end->other->wants_room = false;
		wake(end->other);
	}
	return (ssize_t)count;
}

ssize_t net_write(struct net_end *end, const void *data, size_t size)
{
	struct net_lane *lane = &end->out;
	int error = end->error;
	size_t room;

	if (end->connection->state == NET_CONNECTING)
		return -EAGAIN;
	if (end->is_reset || end->connection->state == NET_FAILED || lane->is_finished) {
		end->error = 0;
		return error ? -error : -EPIPE;
	}
	/* The kernel may be short of memory at any byte, and tells later. */
	if (end->is_worker && !net.hold.is_set && lane->hold_write == SIM_NEVER && dice_percent(5))
		lane->hold_write = lane->written + dice_below((uint32_t)size);
	room = net_room(end);
	if (size > room) {
		size = room;
		end->wants_room = true;
	}
	if (!size) {
		net_want_room(end);
		return -EAGAIN;
	}
	for (size_t i = 0; i < size;) {
		size_t at = (size_t)((lane->written + i) % lane->capacity);
		size_t run = lane->capacity - at < size - i ? lane->capacity - at : size - i;

		memcpy(lane->ring + at, (const char *)data + i, run);
		i += run;
	}
	lane->written += size;
	if (end->wants_room)
		net_want_room(end);
	return (ssize_t)size;
}

void net_finish(struct net_end *end)
{
	end->out.is_finished = true;
}

/* What was sent and has not arrived is lost with a reset. */
static void reset_send(struct net_end *end)
{
	end->out.written = end->out.visible;
	end->out.is_finished = true;
	if (!end->other->is_reset)
		end->other->reset_comes = true;
}

void net_close(struct net_end *end)
{
	if (end->is_closed)
		return;
	end->is_closed = true;
	end->watch = NULL;
	end->alarm_ms = 0;
	if (end->is_reset || end->connection->state != NET_OPEN)
		return;
	if (end->aborts || net_readable(end))
		reset_send(end);
	else
		end->out.is_finished = true;
}

void net_reset(struct net_end *end)
{
	end->aborts = true;
	net_close(end);
}

static void reset_arrive(struct net_end *end)
{
	end->reset_comes = false;
	end->is_reset = true;
	end->out.written = end->out.visible; /* what it still had to send */
	if (end->is_closed)
		return;
	sim_note("#%u a reset arrives at %s", end->connection->number,
		 end->is_worker ? "setia" : "the peer");
	end->error = end->other->out.end_visible ? EPIPE : ECONNRESET;
	wake(end);
}

static void deliver(struct net_end *from)
{
	struct net_lane *lane = &from->out;
	struct net_end *to = from->other;
	uint64_t flying = lane->written - lane->visible;

	if (!dice_percent(net.whole_percent))
		flying = 1 + dice_below((uint32_t)flying);
	if (lane->hold_visible != SIM_NEVER && flying > lane->hold_visible - lane->visible) {
		flying = lane->hold_visible - lane->visible;
		lane->is_held = net.hold.was_met = true;
		if (!flying)
			return;
	}
	lane->visible += flying;
	if (to->is_closed) {
		lane->taken = lane->visible;
		reset_send(to);
		return;
	}
	wake(to);
}

static bool lane_moves(const struct net_end *from)
{
	const struct net_lane *lane = &from->out;

	return lane->written > lane->visible &&
	       !(lane->is_held && lane->hold_visible == lane->visible);
}

static bool lane_ends(const struct net_end *from)
{
	const struct net_lane *lane = &from->out;

	return lane->is_finished && !lane->end_visible && lane->written == lane->visible &&
	       !from->other->is_reset && !from->other->reset_comes;
}

enum step_kind { STEP_NONE, STEP_DECIDE, STEP_RESET, STEP_DELIVER, STEP_FIN, STEP_GO_ON, STEP_RUN };

/* What can happen at this end: to the bytes it sent, or to itself. Up to `kinds`. */
static unsigned steps_of(struct net_end *end, enum step_kind kinds[5])
{
	unsigned count = 0;

	if (end->connection->state == NET_CONNECTING) {
		if (end == &end->connection->ends[0] && !end->is_closed &&
		    end->connection->decided_ms <= sim.now_ms)
			kinds[count++] = STEP_DECIDE;
		return count;
	}
	if (end->alarm_ms && end->alarm_ms <= sim.now_ms) {
		end->alarm_ms = 0;
		wake(end);
	}
	if (end->reset_comes)
		kinds[count++] = STEP_RESET;
	if (lane_moves(end))
		kinds[count++] = STEP_DELIVER;
	if (lane_ends(end))
		kinds[count++] = STEP_FIN;
	if (!net.hold.is_set && end->out.is_held)
		kinds[count++] = STEP_GO_ON;
	if (!end->is_worker && end->was_woken && !end->is_closed)
		kinds[count++] = STEP_RUN;
	return count;
}

static void lane_go_on(struct net_end *end)
{
	end->out.is_held = false;
	end->out.hold_write = end->out.hold_visible = SIM_NEVER;
	if (end->wants_room) {
		end->wants_room = false;
		wake(end);
	}
}

static void step_take(struct net_end *end, enum step_kind kind)
{
	switch (kind) {
	case STEP_DECIDE:
		connection_decide(end->connection);
		break;
	case STEP_RESET:
		reset_arrive(end);
		break;
	case STEP_DELIVER:
		deliver(end);
		break;
	case STEP_FIN:
		end->out.end_visible = true;
		wake(end->other);
		break;
	case STEP_GO_ON:
		lane_go_on(end);
		break;
	case STEP_RUN:
		end->was_woken = false;
		end->run(end);
		break;
	case STEP_NONE:
		break;
	}
}

static bool is_waiting(const struct net_connection *connection)
{
	const struct net_listener *listener = connection->listener;

	for (const struct net_connection *other = listener ? listener->backlog : NULL; other;
	     other = other->next_waiting) {
		if (other == connection)
			return true;
	}
	return false;
}

static void forget_dead(void)
{
	struct net_connection **where = &net.connections;

	while (*where) {
		struct net_connection *connection = *where;

		if (!connection->ends[0].is_closed || !connection->ends[1].is_closed ||
		    is_waiting(connection)) {
			where = &connection->next;
			continue;
		}
		*where = connection->next;
		connection_free(connection);
	}
}

bool net_step(void)
{
	struct net_end *chosen = NULL;
	enum step_kind kind = STEP_NONE;
	uint32_t seen = 0;

	forget_dead();
	for (struct net_connection *one = net.connections; one; one = one->next) {
		for (int i = 0; i < 2; i++) {
			enum step_kind kinds[5];
			unsigned count = steps_of(&one->ends[i], kinds);

			for (unsigned j = 0; j < count; j++) {
				if (dice_below(++seen))
					continue;
				chosen = &one->ends[i];
				kind = kinds[j];
			}
		}
	}
	if (!chosen)
		return false;
	sim.steps++;
	step_take(chosen, kind);
	return true;
}

bool net_release_holds(void)
{
	bool was_held = false;

	for (struct net_connection *one = net.connections; one; one = one->next) {
		for (int i = 0; i < 2; i++) {
			if (!one->ends[i].out.is_held)
				continue;
			was_held = true;
			lane_go_on(&one->ends[i]);
		}
	}
	return was_held;
}

uint64_t net_next_ms(void)
{
	uint64_t next = SIM_NEVER;

	for (struct net_connection *one = net.connections; one; one = one->next) {
		if (one->state == NET_CONNECTING && !one->ends[0].is_closed &&
		    one->decided_ms < next)
			next = one->decided_ms;
		for (int i = 0; i < 2; i++) {
			uint64_t alarm = one->ends[i].alarm_ms;

			if (alarm && alarm < next)
				next = alarm;
		}
	}
	return next;
}

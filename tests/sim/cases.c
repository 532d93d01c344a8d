/* SPDX-License-Identifier: Apache-2.0 */
/* Seeds, and the sweeps over bytes and events. Timeouts are in sweep_timeouts.c. One thread. */
#include "cases.h"

#include <stdio.h>

#include "cases_talk.h"
#include "sweep_timeouts.h"
#include "world.h"

#define SWEEP_SEED 7

static void client_throw(struct client_setup *client, const struct plan_options *options,
			 bool has_faults)
{
	client->listener = world_listener;
	client->count = 1 + dice_below(6);
	for (unsigned i = 0; i < client->count; i++) {
		struct plan *plan = plan_new();

		plan_throw(plan, options);
		client->plans[i] = plan->id;
	}
	client->pipelines = dice_percent(30);
	client->lingers = dice_percent(10);
	client->half_closes = dice_percent(15);
	client->start_ms = SIM_START_MS + dice_below(dice_percent(50) ? 10 : 20000);
	client->think_ms = dice_percent(30) ? dice_below(10000) : 0;
	if (has_faults && dice_percent(30)) {
		client->fault = (enum client_fault)(1 + dice_below(CLIENT_FAULTS - 1));
		client->fault_at = dice_below(dice_percent(60) ? 600 : 20000);
	}
}

static void changes_throw(struct world_setup *setup)
{
	bool is_calm = dice_percent(60);

	setup->change_count = dice_below(WORLD_CHANGES_MOST);
	for (unsigned i = 0; i < setup->change_count; i++) {
		struct change *change = &setup->changes[i];

		change->kind =
			(enum change_kind)dice_below(is_calm ? CHANGE_KINDS_CALM : CHANGE_KINDS);
		if (dice_percent(50))
			change->at_ms = 1 + dice_below(20000);
		else
			change->at_step = dice_below(400);
		setup->excuses.few_targets |= change->kind == CHANGE_TARGETS;
		setup->excuses.no_target |= change->kind == CHANGE_NO_TARGETS;
		setup->excuses.no_listener |= change->kind == CHANGE_NO_LISTENER;
	}
	if (dice_percent(15)) {
		struct change *change = &setup->changes[setup->change_count++];

		*change = (struct change){ .kind = CHANGE_STOP, .at_ms = 1 + dice_below(20000) };
		setup->stop_grace_ms = dice_percent(50) ? 300000 : dice_below(3000);
		setup->excuses.stops = true;
		setup->excuses.stops_hard = setup->stop_grace_ms < 300000;
	}
}

static void setup_throw(struct world_setup *setup)
{
	static const uint32_t capacities[] = { 17, 300, 4096, 4096, 70000, NET_LANE_MOST };

	setup->targets = 2 + dice_below(WORLD_TARGETS_MOST - 1);
	setup->has_keepalive = dice_percent(75);
	setup->has_session = dice_percent(50);
	setup->capacity = capacities[dice_below(6)];
	setup->whole_percent = dice_below(101);
	setup->hold_back_percent = dice_below(80);
	setup->drift_percent = dice_percent(50) ? dice_below(10) : 0;
	setup->rests = dice_percent(20);
	if (dice_percent(40))
		setup->habits.closes_idle_percent = dice_below(80);
	if (dice_percent(20))
		setup->habits.refuses_percent = dice_below(100);
	if (dice_percent(10))
		setup->habits.silent_percent = dice_below(60);
	if (dice_percent(20))
		setup->habits.slow_ms = dice_below(3000);
	if (dice_percent(10))
		setup->full_percent = dice_below(60);
	if (dice_percent(10))
		setup->descriptors = 4 + dice_below(20);
	setup->buffers_requests = dice_percent(30);
	setup->ignores_abort = dice_percent(20);
	setup->reads_ahead = dice_percent(30);
	setup->excuses.idle_closes = setup->habits.closes_idle_percent > 0;
	setup->excuses.refuses = setup->habits.refuses_percent > 0;
	setup->excuses.silent = setup->habits.silent_percent > 0;
	setup->excuses.is_full = setup->full_percent > 0;
}

void case_seed(uint64_t seed, bool is_verbose)
{
	struct world_setup setup = world_calm();
	struct plan_options options;
	bool has_client_faults;
	unsigned clients;

	snprintf(sim.replay, sizeof(sim.replay), "--seed %llu", (unsigned long long)seed);
	sim_begin(seed, is_verbose);
	if (dice_percent(25)) {
		talk_seed();
		return;
	}
	setup_throw(&setup);
	if (dice_percent(50))
		changes_throw(&setup);
	options = (struct plan_options){
		.has_faults = dice_percent(50),
		.has_tunnels = dice_percent(40),
		.is_bulk = setup.capacity >= 4096 && dice_percent(15),
	};
	has_client_faults = dice_percent(40);
	clients = 1 + dice_below(8);
	world_begin(&setup);
	for (unsigned i = 0; i < clients; i++) {
		struct client_setup client = { 0 };

		client_throw(&client, &options, has_client_faults);
		client_add(&client);
	}
	world_run();
}

/* A POST in chunks with an answer in chunks, a PUT, a short GET and a tunnel, on one connection. */
static void reference_add(bool pipelines)
{
	struct client_setup client = { .listener = world_listener,
				       .count = 4,
				       .pipelines = pipelines,
				       .start_ms = SIM_START_MS };
	struct plan *post = plan_new(), *put = plan_new(), *get = plan_new(), *tunnel = plan_new();

	post->method = "POST";
	post->is_idempotent = false;
	post->framing = FRAMING_CHUNKED;
	post->body_size = 40;
	post->answer_framing = FRAMING_CHUNKED;
	post->answer_size = 33;
	post->informational = 2;
	put->method = "PUT";
	put->framing = FRAMING_LENGTH;
	put->body_size = 25;
	put->status = 204;
	put->answer_framing = FRAMING_NONE;
	get->answer_size = 30;
	tunnel->is_tunnel = true;
	tunnel->status = 101;
	tunnel->answer_framing = FRAMING_NONE;
	tunnel->body_size = 30;
	for (unsigned i = 0; i < 4; i++)
		client.plans[i] = i + 1;
	/* Nothing may follow a request for a tunnel, so nothing is pipelined behind it. */
	client_add(&client);
}

/* Variants: which of the four lanes, read or write, pipelined or not; bodies streamed or read
 * first. */
static bool hold_run(unsigned variant, unsigned at)
{
	struct world_setup setup = world_calm();

	setup.hold = (struct net_hold){
		.is_set = true,
		.is_to_target = variant & 1,
		.is_from_worker = variant >> 1 & 1,
		.is_write = variant >> 2 & 1,
		.at = at,
	};
	setup.buffers_requests = setup.reads_ahead = variant >> 4;
	world_begin(&setup);
	reference_add(variant >> 3 & 1);
	world_run();
	if (client_report(0)->complete != 4)
		sim_fail("%u of 4 answers came", client_report(0)->complete);
	return net.hold.was_met;
}

/* Variants: the client or the target, by a reset or an end; whole or torn deliveries; bodies. */
static bool break_run(unsigned variant, unsigned at)
{
	bool is_target = variant & 1;
	struct world_setup setup = world_calm();

	setup.excuses.breaks = true;
	setup.whole_percent = variant >> 2 & 1 ? 30 : 100;
	setup.buffers_requests = setup.ignores_abort = variant >> 4;
	world_begin(&setup);
	reference_add(variant >> 3 & 1);
	if (is_target)
		target_break_at(at + 1, variant >> 1 & 1);
	else
		client_break_at(at + 1, variant >> 1 & 1);
	world_run();
	return at < (is_target ? target_events() : client_events());
}

/* Variants: every kind of change, and the end, at every step; twice each, pipelined or not. */
static bool change_run(unsigned variant, unsigned at)
{
	struct world_setup setup = world_calm();
	enum change_kind kind = (enum change_kind)(variant >> 1);

	if (kind > CHANGE_STOP + 1) { /* the end, and a new listener comes too late */
		setup.changes[setup.change_count++] =
			(struct change){ .kind = CHANGE_LISTENER, .at_step = at + 8 };
		kind = CHANGE_STOP;
	} else if (kind > CHANGE_STOP) {
		kind = CHANGE_STOP; /* a hard one */
		setup.stop_grace_ms = 0;
		setup.excuses.stops_hard = true;
	}
	setup.whole_percent = 50;
	setup.changes[setup.change_count++] = (struct change){ .kind = kind, .at_step = at };
	setup.excuses.no_target = kind == CHANGE_NO_TARGETS;
	setup.excuses.no_listener = kind == CHANGE_NO_LISTENER;
	setup.excuses.stops = kind == CHANGE_STOP;
	world_begin(&setup);
	reference_add(variant & 1);
	world_run();
	if (kind < CHANGE_KINDS_CALM && client_report(0)->complete != 4)
		sim_fail("%u of 4 answers came", client_report(0)->complete);
	return at < sim.steps;
}

const struct sweep sweeps[] = {
	{ "hold", hold_run, 24 },
	{ "break", break_run, 32 },
	{ "change", change_run, 2 * (CHANGE_STOP + 3) },
	{ "timeout", timeout_run, TIMEOUT_CASES },
	{ "talkhold", talk_hold_run, TALK_HOLDS },
	{ "talkbreak", talk_break_run, TALK_BREAKS },
	{ "talkchange", talk_change_run, TALK_CHANGES },
};
const unsigned sweep_count = sizeof(sweeps) / sizeof(*sweeps);

bool case_sweep(const struct sweep *sweep, unsigned variant, unsigned at, bool is_verbose)
{
	snprintf(sim.replay, sizeof(sim.replay), "--sweep %s:%u:%u", sweep->name, variant, at);
	sim_begin(SWEEP_SEED, is_verbose);
	return sweep->run(variant, at);
}

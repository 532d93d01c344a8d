/* SPDX-License-Identifier: Apache-2.0 */
/* The runs of layer 4. One thread. */
#include "cases_talk.h"

#include "talk.h"
#include "world.h"

static struct world_setup world_of_talks(uint32_t size)
{
	struct world_setup setup = world_calm();

	setup.is_layer4 = true;
	setup.talks = (struct talk_habits){ .size = size, .size_most = size };
	return setup;
}

static void changes_throw(struct world_setup *setup)
{
	setup->change_count = dice_below(WORLD_CHANGES_MOST);
	for (unsigned i = 0; i < setup->change_count; i++) {
		struct change *change = &setup->changes[i];

		change->kind = (enum change_kind)dice_below(CHANGE_KINDS);
		if (dice_percent(50))
			change->at_ms = 1 + dice_below(20000);
		else
			change->at_step = dice_below(400);
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

void talk_seed(void)
{
	static const uint32_t capacities[] = { 17, 300, 4096, 4096, 70000, NET_LANE_MOST };
	struct world_setup setup = world_of_talks(2000);
	unsigned clients = 1 + dice_below(8);

	setup.targets = 2 + dice_below(WORLD_TARGETS_MOST - 1);
	setup.has_session = dice_percent(50);
	setup.capacity = capacities[dice_below(6)];
	setup.whole_percent = dice_below(101);
	setup.hold_back_percent = dice_below(80);
	setup.drift_percent = dice_percent(50) ? dice_below(10) : 0;
	setup.rests = dice_percent(20);
	setup.talks.is_thrown = true;
	if (setup.capacity >= 4096 && dice_percent(30))
		setup.talks.size_most = 400000;
	if (dice_percent(40))
		setup.talks.resets_percent = dice_below(60);
	if (dice_percent(20))
		setup.habits.refuses_percent = dice_below(100);
	if (dice_percent(10))
		setup.habits.silent_percent = dice_below(60);
	if (dice_percent(20))
		setup.habits.slow_ms = dice_below(3000);
	if (dice_percent(10))
		setup.full_percent = dice_below(60);
	if (dice_percent(10))
		setup.descriptors = 4 + dice_below(20);
	setup.excuses.refuses = setup.habits.refuses_percent > 0;
	setup.excuses.silent = setup.habits.silent_percent > 0;
	setup.excuses.is_full = setup.full_percent > 0;
	if (dice_percent(50))
		changes_throw(&setup);
	world_begin(&setup);
	for (unsigned i = 0; i < clients; i++)
		talk_add(&world_listener, SIM_START_MS + dice_below(dice_percent(50) ? 10 : 20000));
	world_run();
}

bool talk_hold_run(unsigned variant, unsigned at)
{
	struct world_setup setup = world_of_talks(40);

	setup.hold = (struct net_hold){
		.is_set = true,
		.is_to_target = variant & 1,
		.is_from_worker = variant >> 1 & 1,
		.is_write = variant >> 2 & 1,
		.at = at,
	};
	world_begin(&setup);
	talk_add(&world_listener, SIM_START_MS);
	world_run();
	if (talks_complete() != 1)
		sim_fail("not everything was said");
	return net.hold.was_met;
}

/* Variants: the client or the server; whole or torn deliveries. */
bool talk_break_run(unsigned variant, unsigned at)
{
	struct world_setup setup = world_of_talks(300);
	bool is_client = variant & 1;

	setup.excuses.breaks = true;
	setup.whole_percent = variant >> 1 ? 30 : 100;
	world_begin(&setup);
	talk_add(&world_listener, SIM_START_MS);
	talk_break_at(is_client, at + 1);
	world_run();
	return at < talk_events(is_client);
}

/* Variants: every kind of change, a patient end and a hard one. */
bool talk_change_run(unsigned variant, unsigned at)
{
	struct world_setup setup = world_of_talks(300);
	enum change_kind kind = (enum change_kind)variant;

	_Static_assert(TALK_CHANGES == CHANGE_STOP + 2, "variants");
	if (kind > CHANGE_STOP) {
		kind = CHANGE_STOP;
		setup.stop_grace_ms = 0;
		setup.excuses.stops_hard = true;
	}
	setup.whole_percent = 50;
	setup.changes[setup.change_count++] = (struct change){ .kind = kind, .at_step = at };
	setup.excuses.no_target = kind == CHANGE_NO_TARGETS;
	setup.excuses.no_listener = kind == CHANGE_NO_LISTENER;
	setup.excuses.stops = kind == CHANGE_STOP;
	world_begin(&setup);
	talk_add(&world_listener, SIM_START_MS);
	world_run();
	if (kind < CHANGE_KINDS_CALM && talks_complete() != 1)
		sim_fail("not everything was said");
	return at < sim.steps;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The stage of a run: the worker, its generations, the director, and the check at the end. */
#include "world.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernel.h"
#include "model/sample.h"
#include "process/log.h"
#include "proxy/body_store.h"
#include "proxy/connection.h"

#define GENERATIONS_MOST (WORLD_CHANGES_MOST + 2)

/* The configuration in force. */
struct shape {
	unsigned targets; /* one bit each */
	unsigned registration, rule, listener; /* how often they were made anew */
	bool has_listener;
};

enum phase { PHASE_TRAFFIC, PHASE_REST, PHASE_STOP };

static struct {
	struct regions *regions;
	int done_fd;
	struct world_setup setup;
	struct worker worker;
	struct sockets *sockets;
	struct body_room bodies;
	struct descriptors descriptors; /* of traffic, as the worker counts them */
	struct shape shape;
	struct generation *generations[GENERATIONS_MOST];
	unsigned generation_count;
	enum phase phase;
	uint64_t rested_ms;
	bool is_held; /* the keeper's own handle of the listening socket */
} world;

const struct address world_listener = { .ip = { 127, 0, 0, 1 },
					.port = 8080,
					.family = ADDRESS_IPV4 };

void world_open(void)
{
	struct clock_anchor anchor = { .boot_id = "sim", .offset_s = 1700000000 };
	int fd;

	log_init("sim", LOG_LEVEL_ERROR, LOG_KEY_VALUE);
	SIM_MUST(regions_create(&anchor, 2, &fd, &world.regions) == 0);
	close(fd);
	world.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	SIM_MUST(world.done_fd >= 0);
}

void world_close(void)
{
	regions_close(world.regions);
	close(world.done_fd);
	clients_end();
}

struct world_setup world_calm(void)
{
	return (struct world_setup){
		.targets = 3,
		.has_keepalive = true,
		.has_session = true,
		.capacity = 4096,
		.whole_percent = 100,
		.descriptors = 4096,
		.stop_grace_ms = 30000,
	};
}

static void keys_add(struct model *model)
{
	model->key_count = 1;
	model->keys[0] = (struct cookie_key){ .id = 1, .created_s = 1000 };
	memset(model->keys[0].secret, 0x5a, sizeof(model->keys[0].secret));
}

static struct listener *layer4_make(struct sample *sample, struct instance *instance)
{
	struct listener *listener =
		sample_layer4(sample, instance, PROTOCOL_TCP, world_listener.port);

	listener->session_expire_s = world.setup.has_session ? 1000 : 0;
	return listener;
}

/* With its rule. */
static struct listener *http_make(struct sample *sample, struct instance *instance)
{
	struct listener *listener = sample_listener(sample, instance, world_listener.port);
	struct rule *rule;

	listener->has_keepalive = world.setup.has_keepalive;
	sample->next_number = 200 + world.shape.rule;
	sample->next_rule = world.shape.rule % 2;
	rule = sample_rule(sample, listener, "", "/");
	rule->session_expire_s = world.setup.has_session ? 1000 : 0;
	return listener;
}

static void custom_add(struct sample *sample, struct instance *instance)
{
	struct custom_configuration *custom = custom_configuration_new();

	SIM_MUST(custom);
	custom->number = 900;
	custom->directives.buffers_request = world.setup.buffers_requests;
	custom->directives.ignores_client_abort = world.setup.ignores_abort;
	if (world.setup.reads_ahead)
		custom->directives.response_buffers = DIRECTIVE_BUFFERS(8, 8192);
	SIM_MUST(model_add_custom(&sample->model, custom) == 0);
	instance->custom = custom;
}

static void model_make(struct sample *sample)
{
	const struct shape *shape = &world.shape;
	struct instance *instance;
	struct listener *listener;

	sample_init(sample);
	keys_add(&sample->model);
	instance = sample_instance(sample, "127.0.0.1");
	if (world.setup.buffers_requests || world.setup.ignores_abort || world.setup.reads_ahead)
		custom_add(sample, instance);
	if (!shape->has_listener)
		return;
	sample->next_number = 100 + shape->listener;
	listener =
		world.setup.is_layer4 ? layer4_make(sample, instance) : http_make(sample, instance);
	for (unsigned i = 0; i < world.setup.targets; i++) {
		char address[32];

		if (!(shape->targets >> i & 1))
			continue;
		snprintf(address, sizeof(address), "10.0.0.%u:80", i + 1);
		sample->next_number = 1000 + 100 * shape->registration + i;
		sample->next_target = i;
		if (world.setup.is_layer4)
			sample_listener_target(sample, listener, address, (uint16_t)(10 * (i + 1)));
		else
			sample_target(sample, listener->rules[0], address,
				      (uint16_t)(10 * (i + 1)));
	}
}

/* Control builds, the keeper passes on, the worker is told. */
static void generation_publish(void)
{
	unsigned count = world.generation_count;
	struct generation *previous = count ? world.generations[count - 1] : NULL;
	struct sample sample;
	char why[200] = "";
	int fd;

	model_make(&sample);
	SIM_MUST(snapshot_build(&sample.model, count + 1, &fd) == 0);
	SIM_MUST(generation_open(fd, previous, world.regions, &world.generations[count], why,
				 sizeof(why)) == 0);
	close(fd);
	sample_done(&sample);
	world.generation_count++;
	sockets_deliver(world.sockets, count + 1);
	worker_hand_over(&world.worker, world.generations[count], count + 1);
}

static void socket_give(void)
{
	int fd = kernel_listen(&world_listener);

	if (!world.is_held && world.phase != PHASE_STOP) {
		net_listen(&world_listener);
		world.is_held = true;
	}
	SIM_MUST(sockets_put(world.sockets, 100 + world.shape.listener, 0, fd) == 0);
}

static void shape_change(enum change_kind kind)
{
	struct shape *shape = &world.shape;
	unsigned every = (1u << world.setup.targets) - 1;

	switch (kind) {
	case CHANGE_TARGETS:
		shape->targets = (shape->targets ^ dice_below(every + 1)) & every;
		shape->targets |= 1u << dice_below(world.setup.targets);
		break;
	case CHANGE_TARGETS_ANEW:
		shape->registration++;
		break;
	case CHANGE_RULE:
		shape->rule++;
		break;
	case CHANGE_NO_TARGETS:
		shape->targets = 0;
		break;
	case CHANGE_LISTENER:
		shape->listener++;
		shape->has_listener = true;
		socket_give();
		break;
	case CHANGE_NO_LISTENER:
		shape->has_listener = false;
		if (world.is_held)
			net_listener_release(net_find(&world_listener));
		world.is_held = false;
		break;
	default:
		break;
	}
}

static void change_make(struct change *change)
{
	change->is_done = true;
	if (!world.sockets)
		return; /* the worker is gone */
	sim_note("change %d", (int)change->kind);
	if (change->kind == CHANGE_STOP) {
		worker_ask_to_stop(&world.worker, world.setup.stop_grace_ms);
		if (world.is_held)
			net_listener_release(net_find(&world_listener));
		world.is_held = false;
		world.phase = PHASE_STOP;
		return;
	}
	shape_change(change->kind);
	generation_publish();
}

static void world_step(void)
{
	clients_start();
	talks_start();
	for (unsigned i = 0; i < world.setup.change_count; i++) {
		struct change *change = &world.setup.changes[i];
		bool is_due = change->at_ms ? SIM_START_MS + change->at_ms <= sim.now_ms
					    : change->at_step <= sim.steps;

		if (!change->is_done && is_due)
			change_make(change);
	}
}

static uint64_t world_next_ms(void)
{
	uint64_t next = clients_next_ms();

	if (talks_next_ms() < next)
		next = talks_next_ms();
	for (unsigned i = 0; i < world.setup.change_count; i++) {
		const struct change *change = &world.setup.changes[i];
		uint64_t at = SIM_START_MS + change->at_ms;

		if (!change->is_done && change->at_ms && at < next)
			next = at;
	}
	return next;
}

static unsigned upstreams_count(bool used)
{
	const struct upstream_table *table = &world.worker.upstreams;
	unsigned count = 0;

	for (uint32_t i = 0; i < table->bucket_count; i++) {
		for (const struct upstream_pool *pool = table->buckets[i]; pool; pool = pool->next)
			count += used ? pool->used_count : pool->idle_count;
	}
	return count;
}

/* No client is there: nothing of any request may be left. */
static void quiet_check(void)
{
	struct worker *worker = &world.worker;

	SIM_MUST(list_is_empty(&worker->connections) && worker->connection_count == 0);
	SIM_MUST(worker->buffers.used == 0);
	SIM_MUST(world.bodies.memory == 0 && world.bodies.disk == 0);
	SIM_MUST(upstreams_count(true) == 0);
	SIM_MUST(worker->current->pins == 1);
	for (unsigned i = 0; i + 1 < world.generation_count; i++)
		SIM_MUST(atomic_load(&world.generations[i]->references) == 1);
}

static bool world_idle(uint64_t until_ms)
{
	if (!clients_are_over() || !talks_are_over() || world.phase == PHASE_STOP)
		return false;
	if (world.setup.ignores_abort && world.worker.connection_count && until_ms != SIM_NEVER)
		return false; /* an answer is read for nobody */
	if (world.phase == PHASE_TRAFFIC) {
		quiet_check();
		world.phase = PHASE_REST;
		return true;
	}
	if (world.setup.rests && until_ms != SIM_NEVER)
		return false;
	world.rested_ms = sim.now_ms;
	if (world.setup.rests)
		SIM_MUST(upstreams_count(false) == 0);
	change_make(&(struct change){ .kind = CHANGE_STOP });
	return true;
}

void world_begin(const struct world_setup *setup)
{
	world.setup = *setup;
	world.setup.habits.gets_whole_bodies = setup->buffers_requests;
	world.setup.excuses.keeps_bodies = setup->buffers_requests;
	world.bodies = (struct body_room){ .directory = "/tmp", .disk_most = 1 << 24 };
	world.shape = (struct shape){ .targets = (1u << setup->targets) - 1, .has_listener = true };
	world.generation_count = 0;
	world.phase = PHASE_TRAFFIC;
	world.is_held = false;
	kernel_begin();
	kernel.full_percent = setup->full_percent;
	kernel.hold_back_percent = setup->hold_back_percent;
	kernel.drift_percent = setup->drift_percent;
	kernel.descriptors = setup->descriptors;
	kernel.on_idle = world_idle;
	kernel.on_step = world_step;
	kernel.next_ms = world_next_ms;
	net_begin(setup->capacity, setup->whole_percent);
	net.hold = setup->hold;
	targets_begin(&world.setup.habits);
	for (unsigned i = 0; i < setup->targets; i++) {
		struct address address = { .ip = { 10, 0, 0, (uint8_t)(i + 1) },
					   .port = 80,
					   .family = ADDRESS_IPV4 };

		if (setup->is_layer4)
			talk_listen(&address, &setup->habits);
		else
			target_listen(&address);
	}
	clients_begin(&world.setup.excuses);
	talks_begin(&setup->talks, &setup->excuses);
	plans_begin();
	for (int i = 0; i < 2; i++)
		memset(&world.regions->turns[i], 0, sizeof(world.regions->turns[i]));
	world.sockets = sockets_new();
	SIM_MUST(world.sockets);
	descriptors_init(&world.descriptors);
	SIM_MUST(worker_init(&world.worker, &(struct worker_setup){
						    .regions = world.regions,
						    .sockets = world.sockets,
						    .bodies = &world.bodies,
						    .descriptors = &world.descriptors,
						    .done_fd = world.done_fd,
					    }) == 0);
	socket_give();
	generation_publish();
}

/* The worker is gone: what is on its way still arrives. */
static void last_steps(void)
{
	for (;;) {
		uint64_t next_ms;

		world_step();
		if (net_step() || net_release_holds())
			continue;
		next_ms = net_next_ms() < world_next_ms() ? net_next_ms() : world_next_ms();
		if (next_ms == SIM_NEVER)
			break;
		if (next_ms > sim.now_ms)
			sim.now_ms = next_ms;
	}
	if (!clients_are_over() || !talks_are_over())
		sim_fail("a client waits for ever");
}

void world_run(void)
{
	struct worker *worker = &world.worker;

	while (worker_turn(worker))
		;
	world.sockets = sockets_free(world.sockets);
	last_steps();
	SIM_MUST(list_is_empty(&worker->listeners) && list_is_empty(&worker->graves));
	SIM_MUST(list_is_empty(&worker->connections) && worker->connection_count == 0);
	SIM_MUST(worker->buffers.used == 0 && !worker->upstreams.buckets);
	SIM_MUST(worker->wheel.count == (unsigned)(worker->pause_timer.armed_ms != 0) +
						(unsigned)(worker->grace_timer.armed_ms != 0));
	worker_done(worker);
	if (kernel_open_count())
		sim_fail("%u descriptors are left open", kernel_open_count());
	for (unsigned i = 0; i < world.generation_count; i++) {
		SIM_MUST(atomic_load(&world.generations[i]->references) == 1);
		generation_unpin(world.generations[i]);
	}
	net_end_all();
	targets_end();
	talks_end();
}

uint64_t world_rested_ms(void)
{
	return world.rested_ms;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A table of stalled exchanges with the time at which, and how, the proxy ends each. One thread. */
#include "sweep_timeouts.h"

#include <string.h>

#include "io/timer.h"
#include "model/limits.h"
#include "world.h"

#define SLACK_MS 10 /* the simulation's own */

struct timeout_case {
	const char *name;
	uint64_t due_ms;
	unsigned ticks; /* timers one behind the other */
	unsigned status; /* of the last answer; 0 = there is none */
	bool is_reset; /* the connection ends by one */
	bool has_no_keepalive;
	unsigned targets, silent_percent;
	enum client_fault client_fault;
	uint32_t client_at;
	bool lingers, rests;
	bool reads_first;
	const char *method;
	uint32_t body_size;
	bool is_tunnel;
	uint32_t answer_size;
	enum plan_fault fault;
	uint32_t fault_at;
};

static const struct timeout_case cases[TIMEOUT_CASES] = {
	{ "silent", HTTP_HEADER_TIMEOUT_MS, 1, .client_fault = CLIENT_STALLS },
	{ "head", HTTP_HEADER_TIMEOUT_MS, 1, 408, .client_fault = CLIENT_STALLS, .client_at = 20 },
	{ "body", HTTP_BODY_TIMEOUT_MS, 1, 408, .client_fault = CLIENT_STALLS, .client_at = 100,
	  .method = "POST", .body_size = 1000 },
	{ "body, all waits for the target", HTTP_BODY_TIMEOUT_MS, 1, 408,
	  .client_fault = CLIENT_STALLS, .client_at = 100, .method = "PUT", .body_size = 1000,
	  .has_no_keepalive = true },
	{ "body, read first", HTTP_BODY_TIMEOUT_MS, 1, 408, .client_fault = CLIENT_STALLS,
	  .client_at = 100, .method = "POST", .body_size = 1000, .reads_first = true },
	{ "send, read first", HTTP_SEND_TIMEOUT_MS, 1, 504, .method = "POST", .body_size = 300000,
	  .fault = FAULT_DEAF, .reads_first = true },
	{ "keepalive", HTTP_KEEPALIVE_TIMEOUT_MS, 1, 200, .lingers = true },
	{ "connect, one target", HTTP_CONNECT_TIMEOUT_MS, 1, 504, .targets = 1,
	  .silent_percent = 100 },
	{ "connect, two targets", 2 * HTTP_CONNECT_TIMEOUT_MS, 2, 504, .targets = 2,
	  .silent_percent = 100 },
	{ "connect, three tries", 3 * HTTP_CONNECT_TIMEOUT_MS, 3, 504, .targets = 5,
	  .silent_percent = 100 },
	{ "connect, POST", 3 * HTTP_CONNECT_TIMEOUT_MS, 3, 504, .targets = 5, .silent_percent = 100,
	  .method = "POST", .body_size = 10 },
	{ "read", HTTP_READ_TIMEOUT_MS, 1, 504, .fault = FAULT_STALL_AT },
	{ "read, within the head", HTTP_READ_TIMEOUT_MS, 1, 504, .fault = FAULT_STALL_AT,
	  .fault_at = 30 },
	{ "read, within the body", HTTP_READ_TIMEOUT_MS, 1, .answer_size = 500,
	  .fault = FAULT_STALL_AT, .fault_at = 200 },
	{ "send", HTTP_SEND_TIMEOUT_MS, 1, 504, .method = "POST", .body_size = 300000,
	  .fault = FAULT_DEAF },
	{ "client send", HTTP_CLIENT_SEND_TIMEOUT_MS, 1, .is_reset = true,
	  .client_fault = CLIENT_DEAF, .answer_size = 300000 },
	{ "tunnel", HTTP_READ_TIMEOUT_MS, 1, 101, .is_tunnel = true, .body_size = 100,
	  .lingers = true },
};

static void plan_make(const struct timeout_case *one, struct client_setup *client)
{
	struct plan *plan = plan_new();

	if (one->method) {
		plan->method = one->method;
		plan->is_idempotent = strcmp(one->method, "POST") != 0;
		plan->framing = FRAMING_LENGTH;
	}
	plan->body_size = one->body_size;
	if (one->answer_size)
		plan->answer_size = one->answer_size;
	if (one->is_tunnel) {
		plan->is_tunnel = true;
		plan->status = 101;
		plan->answer_framing = FRAMING_NONE;
	}
	plan->fault = one->fault;
	plan->fault_attempts = 9;
	plan->fault_at = one->fault_at;
	client->plans[client->count++] = plan->id;
}

bool timeout_run(unsigned variant, unsigned at)
{
	const struct timeout_case *one = &cases[variant];
	struct world_setup setup = world_calm();
	struct client_setup client = { .listener = world_listener,
				       .start_ms = SIM_START_MS,
				       .fault = one->client_fault,
				       .fault_at = one->client_at,
				       .lingers = one->lingers };
	const struct client_report *report = client_report(0);
	uint64_t took_ms;

	if (at)
		return false;
	setup.targets = one->targets ? one->targets : 3;
	setup.has_keepalive = !one->has_no_keepalive;
	setup.buffers_requests = one->reads_first;
	setup.habits.silent_percent = one->silent_percent;
	setup.excuses.silent = one->silent_percent > 0;
	setup.rests = true;
	world_begin(&setup);
	plan_make(one, &client);
	client_add(&client);
	world_run();
	took_ms = report->over_ms - SIM_START_MS;
	if (took_ms < one->due_ms || took_ms > one->due_ms + one->ticks * TIMER_TICK_MS + SLACK_MS)
		sim_fail("%s: over after %llu ms, due at %llu", one->name,
			 (unsigned long long)took_ms, (unsigned long long)one->due_ms);
	if (report->last_status != one->status || report->was_reset != one->is_reset)
		sim_fail("%s: status %u%s", one->name, report->last_status,
			 report->was_reset ? ", a reset" : "");
	/* The target's idle connection, if there was one, went by its own timeout. */
	if (world_rested_ms() > report->over_ms + UPSTREAM_IDLE_TIMEOUT_MS + 2 * TIMER_TICK_MS)
		sim_fail("%s: rest only after %llu ms", one->name,
			 (unsigned long long)(world_rested_ms() - SIM_START_MS));
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health log, features.md section 13: a line for every change of a target's state, with the
 * reference's fields first. Runs on the checker's thread.
 */
#include "model/words.h"
#include "process/log.h"
#include "proxy/health_checker.h"

/* As in the API. */
static const char *state_name(uint8_t state)
{
	static const char *const names[] = {
		[HEALTH_CLOSE] = "Close",
		[HEALTH_UNKNOWN] = "Unknown",
		[HEALTH_ALIVE] = "Alive",
		[HEALTH_DEAD] = "Dead",
	};

	return state < sizeof(names) / sizeof(*names) ? names[state] : "-";
}

static const char *text_of(const struct snapshot *snapshot, struct snapshot_text text)
{
	return text.size ? snapshot->text + text.offset : NULL;
}

void health_log_change(const struct snapshot *snapshot, uint32_t target,
		       const struct health_change *change, enum probe_verdict verdict)
{
	const struct snapshot_target *row = &snapshot->targets[target];
	const struct snapshot_rule *rule = &snapshot->rules[row->rule];
	const struct snapshot_listener *listener = &snapshot->listeners[rule->listener];
	char rsip[ADDRESS_IP_TEXT_SIZE], vip[ADDRESS_IP_TEXT_SIZE];
	bool is_alive = change->to == HEALTH_ALIVE;

	address_format_ip(&row->address, rsip);
	address_format_ip(&listener->address, vip);
	/* Networks of a cloud do not exist here: -1, as the access log has it. */
	log_event(is_alive ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "target_health", "protocol",
		  protocol_name((enum protocol)listener->protocol), "rsip", rsip, "rsport",
		  log_number(row->address.port), "rs_vpcid", "-1", "vip", vip, "vport",
		  log_number(listener->address.port), "vpcid", "-1", "status",
		  is_alive ? "true" : "false", "domain", text_of(snapshot, rule->domain), "url",
		  text_of(snapshot, rule->url), "listener", listener->id, "rule", rule->id, "from",
		  state_name(change->from), "to", state_name(change->to), "reason",
		  probe_verdict_text(verdict), NULL);
}

void health_log_blocked(const struct snapshot *snapshot, uint32_t target)
{
	const struct snapshot_target *row = &snapshot->targets[target];
	const struct snapshot_rule *rule = &snapshot->rules[row->rule];
	char address[ADDRESS_TEXT_SIZE];

	address_format(&row->address, address);
	log_event(LOG_LEVEL_WARNING, "target_blocked", "target", address, "listener",
		  snapshot->listeners[rule->listener].id, "rule", rule->id, "failures",
		  log_number(HEALTH_FAILURES), "seconds", log_number(HEALTH_BLOCK_MS / 1000), NULL);
}

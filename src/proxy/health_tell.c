/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health log, features.md section 13: every change of a target's state, as a line with the
 * reference's fields first, and in the ring that control reads. Runs on the checker's thread.
 */
#include "base/clock.h"
#include "model/words.h"
#include "process/log.h"
#include "proxy/health_checker.h"

static enum health_reason reason_of(enum probe_verdict verdict)
{
	static const uint8_t reasons[PROBE_VERDICTS] = {
		[PROBE_GOOD] = HEALTH_REASON_PASSED,
		[PROBE_REFUSED] = HEALTH_REASON_REFUSED,
		[PROBE_UNREACHABLE] = HEALTH_REASON_UNREACHABLE,
		[PROBE_TIMEOUT] = HEALTH_REASON_TIMEOUT,
		[PROBE_CLOSED] = HEALTH_REASON_CLOSED,
		[PROBE_BAD_ANSWER] = HEALTH_REASON_BAD_ANSWER,
		[PROBE_STATUS] = HEALTH_REASON_STATUS,
		[PROBE_MISMATCH] = HEALTH_REASON_MISMATCH,
		[PROBE_NO_ECHO] = HEALTH_REASON_NO_ECHO,
	};

	return (enum health_reason)reasons[verdict];
}

static const char *text_of(const struct snapshot *snapshot, struct snapshot_text text)
{
	return text.size ? snapshot->text + text.offset : NULL;
}

static void ring_add(struct regions *regions, const struct snapshot_listener *listener,
		     const struct snapshot_rule *rule, const struct snapshot_target *target,
		     const struct health_event *what)
{
	struct health_event event = *what;

	event.target = target->number;
	event.listener = listener->number;
	event.rule = protocol_is_layer4((enum protocol)listener->protocol) ? 0 : rule->number;
	event.address = target->address;
	event.vip = listener->address;
	event.protocol = listener->protocol;
	event.wall_s = clock_wall_s();
	health_log_add(&regions->health_log, &event);
	if (event.state == HEALTH_ALIVE || event.state == HEALTH_DEAD)
		atomic_fetch_add_explicit(event.state == HEALTH_ALIVE
						  ? &regions->health[target->slot].ups
						  : &regions->health[target->slot].downs,
					  1, memory_order_relaxed);
}

void health_tell_change(struct regions *regions, const struct snapshot *snapshot, uint32_t target,
			const struct health_change *change, enum probe_verdict verdict)
{
	const struct snapshot_target *row = &snapshot->targets[target];
	const struct snapshot_rule *rule = &snapshot->rules[row->rule];
	const struct snapshot_listener *listener = &snapshot->listeners[rule->listener];
	char rsip[ADDRESS_IP_TEXT_SIZE], vip[ADDRESS_IP_TEXT_SIZE];
	bool is_alive = change->to == HEALTH_ALIVE;
	enum health_reason reason = reason_of(verdict);

	ring_add(regions, listener, rule, row,
		 &(struct health_event){ .state = change->to, .reason = (uint8_t)reason });
	address_format_ip(&row->address, rsip);
	address_format_ip(&listener->address, vip);
	/* Networks of a cloud do not exist here: -1, as the access log has it. */
	log_event(is_alive ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "target_health", "protocol",
		  protocol_name((enum protocol)listener->protocol), "rsip", rsip, "rsport",
		  log_number(row->address.port), "rs_vpcid", "-1", "vip", vip, "vport",
		  log_number(listener->address.port), "vpcid", "-1", "status",
		  is_alive ? "true" : "false", "domain", text_of(snapshot, rule->domain), "url",
		  text_of(snapshot, rule->url), "listener", listener->id, "rule", rule->id, "from",
		  health_state_name((enum health_state)change->from), "to",
		  health_state_name((enum health_state)change->to), "reason",
		  health_reason_name(reason), NULL);
}

void health_tell_blocked(const struct snapshot *snapshot, uint32_t target)
{
	const struct snapshot_target *row = &snapshot->targets[target];
	const struct snapshot_rule *rule = &snapshot->rules[row->rule];
	char address[ADDRESS_TEXT_SIZE];

	address_format(&row->address, address);
	log_event(LOG_LEVEL_WARNING, "target_blocked", "target", address, "listener",
		  snapshot->listeners[rule->listener].id, "rule", rule->id, "failures",
		  log_number(HEALTH_FAILURES), "seconds", log_number(HEALTH_BLOCK_MS / 1000), NULL);
}

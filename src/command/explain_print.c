/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of `setia explain`. Writes to the stream it is given; one thread. */
#include "command/explain_print.h"

#include <inttypes.h>
#include <time.h>

#include "balance/balance.h"
#include "model/words.h"

void explain_print_text(FILE *out, struct bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		unsigned char byte = (unsigned char)text.at[i];

		fputc(byte < ' ' || byte == 0x7f ? '?' : byte, out);
	}
}

static void explain_print_address(FILE *out, const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];

	address_format(address, text);
	fputs(text, out);
}

void explain_print_listener(FILE *out, const struct snapshot *snapshot,
			    const struct snapshot_listener *listener)
{
	const struct snapshot_instance *instance = &snapshot->instances[listener->instance];

	fprintf(out, "listener   %.*s ", LIMIT_ID, listener->id);
	explain_print_address(out, &listener->address);
	fprintf(out, "\ninstance   %.*s ", LIMIT_ID, instance->id);
	explain_print_text(out, snapshot_bytes(snapshot, instance->name));
	fputc('\n', out);
}

void explain_print_rule(FILE *out, const struct snapshot *snapshot,
			const struct snapshot_rule *rule, bool is_default_host)
{
	struct bytes domain = snapshot_bytes(snapshot, rule->domain);
	const char *scheduler = scheduler_name(rule->scheduler);

	fprintf(out, "rule       %.*s domain ", LIMIT_ID, rule->id);
	explain_print_text(out, domain.size > 0 ? domain : BYTES_LITERAL("(any)"));
	fputs(is_default_host ? " (the default), url " : ", url ", out);
	explain_print_text(out, snapshot_bytes(snapshot, rule->url));
	fprintf(out, ", %s\n", scheduler ? scheduler : "-");
}

static void explain_print_valid(FILE *out, const struct snapshot_rule *rule,
				const struct sticky_decision *decision, struct explain_time now)
{
	int64_t left_s = (int64_t)decision->stamp_s + rule->session_expire_s - now.session_s;
	time_t until_s = (time_t)(now.wall_s + left_s);
	struct tm local;
	char text[64] = "";

	if (localtime_r(&until_s, &local))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &local);
	fprintf(out, "token valid until %s, %" PRId64 " s left -> kept\n", text, left_s);
}

static void explain_print_expired(FILE *out, const struct snapshot_rule *rule,
				  const struct sticky_decision *decision, struct explain_time now)
{
	int64_t age_s = now.session_s - (int64_t)decision->stamp_s;

	if (age_s < 0)
		fprintf(out, "stamped %" PRId64 " s ahead of now -> turn\n", -age_s);
	else
		fprintf(out, "expired %" PRId64 " s ago -> turn\n",
			age_s - (int64_t)rule->session_expire_s);
}

static const char *scheduler_words(const struct snapshot_rule *rule)
{
	switch (rule->scheduler) {
	case SCHEDULER_LEAST_CONN:
		return "fewest connections";
	case SCHEDULER_IP_HASH:
		return "the client's address";
	default:
		return "turn";
	}
}

static void explain_print_reason(FILE *out, const struct snapshot_rule *rule,
				 const struct sticky_decision *decision, struct explain_time now)
{
	static const char *const reasons[STICKY_VERDICTS] = {
		[STICKY_OFF] = "persistence off",
		[STICKY_NONE] = "none",
		[STICKY_GONE] = "unknown target",
		[STICKY_DRAINED] = "target of weight 0",
		[STICKY_DEAD] = "target is down",
		[STICKY_FOREIGN] = "token of another rule",
		[STICKY_FORGED] = "forged",
		[STICKY_UNKNOWN_KEY] = "sealed with an unknown or retired key",
		[STICKY_MALFORMED] = "not a token",
		[STICKY_DUPLICATE] = "cookie given more than once",
	};

	fputs("decision   ", out);
	if (decision->verdict == STICKY_KEPT)
		explain_print_valid(out, rule, decision, now);
	else if (decision->verdict == STICKY_EXPIRED)
		explain_print_expired(out, rule, decision, now);
	else
		fprintf(out, "%s -> %s\n", reasons[decision->verdict], scheduler_words(rule));
}

/* In the order in which they first have a turn; the share is counted, not computed. */
static void explain_print_turns(FILE *out, const struct snapshot *snapshot,
				const struct snapshot_rule *rule)
{
	uint32_t turns[LIMIT_TARGETS_PER_RULE] = { 0 }, order[LIMIT_TARGETS_PER_RULE];
	uint32_t period = rule->turns.count, count = 0;

	for (uint32_t turn = 0; turn < period; turn++) {
		uint32_t row = round_robin_choose(snapshot, rule, turn, NULL);
		uint32_t at = row - rule->targets.first;

		if (row == SNAPSHOT_NONE || at >= LIMIT_TARGETS_PER_RULE)
			continue;
		if (turns[at]++ == 0)
			order[count++] = at;
	}
	fputs("target     by turn; the shared counter that says whose turn it is lives in the "
	      "traffic process\n",
	      out);
	for (uint32_t i = 0; i < count; i++) {
		const struct snapshot_target *target =
			&snapshot->targets[rule->targets.first + order[i]];

		fputs("candidate  ", out);
		explain_print_address(out, &target->address);
		fprintf(out, " weight %u, %.1f %%\n", (unsigned)target->weight,
			100.0 * turns[order[i]] / period);
	}
}

static void explain_print_weights(FILE *out, const struct snapshot *snapshot,
				  const struct snapshot_rule *rule)
{
	for (uint32_t i = 0; i < rule->targets.count; i++) {
		const struct snapshot_target *target = &snapshot->targets[rule->targets.first + i];

		if (target->weight == 0)
			continue;
		fputs("candidate  ", out);
		explain_print_address(out, &target->address);
		fprintf(out, " weight %u\n", (unsigned)target->weight);
	}
}

static void explain_print_least(FILE *out, const struct snapshot *snapshot,
				const struct snapshot_rule *rule)
{
	fputs("target     with the fewest open connections for its weight, among equals by turn; "
	      "the counts live in the traffic process\n",
	      out);
	explain_print_weights(out, snapshot, rule);
}

/* The traffic path hashes the address in its one canonical form. */
static void explain_print_hashed(FILE *out, const struct snapshot *snapshot,
				 const struct snapshot_rule *rule, const char *from)
{
	char text[ADDRESS_IP_TEXT_SIZE];
	struct address address;
	uint32_t row;
	int size;

	if (!from || address_parse_ip(bytes_of(from), &address) < 0) {
		fputs("target     by the client's address (--from)\n", out);
		explain_print_weights(out, snapshot, rule);
		return;
	}
	size = address_format_ip(&address, text);
	row = ip_hash_choose(snapshot, rule, (struct bytes){ text, (size_t)size }, NULL);
	if (row == SNAPSHOT_NONE)
		return;
	fputs("target     ", out);
	explain_print_address(out, &snapshot->targets[row].address);
	fprintf(out, " weight %u, by the client's address while it is healthy\n",
		(unsigned)snapshot->targets[row].weight);
}

static void explain_print_scheduled(FILE *out, const struct snapshot *snapshot,
				    const struct snapshot_rule *rule, const char *from)
{
	if (rule->scheduler == SCHEDULER_LEAST_CONN)
		explain_print_least(out, snapshot, rule);
	else if (rule->scheduler == SCHEDULER_IP_HASH)
		explain_print_hashed(out, snapshot, rule, from);
	else
		explain_print_turns(out, snapshot, rule);
}

static void explain_print_pin(FILE *out, const struct snapshot_rule *rule, const char *from)
{
	const char *otherwise = scheduler_words(rule);

	if (rule->session_expire_s == 0) {
		fprintf(out, "session    off\ndecision   persistence off -> %s\n", otherwise);
		return;
	}
	fprintf(out, "session    by source address, %" PRIu32 " s\n", rule->session_expire_s);
	fprintf(out,
		"decision   the server that %s is pinned to, else -> %s; the table of pins lives "
		"in the traffic process and is not consulted\n",
		from ? from : "the client's address", otherwise);
}

void explain_print_layer4(FILE *out, const struct snapshot *snapshot,
			  const struct snapshot_listener *listener, const char *from)
{
	const struct snapshot_rule *rule = snapshot_listener_rule(snapshot, listener);
	const char *scheduler = scheduler_name(rule->scheduler);

	fprintf(out, "scheduler  %s\n", scheduler ? scheduler : "-");
	fprintf(out, "idle       %" PRIu32 " s\n", listener->idle_timeout_ms / 1000);
	if (rule->turns.count == 0) {
		fprintf(out, "answer     none: no server of this listener has weight, %s\n",
			listener->protocol == PROTOCOL_TCP ? "the connection is reset"
							   : "the datagram is dropped");
		return;
	}
	explain_print_pin(out, rule, from);
	explain_print_scheduled(out, snapshot, rule, from);
}

void explain_print_decision(FILE *out, const struct snapshot *snapshot,
			    const struct snapshot_rule *rule,
			    const struct sticky_decision *decision, struct explain_time now,
			    const char *from)
{
	const struct snapshot_target *target;

	fputs("cookie     ", out);
	explain_print_text(out, snapshot_bytes(snapshot, rule->cookie_name));
	fprintf(out, ": %s, %s\n", sticky_verdict_text(decision->verdict),
		decision->must_issue ? "the answer sets a new one" : "the answer sets none");
	explain_print_reason(out, rule, decision, now);
	if (decision->verdict != STICKY_KEPT) {
		if (rule->turns.count > 0)
			explain_print_scheduled(out, snapshot, rule, from);
		else
			fputs("answer     503: no server of this rule has weight\n", out);
		return;
	}
	target = &snapshot->targets[decision->target];
	fputs("target     ", out);
	explain_print_address(out, &target->address);
	fprintf(out, " weight %u\n", (unsigned)target->weight);
}

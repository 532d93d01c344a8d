/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot as text, one row a line, for people and golden files. Texts come from a checked
 * snapshot, so they hold no control characters; quotes are escaped. Secrets stay out. Any thread.
 */
#include "model/snapshot.h"

#include <inttypes.h>
#include <string.h>

#include "model/snapshot_print.h"
#include "model/words.h"

static void print_text(const struct snapshot *snapshot, const char *name, struct snapshot_text text,
		       FILE *out)
{
	struct bytes bytes = snapshot_bytes(snapshot, text);

	fprintf(out, " %s=\"", name);
	for (size_t i = 0; i < bytes.size; i++) {
		if (bytes.at[i] == '"' || bytes.at[i] == '\\')
			fputc('\\', out);
		fputc(bytes.at[i], out);
	}
	fputc('"', out);
}

static void print_row(const char *name, uint32_t row, FILE *out)
{
	if (row == SNAPSHOT_NONE)
		fprintf(out, " %s=none", name);
	else
		fprintf(out, " %s=%" PRIu32, name, row);
}

static void print_run(const char *name, struct snapshot_run run, FILE *out)
{
	fprintf(out, " %s=%" PRIu32 "+%" PRIu32, name, run.first, run.count);
}

static void print_http(const struct snapshot *snapshot, const struct snapshot_listener *listener,
		       FILE *out)
{
	print_run("hosts", listener->hosts, out);
	print_row("any_host", listener->any_host, out);
	print_row("default_host", listener->default_host, out);
	fprintf(out, " leading=%" PRIu32 " trailing=%" PRIu32 " patterns=%" PRIu32,
		listener->leading_hosts, listener->trailing_hosts, listener->pattern_hosts);
	fprintf(out, " keepalive=%u http=%" PRIu32, listener->has_keepalive, listener->http);
	if (listener->access_log.size > 0) {
		print_text(snapshot, "access_log", listener->access_log, out);
		fprintf(out, " access_log_format=%s",
			access_log_format_name(
				(enum access_log_format)listener->access_log_format));
	}
	fputc('\n', out);
}

static void print_layer4(const struct snapshot_listener *listener, FILE *out)
{
	print_row("rule", listener->rule, out);
	fprintf(out,
		" idle_ms=%" PRIu32 " max_conn=%" PRIu32 " max_cps=%" PRIu32
		" session_epoch=%u udp_responses=%u proxy_protocol=%u",
		listener->idle_timeout_ms, listener->max_conn, listener->max_cps,
		listener->session_epoch, listener->udp_responses, listener->has_proxy_protocol);
	fprintf(out,
		" reset_deregistered=%u reschedule_zero_weight=%u reschedule_unhealthy=%u"
		" reschedule_expand=%u reschedule_start_s=%u reschedule_interval_s=%u\n",
		listener->resets_deregistered, listener->reschedules_zero_weight,
		listener->reschedules_unhealthy, listener->reschedules_expand,
		listener->reschedule_start_s, listener->reschedule_interval_s);
}

static void print_listener(const struct snapshot *snapshot, uint32_t row, FILE *out)
{
	const struct snapshot_listener *listener = &snapshot->listeners[row];
	char address[ADDRESS_TEXT_SIZE];

	address_format(&listener->address, address);
	fprintf(out,
		"listener %" PRIu32 " id=%s number=%" PRIu64 " slot=%" PRIu32 " instance=%" PRIu32
		" protocol=%s address=%s",
		row, listener->id, listener->number, listener->slot, listener->instance,
		protocol_name((enum protocol)listener->protocol), address);
	if (protocol_is_layer4((enum protocol)listener->protocol))
		print_layer4(listener, out);
	else
		print_http(snapshot, listener, out);
}

static void print_paths(const struct snapshot *snapshot, struct snapshot_run run, const char *kind,
			FILE *out)
{
	for (uint32_t row = run.first; row < run.first + run.count; row++) {
		const struct snapshot_path *path = &snapshot->paths[row];

		fprintf(out, "path %" PRIu32 " %s", row, kind);
		print_text(snapshot, "path", path->path, out);
		print_row("rule", path->rule, out);
		print_row("parent", path->parent, out);
		if (path->pattern != SNAPSHOT_NONE)
			print_row("pattern", path->pattern, out);
		fputs(path->is_final ? " final\n" : "\n", out);
	}
}

static void print_hosts(const struct snapshot *snapshot, FILE *out)
{
	uint32_t count = snapshot->header->sections[SNAPSHOT_HOSTS].count;

	for (uint32_t row = 0; row < count; row++) {
		const struct snapshot_host *host = &snapshot->hosts[row];

		fprintf(out, "host %" PRIu32, row);
		print_text(snapshot, "domain", host->domain, out);
		print_run("exact", host->exact, out);
		print_run("prefix", host->prefix, out);
		print_run("patterns", host->pattern_paths, out);
		if (host->pattern != SNAPSHOT_NONE)
			print_row("pattern", host->pattern, out);
		fputc('\n', out);
		print_paths(snapshot, host->exact, "exact", out);
		print_paths(snapshot, host->prefix, "prefix", out);
		print_paths(snapshot, host->pattern_paths, "pattern", out);
	}
}

static void print_patterns(const struct snapshot *snapshot, FILE *out)
{
	for (uint32_t row = 0; row < snapshot->pattern_count; row++) {
		fprintf(out, "pattern %" PRIu32, row);
		print_text(snapshot, "text", snapshot->patterns[row].text, out);
		fprintf(out, " caseless=%u\n", snapshot->patterns[row].is_caseless);
	}
}

static void print_rule(const struct snapshot *snapshot, uint32_t row, FILE *out)
{
	const struct snapshot_rule *rule = &snapshot->rules[row];

	fprintf(out, "rule %" PRIu32 " id=%s number=%" PRIu64 " slot=%" PRIu32 " listener=%" PRIu32,
		row, rule->id, rule->number, rule->slot, rule->listener);
	print_text(snapshot, "domain", rule->domain, out);
	print_text(snapshot, "url", rule->url, out);
	fprintf(out, " scheduler=%s session_s=%" PRIu32,
		scheduler_name((enum scheduler)rule->scheduler), rule->session_expire_s);
	print_text(snapshot, "cookie", rule->cookie_name, out);
	fprintf(out, " strips_cookie=%u keeps_draining=%u", rule->strips_cookie,
		rule->keeps_draining);
	print_row("check", rule->check, out);
	if (rule->redirect_code) {
		fprintf(out, " redirect_code=%u takes_url=%u", rule->redirect_code,
			rule->redirect_takes_url);
		print_row("redirect", rule->redirect, out);
	}
	print_run("targets", rule->targets, out);
	fputs(" turns=", out);
	for (uint32_t i = 0; i < rule->turns.count; i++)
		fprintf(out, "%s%u", i ? "," : "", snapshot->turns[rule->turns.first + i]);
	fputc('\n', out);
}

static void print_check(const struct snapshot *snapshot, uint32_t row, FILE *out)
{
	const struct snapshot_health *check = &snapshot->checks[row];

	fprintf(out,
		"check %" PRIu32 " type=%s interval_ms=%" PRIu32 " timeout_ms=%" PRIu32
		" port=%u healthy=%u unhealthy=%u",
		row, check_type_name((enum check_type)check->type), check->interval_ms,
		check->timeout_ms, check->port, check->healthy_count, check->unhealthy_count);
	if (check->type == CHECK_HTTP) {
		fprintf(out, " method=%s version=HTTP/1.%u codes=%u",
			check->is_get ? "GET" : "HEAD", check->minor, check->http_code);
		print_text(snapshot, "path", check->path, out);
		print_text(snapshot, "domain", check->domain, out);
	}
	if (check->type == CHECK_CUSTOM) {
		snapshot_print_bytes("send", snapshot_bytes(snapshot, check->send), out);
		snapshot_print_bytes("receive", snapshot_bytes(snapshot, check->receive), out);
	}
	fputc('\n', out);
}

static void print_target(const struct snapshot *snapshot, uint32_t row, FILE *out)
{
	const struct snapshot_target *target = &snapshot->targets[row];
	char address[ADDRESS_TEXT_SIZE];

	address_format(&target->address, address);
	fprintf(out,
		"target %" PRIu32 " number=%" PRIu64 " slot=%" PRIu32 " rule=%" PRIu32
		" address=%s weight=%u\n",
		row, target->number, target->slot, target->rule, address, target->weight);
}

static void print_ranges(const struct snapshot *snapshot, const char *list, struct snapshot_run run,
			 uint8_t family, FILE *out)
{
	for (uint32_t row = run.first; row < run.first + run.count; row++) {
		struct address end = { .family = family };
		char first[ADDRESS_IP_TEXT_SIZE], last[ADDRESS_IP_TEXT_SIZE];

		memcpy(end.ip, snapshot->ranges[row].first, sizeof(end.ip));
		address_format_ip(&end, first);
		memcpy(end.ip, snapshot->ranges[row].last, sizeof(end.ip));
		address_format_ip(&end, last);
		fprintf(out, "%s %" PRIu32 " %s-%s\n", list, row, first, last);
	}
}

static void print_access(const struct snapshot *snapshot, const struct snapshot_access *access,
			 FILE *out)
{
	print_ranges(snapshot, "allow", access->allow_ipv4, ADDRESS_IPV4, out);
	print_ranges(snapshot, "allow", access->allow_ipv6, ADDRESS_IPV6, out);
	print_ranges(snapshot, "deny", access->deny_ipv4, ADDRESS_IPV4, out);
	print_ranges(snapshot, "deny", access->deny_ipv6, ADDRESS_IPV6, out);
}

void snapshot_print(const struct snapshot *snapshot, FILE *out)
{
	fprintf(out,
		"snapshot version=%" PRIu32 " generation=%" PRIu64 " size=%" PRIu64 " keys=%" PRIu32
		"\n",
		snapshot->header->version, snapshot->header->generation, snapshot->header->size,
		snapshot->key_count);
	for (uint32_t row = 0; row < snapshot->instance_count; row++) {
		fprintf(out, "instance %" PRIu32 " id=%s", row, snapshot->instances[row].id);
		print_text(snapshot, "name", snapshot->instances[row].name, out);
		fputc('\n', out);
		print_access(snapshot, &snapshot->instances[row].access, out);
	}
	for (uint32_t row = 0; row < snapshot->listener_count; row++)
		print_listener(snapshot, row, out);
	snapshot_print_http(snapshot, out);
	print_hosts(snapshot, out);
	print_patterns(snapshot, out);
	for (uint32_t row = 0; row < snapshot->rule_count; row++)
		print_rule(snapshot, row, out);
	for (uint32_t row = 0; row < snapshot->check_count; row++)
		print_check(snapshot, row, out);
	for (uint32_t row = 0; row < snapshot->target_count; row++)
		print_target(snapshot, row, out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the answers of the keeper's door. Every piece is written whole or not at all, so what
 * comes out is always sound, however little room there was.
 */
#include "keeper/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keeper/state.h"
#include "model/words.h"
#include "process/log.h"

#define TAIL_ROOM 256 /* for what closes the object */
#define LISTENER_ROOM 8192 /* one listener, rule or target with all its numbers */
#define ROWS_AT_ONCE 2048 /* looked at; then the keeper has other things to do */
#define UNBOUND_ROOM 256
#define UNBOUND_MOST 64

struct report {
	char *out;
	size_t size, room;
};

/* All of it, or nothing. */
__attribute__((format(printf, 2, 3))) static void add(struct report *report, const char *format,
						      ...)
{
	size_t left = report->room - report->size;
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(report->out + report->size, left, format, arguments);
	va_end(arguments);
	if (size > 0 && (size_t)size < left)
		report->size += (size_t)size;
}

static bool has_room(const struct report *report, size_t size)
{
	return report->room - report->size > size + TAIL_ROOM;
}

/* As a JSON string with its quotes. */
static void add_text(struct report *report, const char *text)
{
	char escaped[1024];
	size_t size = 0;

	for (; *text && size < sizeof(escaped) - 8; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '"' || byte == '\\')
			escaped[size++] = '\\';
		if (byte < 0x20 || byte == 0x7f)
			size += (size_t)snprintf(escaped + size, 7, "\\u%04x", byte);
		else
			escaped[size++] = (char)byte;
	}
	escaped[size] = '\0';
	add(report, "\"%s\"", escaped);
}

static void add_process(struct report *report, const char *name, const char *role,
			const struct child *child)
{
	add(report, "%s{\"name\":\"%s\",\"role\":\"%s\",\"pid\":%d,\"version\":",
	    report->out[report->size - 1] == '[' ? "" : ",", name, role, (int)child->pid);
	add_text(report, child->version);
	add(report, ",\"started\":%lld", (long long)child->started_s);
}

/* What is open in a proxy: client connections, and the UDP flows of the listeners that there are.
 */
static uint64_t connections_of(const struct keeper *keeper, const struct snapshot *snapshot,
			       const struct child *proxy)
{
	unsigned bank = proxy->incarnation % REGION_BANKS;
	uint64_t connections = atomic_load_explicit(&keeper->regions->open[bank].connections,
						    memory_order_relaxed);

	for (uint32_t i = 0; i < snapshot->listener_count; i++) {
		const struct region_listener *row =
			&keeper->regions->listeners[snapshot->listeners[i].slot];

		if (protocol_is_datagram(snapshot->listeners[i].protocol))
			connections +=
				atomic_load_explicit(&row->connections[bank], memory_order_relaxed);
	}
	return connections;
}

static void add_proxy(struct report *report, const struct keeper *keeper,
		      const struct snapshot *snapshot, const struct child *proxy, uint64_t now_ms)
{
	bool is_second = proxy == &keeper->other;
	const char *role = "serving";

	if (proxy->pid == 0)
		role = "ended";
	else if (is_second && keeper->upgrade.phase == UPGRADE_STARTING)
		role = "starting";
	else if (is_second && keeper->upgrade.phase == UPGRADE_DRAINING)
		role = "draining";
	else if (is_second)
		role = "ending";
	add_process(report, "proxy", role, proxy);
	add(report, ",\"incarnation\":%u,\"generation\":%llu,\"connections\":%llu",
	    proxy->incarnation, (unsigned long long)proxy->live,
	    (unsigned long long)connections_of(keeper, snapshot, proxy));
	if (proxy->pid > 0 && proxy->kill_due_ms != CHILD_NEVER)
		add(report, ",\"ends_in_s\":%llu",
		    (unsigned long long)(proxy->kill_due_ms > now_ms
						 ? (proxy->kill_due_ms - now_ms) / 1000
						 : 0));
	add(report, "}");
}

static void add_processes(struct report *report, const struct keeper *keeper,
			  const struct snapshot *snapshot, uint64_t now_ms)
{
	add(report, ",\"processes\":[{\"name\":\"keeper\",\"role\":\"%s\",\"pid\":%d,\"version\":",
	    keeper->is_stopping ? "stopping" : "serving", (int)getpid());
	add_text(report, SETIA_VERSION);
	add(report, ",\"started\":%lld}", (long long)keeper->started_s);
	add_process(report, "control", keeper->control.pid ? "serving" : "ended", &keeper->control);
	add(report, "}");
	add_proxy(report, keeper, snapshot, &keeper->proxy, now_ms);
	if (keeper->other.pid > 0)
		add_proxy(report, keeper, snapshot, &keeper->other, now_ms);
	add(report, "]");
}

static void add_generations(struct report *report, const struct keeper *keeper)
{
	add(report, ",\"generations\":{\"held\":[");
	for (size_t i = 0; i < keeper->history.count; i++)
		add(report, "%s%llu", i ? "," : "",
		    (unsigned long long)keeper->history.rows[i].generation);
	add(report, "],\"live\":%llu,\"saved\":%llu}", (unsigned long long)keeper->live,
	    (unsigned long long)keeper->saved);
}

static void add_upgrade(struct report *report, const struct keeper *keeper)
{
	const struct upgrade *upgrade = &keeper->upgrade;

	add(report, ",\"upgrade\":{\"state\":\"%s\",\"path\":", upgrade_phase_name(upgrade->phase));
	add_text(report, upgrade->path);
	if (upgrade->has_ended) {
		add(report, ",\"last\":{\"done\":%s,\"at\":%lld,\"text\":",
		    upgrade->was_good ? "true" : "false", (long long)upgrade->ended_s);
		add_text(report, upgrade->text);
		add(report, "}");
	}
	add(report, "}");
}

static const char *id_of(const struct snapshot *snapshot, uint64_t number)
{
	for (uint32_t i = 0; i < snapshot->listener_count; i++) {
		if (snapshot->listeners[i].number == number)
			return snapshot->listeners[i].id;
	}
	return "-";
}

static void add_listeners(struct report *report, const struct keeper *keeper,
			  const struct snapshot *snapshot)
{
	const struct socket_set *set = &keeper->sockets;
	uint32_t listed = 0, unbound = 0;
	char address[ADDRESS_TEXT_SIZE];

	add(report, ",\"listeners\":{\"count\":%u,\"unbound\":[", snapshot->listener_count);
	for (size_t i = 0; i < set->count; i++) {
		const struct socket_entry *entry = set->entries[i];

		if (entry->retired_in || !entry->error)
			continue;
		unbound++;
		if (listed == UNBOUND_MOST || !has_room(report, UNBOUND_ROOM))
			continue;
		address_format(&entry->address, address);
		add(report, "%s{\"listener\":\"%s\",\"address\":\"%s\",\"transport\":\"%s\",",
		    listed ? "," : "", id_of(snapshot, entry->number), address,
		    entry->is_datagram ? "udp" : "tcp");
		add(report, "\"reason\":\"%s\"}", log_errno(entry->error));
		listed++;
	}
	add(report, "],\"unbound_more\":%u}", unbound - listed);
}

static void add_sessions(struct report *report, const struct regions *regions)
{
	const struct region_sessions *sessions = &regions->sessions;

	add(report, ",\"sessions\":{\"entries\":%llu,\"entries_most\":%llu,\"evicted\":%llu,",
	    (unsigned long long)atomic_load(&sessions->entries),
	    (unsigned long long)atomic_load(&sessions->entries_most),
	    (unsigned long long)atomic_load(&sessions->evicted));
	add(report, "\"dropped\":%llu,\"recovered\":%llu,\"saved\":%lld}",
	    (unsigned long long)atomic_load(&sessions->dropped),
	    (unsigned long long)atomic_load(&sessions->recovered),
	    (long long)atomic_load(&sessions->saved_s));
}

/* The numbers of a listener, by cause and of its traffic. */
struct numbers {
	uint64_t values[COUNTERS_USED + TRAFFIC_OF_RULE];
};

static const char *number_name(unsigned which)
{
	return which < COUNTERS_USED ? counter_name((enum counter)which)
				     : traffic_name(which - COUNTERS_USED);
}

static uint64_t sum_of(const struct keeper *keeper, uint32_t slot, enum counter counter)
{
	uint64_t sum = 0;

	for (unsigned worker = 0; worker < regions_workers(keeper->regions); worker++)
		sum += atomic_load_explicit(
			&keeper->regions->columns[worker].counters[slot].values[counter],
			memory_order_relaxed);
	return sum;
}

static void numbers_of_listener(const struct keeper *keeper,
				const struct snapshot_listener *listener, struct numbers *ret)
{
	for (unsigned i = 0; i < COUNTERS_USED; i++)
		ret->values[i] = sum_of(keeper, listener->slot, (enum counter)i);
	regions_read(keeper->regions, TRAFFIC_LISTENER, listener->slot, listener->number,
		     &ret->values[COUNTERS_USED]);
}

static void add_counters_of(struct report *report, const struct keeper *keeper,
			    const struct snapshot_listener *listener, bool is_first)
{
	struct numbers numbers;
	bool has_one = false;

	numbers_of_listener(keeper, listener, &numbers);
	add(report, "%s{\"listener\":\"%.*s\",\"counters\":{", is_first ? "" : ",", LIMIT_ID - 1,
	    listener->id);
	for (unsigned i = 0; i < COUNTERS_USED + TRAFFIC_OF_RULE; i++) {
		if (numbers.values[i] == 0)
			continue;
		add(report, "%s\"%s\":%llu", has_one ? "," : "", number_name(i),
		    (unsigned long long)numbers.values[i]);
		has_one = true;
	}
	add(report, "}}");
}

static void add_counters(struct report *report, const struct keeper *keeper,
			 const struct snapshot *snapshot)
{
	uint32_t row = 0;

	add(report, ",\"counters\":[");
	for (; row < snapshot->listener_count && has_room(report, LISTENER_ROOM); row++)
		add_counters_of(report, keeper, &snapshot->listeners[row], row == 0);
	add(report, "],\"counters_more\":%u", snapshot->listener_count - row);
}

size_t report_status(const struct keeper *keeper, uint64_t now_ms, char *out, size_t room)
{
	const struct history_row *newest = history_newest(&keeper->history);
	struct report report = { .out = out, .room = room };
	struct snapshot snapshot = { 0 };
	char why[128];

	if (newest && snapshot_open(newest->fd, true, &snapshot, why, sizeof(why)))
		snapshot = (struct snapshot){ 0 }; /* no memory: without listeners, then */
	add(&report, "{\"version\":");
	add_text(&report, SETIA_VERSION);
	add(&report, ",\"data\":");
	add_text(&report, keeper->home.path);
	add_processes(&report, keeper, &snapshot, now_ms);
	add_generations(&report, keeper);
	add_upgrade(&report, keeper);
	add_sessions(&report, keeper->regions);
	add_listeners(&report, keeper, &snapshot);
	add_counters(&report, keeper, &snapshot);
	add(&report, "}\n");
	snapshot_close(&snapshot);
	return report.size;
}

static void add_numbers(struct report *report, const char *who, const struct numbers *numbers)
{
	for (unsigned i = 0; i < COUNTERS_USED + TRAFFIC_OF_RULE; i++) {
		if (numbers->values[i])
			add(report, "%s %s %llu\n", who, number_name(i),
			    (unsigned long long)numbers->values[i]);
	}
}

/* A target has no id of its own: "<its rule's or listener's>/<address>". */
static void add_numbers_of_target(struct report *report, const struct keeper *keeper,
				  const struct snapshot *snapshot,
				  const struct snapshot_target *target)
{
	const struct regions *regions = keeper->regions;
	char who[LIMIT_ID + 1 + ADDRESS_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
	struct numbers numbers = { 0 };

	address_format(&target->address, address);
	snprintf(who, sizeof(who), "%.*s/%s", LIMIT_ID - 1, snapshot->rules[target->rule].id,
		 address);
	regions_read(regions, TRAFFIC_TARGET, target->slot, target->number,
		     &numbers.values[COUNTERS_USED]);
	add_numbers(report, who, &numbers);
}

static void add_numbers_of_row(struct report *report, const struct keeper *keeper,
			       const struct snapshot *snapshot, uint32_t row)
{
	const struct snapshot_rule *rule;
	struct numbers numbers = { 0 };
	char who[LIMIT_ID + 1] = "";

	if (row < snapshot->listener_count) {
		numbers_of_listener(keeper, &snapshot->listeners[row], &numbers);
		memcpy(who, snapshot->listeners[row].id, LIMIT_ID);
		add_numbers(report, who, &numbers);
		return;
	}
	row -= snapshot->listener_count;
	if (row >= snapshot->rule_count) {
		add_numbers_of_target(report, keeper, snapshot,
				      &snapshot->targets[row - snapshot->rule_count]);
		return;
	}
	rule = &snapshot->rules[row];
	if (rule->slot >= LIMIT_RULES)
		return; /* a layer-4 listener as a whole */
	regions_read(keeper->regions, TRAFFIC_RULE, rule->slot, rule->number,
		     &numbers.values[COUNTERS_USED]);
	memcpy(who, rule->id, LIMIT_ID);
	add_numbers(report, who, &numbers);
}

uint32_t report_counters_end(const struct snapshot *snapshot)
{
	return snapshot->listener_count + snapshot->rule_count + snapshot->target_count;
}

size_t report_counters(const struct keeper *keeper, const struct snapshot *snapshot, uint32_t *row,
		       char *out, size_t room)
{
	struct report report = { .out = out, .room = room };
	uint32_t end = report_counters_end(snapshot);

	for (unsigned i = 0; i < ROWS_AT_ONCE && *row < end && has_room(&report, LISTENER_ROOM);
	     i++, (*row)++)
		add_numbers_of_row(&report, keeper, snapshot, *row);
	return report.size;
}

size_t report_outcome(bool was_good, const char *text, char *out, size_t room)
{
	struct report report = { .out = out, .room = room };

	add(&report, "{\"done\":%s,\"text\":", was_good ? "true" : "false");
	add_text(&report, text);
	add(&report, "}\n");
	return report.size;
}

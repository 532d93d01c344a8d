/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the metrics: one pass over the nouns, each family into a text of its own, joined at the
 * end, so that HELP and TYPE stand once and every sum is read once. Control's one thread.
 */
#include "control/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/call_noun.h"
#include "control/metrics_family.h"
#include "control/publish.h"
#include "process/regions.h"

#define METRICS_MOST (64u << 20) /* bytes: about 20,000 targets with all their lines */
#define FAMILIES_MOST 40
#define LABELS_ROOM 1400 /* of a target: a domain of 80 and a URL of 200, each escaped, and ids */

struct text {
	char *at;
	size_t size, room;
};

/* A table and what was written of it. */
struct sheet {
	const struct metrics_table *table;
	struct text texts[FAMILIES_MOST];
};

struct writer {
	const struct control *control;
	const struct regions *regions;
	struct sheet listeners, rules, targets;
	size_t size; /* of all texts */
	int error; /* the first; nothing is written afterwards */
	/* The noun that is looked at. */
	unsigned protocols; /* bit of its listener's */
	char labels[LABELS_ROOM];
	uint64_t values[VALUES];
};

static int text_reserve(struct text *text, size_t more)
{
	size_t room = text->room ? text->room * 2 : 1024;
	char *grown;

	if (text->size + more <= text->room)
		return 0;
	while (room < text->size + more)
		room *= 2;
	grown = realloc(text->at, room);
	if (!grown)
		return -ENOMEM;
	text->at = grown;
	text->room = room;
	return 0;
}

__attribute__((format(printf, 3, 4))) static void print(struct writer *writer, struct text *text,
							const char *format, ...)
{
	va_list arguments;
	int size;

	if (writer->error)
		return;
	writer->error = text_reserve(text, LABELS_ROOM + 256);
	if (writer->error)
		return;
	va_start(arguments, format);
	size = vsnprintf(text->at + text->size, text->room - text->size, format, arguments);
	va_end(arguments);
	/* Labels have their roof, so what is written always fits. */
	if (size < 0 || (size_t)size >= text->room - text->size) {
		writer->error = -EINVAL;
		return;
	}
	text->size += (size_t)size;
	writer->size += (size_t)size;
	if (writer->size > METRICS_MOST)
		writer->error = -E2BIG;
}

/* Appends ,name="value" with the format's three escapes; a value that does not fit is cut, a label
 * that does not is left out. */
static void label(struct writer *writer, const char *name, const char *value)
{
	size_t before = strlen(writer->labels), size = before;
	int written = snprintf(writer->labels + size, LABELS_ROOM - size, "%s%s=\"",
			       size ? "," : "", name);

	if (written < 0 || (size += (size_t)written) >= LABELS_ROOM - 4) {
		writer->labels[before] = '\0';
		return;
	}
	for (; *value && size < LABELS_ROOM - 4; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			writer->labels[size++] = '\\';
		writer->labels[size++] = *value == '\n' ? 'n' : *value;
	}
	writer->labels[size++] = '"';
	writer->labels[size] = '\0';
}

static uint64_t value_of(const struct writer *writer, unsigned value)
{
	return writer->values[value - 1];
}

static void write_line(struct writer *writer, struct text *text,
		       const struct metrics_family *family, const struct metrics_line *line)
{
	uint64_t value = value_of(writer, line->value);

	print(writer, text, "%s{%s%s%s} ", family->name, writer->labels, line->label ? "," : "",
	      line->label ? line->label : "");
	if (family->type == METRICS_SECONDS)
		print(writer, text, "%" PRIu64 ".%03u\n", value / 1000, (unsigned)(value % 1000));
	else
		print(writer, text, "%" PRIu64 "\n", value);
}

static void write_histogram(struct writer *writer, struct text *text,
			    const struct metrics_family *family)
{
	uint64_t sum = 0, ms = value_of(writer, family->lines[1].value);

	for (unsigned i = 0; i < TRAFFIC_BUCKETS; i++) {
		uint32_t end = traffic_buckets_ms[i];

		sum += value_of(writer, family->lines[0].value + i);
		print(writer, text, "%s_bucket{%s,le=", family->name, writer->labels);
		if (end == UINT32_MAX)
			print(writer, text, "\"+Inf\"} %" PRIu64 "\n", sum);
		else
			print(writer, text, "\"%u.%03u\"} %" PRIu64 "\n", end / 1000, end % 1000,
			      sum);
	}
	print(writer, text, "%s_sum{%s} %" PRIu64 ".%03u\n", family->name, writer->labels,
	      ms / 1000, (unsigned)(ms % 1000));
	print(writer, text, "%s_count{%s} %" PRIu64 "\n", family->name, writer->labels, sum);
}

static void write_head(struct writer *writer, struct text *text,
		       const struct metrics_family *family)
{
	static const char *const types[] = {
		[METRICS_COUNTER] = "counter",
		[METRICS_GAUGE] = "gauge",
		[METRICS_SECONDS] = "counter",
		[METRICS_HISTOGRAM] = "histogram",
	};

	print(writer, text, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
	      family->name, types[family->type]);
}

/* The noun's lines in all families of the sheet. */
static void write_noun(struct writer *writer, struct sheet *sheet)
{
	for (size_t i = 0; i < sheet->table->count && !writer->error; i++) {
		const struct metrics_family *family = &sheet->table->families[i];
		struct text *text = &sheet->texts[i];

		if (!(family->protocols & writer->protocols))
			continue;
		if (text->size == 0)
			write_head(writer, text, family);
		if (family->type == METRICS_HISTOGRAM) {
			write_histogram(writer, text, family);
			continue;
		}
		for (const struct metrics_line *line = family->lines; line->value; line++)
			write_line(writer, text, family, line);
	}
}

static void read_traffic(struct writer *writer, enum traffic_kind kind, uint32_t slot,
			 uint64_t number)
{
	memset(writer->values, 0, sizeof(writer->values));
	regions_read(writer->regions, kind, slot, number, &writer->values[VALUE_TRAFFIC(0) - 1]);
}

static uint64_t sum_banks(const _Atomic uint32_t *first, const _Atomic uint32_t *second)
{
	return atomic_load_explicit(first, memory_order_relaxed) +
	       (uint64_t)atomic_load_explicit(second, memory_order_relaxed);
}

static void read_listener(struct writer *writer, const struct listener *listener)
{
	const struct region_listener *row = &writer->regions->listeners[listener->slot];

	read_traffic(writer, TRAFFIC_LISTENER, listener->slot, listener->number);
	/* The slot's former owner counted what is there until the traffic process met this one. */
	if (atomic_load_explicit(&row->number, memory_order_acquire) != listener->number)
		return;
	for (unsigned i = 0; i < regions_workers(writer->regions); i++) {
		const struct counters *counters =
			&writer->regions->columns[i].counters[listener->slot];

		for (unsigned j = 0; j < COUNTERS_USED; j++)
			writer->values[VALUE_COUNTER(j) - 1] +=
				atomic_load_explicit(&counters->values[j], memory_order_relaxed);
	}
	writer->values[VALUE_OPEN - 1] = sum_banks(&row->connections[0], &row->connections[1]);
}

static void label_listener(struct writer *writer, const struct instance *instance,
			   const struct listener *listener)
{
	char port[8];

	writer->labels[0] = '\0';
	snprintf(port, sizeof(port), "%u", listener->port);
	label(writer, "lb", instance->id);
	label(writer, "listener", listener->id);
	label(writer, "protocol", protocol_name((enum protocol)listener->protocol));
	label(writer, "port", port);
}

static void label_rule(struct writer *writer, const struct instance *instance,
		       const struct listener *listener, const struct rule *rule)
{
	label_listener(writer, instance, listener);
	if (!rule)
		return;
	label(writer, "rule", rule->id);
	label(writer, "domain", rule->domain);
	label(writer, "url", rule->url);
}

static void read_target(struct writer *writer, const struct target *target,
			const struct health_check *check, bool is_http)
{
	const struct regions *regions = writer->regions;
	const struct region_health *health = &regions->health[target->slot];
	bool is_known =
		atomic_load_explicit(&health->number, memory_order_acquire) == target->number;
	unsigned state = atomic_load_explicit(&health->state, memory_order_relaxed);

	read_traffic(writer, TRAFFIC_TARGET, target->slot, target->number);
	writer->values[VALUE_UP - 1] = !check->is_on || (is_known && state == HEALTH_ALIVE);
	writer->values[VALUE_TAKES - 1] =
		is_known && !atomic_load_explicit(&health->is_down, memory_order_relaxed);
	writer->values[VALUE_WEIGHT - 1] = target->weight;
	writer->values[VALUE_OPEN - 1] =
		is_http ? regions_read_open(regions, target->slot, target->number)
			: sum_banks(&regions->target_connections[0][target->slot],
				    &regions->target_connections[1][target->slot]);
}

struct targets {
	struct target *const *rows;
	size_t count;
	const struct health_check *check;
};

/* The labels of their owner are set. */
static void write_targets(struct writer *writer, struct targets targets, bool is_http)
{
	size_t size = strlen(writer->labels);

	for (size_t i = 0; i < targets.count && !writer->error; i++) {
		char address[ADDRESS_TEXT_SIZE];

		writer->labels[size] = '\0';
		address_format(&targets.rows[i]->address, address);
		label(writer, "target", address);
		read_target(writer, targets.rows[i], targets.check, is_http);
		write_noun(writer, &writer->targets);
	}
}

static void write_listener(struct writer *writer, const struct instance *instance,
			   const struct listener *listener)
{
	bool is_http = !listener_is_layer4(listener);

	writer->protocols = 1u << listener->protocol;
	label_listener(writer, instance, listener);
	read_listener(writer, listener);
	write_noun(writer, &writer->listeners);
	if (!is_http)
		write_targets(writer,
			      (struct targets){ listener->targets, listener->target_count,
						&listener->health_check },
			      false);
	for (size_t i = 0; i < listener->rule_count && !writer->error; i++) {
		const struct rule *rule = listener->rules[i];

		label_rule(writer, instance, listener, rule);
		read_traffic(writer, TRAFFIC_RULE, rule->slot, rule->number);
		write_noun(writer, &writer->rules);
		write_targets(
			writer,
			(struct targets){ rule->targets, rule->target_count, &rule->health_check },
			true);
	}
}

static void write_single(struct writer *writer, struct text *text, const char *name,
			 const char *help, uint64_t value)
{
	bool is_counter = strstr(name, "_total") != NULL;
	const struct metrics_family family = {
		name, help, is_counter ? METRICS_COUNTER : METRICS_GAUGE, 0, { { 0 } }
	};

	write_head(writer, text, &family);
	print(writer, text, "%s %" PRIu64 "\n", name, value);
}

/* What is about the whole. */
static void write_whole(struct writer *writer, struct text *text)
{
	const struct control *control = writer->control;
	const struct region_sessions *sessions;

	print(writer, text,
	      "# HELP setia_build_info The version that answers.\n"
	      "# TYPE setia_build_info gauge\nsetia_build_info{version=\"%s\"} 1\n",
	      SETIA_VERSION);
	write_single(writer, text, "setia_live_generation",
		     "The configuration's generation that every worker runs.",
		     control->publisher ? publisher_live_generation(control->publisher) : 0);
	write_single(writer, text, "setia_traffic_readable",
		     "0 while the keeper has not handed over what is counted.",
		     writer->regions != NULL);
	if (!writer->regions)
		return;
	sessions = &writer->regions->sessions;
	write_single(writer, text, "setia_workers", "Traffic threads.",
		     regions_workers(writer->regions));
	write_single(writer, text, "setia_client_connections",
		     "Client connections that are open, without flows of UDP.",
		     sum_banks(&writer->regions->open[0].connections,
			       &writer->regions->open[1].connections));
	write_single(writer, text, "setia_session_table_entries",
		     "Clients that the source-IP table remembers.",
		     atomic_load(&sessions->entries));
	write_single(writer, text, "setia_session_table_entries_most",
		     "Clients that it has room for.", atomic_load(&sessions->entries_most));
	write_single(writer, text, "setia_session_table_evicted_total",
		     "Entries that went for new ones.", atomic_load(&sessions->evicted));
	write_single(writer, text, "setia_session_table_dropped_total",
		     "Entries that found no room.", atomic_load(&sessions->dropped));
	write_single(writer, text, "setia_health_changes_total",
		     "Changes of targets' health that were written down.",
		     health_log_end(&writer->regions->health_log));
}

static void sheet_join(struct writer *writer, const struct sheet *sheet, struct text *all)
{
	for (size_t i = 0; i < sheet->table->count && !writer->error; i++) {
		const struct text *text = &sheet->texts[i];

		if (text->size == 0)
			continue;
		writer->error = text_reserve(all, text->size);
		if (!writer->error) {
			memcpy(all->at + all->size, text->at, text->size);
			all->size += text->size;
		}
	}
}

static void sheet_done(struct sheet *sheet)
{
	for (size_t i = 0; i < sheet->table->count; i++)
		free(sheet->texts[i].at);
}

static void write_all(struct writer *writer, struct text *all)
{
	const struct model *model = &writer->control->model;

	write_whole(writer, all);
	for (size_t i = 0; writer->regions && i < model->instance_count; i++) {
		const struct instance *instance = model->instances[i];

		for (size_t j = 0; j < instance->listener_count && !writer->error; j++)
			write_listener(writer, instance, instance->listeners[j]);
	}
	sheet_join(writer, &writer->listeners, all);
	sheet_join(writer, &writer->rules, all);
	sheet_join(writer, &writer->targets, all);
}

int metrics_text(const struct control *control, char **ret_text, size_t *ret_size)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	struct text all = { 0 };
	int error;

	if (!writer)
		return -ENOMEM;
	writer->control = control;
	writer->regions = control->regions;
	writer->listeners.table = &metrics_of_listeners;
	writer->rules.table = &metrics_of_rules;
	writer->targets.table = &metrics_of_targets;
	write_all(writer, &all);
	sheet_done(&writer->listeners);
	sheet_done(&writer->rules);
	sheet_done(&writer->targets);
	error = writer->error;
	free(writer);
	if (error) {
		free(all.at);
		return error;
	}
	*ret_text = all.at;
	*ret_size = all.size;
	return 0;
}

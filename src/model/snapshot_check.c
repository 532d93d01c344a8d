/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall's customs: nothing that a snapshot claims is believed before it was looked at. This half
 * checks the frame (header, sections, checksum), keys, instances and listeners. Linear but for
 * two sorts; memory is bounded by the roofs of limits.h. Any thread.
 */
#include "model/snapshot_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/charset.h"
#include "model/words.h"

static const uint32_t roofs[SNAPSHOT_SECTIONS] = {
	[SNAPSHOT_INSTANCES] = LIMIT_INSTANCES,
	[SNAPSHOT_RANGES] = LIMIT_CIDRS_ALL,
	[SNAPSHOT_LISTENERS] = LIMIT_LISTENERS,
	[SNAPSHOT_HTTP] = LIMIT_CUSTOM_CONFIGURATIONS + 1,
	[SNAPSHOT_HEADERS] = (LIMIT_CUSTOM_CONFIGURATIONS + 1) * LIMIT_CUSTOM_HEADERS,
	[SNAPSHOT_PAGES] = (LIMIT_CUSTOM_CONFIGURATIONS + 1) * LIMIT_CUSTOM_PAGES,
	[SNAPSHOT_HOSTS] = LIMIT_PATHS,
	[SNAPSHOT_PATHS] = LIMIT_PATHS,
	[SNAPSHOT_PATTERNS] = LIMIT_PATTERNS,
	[SNAPSHOT_RULES] = LIMIT_TURNS,
	[SNAPSHOT_TARGETS] = LIMIT_TARGETS,
	[SNAPSHOT_CHECKS] = LIMIT_TURNS,
	[SNAPSHOT_TURNS] = LIMIT_SNAPSHOT_SIZE,
	[SNAPSHOT_KEYS] = COOKIE_KEYS_MOST,
	[SNAPSHOT_TEXT] = LIMIT_SNAPSHOT_SIZE,
};

int snapshot_refuse(struct snapshot_checker *checker, enum snapshot_section_name section,
		    uint32_t row, const char *format, ...)
{
	char reason[160];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	snprintf(checker->why, checker->why_size, "%s, row %u: %s", snapshot_section_text(section),
		 row, reason);
	return -EBADMSG;
}

static int refuse_header(struct snapshot_checker *checker, const char *reason)
{
	snprintf(checker->why, checker->why_size, "header: %s", reason);
	return -EBADMSG;
}

bool snapshot_bytes_are_good(const struct snapshot_checker *checker, struct snapshot_text text,
			     size_t most)
{
	uint32_t room = checker->counts[SNAPSHOT_TEXT];

	if (text.offset >= room || text.size >= room - text.offset || text.size > most)
		return false;
	return checker->view.text[text.offset + text.size] == '\0';
}

bool snapshot_text_is_good(const struct snapshot_checker *checker, struct snapshot_text text,
			   size_t most)
{
	return snapshot_bytes_are_good(checker, text, most) &&
	       !memchr(checker->view.text + text.offset, '\0', text.size);
}

bool snapshot_id_is_good(const char id[LIMIT_ID])
{
	size_t size = strnlen(id, LIMIT_ID);

	if (charset_id((struct bytes){ id, size }) < size)
		return false;
	for (size_t i = size; i < LIMIT_ID; i++) {
		if (id[i] != '\0')
			return false;
	}
	return size > 0 && size < LIMIT_ID;
}

static int number_order(const void *a, const void *b)
{
	uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

	return (first > second) - (first < second);
}

bool snapshot_numbers_differ(struct snapshot_checker *checker, uint32_t count)
{
	uint64_t *numbers = checker->numbers;
	uint32_t rising = 1;

	/* The usual case: rows in the order of their numbers need no sort. */
	while (rising < count && numbers[rising - 1] < numbers[rising])
		rising++;
	if (rising >= count)
		return true;
	qsort(numbers, count, sizeof(*numbers), number_order);
	for (uint32_t i = 1; i < count; i++) {
		if (numbers[i - 1] == numbers[i])
			return false;
	}
	return true;
}

/* By address, and for each by port space. */
static int place_order(const void *a, const void *b)
{
	const struct snapshot_listener *first = *(const struct snapshot_listener *const *)a;
	const struct snapshot_listener *second = *(const struct snapshot_listener *const *)b;
	int order = memcmp(&first->address, &second->address, sizeof(first->address));

	return order ? order
		     : protocol_is_datagram((enum protocol)first->protocol) -
			       protocol_is_datagram((enum protocol)second->protocol);
}

/* The sections fill the file in order; zeros between them, nothing behind them. */
static int check_sections(struct snapshot_checker *checker, const uint8_t *data)
{
	const struct snapshot_header *header = (const void *)data;
	uint64_t end = sizeof(*header);

	for (int i = 0; i < SNAPSHOT_SECTIONS; i++) {
		const struct snapshot_section *section = &header->sections[i];
		uint64_t used;

		if (section->offset != end)
			return snapshot_refuse(checker, i, 0, "the section begins at %u, not %llu",
					       section->offset, (unsigned long long)end);
		if (section->count > roofs[i])
			return snapshot_refuse(checker, i, 0, "%u rows, at most %u are possible",
					       section->count, roofs[i]);
		used = end + section->count * (uint64_t)snapshot_row_size(i);
		end = snapshot_aligned(used);
		if (end > header->size)
			return snapshot_refuse(checker, i, 0, "the section passes the file's end");
		for (uint64_t at = used; at < end; at++) {
			if (data[at] != 0)
				return snapshot_refuse(checker, i, 0, "padding is not zero");
		}
		checker->counts[i] = section->count;
	}
	return end == header->size ? 0 : refuse_header(checker, "bytes behind the last section");
}

static int check_frame(struct snapshot_checker *checker, const void *data, size_t size)
{
	const struct snapshot_header *header = data;
	int error;

	if ((uintptr_t)data % 8 != 0)
		return refuse_header(checker, "not aligned in memory");
	if (size < sizeof(*header))
		return refuse_header(checker, "too short");
	if (header->magic != SNAPSHOT_MAGIC)
		return refuse_header(checker, "not a snapshot");
	if (header->version != SNAPSHOT_VERSION || header->header_size != sizeof(*header))
		return refuse_header(checker, "another version of the format");
	if (header->size != size || size > LIMIT_SNAPSHOT_SIZE)
		return refuse_header(checker, "its size is not the file's");
	if (header->generation == 0)
		return refuse_header(checker, "generation 0");
	if (header->checksum != snapshot_checksum(data, size))
		return refuse_header(checker, "wrong checksum: damaged or cut");
	error = check_sections(checker, data);
	if (error == 0)
		snapshot_view(data, &checker->view);
	return error;
}

static int check_keys(struct snapshot_checker *checker)
{
	static const uint8_t zeros[sizeof(checker->view.keys->unused)];
	uint8_t seen[32] = { 0 };

	for (uint32_t row = 0; row < checker->counts[SNAPSHOT_KEYS]; row++) {
		const struct snapshot_key *key = &checker->view.keys[row];

		if (key->id == 0 || !snapshot_bit_is_new(seen, key->id))
			return snapshot_refuse(checker, SNAPSHOT_KEYS, row,
					       "id %u is 0 or stands twice", key->id);
		if (memcmp(key->unused, zeros, sizeof(zeros)) != 0)
			return snapshot_refuse(checker, SNAPSHOT_KEYS, row,
					       "unused bytes are not zero");
		if (row == 0 ? key->retired_s != 0 : key->retired_s <= 0)
			return snapshot_refuse(checker, SNAPSHOT_KEYS, row,
					       "exactly the first key is not retired");
	}
	return 0;
}

static int check_instances(struct snapshot_checker *checker)
{
	for (uint32_t row = 0; row < checker->counts[SNAPSHOT_INSTANCES]; row++) {
		const struct snapshot_instance *instance = &checker->view.instances[row];
		struct bytes name = snapshot_bytes(&checker->view, instance->name);

		if (!snapshot_id_is_good(instance->id))
			return snapshot_refuse(checker, SNAPSHOT_INSTANCES, row, "bad id");
		if (!snapshot_text_is_good(checker, instance->name, LIMIT_NAME_BYTES) ||
		    charset_name(name) < name.size)
			return snapshot_refuse(checker, SNAPSHOT_INSTANCES, row, "bad name");
	}
	return 0;
}

static bool all_zero(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	while (size > 0 && *at == 0) {
		at++;
		size--;
	}
	return size == 0;
}

/* The bytes of a listener's row from member `first` up to member `behind`. */
#define PART_IS_ZERO(listener, first, behind)                                     \
	all_zero(&(listener)->first, offsetof(struct snapshot_listener, behind) - \
					     offsetof(struct snapshot_listener, first))

static const char *http_fault(const struct snapshot_checker *checker,
			      const struct snapshot_listener *listener)
{
	if (listener->rule != SNAPSHOT_NONE)
		return "HTTP, and yet a rule stands for it";
	if (listener->http >= checker->counts[SNAPSHOT_HTTP])
		return "no such custom configuration";
	if (listener->has_keepalive > 1)
		return "a flag is not 0 or 1";
	if (!PART_IS_ZERO(listener, idle_timeout_ms, unused_layer4))
		return "HTTP, and yet it has settings of layer 4";
	return NULL;
}

static const char *tcp_or_udp_fault(const struct snapshot_listener *listener)
{
	uint32_t idle_ms = listener->idle_timeout_ms;

	if (listener->protocol == PROTOCOL_TCP) {
		if (idle_ms != TCP_IDLE_TIMEOUT_S * 1000)
			return "the idle time of TCP is another";
		return listener->udp_responses ? "TCP, and yet it counts responses" : NULL;
	}
	if (idle_ms < UDP_IDLE_TIMEOUT_LEAST_S * 1000 || idle_ms > UDP_IDLE_TIMEOUT_MOST_S * 1000)
		return "the idle time is out of range";
	return listener->has_proxy_protocol ? "UDP, and yet it has the PROXY protocol" : NULL;
}

static const char *layer4_fault(const struct snapshot_checker *checker, uint32_t row)
{
	const struct snapshot_listener *listener = &checker->view.listeners[row];

	if (listener->rule >= checker->counts[SNAPSHOT_RULES] ||
	    checker->view.rules[listener->rule].listener != row)
		return "layer 4, and no rule of its own stands for it";
	if (listener->has_keepalive || listener->http != SNAPSHOT_NONE)
		return "layer 4, and yet it has settings of HTTP";
	if (listener->access_log.size > 0)
		return "layer 4, and yet it has an access log";
	if (listener->hosts.count > 0)
		return "layer 4, and yet it has hosts";
	if (listener->max_conn > MAX_CONN_MOST || listener->max_cps > MAX_CONN_MOST)
		return "a roof of connections is out of range";
	if (listener->reschedule_start_s > RESCHEDULE_MOST_S ||
	    listener->reschedule_interval_s > RESCHEDULE_MOST_S)
		return "a time of rescheduling is out of range";
	if (listener->resets_deregistered > 1 || listener->reschedules_zero_weight > 1 ||
	    listener->reschedules_unhealthy > 1 || listener->reschedules_expand > 1 ||
	    listener->has_proxy_protocol > 1)
		return "a flag is not 0 or 1";
	return tcp_or_udp_fault(listener);
}

static const char *listener_fault(struct snapshot_checker *checker, uint32_t row)
{
	const struct snapshot_listener *listener = &checker->view.listeners[row];

	if (listener->number == 0 || listener->number > LIMIT_NUMBER)
		return "bad number";
	if (!snapshot_id_is_good(listener->id))
		return "bad id";
	if (!snapshot_address_is_good(&listener->address))
		return "bad address";
	if (listener->slot >= LIMIT_LISTENERS ||
	    !snapshot_bit_is_new(checker->listener_slots, listener->slot))
		return "the slot is out of range or taken";
	if (listener->instance >= checker->counts[SNAPSHOT_INSTANCES])
		return "no such instance";
	if (listener->unused || listener->unused_word ||
	    !all_zero(listener->unused_layer4, sizeof(listener->unused_layer4)))
		return "unused bytes are not zero";
	if (!snapshot_access_log_is_good(checker, listener))
		return "bad name or format of its access log";
	if (protocol_is_layer4((enum protocol)listener->protocol))
		return layer4_fault(checker, row);
	if (listener->protocol == PROTOCOL_HTTP)
		return http_fault(checker, listener);
	return "a protocol that this version does not serve";
}

static int check_listener(struct snapshot_checker *checker, uint32_t row)
{
	const struct snapshot_listener *listener = &checker->view.listeners[row];
	const char *fault = listener_fault(checker, row);

	if (fault)
		return snapshot_refuse(checker, SNAPSHOT_LISTENERS, row, "%s", fault);
	checker->numbers[row] = listener->number;
	checker->places[row] = listener;
	return 0;
}

static int check_listeners(struct snapshot_checker *checker)
{
	uint32_t count = checker->counts[SNAPSHOT_LISTENERS];

	for (uint32_t row = 0; row < count; row++) {
		int error = check_listener(checker, row);

		if (error)
			return error;
	}
	if (!snapshot_numbers_differ(checker, count))
		return snapshot_refuse(checker, SNAPSHOT_LISTENERS, 0, "a number stands twice");
	qsort(checker->places, count, sizeof(*checker->places), place_order);
	for (uint32_t i = 1; i < count; i++) {
		if (place_order(&checker->places[i - 1], &checker->places[i]) == 0)
			return snapshot_refuse(checker, SNAPSHOT_LISTENERS, 0,
					       "two listeners have one address");
	}
	return 0;
}

static void checker_done(struct snapshot_checker *checker)
{
	free(checker->listener_slots);
	free(checker->rule_slots);
	free(checker->target_slots);
	free(checker->rules_routed);
	free(checker->numbers);
	free(checker->places);
}

static int checker_reserve(struct snapshot_checker *checker)
{
	uint32_t listeners = checker->counts[SNAPSHOT_LISTENERS];
	uint32_t rules = checker->counts[SNAPSHOT_RULES];
	uint32_t numbers = listeners > rules ? listeners : rules;

	checker->listener_slots = calloc(LIMIT_LISTENERS / 8, 1);
	checker->rule_slots = calloc(LIMIT_RULES / 8, 1);
	checker->target_slots = calloc(LIMIT_TARGETS / 8, 1);
	checker->rules_routed = calloc(LIMIT_TURNS / 8, 1);
	checker->numbers = calloc(numbers + 1ul, sizeof(*checker->numbers));
	checker->places = calloc(listeners + 1ul, sizeof(*checker->places));
	if (!checker->listener_slots || !checker->rule_slots || !checker->target_slots ||
	    !checker->rules_routed || !checker->numbers || !checker->places)
		return -ENOMEM;
	return 0;
}

int snapshot_check(const void *data, size_t size, char *why, size_t why_size)
{
	struct snapshot_checker checker = { .why = why, .why_size = why_size };
	int error = check_frame(&checker, data, size);

	if (error == 0)
		error = checker_reserve(&checker);
	if (error == 0)
		error = check_keys(&checker);
	if (error == 0)
		error = check_instances(&checker);
	if (error == 0)
		error = snapshot_check_access(&checker);
	if (error == 0)
		error = snapshot_check_http(&checker);
	if (error == 0)
		error = check_listeners(&checker);
	if (error == 0)
		error = snapshot_check_health(&checker);
	if (error == 0)
		error = snapshot_check_patterns(&checker);
	if (error == 0)
		error = snapshot_check_rules(&checker);
	if (error == 0)
		error = snapshot_check_routes(&checker);
	checker_done(&checker);
	return error;
}

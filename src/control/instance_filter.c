/* SPDX-License-Identifier: Apache-2.0 */
/* Selecting instances. Pure. */
#include "control/instance_filter.h"

#include <string.h>

#include "control/shared_fields.h"

bool text_contains(const char *text, const char *needle)
{
	return !needle || strstr(text, needle) != NULL;
}

bool ip_passes(const json_t *ips, const struct address *address)
{
	struct address wanted, bare = *address;
	const json_t *text;
	size_t i;

	bare.port = 0;
	json_array_foreach((json_t *)ips, i, text)
	{
		if (address_parse_ip(bytes_of(json_string_value(text)), &wanted) == 0 &&
		    address_equal(&wanted, &bare))
			return true;
	}
	return ips == NULL;
}

bool tag_filter_passes(const struct instance *instance, const json_t *filter)
{
	const char *name = input_text(filter, "Name");
	const json_t *values = input_get(filter, "Values");
	const char *key = strncmp(name, "tag:", 4) == 0 ? name + 4 : NULL;

	for (size_t i = 0; i < instance->tag_count; i++) {
		const struct tag *tag = &instance->tags[i];

		if (key ? strcmp(tag->key, key) == 0 && filter_passes(values, tag->value)
			: filter_passes(values, tag->key))
			return true;
	}
	return false;
}

static bool have_ip(struct target *const *targets, size_t count, const json_t *ips)
{
	for (size_t i = 0; i < count; i++) {
		if (ip_passes(ips, &targets[i]->address))
			return true;
	}
	return false;
}

static bool listener_has_ip(const struct listener *listener, const json_t *ips)
{
	if (have_ip(listener->targets, listener->target_count, ips))
		return true;
	for (size_t i = 0; i < listener->rule_count; i++) {
		if (have_ip(listener->rules[i]->targets, listener->rules[i]->target_count, ips))
			return true;
	}
	return false;
}

bool instance_has_target_ip(const struct instance *instance, const json_t *ips)
{
	for (size_t i = 0; i < instance->listener_count && json_array_size(ips) > 0; i++) {
		if (listener_has_ip(instance->listeners[i], ips))
			return true;
	}
	return json_array_size(ips) == 0;
}

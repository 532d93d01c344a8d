/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a configuration's objects. Pure. */
#include "control/configuration_key.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/field.h"

/* features.md section 2: TCP, TCP_SSL, HTTP and HTTPS share one space of ports, UDP and QUIC the
 * other. */
static struct key key_of_port(bool is_datagram, int64_t port)
{
	struct key key;

	snprintf(key.text, sizeof(key.text), "%s:%" PRId64, is_datagram ? "udp" : "tcp", port);
	return key;
}

struct key key_of_name(const char *name)
{
	struct key key;

	snprintf(key.text, sizeof(key.text), "%s", name);
	return key;
}

struct key key_of_listener_input(const json_t *input)
{
	enum protocol protocol = protocol_of(input_text(input, "Protocol"));

	return key_of_port(protocol_is_datagram(protocol), input_integer(input, "Port", 0));
}

struct key key_of_listener(const struct listener *listener)
{
	return key_of_port(protocol_is_datagram((enum protocol)listener->protocol), listener->port);
}

/* A line break can stand in neither. Domains have no case. */
static struct key key_of_domain_and_url(const char *domain, const char *url)
{
	struct key key;

	snprintf(key.text, sizeof(key.text), "%s\n%s", domain, url);
	for (char *at = key.text; *at && *at != '\n'; at++)
		*at = (char)tolower((unsigned char)*at);
	return key;
}

const char *key_domain(const json_t *input)
{
	const json_t *domains = input_get(input, "Domains");
	const char *domain = input_text(input, "Domain");

	/* No rule has two ways to be named, or several names: like no other, so that the API gets
	 * to refuse it. */
	if (json_array_size(domains) > 1 || (json_array_size(domains) && domain))
		return "?";
	if (json_array_size(domains))
		domain = json_string_value(json_array_get(domains, 0));
	return domain ? domain : "";
}

struct key key_of_rule_input(const json_t *input)
{
	const char *url = input_text(input, "Url");

	return key_of_domain_and_url(key_domain(input), url ? url : "");
}

struct key key_of_rule(const struct rule *rule)
{
	return key_of_domain_and_url(rule->domain, rule->url);
}

static struct key key_of_address(const struct address *address)
{
	struct key key; /* its room is not cleared: there is one for each server of a file */

	address_format(address, key.text);
	return key;
}

struct key key_of_target_input(const json_t *input)
{
	const char *ip = input_text(input, "EniIp"), *instance = input_text(input, "InstanceId");
	int64_t port = input_integer(input, "Port", 0);
	struct address address;
	struct key key;

	if (ip && !instance && port >= 0 && port <= UINT16_MAX &&
	    !address_parse_ip(bytes_of(ip), &address)) {
		address.port = (uint16_t)port;
		return key_of_address(&address);
	}
	snprintf(key.text, sizeof(key.text), "?%.500s?%.500s?%" PRId64, ip ? ip : "",
		 instance ? instance : "", port);
	return key;
}

struct key key_of_target(const struct target *target)
{
	return key_of_address(&target->address);
}

int key_set(json_t *index, const struct key *key, size_t row)
{
	return json_object_set_new(index, key->text, json_integer((json_int_t)row)) ? -ENOMEM : 0;
}

int key_add(json_t *index, const struct key *key, size_t row, size_t *ret_row)
{
	size_t other = key_find(index, key);

	if (other == KEY_NONE)
		return key_set(index, key, row);
	*ret_row = other;
	return -EEXIST;
}

size_t key_find(const json_t *index, const struct key *key)
{
	const json_t *row = json_object_get(index, key->text);

	return row ? (size_t)json_integer_value(row) : KEY_NONE;
}

json_t *key_index_instances(const struct model *model)
{
	json_t *index = json_object();
	size_t other;
	int error = index ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < model->instance_count; i++) {
		struct key key = key_of_name(model->instances[i]->name);

		error = key_add(index, &key, i, &other);
		if (error == -EEXIST)
			error = key_set(index, &key, KEY_SEVERAL);
	}
	if (error)
		json_decref(index);
	return error ? NULL : index;
}

json_t *key_index_listeners(const struct instance *instance)
{
	json_t *index = json_object();
	int error = index ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < instance->listener_count; i++) {
		struct key key = key_of_listener(instance->listeners[i]);

		error = key_set(index, &key, i);
	}
	if (error)
		json_decref(index);
	return error ? NULL : index;
}

json_t *key_index_rules(const struct listener *listener)
{
	json_t *index = json_object();
	int error = index ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < listener->rule_count; i++) {
		struct key key = key_of_rule(listener->rules[i]);

		error = key_set(index, &key, i);
	}
	if (error)
		json_decref(index);
	return error ? NULL : index;
}

json_t *key_index_targets(struct target *const *targets, size_t count)
{
	json_t *index = json_object();
	int error = index ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < count; i++) {
		struct key key = key_of_target(targets[i]);

		error = key_set(index, &key, i);
	}
	if (error)
		json_decref(index);
	return error ? NULL : index;
}

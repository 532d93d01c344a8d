/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a configuration's objects. Pure. */
#include "control/configuration_key.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
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

/* A line break can stand in neither. Domains have no case, but expressions do. */
struct key key_of_place(const char *domain, const char *url)
{
	struct key key;

	snprintf(key.text, sizeof(key.text), "%s\n%s", domain, url);
	for (char *at = key.text; *key.text != '~' && *at && *at != '\n'; at++)
		*at = (char)tolower((unsigned char)*at);
	return key;
}

size_t key_domain_count(const json_t *input)
{
	size_t count = json_array_size(input_get(input, "Domains"));

	return count > 0 && !input_has(input, "Domain") ? count : 1;
}

const char *key_domain_at(const json_t *input, size_t i)
{
	const json_t *domains = input_get(input, "Domains");
	const char *domain = input_text(input, "Domain");

	/* No rule has two ways to be named: like no other, so that the API gets to refuse it. */
	if (json_array_size(domains) > 0 && domain)
		return "?";
	if (json_array_size(domains) > 0)
		domain = json_string_value(json_array_get(domains, i));
	return domain ? domain : "";
}

const char *key_domain(const json_t *input)
{
	return key_domain_at(input, 0);
}

const char *key_url(const json_t *input)
{
	const char *url = input_text(input, "Url");

	return url ? url : "";
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

/* One key; row KEY_NONE: nothing here. */
struct place {
	uint64_t hash;
	size_t row;
	size_t text, size; /* where in `texts` */
};

/* Open addressing, at most half full; room is a power of two. */
struct key_index {
	struct place *places;
	size_t room, count;
	char *texts;
	size_t texts_size, texts_room;
	uint64_t seed; /* whoever writes a file cannot aim at places */
};

#define PLACES_LEAST 32
#define TEXTS_LEAST 1024

static struct place *places_new(size_t room)
{
	struct place *places = reallocarray(NULL, room, sizeof(*places));

	for (size_t i = 0; places && i < room; i++)
		places[i].row = KEY_NONE;
	return places;
}

/* Drawn once. Without randomness the tables still hold, if slower under attack. */
static uint64_t seed_of_process(void)
{
	static uint64_t seed;

	if (seed == 0 && random_bytes(&seed, sizeof(seed)) != 0)
		seed = 1;
	return seed;
}

struct key_index *key_index_new(void)
{
	struct key_index *index = calloc(1, sizeof(*index));

	if (!index)
		return NULL;
	index->seed = seed_of_process();
	index->room = PLACES_LEAST;
	index->places = places_new(index->room);
	index->texts_room = TEXTS_LEAST;
	index->texts = malloc(index->texts_room);
	return index->places && index->texts ? index : key_index_free(index);
}

struct key_index *key_index_free(struct key_index *index)
{
	if (index) {
		free(index->places);
		free(index->texts);
	}
	free(index);
	return NULL;
}

/* The key's place, or the free one where it would go. */
static struct place *find_place(const struct key_index *index, struct bytes text, uint64_t hash)
{
	size_t at = (size_t)hash & (index->room - 1);

	for (;; at = (at + 1) & (index->room - 1)) {
		struct place *place = &index->places[at];

		if (place->row == KEY_NONE ||
		    (place->hash == hash && place->size == text.size &&
		     memcmp(index->texts + place->text, text.at, text.size) == 0))
			return place;
	}
}

static int places_grow(struct key_index *index)
{
	size_t room = index->room * 2;
	struct place *grown = places_new(room), *old = index->places;

	if (!grown)
		return -ENOMEM;
	for (size_t i = 0; i < index->room; i++) {
		size_t at = (size_t)old[i].hash & (room - 1);

		if (old[i].row == KEY_NONE)
			continue;
		while (grown[at].row != KEY_NONE)
			at = (at + 1) & (room - 1);
		grown[at] = old[i];
	}
	free(old);
	index->places = grown;
	index->room = room;
	return 0;
}

/* Room for one more key of this size. */
static int reserve(struct key_index *index, size_t size)
{
	size_t room = index->texts_room;
	char *grown;

	if (index->count * 2 >= index->room && places_grow(index) != 0)
		return -ENOMEM;
	while (room - index->texts_size < size)
		room *= 2;
	if (room == index->texts_room)
		return 0;
	grown = realloc(index->texts, room);
	if (!grown)
		return -ENOMEM;
	index->texts = grown;
	index->texts_room = room;
	return 0;
}

/* Makes the key's place if it has none; the row is the caller's to set. */
static int place_key(struct key_index *index, const struct key *key, struct place **ret_place)
{
	struct bytes text = bytes_of(key->text);
	uint64_t hash = hash_bytes_seeded(text.at, text.size, index->seed);
	struct place *place;

	if (reserve(index, text.size) != 0)
		return -ENOMEM;
	place = find_place(index, text, hash);
	if (place->row == KEY_NONE) {
		*place = (struct place){ hash, KEY_NONE, index->texts_size, text.size };
		memcpy(index->texts + index->texts_size, text.at, text.size);
		index->texts_size += text.size;
		index->count++;
	}
	*ret_place = place;
	return 0;
}

int key_set(struct key_index *index, const struct key *key, size_t row)
{
	struct place *place;
	int error = place_key(index, key, &place);

	if (error == 0)
		place->row = row;
	return error;
}

int key_add(struct key_index *index, const struct key *key, size_t row, size_t *ret_row)
{
	struct place *place;
	int error = place_key(index, key, &place);

	if (error != 0)
		return error;
	if (place->row != KEY_NONE) {
		*ret_row = place->row;
		return -EEXIST;
	}
	place->row = row;
	return 0;
}

size_t key_find(const struct key_index *index, const struct key *key)
{
	struct bytes text = bytes_of(key->text);

	if (index->count == 0)
		return KEY_NONE;
	return find_place(index, text, hash_bytes_seeded(text.at, text.size, index->seed))->row;
}

struct key_index *key_index_instances(const struct model *model)
{
	struct key_index *index = key_index_new();
	size_t other;
	int error = index ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < model->instance_count; i++) {
		struct key key = key_of_name(model->instances[i]->name);

		error = key_add(index, &key, i, &other);
		if (error == -EEXIST)
			error = key_set(index, &key, KEY_SEVERAL);
	}
	if (error)
		key_index_free(index);
	return error ? NULL : index;
}

struct key_index *key_index_listeners(const struct instance *instance)
{
	struct key_index *index = key_index_new();
	int error = index ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < instance->listener_count; i++) {
		struct key key = key_of_listener(instance->listeners[i]);

		error = key_set(index, &key, i);
	}
	if (error)
		key_index_free(index);
	return error ? NULL : index;
}

static int index_rule(struct key_index *index, const struct rule *rule, size_t row)
{
	int error = 0;

	for (size_t i = 0; !error && i <= rule->more_domain_count; i++) {
		const char *domain = i > 0 ? rule->more_domains[i - 1] : rule->domain;
		struct key key = key_of_place(domain, rule->url);

		error = key_set(index, &key, row);
	}
	return error;
}

struct key_index *key_index_rules(const struct listener *listener)
{
	struct key_index *index = key_index_new();
	int error = index ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < listener->rule_count; i++)
		error = index_rule(index, listener->rules[i], i);
	return error ? key_index_free(index) : index;
}

struct key_index *key_index_targets(struct target *const *targets, size_t count)
{
	struct key_index *index = key_index_new();
	int error = index ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < count; i++) {
		struct key key = key_of_target(targets[i]);

		error = key_set(index, &key, i);
	}
	if (error)
		key_index_free(index);
	return error ? NULL : index;
}

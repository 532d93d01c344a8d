/* SPDX-License-Identifier: Apache-2.0 */
/* Conflicts between listeners' addresses: one new listener against all, and all at once. Pure. */
#include "control/ports.h"

#include <stdlib.h>
#include <string.h>

static bool is_datagram(const struct listener *listener)
{
	return protocol_is_datagram((enum protocol)listener->protocol);
}

static bool addresses_meet(const struct address *a, const struct address *b)
{
	return a->family == b->family &&
	       (address_is_any(a) || address_is_any(b) || address_equal(a, b));
}

const struct listener *ports_find(const struct model *model, const struct address *vip,
				  enum protocol protocol, uint16_t port,
				  const struct instance **ret_owner)
{
	for (size_t i = 0; i < model->instance_count; i++) {
		const struct instance *instance = model->instances[i];

		if (!addresses_meet(&instance->vip, vip))
			continue;
		for (size_t j = 0; j < instance->listener_count; j++) {
			const struct listener *listener = instance->listeners[j];

			if (listener->port == port &&
			    is_datagram(listener) == protocol_is_datagram(protocol)) {
				*ret_owner = instance;
				return listener;
			}
		}
	}
	return NULL;
}

struct place {
	const struct listener *listener;
	const struct address *vip;
};

/* Port, transport and family first, so that those who might meet stand together; any-address, all
 * zeros, comes first among them. */
static int place_order(const struct place *a, const struct place *b)
{
	int order = a->listener->port - b->listener->port;

	if (order == 0)
		order = is_datagram(a->listener) - is_datagram(b->listener);
	return order != 0 ? order : a->vip->family - b->vip->family;
}

static int place_compare(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	int order = place_order(a, b);

	return order != 0 ? order : memcmp(a->vip->ip, b->vip->ip, sizeof(a->vip->ip));
}

static size_t collect(const struct model *model, struct place *places)
{
	size_t count = 0;

	for (size_t i = 0; i < model->instance_count; i++) {
		const struct instance *instance = model->instances[i];

		for (size_t j = 0; j < instance->listener_count; j++) {
			if (places)
				places[count] =
					(struct place){ instance->listeners[j], &instance->vip };
			count++;
		}
	}
	return count;
}

const struct listener *ports_check(const struct model *model)
{
	size_t count = collect(model, NULL), first = 0;
	struct place *places = calloc(count ? count : 1, sizeof(*places));
	const struct listener *found = NULL;

	if (!places)
		return NULL;
	collect(model, places);
	qsort(places, count, sizeof(*places), place_compare);
	for (size_t i = 1; i < count && !found; i++) {
		if (place_order(&places[i - 1], &places[i]) != 0)
			first = i;
		else if (address_is_any(places[first].vip) ||
			 address_equal(places[i - 1].vip, places[i].vip))
			found = places[i].listener;
	}
	free(places);
	return found;
}

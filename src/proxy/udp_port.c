/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of sockets towards UDP targets. Runs on the worker's thread, which owns all of it; what
 * it opens is counted among the worker's descriptors.
 */
#include "proxy/udp_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "proxy/worker.h"

#define NONE UINT32_MAX
#define BUCKETS_FIRST 64
#define TRIM_MS 10000
#define SHED_MS 100 /* others are asked for descriptors at most this often */
#define LOOKS_MOST 8 /* at resting lanes, when descriptors are out */

static void ports_trim(struct timer *timer);

int udp_ports_init(struct udp_ports *ports, struct worker *worker,
		   void (*on_ready)(struct io_source *source))
{
	*ports = (struct udp_ports){ .worker = worker, .on_ready = on_ready };
	timer_init(&ports->trim_timer, ports_trim);
	if (random_bytes(&ports->seed, sizeof(ports->seed)) < 0)
		ports->seed = worker->now_ms;
	ports->buckets = calloc(BUCKETS_FIRST, sizeof(struct udp_peer *));
	ports->bucket_count = ports->buckets ? BUCKETS_FIRST : 0;
	return ports->buckets ? 0 : -ENOMEM;
}

/* Lists of lanes */

static bool list_is_none(const struct udp_lane_list *list)
{
	return list->first == NONE;
}

static void lane_append(struct udp_peer *peer, struct udp_lane_list *list, uint32_t lane)
{
	peer->lanes[lane].next = NONE;
	if (list->first == NONE)
		list->first = lane;
	else
		peer->lanes[list->last].next = lane;
	list->last = lane;
}

static void lane_push(struct udp_peer *peer, struct udp_lane_list *list, uint32_t lane)
{
	peer->lanes[lane].next = list->first;
	if (list->first == NONE)
		list->last = lane;
	list->first = lane;
}

/* `before` is the lane in front of it, or NONE. */
static void lane_cut(struct udp_peer *peer, struct udp_lane_list *list, uint32_t before,
		     uint32_t lane)
{
	if (before == NONE)
		list->first = peer->lanes[lane].next;
	else
		peer->lanes[before].next = peer->lanes[lane].next;
	if (list->last == lane)
		list->last = before;
}

/* Those whose rest is over. */
static void lanes_ripen(struct udp_peer *peer, struct udp_lane_list *list, uint64_t now_ms)
{
	while (list->first != NONE && peer->lanes[list->first].due_ms <= now_ms) {
		uint32_t lane = list->first;

		lane_cut(peer, list, NONE, lane);
		lane_push(peer, &peer->ready, lane);
	}
}

/* Peers */

static uint32_t bucket_of(const struct udp_ports *ports, const union datagram_address *address)
{
	return (uint32_t)hash_bytes_seeded(address, sizeof(*address), ports->seed) &
	       (ports->bucket_count - 1);
}

static struct udp_peer *peer_find(struct udp_ports *ports, const union datagram_address *address)
{
	struct udp_peer *peer = ports->last;

	if (peer && memcmp(&peer->address, address, sizeof(*address)) == 0)
		return peer;
	peer = ports->buckets[bucket_of(ports, address)];
	while (peer && memcmp(&peer->address, address, sizeof(*address)) != 0)
		peer = peer->next;
	if (peer)
		ports->last = peer;
	return peer;
}

/* When memory is out the chains only get longer. */
static void buckets_grow(struct udp_ports *ports)
{
	struct udp_peer **old = ports->buckets;
	uint32_t old_count = ports->bucket_count;
	struct udp_peer **buckets = calloc((size_t)old_count * 2, sizeof(*buckets));

	if (!buckets)
		return;
	ports->buckets = buckets;
	ports->bucket_count = old_count * 2;
	for (uint32_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct udp_peer *peer = old[i];
			uint32_t bucket = bucket_of(ports, &peer->address);

			old[i] = peer->next;
			peer->next = buckets[bucket];
			buckets[bucket] = peer;
		}
	}
	free(old);
}

static struct udp_peer *peer_get(struct udp_ports *ports, const union datagram_address *address)
{
	struct udp_peer *peer = peer_find(ports, address);
	uint32_t bucket;

	if (peer)
		return peer;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return NULL;
	if (ports->peer_count >= ports->bucket_count)
		buckets_grow(ports);
	peer->address = *address;
	peer->ready = peer->answered = peer->open = (struct udp_lane_list){ NONE, NONE };
	peer->idle_ms = ports->worker->now_ms;
	bucket = bucket_of(ports, address);
	peer->next = ports->buckets[bucket];
	ports->buckets[bucket] = peer;
	ports->peer_count++;
	return peer;
}

/* Sockets */

static int family_index(const union datagram_address *address)
{
	return address->any.sa_family == AF_INET6;
}

static void port_close(struct udp_port *port)
{
	if (port->source.fd < 0)
		return;
	io_close(port->pool->worker->io, &port->source);
	port->pool->open_count--;
	descriptors_count(port->pool->worker->descriptors, -1);
}

void udp_ports_shed(struct udp_ports *ports)
{
	for (int family = 0; family < 2; family++) {
		for (uint32_t i = 0; i < ports->sets[family].count; i++) {
			if (!ports->sets[family].ports[i]->used)
				port_close(ports->sets[family].ports[i]);
		}
	}
}

/* A quarter stays for those who come by TCP: strangers can make flows without ever being there. */
static bool descriptors_allow(struct udp_ports *ports)
{
	const struct descriptors *descriptors = ports->worker->descriptors;
	uint32_t most = descriptors->roof - descriptors->roof / 4;

	return atomic_load_explicit(&descriptors->used, memory_order_relaxed) < most;
}

static bool has_descriptor(struct udp_ports *ports)
{
	if (descriptors_allow(ports))
		return true;
	if (ports->worker->now_ms < ports->shed_ms + SHED_MS)
		return false;
	ports->shed_ms = ports->worker->now_ms;
	upstream_shed(ports->worker);
	return descriptors_allow(ports);
}

static int port_open(struct udp_port *port)
{
	struct udp_ports *ports = port->pool;
	int fd, result;

	if (port->source.fd >= 0)
		return 0;
	if (!has_descriptor(ports))
		return -EMFILE;
	fd = datagram_open(port->family ? AF_INET6 : AF_INET);
	if (fd < 0)
		return fd == -ENFILE ? -EMFILE : fd;
	io_source_init(&port->source, fd, ports->on_ready);
	port->expected = 1;
	ports->open_count++;
	descriptors_count(ports->worker->descriptors, 1);
	result = io_add_reader(ports->worker->io, &port->source);
	if (result < 0)
		port_close(port);
	return result;
}

static struct udp_port *port_new(struct udp_ports *ports, int family)
{
	struct udp_port_set *set = &ports->sets[family];
	struct udp_port *port;

	if (set->count == set->room) {
		uint32_t room = set->room ? set->room * 2 : 64;
		struct udp_port **grown = realloc(set->ports, room * sizeof(struct udp_port *));

		if (!grown)
			return NULL;
		set->ports = grown;
		set->room = room;
	}
	port = calloc(1, sizeof(*port));
	if (!port)
		return NULL;
	port->pool = ports;
	port->family = (uint8_t)family;
	port->index = set->count;
	io_source_init(&port->source, -1, ports->on_ready);
	set->ports[set->count++] = port;
	return port;
}

/* Paths */

/* A lane that rests, on a socket that is opened anew for it: another port, so no answer is late. */
static uint32_t lane_renew(struct udp_ports *ports, struct udp_peer *peer,
			   struct udp_lane_list *list)
{
	struct udp_port_set *set = &ports->sets[family_index(&peer->address)];
	uint32_t before = NONE;
	uint32_t lane = list->first;

	for (int i = 0; i < LOOKS_MOST && lane != NONE; i++) {
		struct udp_port *port = set->ports[lane];

		if (!port->used) {
			port_close(port);
			if (port_open(port) < 0)
				return NONE;
			lane_cut(peer, list, before, lane);
			return lane;
		}
		before = lane;
		lane = peer->lanes[lane].next;
	}
	return NONE;
}

/* A lane on a port that this peer did not use yet. */
static int lane_add(struct udp_ports *ports, struct udp_peer *peer, uint32_t *ret)
{
	int family = family_index(&peer->address);
	struct udp_port_set *set = &ports->sets[family];
	int result;

	if (peer->lane_count == peer->lane_room) {
		uint32_t room = peer->lane_room ? peer->lane_room * 2 : 16;
		struct udp_lane *grown = realloc(peer->lanes, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		peer->lanes = grown;
		peer->lane_room = room;
	}
	if (peer->lane_count == UDP_PORTS_MOST)
		return -EMFILE;
	if (peer->lane_count == set->count && !port_new(ports, family))
		return -ENOMEM;
	result = port_open(set->ports[peer->lane_count]);
	if (result < 0)
		return result;
	peer->lanes[peer->lane_count] = (struct udp_lane){ .next = NONE };
	*ret = peer->lane_count++;
	return 0;
}

static int lane_take(struct udp_ports *ports, struct udp_peer *peer, uint32_t *ret)
{
	struct udp_port_set *set = &ports->sets[family_index(&peer->address)];
	uint64_t now_ms = ports->worker->now_ms;
	int result;

	lanes_ripen(peer, &peer->answered, now_ms);
	lanes_ripen(peer, &peer->open, now_ms);
	if (!list_is_none(&peer->ready)) {
		uint32_t lane = peer->ready.first;

		result = port_open(set->ports[lane]);
		if (result < 0)
			return result;
		lane_cut(peer, &peer->ready, NONE, lane);
		*ret = lane;
		return 0;
	}
	result = lane_add(ports, peer, ret);
	if (result != -EMFILE)
		return result;
	*ret = lane_renew(ports, peer, &peer->answered);
	if (*ret == NONE)
		*ret = lane_renew(ports, peer, &peer->open);
	return *ret == NONE ? -EMFILE : 0;
}

int udp_path_open(struct udp_ports *ports, const struct address *target, struct udp_flow *flow,
		  struct udp_path *ret)
{
	union datagram_address address;
	struct udp_peer *peer;
	struct udp_port *port;
	uint32_t lane = NONE;
	int result = datagram_address_from(target, &address);

	if (result < 0)
		return result;
	peer = peer_get(ports, &address);
	if (!peer)
		return -ENOMEM;
	result = lane_take(ports, peer, &lane);
	if (result < 0)
		return result;
	port = ports->sets[family_index(&address)].ports[lane];
	port->used++;
	peer->used++;
	peer->lanes[lane].flow = flow;
	if (!ports->trim_timer.deadline_ms)
		timer_set(&ports->worker->wheel, &ports->trim_timer,
			  ports->worker->now_ms + TRIM_MS);
	*ret = (struct udp_path){ peer, port };
	return 0;
}

void udp_path_close(struct udp_path *path, bool is_answered)
{
	struct udp_peer *peer = path->peer;
	struct udp_port *port = path->port;
	struct udp_lane *lane;
	uint64_t now_ms;

	if (!peer)
		return;
	lane = &peer->lanes[port->index];
	now_ms = port->pool->worker->now_ms;
	lane->flow = NULL;
	lane->due_ms = now_ms + (is_answered ? UDP_REST_ANSWERED_MS : UDP_REST_OPEN_MS);
	lane_append(peer, is_answered ? &peer->answered : &peer->open, port->index);
	if (!--port->used)
		port->idle_ms = now_ms;
	if (!--peer->used)
		peer->idle_ms = now_ms;
	*path = (struct udp_path){ 0 };
}

struct udp_flow *udp_port_flow(const struct udp_port *port, const union datagram_address *from)
{
	struct udp_peer *peer = peer_find(port->pool, from);

	return peer && port->index < peer->lane_count ? peer->lanes[port->index].flow : NULL;
}

/* Giving back what was long unused */

static void peer_free(struct udp_ports *ports, struct udp_peer *peer)
{
	if (ports->last == peer)
		ports->last = NULL;
	ports->peer_count--;
	free(peer->lanes);
	free(peer);
}

/* A peer may go when none of its lanes rests any more: they are all that it knows. */
static void peers_trim(struct udp_ports *ports)
{
	uint64_t now_ms = ports->worker->now_ms;

	for (uint32_t i = 0; i < ports->bucket_count; i++) {
		struct udp_peer **where = &ports->buckets[i];

		while (*where) {
			struct udp_peer *peer = *where;

			if (peer->used || now_ms < peer->idle_ms + UDP_REST_OPEN_MS) {
				where = &peer->next;
				continue;
			}
			*where = peer->next;
			peer_free(ports, peer);
		}
	}
}

static void ports_trim(struct timer *timer)
{
	struct udp_ports *ports = list_entry(timer, struct udp_ports, trim_timer);
	uint64_t now_ms = ports->worker->now_ms;

	for (int family = 0; family < 2; family++) {
		struct udp_port_set *set = &ports->sets[family];

		for (uint32_t i = 0; i < set->count; i++) {
			struct udp_port *port = set->ports[i];

			if (!port->used && now_ms >= port->idle_ms + UDP_PORT_IDLE_MS)
				port_close(port);
		}
	}
	peers_trim(ports);
	if (ports->open_count || ports->peer_count)
		timer_set(&ports->worker->wheel, &ports->trim_timer, now_ms + TRIM_MS);
}

void udp_ports_done(struct udp_ports *ports)
{
	for (uint32_t i = 0; i < ports->bucket_count; i++) {
		while (ports->buckets[i]) {
			struct udp_peer *peer = ports->buckets[i];

			ports->buckets[i] = peer->next;
			peer_free(ports, peer);
		}
	}
	for (int family = 0; family < 2; family++) {
		for (uint32_t i = 0; i < ports->sets[family].count; i++) {
			port_close(ports->sets[family].ports[i]);
			free(ports->sets[family].ports[i]);
		}
		free(ports->sets[family].ports);
	}
	timer_done(&ports->worker->wheel, &ports->trim_timer);
	free(ports->buckets);
	*ports = (struct udp_ports){ 0 };
}

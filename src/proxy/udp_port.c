/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of sockets towards UDP targets. Runs on the worker's thread, which owns all of it; what
 * it opens is counted among the worker's descriptors.
 */
#include "proxy/udp_port.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"
#include "proxy/worker.h"

#define NONE UINT32_MAX
#define BUCKETS_FIRST 64
#define TRIM_MS 10000
#define SHED_MS 100 /* others are asked for descriptors at most this often */
#define LOOKS_MOST 128 /* at sockets, when descriptors are out; then nobody looks for a while */

static void ports_trim(struct timer *timer);

int udp_ports_init(struct udp_ports *ports, struct worker *worker,
		   void (*on_ready)(struct io_source *source))
{
	*ports = (struct udp_ports){ .worker = worker, .on_ready = on_ready };
	timer_init(&ports->trim_timer, ports_trim);
	list_init(&ports->sets[0].open);
	list_init(&ports->sets[1].open);
	if (random_bytes(&ports->seed, sizeof(ports->seed)) < 0)
		ports->seed = worker->now_ms;
	ports->buckets = calloc(BUCKETS_FIRST, sizeof(struct udp_peer *));
	ports->bucket_count = ports->buckets ? BUCKETS_FIRST : 0;
	return ports->buckets ? 0 : -ENOMEM;
}

/* Lists of lanes */

static void lane_insert(struct udp_peer *peer, enum udp_lane_list list, uint32_t index,
			bool is_last)
{
	struct udp_lane *lane = &peer->lanes[index];

	lane->list = (uint8_t)list;
	lane->previous = is_last ? peer->last[list] : NONE;
	lane->next = is_last ? NONE : peer->first[list];
	if (lane->previous == NONE)
		peer->first[list] = index;
	else
		peer->lanes[lane->previous].next = index;
	if (lane->next == NONE)
		peer->last[list] = index;
	else
		peer->lanes[lane->next].previous = index;
}

static void lane_remove(struct udp_peer *peer, uint32_t index)
{
	const struct udp_lane *lane = &peer->lanes[index];

	if (lane->previous == NONE)
		peer->first[lane->list] = lane->next;
	else
		peer->lanes[lane->previous].next = lane->next;
	if (lane->next == NONE)
		peer->last[lane->list] = lane->previous;
	else
		peer->lanes[lane->next].previous = lane->previous;
}

/* Those whose rest is over. */
static void lanes_ripen(struct udp_peer *peer, enum udp_lane_list list, uint64_t now_ms)
{
	while (peer->first[list] != NONE && peer->lanes[peer->first[list]].due_ms <= now_ms) {
		uint32_t index = peer->first[list];

		lane_remove(peer, index);
		lane_insert(peer, UDP_LANES_READY, index, false);
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

	if (peer && datagram_address_equal(&peer->address, address))
		return peer;
	peer = ports->buckets[bucket_of(ports, address)];
	while (peer && !datagram_address_equal(&peer->address, address))
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
	for (int i = 0; i < UDP_LANE_LISTS; i++)
		peer->first[i] = peer->last[i] = NONE;
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
	list_remove(&port->link);
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
static bool descriptors_allow(const struct udp_ports *ports)
{
	const struct descriptors *descriptors = ports->worker->descriptors;
	uint32_t most = descriptors->roof - descriptors->roof / 4;

	return atomic_load_explicit(&descriptors->used, memory_order_relaxed) < most;
}

/* The open ones in turn. */
static struct udp_port *port_next(struct udp_port_set *set)
{
	struct udp_port *port = list_entry(set->open.next, struct udp_port, link);

	list_remove(&port->link);
	list_append(&set->open, &port->link);
	return port;
}

/* Closes one that no flow uses. */
static bool port_sacrifice(struct udp_ports *ports)
{
	for (int i = 0; i < LOOKS_MOST; i++) {
		struct udp_port_set *set = &ports->sets[i % 2];
		struct udp_port *port = list_is_empty(&set->open) ? NULL : port_next(set);

		if (port && !port->used) {
			port_close(port);
			return true;
		}
	}
	return false;
}

static bool has_descriptor(struct udp_ports *ports)
{
	if (descriptors_allow(ports))
		return true;
	if (ports->worker->now_ms >= ports->shed_ms + SHED_MS) {
		ports->shed_ms = ports->worker->now_ms;
		upstream_shed(ports->worker);
		if (descriptors_allow(ports))
			return true;
	}
	return port_sacrifice(ports);
}

/* The caller has seen to it that there is a descriptor. */
static int port_make(struct udp_port *port)
{
	struct udp_ports *ports = port->pool;
	int fd = datagram_open(port->family ? AF_INET6 : AF_INET);
	int result;

	if (fd < 0)
		return fd == -ENFILE ? -EMFILE : fd;
	io_source_init(&port->source, fd, ports->on_ready);
	port->expected = 1;
	ports->open_count++;
	list_append(&ports->sets[port->family].open, &port->link);
	descriptors_count(ports->worker->descriptors, 1);
	result = io_add_reader(ports->worker->io, &port->source);
	if (result < 0)
		port_close(port);
	return result;
}

static int port_open(struct udp_port *port)
{
	if (port->source.fd >= 0)
		return 0;
	return has_descriptor(port->pool) ? port_make(port) : -EMFILE;
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
	list_init(&port->link);
	io_source_init(&port->source, -1, ports->on_ready);
	set->ports[set->count++] = port;
	return port;
}

/* Paths */

/* Lanes up to the one on port `index`, which need not have been used yet. */
static int lanes_extend(struct udp_peer *peer, uint32_t index)
{
	if (index >= peer->lane_room) {
		uint32_t room = peer->lane_room ? peer->lane_room : 16;
		struct udp_lane *grown;

		while (room <= index)
			room *= 2;
		grown = realloc(peer->lanes, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		peer->lanes = grown;
		peer->lane_room = room;
	}
	while (peer->lane_count <= index) {
		peer->lanes[peer->lane_count] = (struct udp_lane){ 0 };
		lane_insert(peer, UDP_LANES_READY, peer->lane_count++, true);
	}
	return 0;
}

/* A lane on a port that this peer did not use yet. */
static int lane_add(struct udp_ports *ports, struct udp_peer *peer, uint32_t *ret)
{
	int family = family_index(&peer->address);
	struct udp_port_set *set = &ports->sets[family];
	uint32_t index = peer->lane_count;
	int result;

	if (index == UDP_PORTS_MOST)
		return -EMFILE;
	if (index == set->count && !port_new(ports, family))
		return -ENOMEM;
	result = port_open(set->ports[index]);
	if (result == 0)
		result = lanes_extend(peer, index);
	if (result == 0)
		*ret = index;
	return result;
}

/* Whether the peer can have its lane on this open port when descriptors are out. */
static bool lane_press(struct udp_ports *ports, struct udp_peer *peer, struct udp_port *port)
{
	const struct udp_lane *lane;

	if (lanes_extend(peer, port->index) < 0)
		return false;
	lane = &peer->lanes[port->index];
	if (lane->flow)
		return false;
	if (lane->list == UDP_LANES_READY)
		return true;
	if (port->used) /* by flows to other targets */
		return lane->due_ms <=
		       ports->worker->now_ms + UDP_REST_OPEN_MS - UDP_REST_PRESSED_MS;
	port_close(port);
	return port_make(port) == 0;
}

static uint32_t lanes_press(struct udp_ports *ports, struct udp_peer *peer)
{
	struct udp_port_set *set = &ports->sets[family_index(&peer->address)];

	for (int i = 0; i < LOOKS_MOST && !list_is_empty(&set->open); i++) {
		struct udp_port *port = port_next(set);

		if (lane_press(ports, peer, port))
			return port->index;
	}
	return NONE;
}

/* A free lane on an open port. */
static int lane_choose(struct udp_ports *ports, struct udp_peer *peer, uint32_t *ret)
{
	struct udp_port_set *set = &ports->sets[family_index(&peer->address)];
	uint64_t now_ms = ports->worker->now_ms;
	uint32_t index;

	lanes_ripen(peer, UDP_LANES_ANSWERED, now_ms);
	lanes_ripen(peer, UDP_LANES_OPEN, now_ms);
	index = peer->first[UDP_LANES_READY];
	if ((index == NONE || set->ports[index]->source.fd < 0) && !descriptors_allow(ports)) {
		uint32_t shared = lanes_press(ports, peer);

		index = shared != NONE ? shared : index;
	}
	if (index == NONE)
		return lane_add(ports, peer, ret);
	*ret = index;
	return port_open(set->ports[index]);
}

static int lane_take(struct udp_ports *ports, struct udp_peer *peer, uint32_t *ret)
{
	int result = lane_choose(ports, peer, ret);

	if (result == 0)
		lane_remove(peer, *ret);
	return result;
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
	if (result < 0) {
		ports->full_ms = ports->worker->now_ms;
		return result;
	}
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

bool udp_ports_are_full(const struct udp_ports *ports)
{
	return ports->full_ms == ports->worker->now_ms;
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
	lane_insert(peer, is_answered ? UDP_LANES_ANSWERED : UDP_LANES_OPEN, port->index, true);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets that UDP flows use towards targets: one pool a worker. A socket (a port of ours)
 * carries one flow per target address, so flows to different targets share it, and it is used again
 * when a flow ended. Flow and target meet in a lane: the target's n-th lane is on the pool's n-th
 * socket.
 *
 * A lane that was left rests before it is used again, so that a late answer does not reach another
 * client: briefly when every question was answered, long when not. When no more descriptors are to
 * be had, a resting lane whose socket nobody else uses gets a new one in its place (another port,
 * to which no old answer comes), and others rest less.
 */
#ifndef PROXY_UDP_PORT_H
#define PROXY_UDP_PORT_H

#include "base/address.h"
#include "io/datagram.h"
#include "io/io.h"
#include "io/timer.h"

#define UDP_PORTS_MOST 65536 /* of one family and worker; the system has fewer ports */
#define UDP_REST_ANSWERED_MS 10 /* for what the network doubled */
#define UDP_REST_OPEN_MS 60000 /* an answer is still due, or the target speaks by itself */
#define UDP_REST_PRESSED_MS                                                  \
	5000 /* the same, when descriptors are out and others use the socket \
	      */
#define UDP_PORT_IDLE_MS 60000 /* a socket that carries nothing is closed then */

struct worker;
struct udp_flow;
struct udp_ports;

struct udp_port {
	struct io_source source; /* fd -1: closed, its lanes open it again */
	struct udp_ports *pool;
	struct list link; /* among the open ones of its set */
	uint64_t idle_ms; /* since when no flow uses it */
	uint32_t index;
	uint32_t used; /* flows */
	uint16_t expected; /* datagrams at a time, as it was last */
	uint8_t family; /* index into sets */
};

/* A target's flow on a port. */
struct udp_lane {
	struct udp_flow *flow; /* NULL: free */
	uint64_t due_ms; /* free: not to be used before */
	uint32_t next, previous; /* in a list of the peer */
	uint8_t list; /* enum udp_lane_list */
};

/* Where a free lane stands. */
enum udp_lane_list {
	UDP_LANES_READY, /* last left, first used: few sockets stay warm */
	UDP_LANES_ANSWERED, /* resting; first left, first ready */
	UDP_LANES_OPEN, /* likewise, for longer */
	UDP_LANE_LISTS,
};

/* A target's address, whichever listeners it serves. */
struct udp_peer {
	struct udp_peer *next; /* in its bucket */
	union datagram_address address;
	struct udp_lane *lanes; /* by the port's index */
	uint32_t lane_count, lane_room;
	uint32_t used; /* flows */
	uint64_t idle_ms;
	uint32_t first[UDP_LANE_LISTS], last[UDP_LANE_LISTS]; /* UINT32_MAX when empty */
};

/* One family's sockets. */
struct udp_port_set {
	struct udp_port **ports;
	uint32_t count, room;
	struct list open;
};

struct udp_ports {
	struct worker *worker;
	void (*on_ready)(struct io_source *source);
	struct udp_port_set sets[2]; /* IPv4, IPv6 */
	struct udp_peer **buckets;
	uint32_t bucket_count; /* a power of two */
	uint32_t peer_count;
	struct udp_peer *last; /* found */
	uint64_t seed;
	uint32_t open_count; /* sockets */
	uint64_t shed_ms; /* when others were last asked for descriptors */
	uint64_t full_ms; /* when a flow last found no way */
	struct timer trim_timer;
};

/* Where a flow's datagrams to its target go. */
struct udp_path {
	struct udp_peer *peer; /* NULL: nowhere */
	struct udp_port *port;
};

/* on_ready is given the source of a struct udp_port. -ENOMEM. */
int udp_ports_init(struct udp_ports *ports, struct worker *worker,
		   void (*on_ready)(struct io_source *source));
/* All flows must have left. */
void udp_ports_done(struct udp_ports *ports);

/* In this moment no flow found a way: to be asked before a new one causes work. */
bool udp_ports_are_full(const struct udp_ports *ports);
/* A way for one flow to the target. -EMFILE, -EAGAIN (no port left), -ENOMEM, -errno. */
int udp_path_open(struct udp_ports *ports, const struct address *target, struct udp_flow *flow,
		  struct udp_path *ret);
/* `is_answered`: nothing more is due from the target. Accepts one that leads nowhere. */
void udp_path_close(struct udp_path *path, bool is_answered);
/* Whose datagram it is that came from `from` to this port; NULL: nobody's. */
struct udp_flow *udp_port_flow(const struct udp_port *port, const union datagram_address *from);
/* Closes the sockets that no flow uses: their descriptors are wanted. */
void udp_ports_shed(struct udp_ports *ports);

#endif

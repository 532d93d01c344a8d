/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets within the traffic process: their way from the keeper to the workers, and a
 * worker's open ones. A socket is known by its listener's number, which is never used twice.
 */
#ifndef PROXY_LISTENER_H
#define PROXY_LISTENER_H

#include <stdint.h>

#include "base/address.h"
#include "io/io.h"

struct worker;
struct udp_table;

/* Sockets that the keeper sent and no worker took yet. Made by the main thread; any thread may call
 * with it. */
struct sockets;
struct sockets *sockets_new(void);
struct sockets *sockets_free(struct sockets *sockets); /* closes what is left */
/* The socket is the registry's from here on, also when -ENOMEM is returned (it is closed then). */
int sockets_put(struct sockets *sockets, uint64_t listener, uint32_t worker, int fd);
/* All that was put so far belongs to this handover: workers look at nothing newer than the one they
 * adopt. */
void sockets_deliver(struct sockets *sockets, uint64_t sequence);

/* Of a TCP listener: what open connections have to be told of when a generation brings another
 * (proxy/tcp_adopt.c). */
struct tcp_changes {
	uint64_t targets; /* a mark of which ones there are */
	uint64_t health; /* and of which are down; 0 without RescheduleUnhealthy */
	uint64_t session; /* time and epoch of persistence */
	uint32_t idle_timeout_ms;
	bool resets_deregistered;
	bool has_switch; /* one of the Reschedule ones */
};

/*
 * A listening socket in a worker's loop. Named apart from the model's noun. The socket of a TCP or
 * HTTP listener is closed when it leaves the loop; a UDP listener's stays open for answers until
 * the last flow lets go.
 */
struct proxy_listener {
	struct io_source source;
	struct list link;
	struct list pause_link; /* in worker->paused */
	struct worker *worker;
	uint64_t number;
	uint32_t row; /* in the current generation, or SNAPSHOT_NONE: it was deleted */
	uint32_t
		references; /* open connections or flows, and one while the socket is in the loop */
	/* What the row said last, also of a deleted one: */
	uint32_t slot;
	uint8_t protocol; /* enum protocol; 0 = it had no row yet */
	bool has_access_lists; /* of its instance: proxy/admission.h */
	struct tcp_changes tcp;
	struct list connections; /* layer 4: struct tcp_connection */
	struct udp_table *udp; /* proxy/udp.c's; NULL before udp_open */
	bool is_closed; /* the socket left the loop */
	struct address address;
	uint8_t port_size;
	char port_text[6]; /* for X-Forwarded-Port */
	char host_text[ADDRESS_TEXT_SIZE]; /* for requests without a Host */
};

/* Makes the worker's sockets those of its current generation: opens new ones, empties and closes
 * gone ones. */
void listeners_adopt(struct worker *worker, uint64_t sequence);
/* Accepts what waits, then closes all. */
void listeners_close(struct worker *worker);
/* Takes up accepting again where it paused. */
void listeners_resume(struct worker *worker);
/* The open listener that has a deleted one's address now, or NULL. */
struct proxy_listener *listener_successor(const struct proxy_listener *listener);
void listener_unreference(struct proxy_listener *listener);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server of the API, on a listening socket that the keeper holds. libmicrohttpd does HTTP;
 * it has no thread of its own and moves only in server_turn. One thread.
 */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

#include <stdbool.h>

#include "control/api.h"

struct server;

/*
 * Serves `api` (borrowed) on the listening socket `fd`, which becomes non-blocking and stays the
 * caller's: it is never shut down, so that connections wait in its queue for the next server.
 * -errno.
 */
int server_open(int fd, struct api *api, struct server **ret);
struct server *server_close(struct server *server);

/* Readable when server_turn has work. */
int server_fd(const struct server *server);
/* Milliseconds until server_turn has work anyway; -1 = none. */
int server_timeout_ms(const struct server *server);
void server_turn(struct server *server);

/* Accepts no more connections; what is connected goes on. */
void server_quiesce(struct server *server);
/* True while a request is being read or answered. */
bool server_is_busy(const struct server *server);

#endif

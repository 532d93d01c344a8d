/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client of the demo server: reads requests with the product's own parsers, answers each with
 * the server's name. Knows a non-blocking socket and nothing of who waits for it.
 */
#ifndef COMMAND_DEMO_CONNECTION_H
#define COMMAND_DEMO_CONNECTION_H

#include <stdint.h>

struct demo_connection;

/* Owns `fd` from then on. `name` is borrowed: a field value of at most 64 characters. NULL when
 * memory is out. */
struct demo_connection *demo_connection_new(int fd, const char *name);
struct demo_connection *demo_connection_free(struct demo_connection *connection);

/* What the connection waits for next. */
enum demo_wish {
	DEMO_READ, /* a turn when the socket can be read */
	DEMO_WRITE, /* a turn when it can be written */
	DEMO_CLOSE, /* its end */
};

/* Reads at most once, then answers all that is there: a greedy client waits its turn like the
 * others. */
enum demo_wish demo_connection_turn(struct demo_connection *connection);

#endif

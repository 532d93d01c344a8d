/* SPDX-License-Identifier: Apache-2.0 */
/* What `setia explain` says of the way from host and path to a rule, and of redirections. */
#ifndef COMMAND_EXPLAIN_ROUTE_H
#define COMMAND_EXPLAIN_ROUTE_H

#include <stdio.h>

#include "http/h1.h"
#include "model/route.h"

/* What a look-up needs besides the snapshot. 0; -ENOMEM; -EINVAL with `why` filled. */
struct explain_map {
	struct pattern_set patterns;
	struct route_map map;
};
int explain_map_init(struct explain_map *map, const struct snapshot *snapshot, char why[160]);
void explain_map_done(struct explain_map *map);

/* The rule and what made it the one. */
void explain_print_route(FILE *out, const struct snapshot *snapshot,
			 const struct snapshot_listener *listener, const struct route *route);
/* The answer when the route alone decides it: 301, 302, 307, 404, 500, 503. False: it goes on. */
bool explain_print_answer(FILE *out, const struct snapshot *snapshot, const struct route *route,
			  const char *head, const struct http_request *request);

#endif

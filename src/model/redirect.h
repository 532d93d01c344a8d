/* SPDX-License-Identifier: Apache-2.0 */
/* Where a rule's redirection sends a client. Pure: explain says what the traffic process does. */
#ifndef MODEL_REDIRECT_H
#define MODEL_REDIRECT_H

#include "model/snapshot.h"

/* What may come of a request: its host (without a port) and its path with query. */
struct redirect_request {
	struct bytes host;
	struct bytes origin;
};

/*
 * `scheme://host[:port]path` for a request that met `rule`, whose `redirect` is a row. Scheme and
 * port are those of the target rule's listener, the port only where it is not the scheme's own. The
 * host is the target rule's first domain if that is a host's name, else the request's. The path is
 * the request's with its query where the rule says so, else that of the target rule's URL, "/" for
 * a regular expression. Returns the size; -ENOBUFS: it does not fit, and `out` is void.
 */
int redirect_location(const struct snapshot *snapshot, const struct snapshot_rule *rule,
		      const struct redirect_request *request, char *out, size_t room);

#endif

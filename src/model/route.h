/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rule answers a request: host, then path, on one listener of a snapshot. Pure; costs a
 * binary search each, whatever the number of rules. features.md section 3.
 */
#ifndef MODEL_ROUTE_H
#define MODEL_ROUTE_H

#include "model/snapshot.h"

enum route_kind {
	ROUTE_RULE, /* `rule` answers */
	ROUTE_SLASH, /* 301 to the same path with "/" behind it */
	ROUTE_NONE, /* 404 */
};

struct route {
	enum route_kind kind;
	uint32_t rule; /* row in snapshot->rules for ROUTE_RULE and ROUTE_SLASH */
	bool is_default_host; /* the default domain stood in: the host matched nothing */
};

/*
 * `host` is the Host field or authority without its port, any case; `path` is the request target's
 * path without the query. Host order: exact domain, then rules without a domain, then the default
 * domain. Path order: exact, then longest prefix, byte by byte. There is no fall-through from one
 * host to another. ROUTE_SLASH: the path with "/" behind it is a prefix rule, and the path itself
 * is no rule. The path "*" is routed as "/".
 */
struct route route_find(const struct snapshot *snapshot, const struct snapshot_listener *listener,
			struct bytes host, struct bytes path);

#endif

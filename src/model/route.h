/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rule answers a request: host, then path, on one listener of a snapshot. Pure. Costs some
 * binary searches, whatever the number of rules, and one match for each regular expression that has
 * to be asked. features.md section 3; docs/decisions/patterns.md.
 */
#ifndef MODEL_ROUTE_H
#define MODEL_ROUTE_H

#include "model/pattern.h"
#include "model/snapshot.h"

enum route_kind {
	ROUTE_RULE, /* `rule` answers */
	ROUTE_SLASH, /* 301 to the same path with "/" behind it */
	ROUTE_NONE, /* 404 */
	ROUTE_LIMIT, /* 500: a regular expression took too long, so nobody knows */
};

struct route {
	enum route_kind kind;
	uint32_t rule; /* row in snapshot->rules for ROUTE_RULE and ROUTE_SLASH, else NONE */
	uint32_t host, path; /* rows that led there, or NONE; ROUTE_LIMIT: the last is to blame */
	bool is_default_host; /* the default domain stood in: the host matched nothing */
};

/* What there is to search in. `matcher` is the calling thread's. */
struct route_map {
	const struct snapshot *snapshot;
	const struct pattern_set *patterns; /* of that snapshot */
	struct pattern_matcher *matcher;
};

/*
 * `host` is the Host field or authority without its port, any case; `path` is the request target's
 * path without the query.
 *
 * Host order: exact domain, longest "*.domain", longest "domain.*", regular expressions in order of
 * creation, rules without a domain, the default domain. There is no fall-through from one host to
 * another.
 *
 * Path order, nginx's: exact; ROUTE_SLASH when the path with "/" behind it is a prefix rule and the
 * path itself is no rule; the longest prefix if it is "^~"; regular expressions in order of
 * creation; the longest prefix. Byte by byte. The path "*" is routed as "/".
 */
struct route route_find(const struct route_map *map, const struct snapshot_listener *listener,
			struct bytes host, struct bytes path);

#endif

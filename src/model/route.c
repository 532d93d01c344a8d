/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host and path to rule by binary search, regular expressions one by one. Paths compare byte for
 * byte, as nginx compares its plain locations; docs/decisions/url-charset.md. Pure; any thread.
 */
#include "model/route.h"

#include <stdbool.h>

#include "model/snapshot_layout.h"

uint32_t snapshot_path_parent(const struct snapshot *snapshot, uint32_t first, uint32_t row)
{
	struct bytes path = snapshot_bytes(snapshot, snapshot->paths[row].path);
	uint32_t parent = row > first ? row - 1 : SNAPSHOT_NONE;

	/*
	 * In a sorted run the paths that begin this one are the row before it and that row's
	 * parents, and a path that is left behind here begins no later one: linear over a whole
	 * run.
	 */
	while (parent != SNAPSHOT_NONE &&
	       !bytes_starts_with(path, snapshot_bytes(snapshot, snapshot->paths[parent].path)))
		parent = snapshot->paths[parent].parent;
	return parent;
}

/* The last row of the run whose path is not above `path`, or SNAPSHOT_NONE. */
static uint32_t path_at_or_before(const struct snapshot *snapshot, struct snapshot_run run,
				  struct bytes path)
{
	uint32_t low = 0, high = run.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint32_t row = run.first + middle;

		if (bytes_compare(snapshot_bytes(snapshot, snapshot->paths[row].path), path) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? run.first + low - 1 : SNAPSHOT_NONE;
}

static uint32_t path_exact(const struct snapshot *snapshot, struct snapshot_run run,
			   struct bytes path)
{
	uint32_t row = path_at_or_before(snapshot, run, path);

	if (row == SNAPSHOT_NONE ||
	    !bytes_equal(snapshot_bytes(snapshot, snapshot->paths[row].path), path))
		return SNAPSHOT_NONE;
	return row;
}

static size_t common_size(struct bytes a, struct bytes b)
{
	size_t most = a.size < b.size ? a.size : b.size;
	size_t size = 0;

	while (size < most && a.at[size] == b.at[size])
		size++;
	return size;
}

/* The longest path of the run that begins `path`, or SNAPSHOT_NONE. */
static uint32_t path_longest(const struct snapshot *snapshot, struct snapshot_run run,
			     struct bytes path)
{
	uint32_t row = path_at_or_before(snapshot, run, path);
	size_t common;

	if (row == SNAPSHOT_NONE)
		return SNAPSHOT_NONE;
	/* Every prefix of `path` in the run is this row or one of its parents, longest first. */
	common = common_size(snapshot_bytes(snapshot, snapshot->paths[row].path), path);
	while (row != SNAPSHOT_NONE && snapshot->paths[row].path.size > common)
		row = snapshot->paths[row].parent;
	return row;
}

/* The prefix rule that is `path` and one "/" more, or SNAPSHOT_NONE. */
static uint32_t path_with_slash(const struct snapshot *snapshot, struct snapshot_run run,
				struct bytes path)
{
	char text[LIMIT_URL];

	if (path.size >= sizeof(text))
		return SNAPSHOT_NONE;
	memcpy(text, path.at, path.size);
	text[path.size] = '/';
	return path_exact(snapshot, run, (struct bytes){ text, path.size + 1 });
}

/* How the domains of one kind are compared with a part of a host. */
struct host_search {
	const struct snapshot *snapshot;
	uint32_t low, high; /* rows */
	uint32_t front, back; /* bytes of the domain that are left out: its "*" */
};

/* The row whose domain, as compared, is `text`, or SNAPSHOT_NONE. */
static uint32_t host_search(const struct host_search *search, struct bytes text)
{
	uint32_t low = search->low, high = search->high;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct bytes domain =
			snapshot_bytes(search->snapshot, search->snapshot->hosts[middle].domain);
		int order;

		domain.at += search->front;
		domain.size -= search->front + search->back;
		order = bytes_compare(domain, text);
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SNAPSHOT_NONE;
}

/* "*.example.com": what stands from a dot on, longest first. */
static uint32_t host_leading(const struct host_search *search, struct bytes host)
{
	if (search->low == search->high)
		return SNAPSHOT_NONE;
	for (size_t at = 1; at + 1 < host.size; at++) {
		uint32_t row;

		if (host.at[at] != '.')
			continue;
		row = host_search(search, (struct bytes){ host.at + at, host.size - at });
		if (row != SNAPSHOT_NONE)
			return row;
	}
	return SNAPSHOT_NONE;
}

/* "www.example.*": what stands up to a dot, longest first. */
static uint32_t host_trailing(const struct host_search *search, struct bytes host)
{
	if (search->low == search->high)
		return SNAPSHOT_NONE;
	for (size_t size = host.size - 1; size > 1; size--) {
		uint32_t row;

		if (host.at[size - 1] != '.')
			continue;
		row = host_search(search, (struct bytes){ host.at, size });
		if (row != SNAPSHOT_NONE)
			return row;
	}
	return SNAPSHOT_NONE;
}

/* The first one that matches; ROUTE_LIMIT in `route` when that cannot be told. */
static uint32_t host_pattern(const struct route_map *map, uint32_t low, uint32_t high,
			     struct bytes host, struct route *route)
{
	for (uint32_t row = low; row < high; row++) {
		uint32_t pattern = map->snapshot->hosts[row].pattern;

		switch (pattern_match(map->patterns->patterns[pattern], map->matcher, host)) {
		case PATTERN_MATCH:
			return row;
		case PATTERN_LIMIT:
			route->kind = ROUTE_LIMIT;
			route->host = row;
			return SNAPSHOT_NONE;
		case PATTERN_NO:
			break;
		}
	}
	return SNAPSHOT_NONE;
}

/* The listener's own domain for this host, which is not empty and in lower case. */
static uint32_t host_find(const struct route_map *map, const struct snapshot_listener *listener,
			  struct bytes host, struct route *route)
{
	uint32_t end = listener->hosts.first + listener->hosts.count;
	uint32_t patterns = end - listener->pattern_hosts;
	uint32_t trailing = patterns - listener->trailing_hosts;
	uint32_t leading = trailing - listener->leading_hosts;
	const struct snapshot *snapshot = map->snapshot;
	uint32_t row;

	row = host_search(&(struct host_search){ snapshot, listener->hosts.first, leading, 0, 0 },
			  host);
	if (row == SNAPSHOT_NONE)
		row = host_leading(&(struct host_search){ snapshot, leading, trailing, 1, 0 },
				   host);
	if (row == SNAPSHOT_NONE)
		row = host_trailing(&(struct host_search){ snapshot, trailing, patterns, 0, 1 },
				    host);
	return row == SNAPSHOT_NONE ? host_pattern(map, patterns, end, host, route) : row;
}

static uint32_t host_choose(const struct route_map *map, const struct snapshot_listener *listener,
			    struct bytes host, struct route *route)
{
	char lower[LIMIT_HOST];
	uint32_t row = SNAPSHOT_NONE;

	if (host.size > 0 && host.at[host.size - 1] == '.')
		host.size--;
	if (host.size > 0 && host.size <= sizeof(lower)) {
		for (size_t i = 0; i < host.size; i++) {
			char letter = host.at[i];

			lower[i] = letter >= 'A' && letter <= 'Z' ? (char)(letter | 0x20) : letter;
		}
		row = host_find(map, listener, (struct bytes){ lower, host.size }, route);
	}
	if (row != SNAPSHOT_NONE || route->kind == ROUTE_LIMIT)
		return row;
	if (listener->any_host != SNAPSHOT_NONE)
		return listener->any_host;
	route->is_default_host = listener->default_host != SNAPSHOT_NONE;
	return listener->default_host;
}

/* The first regular expression of the host that matches, or SNAPSHOT_NONE; see host_pattern. */
static uint32_t path_pattern(const struct route_map *map, struct snapshot_run run,
			     struct bytes path, struct route *route)
{
	for (uint32_t row = run.first; row < run.first + run.count; row++) {
		uint32_t pattern = map->snapshot->paths[row].pattern;

		switch (pattern_match(map->patterns->patterns[pattern], map->matcher, path)) {
		case PATTERN_MATCH:
			return row;
		case PATTERN_LIMIT:
			route->kind = ROUTE_LIMIT;
			route->path = row;
			return SNAPSHOT_NONE;
		case PATTERN_NO:
			break;
		}
	}
	return SNAPSHOT_NONE;
}

static uint32_t path_choose(const struct route_map *map, const struct snapshot_host *host,
			    struct bytes path, struct route *route)
{
	const struct snapshot *snapshot = map->snapshot;
	uint32_t row = path_exact(snapshot, host->exact, path), other = SNAPSHOT_NONE;

	if (row != SNAPSHOT_NONE)
		return row;
	row = path_longest(snapshot, host->prefix, path);
	if (row == SNAPSHOT_NONE || snapshot->paths[row].path.size < path.size)
		other = path_with_slash(snapshot, host->prefix, path);
	if (other != SNAPSHOT_NONE) {
		route->kind = ROUTE_SLASH;
		return other;
	}
	if (row == SNAPSHOT_NONE || !snapshot->paths[row].is_final)
		other = path_pattern(map, host->pattern_paths, path, route);
	return other == SNAPSHOT_NONE ? row : other;
}

struct route route_find(const struct route_map *map, const struct snapshot_listener *listener,
			struct bytes host, struct bytes path)
{
	struct route route = { .kind = ROUTE_NONE,
			       .rule = SNAPSHOT_NONE,
			       .host = SNAPSHOT_NONE,
			       .path = SNAPSHOT_NONE };
	uint32_t row;

	/* OPTIONS about the whole server goes where its root goes, RFC 9112 3.2.4. */
	if (bytes_equal(path, BYTES_LITERAL("*")))
		path = BYTES_LITERAL("/");
	/* "host:port" and nothing at all are not paths. */
	if (path.size == 0 || path.at[0] != '/')
		return route;
	row = host_choose(map, listener, host, &route);
	if (row == SNAPSHOT_NONE || route.kind == ROUTE_LIMIT)
		return route;
	route.host = row;
	row = path_choose(map, &map->snapshot->hosts[row], path, &route);
	if (row == SNAPSHOT_NONE || route.kind == ROUTE_LIMIT)
		return route;
	if (route.kind == ROUTE_NONE)
		route.kind = ROUTE_RULE;
	route.path = row;
	route.rule = map->snapshot->paths[row].rule;
	return route;
}

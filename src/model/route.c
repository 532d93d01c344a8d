/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host and path to rule by binary search. Paths compare byte for byte, as nginx compares its plain
 * locations; docs/decisions/url-charset.md. Pure; any thread.
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

/* The listener's own domain of this name, or SNAPSHOT_NONE. */
static uint32_t host_exact(const struct snapshot *snapshot,
			   const struct snapshot_listener *listener, struct bytes host)
{
	uint32_t low = listener->hosts.first, high = low + listener->hosts.count;
	char lower[LIMIT_DOMAIN];

	if (host.size > 0 && host.at[host.size - 1] == '.')
		host.size--;
	if (host.size == 0 || host.size > sizeof(lower))
		return SNAPSHOT_NONE;
	for (size_t i = 0; i < host.size; i++) {
		char letter = host.at[i];

		lower[i] = letter >= 'A' && letter <= 'Z' ? (char)(letter | 0x20) : letter;
	}
	host.at = lower;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = bytes_compare(snapshot_bytes(snapshot, snapshot->hosts[middle].domain),
					  host);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SNAPSHOT_NONE;
}

static void route_path(const struct snapshot *snapshot, const struct snapshot_host *host,
		       struct bytes path, struct route *route)
{
	uint32_t row = path_exact(snapshot, host->exact, path);
	enum route_kind kind = ROUTE_RULE;

	if (row == SNAPSHOT_NONE) {
		uint32_t with_slash = SNAPSHOT_NONE;

		row = path_longest(snapshot, host->prefix, path);
		if (row == SNAPSHOT_NONE || snapshot->paths[row].path.size < path.size)
			with_slash = path_with_slash(snapshot, host->prefix, path);
		if (with_slash != SNAPSHOT_NONE) {
			row = with_slash;
			kind = ROUTE_SLASH;
		}
	}
	if (row == SNAPSHOT_NONE)
		return;
	route->kind = kind;
	route->rule = snapshot->paths[row].rule;
}

struct route route_find(const struct snapshot *snapshot, const struct snapshot_listener *listener,
			struct bytes host, struct bytes path)
{
	struct route route = { .kind = ROUTE_NONE, .rule = SNAPSHOT_NONE };
	uint32_t row = host_exact(snapshot, listener, host);

	/* OPTIONS about the whole server goes where its root goes, RFC 9112 3.2.4. */
	if (bytes_equal(path, BYTES_LITERAL("*")))
		path = BYTES_LITERAL("/");
	/* "host:port" and nothing at all are not paths. */
	if (path.size == 0 || path.at[0] != '/')
		return route;
	if (row == SNAPSHOT_NONE)
		row = listener->any_host;
	if (row == SNAPSHOT_NONE) {
		row = listener->default_host;
		route.is_default_host = row != SNAPSHOT_NONE;
	}
	if (row != SNAPSHOT_NONE)
		route_path(snapshot, &snapshot->hosts[row], path, &route);
	return route;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The lines about routes of `setia explain`. Writes to the stream it is given; one thread. */
#include "command/explain_route.h"

#include <errno.h>
#include <stdlib.h>

#include "command/explain_print.h"
#include "model/redirect.h"
#include "model/route_text.h"

int explain_map_init(struct explain_map *map, const struct snapshot *snapshot, char why[160])
{
	static const struct pattern_set no_patterns;
	static const struct snapshot no_snapshot;
	int error = pattern_set_init(&map->patterns, snapshot, &no_patterns, &no_snapshot, why);

	if (error)
		return error;
	map->map = (struct route_map){ snapshot, &map->patterns, pattern_matcher_new() };
	if (map->map.matcher)
		return 0;
	pattern_set_done(&map->patterns);
	return -ENOMEM;
}

void explain_map_done(struct explain_map *map)
{
	pattern_set_done(&map->patterns);
	pattern_matcher_free(map->map.matcher);
}

static void explain_print_host(FILE *out, const struct snapshot *snapshot,
			       const struct snapshot_listener *listener, const struct route *route)
{
	static const char *const reasons[] = {
		[DOMAIN_EXACT] = "the host's own name",
		[DOMAIN_LEADING] = "the longest domain of this kind that fits",
		[DOMAIN_TRAILING] = "the longest domain of this kind that fits",
		[DOMAIN_PATTERN] = "the first regular expression that fits",
	};
	struct bytes domain = snapshot_bytes(snapshot, snapshot->hosts[route->host].domain), rest;
	const char *reason = reasons[domain_form_of(domain, &rest)];

	if (route->is_default_host)
		reason = "the default domain, no other fits";
	else if (route->host == listener->any_host)
		reason = "rules without a domain, none fits";
	fputs("host       ", out);
	explain_print_text(out, domain.size > 0 ? domain : BYTES_LITERAL("(any)"));
	fprintf(out, ": %s\n", reason);
}

static void explain_print_path(FILE *out, const struct snapshot *snapshot,
			       const struct route *route)
{
	struct bytes url =
		snapshot_bytes(snapshot, snapshot->rules[snapshot->paths[route->path].rule].url);
	struct url_parts parts = url_parts_of(url);
	const char *reason = "the longest prefix";

	if (route->kind == ROUTE_SLASH)
		reason = "the path with a slash behind it";
	else if (parts.form == URL_EXACT)
		reason = "the path itself";
	else if (parts.form == URL_PATTERN)
		reason = parts.is_caseless ? "the first regular expression that fits, in any case"
					   : "the first regular expression that fits";
	else if (parts.is_final)
		reason = "the longest prefix, ahead of regular expressions";
	fputs("path       ", out);
	explain_print_text(out, url);
	fprintf(out, ": %s\n", reason);
}

void explain_print_route(FILE *out, const struct snapshot *snapshot,
			 const struct snapshot_listener *listener, const struct route *route)
{
	if (route->rule == SNAPSHOT_NONE) {
		fputs("rule       none\n", out);
		return;
	}
	explain_print_rule(out, snapshot, &snapshot->rules[route->rule], route->is_default_host);
	explain_print_host(out, snapshot, listener, route);
	explain_print_path(out, snapshot, route);
}

/* The expression that gave up. */
static void explain_print_limit(FILE *out, const struct snapshot *snapshot,
				const struct route *route)
{
	const struct snapshot_path *path =
		route->path == SNAPSHOT_NONE ? NULL : &snapshot->paths[route->path];

	fputs("answer     500: the regular expression ", out);
	explain_print_text(out,
			   snapshot_bytes(snapshot, path ? snapshot->rules[path->rule].url
							 : snapshot->hosts[route->host].domain));
	fprintf(out, " takes too long on this %s, or it is too long to be compared\n",
		path ? "path" : "host");
}

static void explain_print_redirect(FILE *out, const struct snapshot *snapshot,
				   const struct snapshot_rule *rule, const char *head,
				   const struct http_request *request)
{
	struct redirect_request from = { http_bytes(head, request->host),
					 http_bytes(head, request->origin) };
	size_t room = HTTP_HEAD_MOST + 1024;
	char *location = malloc(room);
	int size = -ENOMEM;

	if (rule->redirect == SNAPSHOT_NONE) {
		fputs("answer     503: it redirects to a rule whose listener is stopped\n", out);
	} else {
		if (location)
			size = redirect_location(snapshot, rule, &from, location, room);
		fprintf(out, "answer     %u: to ", rule->redirect_code);
		if (size >= 0)
			explain_print_text(out, (struct bytes){ location, (size_t)size });
		fprintf(out, ", as rule %.*s says\n", LIMIT_ID, rule->id);
		fprintf(out, "redirect   to rule %.*s\n", LIMIT_ID,
			snapshot->rules[rule->redirect].id);
	}
	free(location);
}

bool explain_print_answer(FILE *out, const struct snapshot *snapshot, const struct route *route,
			  const char *head, const struct http_request *request)
{
	const struct snapshot_rule *rule;

	switch (route->kind) {
	case ROUTE_NONE:
		fputs("answer     404: no rule matches\n", out);
		return true;
	case ROUTE_LIMIT:
		explain_print_limit(out, snapshot, route);
		return true;
	case ROUTE_SLASH:
		fputs("answer     301: to the same path with a slash behind it\n", out);
		return true;
	case ROUTE_RULE:
		break;
	}
	rule = &snapshot->rules[route->rule];
	if (!rule->redirect_code)
		return false;
	explain_print_redirect(out, snapshot, rule, head, request);
	return true;
}

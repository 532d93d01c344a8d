/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker's look at routes: regular expressions, hosts, paths, redirections. Runs of hosts and
 * paths follow each other without gap or overlap, so every row has exactly one owner; every HTTP
 * rule is reached by a path of its first domain, and by none twice. Linear. Any thread.
 */
#include <string.h>

#include "model/charset.h"
#include "model/pattern_parse.h"
#include "model/route_text.h"
#include "model/snapshot_check.h"
#include "model/words.h"

static const char *pattern_fault(const struct snapshot_checker *checker, uint32_t row)
{
	static const uint8_t zeros[sizeof(checker->view.patterns->unused)];
	const struct snapshot_pattern *pattern = &checker->view.patterns[row];
	struct pattern_fault fault;

	if (!snapshot_text_is_good(checker, pattern->text, LIMIT_URL))
		return "bad text";
	if (pattern_parse(snapshot_bytes(&checker->view, pattern->text), NULL, &fault))
		return fault.reason;
	if (pattern->is_caseless > 1)
		return "a flag is not 0 or 1";
	if (memcmp(pattern->unused, zeros, sizeof(zeros)) != 0)
		return "unused bytes are not zero";
	if (row > 0 && snapshot_pattern_order(&checker->view, row - 1, &checker->view, row) >= 0)
		return "not sorted, or there twice";
	return NULL;
}

int snapshot_check_patterns(struct snapshot_checker *checker)
{
	for (uint32_t row = 0; row < checker->counts[SNAPSHOT_PATTERNS]; row++) {
		const char *fault = pattern_fault(checker, row);

		if (fault)
			return snapshot_refuse(checker, SNAPSHOT_PATTERNS, row, "%s", fault);
	}
	return 0;
}

/* Whether row `pattern` is this expression; SNAPSHOT_NONE where there is none. */
static bool pattern_is(const struct snapshot_checker *checker, uint32_t pattern,
		       struct bytes expression, bool is_caseless)
{
	const struct snapshot_pattern *row;

	if (pattern >= checker->counts[SNAPSHOT_PATTERNS])
		return false;
	row = &checker->view.patterns[pattern];
	return row->is_caseless == is_caseless &&
	       bytes_equal(snapshot_bytes(&checker->view, row->text), expression);
}

/* The host row that is looked at, and whose it is. */
struct owner {
	uint32_t listener;
	struct bytes domain;
};

/* The text and what it leads to; `form` is that of the run. */
static const char *path_fault(struct snapshot_checker *checker, uint32_t row,
			      const struct owner *owner, enum url_form form)
{
	static const uint8_t zeros[sizeof(checker->view.paths->unused)];
	const struct snapshot *view = &checker->view;
	const struct snapshot_path *path = &view->paths[row];
	struct bytes text = snapshot_bytes(view, path->path);
	const struct snapshot_rule *rule;
	struct url_parts parts;

	if (!snapshot_text_is_good(checker, path->path, LIMIT_URL) || text.size == 0)
		return "bad path";
	if (form != URL_PATTERN && (text.at[0] != '/' || charset_path(text) < text.size))
		return "bad path";
	if (path->rule >= view->rule_count)
		return "no such rule";
	rule = &view->rules[path->rule];
	parts = url_parts_of(snapshot_bytes(view, rule->url));
	if (rule->listener != owner->listener || parts.form != form ||
	    !bytes_equal(parts.rest, text))
		return "its rule has another listener or url";
	if (path->is_final != parts.is_final || memcmp(path->unused, zeros, sizeof(zeros)) != 0)
		return "a flag is not its rule's, or unused bytes are not zero";
	if (form == URL_PATTERN ? !pattern_is(checker, path->pattern, text, parts.is_caseless)
				: path->pattern != SNAPSHOT_NONE)
		return "its pattern is another";
	if (!bytes_equal(snapshot_bytes(view, rule->domain), owner->domain))
		return NULL;
	if (!snapshot_bit_is_new(checker->rules_routed, path->rule))
		return "another path leads to its rule";
	checker->routed_count++;
	return NULL;
}

/* Paths rise, rules of regular expressions do. */
static bool path_follows(const struct snapshot *view, uint32_t row, enum url_form form)
{
	const struct snapshot_path *before = &view->paths[row - 1], *path = &view->paths[row];

	if (form == URL_PATTERN)
		return view->rules[before->rule].number < view->rules[path->rule].number;
	return bytes_compare(snapshot_bytes(view, before->path), snapshot_bytes(view, path->path)) <
	       0;
}

static int check_paths(struct snapshot_checker *checker, struct snapshot_run run,
		       const struct owner *owner, enum url_form form)
{
	const struct snapshot *view = &checker->view;

	for (uint32_t row = run.first; row < run.first + run.count; row++) {
		const char *fault = path_fault(checker, row, owner, form);
		uint32_t parent = SNAPSHOT_NONE;

		if (!fault && row > run.first && !path_follows(view, row, form))
			fault = "not sorted, or there twice";
		if (!fault && form == URL_PREFIX)
			parent = snapshot_path_parent(view, run.first, row);
		if (!fault && view->paths[row].parent != parent)
			fault = "wrong parent";
		if (fault)
			return snapshot_refuse(checker, SNAPSHOT_PATHS, row, "%s", fault);
	}
	return 0;
}

/* Of host row `row`, by its place in the listener's run. */
static enum domain_form form_of_row(const struct snapshot_listener *listener, uint32_t row)
{
	uint32_t left = listener->hosts.first + listener->hosts.count - row;

	if (left <= listener->pattern_hosts)
		return DOMAIN_PATTERN;
	left -= listener->pattern_hosts;
	if (left <= listener->trailing_hosts)
		return DOMAIN_TRAILING;
	left -= listener->trailing_hosts;
	return left <= listener->leading_hosts ? DOMAIN_LEADING : DOMAIN_EXACT;
}

static const char *domain_fault(const struct snapshot_checker *checker, uint32_t row,
				const struct snapshot_listener *listener)
{
	const struct snapshot_host *host = &checker->view.hosts[row];
	enum domain_form form = form_of_row(listener, row);
	struct bytes domain, rest;

	if (!snapshot_text_is_good(checker, host->domain, LIMIT_DOMAIN))
		return "bad domain";
	domain = snapshot_bytes(&checker->view, host->domain);
	if (domain_form_of(domain, &rest) != form)
		return "its domain is of another kind than its place";
	if (form == DOMAIN_PATTERN)
		return pattern_is(checker, host->pattern, rest, true) ? NULL
								      : "its pattern is another";
	if (host->pattern != SNAPSHOT_NONE)
		return "its pattern is another";
	if (charset_domain(rest) < rest.size)
		return "bad domain";
	if (row > listener->hosts.first && form_of_row(listener, row - 1) == form &&
	    bytes_compare(snapshot_bytes(&checker->view, host[-1].domain), domain) >= 0)
		return "not sorted, or there twice";
	return NULL;
}

static int check_host(struct snapshot_checker *checker, uint32_t row, uint32_t listener,
		      uint32_t *paths)
{
	const struct snapshot_host *host = &checker->view.hosts[row];
	uint32_t total = checker->counts[SNAPSHOT_PATHS];
	const char *fault = domain_fault(checker, row, &checker->view.listeners[listener]);
	struct owner owner;
	int error;

	if (!fault && (!snapshot_run_follows(host->exact, paths, total) ||
		       !snapshot_run_follows(host->prefix, paths, total) ||
		       !snapshot_run_follows(host->pattern_paths, paths, total)))
		fault = "its paths do not follow those of the host before";
	if (!fault && host->exact.count == 0 && host->prefix.count == 0 &&
	    host->pattern_paths.count == 0)
		fault = "no path";
	if (!fault && host->pattern_paths.count > LIMIT_PATTERNS_PER_LISTENER)
		fault = "too many regular expressions";
	if (!fault && host->unused)
		fault = "unused bytes are not zero";
	if (fault)
		return snapshot_refuse(checker, SNAPSHOT_HOSTS, row, "%s", fault);
	owner = (struct owner){ listener, snapshot_bytes(&checker->view, host->domain) };
	error = check_paths(checker, host->exact, &owner, URL_EXACT);
	if (error == 0)
		error = check_paths(checker, host->prefix, &owner, URL_PREFIX);
	return error ? error : check_paths(checker, host->pattern_paths, &owner, URL_PATTERN);
}

static const char *hosts_fault(const struct snapshot_listener *listener)
{
	uint64_t others = (uint64_t)listener->leading_hosts + listener->trailing_hosts +
			  listener->pattern_hosts;

	if (others > listener->hosts.count)
		return "it has more hosts of one kind than hosts";
	if (listener->pattern_hosts > LIMIT_PATTERNS_PER_LISTENER)
		return "too many regular expressions";
	return NULL;
}

static bool special_hosts_are_good(const struct snapshot_checker *checker,
				   const struct snapshot_listener *listener)
{
	struct snapshot_run run = listener->hosts;
	uint32_t any = SNAPSHOT_NONE;

	/* The empty domain sorts first. */
	if (run.count > 0 && checker->view.hosts[run.first].domain.size == 0)
		any = run.first;
	if (listener->any_host != any)
		return false;
	return listener->default_host == SNAPSHOT_NONE ||
	       (listener->default_host >= run.first && listener->default_host != any &&
		listener->default_host - run.first < run.count);
}

static int check_hosts(struct snapshot_checker *checker, uint32_t row, uint32_t *hosts,
		       uint32_t *paths)
{
	const struct snapshot_listener *listener = &checker->view.listeners[row];
	const char *fault = hosts_fault(listener);

	if (!fault &&
	    !snapshot_run_follows(listener->hosts, hosts, checker->counts[SNAPSHOT_HOSTS]))
		fault = "its hosts do not follow those of the one before";
	if (fault)
		return snapshot_refuse(checker, SNAPSHOT_LISTENERS, row, "%s", fault);
	for (uint32_t host = listener->hosts.first; host < *hosts; host++) {
		int error = check_host(checker, host, row, paths);

		if (error)
			return error;
	}
	if (!special_hosts_are_good(checker, listener))
		return snapshot_refuse(checker, SNAPSHOT_LISTENERS, row,
				       "wrong any or default host");
	return 0;
}

int snapshot_check_routes(struct snapshot_checker *checker)
{
	uint32_t hosts = 0, paths = 0;

	for (uint32_t row = 0; row < checker->counts[SNAPSHOT_LISTENERS]; row++) {
		int error = check_hosts(checker, row, &hosts, &paths);

		if (error)
			return error;
	}
	if (hosts != checker->counts[SNAPSHOT_HOSTS])
		return snapshot_refuse(checker, SNAPSHOT_HOSTS, hosts, "belongs to no listener");
	if (paths != checker->counts[SNAPSHOT_PATHS])
		return snapshot_refuse(checker, SNAPSHOT_PATHS, paths, "belongs to no host");
	/*
	 * No path leads to a layer-4 listener's rule, which has no hosts: so equal numbers mean
	 * that every HTTP rule is reached.
	 */
	if (checker->routed_count != checker->http_rules)
		return snapshot_refuse(checker, SNAPSHOT_RULES, 0, "a rule has no path");
	return 0;
}

const char *snapshot_redirect_fault(const struct snapshot_checker *checker,
				    const struct snapshot_rule *rule)
{
	static const uint8_t zeros[sizeof(rule->unused_redirect)];
	const struct snapshot *view = &checker->view;
	const struct snapshot_rule *other;
	unsigned code = rule->redirect_code;

	if (memcmp(rule->unused_redirect, zeros, sizeof(zeros)) != 0)
		return "unused bytes are not zero";
	if (rule->redirect_takes_url > (code != 0))
		return "it redirects with a URL, and yet without a code";
	if (code != 0 && code != 301 && code != 302 && code != 307)
		return "no such code of a redirection";
	if (rule->redirect == SNAPSHOT_NONE)
		return NULL;
	if (code == 0 || rule->redirect >= view->rule_count)
		return "a redirection without a code, or to no rule";
	other = &view->rules[rule->redirect];
	if (other->redirect_code != 0)
		return "its redirection leads to a rule that redirects";
	if (other->listener >= view->listener_count ||
	    view->listeners[other->listener].protocol != PROTOCOL_HTTP ||
	    view->listeners[other->listener].instance != view->listeners[rule->listener].instance)
		return "its redirection leads to layer 4 or to another instance";
	return NULL;
}

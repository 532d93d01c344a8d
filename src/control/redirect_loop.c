/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following requests through redirections: a request is a listener, a host and a set of paths,
 * which gets smaller with every rule that catches it. Pure; owns nothing.
 */
#include "control/redirect_loop.h"

#include <string.h>

#include "model/pattern.h"
#include "model/route_text.h"

#define HOPS_MOST 16 /* browsers give up after 20: as good as a circle */
#define STEPS_MOST 10000 /* a knot that takes more is refused, not untied */

enum path_kind { PATH_ONE, PATH_BELOW, PATH_ANY };

struct request {
	const struct listener *listener;
	const char *domain; /* of the rules that the host was matched by */
	const struct listener *matched; /* on which listener; NULL: `domain` is the host itself */
	enum path_kind kind;
	struct bytes path; /* itself, or what all begin with; nothing for PATH_ANY */
};

struct walk {
	const struct instance *instance;
	const struct rule *start;
	unsigned steps;
};

enum answer { NO, MAYBE, YES };

/* Do requests for this host come to the rule's domain on the listener? */
static enum answer host_answers(const struct request *request, const struct rule *rule)
{
	const struct listener *listener = request->listener;

	if (request->matched == listener)
		return rule_has_domain(rule, request->domain) ? YES : NO;
	if (request->matched)
		return MAYBE;
	if (rule_has_domain(rule, request->domain))
		return YES;
	for (size_t i = 0; i < listener->rule_count; i++) {
		if (rule_has_domain(listener->rules[i], request->domain))
			return NO;
	}
	return MAYBE; /* a wildcard, an expression, any host, the default */
}

/* The rule that certainly catches the path before plain prefixes and expressions are asked: exact,
 * or else with the longest prefix. NULL: none. */
static const struct rule *certain_rule(const struct request *request)
{
	const struct listener *listener = request->listener;
	const struct rule *longest = NULL;
	size_t size = 0;

	for (size_t i = 0; i < listener->rule_count; i++) {
		const struct rule *rule = listener->rules[i];
		struct url_parts url = url_parts_of(bytes_of(rule->url));

		if (url.form == URL_PATTERN || host_answers(request, rule) != YES)
			continue;
		if (url.form == URL_EXACT && request->kind == PATH_ONE &&
		    bytes_equal(url.rest, request->path))
			return rule;
		if (url.form == URL_PREFIX && bytes_starts_with(request->path, url.rest) &&
		    url.rest.size > size) {
			longest = rule;
			size = url.rest.size;
		}
	}
	return longest;
}

static bool pattern_takes(const struct url_parts *url, struct bytes path)
{
	struct pattern_matcher *matcher = pattern_matcher_new();
	struct pattern *pattern = NULL;
	bool takes = true;

	if (matcher && pattern_new(url->rest, url->is_caseless, &pattern) == 0)
		takes = pattern_match(pattern, matcher, path) != PATTERN_NO;
	pattern_unpin(pattern);
	pattern_matcher_free(matcher);
	return takes;
}

/* Makes the request's paths those that the URL takes; false: none. */
static bool narrow(struct request *request, const struct url_parts *url)
{
	bool is_below = request->kind == PATH_ANY || (request->kind == PATH_BELOW &&
						      bytes_starts_with(url->rest, request->path));

	if (url->form == URL_PATTERN)
		return request->kind != PATH_ONE || pattern_takes(url, request->path);
	if (is_below) {
		request->path = url->rest;
		request->kind = url->form == URL_EXACT ? PATH_ONE : PATH_BELOW;
		return true;
	}
	if (url->form == URL_EXACT)
		return request->kind == PATH_ONE && bytes_equal(url->rest, request->path);
	return bytes_starts_with(request->path, url->rest);
}

/* Can the rule catch any of it? *request is then what it catches. */
static bool catches(const struct rule *rule, struct request *request)
{
	struct url_parts url = url_parts_of(bytes_of(rule->url)), other;
	const struct rule *certain;

	if (host_answers(request, rule) == NO || !narrow(request, &url))
		return false;
	if (request->kind == PATH_ANY)
		return true;
	certain = certain_rule(request);
	if (!certain || certain == rule)
		return true;
	other = url_parts_of(bytes_of(certain->url));
	if (url.form == URL_PATTERN)
		return other.form == URL_PREFIX && !other.is_final;
	return other.form == URL_PREFIX && other.rest.size <= url.rest.size;
}

/* What a client that was caught by the rule asks for next. False: its target is gone. */
static bool follow(const struct walk *walk, const struct rule *rule, struct request *request)
{
	struct listener *listener;
	const struct rule *target =
		instance_find_rule(walk->instance, rule->redirect_rule, &listener);
	struct url_parts url;

	if (!target)
		return false;
	url = url_parts_of(bytes_of(target->url));
	request->listener = listener;
	if (*rule_host(target)) {
		request->domain = rule_host(target);
		request->matched = NULL;
	}
	if (rule->redirect_takes_url)
		return true;
	request->kind = url.form == URL_PATTERN ? PATH_ANY : PATH_ONE;
	request->path = url.form == URL_PATTERN ? (struct bytes){ NULL, 0 } : url.rest;
	return true;
}

/* The request was caught by `rule`: does it come back to where the walk began? */
static bool comes_back(struct walk *walk, const struct rule *rule, struct request request,
		       unsigned hops)
{
	bool is_back = false;

	if (!follow(walk, rule, &request))
		return false;
	if (hops == HOPS_MOST)
		return true;
	for (size_t i = 0; i < request.listener->rule_count && !is_back; i++) {
		const struct rule *next = request.listener->rules[i];
		struct request caught = request;

		if (++walk->steps > STEPS_MOST)
			return true;
		if (next->redirect_rule == 0 || !catches(next, &caught))
			continue;
		is_back = next == walk->start || comes_back(walk, next, caught, hops + 1);
	}
	return is_back;
}

bool redirect_may_loop(const struct instance *instance, const struct listener *listener,
		       const struct rule *rule)
{
	struct url_parts url = url_parts_of(bytes_of(rule->url));
	struct walk walk = { .instance = instance, .start = rule };
	bool is_loop = false;

	for (size_t i = 0; i <= rule->more_domain_count && !is_loop; i++) {
		const char *domain = i > 0 ? rule->more_domains[i - 1] : rule->domain;
		struct bytes rest;
		bool is_host = *domain && domain_form_of(bytes_of(domain), &rest) == DOMAIN_EXACT;
		struct request request = {
			.listener = listener,
			.domain = domain,
			.matched = is_host ? NULL : listener,
			.kind = PATH_ANY,
		};

		(void)narrow(&request, &url);
		is_loop = comes_back(&walk, rule, request, 0);
	}
	return is_loop;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the forms of domains and URLs, and finding rules by what they mean. Pure; any thread. */
#include "model/route_text.h"

#include <string.h>

static struct bytes bytes_behind(struct bytes text, size_t count)
{
	return (struct bytes){ text.at + count, text.size - count };
}

enum domain_form domain_form_of(struct bytes domain, struct bytes *ret_rest)
{
	*ret_rest = domain;
	if (bytes_starts_with(domain, BYTES_LITERAL("~"))) {
		*ret_rest = bytes_behind(domain, 1);
		return DOMAIN_PATTERN;
	}
	if (bytes_starts_with(domain, BYTES_LITERAL("*."))) {
		*ret_rest = bytes_behind(domain, 1);
		return DOMAIN_LEADING;
	}
	if (domain.size >= 2 && memcmp(domain.at + domain.size - 2, ".*", 2) == 0) {
		ret_rest->size--;
		return DOMAIN_TRAILING;
	}
	return DOMAIN_EXACT;
}

struct url_parts url_parts_of(struct bytes url)
{
	if (bytes_starts_with(url, BYTES_LITERAL("=")))
		return (struct url_parts){ .form = URL_EXACT, .rest = bytes_behind(url, 1) };
	if (bytes_starts_with(url, BYTES_LITERAL("^~")))
		return (struct url_parts){ .form = URL_PREFIX,
					   .is_final = true,
					   .rest = bytes_behind(url, 2) };
	if (bytes_starts_with(url, BYTES_LITERAL("~*")))
		return (struct url_parts){ .form = URL_PATTERN,
					   .is_caseless = true,
					   .rest = bytes_behind(url, 2) };
	if (bytes_starts_with(url, BYTES_LITERAL("~")))
		return (struct url_parts){ .form = URL_PATTERN, .rest = bytes_behind(url, 1) };
	return (struct url_parts){ .form = URL_PREFIX, .rest = url };
}

bool url_same_place(const char *a, const char *b)
{
	struct url_parts first = url_parts_of(bytes_of(a)), second = url_parts_of(bytes_of(b));

	return first.form == second.form && first.is_caseless == second.is_caseless &&
	       bytes_equal(first.rest, second.rest);
}

struct rule *listener_find_rule_at(const struct listener *listener, const char *domain,
				   const char *url)
{
	for (size_t i = 0; i < listener->rule_count; i++) {
		struct rule *rule = listener->rules[i];

		if (url_same_place(rule->url, url) && rule_has_domain(rule, domain))
			return rule;
	}
	return NULL;
}

const char *rule_host(const struct rule *rule)
{
	struct bytes rest;

	return domain_form_of(bytes_of(rule->domain), &rest) == DOMAIN_EXACT ? rule->domain : "";
}

/* Whether a rule before number `before` of the list has this domain. */
static bool is_repeated(const struct listener *listener, size_t before, const char *domain)
{
	for (size_t i = 0; i < before; i++) {
		if (rule_has_domain(listener->rules[i], domain))
			return true;
	}
	return false;
}

size_t listener_pattern_count(const struct listener *listener)
{
	size_t count = 0;

	for (size_t i = 0; i < listener->rule_count; i++) {
		const struct rule *rule = listener->rules[i];

		count += url_parts_of(bytes_of(rule->url)).form == URL_PATTERN;
		for (size_t j = 0; j <= rule->more_domain_count; j++) {
			const char *domain = j ? rule->more_domains[j - 1] : rule->domain;

			count += domain[0] == '~' && !is_repeated(listener, i, domain);
		}
	}
	return count;
}

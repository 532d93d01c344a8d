/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the text of a rule's domain and URL says about how it is compared: the forms of features.md
 * section 3, read in one place by validation, the builder and the checker of snapshots. Pure.
 */
#ifndef MODEL_ROUTE_TEXT_H
#define MODEL_ROUTE_TEXT_H

#include <stdbool.h>

#include "model/model.h"

/* In the order in which a host looks for them. */
enum domain_form {
	DOMAIN_EXACT, /* "www.example.com"; "" for rules without a domain, which come last */
	DOMAIN_LEADING, /* "*.example.com" */
	DOMAIN_TRAILING, /* "www.example.*" */
	DOMAIN_PATTERN, /* "~^www\d+\.example\.com$" */
};

/* *ret_rest: what is compared: "www.example.com", ".example.com", "www.example.", the expression.
 */
enum domain_form domain_form_of(struct bytes domain, struct bytes *ret_rest);

/* In the order of the runs of paths in a snapshot. */
enum url_form {
	URL_EXACT, /* "=/path" */
	URL_PREFIX, /* "/path", "^~/path" */
	URL_PATTERN, /* "~expression", "~*expression" */
};

struct url_parts {
	enum url_form form;
	bool is_final; /* "^~": no expression is asked when this prefix is the longest */
	bool is_caseless; /* "~*" */
	struct bytes rest; /* the path or the expression */
};

struct url_parts url_parts_of(struct bytes url);

/*
 * True for two URLs that cannot both be rules of one domain: the same URL twice, and "/x" beside
 * "^~/x".
 */
bool url_same_place(const char *a, const char *b);

/* The listener's rule at this domain (lower case; "" = none) and at the same place; or NULL. */
struct rule *listener_find_rule_at(const struct listener *listener, const char *domain,
				   const char *url);

/* The rule's first domain when that is a host's name; "" when it stands for several. */
const char *rule_host(const struct rule *rule);

/*
 * How many regular expressions the listener's rules have: each domain that is one, once, and each
 * rule whose URL is one. At most LIMIT_PATTERNS_PER_LISTENER; more is LimitExceeded.
 */
size_t listener_pattern_count(const struct listener *listener);

#endif

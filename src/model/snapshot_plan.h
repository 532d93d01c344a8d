/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The builder's first pass: everything that must be known before the file has a size. Texts and
 * turns are gathered, each once; the rules of each listener are brought into the order of their
 * hosts and paths. For the builder alone; the model is borrowed meanwhile.
 */
#ifndef MODEL_SNAPSHOT_PLAN_H
#define MODEL_SNAPSHOT_PLAN_H

#include <stdint.h>

#include "model/intern.h"
#include "model/model.h"
#include "model/route_text.h"
#include "model/snapshot.h"

/* A row of SNAPSHOT_RULES. */
struct planned_rule {
	const struct rule *rule; /* NULL: the row stands for a layer-4 listener */
	struct snapshot_text domain, url, cookie_name;
	struct snapshot_run turns;
	uint32_t check; /* row of SNAPSHOT_CHECKS, or SNAPSHOT_NONE */
	uint32_t redirect; /* row of SNAPSHOT_RULES, or SNAPSHOT_NONE */
};

/* A row of SNAPSHOT_PATHS: one domain and the URL of one rule. */
struct planned_path {
	const char *domain;
	struct url_parts url;
	struct snapshot_text domain_text;
	uint32_t rule;
	uint32_t host_order; /* among the listener's regular expressions for domains */
	uint32_t host_pattern, pattern; /* entries of pattern_keys, or SNAPSHOT_NONE */
	enum domain_form domain_form;
};

/* A row of SNAPSHOT_PATTERNS. */
struct planned_pattern {
	struct snapshot_text text;
	uint32_t row;
	bool is_caseless;
};

struct snapshot_plan {
	uint32_t counts[SNAPSHOT_SECTIONS];
	struct intern texts; /* SNAPSHOT_TEXT */
	struct intern checks; /* SNAPSHOT_CHECKS: entry = row */
	struct intern weights; /* lists of weights, divided by their common divisor */
	struct snapshot_run *weight_turns; /* by entry of `weights` */
	uint16_t *turns; /* SNAPSHOT_TURNS */
	size_t turns_room;
	struct planned_rule *rules; /* by row */
	struct planned_path *paths; /* by row */
	uint32_t path_count;
	struct intern pattern_keys;
	struct planned_pattern *patterns; /* by entry of pattern_keys */
	struct snapshot_text *instance_names; /* by row */
	struct snapshot_text *access_logs; /* by row of listeners */
	struct snapshot_http *https; /* SNAPSHOT_HTTP */
	struct snapshot_field *fields; /* SNAPSHOT_HEADERS */
	struct snapshot_page *pages; /* SNAPSHOT_PAGES */
	uint32_t *custom_rows; /* of https, by place among the model's customs; 0 = not in use */
	struct snapshot_range *ranges; /* SNAPSHOT_RANGES */
	struct snapshot_access *access; /* by row of instances */
	uint32_t *instance_https; /* row of https, by row of instances */
};

/* Rows of SNAPSHOT_RULES that are the listener's. */
static inline uint32_t planned_rule_count(const struct listener *listener)
{
	return protocol_is_layer4((enum protocol)listener->protocol)
		       ? 1
		       : (uint32_t)listener->rule_count;
}

int snapshot_plan_text(struct snapshot_plan *plan, const char *text, struct snapshot_text *ret);

/* The paths of a listener whose rules are rows `first` and on. -ENOMEM, -E2BIG, -EINVAL. */
int snapshot_plan_paths(struct snapshot_plan *plan, const struct listener *listener,
			uint32_t first);
/* The instance's rules are rows `first` up to `behind`. */
void snapshot_plan_redirects(struct snapshot_plan *plan, const struct instance *instance,
			     uint32_t first, uint32_t behind);
/* Rows for all patterns, when every path is planned. -ENOMEM. */
int snapshot_plan_patterns(struct snapshot_plan *plan);

/*
 * The row of a check, SNAPSHOT_NONE when it is off or of a kind that is not built. `rule_domain`
 * stands in where none was given. -ENOMEM, -E2BIG, -EINVAL.
 */
int snapshot_plan_health(struct snapshot_plan *plan, const struct health_check *check,
			 const char *rule_domain, uint32_t *ret_row);

/* The rows of the configurations that instances are bound to. -ENOMEM, -E2BIG, -EINVAL. */
int snapshot_plan_http(struct snapshot_plan *plan, const struct model *model);

/* Who may connect. -ENOMEM, -E2BIG. */
int snapshot_plan_access(struct snapshot_plan *plan, const struct model *model);

/*
 * -ENOMEM, -E2BIG, -EINVAL (an unbuilt protocol, rules on layer 4 or targets without a rule on
 * HTTP, a weight above 100, a layer-4 setting that validation refuses); done is still to be called.
 */
int snapshot_plan_make(const struct model *model, struct snapshot_plan *plan);
void snapshot_plan_done(struct snapshot_plan *plan);

#endif

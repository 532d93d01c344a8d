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
#include "model/snapshot.h"

/* A row of SNAPSHOT_RULES. */
struct planned_rule {
	const struct rule *rule; /* NULL: the row stands for a layer-4 listener */
	struct snapshot_text domain, url, cookie_name;
	struct snapshot_run turns;
	uint32_t check; /* row of SNAPSHOT_CHECKS, or SNAPSHOT_NONE */
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
	/* Rows of rules; an HTTP listener's ones by domain, exact before prefix, path. */
	uint32_t *path_order;
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

/* What a rule's url means. */
static inline bool planned_is_exact(const struct planned_rule *planned)
{
	return planned->rule->url[0] == '=';
}

/* Rows of SNAPSHOT_RULES that are the listener's. */
static inline uint32_t planned_rule_count(const struct listener *listener)
{
	return protocol_is_layer4((enum protocol)listener->protocol)
		       ? 1
		       : (uint32_t)listener->rule_count;
}

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

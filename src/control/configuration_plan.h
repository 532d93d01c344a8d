/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file on its way into the model: what the file says, where in it we are, and the
 * list of changes. Lives as long as one call of ApplyConfiguration, on control's thread.
 */
#ifndef CONTROL_CONFIGURATION_PLAN_H
#define CONTROL_CONFIGURATION_PLAN_H

#include <jansson.h>

#include "base/bytes.h"
#include "control/actions.h"

#define PLAN_NONE SIZE_MAX
#define PLAN_BATCH 20 /* targets in one call (api.md section 9) */

struct key_index;

struct plan {
	struct call *call;
	struct bytes content;
	const char *source;
	json_t *changes; /* texts, in the order they were made */
	struct key_index *names; /* LoadBalancerName to its row in the model as it was before:
			  configuration_key.h */
	struct key_index *groups; /* TargetGroupName to its row in the model, new ones too */
};

/* An object of the file, where it stands, and what it is now: NULL when it is not there yet. All
 * borrowed. */
struct plan_instance {
	size_t row;
	const json_t *input;
	struct instance *instance;
};

struct plan_listener {
	const struct plan_instance *parent;
	size_t row;
	const json_t *input;
	struct listener *listener;
};

struct plan_rule {
	const struct plan_listener *parent;
	size_t row; /* PLAN_NONE: no rule but its layer-4 listener, whose targets are meant */
	const json_t *input;
	struct rule *rule;
};

/* The place of a field in the file: "LoadBalancers[0].Listeners[1].Rules[2].Url". */
struct plan_place {
	char path[sizeof(((struct problem *)0)->field)];
	const size_t *targets; /* the file's rows of the Targets of a call, or NULL when they are
				  not in the file */
};
struct plan_place plan_place_instance(const struct plan_instance *instance);
struct plan_place plan_place_listener(const struct plan_listener *listener);
struct plan_place plan_place_rule(const struct plan_rule *rule);
struct plan_place plan_place_member(const struct plan_place *place, const char *list, size_t row);

/*
 * Runs one action of the API. Its problem becomes the call's, told as "SOURCE:LINE: ..." of the
 * file's own field. `input` is stolen, NULL is out of memory. *ret_output, a new reference, may be
 * NULL.
 */
int plan_run(struct plan *plan, const struct plan_place *place, const char *action, json_t *input,
	     json_t **ret_output);

/* The call's problem, set in an action's terms, in the file's. Returns -EINVAL. */
int plan_tell(struct plan *plan, const struct plan_place *place);

/* Puts `value` (stolen) into `input` (stolen, returned). NULL when memory is out, or one of them is
 * NULL. */
json_t *plan_put(json_t *input, const char *name, json_t *value);

/* {LoadBalancerId, ListenerId[, LocationId]}: a rule's, or its layer-4 listener's. NULL when memory
 * is out. */
json_t *plan_ids(const struct plan_rule *rule);

/* Sets the call's problem for `member` of a place ("" = the place itself) and returns -EINVAL. */
__attribute__((format(printf, 5, 6))) int plan_refuse(struct plan *plan,
						      const struct plan_place *place,
						      const char *member, const char *code,
						      const char *format, ...);

/* Puts "SOURCE:LINE: " before the problem's text; its field is a path of the file. Returns -EINVAL.
 */
int plan_locate(struct plan *plan, struct problem *problem);
/* The same when the line is known. */
int plan_locate_line(struct plan *plan, struct problem *problem, unsigned line);

/* Notes a change. -ENOMEM. */
__attribute__((format(printf, 2, 3))) int plan_note(struct plan *plan, const char *format, ...);

/* "web HTTP:80", "web HTTP:80 a.example/x": a listener or a rule in the texts of changes. */
#define PLAN_NAME_ROOM 1600 /* names, domains and URLs at their longest, in UTF-8 */
void plan_name_listener(const struct plan_listener *listener, char name[PLAN_NAME_ROOM]);
void plan_name_rule(const struct plan_rule *rule, char name[PLAN_NAME_ROOM]);

/* The members of a list of the file; an absent one is empty. */
const json_t *plan_list(const json_t *input, const char *name);

/* What the model has of these; NULL when nothing. plan_find_instance refuses a name that two
 * instances have. */
int plan_find_instance(struct plan *plan, size_t row, const json_t *input,
		       struct plan_instance *ret);

/*
 * The two halves, each over the whole file. Everything the file does not name goes before anything
 * is made, so that ports and places are free. Both refuse what the file says twice. 0 or -errno
 * with the call's problem.
 */
int plan_remove(struct plan *plan, const json_t *file);
int plan_make(struct plan *plan, const json_t *file);

int plan_make_targets(struct plan *plan, const struct plan_rule *rule);
/* CustomConfig of an instance that is there. */
int plan_make_custom(struct plan *plan, const struct plan_instance *instance);

#endif

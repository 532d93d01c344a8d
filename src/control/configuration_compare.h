/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an object of the model is, in the words of the API's fields, and what a file wants it to be.
 * A field that a file leaves out has the value that creating the object anew would give it.
 */
#ifndef CONTROL_CONFIGURATION_COMPARE_H
#define CONTROL_CONFIGURATION_COMPARE_H

#include "control/configuration_plan.h"

/* Both are objects of the same fields, those that can be compared. NULL: out of memory. */
struct comparison {
	json_t *now;
	json_t *wanted;
};
void comparison_done(struct comparison *comparison);

/* -ENOMEM. *ret is to be ended in any case. The file's object has passed its field table. */
int compare_instance(const struct plan_instance *instance, struct comparison *ret);
/* -EINVAL with the problem of a health check that is none. */
int compare_listener(const struct plan_listener *listener, struct comparison *ret,
		     struct problem *problem);
int compare_rule(const struct plan_rule *rule, struct comparison *ret, struct problem *problem);

/* The health check that `input`, the file's rule or layer-4 listener, or its silence asks for. The
 * caller ends *ret with health_check_done. */
int compare_wanted_check(const json_t *input, enum protocol protocol, struct health_check *ret,
			 struct problem *problem);

#define COMPARE_TEXT_ROOM 1024
/* What one object needs. */
struct difference {
	json_t *input; /* fields of the modifying action; the caller has put the ids in */
	char text[COMPARE_TEXT_ROOM]; /* for people: "SessionExpireTime 0 -> 60" */
	bool is_found; /* something differs */
	bool has_extra; /* the file gives fields that cannot be compared: the action has to look at
			   them */
};

/* A field that differs and that `modifiable` does not have is refused. 0 or -errno. */
int compare_differences(struct plan *plan, const struct plan_place *place, const json_t *input,
			const struct comparison *comparison, const struct field *modifiable,
			struct difference *difference);

#endif

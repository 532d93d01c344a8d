/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of a file and rules of the model: which is which when both can have several domains, and
 * the redirections between them. Control's thread, within one ApplyConfiguration.
 */
#ifndef CONTROL_CONFIGURATION_RULES_H
#define CONTROL_CONFIGURATION_RULES_H

#include "control/configuration_plan.h"

/*
 * A rule of the file is the rule whose first domain and URL it has as its first ones; else one that
 * shares any domain with it, at the same URL. Nobody is two.
 */
struct rule_match {
	struct rule **rules; /* by row of the file; NULL: to be made */
	bool *is_named; /* by row of the listener's rules, until one of them goes */
};

/* Refuses a domain and URL that two rules of the file have. 0 or -errno with the call's problem;
 * then nothing is held. */
int rule_match_init(struct plan *plan, const struct plan_listener *listener,
		    struct rule_match *ret);
void rule_match_done(struct rule_match *match);

/* The first half: what the file does not name of the rule's domains goes, so that others can have
 * it. One stays, by which it was found. */
int plan_drop_domains(struct plan *plan, const struct plan_rule *rule);
/* The second: its domains are those of the file, in their order. `what` is the rule for people. */
int plan_make_domains(struct plan *plan, const struct plan_rule *rule, const char *what);

/* Redirect of a rule. */
extern const struct field configuration_redirect_fields[];
/* When all rules are there: redirections end that the file does not have, and begin that it has. */
int plan_make_redirects(struct plan *plan, const struct plan_instance *instance);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains of rules: lists of them, what a listener's rules may not share, and the listener's
 * default domain. Control's one thread; nothing here owns anything but the rule it is given.
 */
#ifndef CONTROL_RULE_DOMAIN_H
#define CONTROL_RULE_DOMAIN_H

#include "control/actions.h"

/* In the order of the answers; one "" for a rule that answers any host. */
struct domain_list {
	size_t count;
	char texts[LIMIT_DOMAINS_PER_RULE][LIMIT_DOMAIN + 1];
};

/* A domain of an input in lower case. False: longer than any rule's. */
bool domain_lower_copy(const char *domain, char ret_lower[LIMIT_DOMAIN + 1]);

void domain_list_of(const struct rule *rule, struct domain_list *ret);
bool domain_list_has(const struct domain_list *list, const char *domain);
/* A domain of an input, in any case, is checked and put behind the others. -EINVAL. */
int domain_list_read(struct domain_list *list, const char *domain, const char *field,
		     struct problem *problem);
/* A list of an input: 1 to LIMIT_DOMAINS_PER_RULE different ones. -EINVAL. */
int domain_list_read_all(struct domain_list *list, const json_t *texts, const char *field,
			 struct problem *problem);
/* What `list` has of `other`, in its own order. */
void domain_list_keep(struct domain_list *list, const struct domain_list *other);
/*
 * `gone` makes place for `come`, where it stood; what the list has already stays once. -E2BIG when
 * that are too many: the list is spoilt then.
 */
int domain_list_replace(struct domain_list *list, const char *gone, const struct domain_list *come);

/* In memory only. -ENOMEM with the rule as it was. */
int rule_set_domains(struct rule *rule, const struct domain_list *list);
/* And in the store. */
int rule_keep_domains(struct call *call, struct rule *rule, const struct domain_list *list);

/*
 * No other rule of the listener but `self` (NULL: none) stands at one of the rule's domains with
 * the same URL. InvalidParameterValue.
 */
int rule_check_place(struct call *call, const struct listener *listener, const struct rule *rule,
		     const struct rule *self, const char *prefix);
/* The roof of regular expressions, to be asked after the rule has come to the listener. */
int rule_check_patterns(struct call *call, const struct listener *listener, const struct rule *rule,
			const char *prefix);

bool listener_has_domain(const struct listener *listener, const char *domain);
/*
 * The default after rules or domains came or went: any-host rules, else the wanted domain (NULL:
 * none), else the one so far, else the first of the oldest rule.
 */
int default_settle(struct call *call, struct listener *listener, const char *wanted);
/* A named default cannot stand beside rules that answer any host. -EINVAL. */
int default_refuse(struct call *call, const char *field);
/*
 * NewDefaultServerDomain: a domain that the listener has now, in lower case; *ret_wanted stays as
 * it is when none is named. -EINVAL.
 */
int default_read(struct call *call, const struct listener *listener,
		 char ret_wanted[LIMIT_DOMAIN + 1]);

#endif

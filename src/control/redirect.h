/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redirections from rules to rules of one instance (api.md section 12,
 * docs/decisions/redirection.md): what they have to keep, and the model following the store when a
 * target goes. Control's one thread.
 */
#ifndef CONTROL_REDIRECT_H
#define CONTROL_REDIRECT_H

#include "control/actions.h"

#define REDIRECT_CODE_DEFAULT 302

/* Some rule of the instance is sent to this one. */
bool redirect_is_target(const struct instance *instance, const struct rule *rule);

/*
 * After rules went: redirections to them are none any more, as in the store, where they went with
 * their rows.
 */
void redirects_settle(struct instance *instance);

/*
 * Every redirection of the instance has a place to send clients to, and none can lead them in a
 * circle. InvalidParameter for `field`.
 */
int redirects_check(struct call *call, const struct instance *instance, const char *field);
/* The same for this redirected rule alone. */
int redirect_check(struct call *call, const struct instance *instance,
		   const struct listener *listener, const struct rule *rule, const char *field);

/* RewriteTarget of RuleOutput; null without a redirection. */
json_t *redirect_answer(const struct instance *instance, const struct rule *rule);

#endif

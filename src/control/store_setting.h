/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping what is a noun's own and has rows of its own: lists, and redirections. As store.h, within
 * its transactions, with its errors. Control's thread.
 */
#ifndef CONTROL_STORE_SETTING_H
#define CONTROL_STORE_SETTING_H

#include "control/store.h"

/* Each keeps what the noun has now in place of what it had. */
int store_set_tags(struct store *store, const struct instance *instance);
int store_set_access(struct store *store, const struct instance *instance);
/* rule->more_domains; store_update_rule keeps the first one. */
int store_set_domains(struct store *store, const struct rule *rule);
/* rule->redirect_*; a redirection also goes by itself when its target's row goes. */
int store_set_redirect(struct store *store, const struct rule *rule);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of a forwarding rule as the API takes them (api.md section 8, RuleInput), for
 * CreateRule and ModifyRule. `prefix` is the path of the object that holds them, "" at the top.
 */
#ifndef CONTROL_RULE_INPUT_H
#define CONTROL_RULE_INPUT_H

#include "control/actions.h"

extern const struct field rule_input_fields[];

/* A whole RuleInput into a fresh rule: defaults, domain, then what rule_read reads. */
int rule_read_new(struct call *call, const json_t *input, const char *prefix, struct rule *rule);

/* What `input` gives of a rule's settings; the rest stays. Values are checked, each alone. */
int rule_read(struct call *call, const json_t *input, const char *prefix, struct rule *rule);

/* What the settings have to keep together, and that they are built. */
int rule_check(struct call *call, const struct rule *rule, const char *prefix);

#endif

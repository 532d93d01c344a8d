/* SPDX-License-Identifier: Apache-2.0 */
/* What `setia explain` says: one fact a line, a word and its value. */
#ifndef COMMAND_EXPLAIN_PRINT_H
#define COMMAND_EXPLAIN_PRINT_H

#include <stdio.h>

#include "sticky/policy.h"

/* A moment in both times. */
struct explain_time {
	int64_t session_s;
	int64_t wall_s;
};

void explain_print_listener(FILE *out, const struct snapshot *snapshot,
			    const struct snapshot_listener *listener);
void explain_print_rule(FILE *out, const struct snapshot *snapshot,
			const struct snapshot_rule *rule, bool is_default_host);

/*
 * What becomes of a connection or flow of layer 4: scheduler, persistence, the servers that have a
 * turn. `from` may be NULL.
 */
void explain_print_layer4(FILE *out, const struct snapshot *snapshot,
			  const struct snapshot_listener *listener, const char *from);

/* The cookie, the decision with its reason, and the target or those that may become it. `from` may
 * be NULL. */
void explain_print_decision(FILE *out, const struct snapshot *snapshot,
			    const struct snapshot_rule *rule,
			    const struct sticky_decision *decision, struct explain_time now,
			    const char *from);

/* Bytes that would move the cursor of a terminal come out as "?". */
void explain_print_text(FILE *out, struct bytes text);

#endif

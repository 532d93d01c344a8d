/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that send a client elsewhere: to the same path with a slash behind it, or to where a
 * rule's redirection leads. Runs on the worker's thread.
 */
#ifndef PROXY_REDIRECT_H
#define PROXY_REDIRECT_H

#include "proxy/connection.h"

/* What a rule that redirects answers with; CAUSE_NONE when it serves the request itself. */
enum cause redirect_cause(const struct snapshot_rule *rule);
bool redirect_is_cause(enum cause cause);
/* The answer of such a cause to the request in worker->request, its bytes at `head`. */
enum step redirect_send(struct connection *connection, enum cause cause, const char *head);

#endif

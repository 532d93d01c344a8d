/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a committed change to a live one: builds a snapshot (at most one per PUBLISH_INTERVAL_MS), sends it to the keeper, and finishes the
 * tasks that wait for it when the proxy has adopted it. Owned by control's thread.
 */
#ifndef CONTROL_PUBLISH_H
#define CONTROL_PUBLISH_H

#include "control/state.h"
#include <jansson.h>

#include "process/message.h"

int publisher_new(struct control *control, struct publisher **ret);
struct publisher *publisher_free(struct publisher *publisher);

/* A change was committed; `task` waits for it (NULL: nobody does). Strings are copied. */
int publisher_request(struct publisher *publisher, const char *task, const json_t *listeners);
/* Milliseconds until publisher_turn has work; -1 = none. */
int publisher_timeout_ms(const struct publisher *publisher);
void publisher_turn(struct publisher *publisher);
/* LIVE, REFUSED and BINDS from the keeper. */
void publisher_message(struct publisher *publisher, const struct message *message);
/* The newest generation that every worker runs; 0 = none yet. */
uint64_t publisher_live_generation(const struct publisher *publisher);

#endif

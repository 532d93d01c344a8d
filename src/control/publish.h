/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a committed change to a live one: builds a snapshot (at most one per PUBLISH_INTERVAL_MS),
 * sends it to the keeper, and finishes the tasks that wait for it when the proxy has adopted it.
 * Which task waits for which generation stands in the store, so that a restart forgets none. Owned
 * by control's thread.
 */
#ifndef CONTROL_PUBLISH_H
#define CONTROL_PUBLISH_H

#include "control/state.h"
#include "process/message.h"

/*
 * Generations go on from the one in the store. Running tasks that an earlier control left behind
 * wait for the first snapshot of this one.
 */
int publisher_new(struct control *control, struct publisher **ret);
struct publisher *publisher_free(struct publisher *publisher);

/* A change was committed (or control started): its task, which is in the store, waits. */
void publisher_request(struct publisher *publisher);
/* The model was read from the store again: what the keeper said of its listeners still holds. */
void publisher_model_reloaded(struct publisher *publisher);
/* Milliseconds until publisher_turn has work; -1 = none. */
int publisher_timeout_ms(const struct publisher *publisher);
/* No transaction may be open. */
void publisher_turn(struct publisher *publisher);
/* LIVE, REFUSED and BINDS from the keeper. No transaction may be open. */
void publisher_message(struct publisher *publisher, const struct message *message);
/* The newest generation that every worker runs; 0 = none yet. */
uint64_t publisher_live_generation(const struct publisher *publisher);

#endif

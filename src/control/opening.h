/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything of control that stands on the store: opened together, closed together. Control's one
 * thread.
 */
#ifndef CONTROL_OPENING_H
#define CONTROL_OPENING_H

#include <stddef.h>
#include <stdint.h>

#include "control/state.h"

/*
 * Store, model, keys and publisher. Refuses to begin with an empty database where a snapshot shows
 * that there was another: it would replace a good configuration by none. -errno with nothing open,
 * and a sentence for the operator in `why`.
 */
int control_open(struct control *control, char *why, size_t why_size);
/*
 * A number for what the database's files look like from outside: a database that was found damaged
 * is worth opening again when it differs.
 */
uint64_t control_look(const struct control *control);
/* Accepts a control of which nothing is open. */
void control_close(struct control *control);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of a listener as the API takes them (api.md section 7), for CreateListener,
 * ModifyListener and files. Control's one thread.
 */
#ifndef CONTROL_LISTENER_INPUT_H
#define CONTROL_LISTENER_INPUT_H

#include "control/actions.h"

/* Values that are wrong for any protocol, before anything is looked up. */
int listener_check_values(struct call *call);

/* What a listener of this protocol has when nothing is given. `listener` is fresh. */
void listener_defaults(struct listener *listener, enum protocol protocol);

/*
 * Takes what call->input gives of the settings over; the rest stays. Settings of other protocols
 * are refused by name, never ignored, and so is what the settings cannot be together. `listener` is
 * not the model's: it may be half changed when this fails.
 */
int listener_read(struct call *call, const struct instance *instance, struct listener *listener);

/* The settings of `from`, its protocol among them, into `to`; numbers, name and children stay.
 * -ENOMEM with *to unchanged. */
int listener_copy_settings(const struct listener *from, struct listener *to);

#endif

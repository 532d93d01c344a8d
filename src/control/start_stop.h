/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping and starting, of which a stopped instance has stopped listeners only. What is stopped is
 * not in the snapshot, and keeps its port, numbers and slots. Control's one thread.
 */
#ifndef CONTROL_START_STOP_H
#define CONTROL_START_STOP_H

#include "control/actions.h"

/* In the model and in the store; what is so already is not touched. -errno. A listener that starts
 * fails the call's task when its port cannot be opened. */
int listener_set_stopped(struct call *call, struct instance *instance, struct listener *listener,
			 bool is_stopped);
int instance_set_stopped(struct call *call, struct instance *instance, bool is_stopped);
bool instance_has_running(const struct instance *instance);

#endif

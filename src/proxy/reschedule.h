/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RescheduleUnhealthy (SP-48): a worker that has a listener with this switch looks once a second
 * whether its targets are up, and has the open connections and flows of those that are not cut
 * (tcp_adopt.c, udp_adopt.c). Without the switch nothing is looked at. Runs on the worker's thread.
 */
#ifndef PROXY_RESCHEDULE_H
#define PROXY_RESCHEDULE_H

#include <stdint.h>

#include "model/snapshot.h"

struct worker;

void reschedule_init(struct worker *worker);
/* A generation was adopted. */
void reschedule_adopt(struct worker *worker);

/* Another number whenever others of the rule's targets are down; 0 = none has to be left out. */
uint64_t reschedule_mark(const struct worker *worker, const struct snapshot *snapshot,
			 const struct snapshot_rule *rule);

#endif

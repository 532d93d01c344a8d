/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much moved through each instance lately: its bytes are read every ten seconds, and the rates
 * of five minutes are kept, so that nobody deletes by mistake what is in use. What was before
 * control began is not known. Control's one thread owns all of it.
 */
#ifndef CONTROL_TRAFFIC_WATCH_H
#define CONTROL_TRAFFIC_WATCH_H

#include <stdint.h>

#include "model/model.h"

#define TRAFFIC_WATCH_INTERVAL_MS 10000
#define TRAFFIC_WATCH_INTERVALS 30

struct regions; /* process/regions.h */
struct traffic_watch;

/* NULL when memory is out. */
struct traffic_watch *traffic_watch_new(void);
struct traffic_watch *traffic_watch_free(struct traffic_watch *watch);

/* Reads what is due at now_ms; `regions` may be NULL. When the next turn is due. */
uint64_t traffic_watch_turn(struct traffic_watch *watch, const struct model *model,
			    const struct regions *regions, uint64_t now_ms);

/*
 * The largest rate of the last five minutes in either direction, bits per second, as a mean of ten
 * seconds or, for what is not over yet, of what there is of it, of a second at least.
 */
uint64_t traffic_watch_peak(const struct traffic_watch *watch, const struct instance *instance,
			    const struct regions *regions, uint64_t now_ms);

#endif

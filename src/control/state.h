/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What control holds while it runs. One thread owns all of it: the API server, the channel to the
 * keeper and the timers are turns of one loop, so nothing here needs a lock.
 */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include "base/clock.h"
#include "model/model.h"
#include "process/options.h"

struct store; /* control/store.h */
struct keyring; /* control/credential.h: API keys */
struct publisher; /* control/publish.h */
struct regions; /* process/regions.h */
struct traffic_watch; /* control/traffic_watch.h */

struct control {
	const struct run_options *options;
	struct clock_anchor anchor; /* the keeper's, from DIR/clock: session time for cookie keys */
	struct store *store;
	struct model model;
	struct keyring *keyring;
	struct publisher *publisher;
	/* What traffic counts and knows, mapped for reading; NULL until the keeper sent it. */
	const struct regions *regions;
	struct traffic_watch *traffic_watch; /* NULL: nobody watches (tests) */
	int channel;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How something dies that events of the same turn may still point at: it is closed at once, and its
 * memory goes at the end of the turn.
 */
#ifndef PROXY_GRAVE_H
#define PROXY_GRAVE_H

#include "base/list.h"

struct grave {
	struct list link;
	void *memory; /* to be freed */
};

#endif

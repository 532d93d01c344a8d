/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may connect: the lists of an instance (model/access_control.h), asked right behind accept and
 * at the beginning of a UDP flow, before anything that a stranger sent is looked at. What is open
 * already is not asked again. Runs on the worker's thread.
 */
#ifndef PROXY_ADMISSION_H
#define PROXY_ADMISSION_H

#include "model/snapshot.h"
#include "proxy/listener.h"

/* What a worker has said of refusals: a line in every ADMISSION_QUIET_MS at most. */
struct admission_report {
	uint64_t quiet_until_ms;
	uint64_t unsaid; /* refused since the last line */
};

/* Takes over whether the instance of the listener's row has lists at all. */
void admission_adopt(struct proxy_listener *listener, const struct snapshot *snapshot);
/* The slow half of admission_refuses. */
bool admission_judge(struct proxy_listener *listener, const struct address *client);

/*
 * True when the client must go; it is counted then. Of a listener that is gone, whose lists nobody
 * knows any more, everybody must where there were some.
 */
static inline bool admission_refuses(struct proxy_listener *listener, const struct address *client)
{
	return listener->has_access_lists && !admission_judge(listener, client);
}

#endif

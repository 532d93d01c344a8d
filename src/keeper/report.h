/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keeper says about itself and what it sees of the others, as JSON and as lines of text.
 * Reads the keeper's state and the shared region, changes nothing. The keeper's one thread.
 */
#ifndef KEEPER_REPORT_H
#define KEEPER_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"

struct keeper;

#define REPORT_ROOM 65536 /* an answer's bytes: one datagram */

/* All of it as one JSON object; listeners and counters that have no room are counted in it. Returns
 * the size, at most `room`. */
size_t report_status(const struct keeper *keeper, uint64_t now_ms, char *out, size_t room);

/* Lines "id counter value", of counters that are not 0, for what is at *row and behind it:
 * listeners, then rules, then targets; moves *row behind the last one that had room. There are no
 * more from report_counters_end() on. The size may be 0 before that. */
uint32_t report_counters_end(const struct snapshot *snapshot);
size_t report_counters(const struct keeper *keeper, const struct snapshot *snapshot, uint32_t *row,
		       char *out, size_t room);

/* {"done": ..., "text": "..."} */
size_t report_outcome(bool was_good, const char *text, char *out, size_t room);

#endif

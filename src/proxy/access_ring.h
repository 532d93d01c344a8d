/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finished lines on their way from one worker to the log's thread: one writer, one reader, no lock,
 * and no system call but to wake a reader that sleeps, or when half of the room is gone. Never
 * waits: a line that finds no room is refused.
 */
#ifndef PROXY_ACCESS_RING_H
#define PROXY_ACCESS_RING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "model/limits.h"
#include "proxy/access_line.h"

#define ACCESS_RING_SIZE (1u << 20) /* a worker's: about 2,000 lines, some tens of milliseconds */

/* What the reader sleeps on; one for all rings. */
struct access_bell {
	int fd; /* an eventfd */
	_Atomic bool is_asleep; /* nobody looks at the rings until it is rung */
};

/* Where a line goes, and who is told when it does not get there. */
struct access_place {
	uint32_t slot; /* listener's */
	struct bytes file; /* a name of at most LIMIT_FILE_NAME bytes */
};

/* A line as the reader sees it. */
struct access_record {
	uint32_t size; /* of the line */
	uint32_t slot;
	uint32_t file_size;
	char file[LIMIT_FILE_NAME];
};

struct access_ring;

/* Memory that nobody touches until there is a line. `bell` is borrowed. NULL when memory is out. */
struct access_ring *access_ring_new(struct access_bell *bell);
struct access_ring *access_ring_free(struct access_ring *ring);

/* The worker's. False: there was no room. */
bool access_ring_write(struct access_ring *ring, const struct access_line *line,
		       enum access_log_format format, const struct access_place *place);
/* The same for a line that is bytes already, of at most ACCESS_LINE_MOST. */
bool access_ring_put(struct access_ring *ring, const struct access_place *place, struct bytes line);
/* The text of this second, made once. Good until the next one is asked for. */
struct bytes access_ring_time(struct access_ring *ring, int64_t wall_s);

/* The reader's. How far there are lines now: an end for access_ring_peek. */
uint64_t access_ring_end(const struct access_ring *ring);
/* The next line before `end`: false when there is none. */
bool access_ring_peek(const struct access_ring *ring, uint64_t end, struct access_record *ret);
/* Copies the peeked line's bytes to `out`, unless that is NULL, and takes it from the ring. */
void access_ring_take(struct access_ring *ring, const struct access_record *record, char *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thing that crosses the wall between configuration and traffic: a flat, immutable file of
 * tables, all references by index or offset, built whole by control on every change, sealed in a
 * memfd, checked whole by whoever maps it. Nothing in an opened snapshot needs checking again.
 */
#ifndef MODEL_SNAPSHOT_H
#define MODEL_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "model/snapshot_rows.h"

/* An opened snapshot: a mapping and typed views into it. */
struct snapshot {
	const struct snapshot_header *header;
	const struct snapshot_instance *instances;
	const struct snapshot_range *ranges;
	const struct snapshot_listener *listeners;
	const struct snapshot_http *https;
	const struct snapshot_field *fields; /* SNAPSHOT_HEADERS */
	const struct snapshot_page *pages;
	const struct snapshot_host *hosts;
	const struct snapshot_path *paths;
	const struct snapshot_pattern *patterns;
	const struct snapshot_rule *rules;
	const struct snapshot_target *targets;
	const struct snapshot_health *checks;
	const uint16_t *turns;
	const struct snapshot_key *keys;
	const char *text;
	uint32_t instance_count, listener_count, rule_count, target_count, check_count;
	uint32_t key_count, pattern_count;
	size_t mapped_size; /* to unmap; 0 = the memory belongs to somebody else */
};

struct model;

/*
 * Every byte of `data` is hostile until this returned 0: -EBADMSG with the reason (section, row,
 * what is wrong) in `why`, or -ENOMEM. `data` must stand on a multiple of 8.
 */
int snapshot_check(const void *data, size_t size, char *why, size_t why_size);

/*
 * Opens `fd`, checks it, fills *ret. A sealed memfd is mapped (all of F_SEAL_SEAL, SHRINK, GROW and
 * WRITE must be set: what was checked can then never change); with `is_sealed` false it is a
 * regular file, which is read into memory for the same reason. The fd may be closed afterwards.
 * -EBADMSG (reason in `why`), or the errno of the failed call.
 */
int snapshot_open(int fd, bool is_sealed, struct snapshot *ret, char *why, size_t why_size);
/* Views into memory that the caller keeps (tests, fuzzing). */
int snapshot_open_memory(const void *data, size_t size, struct snapshot *ret, char *why,
			 size_t why_size);
/* Accepts NULL and a zeroed or closed one. */
void snapshot_close(struct snapshot *snapshot);

/*
 * Builds the snapshot of `model` as `generation` (not 0) and returns a sealed memfd, close-on-exec.
 * What it returns has passed snapshot_check. -ENOMEM; -E2BIG (a roof of limits.h); -EINVAL
 * (something that validation refuses: a rule twice, an unbuilt protocol, a bad text or number);
 * -errno.
 */
int snapshot_build(const struct model *model, uint64_t generation, int *ret_fd);

/* For people: every row, one a line, keys left out. */
void snapshot_print(const struct snapshot *snapshot, FILE *out);

static inline struct bytes snapshot_bytes(const struct snapshot *snapshot,
					  struct snapshot_text text)
{
	return (struct bytes){ snapshot->text + text.offset, text.size };
}

/* What a layer-4 listener's connections are spread over; NULL for an HTTP listener. */
static inline const struct snapshot_rule *snapshot_listener_rule(
	const struct snapshot *snapshot, const struct snapshot_listener *listener)
{
	return listener->rule == SNAPSHOT_NONE ? NULL : &snapshot->rules[listener->rule];
}

#endif

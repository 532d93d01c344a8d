/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of a snapshot that lead from a request's host and path to a rule; part of
 * model/snapshot_rows.h, which says how rows are made.
 */
#ifndef MODEL_SNAPSHOT_ROUTE_H
#define MODEL_SNAPSHOT_ROUTE_H

#include "model/snapshot_health.h"

struct snapshot_host {
	struct snapshot_text domain; /* lower case, as given; empty for any_host */
	struct snapshot_run exact;
	struct snapshot_run prefix;
	struct snapshot_run pattern_paths;
	uint32_t pattern; /* "~": row of SNAPSHOT_PATTERNS; else SNAPSHOT_NONE */
	uint32_t unused;
};

struct snapshot_path {
	struct snapshot_text path; /* without "=", "^~", "~", "~*" */
	uint32_t rule;
	uint32_t parent; /* prefixes: this host's longest other one that begins it, or NONE */
	uint32_t pattern; /* "~", "~*": row of SNAPSHOT_PATTERNS; else SNAPSHOT_NONE */
	uint8_t is_final; /* "^~" */
	uint8_t unused[3];
};

struct snapshot_pattern {
	struct snapshot_text text;
	uint8_t is_caseless;
	uint8_t unused[7];
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema's versions, and the proof that a file is ours and whole. Only store.c calls the
 * checks, while it opens. Errors as in store.h.
 */
#ifndef CONTROL_STORE_SCHEMA_H
#define CONTROL_STORE_SCHEMA_H

#include <stdint.h>

struct store;

/* The newest one that this program knows. */
int64_t store_schema_version(void);

/* An empty file becomes ours; an older version of ours is brought up to date, all in one step. */
int store_migrate(struct store *store);

/*
 * The schema is exactly what our migrations make, and the configuration's tables pass SQLite's
 * integrity check. Its cost is bounded by the roofs of the configuration, so the audit and task
 * tables are left out.
 */
int store_check(struct store *store);

#endif

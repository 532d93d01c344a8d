/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A data directory's configuration as one file, and back: for `setia backup` and `setia restore`.
 * The file is a database as DIR/setia.db is one, with everything in it: configuration, keys, audit,
 * tasks, and the anchor of session time, so that cookies stay valid on another machine too.
 */
#ifndef CONTROL_BACKUP_H
#define CONTROL_BACKUP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes what DIR/setia.db holds now to `file` (0600), whole or not at all, while a balancer runs
 * on DIR or not. An existing file is replaced only if `overwrites`. 0, or -errno with a sentence
 * for people in `why`.
 */
int backup_make(const char *data, const char *file, bool overwrites, char *why, size_t why_size);

/*
 * Makes `file` the database of DIR, which no balancer may run on, and which is made when it is
 * missing. The file is checked whole before anything is touched; the database of before stays as
 * setia.db.before-restore, the snapshot as snapshot.before-restore. 0, or -errno with the reason in
 * `why` and DIR as it was.
 */
int backup_restore(const char *data, const char *file, char *why, size_t why_size);

#endif

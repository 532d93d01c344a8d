/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anchor of session time within a backup: rows of the table `number`, which a restore takes out
 * again. A command's one thread.
 */
#ifndef CONTROL_BACKUP_CLOCK_H
#define CONTROL_BACKUP_CLOCK_H

#include <sqlite3.h>

#include "base/clock.h"

/* What DIR/clock says, brought up to now. -errno when there is none that can be read. */
int backup_clock_read(const char *data, struct clock_anchor *ret);
/* 0 or -EIO with SQLite's complaint left in the database. */
int backup_clock_store(sqlite3 *database, const struct clock_anchor *anchor);
/* Takes the rows out. -ENOENT when there are none, or none that make an anchor. */
int backup_clock_take(sqlite3 *database, struct clock_anchor *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database of ours, opened only for reading and by another process than the control that owns it:
 * for commands. Works while a balancer runs on it and while none does. The file is not believed: it
 * is ours and of a version that we know, nothing more.
 */
#ifndef CONTROL_STORE_READER_H
#define CONTROL_STORE_READER_H

#include <sqlite3.h>
#include <stddef.h>

/*
 * Opens `path`, a plain file. 0 or -errno, with a sentence for people in `why`. The caller closes
 * *ret with sqlite3_close_v2.
 */
int store_reader_open(const char *path, sqlite3 **ret, char *why, size_t why_size);

/* What SQLite's last complaint about this database means. -errno with the sentence in `why`. */
int store_reader_fail(sqlite3 *database, const char *path, char *why, size_t why_size);

#endif

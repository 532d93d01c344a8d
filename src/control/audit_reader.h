/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the audit from a data directory, for `setia audit`. Whoever controls the file controls what
 * is read: texts may hold any bytes and are to be escaped by who shows them.
 */
#ifndef CONTROL_AUDIT_READER_H
#define CONTROL_AUDIT_READER_H

#include <stddef.h>
#include <stdint.h>

/* What is wanted; zeroed: everything. */
struct audit_filter {
	int64_t since_s; /* wall seconds */
	const char *key_id, *action;
	const char *result; /* "ok", or "refused" for everything else */
	const char *id; /* named by the row, as "lb-..." */
	int64_t newest; /* at most so many, the newest; 0 = all */
};

struct audit_entry {
	int64_t wall_s;
	const char *key_id, *action, *request_id, *result, *detail;
};

/*
 * Calls `each` for every wanted row of DIR/setia.db, the newest last; it returns 0 to go on or an
 * -errno to end with. 0, or -errno with a sentence in `why` unless it came from `each`.
 */
int audit_read(const char *data, const struct audit_filter *filter,
	       int (*each)(const struct audit_entry *entry, void *context), void *context,
	       char *why, size_t why_size);

#endif

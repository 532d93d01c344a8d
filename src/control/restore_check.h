/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a file can be a balancer's database, found out on a copy of it that nobody else can
 * change. A command's one thread.
 */
#ifndef CONTROL_RESTORE_CHECK_H
#define CONTROL_RESTORE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "control/store.h"

/* What the database holds beside its configuration that DIR has in files. */
struct restore_findings {
	struct clock_anchor anchor;
	bool has_anchor;
	struct api_key key; /* the first enabled one */
	bool has_key;
	bool has_known_key; /* an enabled key stands in the text that was asked for */
};

/*
 * Checks DIRECTORY/setia.db whole: whose it is, every page and row, that the configuration can be
 * loaded and published. Brings an older version up to date, and takes what only a backup has out of
 * it. `name` is what people call the file, `credentials` the text of DIR/credentials. -errno with a
 * sentence in `why`.
 */
int restore_check(const char *directory, const char *name, const char *credentials,
		  struct restore_findings *ret, char *why, size_t why_size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shared region counts, as Prometheus' text format 0.0.4. Names and labels are part of the
 * contract with whoever reads them (docs/guide/metrics.md). Control's one thread.
 */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "control/state.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* malloc'd, *ret_size bytes. -ENOMEM; -E2BIG: more than METRICS_MOST. */
int metrics_text(const struct control *control, char **ret_text, size_t *ret_size);

/* metrics_access.c */

/* Makes DIR/metrics_token (0600) when it is not there. -errno. */
int metrics_token_make(const char *data_dir);

/* Who asks, as far as it matters here. */
struct metrics_reader {
	const struct sockaddr *peer; /* NULL: unknown */
	const char *authorization; /* the field's value, or NULL */
	bool is_forwarded; /* X-Forwarded-For, Forwarded or Via stands in the request */
};

/*
 * The token of DIR/metrics_token as bearer opens it to everybody; without it, only a peer on the
 * loopback that speaks for itself.
 */
bool metrics_may_read(const char *data_dir, const struct metrics_reader *reader);

#endif

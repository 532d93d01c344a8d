/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that print a snapshot share; for nobody else. Any thread. */
#ifndef MODEL_SNAPSHOT_PRINT_H
#define MODEL_SNAPSHOT_PRINT_H

#include "model/snapshot.h"

/* Any bytes, as name="...". */
void snapshot_print_bytes(const char *name, struct bytes bytes, FILE *out);
/* The custom configurations with their headers and pages. */
void snapshot_print_http(const struct snapshot *snapshot, FILE *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a snapshot: who may connect to an instance. Part of model/snapshot_rows.h. */
#ifndef MODEL_SNAPSHOT_ACCESS_H
#define MODEL_SNAPSHOT_ACCESS_H

#include <stdint.h>

#include "model/snapshot_http.h"

/* Addresses as in struct address, both ends included; IPv4 has zeros behind its four bytes. */
struct snapshot_range {
	uint8_t first[16], last[16];
};

/*
 * Runs of SNAPSHOT_RANGES, each sorted, without two that meet. A client in a deny run may not
 * connect; where an allow run of either family has entries, only clients in one may.
 */
struct snapshot_access {
	struct snapshot_run allow_ipv4, allow_ipv6, deny_ipv4, deny_ipv6;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may connect, as traffic looks it up: an instance's lists of networks as sorted ranges that do
 * not meet, IPv4 and IPv6 apart. Pure; any thread.
 */
#ifndef MODEL_ACCESS_RANGES_H
#define MODEL_ACCESS_RANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "model/access_control.h"
#include "model/snapshot.h"

/*
 * The networks of this family: sorted, those that overlap or touch made one. `out` has room for
 * `count`; returns how many there are. A network with bits behind its own is taken without them.
 */
size_t access_ranges_make(const struct cidr *cidrs, size_t count, enum address_family family,
			  struct snapshot_range *out);

/* Is the address in one of them? Its family is the caller's business. */
bool access_ranges_have(const struct snapshot_range *ranges, size_t count,
			const struct address *address);

static inline bool access_has_lists(const struct snapshot_access *access)
{
	return (access->allow_ipv4.count | access->allow_ipv6.count | access->deny_ipv4.count |
		access->deny_ipv6.count) != 0;
}

/* Not in the one list, and in the other one where that has entries. */
bool access_admits(const struct snapshot *snapshot, const struct snapshot_access *access,
		   const struct address *client);

#endif

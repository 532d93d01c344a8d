/* SPDX-License-Identifier: Apache-2.0 */
/* Networks to ranges, and the search in them. Pure; any thread. */
#include "model/access_ranges.h"

#include <stdlib.h>
#include <string.h>

static void range_of(const struct cidr *cidr, struct snapshot_range *ret)
{
	size_t size = cidr->address.family == ADDRESS_IPV4 ? 4 : sizeof(ret->first);

	*ret = (struct snapshot_range){ 0 };
	for (size_t i = 0; i < size; i++) {
		unsigned before = (unsigned)i * 8;
		unsigned own = cidr->bits <= before ? 0 : cidr->bits - before;
		uint8_t mask = own >= 8 ? 0xff : (uint8_t)(0xff00u >> own);

		ret->first[i] = cidr->address.ip[i] & mask;
		ret->last[i] = ret->first[i] | (uint8_t)~mask;
	}
}

static int range_order(const void *a, const void *b)
{
	const struct snapshot_range *first = a, *second = b;

	return memcmp(first->first, second->first, sizeof(first->first));
}

/* Is `next` the address right behind `last`, among the first `size` bytes? */
static bool touches(const uint8_t last[16], const uint8_t next[16], size_t size)
{
	uint8_t behind[16];

	memcpy(behind, last, sizeof(behind));
	while (size > 0 && ++behind[size - 1] == 0)
		size--;
	/* Behind the last address of all there is none. */
	return size > 0 && memcmp(behind, next, sizeof(behind)) == 0;
}

size_t access_ranges_make(const struct cidr *cidrs, size_t count, enum address_family family,
			  struct snapshot_range *out)
{
	size_t size = family == ADDRESS_IPV4 ? 4 : sizeof(out->first), made = 0, kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (cidrs[i].address.family == family)
			range_of(&cidrs[i], &out[made++]);
	}
	if (made > 1)
		qsort(out, made, sizeof(*out), range_order);
	for (size_t i = 0; i < made; i++) {
		struct snapshot_range *before = kept ? &out[kept - 1] : NULL;

		if (!before || (memcmp(out[i].first, before->last, sizeof(before->last)) > 0 &&
				!touches(before->last, out[i].first, size)))
			out[kept++] = out[i];
		else if (memcmp(out[i].last, before->last, sizeof(before->last)) > 0)
			memcpy(before->last, out[i].last, sizeof(before->last));
	}
	return kept;
}

bool access_ranges_have(const struct snapshot_range *ranges, size_t count,
			const struct address *address)
{
	size_t least = 0, most = count;

	/* The last range that does not begin behind the address, if any, stands before `least`. */
	while (least < most) {
		size_t middle = least + (most - least) / 2;

		if (memcmp(ranges[middle].first, address->ip, sizeof(address->ip)) <= 0)
			least = middle + 1;
		else
			most = middle;
	}
	return least > 0 && memcmp(address->ip, ranges[least - 1].last, sizeof(address->ip)) <= 0;
}

static bool run_has(const struct snapshot *snapshot, struct snapshot_run run,
		    const struct address *address)
{
	return run.count > 0 &&
	       access_ranges_have(&snapshot->ranges[run.first], run.count, address);
}

bool access_admits(const struct snapshot *snapshot, const struct snapshot_access *access,
		   const struct address *client)
{
	bool is_ipv4 = client->family == ADDRESS_IPV4;

	if (run_has(snapshot, is_ipv4 ? access->deny_ipv4 : access->deny_ipv6, client))
		return false;
	if (access->allow_ipv4.count == 0 && access->allow_ipv6.count == 0)
		return true;
	return run_has(snapshot, is_ipv4 ? access->allow_ipv4 : access->allow_ipv6, client);
}

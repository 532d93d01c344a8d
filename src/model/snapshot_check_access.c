/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker's look at who may connect: the runs of all instances follow each other without a gap,
 * and each is sorted, of ranges that do not meet and are addresses of its family. Any thread.
 */
#include <errno.h>

#include "model/snapshot_check.h"

static bool is_ipv4(const uint8_t ip[16])
{
	static const uint8_t zeros[12];

	return memcmp(ip + 4, zeros, sizeof(zeros)) == 0;
}

static const char *range_fault(const struct snapshot_range *range,
			       const struct snapshot_range *before, enum address_family family)
{
	if (family == ADDRESS_IPV4 && !(is_ipv4(range->first) && is_ipv4(range->last)))
		return "IPv4, and yet it has bytes behind the fourth";
	if (memcmp(range->first, range->last, sizeof(range->first)) > 0)
		return "it ends before it begins";
	if (before && memcmp(before->last, range->first, sizeof(range->first)) >= 0)
		return "it is not behind the one before it";
	return NULL;
}

/* The run has to begin at *seen, and moves it on. */
static int check_run(struct snapshot_checker *checker, uint32_t instance, struct snapshot_run run,
		     enum address_family family, uint32_t *seen)
{
	const struct snapshot_range *ranges = checker->view.ranges;

	if (run.first != *seen || run.count > LIMIT_CIDRS ||
	    run.count > checker->counts[SNAPSHOT_RANGES] - *seen)
		return snapshot_refuse(checker, SNAPSHOT_INSTANCES, instance,
				       "a run of address ranges is out of place");
	for (uint32_t i = 0; i < run.count; i++) {
		uint32_t row = run.first + i;
		const char *fault =
			range_fault(&ranges[row], i > 0 ? &ranges[row - 1] : NULL, family);

		if (fault)
			return snapshot_refuse(checker, SNAPSHOT_RANGES, row, "%s", fault);
	}
	*seen += run.count;
	return 0;
}

int snapshot_check_access(struct snapshot_checker *checker)
{
	uint32_t seen = 0;

	for (uint32_t row = 0; row < checker->counts[SNAPSHOT_INSTANCES]; row++) {
		const struct snapshot_access *access = &checker->view.instances[row].access;
		int error = check_run(checker, row, access->allow_ipv4, ADDRESS_IPV4, &seen);

		if (error == 0)
			error = check_run(checker, row, access->allow_ipv6, ADDRESS_IPV6, &seen);
		if (error == 0)
			error = check_run(checker, row, access->deny_ipv4, ADDRESS_IPV4, &seen);
		if (error == 0)
			error = check_run(checker, row, access->deny_ipv6, ADDRESS_IPV6, &seen);
		if (error)
			return error;
	}
	return seen == checker->counts[SNAPSHOT_RANGES]
		       ? 0
		       : snapshot_refuse(checker, SNAPSHOT_RANGES, seen, "no instance has it");
}

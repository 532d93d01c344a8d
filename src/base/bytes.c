/* SPDX-License-Identifier: Apache-2.0 */
/* The questions about a run of bytes that are too long to be inline. Pure; any thread. */
#include "base/bytes.h"

#include <errno.h>

int bytes_compare(struct bytes a, struct bytes b)
{
	size_t common = a.size < b.size ? a.size : b.size;
	int order = common > 0 ? memcmp(a.at, b.at, common) : 0;

	if (order != 0)
		return order;
	return (a.size > b.size) - (a.size < b.size);
}

int bytes_to_u64(struct bytes text, uint64_t most, uint64_t *ret_value)
{
	uint64_t value = 0;
	bool is_above = false;

	if (text.size == 0)
		return -EINVAL;
	for (size_t i = 0; i < text.size; i++) {
		unsigned digit = (unsigned)(unsigned char)text.at[i] - '0';

		if (digit > 9)
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			is_above = true;
	}
	if (is_above || value > most)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

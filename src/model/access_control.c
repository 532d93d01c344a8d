/* SPDX-License-Identifier: Apache-2.0 */
/* Networks as text and as values. Pure but for the lists' memory; any thread. */
#include "model/access_control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_bits_behind(const struct address *address, unsigned bits)
{
	for (unsigned i = bits; i < sizeof(address->ip) * 8; i++) {
		if (address->ip[i / 8] & (0x80 >> (i % 8)))
			return true;
	}
	return false;
}

int cidr_parse(const char *text, struct cidr *ret)
{
	const char *slash = strchr(text, '/');
	struct bytes ip = { text, slash ? (size_t)(slash - text) : strlen(text) };
	struct address address;
	uint64_t bits, most;

	if (address_parse_ip(ip, &address) != 0)
		return -EINVAL;
	/* "::ffff:10.0.0.0/104" would become another network: whoever means IPv4 writes it so. */
	if (address.family == ADDRESS_IPV4 && memchr(ip.at, ':', ip.size))
		return -EINVAL;
	most = address.family == ADDRESS_IPV4 ? 32 : 128;
	bits = most;
	if (slash && (strlen(slash + 1) > 3 || bytes_to_u64(bytes_of(slash + 1), most, &bits) != 0))
		return -EINVAL;
	if (has_bits_behind(&address, (unsigned)bits))
		return -EINVAL;
	*ret = (struct cidr){ address, (uint8_t)bits };
	return 0;
}

void cidr_format(const struct cidr *cidr, char out[CIDR_TEXT_SIZE])
{
	int size = address_format_ip(&cidr->address, out);

	snprintf(out + size, (size_t)(CIDR_TEXT_SIZE - size), "/%u", cidr->bits);
}

void access_control_done(struct access_control *access)
{
	free(access->allow);
	free(access->deny);
	*access = (struct access_control){ 0 };
}

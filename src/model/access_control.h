/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may connect to an instance: lists of networks, the honest form of a security group. A client
 * in `deny` may not; where `allow` has entries, only clients in it may; without entries all may.
 * Plain values; control's thread.
 */
#ifndef MODEL_ACCESS_CONTROL_H
#define MODEL_ACCESS_CONTROL_H

#include <stddef.h>

#include "base/address.h"

/* An address and how many of its first bits count; the others are 0, and so is the port. */
struct cidr {
	struct address address;
	uint8_t bits; /* 0..32 of IPv4, 0..128 of IPv6 */
};

#define CIDR_TEXT_SIZE (ADDRESS_IP_TEXT_SIZE + 4) /* "/128" */

/* Lists in the order in which they were given; each network once. */
struct access_control {
	struct cidr *allow, *deny;
	size_t allow_count, deny_count;
};

/*
 * "10.0.0.0/8", "2001:db8::/32"; an address alone is one of all its bits. -EINVAL: no address, bad
 * bits, or bits set behind them.
 */
int cidr_parse(const char *text, struct cidr *ret);
/* Always with the bits. */
void cidr_format(const struct cidr *cidr, char out[CIDR_TEXT_SIZE]);

void access_control_done(struct access_control *access);

#endif

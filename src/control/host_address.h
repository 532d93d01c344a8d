/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about addresses that the control plane asks before it believes one. */
#ifndef CONTROL_HOST_ADDRESS_H
#define CONTROL_HOST_ADDRESS_H

#include "base/address.h"

/*
 * Can a socket of this machine be opened on it: an any-address, all of 127.0.0.0/8, or an address
 * of one of its interfaces. 1 or 0, or -errno of asking the kernel.
 */
int address_is_of_host(const struct address *address);

/* One machine could answer there: no any-address, multicast, broadcast or reserved range. */
bool address_is_unicast(const struct address *address);

/* fe80::/10: means nothing without the interface, which the API cannot name. */
bool address_is_link_local(const struct address *address);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of address it is, and whether it is ours. Any thread. */
#include "control/host_address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

static bool interface_has(const struct ifaddrs *interface, const struct address *address)
{
	struct sockaddr_storage storage = { 0 };
	struct address own;
	size_t size;

	if (!interface->ifa_addr)
		return false;
	if (interface->ifa_addr->sa_family == AF_INET)
		size = sizeof(struct sockaddr_in);
	else if (interface->ifa_addr->sa_family == AF_INET6)
		size = sizeof(struct sockaddr_in6);
	else
		return false;
	memcpy(&storage, interface->ifa_addr, size);
	if (address_from_sockaddr(&storage, &own) != 0)
		return false;
	own.port = address->port;
	return address_equal(&own, address);
}

int address_is_of_host(const struct address *address)
{
	struct ifaddrs *interfaces;
	int found = 0;

	if (address_is_any(address) || (address->family == ADDRESS_IPV4 && address->ip[0] == 127))
		return 1;
	if (getifaddrs(&interfaces) != 0)
		return -errno;
	for (const struct ifaddrs *at = interfaces; at && !found; at = at->ifa_next)
		found = interface_has(at, address);
	freeifaddrs(interfaces);
	return found;
}

bool address_is_unicast(const struct address *address)
{
	switch (address->family) {
	case ADDRESS_IPV4:
		return address->ip[0] >= 1 && address->ip[0] <= 223;
	case ADDRESS_IPV6:
		return address->ip[0] != 0xff && !address_is_any(address);
	default:
		return false;
	}
}

bool address_is_link_local(const struct address *address)
{
	return address->family == ADDRESS_IPV6 && address->ip[0] == 0xfe &&
	       (address->ip[1] & 0xc0) == 0x80;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An internet address with its port, in the one shape that every folder and the snapshot share.
 * IPv4 stands in the first four bytes of `ip`, the rest is zero, so that two addresses are equal
 * exactly when their bytes are.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"

enum address_family {
	ADDRESS_NONE = 0,
	ADDRESS_IPV4 = 4,
	ADDRESS_IPV6 = 6,
};

struct address {
	uint8_t ip[16]; /* network order */
	uint16_t port; /* host order */
	uint8_t family; /* enum address_family */
	uint8_t unused; /* zero */
};

/* "255.255.255.255" .. "ffff:...:255.255.255.255" and NUL. */
#define ADDRESS_IP_TEXT_SIZE 46
/* "[" ip "]:65535" and NUL. */
#define ADDRESS_TEXT_SIZE 54

/* Dotted quad or IPv6 text (no zone, no brackets, no port). -EINVAL otherwise; port is set to 0. */
int address_parse_ip(struct bytes text, struct address *ret_address);

/* "1.2.3.4:80" or "[::1]:80". -EINVAL otherwise. */
int address_parse(struct bytes text, struct address *ret_address);

/* Both return the length written, without NUL. */
int address_format_ip(const struct address *address, char text[ADDRESS_IP_TEXT_SIZE]);
int address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

bool address_equal(const struct address *a, const struct address *b);
bool address_is_any(const struct address *address); /* 0.0.0.0 or :: */

/* Returns the length of the sockaddr; 0 for ADDRESS_NONE. */
socklen_t address_to_sockaddr(const struct address *address, struct sockaddr_storage *ret_storage);
/* An IPv4-mapped IPv6 peer becomes IPv4. -EAFNOSUPPORT for other families. */
int address_from_sockaddr(const struct sockaddr_storage *storage, struct address *ret_address);

#endif

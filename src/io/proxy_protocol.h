/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header that tells a target who its client is: HAProxy's PROXY protocol, version 2
 * (2020/03/05, proxy-protocol.txt section 2.2). Pure.
 */
#ifndef IO_PROXY_PROTOCOL_H
#define IO_PROXY_PROTOCOL_H

#include <stddef.h>

#include "base/address.h"

#define PROXY_HEADER_MOST 52 /* 16, and two IPv6 addresses with ports */

/*
 * For a TCP connection from `source` to `destination`, into at least PROXY_HEADER_MOST bytes.
 * Returns the size. When the two are not of one family the header says so ("UNSPEC", no addresses):
 * the target then takes the connection's own.
 */
size_t proxy_header_write(const struct address *source, const struct address *destination,
			  char *out);

#endif

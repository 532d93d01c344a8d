/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol's binary header. Any thread. */
#include "io/proxy_protocol.h"

#include <string.h>

#define SIGNATURE_SIZE 12
#define HEADER_SIZE 16 /* signature, version and command, family, length */
#define VERSION_2_PROXY 0x21
#define TCP_OVER_IPV4 0x11
#define TCP_OVER_IPV6 0x21

static size_t put_port(unsigned char *out, uint16_t port)
{
	out[0] = (unsigned char)(port >> 8);
	out[1] = (unsigned char)port;
	return 2;
}

size_t proxy_header_write(const struct address *source, const struct address *destination,
			  char *out)
{
	static const unsigned char signature[SIGNATURE_SIZE] = "\r\n\r\n\0\r\nQUIT\n";
	unsigned char *bytes = (unsigned char *)out;
	size_t size = HEADER_SIZE, ip_size = 0;

	memset(bytes, 0, HEADER_SIZE);
	memcpy(bytes, signature, SIGNATURE_SIZE);
	bytes[12] = VERSION_2_PROXY;
	if (source->family == destination->family && source->family == ADDRESS_IPV4) {
		bytes[13] = TCP_OVER_IPV4;
		ip_size = 4;
	} else if (source->family == destination->family && source->family == ADDRESS_IPV6) {
		bytes[13] = TCP_OVER_IPV6;
		ip_size = 16;
	}
	if (!ip_size)
		return size;
	memcpy(bytes + size, source->ip, ip_size);
	memcpy(bytes + size + ip_size, destination->ip, ip_size);
	size += 2 * ip_size;
	size += put_port(bytes + size, source->port);
	size += put_port(bytes + size, destination->port);
	bytes[15] = (unsigned char)(size - HEADER_SIZE);
	return size;
}

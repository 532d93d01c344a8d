/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses as text and as sockaddr. Text is read strictly (no octal, no zone, no missing parts),
 * and an IPv4-mapped IPv6 address becomes IPv4, so that one peer has one shape. Pure; any thread.
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#define IPV4_SIZE 4
#define IPV6_SIZE 16

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static void address_set_ipv4(struct address *address, const void *ip)
{
	memset(address, 0, sizeof(*address));
	address->family = ADDRESS_IPV4;
	memcpy(address->ip, ip, IPV4_SIZE);
}

static void address_set_ipv6(struct address *address, const void *ip)
{
	if (memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		address_set_ipv4(address, (const uint8_t *)ip + sizeof(mapped_prefix));
		return;
	}
	memset(address, 0, sizeof(*address));
	address->family = ADDRESS_IPV6;
	memcpy(address->ip, ip, IPV6_SIZE);
}

int address_parse_ip(struct bytes text, struct address *ret_address)
{
	char buffer[ADDRESS_IP_TEXT_SIZE];
	uint8_t ip[IPV6_SIZE];

	if (text.size == 0 || text.size >= sizeof(buffer) || memchr(text.at, '\0', text.size))
		return -EINVAL;
	memcpy(buffer, text.at, text.size);
	buffer[text.size] = '\0';
	if (inet_pton(AF_INET, buffer, ip) == 1) {
		address_set_ipv4(ret_address, ip);
		return 0;
	}
	if (inet_pton(AF_INET6, buffer, ip) == 1) {
		address_set_ipv6(ret_address, ip);
		return 0;
	}
	return -EINVAL;
}

int address_parse(struct bytes text, struct address *ret_address)
{
	const char *colon = text.size > 0 ? memrchr(text.at, ':', text.size) : NULL;
	struct bytes ip, port_text;
	struct address address;
	uint64_t port;
	bool has_brackets;

	if (!colon)
		return -EINVAL;
	ip = (struct bytes){ text.at, (size_t)(colon - text.at) };
	port_text = (struct bytes){ colon + 1, text.size - ip.size - 1 };
	has_brackets = ip.size >= 2 && ip.at[0] == '[' && ip.at[ip.size - 1] == ']';
	if (has_brackets)
		ip = (struct bytes){ ip.at + 1, ip.size - 2 };
	/* Brackets are for IPv6 and IPv6 needs them: without, its last group would read as a port.
	 */
	if (has_brackets != (ip.size > 0 && memchr(ip.at, ':', ip.size) != NULL))
		return -EINVAL;
	if (port_text.size > 5 || bytes_to_u64(port_text, UINT16_MAX, &port) != 0)
		return -EINVAL;
	if (address_parse_ip(ip, &address) != 0)
		return -EINVAL;
	address.port = (uint16_t)port;
	*ret_address = address;
	return 0;
}

/* Writes the digits of `number` and returns what stands behind them; no NUL. */
static char *number_write(char *text, unsigned number)
{
	char digits[10];
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	while (count > 0)
		*text++ = digits[--count];
	return text;
}

/* A large configuration has 100,000 of them, and inet_ntop goes through sprintf for each. */
static int ipv4_write(const uint8_t ip[IPV4_SIZE], char *text)
{
	char *at = text;

	for (int i = 0; i < IPV4_SIZE; i++) {
		if (i > 0)
			*at++ = '.';
		at = number_write(at, ip[i]);
	}
	*at = '\0';
	return (int)(at - text);
}

int address_format_ip(const struct address *address, char text[ADDRESS_IP_TEXT_SIZE])
{
	if (address->family == ADDRESS_NONE) {
		text[0] = '-';
		text[1] = '\0';
		return 1;
	}
	if (address->family == ADDRESS_IPV4)
		return ipv4_write(address->ip, text);
	/* The room is that of the longest text and the family is known: inet_ntop cannot fail. */
	if (!inet_ntop(AF_INET6, address->ip, text, ADDRESS_IP_TEXT_SIZE))
		text[0] = '\0';
	return (int)strlen(text);
}

int address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	bool has_brackets = address->family == ADDRESS_IPV6;
	char *at = text;

	if (has_brackets)
		*at++ = '[';
	at += address_format_ip(address, at);
	if (has_brackets)
		*at++ = ']';
	*at++ = ':';
	at = number_write(at, address->port);
	*at = '\0';
	return (int)(at - text);
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && a->port == b->port &&
	       memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool address_is_any(const struct address *address)
{
	static const uint8_t zero[IPV6_SIZE];

	return address->family != ADDRESS_NONE && memcmp(address->ip, zero, sizeof(zero)) == 0;
}

socklen_t address_to_sockaddr(const struct address *address, struct sockaddr_storage *ret_storage)
{
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)ret_storage;
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)ret_storage;

	memset(ret_storage, 0, sizeof(*ret_storage));
	switch (address->family) {
	case ADDRESS_IPV4:
		ipv4->sin_family = AF_INET;
		ipv4->sin_port = htons(address->port);
		memcpy(&ipv4->sin_addr, address->ip, IPV4_SIZE);
		return sizeof(*ipv4);
	case ADDRESS_IPV6:
		ipv6->sin6_family = AF_INET6;
		ipv6->sin6_port = htons(address->port);
		memcpy(&ipv6->sin6_addr, address->ip, IPV6_SIZE);
		return sizeof(*ipv6);
	default:
		return 0;
	}
}

int address_from_sockaddr(const struct sockaddr_storage *storage, struct address *ret_address)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)storage;
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)storage;

	switch (storage->ss_family) {
	case AF_INET:
		address_set_ipv4(ret_address, &ipv4->sin_addr);
		ret_address->port = ntohs(ipv4->sin_port);
		return 0;
	case AF_INET6:
		address_set_ipv6(ret_address, &ipv6->sin6_addr);
		ret_address->port = ntohs(ipv6->sin6_port);
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

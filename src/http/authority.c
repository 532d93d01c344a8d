/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host values and the authority of absolute-form targets: RFC 9110 section 7.2, RFC 3986
 * section 3.2. Any thread.
 */
#include "http/parse.h"

#include <arpa/inet.h>
#include <errno.h>

#include "http/classes.h"

/* The end of "[" IPv6address "]", or NULL. Zones and future versions have no place in HTTP. */
static const char *literal_end(const char *at, const char *end)
{
	const char *close = memchr(at, ']', (size_t)(end - at));
	char text[INET6_ADDRSTRLEN];
	struct in6_addr unused;
	size_t size;

	if (!close)
		return NULL;
	size = (size_t)(close - at - 1);
	if (size >= sizeof(text))
		return NULL;
	memcpy(text, at + 1, size);
	text[size] = 0;
	return inet_pton(AF_INET6, text, &unused) == 1 ? close + 1 : NULL;
}

/* The end of a reg-name, which every IPv4 address is too, or NULL. */
static const char *name_end_of_host(const char *at, const char *end)
{
	for (;;) {
		at = class_end(at, end, CLASS_HOST);
		if (at == end || *at != '%')
			return at;
		if (end - at < 3 || !(class_of(at[1]) & CLASS_HEX) ||
		    !(class_of(at[2]) & CLASS_HEX))
			return NULL;
		at += 3;
	}
}

int http_authority_parse(const char *head, struct http_span text, struct authority *ret)
{
	const char *at = head + text.at, *end = at + text.size, *host_end, *digit;
	int32_t port = 0;

	if (at == end) {
		*ret = (struct authority){ .host = text, .whole = text, .port = -1 };
		return 0;
	}
	host_end = *at == '[' ? literal_end(at, end) : name_end_of_host(at, end);
	if (!host_end || host_end == at || (host_end < end && *host_end != ':'))
		return -EBADMSG;
	for (digit = host_end + 1; digit < end; digit++) {
		if (*digit < '0' || *digit > '9')
			return -EBADMSG;
		port = port * 10 + *digit - '0';
		if (port > UINT16_MAX)
			return -EBADMSG;
	}
	ret->host = span_of(head, at, host_end);
	if (end - host_end < 2) {
		ret->whole = ret->host;
		ret->port = -1;
	} else {
		ret->whole = text;
		ret->port = port;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Echo requests and who waits for their echoes. An echo counts when its sequence is waited for, its
 * nonce is the one that was sent and it comes from the address that was asked. RFC 792, RFC 4443.
 */
#include "proxy/health_ping.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/random.h"
#include "process/log.h"
#include "proxy/health_probe.h"

#define READS_A_TURN 256 /* more wait for the next */

/* Both families have the same head; an echo says what its request said. */
struct echo {
	uint8_t type, code;
	uint16_t checksum;
	uint16_t identifier, sequence;
	char nonce[8];
	char payload[sizeof(PROBE_PAYLOAD) - 1];
};

_Static_assert(sizeof(struct echo) == 16 + sizeof(PROBE_PAYLOAD) - 1, "as it is on the wire");

/* RFC 1071. */
static uint16_t checksum_of(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	if (size % 2)
		sum += (uint32_t)bytes[size - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* The echo's own bytes: a raw IPv4 socket shows the IP header too. NULL: not an echo of ours. */
static const char *echo_find(const struct pinger_socket *socket, const char *bytes, size_t size,
			     struct echo *ret)
{
	bool is_ipv6 = socket->family == ADDRESS_IPV6;

	if (socket->is_raw && !is_ipv6) {
		size_t header = size ? (size_t)(bytes[0] & 0x0f) * 4 : 0;

		if (header < sizeof(struct iphdr) || size < header)
			return NULL;
		bytes += header;
		size -= header;
	}
	if (size < sizeof(*ret))
		return NULL;
	memcpy(ret, bytes, sizeof(*ret));
	if (ret->type != (is_ipv6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY))
		return NULL;
	if (socket->is_raw && ret->identifier != socket->pinger->identifier)
		return NULL;
	return bytes;
}

static void echo_take(struct pinger_socket *socket, const char *bytes, size_t size,
		      const struct address *from)
{
	struct probe *probe;
	struct echo echo;

	if (!echo_find(socket, bytes, size, &echo))
		return;
	probe = socket->pinger->waiting[ntohs(echo.sequence)];
	if (!probe || memcmp(echo.nonce, &probe->ping.nonce, sizeof(echo.nonce)) != 0 ||
	    from->family != probe->address.family ||
	    memcmp(from->ip, probe->address.ip, sizeof(from->ip)) != 0)
		return;
	ping_end(socket->pinger, probe);
	probe_echoed(probe);
}

static void echoes_ready(struct io_source *source)
{
	struct pinger_socket *socket = list_entry(source, struct pinger_socket, source);

	for (int i = 0; i < READS_A_TURN && source->fd >= 0; i++) {
		char bytes[256];
		struct sockaddr_storage storage;
		socklen_t length = sizeof(storage);
		struct address from;
		ssize_t size = recvfrom(source->fd, bytes, sizeof(bytes), MSG_DONTWAIT,
					(struct sockaddr *)&storage, &length);

		if (size < 0)
			return;
		if (address_from_sockaddr(&storage, &from) == 0)
			echo_take(socket, bytes, (size_t)size, &from);
	}
}

/* A raw socket hears every echo of the machine, and nothing else. */
static void raw_filter(int fd, bool is_ipv6)
{
	if (is_ipv6) {
		struct icmp6_filter filter;

		ICMP6_FILTER_SETBLOCKALL(&filter);
		ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
		setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
	} else {
		struct icmp_filter filter = { .data = ~(1u << ICMP_ECHOREPLY) };

		setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
	}
}

static int pinger_open(struct pinger *pinger, struct pinger_socket *pinger_socket)
{
	bool is_ipv6 = pinger_socket->family == ADDRESS_IPV6;
	int family = is_ipv6 ? AF_INET6 : AF_INET;
	int protocol = is_ipv6 ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	int error = fd < 0 ? -errno : 0;

	if (fd < 0) {
		fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
		pinger_socket->is_raw = fd >= 0;
		if (fd >= 0)
			raw_filter(fd, is_ipv6);
	}
	if (fd < 0 && probe_verdict_of(-errno) == PROBE_NO_ROOM)
		return -errno; /* another time */
	pinger_socket->is_tried = true;
	if (fd < 0) {
		log_event(LOG_LEVEL_WARNING, "ping_unavailable", "family",
			  is_ipv6 ? "IPv6" : "IPv4", "error", log_errno(error), "effect",
			  "checks of UDP targets look at the port only", NULL);
		return 0;
	}
	io_source_init(&pinger_socket->source, fd, echoes_ready);
	error = io_add_reader(pinger->io, &pinger_socket->source);
	if (error < 0)
		io_close(pinger->io, &pinger_socket->source);
	return error;
}

int pinger_init(struct pinger *pinger, struct io *io)
{
	int result;

	*pinger = (struct pinger){
		.io = io,
		.ipv4 = { .source.fd = -1, .pinger = pinger, .family = ADDRESS_IPV4 },
		.ipv6 = { .source.fd = -1, .pinger = pinger, .family = ADDRESS_IPV6 },
	};
	result = random_bytes(&pinger->seed, sizeof(pinger->seed));
	if (result == 0)
		result = random_bytes(&pinger->identifier, sizeof(pinger->identifier));
	if (result < 0)
		return result;
	pinger->waiting = calloc(PING_SEQUENCES, sizeof(struct probe *));
	return pinger->waiting ? 0 : -ENOMEM;
}

void pinger_done(struct pinger *pinger)
{
	if (!pinger->io)
		return;
	io_close(pinger->io, &pinger->ipv4.source);
	io_close(pinger->io, &pinger->ipv6.source);
	free(pinger->waiting);
	*pinger = (struct pinger){ 0 };
}

static ssize_t echo_send(const struct pinger_socket *socket, const struct probe *probe)
{
	bool is_ipv6 = socket->family == ADDRESS_IPV6;
	struct address address = probe->address;
	struct sockaddr_storage storage;
	struct echo echo = {
		.type = is_ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
		.identifier = socket->pinger->identifier,
		.sequence = htons(probe->ping.sequence),
	};
	socklen_t length;

	address.port = 0;
	length = address_to_sockaddr(&address, &storage);
	memcpy(echo.nonce, &probe->ping.nonce, sizeof(echo.nonce));
	memcpy(echo.payload, PROBE_PAYLOAD, sizeof(echo.payload));
	if (socket->is_raw && !is_ipv6)
		echo.checksum = checksum_of(&echo, sizeof(echo));
	return sendto(socket->source.fd, &echo, sizeof(echo), MSG_DONTWAIT | MSG_NOSIGNAL,
		      (struct sockaddr *)&storage, length);
}

int ping_begin(struct pinger *pinger, struct probe *probe)
{
	struct pinger_socket *socket =
		probe->address.family == ADDRESS_IPV6 ? &pinger->ipv6 : &pinger->ipv4;
	int result = socket->is_tried ? 0 : pinger_open(pinger, socket);

	if (result < 0)
		return result;
	if (socket->source.fd < 0)
		return -EPERM;
	do {
		pinger->sent++; /* far fewer probes than sequences are under way */
	} while (pinger->waiting[pinger->sent % PING_SEQUENCES]);
	probe->ping = (struct ping){
		.nonce = hash_bytes_seeded(&pinger->sent, sizeof(pinger->sent), pinger->seed),
		.sequence = (uint16_t)(pinger->sent % PING_SEQUENCES),
	};
	/* A full socket's echo is lost, as it may be on its way. */
	if (echo_send(socket, probe) < 0 && errno != EAGAIN)
		return -errno == -EPERM ? -EHOSTUNREACH : -errno;
	probe->ping.is_waiting = true;
	pinger->waiting[probe->ping.sequence] = probe;
	return 0;
}

void ping_end(struct pinger *pinger, struct probe *probe)
{
	pinger->waiting[probe->ping.sequence] = NULL;
	probe->ping.is_waiting = false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes of UDP targets. PING: an ICMP echo and a datagram; good when the echo came and nobody said
 * that the port is closed until the time was up. CUSTOM: bytes of the operator's own, and the first
 * datagram that comes back. Runs on the checker's thread.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "model/words.h"
#include "proxy/health_probe.h"

/* What one datagram, or the network's answer to ours, tells. */
static enum probe_verdict datagram_take(struct probe *probe, const char *bytes, ssize_t size)
{
	if (size < 0) {
		/* The size of a way, not its end. */
		if (size == -EMSGSIZE)
			return PROBE_UNDER_WAY;
		return probe_verdict_of((int)size);
	}
	if (probe->type == CHECK_CUSTOM) {
		struct bytes got = { bytes, (size_t)size };
		struct bytes expected = { probe->expected, probe->expected_size };

		return bytes_starts_with(got, expected) ? PROBE_GOOD : PROBE_MISMATCH;
	}
	probe->has_spoken = true;
	return probe->is_echoed ? PROBE_GOOD : PROBE_UNDER_WAY;
}

static enum probe_verdict datagram_read(struct probe *probe)
{
	/* Whoever floods has its timeout to do so; a turn takes these. */
	for (int i = 0; i < 8; i++) {
		char bytes[2048];
		ssize_t got = recv(probe->stream.source.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		enum probe_verdict verdict;

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return PROBE_UNDER_WAY;
		verdict = datagram_take(probe, bytes, got < 0 ? -errno : got);
		if (verdict != PROBE_UNDER_WAY)
			return verdict;
	}
	return PROBE_UNDER_WAY;
}

static void datagram_ready(struct io_source *source)
{
	struct probe *probe = list_entry(source, struct probe, stream.source);
	enum probe_verdict verdict = datagram_read(probe);

	if (verdict != PROBE_UNDER_WAY)
		probe_end(probe, verdict);
}

void probe_echoed(struct probe *probe)
{
	probe->is_echoed = true;
	if (probe->has_spoken)
		probe_end(probe, PROBE_GOOD);
}

enum probe_verdict probe_datagram_timeout(const struct probe *probe)
{
	if (probe->type == CHECK_CUSTOM)
		return PROBE_TIMEOUT;
	return probe->is_echoed ? PROBE_GOOD : PROBE_NO_ECHO;
}

/* Connected: only the target is heard, and what ICMP says of it. */
static int datagram_connect(struct probe *probe)
{
	struct sockaddr_storage storage;
	socklen_t size = address_to_sockaddr(&probe->address, &storage);
	int fd, on = 1;

	if (!size)
		return -EAFNOSUPPORT;
	fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	/* Tells of hosts and networks that cannot be reached, too. */
	if (probe->address.family == ADDRESS_IPV6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	io_source_init(&probe->stream.source, fd, datagram_ready);
	if (connect(fd, (struct sockaddr *)&storage, size) < 0)
		return -errno;
	return io_add_stream(probe->prober->io, &probe->stream.source);
}

static void payload_write(struct probe *probe, const struct probe_order *order)
{
	struct bytes send = { PROBE_PAYLOAD, sizeof(PROBE_PAYLOAD) - 1 };

	if (probe->type == CHECK_CUSTOM) {
		struct bytes receive = snapshot_bytes(order->snapshot, order->check->receive);

		send = snapshot_bytes(order->snapshot, order->check->send);
		if (send.size > sizeof(probe->out))
			send.size = sizeof(probe->out);
		if (receive.size > sizeof(probe->expected))
			receive.size = sizeof(probe->expected);
		memcpy(probe->expected, receive.at, receive.size);
		probe->expected_size = (uint16_t)receive.size;
	}
	memcpy(probe->out, send.at, send.size);
	probe->out_size = (uint16_t)send.size;
}

enum probe_verdict probe_datagram_begin(struct probe *probe, const struct probe_order *order)
{
	int result;

	payload_write(probe, order);
	result = datagram_connect(probe);
	if (result < 0)
		return probe_verdict_of(result);
	if (probe->type == CHECK_CUSTOM) {
		probe->is_echoed = true;
	} else {
		result = ping_begin(&probe->prober->pinger, probe);
		if (result == -EPERM)
			probe->is_echoed = true; /* nobody can ask */
		else if (result < 0)
			return probe_verdict_of(result);
	}
	if (send(probe->stream.source.fd, probe->out, probe->out_size, MSG_NOSIGNAL) < 0 &&
	    errno != EAGAIN)
		return probe_verdict_of(-errno);
	return PROBE_UNDER_WAY;
}

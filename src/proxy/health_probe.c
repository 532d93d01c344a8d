/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a probe, whatever it asks: its beginning, its timeout, its one end. Runs on the
 * checker's thread.
 */
#include "proxy/health_probe.h"

#include <errno.h>
#include <stdlib.h>

#include "model/health_check.h"

_Static_assert(sizeof(((struct probe *)0)->expected) >= HEALTH_CONTEXT_MOST,
	       "all that is expected");
_Static_assert(PROBE_OUT_MOST > HEALTH_CONTEXT_MOST, "all that is sent");

int prober_init(struct prober *prober, struct io *io, struct timer_wheel *wheel)
{
	*prober = (struct prober){ .io = io, .wheel = wheel };
	list_init(&prober->probes);
	list_init(&prober->graves);
	return pinger_init(&prober->pinger, io);
}

void prober_free_dead(struct prober *prober)
{
	while (!list_is_empty(&prober->graves)) {
		struct grave *grave = list_entry(prober->graves.next, struct grave, link);

		list_remove(&grave->link);
		/* The analyzer does not follow list links. NOLINTNEXTLINE(clang-analyzer-*) */
		free(grave->memory);
	}
}

static void probe_close(struct probe *probe)
{
	struct prober *prober = probe->prober;

	if (probe->ping.is_waiting)
		ping_end(&prober->pinger, probe);
	timer_done(prober->wheel, &probe->timer);
	if (!probe->is_datagram && probe->stream.source.fd >= 0)
		stream_abort(&probe->stream);
	io_close(prober->io, &probe->stream.source);
	list_remove(&probe->link);
	prober->count--;
	free(probe->in);
	probe->in = NULL;
	/* Events of this turn may still point at it. */
	probe->grave.memory = probe;
	list_append(&prober->graves, &probe->grave.link);
}

void probe_cancel(struct probe *probe)
{
	if (probe)
		probe_close(probe);
}

void probe_end(struct probe *probe, enum probe_verdict verdict)
{
	struct prober *prober = probe->prober;

	probe_close(probe);
	prober->on_end(prober, probe, verdict);
}

void prober_done(struct prober *prober)
{
	while (!list_is_empty(&prober->probes))
		probe_close(list_entry(prober->probes.next, struct probe, link));
	prober_free_dead(prober);
	pinger_done(&prober->pinger);
}

static void probe_fire(struct timer *timer)
{
	struct probe *probe = list_entry(timer, struct probe, timer);

	probe_end(probe, probe->is_datagram ? probe_datagram_timeout(probe) : PROBE_TIMEOUT);
}

enum probe_verdict probe_verdict_of(int error)
{
	switch (error) {
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -ENOBUFS:
	case -ENOSPC:
	case -EADDRNOTAVAIL:
		return PROBE_NO_ROOM;
	case -ECONNREFUSED:
		return PROBE_REFUSED;
	case -ETIMEDOUT:
		return PROBE_TIMEOUT;
	case -ECONNRESET:
	case -EPIPE:
		return PROBE_CLOSED;
	default:
		return PROBE_UNREACHABLE;
	}
}

enum probe_verdict probe_begin(struct prober *prober, const struct probe_order *order,
			       struct probe **ret)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	enum probe_verdict verdict;

	if (!probe)
		return PROBE_NO_ROOM;
	probe->prober = prober;
	probe->owner = order->owner;
	probe->address = *order->address;
	if (order->check->port)
		probe->address.port = order->check->port;
	probe->type = order->check->type;
	probe->http_code = order->check->http_code;
	probe->is_get = order->check->is_get;
	probe->is_datagram = order->is_datagram;
	probe->stream.source.fd = -1;
	timer_init(&probe->timer, probe_fire);
	list_append(&prober->probes, &probe->link);
	prober->count++;
	timer_set(prober->wheel, &probe->timer, prober->now_ms + order->check->timeout_ms);
	verdict = probe->is_datagram ? probe_datagram_begin(probe, order)
				     : probe_stream_begin(probe, order);
	if (verdict == PROBE_UNDER_WAY)
		*ret = probe;
	else
		probe_close(probe);
	return verdict;
}

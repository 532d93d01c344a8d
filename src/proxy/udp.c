/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP listeners: their sockets are held. Runs on the worker's thread.
 */
#include "proxy/udp.h"

#include "proxy/worker.h"
#include "proxy/listener.h"

int udp_open(struct worker *worker, struct proxy_listener *listener)
{
	io_remove(worker->io, &listener->source);
	return 0;
}

void udp_ready(struct proxy_listener *listener)
{
}

void udp_adopt(struct worker *worker)
{
}

void udp_close(struct proxy_listener *listener)
{
}

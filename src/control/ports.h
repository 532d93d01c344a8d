/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which listener has which port. A port belongs to one listener per address and transport, across
 * instances; an any-address (0.0.0.0, ::) meets every address of its own family only, because IPv6
 * sockets are opened with IPV6_V6ONLY. Pure.
 */
#ifndef CONTROL_PORTS_H
#define CONTROL_PORTS_H

#include "model/model.h"

/* The listener that would meet a new one on vip:port, or NULL. *ret_owner: its instance. */
const struct listener *ports_find(const struct model *model, const struct address *vip,
				  enum protocol protocol, uint16_t port,
				  const struct instance **ret_owner);

/* Some listener of the model that meets another one; NULL when there is none (or no memory). */
const struct listener *ports_check(const struct model *model);

#endif

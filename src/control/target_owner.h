/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What servers are bound to: a rule of layer 7, or a listener of layer 4. Control's one thread;
 * everything pointed at is borrowed from the model.
 */
#ifndef CONTROL_TARGET_OWNER_H
#define CONTROL_TARGET_OWNER_H

#include "control/actions.h"

struct target_owner {
	struct instance *instance;
	struct listener *listener;
	struct rule *rule; /* NULL: the listener itself, of layer 4 */
};

/*
 * LoadBalancerId, ListenerId, and on layer 7 the rule: LocationId, or Url with or without Domain.
 * MissingParameter; InvalidParameter.LocationNotFound, also for a rule named on layer 4.
 */
int call_target_owner(struct call *call, struct target_owner *ret);

/* Its servers, by rising number; good until one is bound or unbound. */
struct target *const *owner_targets(const struct target_owner *owner, size_t *ret_count);
/* NULL when it has none with this address and port. */
struct target *owner_find_target(const struct target_owner *owner, const struct address *address);
/* For people: loc-xxxxxxxx or lbl-xxxxxxxx. */
const char *owner_id(const struct target_owner *owner);

/* In the store and in the model; the number and the slot are new. -errno: the target is still the
 * caller's. */
int owner_insert_target(struct call *call, const struct target_owner *owner, struct target *target);
/* From both; the target is gone afterwards. */
int owner_delete_target(struct call *call, const struct target_owner *owner, struct target *target);

#endif

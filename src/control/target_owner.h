/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What servers are bound to: a rule of layer 7, or a listener of layer 4; and servers as calls name
 * them. Control's one thread; everything pointed at is borrowed from the model.
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
/* The same for `input`, an element of a list of the call, whose path is `path`; `instance` is NULL
 * when the element has a LoadBalancerId. */
int call_target_owner_at(struct call *call, struct instance *instance, const json_t *input,
			 const char *path, struct target_owner *ret);

/* Its servers, by rising number; good until one is bound or unbound. */
struct target *const *owner_targets(const struct target_owner *owner, size_t *ret_count);
/* NULL when it has none with this address and port. */
struct target *owner_find_target(const struct target_owner *owner, const struct address *address);
/* For people: loc-xxxxxxxx or lbl-xxxxxxxx. */
const char *owner_id(const struct target_owner *owner);

/* TARGETS_OWN, or TARGETS_GROUP, whose group is NULL as long as none is associated. */
enum target_type owner_target_type(const struct target_owner *owner);
struct target_group *owner_group(const struct target_owner *owner);
/* InvalidParameter when its servers are those of a target group: they are changed there. */
int owner_check_own(struct call *call, const struct target_owner *owner, const char *field);

/* Whether its TargetType may become this one: not while it has servers or a group.
 * InvalidParameter. */
int owner_check_type(struct call *call, const struct target_owner *owner, enum target_type type);

/* Not bound yet. NULL when memory is out. */
struct target *target_make(const struct address *address, uint16_t weight, const char *tag);
/*
 * In the store and in the model; numbers and slots are new. What the model has taken over is NULL
 * in the array afterwards, the rest is still the caller's.
 */
int owner_insert_targets(struct call *call, const struct target_owner *owner,
			 struct target **targets, size_t count);
/* One of these values. */
int owner_add_target(struct call *call, const struct target_owner *owner,
		     const struct address *address, uint16_t weight, const char *tag);
/* Takes Weight and Tag of `input` over; what is not given stays. */
int owner_update_target(struct call *call, struct target *target, const json_t *input);
/* From both; the target is gone afterwards. */
int owner_delete_target(struct call *call, const struct target_owner *owner, struct target *target);

#define ABOUT_TARGET_TYPE                                                                     \
	"NODE (default): servers of its own. TARGETGROUP: those of the target group that is " \
	"associated with it. TARGETGROUP-V2 answers UnsupportedOperation until it is built."
/* TargetType of `input`, else *type as it is. UnsupportedOperation. */
int target_type_read(struct call *call, const json_t *input, const char *prefix, uint8_t *type);

/* Target, as calls give it. */
extern const struct field target_fields[]; /* action_target.c */

/* How a family of actions calls the address of a server, and its code for one that is none. */
struct server_field {
	const char *name, *code;
};
extern const struct server_field server_by_eni; /* EniIp */
extern const struct server_field server_by_bind; /* BindIP */
/* The server of an element of a list, whose path is `path`; Port 0 when it has none. The address of
 * one machine, or MissingParameter, the field's code or InvalidParameterValue. */
int server_read(struct call *call, const struct server_field *field, const json_t *input,
		const char *path, struct address *ret);

#endif

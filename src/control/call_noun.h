/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the actions on nouns share: finding what a call names, making identifiers, and saying what
 * was touched. Control's one thread; everything returned is borrowed from the model.
 */
#ifndef CONTROL_CALL_NOUN_H
#define CONTROL_CALL_NOUN_H

#include "control/actions.h"

/* LoadBalancerId. InvalidParameter.LBIdNotFound. */
int call_instance(struct call *call, struct instance **ret);

/* ... and ListenerId. InvalidParameter.ListenerIdNotFound. */
int call_listener(struct call *call, struct instance **ret_instance, struct listener **ret);

/* ListenerIds, which may be absent: all are the instance's. InvalidParameter.ListenerIdNotFound. */
int call_listener_ids(struct call *call, const struct instance *instance);

/* ... of protocol HTTP or HTTPS. InvalidParameter.ProtocolCheckFailed. */
int call_listener_7(struct call *call, struct instance **ret_instance, struct listener **ret);

/*
 * The rule of this layer-7 listener: LocationId, or Url with or without Domain. MissingParameter,
 * InvalidParameter.LocationNotFound.
 */
int call_rule(struct call *call, const struct listener *listener, struct rule **ret);

/* Has servers and settings of its own, and no rules. */
static inline bool listener_is_layer4(const struct listener *listener)
{
	return protocol_is_layer4((enum protocol)listener->protocol);
}

/* The task belongs to this instance. -ENOMEM. */
int call_touch(struct call *call, const struct instance *instance);

/* prefix and 8 characters of a-z0-9, random. -errno of the random generator. */
int id_make(const char *prefix, char ret_id[LIMIT_ID]);
/* Identifiers are unique by the schema: an insert that says -EEXIST is tried so often. */
#define ID_TRIES 5

/* ASCII letters of a domain in lower case, in place. An expression stays: "\D" is not "\d". */
void domain_lower(char *domain);

/* Replaces *text by a copy. -ENOMEM with *text unchanged. */
int text_set(char **text, const char *value);

/* Paths for a problem: "Rules[0]" or "Rules[0].Url" (`name` may be NULL); `name` below a prefix. */
struct field_path {
	char text[160];
};
struct field_path field_path(const char *list, size_t index, const char *name);
struct field_path field_below(const char *prefix, const char *name);

#endif

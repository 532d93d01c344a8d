/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nouns: instance -> listener -> rule (layer 7 only) -> target, as control keeps them in
 * memory. The store is the truth; these are its image, changed together with it and reloaded from
 * it when a transaction is rolled back. One thread (control's) owns everything here. Strings are
 * owned by the noun that holds them and are never NULL unless the comment says so.
 *
 * Numbers are given by the store, rise, and are never used twice; slots are small dense indexes
 * into the shared regions and may be used again after their owner is gone.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "model/access_control.h"
#include "model/cookie_key.h"
#include "model/custom_configuration.h"
#include "model/limits.h"
#include "model/listener.h"
#include "model/tag.h"

struct instance {
	uint64_t number;
	char id[LIMIT_ID]; /* lb-xxxxxxxx */
	char *name;
	uint8_t network;
	struct address vip; /* port 0 */
	bool is_stopped; /* then every listener is, and a new one too */
	struct access_control access;
	bool is_delete_protected;
	bool passes_to_target; /* LoadBalancerPassToTarget: kept and echoed */
	int64_t project_id;
	char *vpc_id, *subnet_id; /* kept and echoed; "" = none */
	uint32_t bandwidth_out; /* kept and echoed, Mbit/s */
	int64_t created_at;
	struct tag *tags;
	size_t tag_count;
	const struct custom_configuration *custom; /* the model's, or NULL */
	struct listener **listeners; /* by rising number */
	size_t listener_count;
};

struct model {
	struct instance **instances; /* by rising number */
	size_t instance_count;
	struct custom_configuration **customs; /* by rising number */
	size_t custom_count;
	struct target_group **groups; /* by rising number */
	size_t group_count;
	struct cookie_key keys[COOKIE_KEYS_MOST]; /* newest first: keys[0] seals */
	size_t key_count;
};

/*
 * Makers return zeroed nouns with empty strings set, or NULL when memory is out. Free accepts NULL
 * and half-built nouns, frees the children too, and returns NULL.
 */
struct instance *instance_new(void);
struct instance *instance_free(struct instance *instance);

/* All keep the order by number and own the child afterwards. -ENOMEM with nothing changed. */
int model_add_instance(struct model *model, struct instance *instance);
int model_add_custom(struct model *model, struct custom_configuration *custom);
int model_add_group(struct model *model, struct target_group *group);
int instance_add_listener(struct instance *instance, struct listener *listener);
/* Detach and free. Nothing may be bound to a custom configuration or a target group that goes. */
void model_remove_instance(struct model *model, struct instance *instance);
void model_remove_custom(struct model *model, struct custom_configuration *custom);
void model_remove_group(struct model *model, struct target_group *group);
void instance_remove_listener(struct instance *instance, struct listener *listener);
void model_done(struct model *model);

struct instance *model_find_instance(const struct model *model, const char *id);
struct custom_configuration *model_find_custom(const struct model *model, const char *id);
struct target_group *model_find_group(const struct model *model, const char *id);
struct listener *instance_find_listener(const struct instance *instance, const char *id);
/* By number, in all listeners of the instance; *ret_listener may be NULL. */
struct rule *instance_find_rule(const struct instance *instance, uint64_t number,
				struct listener **ret_listener);

#endif

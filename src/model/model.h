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
#include "model/cookie_key.h"
#include "model/custom_configuration.h"
#include "model/health_check.h"
#include "model/layer4.h"
#include "model/limits.h"
#include "model/words.h"

struct target {
	uint64_t number; /* its stable id: another registration is another target (SP-43) */
	uint32_t slot;
	struct address address;
	uint16_t weight; /* 0..100 */
	char *tag;
	int64_t created_at; /* wall seconds, like every created_at */
};

struct rule {
	uint64_t number;
	uint32_t slot;
	char id[LIMIT_ID]; /* loc-xxxxxxxx */
	char *domain; /* lower case; "" = any host */
	char *url; /* as given: "/path" prefix, "=/path" exact */
	uint8_t scheduler;
	uint8_t forward_type;
	bool has_http2;
	bool strips_cookie; /* extension: the target does not see the persistence cookie */
	bool keeps_draining; /* extension DrainPolicy: KEEP */
	uint32_t session_expire_s; /* 0 = off */
	char *cookie_name; /* "" = COOKIE_NAME_DEFAULT */
	struct health_check health_check;
	int64_t created_at;
	struct target **targets; /* by rising number */
	size_t target_count;
};

struct listener {
	uint64_t number;
	uint32_t slot;
	char id[LIMIT_ID]; /* lbl-xxxxxxxx */
	char *name;
	uint8_t protocol;
	uint16_t port;
	uint8_t scheduler; /* layer 4 */
	uint32_t session_expire_s; /* layer 4 */
	struct layer4 layer4; /* zero for others */
	bool has_keepalive; /* HTTP: to targets; KeepaliveEnable */
	char *default_domain; /* HTTP: the domain that unmatched hosts go to; "" = none */
	struct health_check health_check; /* layer 4 */
	char *access_log; /* HTTP, extension AccessLog: "" = off, "stderr", or a file's name */
	uint8_t access_log_format; /* enum access_log_format */
	int64_t created_at;
	int bind_error; /* errno of the last try to open its port; 0 = open or not tried yet */
	struct rule **rules; /* by rising number */
	size_t rule_count;
	struct target **targets; /* layer 4, by rising number */
	size_t target_count;
};

struct tag {
	char *key, *value;
};

struct instance {
	uint64_t number;
	char id[LIMIT_ID]; /* lb-xxxxxxxx */
	char *name;
	uint8_t network;
	struct address vip; /* port 0 */
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
	struct cookie_key keys[COOKIE_KEYS_MOST]; /* newest first: keys[0] seals */
	size_t key_count;
};

/*
 * Makers return zeroed nouns with empty strings set, or NULL when memory is out. Free accepts NULL
 * and half-built nouns, frees the children too, and returns NULL.
 */
struct instance *instance_new(void);
struct listener *listener_new(void);
struct rule *rule_new(void);
struct target *target_new(void);
struct instance *instance_free(struct instance *instance);
struct listener *listener_free(struct listener *listener);
struct rule *rule_free(struct rule *rule);
struct target *target_free(struct target *target);

/* All keep the order by number and own the child afterwards. -ENOMEM with nothing changed. */
int model_add_instance(struct model *model, struct instance *instance);
int model_add_custom(struct model *model, struct custom_configuration *custom);
int instance_add_listener(struct instance *instance, struct listener *listener);
int listener_add_rule(struct listener *listener, struct rule *rule);
int rule_add_target(struct rule *rule, struct target *target);
int listener_add_target(struct listener *listener, struct target *target);
/* Detach and free. No instance may be bound to a custom configuration that goes. */
void model_remove_instance(struct model *model, struct instance *instance);
void model_remove_custom(struct model *model, struct custom_configuration *custom);
void instance_remove_listener(struct instance *instance, struct listener *listener);
void listener_remove_rule(struct listener *listener, struct rule *rule);
void rule_remove_target(struct rule *rule, struct target *target);
void listener_remove_target(struct listener *listener, struct target *target);
void model_done(struct model *model);

struct instance *model_find_instance(const struct model *model, const char *id);
struct custom_configuration *model_find_custom(const struct model *model, const char *id);
struct listener *instance_find_listener(const struct instance *instance, const char *id);
struct rule *listener_find_rule(const struct listener *listener, const char *id);
struct rule *listener_find_rule_by_url(const struct listener *listener, const char *domain,
				       const char *url);
struct target *rule_find_target(const struct rule *rule, const struct address *address);
struct target *listener_find_target(const struct listener *listener, const struct address *address);

/* Sets session_expire_s. Turning persistence off ends the life of its entries (SP-50). */
void listener_set_session_expire(struct listener *listener, uint32_t seconds);

#endif

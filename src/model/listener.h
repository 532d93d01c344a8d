/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener: rules on layer 7, servers of its own on layer 4. Part of the model: model/model.h
 * says who owns what.
 */
#ifndef MODEL_LISTENER_H
#define MODEL_LISTENER_H

#include "model/layer4.h"
#include "model/rule.h"

struct listener {
	uint64_t number;
	uint32_t slot;
	char id[LIMIT_ID]; /* lbl-xxxxxxxx */
	char *name;
	uint8_t protocol;
	uint16_t port;
	bool is_stopped; /* as if it were not there, until it is started again */
	uint8_t target_type; /* layer 4: enum target_type */
	struct target_group *group; /* layer 4: as a rule's */
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

/* As the other makers of model/model.h. */
struct listener *listener_new(void);
struct listener *listener_free(struct listener *listener);

/* Both keep the order by number and own the child afterwards. -ENOMEM with nothing changed. */
int listener_add_rule(struct listener *listener, struct rule *rule);
int listener_add_target(struct listener *listener, struct target *target);
/* Detach and free. */
void listener_remove_rule(struct listener *listener, struct rule *rule);
void listener_remove_target(struct listener *listener, struct target *target);

struct rule *listener_find_rule(const struct listener *listener, const char *id);
/* Exactly this domain, any of the rule's, and this URL as given. */
struct rule *listener_find_rule_by_url(const struct listener *listener, const char *domain,
				       const char *url);
struct target *listener_find_target(const struct listener *listener, const struct address *address);

/* Sets session_expire_s. Turning persistence off ends the life of its entries (SP-50). */
void listener_set_session_expire(struct listener *listener, uint32_t seconds);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forwarding rule of layer 7, and the servers behind it or behind a layer-4 listener. Part of the
 * model: model/model.h says who owns what.
 */
#ifndef MODEL_RULE_H
#define MODEL_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "model/health_check.h"
#include "model/target_group.h"
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
	char **more_domains; /* behind the first; each is one and stands once, none is "" */
	size_t more_domain_count;
	char *url; /* as given: "/path" prefix, "=/path" exact; model/route.h */
	uint8_t scheduler;
	uint8_t forward_type;
	bool has_http2;
	bool strips_cookie; /* extension: the target does not see the persistence cookie */
	bool keeps_draining; /* extension DrainPolicy: KEEP */
	uint32_t session_expire_s; /* 0 = off */
	char *cookie_name; /* "" = COOKIE_NAME_DEFAULT */
	struct health_check health_check;
	uint64_t redirect_rule; /* number of the rule of this instance that clients are sent to; 0 =
				   none: the rule serves them itself */
	uint16_t redirect_code; /* 301, 302, 307; 0 without a redirection */
	bool redirect_takes_url; /* to the URL that was asked for, else to the rule's own */
	uint8_t target_type; /* enum target_type */
	struct target_group *group; /* the model's; NULL without one, always for TARGETS_OWN */
	int64_t created_at;
	struct target **targets; /* by rising number; those of a group are made from its members */
	size_t target_count;
};

/* As the other makers of model/model.h. */
struct rule *rule_new(void);
struct target *target_new(void);
struct rule *rule_free(struct rule *rule);
struct target *target_free(struct target *target);

/* Keeps the order by number and owns the child afterwards. -ENOMEM with nothing changed. */
int rule_add_target(struct rule *rule, struct target *target);
/* Detaches and frees. */
void rule_remove_target(struct rule *rule, struct target *target);

/* Among all its domains; lower case. */
bool rule_has_domain(const struct rule *rule, const char *domain);
struct target *rule_find_target(const struct rule *rule, const struct address *address);

#endif

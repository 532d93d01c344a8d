/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the health of targets is asked for, as configured: kept, validated and returned; nothing here
 * probes. Strings are owned by the check.
 */
#ifndef MODEL_HEALTH_CHECK_H
#define MODEL_HEALTH_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "model/words.h"

/* api.md section 5: what may be given. */
#define HEALTH_INTERVAL_LEAST_S 2
#define HEALTH_INTERVAL_MOST_S 300
#define HEALTH_TIMEOUT_LEAST_S 2
#define HEALTH_TIMEOUT_MOST_S 60
#define HEALTH_COUNT_LEAST 2
#define HEALTH_COUNT_MOST 10
#define HEALTH_CODE_MOST 31
#define HEALTH_CONTEXT_MOST 500 /* SendContext, RecvContext; as HEX half as many bytes */

/* api.md section 5, HealthCheck. NULL strings mean "not given". */
struct health_check {
	bool is_on;
	uint8_t type; /* enum check_type */
	uint8_t timeout_s; /* 2..60, below interval_s */
	uint16_t interval_s; /* 2..300 */
	uint8_t healthy_count; /* 2..10 */
	uint8_t unhealthy_count;
	uint8_t http_code; /* mask 1..31 */
	bool is_get; /* else HEAD */
	int32_t port; /* 0 = the target's port */
	char *path; /* NULL = "/" */
	char *domain; /* NULL = the rule's domain */
	char *http_version; /* NULL, "HTTP/1.0", "HTTP/1.1" */
	char *context_type; /* NULL, "TEXT", "HEX" */
	char *send_context;
	char *receive_context;
	char *extended_code;
};

/* The defaults of api.md section 5 for a check of this protocol. What `check` held is not freed. */
void health_check_defaults(struct health_check *check, enum protocol protocol);
/* features.md 6, kinds by listener. */
bool check_type_is_allowed(enum check_type type, enum protocol protocol);
/* Not GRPC and HTTPS yet: the API refuses them, and what has one is not checked. */
bool check_type_is_built(enum check_type type);
/* -ENOMEM; *ret untouched then. What *ret held is not freed. */
int health_check_copy(const struct health_check *from, struct health_check *ret);
void health_check_done(struct health_check *check);

#endif

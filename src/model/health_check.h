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
/* -ENOMEM; *ret untouched then. What *ret held is not freed. */
int health_check_copy(const struct health_check *from, struct health_check *ret);
void health_check_done(struct health_check *check);

#endif

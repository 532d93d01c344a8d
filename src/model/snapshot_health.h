/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The row of a health check in a snapshot, and what rows of all kinds point with. See
 * snapshot_rows.h.
 */
#ifndef MODEL_SNAPSHOT_HEALTH_H
#define MODEL_SNAPSHOT_HEALTH_H

#include <stdint.h>

struct snapshot_text {
	uint32_t offset; /* into SNAPSHOT_TEXT; a NUL that is not counted follows the bytes */
	uint32_t size;
};

struct snapshot_run {
	uint32_t first, count; /* rows of another section */
};

/* features.md section 6. Ranges are model/health_check.h's. */
struct snapshot_health {
	uint32_t interval_ms;
	uint32_t timeout_ms; /* below interval_ms */
	uint16_t port; /* 0 = the target's own */
	uint8_t type; /* enum check_type: TCP, HTTP, PING (with a UDP probe), CUSTOM */
	uint8_t healthy_count, unhealthy_count;
	uint8_t http_code; /* HTTP: mask of 1 (1xx) to 16 (5xx) */
	uint8_t is_get; /* HTTP: else HEAD */
	uint8_t minor; /* HTTP/1.minor */
	/* HTTP, else empty. The domain is the Host that is asked for; empty for a rule without one:
	 * then it is the target's address and port. */
	struct snapshot_text path, domain;
	struct snapshot_text send, receive; /* CUSTOM: the bytes themselves, HEX decoded */
};

#endif

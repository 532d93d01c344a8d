/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of custom configurations in a snapshot (features.md section 10): what HTTP listeners go
 * by beside their routes. See snapshot_rows.h; ranges and names are model/directives.h's.
 */
#ifndef MODEL_SNAPSHOT_HTTP_H
#define MODEL_SNAPSHOT_HTTP_H

#include <stdint.h>

#include "model/snapshot_health.h"

/* Row 0 is what holds without a custom configuration; then each one that is in use. */
struct snapshot_http {
	uint64_t body_most; /* client_max_body_size, bytes */
	uint32_t header_timeout_ms; /* client_header_timeout */
	uint32_t body_timeout_ms; /* client_body_timeout */
	uint32_t keepalive_timeout_ms; /* 0 = every answer closes */
	uint32_t keepalive_requests;
	uint32_t connect_timeout_ms; /* proxy_connect_timeout */
	uint32_t read_timeout_ms; /* proxy_read_timeout */
	uint32_t send_timeout_ms; /* proxy_send_timeout */
	uint32_t client_send_timeout_ms; /* send_timeout */
	uint32_t head_buffer_size; /* client_header_buffer_size, bytes; 0 = not given */
	uint32_t response_head_size; /* proxy_buffer_size, bytes; 0 = not given */
	uint32_t response_buffer_size; /* proxy_buffers: bytes of one; 0 = not given ... */
	uint8_t response_buffer_count; /* ... and how many; 0 = not given */
	uint8_t buffers_request; /* proxy_request_buffering; flags are 0 or 1 */
	uint8_t ignores_client_abort; /* proxy_ignore_client_abort */
	uint8_t shows_version; /* server_tokens */
	uint8_t redirects_to_https; /* proxy_redirect http:// https:// */
	uint8_t unused[7];
	struct snapshot_run to_target; /* of SNAPSHOT_HEADERS: proxy_set_header */
	struct snapshot_run to_client; /* more_set_headers, then add_header */
	struct snapshot_run pages; /* of SNAPSHOT_PAGES, by rising status */
};

struct snapshot_field {
	struct snapshot_text name;
	struct snapshot_text value; /* of HEADER_TO_TARGET: may hold bytes that are variables */
	uint8_t kind; /* enum header_kind */
	uint8_t unused[7];
};

struct snapshot_page {
	struct snapshot_text uri;
	uint16_t status; /* of an answer of our own, which becomes ... */
	uint16_t response; /* ... a redirection with this status to the uri */
	uint32_t unused;
};

#endif

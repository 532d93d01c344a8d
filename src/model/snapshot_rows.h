/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of a snapshot, byte for byte as they lie in the file: a header, then the sections in the
 * order of their names, each on a multiple of 8, zeros between. The bytes are native (one machine
 * writes and reads them); `version` rises with every change of a row's shape. Integers only, no
 * pointers; every row's size is a multiple of 8, and bytes without a meaning are zero.
 */
#ifndef MODEL_SNAPSHOT_ROWS_H
#define MODEL_SNAPSHOT_ROWS_H

#include <stdint.h>

#include "base/address.h"
#include "model/limits.h"
#include "model/snapshot_access.h"
#include "model/snapshot_health.h"
#include "model/snapshot_http.h"
#include "model/snapshot_route.h"

#define SNAPSHOT_MAGIC 0x3154455341494553ull
#define SNAPSHOT_VERSION 4
#define SNAPSHOT_NONE UINT32_MAX /* "no row" in an index field */

enum snapshot_section_name {
	SNAPSHOT_INSTANCES,
	SNAPSHOT_RANGES, /* per instance four runs */
	SNAPSHOT_LISTENERS,
	SNAPSHOT_HTTP, /* row 0 is the default; listeners share them */
	SNAPSHOT_HEADERS, /* struct snapshot_field, per row of SNAPSHOT_HTTP two runs */
	SNAPSHOT_PAGES, /* per row of SNAPSHOT_HTTP one run */
	SNAPSHOT_HOSTS, /* per listener one run: exact domains, "*.domain", "domain.*", each kind
			   sorted (bytes_compare), each domain once; regular expressions in order */
	SNAPSHOT_PATHS, /* per host three runs: exact, then prefixes, each sorted by path, once;
			   regular expressions by rising number of their rules */
	SNAPSHOT_PATTERNS, /* sorted by expression, then case; each once */
	SNAPSHOT_RULES,
	SNAPSHOT_TARGETS, /* per rule one run, by rising number */
	SNAPSHOT_CHECKS, /* struct snapshot_health; rules may share one */
	SNAPSHOT_TURNS, /* uint16_t: positions within a rule's run of targets; runs may be shared */
	SNAPSHOT_KEYS, /* newest first; row 0 seals */
	SNAPSHOT_TEXT, /* bytes */
	SNAPSHOT_SECTIONS,
};

struct snapshot_section {
	uint32_t offset; /* from the start of the file, multiple of 8 */
	uint32_t count; /* rows (bytes in SNAPSHOT_TEXT) */
};

struct snapshot_header {
	uint64_t magic;
	uint32_t version;
	uint32_t header_size;
	uint64_t generation; /* rises with every snapshot that control builds; never 0 */
	uint64_t size; /* of the whole file */
	uint64_t checksum; /* snapshot_checksum */
	struct snapshot_section sections[SNAPSHOT_SECTIONS];
};

struct snapshot_instance {
	char id[LIMIT_ID];
	struct snapshot_text name;
	struct snapshot_access access;
};

struct snapshot_listener {
	uint64_t number; /* stable, never reused: the key of its sockets */
	char id[LIMIT_ID];
	struct address address; /* where it listens; unique by (address, transport) */
	uint32_t slot;
	uint32_t instance;
	uint32_t rule; /* layer 4: the row that stands for the listener as a whole; else NONE */
	uint32_t http; /* row of SNAPSHOT_HTTP, or SNAPSHOT_NONE on layer 4 */
	struct snapshot_text access_log; /* HTTP: "stderr" or a file's name; empty = off */
	struct snapshot_run hosts; /* HTTP; empty on layer 4 */
	uint32_t any_host; /* the host row of rules without a domain, or SNAPSHOT_NONE */
	uint32_t default_host; /* where unmatched hosts go, or SNAPSHOT_NONE */
	/* How many of the hosts are of that kind: the last ones, in this order. */
	uint32_t leading_hosts, trailing_hosts, pattern_hosts;
	uint32_t unused_word;
	uint8_t protocol; /* enum protocol */
	uint8_t has_keepalive; /* connections to targets are kept for further requests */
	uint8_t access_log_format; /* enum access_log_format; 0 without an access log */
	uint8_t unused;
	/* Layer 4, else zero; see model/layer4.h. */
	uint32_t idle_timeout_ms;
	uint32_t max_conn, max_cps; /* 0 = no roof */
	uint16_t reschedule_start_s, reschedule_interval_s;
	uint16_t udp_responses;
	uint16_t session_epoch;
	uint8_t resets_deregistered, reschedules_zero_weight;
	uint8_t reschedules_unhealthy, reschedules_expand;
	uint8_t has_proxy_protocol;
	uint8_t unused_layer4[7];
};

/*
 * What requests or connections are spread over: an HTTP rule, or a layer-4 listener as a whole. The
 * latter has the listener's number and id, no domain, url or cookie name, and the slot LIMIT_RULES
 * + the listener's; no path leads to it.
 */
struct snapshot_rule {
	uint64_t number; /* stable; sealed into its cookies */
	char id[LIMIT_ID];
	uint32_t slot; /* of its turn: below LIMIT_TURNS */
	uint32_t listener;
	struct snapshot_text domain, url, cookie_name; /* domain: the first one */
	uint32_t session_expire_s; /* 0 = no persistence */
	uint8_t scheduler;
	uint8_t strips_cookie;
	uint8_t keeps_draining; /* DrainPolicy KEEP: weight 0 keeps its pinned clients */
	uint8_t unused;
	uint32_t check; /* row of SNAPSHOT_CHECKS, or SNAPSHOT_NONE: every target counts as up */
	uint32_t redirect; /* row of the rule that clients are sent to; NONE: that listener is
			      stopped, or there is no redirection */
	uint16_t redirect_code; /* 301, 302, 307; 0 = the rule serves them itself */
	uint8_t redirect_takes_url;
	uint8_t unused_redirect[5];
	struct snapshot_run targets;
	struct snapshot_run turns; /* one period of the order; empty when all weights are 0 */
};

struct snapshot_target {
	uint64_t number; /* stable, never reused; sealed into cookies */
	struct address address;
	uint32_t slot;
	uint32_t rule;
	uint16_t weight;
	uint16_t unused[5];
};

struct snapshot_key {
	uint8_t id;
	uint8_t unused[7];
	uint8_t secret[32];
	int64_t retired_s; /* session seconds; 0 = not retired */
};

/* What snapshot_header.checksum must be: of the header without that field, and of the rest. */
uint64_t snapshot_checksum(const void *data, size_t size);

#endif

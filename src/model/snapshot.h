/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thing that crosses the wall between configuration and traffic: a flat, immutable file of
 * tables, all references by index or offset, built whole by control on every change, sealed in a
 * memfd, checked whole by whoever maps it. Nothing in an opened snapshot needs checking again.
 *
 * The bytes are native (one machine writes and reads them); `version` rises with every change of a
 * row's shape. Integers only, no pointers; every row's size is a multiple of 8.
 */
#ifndef MODEL_SNAPSHOT_H
#define MODEL_SNAPSHOT_H

#include <stdint.h>
#include <stdio.h>

#include "base/address.h"
#include "base/bytes.h"
#include "model/limits.h"

#define SNAPSHOT_MAGIC 0x3154455341494553ull
#define SNAPSHOT_VERSION 1
#define SNAPSHOT_NONE UINT32_MAX /* "no row" in an index field */

enum snapshot_section_name {
	SNAPSHOT_INSTANCES,
	SNAPSHOT_LISTENERS,
	SNAPSHOT_HOSTS,   /* per listener one run, sorted by domain (bytes_compare), each once */
	SNAPSHOT_PATHS,   /* per host two runs: exact ones, then prefixes, each sorted by path, each once */
	SNAPSHOT_RULES,
	SNAPSHOT_TARGETS, /* per rule one run, by rising number */
	SNAPSHOT_TURNS,   /* uint16_t: positions within a rule's run of targets; runs may be shared */
	SNAPSHOT_KEYS,    /* newest first; row 0 seals */
	SNAPSHOT_TEXT,    /* bytes */
	SNAPSHOT_SECTIONS,
};

struct snapshot_section {
	uint32_t offset; /* from the start of the file, multiple of 8 */
	uint32_t count;  /* rows (bytes in SNAPSHOT_TEXT) */
};

struct snapshot_header {
	uint64_t magic;
	uint32_t version;
	uint32_t header_size;
	uint64_t generation; /* rises with every snapshot that control builds; never 0 */
	uint64_t size;       /* of the whole file */
	uint64_t checksum;   /* XXH3 of everything behind the header */
	struct snapshot_section sections[SNAPSHOT_SECTIONS];
};

struct snapshot_text {
	uint32_t offset; /* into SNAPSHOT_TEXT; the bytes are followed by a NUL that is not counted */
	uint32_t size;
};

struct snapshot_run {
	uint32_t first, count;
};

struct snapshot_instance {
	char id[LIMIT_ID];
	struct snapshot_text name;
};

struct snapshot_listener {
	uint64_t number; /* stable, never reused: the key of its sockets */
	char id[LIMIT_ID];
	struct address address; /* where it listens; unique by (address, transport) */
	uint32_t slot;
	uint32_t instance;
	struct snapshot_run hosts;
	uint32_t any_host;     /* the host row of rules without a domain, or SNAPSHOT_NONE */
	uint32_t default_host; /* where unmatched hosts go, or SNAPSHOT_NONE */
	uint8_t protocol;      /* enum protocol */
	uint8_t has_keepalive; /* connections to targets are kept for further requests */
	uint8_t unused[2];
	uint32_t header_timeout_ms;
	uint32_t body_timeout_ms;
	uint32_t keepalive_timeout_ms; /* 0 = every answer closes */
	uint32_t keepalive_requests;
	uint32_t connect_timeout_ms;
	uint32_t read_timeout_ms;
	uint32_t send_timeout_ms;
	uint32_t client_send_timeout_ms;
	uint32_t unused2;
	uint64_t body_most;
};

struct snapshot_host {
	struct snapshot_text domain; /* lower case; empty for any_host */
	struct snapshot_run exact;
	struct snapshot_run prefix;
};

struct snapshot_path {
	struct snapshot_text path; /* without the "=" */
	uint32_t rule;
	uint32_t parent; /* prefixes: the longest other one of this host that begins it, or SNAPSHOT_NONE */
};

struct snapshot_rule {
	uint64_t number; /* stable; sealed into its cookies */
	char id[LIMIT_ID];
	uint32_t slot;
	uint32_t listener;
	struct snapshot_text domain, url, cookie_name;
	uint32_t session_expire_s; /* 0 = no persistence */
	uint8_t scheduler;
	uint8_t strips_cookie;
	uint8_t unused[2];
	struct snapshot_run targets;
	struct snapshot_run turns; /* one period of the smooth order; empty when all weights are 0 */
};

struct snapshot_target {
	uint64_t number; /* stable, never reused; sealed into cookies */
	struct address address;
	uint32_t slot;
	uint32_t rule;
	uint16_t weight;
	uint16_t unused[3];
};

struct snapshot_key {
	uint8_t id;
	uint8_t unused[7];
	uint8_t secret[32];
	int64_t retired_s; /* session seconds; 0 = not retired */
};

/* An opened snapshot: a mapping and typed views into it. */
struct snapshot {
	const struct snapshot_header *header;
	const struct snapshot_instance *instances;
	const struct snapshot_listener *listeners;
	const struct snapshot_host *hosts;
	const struct snapshot_path *paths;
	const struct snapshot_rule *rules;
	const struct snapshot_target *targets;
	const uint16_t *turns;
	const struct snapshot_key *keys;
	const char *text;
	uint32_t instance_count, listener_count, rule_count, target_count, key_count;
};

struct model;

/* Every byte of `data` is hostile until this returned 0. -EBADMSG with the reason in `why` otherwise. */
int snapshot_check(const void *data, size_t size, char *why, size_t why_size);

/*
 * Maps `fd` (a sealed memfd, or a file with `is_sealed` false), checks it, fills *ret. The fd may be
 * closed afterwards. -EBADMSG (reason in `why`), or the errno of the failed call.
 */
int snapshot_open(int fd, bool is_sealed, struct snapshot *ret, char *why, size_t why_size);
/* Views into memory that the caller keeps (tests, fuzzing). */
int snapshot_open_memory(const void *data, size_t size, struct snapshot *ret, char *why, size_t why_size);
void snapshot_close(struct snapshot *snapshot);

/*
 * Builds the snapshot of `model` as `generation` and returns a sealed memfd. HTTP listeners without an
 * address yet are impossible: instances always carry a VIP. -ENOMEM, -E2BIG (LIMIT_SNAPSHOT_SIZE), -errno.
 */
int snapshot_build(const struct model *model, uint64_t generation, int *ret_fd);

/* For people: every row, one a line, keys left out. */
void snapshot_print(const struct snapshot *snapshot, FILE *out);

static inline struct bytes snapshot_bytes(const struct snapshot *snapshot, struct snapshot_text text)
{
	return (struct bytes){ snapshot->text + text.offset, text.size };
}

#endif

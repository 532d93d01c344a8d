/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every roof of the product on one page, each with its reason. A roof that is met is counted and
 * answered, never a surprise.
 */
#ifndef MODEL_LIMITS_H
#define MODEL_LIMITS_H

/* A table, aligned by hand. */
/* clang-format off */

/* Numbers of things. Quotas are the reference's defaults (features.md 15) and operator settings. */
#define QUOTA_INSTANCES 100		/* per network type */
#define QUOTA_LISTENERS 50		/* per instance */
#define QUOTA_RULES 50			/* per HTTP listener */
#define QUOTA_TARGETS 100		/* per rule or layer-4 listener */
#define QUOTA_CUSTOM_CONFIGURATIONS 200	/* features.md 10 */
#define QUOTA_GROUPS 200		/* target groups */
#define LIMIT_CUSTOM_CONFIGURATIONS 4096 /* each of up to LIMIT_CUSTOM_CONTENT, kept as text and parsed */
#define LIMIT_INSTANCES 4096		/* rows of a snapshot; the quota is 100 per network type */
#define LIMIT_LISTENERS 16384		/* slots of the shared regions; 1,000 is a large site */
#define LIMIT_RULES 65536		/* slots: a cache line each of the turns = 4 MiB, sparse */
#define LIMIT_TURNS (LIMIT_RULES + LIMIT_LISTENERS) /* layer-4 listeners' turns stand behind the rules' */
#define LIMIT_TARGETS 262144		/* slots: 100,000 targets is the largest measured load */
#define LIMIT_TARGETS_PER_RULE 1000	/* an index fits 16 bits; more makes searches hurt */
#define LIMIT_DOMAINS_PER_RULE 20	/* each domain and URL is a row of its own */
#define LIMIT_GROUPS 4096		/* target groups; the quota is 200 */
#define LIMIT_CIDRS 10000		/* in each of an instance's two lists; a search of 14 steps */
#define LIMIT_CIDRS_ALL 1000000		/* of all instances: 32 MB of a snapshot */
#define LIMIT_PATHS (LIMIT_RULES * LIMIT_DOMAINS_PER_RULE)	/* and of hosts */
#define LIMIT_PATTERNS (LIMIT_PATHS + LIMIT_RULES)	/* no more can be named */
#define LIMIT_PATTERNS_PER_LISTENER 200	/* a request may have to try each of them */
#define LIMIT_PATTERN_SIZE 16384	/* bytes when compiled; 200 characters take 4,000 at most */
#define LIMIT_PATTERN_SUBJECT 2048	/* bytes of a path that is compared; docs/decisions/patterns.md */
#define LIMIT_PATTERN_STEPS 100000	/* of one comparison: 1 ms; the same page */
#define LIMIT_WORKERS 64		/* columns of counters; a thread per core */
#define LIMIT_SNAPSHOT_SIZE (1u << 30)	/* offsets are 32 bits; 100,000 targets need 6 MB */
#define LIMIT_NUMBER ((1ull << 48) - 1)	/* of a noun: tokens seal numbers into six bytes */

/* Texts, in bytes. */
#define LIMIT_NAME 80			/* api.md: names 1..80 characters */
#define LIMIT_NAME_BYTES 320		/* 80 characters of UTF-8 */
#define LIMIT_DOMAIN 80			/* api.md RuleInput */
#define LIMIT_HOST 255			/* of a request, when it is looked up; RFC 1035 has fewer */
#define LIMIT_URL 200			/* api.md RuleInput */
#define LIMIT_COOKIE_NAME 64		/* SP-35 */
#define LIMIT_FILE_NAME 64		/* AccessLog: a name under --log-dir */
#define LIMIT_TAG 128
#define LIMIT_TAGS 20			/* api.md: of an instance or a target group */
#define LIMIT_CUSTOM_CONTENT 65536	/* features.md 10: bytes of a custom configuration */
#define LIMIT_CUSTOM_HEADERS 64		/* header directives of a custom configuration ... */
#define LIMIT_CUSTOM_HEADER_BYTES 8192	/* ... in all: heads keep room for them */
#define LIMIT_CUSTOM_HEADER_NAME 128
#define LIMIT_CUSTOM_HEADER_VALUE 4096
#define LIMIT_CUSTOM_PAGES 64		/* codes with an error_page */
#define LIMIT_ID 16			/* "lbl-" + 8 and NUL, rounded up */

/* Session persistence (SP-3, SP-4) and scheduling. */
#define SESSION_EXPIRE_LEAST_S 30
#define SESSION_EXPIRE_MOST_S 3600
#define WEIGHT_MOST 100
#define WEIGHT_DEFAULT 10
#define COOKIE_NAME_DEFAULT "setia_route"
#define COOKIE_KEYS_MOST 8		/* a rotation an hour for longer than the longest session */
#define COOKIE_KEY_LIFE_S SESSION_EXPIRE_MOST_S	/* a retired key opens cookies this long */

/* HTTP traffic. Defaults of features.md section 10 where it has one. */
#define HTTP_HEAD_MOST 65536		/* bytes of a request or response head: 431, 502 */
#define HTTP_TARGET_MOST 32768		/* bytes of a request target: 414 */
#define HTTP_FIELDS_MOST 128		/* fields in a head: 431, 502 */
#define HTTP_CHUNK_LINE_MOST 4096	/* bytes of a chunk-size line with extensions: 400, 502 */
#define HTTP_TRAILER_MOST 8192		/* bytes of trailers: 400, 502 */
#define HTTP_INFORMATIONAL_MOST 10	/* 1xx answers before a final one: 502 */
#define HTTP_BODY_MOST (60ull << 20)	/* client_max_body_size 60M: 413 */
#define HTTP_BUFFERED_BODY_MOST (256ull << 20) /* features.md 10: larger ones are streamed */
#define HTTP_HEADER_TIMEOUT_MS 60000
#define HTTP_BODY_TIMEOUT_MS 60000
#define HTTP_KEEPALIVE_TIMEOUT_MS 75000
#define HTTP_KEEPALIVE_REQUESTS 1000
#define HTTP_CONNECT_TIMEOUT_MS 4000
#define HTTP_READ_TIMEOUT_MS 60000	/* from the target */
#define HTTP_SEND_TIMEOUT_MS 60000	/* to the target */
#define HTTP_CLIENT_SEND_TIMEOUT_MS 60000
#define HTTP_RETRIES_MOST 2
#define BODY_MEMORY_MOST 65536		/* of a body that is read first; a larger one goes to a file */
#define BODY_MEMORY_ALL (64u << 20)	/* of all such bodies; beyond it small ones go to files too */
#define BODY_ROOM_DEFAULT_M 1024	/* --body-room: MiB in files, of all such bodies: 503 */
#define BODY_ROOM_MOST_M 16777216
#define LOG_ANSWERS_A_SECOND 10		/* lines about own answers, per worker and level */
#define UPSTREAM_IDLE_MOST 64		/* idle connections kept per target and worker */
#define UPSTREAM_IDLE_TIMEOUT_MS 60000

/* Layer 4 traffic. features.md section 2, SP-54. */
#define TCP_IDLE_TIMEOUT_S 900		/* fixed: nothing else is accepted */
#define UDP_IDLE_TIMEOUT_S 300
#define UDP_IDLE_TIMEOUT_LEAST_S 10
#define UDP_IDLE_TIMEOUT_MOST_S 1980
#define L4_CONNECT_TIMEOUT_MS 4000
#define L4_CONNECT_TRIES 3		/* the first and two others */
#define RESCHEDULE_MOST_S 3600		/* RescheduleStartTime, RescheduleInterval */
#define MAX_CONN_MOST 16777216		/* MaxConn, MaxCps: more than any machine holds */
#define UDP_RESPONSES_MOST 65535
#define UDP_FLOWS_MOST 65536		/* per listener and worker: a full table drops new flows only */
#define SESSIONS_DEFAULT 1000000	/* --sessions: entries of the source-IP table */
#define SESSIONS_LEAST 1024
#define SESSIONS_MOST 100000000
#define SESSION_CELL_BYTES 48		/* memory per entry, locks and slack included ... */
#define SESSION_BASE_BYTES 8192		/* ... and of a table besides */

/* Control API. */
#define API_BODY_MOST (10u << 20)	/* api.md section 1 */
#define API_QUERY_MOST 32768		/* api.md section 1 */
#define API_JSON_DEPTH_MOST 32
#define API_JSON_VALUES_MOST 1000000	/* a parsed value takes about 60 bytes */
#define API_BODIES_MOST (64u << 20)	/* bytes of bodies held at one time, over all connections */
#define API_DRAIN_MOST (32u << 20)	/* bytes of a refused body that are read and dropped */
#define API_HEAD_TIMEOUT_MS 60000	/* from connecting to the end of a request line */
#define API_IDLE_TIMEOUT_S 75		/* a connection on which nothing moves */
#define API_REQUEST_TIMEOUT_MS 300000	/* from the request line to the last byte of the answer */
#define API_RATE_PER_SECOND 20		/* per key and action */
#define API_CONNECTIONS_MOST 256
#define API_CLOCK_SKEW_S 300		/* X-TC-Timestamp window */
#define API_KEYS_MOST 64
#define TASK_KEEP_S 3600		/* finished tasks stay queryable */
#define AUDIT_CHANGES_MOST 100000	/* newest rows kept: years of hand work, about 30 MB */
#define AUDIT_REFUSALS_MOST 10000	/* so that a broken client cannot push the changes out */
#define CLIENT_TOKEN_LIFE_S 86400	/* a repetition within a day gets the first answer ... */
#define CLIENT_TOKEN_KEEP_S 604800	/* ... and for a week hears that the token is expired */
#define FILE_CONFIG_MOST (64u << 20)	/* a YAML file */
#define GRACE_DEFAULT_S 30		/* for requests, when everything stops */
#define GRACE_UPGRADE_DEFAULT_S 3600	/* for connections, on the old side of an upgrade */
#define PUBLISH_INTERVAL_MS 50		/* at most one snapshot per this long */

/* clang-format on */

#endif

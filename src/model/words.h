/* SPDX-License-Identifier: Apache-2.0 */
/* The enumerations of the nouns and the words that the API, the file and people use for them. */
#ifndef MODEL_WORDS_H
#define MODEL_WORDS_H

#include <stdbool.h>

enum protocol {
	PROTOCOL_HTTP = 1,
	PROTOCOL_HTTPS,
	PROTOCOL_TCP,
	PROTOCOL_UDP,
	PROTOCOL_TCP_SSL,
	PROTOCOL_QUIC
};
enum scheduler { SCHEDULER_WRR = 1, SCHEDULER_LEAST_CONN, SCHEDULER_IP_HASH };
enum network { NETWORK_OPEN = 1, NETWORK_INTERNAL };
enum check_type { CHECK_TCP = 1, CHECK_HTTP, CHECK_HTTPS, CHECK_GRPC, CHECK_PING, CHECK_CUSTOM };
enum access_log_format { ACCESS_LOG_BRACKETS = 1, ACCESS_LOG_JSON };
enum target_type { TARGETS_OWN = 1, TARGETS_GROUP };
enum forward_type { FORWARD_HTTP = 1, FORWARD_HTTPS, FORWARD_GRPC, FORWARD_GRPCS };

/* API words; NULL for a value outside the enumeration. The parsers return 0 for an unknown word. */
const char *protocol_name(enum protocol protocol);
const char *scheduler_name(enum scheduler scheduler);
const char *network_name(enum network network);
const char *check_type_name(enum check_type type);
const char *forward_type_name(enum forward_type type);
const char *target_type_name(enum target_type type); /* NODE, TARGETGROUP */
const char *access_log_format_name(enum access_log_format format);
enum protocol protocol_of(const char *name);
enum scheduler scheduler_of(const char *name);
enum network network_of(const char *name);
enum check_type check_type_of(const char *name);
enum forward_type forward_type_of(const char *name);
enum target_type target_type_of(const char *name);
enum access_log_format access_log_format_of(const char *name);

/* TCP and UDP: the listener has targets and struct layer4, and no rules. */
bool protocol_is_layer4(enum protocol protocol);
/* UDP and QUIC: the other port space than everything else's (features.md section 2). */
bool protocol_is_datagram(enum protocol protocol);

#endif

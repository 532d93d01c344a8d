/* SPDX-License-Identifier: Apache-2.0 */
/* One table of words an enumeration, read in both directions. Pure; any thread. */
#include "model/words.h"

#include <stddef.h>
#include <string.h>

#define WORD_COUNT(words) (sizeof(words) / sizeof((words)[0]))

static const char *const protocol_words[] = {
	[PROTOCOL_HTTP] = "HTTP", [PROTOCOL_HTTPS] = "HTTPS",     [PROTOCOL_TCP] = "TCP",
	[PROTOCOL_UDP] = "UDP",   [PROTOCOL_TCP_SSL] = "TCP_SSL", [PROTOCOL_QUIC] = "QUIC",
};

static const char *const scheduler_words[] = {
	[SCHEDULER_WRR] = "WRR",
	[SCHEDULER_LEAST_CONN] = "LEAST_CONN",
	[SCHEDULER_IP_HASH] = "IP_HASH",
};

static const char *const network_words[] = {
	[NETWORK_OPEN] = "OPEN",
	[NETWORK_INTERNAL] = "INTERNAL",
};

static const char *const check_type_words[] = {
	[CHECK_TCP] = "TCP",   [CHECK_HTTP] = "HTTP", [CHECK_HTTPS] = "HTTPS",
	[CHECK_GRPC] = "GRPC", [CHECK_PING] = "PING", [CHECK_CUSTOM] = "CUSTOM",
};

static const char *const forward_type_words[] = {
	[FORWARD_HTTP] = "HTTP",
	[FORWARD_HTTPS] = "HTTPS",
	[FORWARD_GRPC] = "GRPC",
	[FORWARD_GRPCS] = "GRPCS",
};

static const char *const target_type_words[] = {
	[TARGETS_OWN] = "NODE",
	[TARGETS_GROUP] = "TARGETGROUP",
};

static const char *const access_log_format_words[] = {
	[ACCESS_LOG_BRACKETS] = "brackets",
	[ACCESS_LOG_JSON] = "json",
};

static const char *word_of(const char *const *words, size_t count, unsigned value)
{
	return value < count ? words[value] : NULL;
}

static unsigned value_of(const char *const *words, size_t count, const char *name)
{
	/* Value 0 has no word in any of the enumerations: it is the answer for an unknown one. */
	for (size_t i = 1; name && i < count; i++) {
		if (strcmp(words[i], name) == 0)
			return (unsigned)i;
	}
	return 0;
}

const char *protocol_name(enum protocol protocol)
{
	return word_of(protocol_words, WORD_COUNT(protocol_words), protocol);
}

const char *scheduler_name(enum scheduler scheduler)
{
	return word_of(scheduler_words, WORD_COUNT(scheduler_words), scheduler);
}

const char *network_name(enum network network)
{
	return word_of(network_words, WORD_COUNT(network_words), network);
}

const char *check_type_name(enum check_type type)
{
	return word_of(check_type_words, WORD_COUNT(check_type_words), type);
}

const char *forward_type_name(enum forward_type type)
{
	return word_of(forward_type_words, WORD_COUNT(forward_type_words), type);
}

const char *target_type_name(enum target_type type)
{
	return word_of(target_type_words, WORD_COUNT(target_type_words), type);
}

const char *access_log_format_name(enum access_log_format format)
{
	return word_of(access_log_format_words, WORD_COUNT(access_log_format_words), format);
}

enum protocol protocol_of(const char *name)
{
	return (enum protocol)value_of(protocol_words, WORD_COUNT(protocol_words), name);
}

enum scheduler scheduler_of(const char *name)
{
	return (enum scheduler)value_of(scheduler_words, WORD_COUNT(scheduler_words), name);
}

enum network network_of(const char *name)
{
	return (enum network)value_of(network_words, WORD_COUNT(network_words), name);
}

enum check_type check_type_of(const char *name)
{
	return (enum check_type)value_of(check_type_words, WORD_COUNT(check_type_words), name);
}

enum forward_type forward_type_of(const char *name)
{
	return (enum forward_type)value_of(forward_type_words, WORD_COUNT(forward_type_words),
					   name);
}

enum target_type target_type_of(const char *name)
{
	return (enum target_type)value_of(target_type_words, WORD_COUNT(target_type_words), name);
}

enum access_log_format access_log_format_of(const char *name)
{
	return (enum access_log_format)value_of(access_log_format_words,
						WORD_COUNT(access_log_format_words), name);
}

bool protocol_is_layer4(enum protocol protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
}

bool protocol_is_datagram(enum protocol protocol)
{
	return protocol == PROTOCOL_UDP || protocol == PROTOCOL_QUIC;
}

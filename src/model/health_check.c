/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a health check's settings. Any thread; the caller owns the struct. */
#include "model/health_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_COUNT 7

/* The one list of the strings, so that copy and done cannot forget one. */
static void texts_of(struct health_check *check, char **ret_texts[TEXT_COUNT])
{
	ret_texts[0] = &check->path;
	ret_texts[1] = &check->domain;
	ret_texts[2] = &check->http_version;
	ret_texts[3] = &check->context_type;
	ret_texts[4] = &check->send_context;
	ret_texts[5] = &check->receive_context;
	ret_texts[6] = &check->extended_code;
}

static enum check_type default_type(enum protocol protocol)
{
	switch (protocol) {
	case PROTOCOL_UDP:
		return CHECK_PING;
	case PROTOCOL_TCP:
	case PROTOCOL_TCP_SSL:
	case PROTOCOL_QUIC:
		return CHECK_TCP;
	case PROTOCOL_HTTP:
	case PROTOCOL_HTTPS: /* the backend protocol, which is HTTP unless the rule says otherwise
			      */
		break;
	}
	return CHECK_HTTP;
}

void health_check_defaults(struct health_check *check, enum protocol protocol)
{
	*check = (struct health_check){
		.is_on = true,
		.type = (uint8_t)default_type(protocol),
		.timeout_s = 2,
		.interval_s = 5,
		.healthy_count = 3,
		.unhealthy_count = 3,
		.http_code = 31,
	};
}

bool check_type_is_allowed(enum check_type type, enum protocol protocol)
{
	switch (type) {
	case CHECK_TCP:
		return protocol == PROTOCOL_TCP || protocol == PROTOCOL_TCP_SSL ||
		       protocol == PROTOCOL_QUIC;
	case CHECK_HTTP:
		return protocol != PROTOCOL_UDP;
	case CHECK_HTTPS:
		return protocol == PROTOCOL_HTTPS;
	case CHECK_GRPC:
		return protocol == PROTOCOL_HTTP || protocol == PROTOCOL_HTTPS;
	case CHECK_PING:
		return protocol == PROTOCOL_UDP;
	case CHECK_CUSTOM:
		return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;
	}
	return false;
}

bool check_type_is_built(enum check_type type)
{
	return type == CHECK_TCP || type == CHECK_HTTP || type == CHECK_PING ||
	       type == CHECK_CUSTOM;
}

int health_check_copy(const struct health_check *from, struct health_check *ret)
{
	struct health_check copy = *from;
	char **texts[TEXT_COUNT];
	bool is_out_of_memory = false;

	texts_of(&copy, texts);
	for (int i = 0; i < TEXT_COUNT; i++) {
		if (!*texts[i])
			continue;
		*texts[i] = strdup(*texts[i]);
		if (!*texts[i])
			is_out_of_memory = true;
	}
	if (is_out_of_memory) {
		health_check_done(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

void health_check_done(struct health_check *check)
{
	char **texts[TEXT_COUNT];

	if (!check)
		return;
	texts_of(check, texts);
	for (int i = 0; i < TEXT_COUNT; i++) {
		free(*texts[i]);
		*texts[i] = NULL;
	}
}

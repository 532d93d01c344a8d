/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a health check as configured to the row that the checker of targets reads: defaults filled
 * in, HEX decoded, equal ones kept once. Runs on control's thread, which owns the model.
 */
#include <errno.h>
#include <string.h>

#include "model/limits.h"
#include "model/snapshot_plan.h"

static int plan_bytes(struct snapshot_plan *plan, struct bytes bytes, struct snapshot_text *ret)
{
	uint32_t entry;
	int error = intern_add(&plan->texts, bytes, &entry);

	if (error)
		return error;
	*ret = (struct snapshot_text){ plan->texts.entries[entry].offset,
				       plan->texts.entries[entry].size };
	return 0;
}

/* The value of a digit of validated HEX. */
static unsigned hex_value(char digit)
{
	return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)(digit - 'A' + 10);
}

/* What is sent or expected: TEXT as it stands, HEX as the bytes it means. -EINVAL: too long. */
static int plan_context(struct snapshot_plan *plan, const char *context, bool is_hex,
			struct snapshot_text *ret)
{
	char decoded[HEALTH_CONTEXT_MOST];
	struct bytes bytes = bytes_of(context);

	if (bytes.size > HEALTH_CONTEXT_MOST || (is_hex && bytes.size % 2 != 0))
		return -EINVAL;
	if (is_hex) {
		for (size_t i = 0; i < bytes.size / 2; i++)
			decoded[i] = (char)(hex_value(context[2 * i]) << 4 |
					    hex_value(context[2 * i + 1]));
		bytes = (struct bytes){ decoded, bytes.size / 2 };
	}
	return plan_bytes(plan, bytes, ret);
}

static int plan_texts(struct snapshot_plan *plan, const struct health_check *check,
		      const char *rule_domain, struct snapshot_health *row)
{
	bool is_http = row->type == CHECK_HTTP, is_custom = row->type == CHECK_CUSTOM;
	bool is_hex = check->context_type && strcmp(check->context_type, "HEX") == 0;
	const char *path = check->path ? check->path : "/";
	const char *domain = check->domain ? check->domain : rule_domain;
	int error;

	if (is_custom && (!check->send_context || !check->receive_context))
		return -EINVAL;
	error = plan_bytes(plan, bytes_of(is_http ? path : ""), &row->path);
	if (error == 0)
		error = plan_bytes(plan, bytes_of(is_http ? domain : ""), &row->domain);
	if (error == 0)
		error = plan_context(plan, is_custom ? check->send_context : "", is_hex,
				     &row->send);
	if (error == 0)
		error = plan_context(plan, is_custom ? check->receive_context : "", is_hex,
				     &row->receive);
	return error;
}

int snapshot_plan_health(struct snapshot_plan *plan, const struct health_check *check,
			 const char *rule_domain, uint32_t *ret_row)
{
	bool is_http = check->type == CHECK_HTTP;
	struct snapshot_health row = {
		.interval_ms = check->interval_s * 1000u,
		.timeout_ms = check->timeout_s * 1000u,
		.port = (uint16_t)check->port,
		.type = check->type,
		.healthy_count = check->healthy_count,
		.unhealthy_count = check->unhealthy_count,
		.http_code = is_http ? check->http_code : 0,
		.is_get = is_http && check->is_get,
		.minor = is_http &&
			 !(check->http_version && strcmp(check->http_version, "HTTP/1.0") == 0),
	};
	int error;

	if (!check->is_on || !check_type_is_built((enum check_type)check->type)) {
		*ret_row = SNAPSHOT_NONE;
		return 0;
	}
	error = plan_texts(plan, check, rule_domain, &row);
	if (error == 0)
		error = intern_add(&plan->checks, (struct bytes){ (const char *)&row, sizeof(row) },
				   ret_row);
	return error;
}

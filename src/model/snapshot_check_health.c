/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker's look at health checks and at the names of access logs: every number in its range,
 * every text within its roof and of characters that a request line or a directory can bear. Any
 * thread.
 */
#include "model/charset.h"
#include "model/health_check.h"
#include "model/snapshot_check.h"
#include "model/words.h"

static bool is_empty(const struct snapshot_checker *checker, struct snapshot_text text)
{
	return snapshot_text_is_good(checker, text, 0);
}

static const char *numbers_fault(const struct snapshot_health *check)
{
	if (check->interval_ms < HEALTH_INTERVAL_LEAST_S * 1000 ||
	    check->interval_ms > HEALTH_INTERVAL_MOST_S * 1000)
		return "the interval is out of range";
	if (check->timeout_ms < HEALTH_TIMEOUT_LEAST_S * 1000 ||
	    check->timeout_ms > HEALTH_TIMEOUT_MOST_S * 1000)
		return "the timeout is out of range";
	if (check->timeout_ms >= check->interval_ms)
		return "the timeout is not below the interval";
	if (check->healthy_count < HEALTH_COUNT_LEAST || check->healthy_count > HEALTH_COUNT_MOST ||
	    check->unhealthy_count < HEALTH_COUNT_LEAST ||
	    check->unhealthy_count > HEALTH_COUNT_MOST)
		return "a count of results is out of range";
	return NULL;
}

static const char *http_fault(const struct snapshot_checker *checker,
			      const struct snapshot_health *check)
{
	struct bytes path = snapshot_bytes(&checker->view, check->path);
	struct bytes domain = snapshot_bytes(&checker->view, check->domain);

	if (check->http_code < 1 || check->http_code > HEALTH_CODE_MOST)
		return "the mask of codes is out of range";
	if (check->is_get > 1 || check->minor > 1)
		return "a flag is not 0 or 1";
	if (!snapshot_text_is_good(checker, check->path, LIMIT_URL) || path.size == 0 ||
	    path.at[0] != '/' || charset_path_query(path) < path.size)
		return "bad path";
	if (!snapshot_text_is_good(checker, check->domain, LIMIT_DOMAIN) ||
	    charset_domain(domain) < domain.size)
		return "bad domain";
	return NULL;
}

static const char *check_fault(const struct snapshot_checker *checker,
			       const struct snapshot_health *check)
{
	const char *fault = numbers_fault(check);
	bool is_http = check->type == CHECK_HTTP, is_custom = check->type == CHECK_CUSTOM;

	if (fault)
		return fault;
	if (!check_type_is_built((enum check_type)check->type))
		return "a kind that this version does not make";
	if (is_http)
		fault = http_fault(checker, check);
	else if (check->http_code || check->is_get || check->minor ||
		 !is_empty(checker, check->path) || !is_empty(checker, check->domain))
		fault = "not of HTTP, and yet it has settings of HTTP";
	if (fault)
		return fault;
	if (!is_custom && (!is_empty(checker, check->send) || !is_empty(checker, check->receive)))
		return "not custom, and yet it has bytes to send or expect";
	if (is_custom && (check->send.size == 0 || check->receive.size == 0 ||
			  !snapshot_bytes_are_good(checker, check->send, HEALTH_CONTEXT_MOST) ||
			  !snapshot_bytes_are_good(checker, check->receive, HEALTH_CONTEXT_MOST)))
		return "bad bytes to send or expect";
	return NULL;
}

int snapshot_check_health(struct snapshot_checker *checker)
{
	for (uint32_t row = 0; row < checker->counts[SNAPSHOT_CHECKS]; row++) {
		const char *fault = check_fault(checker, &checker->view.checks[row]);

		if (fault)
			return snapshot_refuse(checker, SNAPSHOT_CHECKS, row, "%s", fault);
	}
	return 0;
}

const char *snapshot_rule_health_fault(const struct snapshot_checker *checker,
				       const struct snapshot_rule *rule, enum protocol protocol)
{
	const struct snapshot_health *check;

	if (rule->check == SNAPSHOT_NONE)
		return NULL;
	if (rule->check >= checker->counts[SNAPSHOT_CHECKS])
		return "no such check";
	check = &checker->view.checks[rule->check];
	if (!check_type_is_allowed((enum check_type)check->type, protocol))
		return "a check that its protocol does not have";
	if (check->port != 0 && !protocol_is_layer4(protocol))
		return "HTTP, and yet its check has a port";
	return NULL;
}

bool snapshot_access_log_is_good(const struct snapshot_checker *checker,
				 const struct snapshot_listener *listener)
{
	struct bytes name = snapshot_bytes(&checker->view, listener->access_log);

	if (!snapshot_text_is_good(checker, listener->access_log, LIMIT_FILE_NAME))
		return false;
	if (name.size == 0)
		return listener->access_log_format == 0;
	return charset_file_name(name) == name.size && name.at[0] != '.' &&
	       access_log_format_name((enum access_log_format)listener->access_log_format) != NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* HealthCheck objects: their fields, and both ways between JSON and struct. Pure. */
#include "control/health_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_words[] = { "TCP", "HTTP", "HTTPS", "GRPC", "PING", "CUSTOM", NULL };
static const char *const method_words[] = { "HEAD", "GET", NULL };
static const char *const version_words[] = { "HTTP/1.0", "HTTP/1.1", NULL };
static const char *const context_words[] = { "TEXT", "HEX", NULL };

const struct field health_check_fields[] = {
	{ "HealthSwitch", FIELD_INTEGER, .most = 1, .about = "1 on (default), 0 off." },
	{ "TimeOut", FIELD_INTEGER, .least = 2, .most = 60,
	  .about = "Seconds to wait for an answer, below IntervalTime. Default 2." },
	{ "IntervalTime", FIELD_INTEGER, .least = 2, .most = 300,
	  .about = "Seconds between two checks. Default 5." },
	{ "HealthNum", FIELD_INTEGER, .least = 2, .most = 10,
	  .about = "Successes in a row that make a server healthy. Default 3." },
	{ "UnHealthNum", FIELD_INTEGER, .least = 2, .most = 10,
	  .about = "Failures in a row that make a server unhealthy. Default 3." },
	{ "HttpCode", FIELD_INTEGER, .least = 1, .most = 31,
	  .about = "Sum of the classes that count as healthy: 1 1xx, 2 2xx, 4 3xx, 8 4xx, 16 5xx. "
		   "Default 31." },
	{ "HttpCheckPath", FIELD_TEXT, .least = 1, .most = LIMIT_URL,
	  .about = "Path that is asked for. Default /." },
	{ "HttpCheckDomain", FIELD_TEXT, .least = 1, .most = LIMIT_DOMAIN,
	  .about = "Host that is asked for. Default: the rule's domain." },
	{ "HttpCheckMethod", FIELD_TEXT, .words = method_words, .about = "Default HEAD." },
	{ "CheckPort", FIELD_INTEGER, .least = -1, .most = 65535,
	  .about = "TCP and UDP listeners: another port than the server's; -1 resets it." },
	{ "ContextType", FIELD_TEXT, .words = context_words,
	  .about = "CUSTOM checks: form of SendContext and RecvContext." },
	{ "SendContext", FIELD_TEXT, .least = 1, .most = 500, .about = "CUSTOM checks." },
	{ "RecvContext", FIELD_TEXT, .least = 1, .most = 500, .about = "CUSTOM checks." },
	{ "CheckType", FIELD_TEXT, .words = type_words, .about = "Default: by protocol." },
	{ "HttpVersion", FIELD_TEXT, .words = version_words,
	  .about = "Required for an HTTP check on a TCP listener." },
	{ "SourceIpType", FIELD_INTEGER, FIELD_UNSUPPORTED, .neutral = "0",
	  .about = "checks come from the balancer's own address." },
	{ "ExtendedCode", FIELD_TEXT, .least = 1, .most = 100,
	  .about = "GRPC checks: status codes, such as \"12\", \"20,25\" or \"0-99\"." },
	{ 0 },
};

static void read_number(const json_t *input, const char *name, uint8_t *number)
{
	*number = (uint8_t)input_integer(input, name, *number);
}

/* An absent text leaves *text. */
static int read_text(const json_t *input, const char *name, char **text)
{
	const char *value = input_text(input, name);
	char *copy;

	if (!value)
		return 0;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

static int read_port(const json_t *input, struct health_check *check, const char *field,
		     struct problem *problem)
{
	int64_t port = input_integer(input, "CheckPort", check->port ? check->port : -1);
	char path[160];

	if (port == 0) {
		snprintf(path, sizeof(path), "%s.CheckPort", field);
		return problem_set(problem, "InvalidParameterValue", path,
				   "CheckPort must be between 1 and 65535, or -1 for the port of "
				   "the server.");
	}
	check->port = port > 0 ? (int32_t)port : 0;
	return 0;
}

int health_check_read(const json_t *input, struct health_check *check, const char *field,
		      struct problem *problem)
{
	const char *word = input_text(input, "HttpCheckMethod");
	int error;

	if (word)
		check->is_get = strcmp(word, "GET") == 0;
	word = input_text(input, "CheckType");
	if (word)
		check->type = (uint8_t)check_type_of(word);
	check->is_on = input_integer(input, "HealthSwitch", check->is_on) != 0;
	check->interval_s = (uint16_t)input_integer(input, "IntervalTime", check->interval_s);
	read_number(input, "TimeOut", &check->timeout_s);
	read_number(input, "HealthNum", &check->healthy_count);
	read_number(input, "UnHealthNum", &check->unhealthy_count);
	read_number(input, "HttpCode", &check->http_code);
	error = read_port(input, check, field, problem);
	if (error == 0)
		error = read_text(input, "HttpCheckPath", &check->path);
	if (error == 0)
		error = read_text(input, "HttpCheckDomain", &check->domain);
	if (error == 0)
		error = read_text(input, "HttpVersion", &check->http_version);
	if (error == 0)
		error = read_text(input, "ContextType", &check->context_type);
	if (error == 0)
		error = read_text(input, "SendContext", &check->send_context);
	if (error == 0)
		error = read_text(input, "RecvContext", &check->receive_context);
	if (error == 0)
		error = read_text(input, "ExtendedCode", &check->extended_code);
	return error;
}

/* NULL texts are left out ("s*"). */
json_t *health_check_json(const struct health_check *check)
{
	const char *type = check_type_name((enum check_type)check->type);

	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:s, s:i, "
			 "s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}",
			 "HealthSwitch", check->is_on, "TimeOut", check->timeout_s, "IntervalTime",
			 check->interval_s, "HealthNum", check->healthy_count, "UnHealthNum",
			 check->unhealthy_count, "HttpCode", check->http_code, "HttpCheckMethod",
			 check->is_get ? "GET" : "HEAD", "CheckType", type, "CheckPort",
			 check->port ? check->port : -1, "HttpCheckPath", check->path,
			 "HttpCheckDomain", check->domain, "HttpVersion", check->http_version,
			 "ContextType", check->context_type, "SendContext", check->send_context,
			 "RecvContext", check->receive_context, "ExtendedCode",
			 check->extended_code);
}

json_t *health_check_answer(const struct health_check *check, const char *domain)
{
	bool is_http = check->type == CHECK_HTTP || check->type == CHECK_HTTPS ||
		       check->type == CHECK_GRPC;
	const char *path = check->path ? check->path : "/";
	const char *code = check->extended_code ? check->extended_code : "12";

	if (check->domain)
		domain = check->domain;
	/* HttpCheckMethod is never null: a known client ends when it is. */
	return json_pack(
		"{s:i, s:i, s:i, s:i, s:i, s:o, s:s?, s:s?, s:s, s:o, s:s?, s:s?, s:s?, "
		"s:s, s:s?, s:i, s:s?}",
		"HealthSwitch", check->is_on, "TimeOut", check->timeout_s, "IntervalTime",
		check->interval_s, "HealthNum", check->healthy_count, "UnHealthNum",
		check->unhealthy_count, "HttpCode",
		is_http ? json_integer(check->http_code) : json_null(), "HttpCheckPath",
		is_http ? path : NULL, "HttpCheckDomain", is_http && *domain ? domain : NULL,
		"HttpCheckMethod", check->is_get ? "GET" : "HEAD", "CheckPort",
		check->port ? json_integer(check->port) : json_null(), "ContextType",
		check->context_type, "SendContext", check->send_context, "RecvContext",
		check->receive_context, "CheckType", check_type_name((enum check_type)check->type),
		"HttpVersion", check->http_version, "SourceIpType", 0, "ExtendedCode",
		check->type == CHECK_GRPC ? code : NULL);
}

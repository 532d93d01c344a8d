/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for health checks: ranges, the types a protocol allows, and the partners that each type
 * needs (api.md 5, features.md 6). Held also by a check that is switched off, so that it can be
 * switched on. Pure; any thread.
 */
#include "model/validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/charset.h"

#define VALUE "InvalidParameterValue"
#define LENGTH "InvalidParameterValue.Length"
#define COMBINATION "InvalidParameter"

#define EXTENDED_CODE_MOST 100 /* room for every form of features.md 6 */

/* What every check below needs to say something. */
struct report {
	const char *field; /* path of the HealthCheck object; "" at the top */
	struct problem *problem;
};

/* Reports at member `name`; the sentence begins with that name. */
__attribute__((format(printf, 4, 5))) static int refuse(const struct report *report,
							const char *code, const char *name,
							const char *format, ...)
{
	char path[160], rule[300];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(rule, sizeof(rule), format, arguments);
	va_end(arguments);
	snprintf(path, sizeof(path), "%s%s%s", report->field, report->field[0] ? "." : "", name);
	return problem_set(report->problem, code, path, "%s %s", name, rule);
}

static int check_range(const struct report *report, const char *name, int64_t value, int64_t least,
		       int64_t most)
{
	if (value >= least && value <= most)
		return 0;
	return refuse(report, VALUE, name, "must be between %d and %d; %lld is not.", (int)least,
		      (int)most, (long long)value);
}

static int check_numbers(const struct report *report, const struct health_check *check)
{
	int error = check_range(report, "TimeOut", check->timeout_s, HEALTH_TIMEOUT_LEAST_S,
				HEALTH_TIMEOUT_MOST_S);

	if (error == 0)
		error = check_range(report, "IntervalTime", check->interval_s,
				    HEALTH_INTERVAL_LEAST_S, HEALTH_INTERVAL_MOST_S);
	if (error == 0)
		error = check_range(report, "HealthNum", check->healthy_count, HEALTH_COUNT_LEAST,
				    HEALTH_COUNT_MOST);
	if (error == 0)
		error = check_range(report, "UnHealthNum", check->unhealthy_count,
				    HEALTH_COUNT_LEAST, HEALTH_COUNT_MOST);
	if (error == 0)
		error = check_range(report, "HttpCode", check->http_code, 1, HEALTH_CODE_MOST);
	if (error == 0 && check->port != 0)
		error = check_range(report, "CheckPort", check->port, 1, 65535);
	if (error == 0 && check->timeout_s >= check->interval_s)
		error = refuse(report, VALUE, "TimeOut",
			       "must be shorter than IntervalTime; %d s is not shorter than %d s.",
			       check->timeout_s, check->interval_s);
	return error;
}

static bool protocol_is_layer_7(enum protocol protocol)
{
	return protocol == PROTOCOL_HTTP || protocol == PROTOCOL_HTTPS;
}

static const char *allowed_types(enum protocol protocol)
{
	switch (protocol) {
	case PROTOCOL_HTTP:
		return "HTTP or GRPC";
	case PROTOCOL_HTTPS:
		return "HTTP, HTTPS or GRPC";
	case PROTOCOL_TCP:
		return "TCP, HTTP or CUSTOM";
	case PROTOCOL_UDP:
		return "PING or CUSTOM";
	case PROTOCOL_TCP_SSL:
	case PROTOCOL_QUIC:
		return "TCP or HTTP";
	}
	return "known";
}

static int check_type_and_port(const struct report *report, const struct health_check *check,
			       enum protocol protocol)
{
	if (!check_type_is_allowed((enum check_type)check->type, protocol))
		return refuse(report, VALUE, "CheckType", "must be %s for protocol %s.",
			      allowed_types(protocol), protocol_name(protocol));
	if (check->port != 0 && protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)
		return refuse(report, COMBINATION, "CheckPort",
			      "goes with TCP and UDP listeners only.");
	return 0;
}

static int check_http_texts(const struct report *report, const struct health_check *check)
{
	struct bytes path = bytes_of(check->path);
	struct bytes domain = bytes_of(check->domain);

	if (check->path) {
		if (path.size < 1 || path.size > LIMIT_URL)
			return refuse(report, LENGTH, "HttpCheckPath",
				      "must have 1 to %d characters.", LIMIT_URL);
		if (path.at[0] != '/' || charset_path_query(path) < path.size)
			return refuse(report, VALUE, "HttpCheckPath",
				      "must begin with \"/\" and hold the characters of a URL's "
				      "path and query only.");
	}
	if (check->domain) {
		if (domain.size < 1 || domain.size > LIMIT_DOMAIN)
			return refuse(report, LENGTH, "HttpCheckDomain",
				      "must have 1 to %d characters.", LIMIT_DOMAIN);
		if (charset_domain(domain) < domain.size)
			return refuse(report, VALUE, "HttpCheckDomain",
				      "may hold a-z, 0-9, \".\", \"-\" and \"_\" only.");
	}
	if (check->http_version && strcmp(check->http_version, "HTTP/1.0") != 0 &&
	    strcmp(check->http_version, "HTTP/1.1") != 0)
		return refuse(report, VALUE, "HttpVersion", "must be HTTP/1.0 or HTTP/1.1.");
	return 0;
}

static int check_context(const struct report *report, const char *name, const char *context,
			 bool is_hex)
{
	size_t size = context ? strlen(context) : 0;

	if (!context)
		return 0;
	if (size < 1 || size > HEALTH_CONTEXT_MOST)
		return refuse(report, LENGTH, name, "must have 1 to %d characters.",
			      HEALTH_CONTEXT_MOST);
	if (is_hex && (size % 2 != 0 || strspn(context, "0123456789ABCDEF") < size))
		return refuse(report, VALUE, name,
			      "must be an even number of the digits 0-9 and A-F when ContextType "
			      "is HEX.");
	for (size_t i = 0; i < size; i++) {
		if (context[i] < 0x20 || context[i] > 0x7e)
			return refuse(report, VALUE, name, "must be printable ASCII.");
	}
	return 0;
}

static int check_contexts(const struct report *report, const struct health_check *check)
{
	bool is_hex = check->context_type && strcmp(check->context_type, "HEX") == 0;
	int error;

	if (check->context_type && !is_hex && strcmp(check->context_type, "TEXT") != 0)
		return refuse(report, VALUE, "ContextType", "must be TEXT or HEX.");
	error = check_context(report, "SendContext", check->send_context, is_hex);
	if (error == 0)
		error = check_context(report, "RecvContext", check->receive_context, is_hex);
	return error;
}

/* One number of ExtendedCode at *text, 0..99; -1 when there is none. */
static int code_number(const char **text)
{
	int value = 0, digits = 0;

	while (**text >= '0' && **text <= '9' && digits < 3) {
		value = value * 10 + *(*text)++ - '0';
		digits++;
	}
	return digits > 0 && value <= 99 ? value : -1;
}

/* "20", "20,25", "0-99" and lists of these. */
static bool extended_code_is_valid(const char *text)
{
	if (strlen(text) > EXTENDED_CODE_MOST)
		return false;
	for (;;) {
		int first = code_number(&text), last = first;

		if (*text == '-') {
			text++;
			last = code_number(&text);
		}
		if (first < 0 || last < first)
			return false;
		if (*text == '\0')
			return true;
		if (*text++ != ',')
			return false;
	}
}

static int check_partners(const struct report *report, const struct health_check *check,
			  enum protocol protocol)
{
	if (check->type == CHECK_CUSTOM) {
		const char *missing = !check->context_type      ? "ContextType"
				      : !check->send_context    ? "SendContext"
				      : !check->receive_context ? "RecvContext"
								: NULL;

		if (missing)
			return refuse(report, COMBINATION, missing,
				      "is required when CheckType is CUSTOM.");
	}
	/* A layer-4 listener has no rule whose domain could stand in. */
	if (check->type == CHECK_HTTP && !protocol_is_layer_7(protocol)) {
		const char *missing = !check->domain         ? "HttpCheckDomain"
				      : !check->http_version ? "HttpVersion"
							     : NULL;

		if (missing)
			return refuse(report, COMBINATION, missing,
				      "is required for an HTTP check on protocol %s.",
				      protocol_name(protocol));
	}
	return 0;
}

int validate_health_check(const struct health_check *check, enum protocol protocol,
			  const char *field, struct problem *problem)
{
	const struct report report = { field, problem };
	int error = check_numbers(&report, check);

	if (error == 0)
		error = check_type_and_port(&report, check, protocol);
	if (error == 0)
		error = check_http_texts(&report, check);
	if (error == 0)
		error = check_contexts(&report, check);
	if (error == 0 && check->extended_code && !extended_code_is_valid(check->extended_code))
		error = refuse(&report, VALUE, "ExtendedCode",
			       "must be a number from 0 to 99, a list such as \"20,25\" or a range "
			       "such as \"0-99\".");
	if (error == 0)
		error = check_partners(&report, check, protocol);
	return error;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for names, domains, URLs and persistence. Each sentence names the field and the rule
 * that was broken, and the wrong character where there is one. Pure; any thread.
 */
#include "model/validate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/charset.h"

#define VALUE "InvalidParameterValue"
#define LENGTH "InvalidParameterValue.Length"
#define COMBINATION "InvalidParameter"
#define UNSUPPORTED "UnsupportedOperation"

/* The character at `at` as a person would recognise it. */
struct shown {
	char text[16];
};

static struct shown show_character(struct bytes text, size_t at)
{
	struct shown shown = { "" };
	uint32_t point;
	size_t size = charset_utf8((struct bytes){ text.at + at, text.size - at }, &point);

	if (size == 0)
		snprintf(shown.text, sizeof(shown.text), "byte 0x%02x", (uint8_t)text.at[at]);
	else if (charset_is_control(point) || point == ' ' || point > 0xffff)
		snprintf(shown.text, sizeof(shown.text), "U+%04" PRIX32, point);
	else
		snprintf(shown.text, sizeof(shown.text), "\"%.*s\"", (int)size, text.at + at);
	return shown;
}

int validate_name(const char *name, const char *field, struct problem *problem)
{
	struct bytes text = bytes_of(name);
	size_t good = charset_name(text);
	size_t characters = 0;

	if (good < text.size)
		return problem_set(problem, VALUE, field,
				   "%s must be text without control characters and without "
				   "characters above U+FFFF such as emoji; %s is not allowed.",
				   problem_field_name(field), show_character(text, good).text);
	for (size_t i = 0; i < text.size; i++) {
		if (((unsigned char)text.at[i] & 0xc0) != 0x80)
			characters++;
	}
	if (characters < 1 || characters > LIMIT_NAME)
		return problem_set(problem, LENGTH, field, "%s must have 1 to %d characters.",
				   problem_field_name(field), LIMIT_NAME);
	return 0;
}

int validate_domain(const char *domain, const char *field, struct problem *problem)
{
	struct bytes text = bytes_of(domain);
	const char *name = problem_field_name(field);
	size_t good = charset_domain(text);

	if (text.size < 1 || text.size > LIMIT_DOMAIN)
		return problem_set(problem, LENGTH, field, "%s must have 1 to %d characters.", name,
				   LIMIT_DOMAIN);
	if (domain[0] == '~')
		return problem_set(problem, UNSUPPORTED, field,
				   "%s: regular expressions are not supported yet; give an exact "
				   "domain.",
				   name);
	if (memchr(text.at, '*', text.size))
		return problem_set(problem, UNSUPPORTED, field,
				   "%s: wildcards are not supported yet; give an exact domain.",
				   name);
	if (good < text.size)
		return problem_set(problem, VALUE, field,
				   "%s may hold a-z, 0-9, \".\", \"-\" and \"_\" only; %s is not "
				   "allowed.",
				   name, show_character(text, good).text);
	if (domain[0] == '_')
		return problem_set(problem, VALUE, field, "%s must not begin with \"_\".", name);
	if (domain[0] == '.' || domain[text.size - 1] == '.' || strstr(domain, ".."))
		return problem_set(problem, VALUE, field,
				   "%s must not begin or end with \".\" nor hold two of them in a "
				   "row.",
				   name);
	return 0;
}

int validate_url(const char *url, const char *field, struct problem *problem)
{
	struct bytes text = bytes_of(url);
	const char *name = problem_field_name(field);
	size_t good;

	if (text.size < 1 || text.size > LIMIT_URL)
		return problem_set(problem, LENGTH, field, "%s must have 1 to %d characters.", name,
				   LIMIT_URL);
	if (url[0] == '~' || url[0] == '^')
		return problem_set(problem, UNSUPPORTED, field,
				   "%s: the forms \"^~\", \"~\" and \"~*\" are not supported yet; "
				   "give \"/path\" for a prefix or \"=/path\" for an exact path.",
				   name);
	if (url[0] == '=') {
		text.at++;
		text.size--;
	}
	if (text.size == 0 || text.at[0] != '/')
		return problem_set(problem, VALUE, field,
				   "%s must begin with \"/\" (prefix) or \"=/\" (exact).", name);
	good = charset_path(text);
	if (good == text.size)
		return 0;
	if (text.at[good] == '?' || text.at[good] == '#')
		return problem_set(problem, VALUE, field,
				   "%s is compared with the path of a request, without its query: "
				   "it must not hold \"%c\".",
				   name, text.at[good]);
	if (text.at[good] == '%')
		return problem_set(problem, VALUE, field,
				   "%s: \"%%\" must be followed by two hexadecimal digits.", name);
	return problem_set(problem, VALUE, field,
			   "%s may hold letters, digits and -._~!$&'()*+,;=:@/ only, anything else "
			   "as %%XX; %s is not allowed.",
			   name, show_character(text, good).text);
}

int validate_cookie_name(const char *name, const char *field, struct problem *problem)
{
	struct bytes text = bytes_of(name);
	size_t good = charset_token(text);

	if (text.size < 1 || text.size > LIMIT_COOKIE_NAME)
		return problem_set(problem, VALUE, field, "%s must have 1 to %d characters.",
				   problem_field_name(field), LIMIT_COOKIE_NAME);
	if (good < text.size)
		return problem_set(problem, VALUE, field,
				   "%s may hold letters, digits and !#$%%&'*+-.^_`|~ only; %s is "
				   "not allowed.",
				   problem_field_name(field), show_character(text, good).text);
	return 0;
}

int validate_access_log(const char *name, const char *field, struct problem *problem)
{
	struct bytes text = bytes_of(name);

	if (text.size < 1 || text.size > LIMIT_FILE_NAME)
		return problem_set(problem, "InvalidParameterValue.Length", field,
				   "%s must have 1 to %d characters.", field, LIMIT_FILE_NAME);
	if (text.at[0] == '.' || charset_file_name(text) < text.size)
		return problem_set(problem, "InvalidParameterValue", field,
				   "%s must be off, stderr or a file's name: A-Z, a-z, 0-9, \".\", "
				   "\"_\" and \"-\" only, not beginning with a dot; a path is not "
				   "accepted.",
				   field);
	return 0;
}

int validate_session_expire(int64_t seconds, const char *field, struct problem *problem)
{
	if (seconds == 0 || (seconds >= SESSION_EXPIRE_LEAST_S && seconds <= SESSION_EXPIRE_MOST_S))
		return 0;
	return problem_set(problem, VALUE, field,
			   "%s must be 0 (off) or between %d and %d seconds; %" PRId64 " is not.",
			   problem_field_name(field), SESSION_EXPIRE_LEAST_S, SESSION_EXPIRE_MOST_S,
			   seconds);
}

int validate_session_scheduler(uint32_t session_expire_s, enum scheduler scheduler,
			       const char *field, struct problem *problem)
{
	if (session_expire_s == 0 || scheduler == SCHEDULER_WRR)
		return 0;
	if (scheduler == SCHEDULER_LEAST_CONN)
		return problem_set(problem, COMBINATION, field,
				   "Weighted least connections cannot be combined with session "
				   "persistence. Choose Scheduler WRR or set %s to 0.",
				   problem_field_name(field));
	if (scheduler == SCHEDULER_IP_HASH)
		return problem_set(problem, COMBINATION, field,
				   "IP hash already keeps a client on one server; cookie "
				   "persistence cannot be added. Choose Scheduler WRR or set %s to "
				   "0.",
				   problem_field_name(field));
	return problem_set(problem, COMBINATION, field,
			   "Session persistence goes with Scheduler WRR only. Set %s to 0.",
			   problem_field_name(field));
}

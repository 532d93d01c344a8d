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
#include "model/pattern.h"
#include "model/route_text.h"

#define VALUE "InvalidParameterValue"
#define LENGTH "InvalidParameterValue.Length"
#define COMBINATION "InvalidParameter"

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

/* `text` is plain, or what stands beside the "*" and its dot. */
static int check_plain_domain(struct bytes text, const char *field, struct problem *problem)
{
	const char *name = problem_field_name(field);
	size_t good = charset_domain(text);

	if (good < text.size && text.at[good] == '*')
		return problem_set(
			problem, VALUE, field,
			"%s may hold one \"*\", at its very beginning (*.example.com) or "
			"its very end (www.example.*).",
			name);
	if (good < text.size)
		return problem_set(problem, VALUE, field,
				   "%s may hold a-z, 0-9, \".\", \"-\" and \"_\" only; %s is not "
				   "allowed.",
				   name, show_character(text, good).text);
	if (text.size > 0 && text.at[0] == '_')
		return problem_set(problem, VALUE, field, "%s must not begin with \"_\".", name);
	if (text.size == 0 || text.at[0] == '.' || text.at[text.size - 1] == '.' ||
	    memmem(text.at, text.size, "..", 2))
		return problem_set(problem, VALUE, field,
				   "%s must not begin or end with \".\" nor hold two of them in a "
				   "row.",
				   name);
	return 0;
}

/* The expression of `field`, all of whose characters are good. */
static int check_pattern(struct bytes text, bool is_caseless, const char *field,
			 struct problem *problem)
{
	char why[200];
	int error = pattern_check(text, is_caseless, why, sizeof(why));

	if (error == -EINVAL)
		return problem_set(problem, VALUE, field,
				   "%s is not a regular expression that can be used: %s.",
				   problem_field_name(field), why);
	return error;
}

static int check_domain_pattern(struct bytes text, const char *field, struct problem *problem)
{
	size_t good = charset_domain_pattern(text);

	if (good < text.size)
		return problem_set(problem, VALUE, field,
				   "%s: a regular expression for domains may hold a-z, 0-9 and "
				   ".-?=_+\\^*!$&|()[] only, behind one \"~\"; %s is not allowed.",
				   problem_field_name(field), show_character(text, good).text);
	return check_pattern(text, true, field, problem);
}

int validate_domain(const char *domain, const char *field, struct problem *problem)
{
	struct bytes text = bytes_of(domain), rest;

	if (text.size < 1 || text.size > LIMIT_DOMAIN)
		return problem_set(problem, LENGTH, field, "%s must have 1 to %d characters.",
				   problem_field_name(field), LIMIT_DOMAIN);
	switch (domain_form_of(text, &rest)) {
	case DOMAIN_PATTERN:
		return check_domain_pattern(rest, field, problem);
	case DOMAIN_LEADING:
		rest.at++;
		rest.size--;
		break;
	case DOMAIN_TRAILING:
		rest.size--;
		break;
	case DOMAIN_EXACT:
		break;
	}
	return check_plain_domain(rest, field, problem);
}

static int check_url_pattern(const struct url_parts *parts, const char *field,
			     struct problem *problem)
{
	size_t good = charset_url_pattern(parts->rest);

	if (good < parts->rest.size)
		return problem_set(problem, VALUE, field,
				   "%s: a regular expression for URLs may hold letters, digits and "
				   ".-_/=?^*$:()[]+| only, behind \"~\" or \"~*\"; %s is not "
				   "allowed.",
				   problem_field_name(field),
				   show_character(parts->rest, good).text);
	return check_pattern(parts->rest, parts->is_caseless, field, problem);
}

int validate_url(const char *url, const char *field, struct problem *problem)
{
	struct bytes text = bytes_of(url);
	struct url_parts parts = url_parts_of(text);
	const char *name = problem_field_name(field);
	size_t good;

	if (text.size < 1 || text.size > LIMIT_URL)
		return problem_set(problem, LENGTH, field, "%s must have 1 to %d characters.", name,
				   LIMIT_URL);
	if (parts.form == URL_PATTERN)
		return check_url_pattern(&parts, field, problem);
	text = parts.rest;
	if (text.size == 0 || text.at[0] != '/')
		return problem_set(problem, VALUE, field,
				   "%s must begin with \"/\" (prefix), \"=/\" (exact), \"^~/\" "
				   "(prefix that comes before regular expressions), or with \"~\" "
				   "or \"~*\" and a regular expression.",
				   name);
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

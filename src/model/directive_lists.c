/* SPDX-License-Identifier: Apache-2.0 */
/*
 * add_header, more_set_headers, proxy_set_header, error_page: which names, values, codes and pages
 * there may be, for who reads a text and for who checks a snapshot. Pure.
 */
#include "model/directive_lists.h"

#include <errno.h>
#include <stdlib.h>

#include "model/charset.h"
#include "model/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define VARIABLES_MOST 16 /* in a value: each may be as long as a request target */

/* The fields that the balancer can add for the target. */
static const char *const target_names[] = {
	"X-Real-Port",      "X-Real-IP", "X-clb-stgw-vip",    "Stgw-request-id",
	"X-Forwarded-Port", "X-Method",  "X-Forwarded-Proto", "X-Uri",
};

/* What one hop says to the next, where a message ends, and what carries our own word. */
static const char *const kept_names[] = {
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Transfer-Encoding",
	"TE",         "Trailer",    "Upgrade",          "HTTP2-Settings",     "Content-Length",
	"Date",       "Set-Cookie",
};

static const struct {
	const char *name;
	enum header_variable variable;
} variables[] = {
	{ "remote_addr", VARIABLE_REMOTE_ADDR },
	{ "remote_port", VARIABLE_REMOTE_PORT },
	{ "server_addr", VARIABLE_SERVER_ADDR },
	{ "vip", VARIABLE_SERVER_ADDR },
	{ "server_port", VARIABLE_SERVER_PORT },
	{ "vport", VARIABLE_SERVER_PORT },
	{ "request_method", VARIABLE_REQUEST_METHOD },
	{ "request_uri", VARIABLE_REQUEST_URI },
	{ "uri", VARIABLE_URI },
	{ "scheme", VARIABLE_SCHEME },
	{ "host", VARIABLE_HOST },
	{ "request_id", VARIABLE_REQUEST_ID },
	{ "stgw_request_id", VARIABLE_REQUEST_ID },
};

static bool is_among(struct bytes name, const char *const *names, size_t count)
{
	size_t at = 0;

	while (at < count && !bytes_equal_nocase(name, bytes_of(names[at])))
		at++;
	return at < count;
}

static const char *name_fault(enum header_kind kind, struct bytes name)
{
	if (name.size == 0 || name.size > LIMIT_CUSTOM_HEADER_NAME ||
	    charset_token(name) < name.size)
		return "the name of a header has letters, digits and !#$%&'*+-.^_`|~, at most 128.";
	if (kind == HEADER_TO_TARGET)
		return is_among(name, target_names, COUNT(target_names))
			       ? NULL
			       : "it takes X-Real-Port, X-Real-IP, X-clb-stgw-vip, "
				 "Stgw-request-id, X-Forwarded-Port, X-Forwarded-Proto, X-Method "
				 "or X-Uri, and a value.";
	return is_among(name, kept_names, COUNT(kept_names))
		       ? "this header is the balancer's own: where a message ends and how "
			 "connections, dates and cookies go is not for a configuration to say."
		       : NULL;
}

static const char *value_fault(enum header_kind kind, struct bytes value)
{
	unsigned count = 0;

	if (value.size > LIMIT_CUSTOM_HEADER_VALUE)
		return "a header's value has 4096 bytes at most.";
	for (size_t i = 0; i < value.size; i++) {
		unsigned char byte = (unsigned char)value.at[i];
		bool is_variable = kind == HEADER_TO_TARGET && byte >= HEADER_VARIABLE &&
				   byte < HEADER_VARIABLE + HEADER_VARIABLES;

		count += is_variable;
		if ((byte < 0x20 && byte != '\t' && !is_variable) || byte == 0x7f)
			return "a header's value has no control characters.";
	}
	return count > VARIABLES_MOST ? "a header's value has 16 variables at most." : NULL;
}

const char *directive_header_fault(enum header_kind kind, struct bytes name, struct bytes value)
{
	const char *fault = name_fault(kind, name);

	return fault ? fault : value_fault(kind, value);
}

const char *directive_page_fault(unsigned status, unsigned response, struct bytes uri)
{
	if (status < 400 || status > 599 || status == 499)
		return "the codes are 400 to 599 without 499, which nobody receives.";
	if (response != 301 && response != 302 && response != 303 && response != 307 &&
	    response != 308)
		return "the response is 301, 302, 303, 307 or 308.";
	if (uri.size == 0 || uri.at[0] != '/' || uri.size > LIMIT_URL ||
	    charset_path_query(uri) < uri.size || (uri.size > 1 && uri.at[1] == '/'))
		return "the page is a path on this host, at most 200 bytes.";
	return NULL;
}

bool header_is_added(unsigned status)
{
	return status == 200 || status == 201 || status == 204 || status == 206 ||
	       (status >= 301 && status <= 304) || status == 307 || status == 308;
}

static struct bytes trimmed(struct bytes text)
{
	while (text.size > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
		text.at++;
		text.size--;
	}
	while (text.size > 0 && (text.at[text.size - 1] == ' ' || text.at[text.size - 1] == '\t'))
		text.size--;
	return text;
}

static bool is_name_byte(char byte)
{
	return charset_id((struct bytes){ &byte, 1 }) == 1 && byte != '-';
}

/*
 * Behind a "$": the variable that the front of `rest` names, as nginx reads it, with or without
 * braces. The bytes it takes, 0 = there is no such one.
 */
static size_t read_variable(struct bytes rest, enum header_variable *ret)
{
	bool has_brace = rest.size > 0 && rest.at[0] == '{';
	struct bytes name = { rest.at + has_brace, 0 };
	size_t room = rest.size - has_brace;

	while (name.size < room && is_name_byte(name.at[name.size]))
		name.size++;
	if (has_brace && (name.size == room || name.at[name.size] != '}'))
		return 0;
	for (size_t i = 0; i < COUNT(variables); i++) {
		if (!bytes_equal(name, bytes_of(variables[i].name)))
			continue;
		*ret = variables[i].variable;
		return name.size + 2 * (size_t)has_brace;
	}
	return 0;
}

/*
 * A word as it is meant, which is never longer: a backslash goes before a quote or another one, and
 * variables become one byte each.
 */
static int read_value(enum header_kind kind, struct bytes word, char **ret, const char **ret_reason)
{
	char *value = malloc(word.size + 1), *to = value;

	if (!value)
		return -ENOMEM;
	for (size_t i = 0; i < word.size; i++) {
		struct bytes rest = { word.at + i + 1, word.size - i - 1 };
		enum header_variable variable;
		size_t taken;

		if (word.at[i] == '\\' && rest.size > 0 && strchr("\"'\\", rest.at[0])) {
			*to++ = rest.at[0];
			i++;
			continue;
		}
		if (word.at[i] != '$') {
			*to++ = word.at[i];
			continue;
		}
		taken = kind == HEADER_TO_TARGET ? read_variable(rest, &variable) : 0;
		if (taken == 0) {
			free(value);
			*ret_reason = kind == HEADER_TO_TARGET
					      ? "there is no such variable."
					      : "a header of an answer has no variables.";
			return -EINVAL;
		}
		*to++ = (char)(HEADER_VARIABLE + variable);
		i += taken;
	}
	*to = '\0';
	*ret = value;
	return 0;
}

static struct directive_header *find_header(struct directives *directives, enum header_kind kind,
					    struct bytes name)
{
	for (size_t i = 0; i < directives->header_count; i++) {
		struct directive_header *header = &directives->headers[i];

		if (header->kind == kind && bytes_equal_nocase(bytes_of(header->name), name))
			return header;
	}
	return NULL;
}

/* Heads have room for what is added to them. */
static const char *roof_fault(const struct directives *directives)
{
	size_t size = 0;

	for (size_t i = 0; i < directives->header_count; i++) {
		size += strlen(directives->headers[i].name) + strlen(directives->headers[i].value) +
			4;
	}
	if (directives->header_count > LIMIT_CUSTOM_HEADERS)
		return "a configuration has 64 headers at most.";
	return size > LIMIT_CUSTOM_HEADER_BYTES
		       ? "the headers of a configuration have 8192 bytes at most."
		       : NULL;
}

/* Takes `value` over. */
static int append_header(struct directives *directives, enum header_kind kind, struct bytes name,
			 char *value)
{
	struct directive_header *grown =
		reallocarray(directives->headers, directives->header_count + 1, sizeof(*grown));
	char *own = strndup(name.at, name.size);

	if (grown)
		directives->headers = grown;
	if (!grown || !own) {
		free(own);
		free(value);
		return -ENOMEM;
	}
	grown[directives->header_count++] = (struct directive_header){ (uint8_t)kind, own, value };
	return 0;
}

static int take_header(struct directives *directives, enum header_kind kind, struct bytes name,
		       struct bytes word, const char **ret_reason)
{
	struct directive_header *known =
		kind == HEADER_ADD ? NULL : find_header(directives, kind, name);
	char *value = NULL;
	int error;

	*ret_reason = name_fault(kind, name);
	if (!*ret_reason && known && kind == HEADER_TO_TARGET)
		*ret_reason = "a line before sets this header already.";
	if (*ret_reason)
		return -EINVAL;
	error = read_value(kind, trimmed(word), &value, ret_reason);
	if (error != 0)
		return error;
	*ret_reason = value_fault(kind, bytes_of(value));
	if (*ret_reason) {
		free(value);
		return -EINVAL;
	}
	if (known) {
		free(known->value);
		known->value = value;
	} else {
		error = append_header(directives, kind, name, value);
	}
	if (error == 0)
		*ret_reason = roof_fault(directives);
	return *ret_reason ? -EINVAL : error;
}

int directive_add_header(struct directives *directives, const struct bytes *values, size_t count,
			 const char **ret_reason)
{
	*ret_reason = "it takes a name and a value.";
	return count == 2 && trimmed(values[1]).size > 0
		       ? take_header(directives, HEADER_ADD, values[0], values[1], ret_reason)
		       : -EINVAL;
}

int directive_set_headers(struct directives *directives, const struct bytes *values, size_t count,
			  const char **ret_reason)
{
	int error = count > 0 ? 0 : -EINVAL;

	*ret_reason = "it takes \"Name: value\".";
	for (size_t i = 0; i < count && error == 0; i++) {
		const char *colon = memchr(values[i].at, ':', values[i].size);
		size_t size = colon ? (size_t)(colon - values[i].at) : 0;

		*ret_reason = "it takes \"Name: value\".";
		if (!colon || size == 0)
			return -EINVAL;
		error = take_header(directives, HEADER_SET, (struct bytes){ values[i].at, size },
				    (struct bytes){ colon + 1, values[i].size - size - 1 },
				    ret_reason);
	}
	return error;
}

int directive_proxy_header(struct directives *directives, const struct bytes *values, size_t count,
			   const char **ret_reason)
{
	*ret_reason = count > 0 ? name_fault(HEADER_TO_TARGET, values[0]) : NULL;
	if (!*ret_reason && count != 2)
		*ret_reason = "it takes a name and a value.";
	return *ret_reason ? -EINVAL
			   : take_header(directives, HEADER_TO_TARGET, values[0], values[1],
					 ret_reason);
}

static int append_page(struct directives *directives, unsigned status, unsigned response,
		       struct bytes uri)
{
	struct directive_page *grown =
		reallocarray(directives->pages, directives->page_count + 1, sizeof(*grown));
	char *own = strndup(uri.at, uri.size);

	if (grown)
		directives->pages = grown;
	if (!grown || !own) {
		free(own);
		return -ENOMEM;
	}
	grown[directives->page_count++] =
		(struct directive_page){ (uint16_t)status, (uint16_t)response, own };
	return 0;
}

static int take_page(struct directives *directives, struct bytes code, unsigned response,
		     struct bytes uri, const char **ret_reason)
{
	uint64_t status = 0;

	(void)bytes_to_u64(code, UINT16_MAX, &status);
	*ret_reason = directive_page_fault((unsigned)status, response, uri);
	for (size_t i = 0; i < directives->page_count && !*ret_reason; i++) {
		if (directives->pages[i].status == status)
			*ret_reason = "one of its codes has a page already.";
	}
	if (!*ret_reason && directives->page_count == LIMIT_CUSTOM_PAGES)
		*ret_reason = "a configuration has pages for 64 codes at most.";
	return *ret_reason ? -EINVAL : append_page(directives, (unsigned)status, response, uri);
}

/* code ... [=[response]] uri */
int directive_error_page(struct directives *directives, const struct bytes *values, size_t count,
			 const char **ret_reason)
{
	bool has_response =
		count > 2 && values[count - 2].size > 0 && values[count - 2].at[0] == '=';
	size_t codes = count > has_response ? count - 1 - has_response : 0;
	uint64_t response = 302;
	int error = 0;

	*ret_reason =
		"it takes codes from 400 to 599, perhaps =code, and a path that begins with /.";
	if (codes == 0)
		return -EINVAL;
	if (has_response) {
		struct bytes digits = { values[count - 2].at + 1, values[count - 2].size - 1 };

		if (digits.size > 0 &&
		    (bytes_to_u64(digits, 599, &response) != 0 || response < 200))
			return -EINVAL;
		*ret_reason =
			"a page is a redirection here: =301, =302, =303, =307 or =308. A page "
			"in place of the answer itself is not built.";
		if (digits.size == 0 || response < 300 || response > 399)
			return -ENOTSUP;
	}
	for (size_t i = 0; i < codes && error == 0; i++)
		error = take_page(directives, values[i], (unsigned)response, values[count - 1],
				  ret_reason);
	return error;
}

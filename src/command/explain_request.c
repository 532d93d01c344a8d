/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the URL of `setia explain` and writes the head that stands for it. One thread. */
#include "command/explain_request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/limits.h"

#define HTTP_PORT 80

static const char scheme_sentence[] = "the URL must begin with http://, tcp:// or udp://";

static int explain_refuse(const char *why, const char **ret_why)
{
	*ret_why = why;
	return -EINVAL;
}

/* Takes what stands before the first of `ends`, or all of it. */
static struct bytes explain_take(struct bytes *text, const char *ends)
{
	struct bytes taken = *text;

	for (size_t i = 0; i < text->size; i++) {
		if (strchr(ends, text->at[i])) {
			taken.size = i;
			break;
		}
	}
	*text = (struct bytes){ text->at + taken.size, text->size - taken.size };
	return taken;
}

/* "host", "host:port", "[ipv6]", "[ipv6]:port". */
static int explain_authority_read(struct bytes authority, struct explain_url *url,
				  const char **ret_why)
{
	struct bytes rest = authority;
	uint64_t port = HTTP_PORT;

	if (bytes_starts_with(rest, BYTES_LITERAL("["))) {
		rest = (struct bytes){ rest.at + 1, rest.size - 1 };
		url->host = explain_take(&rest, "]");
		if (rest.size == 0)
			return explain_refuse("the address has no closing bracket", ret_why);
		rest = (struct bytes){ rest.at + 1, rest.size - 1 };
	} else {
		url->host = explain_take(&rest, ":");
	}
	if (url->host.size == 0)
		return explain_refuse("the URL names no host", ret_why);
	if (rest.size > 0 && rest.at[0] != ':')
		return explain_refuse("something stands between the host and its port", ret_why);
	if (rest.size <= 1 && url->protocol != PROTOCOL_HTTP)
		return explain_refuse("tcp:// and udp:// need a port", ret_why);
	if (rest.size > 1 &&
	    (bytes_to_u64((struct bytes){ rest.at + 1, rest.size - 1 }, UINT16_MAX, &port) != 0 ||
	     port == 0))
		return explain_refuse("the port must be a number from 1 to 65535", ret_why);
	url->port = (uint16_t)port;
	url->authority = authority;
	return 0;
}

static int explain_scheme_read(struct bytes scheme, struct explain_url *url, const char **ret_why)
{
	static const struct {
		const char *scheme;
		enum protocol protocol;
	} schemes[] = {
		{ "http", PROTOCOL_HTTP },
		{ "tcp", PROTOCOL_TCP },
		{ "udp", PROTOCOL_UDP },
	};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (!bytes_equal_nocase(scheme, bytes_of(schemes[i].scheme)))
			continue;
		url->protocol = schemes[i].protocol;
		return 0;
	}
	if (!bytes_equal_nocase(scheme, BYTES_LITERAL("https")))
		return explain_refuse(scheme_sentence, ret_why);
	*ret_why = "HTTPS listeners are not built yet";
	return -EPROTONOSUPPORT;
}

int explain_url_read(const char *text, struct explain_url *ret_url, const char **ret_why)
{
	struct bytes rest = bytes_of(text), scheme, authority;
	struct explain_url url;
	int error;

	for (size_t i = 0; i < rest.size; i++) {
		if ((unsigned char)rest.at[i] <= ' ' || rest.at[i] == 0x7f)
			return explain_refuse("a URL holds no spaces and no control characters",
					      ret_why);
	}
	scheme = explain_take(&rest, ":/?#");
	if (!bytes_starts_with(rest, BYTES_LITERAL("://")))
		return explain_refuse(scheme_sentence, ret_why);
	error = explain_scheme_read(scheme, &url, ret_why);
	if (error)
		return error;
	rest = (struct bytes){ rest.at + 3, rest.size - 3 };
	authority = explain_take(&rest, "/?#");
	if (memchr(authority.at, '@', authority.size))
		return explain_refuse("a URL with a user name is not sent to a server", ret_why);
	error = explain_authority_read(authority, &url, ret_why);
	if (error)
		return error;
	if (url.protocol != PROTOCOL_HTTP && rest.size > 0)
		return explain_refuse("tcp:// and udp:// end with the port", ret_why);
	url.origin = explain_take(&rest, "#");
	*ret_url = url;
	return 0;
}

static bool explain_fits_line(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' && *text != '\t')
			return false;
	}
	return true;
}

int explain_request_write(const struct explain_request *request, char **ret_head, size_t *ret_size)
{
	const struct explain_url *url = &request->url;
	bool has_slash = bytes_starts_with(url->origin, BYTES_LITERAL("/"));
	size_t size = 0;
	char *head = NULL;
	FILE *stream;
	bool has_failed;

	if (!explain_fits_line(request->method) || strchr(request->method, ' '))
		return -EINVAL;
	for (unsigned i = 0; i < request->cookie_count; i++) {
		if (!explain_fits_line(request->cookies[i]))
			return -EINVAL;
	}
	stream = open_memstream(&head, &size);
	if (!stream)
		return -ENOMEM;
	fprintf(stream, "%s %s", request->method, has_slash ? "" : "/");
	fwrite(url->origin.at, 1, url->origin.size, stream);
	fputs(" HTTP/1.1\r\nHost: ", stream);
	fwrite(url->authority.at, 1, url->authority.size, stream);
	for (unsigned i = 0; i < request->cookie_count; i++)
		fprintf(stream, "\r\nCookie: %s", request->cookies[i]);
	fputs("\r\n\r\n", stream);
	has_failed = ferror(stream) != 0;
	if (fclose(stream) != 0 || has_failed) {
		free(head);
		return -ENOMEM;
	}
	if (size > HTTP_HEAD_MOST) {
		free(head);
		return -E2BIG;
	}
	*ret_head = head;
	*ret_size = size;
	return 0;
}

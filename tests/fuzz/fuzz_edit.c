/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits under every room. The first two bytes are the room, the third picks what is edited: the
 * rest is a list of field lines, behind a fixed first line or a body. Whatever the room, nothing is
 * written past it; what fits is the same as with room in plenty; hop-by-hop fields and the stripped
 * cookie never pass.
 */
#include "http_input.h"

#include <errno.h>

#include "http/cookie.h"
#include "http/edit.h"

static const struct bytes variables[HTTP_VARIABLES] = { { "one", 3 }, { "two", 3 } };

static const struct http_extra extras[] = {
	{ .name = { "X-Uri", 5 }, .value = { "\x10/\x11\x1f", 4 }, .variables = variables },
	{ .name = { "X-None", 6 } },
};

static const struct http_request_edit request_edit = {
	.client_ip = { "2001:db8::1", 11 },
	.proto = { "https", 5 },
	.port = { "443", 3 },
	.host = { "[2001:db8::2]:443", 17 },
	.strip_cookie = { "sid", 3 },
	.replaced = 1u << HTTP_X_REAL_IP,
	.extras = extras,
	.extra_count = 2,
};

static void check_te(const char *head, const struct http_request *request)
{
	const struct http_field *te = http_field_first(request->fields, request->present, HTTP_TE);

	MUST(!te || bytes_equal(http_bytes(head, te->value), BYTES_LITERAL("trailers")));
}

/* What stands in the client's place stands once, as it was written. */
static void check_uri(const char *head, const struct http_request *request)
{
	unsigned count = 0;

	for (unsigned i = 0; i < request->field_count; i++) {
		if (!bytes_equal_nocase(http_bytes(head, request->fields[i].name), extras[0].name))
			continue;
		MUST(bytes_equal(http_bytes(head, request->fields[i].value),
				 BYTES_LITERAL("one/two")));
		count++;
	}
	MUST(count == 1);
}

static void check_request(const char *head, const struct http_request *request, size_t room)
{
	static struct http_request again;
	static char plenty[65536];
	char *out = exact_copy(plenty, room);
	int expected = http_request_edit(head, request, &request_edit, plenty, sizeof(plenty));
	int size = http_request_edit(head, request, &request_edit, out, room);
	struct bytes value;

	MUST(expected > 0);
	MUST(size == ((size_t)expected <= room ? expected : -ENOBUFS));
	if (size > 0)
		MUST(memcmp(out, plenty, (size_t)size) == 0);
	if (http_request_parse(plenty, (size_t)expected, &again) == 0) {
		MUST(!(again.present & (1u << HTTP_KEEP_ALIVE | 1u << HTTP_PROXY_CONNECTION |
					1u << HTTP_HTTP2_SETTINGS)));
		MUST(!(again.present & 1u << HTTP_TRAILER) || again.framing == HTTP_CHUNKED);
		check_te(plenty, &again);
		MUST(!(again.present & 1u << HTTP_UPGRADE) || again.wants_websocket);
		MUST(http_cookie_find(plenty, &again, request_edit.strip_cookie, &value) == 0);
		check_uri(plenty, &again);
	} else {
		MUST(request->field_count > HTTP_FIELDS_ROOM - 8);
	}
	free(out);
}

static void check_response(const char *head, const struct http_response *response, size_t room)
{
	static char plenty[65536];
	const struct http_response_edit edit = { .client_minor = 1,
						 .set_cookie = BYTES_LITERAL("sid=1"),
						 .date = BYTES_LITERAL("now"),
						 .extras = extras,
						 .extra_count = 2 };
	enum http_framing framing, framing_again;
	char *out = exact_copy(plenty, room);
	int expected = http_response_edit(head, response, &edit, plenty, sizeof(plenty), &framing);
	int size = http_response_edit(head, response, &edit, out, room, &framing_again);

	MUST(expected > 0);
	MUST(size == ((size_t)expected <= room ? expected : -ENOBUFS));
	if (size > 0)
		MUST(memcmp(out, plenty, (size_t)size) == 0 && framing == framing_again);
	free(out);
}

/* What passes is a head's fields again, and none that a proxy or a server acts on. */
static void check_trailers(const char *section, size_t size, size_t room)
{
	static const char line[] = "POST / HTTP/1.1\r\nHost: a\r\n";
	static struct http_request again;
	static char plenty[65536];
	char *out = exact_copy(plenty, room), *exact = exact_copy(section, size);
	char *at = plenty + sizeof(line) - 1;
	int expected = http_trailers_edit(exact, size, at, 32768);
	int edited = http_trailers_edit(exact, size, out, room);

	if (expected < 0) {
		MUST((expected == -EBADMSG || expected == -E2BIG) && edited == expected);
	} else {
		MUST((size_t)expected <= size - 2);
		MUST(edited == ((size_t)expected <= room ? expected : -ENOBUFS));
		if (edited > 0)
			MUST(memcmp(out, at, (size_t)edited) == 0);
		memcpy(plenty, line, sizeof(line) - 1);
		memcpy(at + expected, "\r\n", 2);
		expected = http_request_parse(plenty, (size_t)(at + expected + 2 - plenty), &again);
		if (expected == 431)
			goto done; /* Host is one field too many */
		MUST(expected == 0);
		MUST(!(again.present & ~(1u << HTTP_OTHER | 1u << HTTP_HOST |
					 1u << HTTP_USER_AGENT | 1u << HTTP_REFERER)));
	}
done:
	free(out);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char request_line[] = "GET / HTTP/1.1\r\nHost: a\r\n";
	static const char status_line[] = "HTTP/1.1 200 OK\r\n";
	static struct http_response response;
	static struct http_request request;
	static char head[32768];
	bool is_request;
	size_t room, at;

	if (size < 3 || size > 16384)
		return 0;
	room = (size_t)data[0] | (size_t)(data[1] & 0x3f) << 8;
	if (data[2] & 2) {
		memcpy(head, data + 3, size - 3);
		memcpy(head + size - 3, "\r\n", 2);
		check_trailers(head, size - 1, room);
		return 0;
	}
	is_request = data[2] & 1;
	at = is_request ? sizeof(request_line) - 1 : sizeof(status_line) - 1;
	memcpy(head, is_request ? request_line : status_line, at);
	memcpy(head + at, data + 3, size - 3);
	at += size - 3;
	memcpy(head + at, "\r\n", 2);
	at += 2;
	if (is_request && http_request_parse(head, at, &request) == 0) {
		http_fields_hide(head, request.fields, request.field_count, extras[0].name, true);
		check_request(head, &request, room);
	}
	if (!is_request && http_response_parse(head, at, HTTP_GET, &response) == 0)
		check_response(head, &response, room);
	return 0;
}

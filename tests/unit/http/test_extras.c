/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that a configuration gives a message, on all three ways, byte for byte. */
#include "heads.h"

#include <errno.h>

#include "http/edit.h"

static const struct bytes variables[HTTP_VARIABLES] = {
	[0] = { "zero", 4 },
	[1] = { "one", 3 },
	[15] = { "last", 4 },
};

static const struct http_extra extras[] = {
	{ .name = BYTES_LITERAL("X-A"), .value = BYTES_LITERAL("plain \x10") },
	{ .name = BYTES_LITERAL("X-B"),
	  .value = BYTES_LITERAL("\x10-\x11\x1f."),
	  .variables = variables },
	{ .name = BYTES_LITERAL("X-None"), .value = { "", 0 }, .variables = variables },
	{ .name = BYTES_LITERAL("X-Empty"),
	  .value = BYTES_LITERAL("\x12"),
	  .variables = variables },
};
#define EXTRAS "X-A: plain \x10\r\nX-B: zero-onelast.\r\nX-Empty: \r\n"

static void hide(const char *head, struct http_request *request, const char *name, bool look_alikes)
{
	http_fields_hide(head, request->fields, request->field_count, bytes_of(name), look_alikes);
}

static void requests(void **state)
{
	static const char in[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Real-Port: 1\r\nx_real_port: 2\r\n"
				 "X-Real-Ports: 3\r\nX_Uri: 4\r\nX-Real-IP: 5\r\nB: c\r\n\r\n";
	static const char out_head[] =
		"GET / HTTP/1.1\r\nHost: a\r\nX-Real-Ports: 3\r\nX_Uri: 4\r\nB: c\r\n"
		"X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Port: 80\r\n" EXTRAS "\r\n";
	static struct http_request request;
	const struct http_request_edit edit = {
		.client_ip = BYTES_LITERAL("192.0.2.9"),
		.proto = BYTES_LITERAL("http"),
		.port = BYTES_LITERAL("80"),
		.keeps_connection = true,
		.replaced = 1u << HTTP_X_REAL_IP | 1u << HTTP_X_FORWARDED_PROTO,
		.extras = extras,
		.extra_count = COUNT(extras),
	};
	char out[1024];
	int size;

	assert_int_equal(http_request_parse(in, sizeof(in) - 1, &request), 0);
	hide(in, &request, "X-Real-Port", true);
	hide(in, &request, "X-uri", false);
	size = http_request_edit(in, &request, &edit, out, sizeof(out));
	assert_int_equal(size, sizeof(out_head) - 1);
	assert_memory_equal(out, out_head, sizeof(out_head) - 1);
	for (size_t room = 0; room < (size_t)size; room++) {
		char *exact = test_malloc(room + 1);

		assert_int_equal(http_request_edit(in, &request, &edit, exact, room), -ENOBUFS);
		test_free(exact);
	}
}

static void responses(void **state)
{
	static const char in[] =
		"HTTP/1.1 200 OK\r\nServer: nginx\r\nX-A: 1\r\nX_A: 2\r\nSERVER: b\r\n"
		"Content-Length: 0\r\n\r\n";
	static const char out_head[] =
		"HTTP/1.1 200 OK\r\nX-A: 1\r\nX_A: 2\r\nContent-Length: 0\r\n"
		"X-A: plain \x10\r\nX-B: zero-onelast.\r\nX-Empty: \r\n"
		"Date: now\r\nSet-Cookie: a=b\r\n\r\n";
	static struct http_response response;
	const struct http_response_edit edit = {
		.client_minor = 1,
		.keeps_connection = true,
		.set_cookie = BYTES_LITERAL("a=b"),
		.date = BYTES_LITERAL("now"),
		.extras = extras,
		.extra_count = COUNT(extras),
	};
	enum http_framing framing;
	char out[1024];
	int size;

	assert_int_equal(http_response_parse(in, sizeof(in) - 1, HTTP_GET, &response), 0);
	http_fields_hide(in, response.fields, response.field_count, BYTES_LITERAL("server"), false);
	size = http_response_edit(in, &response, &edit, out, sizeof(out), &framing);
	assert_int_equal(size, sizeof(out_head) - 1);
	assert_memory_equal(out, out_head, sizeof(out_head) - 1);
	assert_int_equal(http_response_edit(in, &response, &edit, out, (size_t)size - 1, &framing),
			 -ENOBUFS);
}

static void answers(void **state)
{
	static const struct http_extra own[] = {
		{ .name = BYTES_LITERAL("content-TYPE"),
		  .value = BYTES_LITERAL("text/plain"),
		  .replaces = true },
		{ .name = BYTES_LITERAL("Location"), .value = { "", 0 }, .replaces = true },
		{ .name = BYTES_LITERAL("Server"), .value = BYTES_LITERAL("also") },
	};
	static const char expected[] =
		"HTTP/1.1 302 Found\r\nServer: setia\r\ncontent-TYPE: text/plain\r\n"
		"Server: also\r\nContent-Length: 120\r\n"
		"Connection: close\r\n\r\n";
	struct http_answer answer = { .status = 302,
				      .is_head = true,
				      .request_id = BYTES_LITERAL("id"),
				      .location = BYTES_LITERAL("/x"),
				      .server = BYTES_LITERAL("setia"),
				      .extras = own,
				      .extra_count = COUNT(own) };
	char out[1024];
	int size = http_answer_write(&answer, out, sizeof(out) - 1);

	assert_true(size > 0);
	out[size] = '\0';
	assert_string_equal(out, expected);
	answer.server = BYTES_LITERAL("a\r\nb");
	assert_int_equal(http_answer_write(&answer, out, sizeof(out)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(responses),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

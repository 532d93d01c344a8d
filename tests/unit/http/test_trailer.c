/* SPDX-License-Identifier: Apache-2.0 */
/* Trailers on their way to the next hop: which pass, and which would decide something too late. */
#include "heads.h"

#include <errno.h>

#include "http/edit.h"

static const struct {
	const char *in, *out; /* without the empty line; NULL = refused */
} cases[] = {
	{ "", "" },
	{ "A:\r\n", "A:\r\n" },
	{ "X-Sum: 1\r\n", "X-Sum: 1\r\n" },
	/* In their order and bytes. */
	{ "grpc-status:0\r\nB:  \t2 \r\nGRPC-Message: \x80\r\nb: 3\r\n",
	  "grpc-status:0\r\nB:  \t2 \r\nGRPC-Message: \x80\r\nb: 3\r\n" },
	{ "Server-Timing: a\r\nDigest: b\r\nETag: c\r\nAuthentication-Info: d\r\nIffy: e\r\n",
	  "Server-Timing: a\r\nDigest: b\r\nETag: c\r\nAuthentication-Info: d\r\nIffy: e\r\n" },
	/* RFC 9110 section 6.5.1. */
	{ "Content-Length: 1\r\nTransfer-Encoding: chunked\r\nA: b\r\nHost: c\r\n", "A: b\r\n" },
	{ "A: b\r\nTrailer: A\r\nTE: trailers\r\nUpgrade: x\r\nKeep-Alive: 5\r\nC: d\r\n"
	  "HTTP2-Settings: e\r\nProxy-Connection: f\r\n",
	  "A: b\r\nC: d\r\n" },
	{ "Authorization: a\r\nProxy-Authorization: b\r\nWWW-Authenticate: c\r\nCookie: d\r\n"
	  "Proxy-Authenticate: e\r\nSet-Cookie: f\r\nset-cookie2: g\r\nProxy: h\r\n",
	  "" },
	{ "Cache-Control: a\r\nExpect: 100-continue\r\nMax-Forwards: 1\r\nPragma: b\r\nRange: c\r\n"
	  "If-Match: d\r\nIf-None-Match: e\r\nIF-RANGE: f\r\nX-HTTP-Method-Override: PUT\r\n",
	  "" },
	{ "Age: 1\r\nDate: a\r\nExpires: b\r\nLocation: c\r\nRetry-After: d\r\nVary: e\r\n"
	  "Content-Type: f\r\nContent-Encoding: g\r\nContent-Range: h\r\n",
	  "" },
	{ "X-Forwarded-For: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\nForwarded: c\r\n"
	  "X-Forwarded: d\r\nX-Real-IP: e\r\nVia: f\r\n",
	  "" },
	/* Look-alikes. */
	{ "X_Forwarded_For: a\r\nx-real_ip: b\r\nContent_Length: 1\r\nset_cookie: c\r\nA_B: d\r\n",
	  "A_B: d\r\n" },
	{ "Hos: a\r\nHosts: b\r\nX-Real-IPs: c\r\n", "Hos: a\r\nHosts: b\r\nX-Real-IPs: c\r\n" },
	/* Connection is none of a trailer's business, but what it names does not pass. */
	{ "Connection: X-Hop\r\nX-Hop: 1\r\nA: b\r\n", "A: b\r\n" },
	{ "A\r\n", NULL },
	{ ": b\r\n", NULL },
	{ "A : b\r\n", NULL },
	{ " A: b\r\n", NULL },
	{ "A: b\r\n c\r\n", NULL },
	{ "A: b\n", NULL },
	{ "A: b\rc\r\n", NULL },
	{ "A: b\r\n\r\nC: d\r\n", NULL },
};

/* `text` in a run of exactly its size, with its empty line. */
static int edit(const char *text, size_t room, char *out)
{
	size_t size = strlen(text) + 2;
	char *section = test_malloc(size);
	int result;

	memcpy(section, text, size - 2);
	memcpy(section + size - 2, "\r\n", 2);
	result = http_trailers_edit(section, size, out, room);
	test_free(section);
	return result;
}

static void test_cases(void **state)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		char out[1024];
		int size = edit(cases[i].in, sizeof(out), out);

		if (!cases[i].out) {
			if (size != -EBADMSG)
				fail_msg("%d: %s", size,
					 readable(cases[i].in, strlen(cases[i].in)));
			continue;
		}
		assert_int_equal(size, strlen(cases[i].out));
		assert_memory_equal(out, cases[i].out, (size_t)size);
	}
}

static void test_room(void **state)
{
	const char *text = "Host: a\r\nX-Sum: 1\r\nDate: b\r\nX-Next: 2\r\n";
	const int whole = sizeof("X-Sum: 1\r\nX-Next: 2\r\n") - 1;

	for (int room = 0; room <= whole; room++) {
		char *out = test_malloc((size_t)room + 1);

		assert_int_equal(edit(text, (size_t)room, out), room < whole ? -ENOBUFS : whole);
		test_free(out);
	}
}

static void test_roofs(void **state)
{
	char text[4 * HTTP_FIELDS_ROOM + 8] = "", out[sizeof(text)];

	for (unsigned i = 0; i < HTTP_FIELDS_ROOM; i++)
		memcpy(text + 4 * i, "A:\r\n", 5);
	assert_int_equal(edit(text, sizeof(out), out), 4 * HTTP_FIELDS_ROOM);
	memcpy(text + 4 * HTTP_FIELDS_ROOM, "A:\r\n", 5);
	assert_int_equal(edit(text, sizeof(out), out), -E2BIG);
	assert_int_equal(http_trailers_edit("\r", 1, out, sizeof(out)), -EBADMSG);
	assert_int_equal(http_trailers_edit("", 0, out, sizeof(out)), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_roofs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The API's client against a peer that answers what a table says, on a loopback port of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/client.h"

#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"

/* Answers `count` connections with the same bytes; keeps the last request. */
struct peer {
	int listener;
	pthread_t thread;
	unsigned count;
	const char *answer;
	char url[64];
	char request[65536];
};

static void read_request(struct peer *peer, int fd)
{
	size_t size = 0;

	for (;;) {
		ssize_t got = recv(fd, peer->request + size, sizeof(peer->request) - 1 - size, 0);
		const char *end, *length;

		if (got <= 0)
			return;
		size += (size_t)got;
		peer->request[size] = '\0';
		end = strstr(peer->request, "\r\n\r\n");
		length = strstr(peer->request, "Content-Length: ");
		if (end && length &&
		    size >= (size_t)(end + 4 - peer->request) + strtoul(length + 16, NULL, 10))
			return;
	}
}

static void *serve(void *context)
{
	struct peer *peer = context;

	for (unsigned i = 0; i < peer->count; i++) {
		int fd = accept(peer->listener, NULL, NULL);

		read_request(peer, fd);
		(void)!write(fd, peer->answer, strlen(peer->answer));
		close(fd);
	}
	return NULL;
}

static void peer_start(struct peer *peer, unsigned count_, const char *answer)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	memset(peer, 0, sizeof(*peer));
	peer->count = count_;
	peer->answer = answer;
	peer->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(peer->listener, 8), 0);
	assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
	snprintf(peer->url, sizeof(peer->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
	assert_int_equal(pthread_create(&peer->thread, NULL, serve, peer), 0);
}

static void peer_end(struct peer *peer)
{
	pthread_join(peer->thread, NULL);
	close(peer->listener);
}

static int call(const char *answer, char *request, size_t room, json_t **ret_response)
{
	struct client_options options = { 0 };
	struct client *client;
	struct peer peer;
	int error;

	peer_start(&peer, 1, answer);
	options.api = peer.url;
	assert_int_equal(client_open(&options, &client), 0);
	error = client_call(client, "ListApiKeys", json_pack("{s:s}", "A", "b"), ret_response);
	client_close(client);
	peer_end(&peer);
	if (request)
		snprintf(request, room, "%.*s", (int)room - 1, peer.request);
	return error;
}

static void test_call(void **state)
{
	char request[4096];
	json_t *response = NULL;

	assert_int_equal(call(JSON_HEAD "{\"Response\":{\"X\":1,\"RequestId\":\"r\"}}", request,
			      sizeof(request), &response),
			 0);
	assert_int_equal(json_integer_value(json_object_get(response, "X")), 1);
	json_decref(response);
	assert_memory_equal(request, "POST / HTTP/1.1\r\n", 17);
	assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(request, "\r\nX-TC-Action: ListApiKeys\r\n"));
	assert_non_null(strstr(request, "\r\nX-TC-Version: 2018-03-17\r\n"));
	assert_non_null(strstr(request, "\r\nAuthorization: TC3-HMAC-SHA256 Credential=AKIDTEST/"));
	assert_null(strstr(request, "Expect"));
	assert_null(strstr(request, "SECRETTEST"));
	assert_non_null(strstr(request, "\r\n\r\n{\"A\":\"b\"}"));
}

static void test_bad_answers(void **state)
{
	static const struct {
		const char *answer;
		int error;
	} cases[] = {
		{ JSON_HEAD
		  "{\"Response\":{\"Error\":{\"Code\":\"C\",\"Message\":\"M\\u001b[2J\"},\"RequestId\":\"r\"}}",
		  -EREMOTEIO },
		{ JSON_HEAD "{\"Response\":{\"Error\":7}}", -EREMOTEIO },
		{ JSON_HEAD "{\"Response\":{\"Error\":{\"Code\":1}}}", -EREMOTEIO },
		{ JSON_HEAD "{\"Response\":[]}", -EIO },
		{ JSON_HEAD "[]", -EIO },
		{ JSON_HEAD "{\"Response\":{}} x", -EIO },
		{ JSON_HEAD "", -EIO },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", -EIO },
		{ "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
		  -EIO },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", -EIO },
		{ "garbage\r\n\r\n", -EIO },
		{ "", -EIO },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *response = NULL;
		int error = call(cases[i].answer, NULL, 0, &response);

		if (error != cases[i].error)
			fail_msg("%s: %d", cases[i].answer, error);
		assert_null(response);
	}
}

static int wait_for(const char *answer, unsigned count_, unsigned seconds)
{
	struct client_options options = { 0 };
	struct client *client;
	struct peer peer;
	int error;

	peer_start(&peer, count_, answer);
	options.api = peer.url;
	assert_int_equal(client_open(&options, &client), 0);
	error = client_wait(client, "task", seconds);
	client_close(client);
	peer_end(&peer);
	return error;
}

static void test_wait(void **state)
{
	assert_int_equal(wait_for(JSON_HEAD "{\"Response\":{\"Status\":0}}", 1, 1), 0);
	assert_int_equal(
		wait_for(JSON_HEAD "{\"Response\":{\"Status\":1,\"Message\":\"port 80\"}}", 1, 1),
		-EREMOTEIO);
	assert_int_equal(wait_for(JSON_HEAD "{\"Response\":{\"Status\":2}}", 1, 0), -ETIMEDOUT);
	assert_int_equal(wait_for(JSON_HEAD "{\"Response\":{\"Status\":\"x\"}}", 1, 0), -ETIMEDOUT);
}

static void test_nobody_there(void **state)
{
	struct client_options options = { .api = "http://127.0.0.1:1" };
	struct client *client;
	json_t *response = NULL;

	assert_int_equal(client_open(&options, &client), 0);
	assert_int_equal(client_call(client, "X", json_object(), &response), -EIO);
	assert_int_equal(client_call(client, "X", NULL, &response), -ENOMEM);
	client_close(client);
}

static void test_bad_urls(void **state)
{
	static const char *const urls[] = { "",
					    "ftp://127.0.0.1",
					    "file:///etc/passwd",
					    "http://",
					    "http://[::1",
					    "http://a b/",
					    "127.0.0.1:9080" };

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct client_options options = { .api = urls[i] };
		struct client *client = NULL;

		if (client_open(&options, &client) != -EINVAL)
			fail_msg("accepted: %s", urls[i]);
		assert_null(client);
	}
}

static int open_with_file(const char *text)
{
	char dir[] = "/tmp/setia-client-XXXXXX", path[64];
	struct client_options options = { .data = dir };
	struct client *client = NULL;
	FILE *file;
	int error;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/credentials", dir);
	if (text) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(text, file);
		fclose(file);
	}
	error = client_open(&options, &client);
	client_close(client);
	unlink(path);
	rmdir(dir);
	return error;
}

static void test_credentials(void **state)
{
	char large[6000];

	assert_int_equal(open_with_file("secret_id = AKID\nsecret_key = KEY\n"), 0);
	assert_int_equal(open_with_file("# a comment\r\nsecret_key=KEY\r\nsecret_id=AKID"), 0);
	assert_int_equal(open_with_file(NULL), -ENOENT);
	assert_int_equal(open_with_file(""), -EINVAL);
	assert_int_equal(open_with_file("secret_id = AKID\n"), -EINVAL);
	assert_int_equal(open_with_file("secret_id = \nsecret_key = KEY\n"), -EINVAL);
	assert_int_equal(open_with_file("secret_id\nsecret_key\n"), -EINVAL);
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	assert_int_equal(open_with_file(large), -EFBIG);
	large[3000] = '\0';
	memcpy(large, "secret_key = K\nsecret_id = ", 27);
	assert_int_equal(open_with_file(large), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),     cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_wait),     cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_bad_urls), cmocka_unit_test(test_credentials),
	};

	setenv("SETIA_SECRET_ID", "AKIDTEST", 1);
	setenv("SETIA_SECRET_KEY", "SECRETTEST", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `setia explain` from its command line to its lines of output, on a snapshot that is built,
 * written to a file and read back: every verdict, every answer without a rule, and every misuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "command/command.h"
#include "command/explain_request.h"
#include "http/message.h"
#include "model/model.h"
#include "model/snapshot.h"
#include "sticky/token.h"

#define SESSION 1000

static char directory[] = "/tmp/setia-explain-XXXXXX";
static char snapshot_path[64], clock_path[64], out_path[64], error_path[64];
static char out[16384], errors[4096];
static struct model model;
static struct token_box *box;
static int64_t session_s;

static char *text_of(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	return copy;
}

static void text_set(char **field, const char *text)
{
	free(*field);
	*field = text_of(text);
}

static struct listener *add_listener(struct instance *instance, uint64_t number, uint16_t port)
{
	struct listener *listener = listener_new();

	assert_non_null(listener);
	listener->number = number;
	listener->slot = (uint32_t)number;
	snprintf(listener->id, sizeof(listener->id), "lbl-0000000%u", (unsigned)number);
	listener->protocol = PROTOCOL_HTTP;
	listener->port = port;
	assert_int_equal(instance_add_listener(instance, listener), 0);
	return listener;
}

static struct rule *add_rule(struct listener *listener, uint64_t number, const char *domain,
			     const char *url)
{
	struct rule *rule = rule_new();

	assert_non_null(rule);
	rule->number = number;
	rule->slot = (uint32_t)number;
	snprintf(rule->id, sizeof(rule->id), "loc-0000000%u", (unsigned)number);
	text_set(&rule->domain, domain);
	text_set(&rule->url, url);
	rule->scheduler = SCHEDULER_WRR;
	rule->forward_type = FORWARD_HTTP;
	assert_int_equal(listener_add_rule(listener, rule), 0);
	return rule;
}

static struct target *make_target(uint64_t number, uint16_t weight)
{
	struct target *target = target_new();
	char text[32];

	assert_non_null(target);
	target->number = number;
	target->slot = (uint32_t)number;
	target->weight = weight;
	snprintf(text, sizeof(text), "10.0.0.%u:80", (unsigned)number);
	assert_int_equal(address_parse(bytes_of(text), &target->address), 0);
	return target;
}

static void add_target(struct rule *rule, uint64_t number, uint16_t weight)
{
	assert_int_equal(rule_add_target(rule, make_target(number, weight)), 0);
}

static struct instance *add_instance(uint64_t number, const char *vip)
{
	struct instance *instance = instance_new();

	assert_non_null(instance);
	instance->number = number;
	snprintf(instance->id, sizeof(instance->id), "lb-0000000%u", (unsigned)number);
	text_set(&instance->name, number == 1 ? "shop" : "other");
	instance->network = NETWORK_OPEN;
	assert_int_equal(address_parse_ip(bytes_of(vip), &instance->vip), 0);
	assert_int_equal(model_add_instance(&model, instance), 0);
	return instance;
}

static struct listener *add_layer4(struct instance *instance, uint64_t number,
				   enum protocol protocol, uint16_t port)
{
	struct listener *listener = add_listener(instance, number, port);

	listener->protocol = (uint8_t)protocol;
	listener->scheduler = SCHEDULER_WRR;
	layer4_defaults(&listener->layer4, protocol);
	return listener;
}

/* Beside HTTP on the same port, on one address and on any. */
static void fill_layer4(struct instance *instance)
{
	struct listener *listener = add_layer4(instance, 4, PROTOCOL_TCP, 9000);

	listener->session_expire_s = 60;
	assert_int_equal(listener_add_target(listener, make_target(5, 10)), 0);
	assert_int_equal(listener_add_target(listener, make_target(6, 30)), 0);
	assert_int_equal(listener_add_target(listener, make_target(7, 0)), 0);
	listener = add_layer4(instance, 5, PROTOCOL_UDP, 8080);
	listener->scheduler = SCHEDULER_LEAST_CONN;
	assert_int_equal(listener_add_target(listener, make_target(8, 20)), 0);
	assert_int_equal(listener_add_target(listener, make_target(9, 0)), 0);
	add_layer4(instance, 6, PROTOCOL_TCP, 9001);
	add_layer4(instance, 7, PROTOCOL_UDP, 9001);
}

static void fill_model(void)
{
	struct listener *listener = add_listener(add_instance(1, "0.0.0.0"), 1, 80);
	struct rule *rule;

	rule = add_rule(listener, 1, "www.example.com", "/");
	rule->session_expire_s = SESSION;
	add_target(rule, 1, 10);
	add_target(rule, 2, 30);
	add_target(rule, 3, 0);
	rule = add_rule(listener, 2, "www.example.com", "/plain/");
	add_target(rule, 4, 10);
	rule = add_rule(listener, 3, "www.example.com", "/empty");
	rule->session_expire_s = SESSION;
	text_set(&rule->cookie_name, "mine");

	add_rule(add_listener(add_instance(2, "127.0.0.1"), 2, 8080), 4, "", "/");
	add_rule(add_listener(add_instance(3, "127.0.0.2"), 3, 8080), 5, "", "/");
	fill_layer4(add_instance(4, "127.0.0.3"));
	model.key_count = 2;
	model.keys[0] = (struct cookie_key){ .id = 2, .secret = "new" };
	model.keys[1] = (struct cookie_key){ .id = 1,
					     .secret = "old",
					     .retired_s = session_s - COOKIE_KEY_LIFE_S - 1 };
}

static int make_files(void **state)
{
	struct clock_anchor anchor;
	char boot_id[40] = "", *bytes;
	struct stat status;
	int fd, error;

	if (!mkdtemp(directory))
		return -1;
	snprintf(snapshot_path, sizeof(snapshot_path), "%s/snapshot", directory);
	snprintf(clock_path, sizeof(clock_path), "%s/clock", directory);
	snprintf(out_path, sizeof(out_path), "%s/out", directory);
	snprintf(error_path, sizeof(error_path), "%s/errors", directory);
	clock_boot_id(boot_id);
	/* A day off the wall clock, so that the test fails when explain goes by that. */
	anchor = clock_anchor_make(NULL, boot_id, clock_boot_ms(), clock_wall_s() - 86400);
	if (clock_anchor_write(clock_path, &anchor))
		return -1;
	session_s = clock_session_s(&anchor, clock_boot_ms());
	fill_model();
	box = token_box_new();
	if (!box || snapshot_build(&model, 812, &fd) || fstat(fd, &status))
		return -1;
	bytes = malloc((size_t)status.st_size);
	if (!bytes || pread(fd, bytes, (size_t)status.st_size, 0) != status.st_size)
		return -1;
	error = file_replace(snapshot_path, bytes, (size_t)status.st_size, 0600);
	free(bytes);
	close(fd);
	return error;
}

static int drop_files(void **state)
{
	model_done(&model);
	box = token_box_free(box);
	unlink(snapshot_path);
	unlink(clock_path);
	unlink(out_path);
	unlink(error_path);
	return rmdir(directory);
}

static int redirect(int fd, const char *path)
{
	int kept = dup(fd), file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(kept >= 0 && file >= 0);
	assert_int_equal(dup2(file, fd), fd);
	close(file);
	return kept;
}

static void restore(int fd, int kept)
{
	assert_int_equal(dup2(kept, fd), fd);
	close(kept);
}

static void read_back(const char *path, char *text, size_t room)
{
	ssize_t size = file_read(path, text, room - 1);

	assert_true(size >= 0);
	text[size] = '\0';
}

/* The words of a command line, ended by NULL; --data is added. Output goes to `out` and `errors`.
 */
static int explain(const char *first, ...)
{
	char *words[32] = { text_of("explain"), text_of("--data"), text_of(directory) };
	int count = 3, kept_out, kept_error, code;
	const char *word = first;
	va_list more;

	va_start(more, first);
	for (; word && count < 31; word = va_arg(more, const char *))
		words[count++] = text_of(word);
	va_end(more);
	fflush(stdout);
	fflush(stderr);
	kept_out = redirect(STDOUT_FILENO, out_path);
	kept_error = redirect(STDERR_FILENO, error_path);
	optind = 0;
	code = command_explain(count, words);
	fflush(stdout);
	fflush(stderr);
	restore(STDOUT_FILENO, kept_out);
	restore(STDERR_FILENO, kept_error);
	read_back(out_path, out, sizeof(out));
	read_back(error_path, errors, sizeof(errors));
	while (count > 0)
		free(words[--count]);
	return code;
}

static void expect(const char *line)
{
	if (!strstr(out, line))
		fail_msg("no \"%s\" in:\n%s%s", line, out, errors);
}

static void cookie_make(char cookie[128], const struct cookie_key *key, const struct token *token)
{
	struct snapshot_key sealing = { .id = key->id };
	char text[TOKEN_TEXT_SIZE + 1];

	memcpy(sealing.secret, key->secret, sizeof(sealing.secret));
	assert_int_equal(token_seal(box, &sealing, 1, token, text), 0);
	snprintf(cookie, 128, "a=b; setia_route=%s; c=d", text);
}

static int explain_token(uint64_t rule, uint64_t target, int64_t age_s)
{
	const struct token token = { rule, target, (uint32_t)(session_s - age_s) };
	char cookie[128];

	cookie_make(cookie, &model.keys[0], &token);
	return explain("GET", "http://www.example.com/x", "--cookie", cookie, NULL);
}

static void test_kept(void **state)
{
	assert_int_equal(explain_token(1, 2, 10), COMMAND_DONE);
	expect("request    GET http://www.example.com/x\n");
	expect("snapshot   generation 812\n");
	expect("listener   lbl-00000001 0.0.0.0:80\n");
	expect("instance   lb-00000001 shop\n");
	expect("rule       loc-00000001 domain www.example.com, url /, WRR\n");
	expect("cookie     setia_route: kept, the answer sets a new one\n");
	expect("decision   token valid until ");
	if (!strstr(out, ", 990 s left -> kept\n"))
		expect(", 989 s left -> kept\n"); /* a second passed since the test began */
	expect("target     10.0.0.2:80 weight 30\n");
	assert_string_equal(errors, "");
}

static void test_turn(void **state)
{
	assert_int_equal(explain("GET", "http://www.example.com/x", "--from", "198.51.100.7", NULL),
			 COMMAND_DONE);
	expect("request    GET http://www.example.com/x from 198.51.100.7\n");
	expect("cookie     setia_route: none, the answer sets a new one\n");
	expect("decision   none -> turn\n");
	expect("target     by turn;");
	expect("candidate  10.0.0.2:80 weight 30, 75.0 %\n");
	expect("candidate  10.0.0.1:80 weight 10, 25.0 %\n");
	assert_null(strstr(out, "10.0.0.3"));
}

static void test_verdicts(void **state)
{
	char cookie[128], twice[300];
	size_t end;

	assert_int_equal(explain_token(1, 2, SESSION + 50), COMMAND_DONE);
	if (!strstr(out, "decision   expired 50 s ago -> turn\n"))
		expect("decision   expired 51 s ago -> turn\n");
	assert_int_equal(explain_token(1, 2, -500), COMMAND_DONE);
	expect(" s ahead of now -> turn\n");
	explain_token(1, 4, 0);
	expect("decision   unknown target -> turn\n");
	explain_token(1, 3, 0);
	expect("decision   target of weight 0 -> turn\n");
	explain_token(2, 4, 0);
	expect("decision   token of another rule -> turn\n");
	explain("GET", "http://www.example.com/x", "--cookie", "setia_route=junk", NULL);
	expect("decision   not a token -> turn\n");

	cookie_make(cookie, &model.keys[1], &(struct token){ 1, 2, (uint32_t)session_s });
	explain("GET", "http://www.example.com/x", "--cookie", cookie, NULL);
	expect("decision   sealed with an unknown or retired key -> turn\n");
	cookie_make(cookie, &model.keys[0], &(struct token){ 1, 2, (uint32_t)session_s });
	snprintf(twice, sizeof(twice), "%s; %s", cookie, cookie);
	explain("GET", "http://www.example.com/x", "--cookie", twice, NULL);
	expect("decision   cookie given more than once -> turn\n");
	end = strlen(cookie) - strlen("; c=d") - 1;
	cookie[end] = cookie[end] == 'A' ? 'B' : 'A';
	explain("GET", "http://www.example.com/x", "--cookie", cookie, NULL);
	expect("decision   forged -> turn\n");
	/* Several Cookie fields. */
	explain("GET", "http://www.example.com/x", "--cookie", "z=1", "--cookie", cookie, NULL);
	expect("decision   forged -> turn\n");
}

static void test_rules(void **state)
{
	assert_int_equal(explain("GET", "http://WWW.example.com/plain/a?b=c#d", NULL),
			 COMMAND_DONE);
	expect("rule       loc-00000002");
	expect("cookie     setia_route: off, the answer sets none\n");
	expect("decision   persistence off -> turn\n");
	expect("candidate  10.0.0.4:80 weight 10, 100.0 %\n");
	assert_int_equal(explain("GET", "http://www.example.com/empty", NULL), COMMAND_DONE);
	expect("cookie     mine: none, the answer sets a new one\n");
	expect("answer     503: no server of this rule has weight\n");
	assert_int_equal(explain("GET", "http://www.example.com/plain", NULL), COMMAND_DONE);
	expect("answer     301: to the same path with a slash behind it\n");
	assert_int_equal(explain("GET", "http://nowhere.example.com/", NULL), COMMAND_DONE);
	expect("answer     404: no rule matches\n");
	assert_int_equal(explain("CONNECT", "http://www.example.com/", NULL), COMMAND_DONE);
	expect("answer     4");
	assert_int_equal(explain("GET", "http://www.example.com?q", NULL), COMMAND_DONE);
	expect("rule       loc-00000001");
}

static void test_listeners(void **state)
{
	assert_int_equal(explain("GET", "http://127.0.0.2:8080/", NULL), COMMAND_DONE);
	expect("listener   lbl-00000003 127.0.0.2:8080\n");
	assert_int_equal(explain("GET", "http://127.0.0.1:8080/", NULL), COMMAND_DONE);
	expect("listener   lbl-00000002 127.0.0.1:8080\n");
	assert_string_equal(errors, "");
	assert_int_equal(explain("GET", "http://name.example.com:8080/", NULL), COMMAND_DONE);
	assert_non_null(strstr(errors, "2 listeners have port 8080"));
	assert_int_equal(
		explain("GET", "http://name.example.com:8080/", "--listener", "lbl-00000003", NULL),
		COMMAND_DONE);
	expect("listener   lbl-00000003 127.0.0.2:8080\n");
	assert_int_equal(explain("GET", "http://127.0.0.1:81/", NULL), COMMAND_FAILED);
	assert_non_null(strstr(errors, "no HTTP listener has port 81"));
	assert_int_equal(explain("GET", "http://a/", "--listener", "lbl-9", NULL), COMMAND_FAILED);
	assert_non_null(strstr(errors, "no listener lbl-9"));
}

static void test_connections(void **state)
{
	assert_int_equal(explain("tcp://127.0.0.3:9000", "--from", "198.51.100.7", NULL),
			 COMMAND_DONE);
	assert_string_equal(errors, "");
	expect("connection tcp://127.0.0.3:9000 from 198.51.100.7\n");
	expect("snapshot   generation 812\n");
	expect("listener   lbl-00000004 127.0.0.3:9000\n");
	expect("instance   lb-00000004 other\n");
	expect("scheduler  WRR\n");
	expect("idle       900 s\n");
	expect("session    by source address, 60 s\n");
	expect("decision   the server that 198.51.100.7 is pinned to, else -> turn; the table of "
	       "pins lives in the traffic process and is not consulted\n");
	expect("target     by turn;");
	expect("candidate  10.0.0.6:80 weight 30, 75.0 %\n");
	expect("candidate  10.0.0.5:80 weight 10, 25.0 %\n");
	assert_null(strstr(out, "10.0.0.7"));
	assert_int_equal(explain("TCP://name.example.com:9000", NULL), COMMAND_DONE);
	expect("decision   the server that the client's address is pinned to");
	assert_int_equal(explain("tcp://127.0.0.3:9001", NULL), COMMAND_DONE);
	expect("answer     none: no server of this listener has weight, the connection is reset\n");
}

static void test_flows(void **state)
{
	assert_int_equal(explain("udp://127.0.0.3:8080", NULL), COMMAND_DONE);
	expect("flow       udp://127.0.0.3:8080\n");
	expect("listener   lbl-00000005 127.0.0.3:8080\n");
	expect("scheduler  LEAST_CONN\n");
	expect("idle       300 s\n");
	expect("session    off\n");
	expect("decision   persistence off -> fewest connections\n");
	expect("target     with the fewest open connections for its weight");
	expect("candidate  10.0.0.8:80 weight 20\n");
	assert_null(strstr(out, "10.0.0.9"));
	assert_int_equal(explain("udp://127.0.0.3:9001", NULL), COMMAND_DONE);
	expect("the datagram is dropped\n");
}

static void test_protocols_do_not_mix(void **state)
{
	assert_int_equal(explain("tcp://127.0.0.2:8080", NULL), COMMAND_FAILED);
	assert_non_null(strstr(errors, "no TCP listener has port 8080"));
	assert_int_equal(explain("udp://127.0.0.3:9000", NULL), COMMAND_FAILED);
	assert_non_null(strstr(errors, "no UDP listener has port 9000"));
	assert_int_equal(explain("GET", "http://127.0.0.3:9000/", NULL), COMMAND_FAILED);
	assert_non_null(strstr(errors, "no HTTP listener has port 9000"));
	assert_int_equal(explain("GET", "http://a/", "--listener", "lbl-00000004", NULL),
			 COMMAND_FAILED);
	assert_non_null(strstr(errors, "its protocol is TCP, not HTTP"));
	assert_int_equal(explain("udp://a:1", "--listener", "lbl-00000002", NULL), COMMAND_FAILED);
	assert_non_null(strstr(errors, "its protocol is HTTP, not UDP"));
	assert_int_equal(explain("GET", "tcp://127.0.0.3:9000", NULL), COMMAND_MISUSED);
	assert_int_equal(explain("http://127.0.0.2:8080", NULL), COMMAND_MISUSED);
	assert_int_equal(explain("tcp://127.0.0.3:9000", "--cookie", "a=b", NULL), COMMAND_MISUSED);
	assert_string_equal(out, "");
}

static void test_misuse(void **state)
{
	assert_int_equal(explain("--help", NULL), COMMAND_DONE);
	expect("Usage: setia explain");
	assert_int_equal(explain("GET", NULL), COMMAND_MISUSED);
	assert_int_equal(explain("GET", "http://a/", "more", NULL), COMMAND_MISUSED);
	assert_int_equal(explain("GET", "http://a/", "--what", NULL), COMMAND_MISUSED);
	assert_int_equal(explain("GET", "http://a/", "--from", "here", NULL), COMMAND_MISUSED);
	assert_int_equal(explain("GET", "https://a/", NULL), COMMAND_FAILED);
	assert_non_null(strstr(errors, "not built yet"));
	/* Nothing on the command line can become a field of the request. */
	assert_int_equal(explain("GET", "http://www.example.com/", "--cookie",
				 "a=b\r\nHost: other.example.com", NULL),
			 COMMAND_FAILED);
	assert_int_equal(explain("GET / HTTP/1.1\r\nX:", "http://www.example.com/", NULL),
			 COMMAND_FAILED);
	assert_string_equal(out, "");
}

static void test_snapshot_file(void **state)
{
	assert_int_equal(explain("GET", "http://a/", "--snapshot", "/nonexistent", NULL),
			 COMMAND_FAILED);
	assert_non_null(strstr(errors, "No such file"));
	assert_int_equal(explain("GET", "http://a/", "--snapshot", clock_path, NULL),
			 COMMAND_FAILED);
	assert_string_equal(out, "");
	/* Without the anchor it says what it goes by instead. */
	assert_int_equal(explain("GET", "http://www.example.com/", "--data", "/nonexistent",
				 "--snapshot", snapshot_path, NULL),
			 COMMAND_DONE);
	assert_non_null(strstr(errors, "going by the wall clock"));
}

static void test_urls(void **state)
{
	static const struct {
		const char *text, *host, *authority, *origin;
		uint16_t port;
	} good[] = {
		{ "http://a", "a", "a", "", 80 },
		{ "HTTP://a:81/b?c#d", "a", "a:81", "/b?c", 81 },
		{ "http://a:/", "a", "a:", "/", 80 },
		{ "http://[::1]:65535?x", "::1", "[::1]:65535", "?x", 65535 },
		{ "http://[::1]#f", "::1", "[::1]", "", 80 },
		{ "tcp://a:81", "a", "a:81", "", 81 },
		{ "UDP://[::1]:53", "::1", "[::1]:53", "", 53 },
	};
	static const char *const bad[] = {
		"",
		"a",
		"http:/a",
		"http://",
		"http:///x",
		"ftp://a/",
		"http://a b/",
		"http://a\n/",
		"http://u@a/",
		"http://:80/",
		"http://[::1",
		"http://[]/",
		"http://a:0/",
		"http://a:65536/",
		"http://a:b/",
		"http://[::1]x/",
		"//a/",
		"http//a",
		"tcp://a",
		"tcp://a:",
		"udp://a:53/",
		"udp://a:53#",
		"tcp://a:53?x",
		"tcp_ssl://a:53",
	};
	struct explain_url url;
	const char *why;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(explain_url_read(good[i].text, &url, &why), 0);
		assert_true(bytes_equal(url.host, bytes_of(good[i].host)));
		assert_true(bytes_equal(url.authority, bytes_of(good[i].authority)));
		assert_true(bytes_equal(url.origin, bytes_of(good[i].origin)));
		assert_int_equal(url.port, good[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		assert_int_equal(explain_url_read(bad[i], &url, &why), -EINVAL);
		assert_non_null(why);
	}
	assert_int_equal(explain_url_read("https://a/", &url, &why), -EPROTONOSUPPORT);
}

static void test_large_request(void **state)
{
	struct explain_request request = { .method = "GET" };
	char *large = malloc(70000), *head = NULL;
	const char *why;
	size_t size;

	assert_non_null(large);
	memset(large, 'a', 69999);
	large[69999] = '\0';
	assert_int_equal(explain_url_read("http://a/", &request.url, &why), 0);
	request.cookies[request.cookie_count++] = large;
	assert_int_equal(explain_request_write(&request, &head, &size), -E2BIG);
	large[60000] = '\0';
	assert_int_equal(explain_request_write(&request, &head, &size), 0);
	assert_int_equal(size, strlen(head));
	free(head);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),          cmocka_unit_test(test_turn),
		cmocka_unit_test(test_verdicts),      cmocka_unit_test(test_rules),
		cmocka_unit_test(test_listeners),     cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_snapshot_file), cmocka_unit_test(test_urls),
		cmocka_unit_test(test_large_request), cmocka_unit_test(test_connections),
		cmocka_unit_test(test_flows),         cmocka_unit_test(test_protocols_do_not_mix),
	};

	return cmocka_run_group_tests(tests, make_files, drop_files);
}

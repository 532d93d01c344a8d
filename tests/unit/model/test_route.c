/* SPDX-License-Identifier: Apache-2.0 */
/* features.md section 3: hosts, exact paths, longest prefixes, the trailing slash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "model/route.h"
#include "sample.h"

#define NOTHING "404"

static struct snapshot snapshot;

/* The url of the rule that answers on listener `row`, or "301 " and it, or NOTHING. */
static const char *answer(uint32_t row, const char *host, const char *path)
{
	static char text[600];
	struct route route =
		route_find(&snapshot, &snapshot.listeners[row], bytes_of(host), bytes_of(path));
	const struct snapshot_rule *rule;

	if (route.kind == ROUTE_NONE) {
		assert_int_equal(route.rule, SNAPSHOT_NONE);
		return NOTHING;
	}
	rule = &snapshot.rules[route.rule];
	snprintf(text, sizeof(text), "%s%s%s%s", route.kind == ROUTE_SLASH ? "301 " : "",
		 route.is_default_host ? "default " : "", snapshot.text + rule->domain.offset,
		 snapshot.text + rule->url.offset);
	return text;
}

static void hosts(void **state)
{
	assert_string_equal(answer(0, "shop.example", "/x"), "shop.example/");
	assert_string_equal(answer(0, "SHOP.Example", "/x"), "shop.example/");
	assert_string_equal(answer(0, "shop.example.", "/x"), "shop.example/");
	assert_string_equal(answer(0, "shop.example..", "/x"), "default shop.example/");
	assert_string_equal(answer(0, "api.example", "/v1/x"), "api.example/v1");
	/* No fall-through: api.example has no rule for it, though the default host has. */
	assert_string_equal(answer(0, "api.example", "/x"), NOTHING);
	assert_string_equal(answer(0, "other.example", "/x"), "default shop.example/");
	assert_string_equal(answer(0, "", "/x"), "default shop.example/");
	assert_string_equal(answer(0, ".", "/x"), "default shop.example/");
	assert_string_equal(answer(0, "[::1]", "/x"), "default shop.example/");
	assert_string_equal(answer(1, "whoever", "/x"), "/");
	assert_string_equal(answer(1, "", "/"), "/");
	assert_string_equal(answer(2, "shop.example", "/"), NOTHING);
}

static void host_longer_than_any_domain(void **state)
{
	char host[LIMIT_DOMAIN + 20];

	for (size_t size = LIMIT_DOMAIN - 2; size < sizeof(host) - 1; size++) {
		memset(host, 'a', size);
		host[size] = '\0';
		assert_string_equal(answer(0, host, "/x"), "default shop.example/");
		host[size - 1] = '.';
		assert_string_equal(answer(0, host, "/x"), "default shop.example/");
	}
}

static void paths(void **state)
{
	assert_string_equal(answer(0, "shop.example", "/"), "shop.example/");
	assert_string_equal(answer(0, "shop.example", "/cart/"), "shop.example/cart/");
	assert_string_equal(answer(0, "shop.example", "/cart/x"), "shop.example/cart/");
	assert_string_equal(answer(0, "shop.example", "/cart/pay"), "shop.example=/cart/pay");
	assert_string_equal(answer(0, "shop.example", "/cart/pay/"), "shop.example/cart/pay");
	assert_string_equal(answer(0, "shop.example", "/cart/payment"), "shop.example/cart/pay");
	assert_string_equal(answer(0, "shop.example", "/cart/pa"), "shop.example/cart/");
	assert_string_equal(answer(0, "shop.example", "/carts"), "shop.example/");
	assert_string_equal(answer(0, "shop.example", "/CART/"), "shop.example/");
	assert_string_equal(answer(0, "shop.example", "*"), "shop.example/");
	assert_string_equal(answer(0, "shop.example", ""), NOTHING);
	assert_string_equal(answer(0, "shop.example", "cart"), NOTHING);
}

static void trailing_slash(void **state)
{
	assert_string_equal(answer(0, "shop.example", "/cart"), "301 shop.example/cart/");
	assert_string_equal(answer(0, "unknown", "/cart"), "301 default shop.example/cart/");
	assert_string_equal(answer(0, "api.example", "/v1"), "api.example/v1");
	assert_string_equal(answer(0, "api.example", "/v1/"), "api.example/v1");
}

static void longest_path_of_all(void **state)
{
	char path[LIMIT_URL + 40];

	path[0] = '/';
	for (size_t size = 1; size < sizeof(path) - 1; size++) {
		path[size] = '\0';
		assert_string_equal(answer(1, "a", path), "/");
		path[size] = 'a';
	}
}

/* Slash rules next to the same path without it: the path itself wins over the redirection. */
static void slash_beside_the_path_itself(void **state)
{
	struct snapshot before = snapshot;
	struct sample sample;
	struct listener *listener;

	sample_init(&sample);
	listener = sample_listener(&sample, sample_instance(&sample, "127.0.0.1"), 80);
	sample_rule(&sample, listener, "a", "/one/");
	sample_rule(&sample, listener, "a", "/one");
	sample_rule(&sample, listener, "a", "/two/");
	sample_rule(&sample, listener, "a", "=/two");
	sample_rule(&sample, listener, "a", "=/three/");
	sample_rule(&sample, listener, "a", "/four/");
	sample_rule(&sample, listener, "b", "/");
	sample_open(&sample, 1, &snapshot);
	assert_string_equal(answer(0, "a", "/one"), "a/one");
	assert_string_equal(answer(0, "a", "/one/"), "a/one/");
	assert_string_equal(answer(0, "a", "/two"), "a=/two");
	assert_string_equal(answer(0, "a", "/three"), NOTHING);
	assert_string_equal(answer(0, "a", "/three/"), "a=/three/");
	assert_string_equal(answer(0, "a", "/four"), "301 a/four/");
	assert_string_equal(answer(0, "a", "/four/x"), "a/four/");
	assert_string_equal(answer(0, "b", "/four"), "b/");
	snapshot_close(&snapshot);
	sample_done(&sample);
	snapshot = before;
}

/* The rule that a look at every rule would find. */
static const char *slow_answer(const struct listener *listener, const char *path)
{
	const struct rule *best = NULL;

	for (size_t i = 0; i < listener->rule_count; i++) {
		const struct rule *rule = listener->rules[i];

		if (rule->url[0] == '=' && strcmp(rule->url + 1, path) == 0)
			return rule->url;
		if (rule->url[0] == '/' && strncmp(path, rule->url, strlen(rule->url)) == 0 &&
		    (!best || strlen(rule->url) > strlen(best->url)))
			best = rule;
	}
	if (best && strcmp(best->url, path) == 0)
		return best->url;
	for (size_t i = 0; i < listener->rule_count; i++) {
		const char *url = listener->rules[i]->url;

		if (url[0] == '/' && strlen(url) == strlen(path) + 1 && url[strlen(path)] == '/' &&
		    strncmp(url, path, strlen(path)) == 0)
			return "301";
	}
	return best ? best->url : NOTHING;
}

static void random_path(char *path, size_t most)
{
	size_t size = 1 + (size_t)random() % most;

	path[0] = '/';
	for (size_t i = 1; i < size; i++)
		path[i] = "ab/"[random() % 3];
	path[size] = '\0';
}

static void agrees_with_a_linear_search(void **state)
{
	struct snapshot before = snapshot;

	srandom(3);
	for (unsigned round = 0; round < 60; round++) {
		struct sample sample;
		struct listener *listener;
		char url[24] = "=", path[24];

		sample_init(&sample);
		listener = sample_listener(&sample, sample_instance(&sample, "127.0.0.1"), 80);
		for (unsigned i = 0; i < 40; i++) {
			const char *given = random() % 4 ? url + 1 : url;

			random_path(url + 1, 8);
			if (!listener_find_rule_by_url(listener, "", given))
				sample_rule(&sample, listener, "", given);
		}
		sample_open(&sample, 1, &snapshot);
		for (unsigned i = 0; i < 200; i++) {
			const char *found, *expected;

			random_path(path, 10);
			found = answer(0, "any", path);
			expected = slow_answer(listener, path);
			assert_memory_equal(found, expected, strlen(expected));
			if (strcmp(expected, "301") != 0)
				assert_string_equal(found, expected);
		}
		snapshot_close(&snapshot);
		sample_done(&sample);
	}
	snapshot = before;
}

/* A listener without hosts routes nothing, and nobody else's requests to itself. */
static void layer_4_routes_nothing(void **state)
{
	for (uint32_t row = 3; row < snapshot.listener_count; row++) {
		struct route route = route_find(&snapshot, &snapshot.listeners[row],
						bytes_of("shop.example"), bytes_of("/"));

		assert_int_equal(snapshot.listeners[row].hosts.count, 0);
		assert_int_equal(route.kind, ROUTE_NONE);
		assert_int_equal(route.rule, SNAPSHOT_NONE);
		assert_false(route.is_default_host);
	}
}

static int setup(void **state)
{
	struct sample sample;

	sample_small(&sample);
	sample_open(&sample, 7, &snapshot);
	sample_done(&sample);
	return 0;
}

static int teardown(void **state)
{
	snapshot_close(&snapshot);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts),
		cmocka_unit_test(host_longer_than_any_domain),
		cmocka_unit_test(paths),
		cmocka_unit_test(trailing_slash),
		cmocka_unit_test(longest_path_of_all),
		cmocka_unit_test(slash_beside_the_path_itself),
		cmocka_unit_test(agrees_with_a_linear_search),
		cmocka_unit_test(layer_4_routes_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

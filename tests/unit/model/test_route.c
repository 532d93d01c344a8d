/* SPDX-License-Identifier: Apache-2.0 */
/* features.md section 3: hosts, exact paths, longest prefixes, the trailing slash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "model/route.h"
#include "model/route_text.h"
#include "sample.h"

#define NOTHING "404"

static struct snapshot snapshot, small;
static struct sample_map map, small_map;

/* What a test looks up in, instead of the small sample; ended by back_to_small(). */
static void look_in(struct sample *sample)
{
	sample_open(sample, 1, &snapshot);
	sample_map_init(&map, &snapshot);
}

static void back_to_small(struct sample *sample)
{
	sample_map_done(&map);
	snapshot_close(&snapshot);
	sample_done(sample);
	snapshot = small;
	map = small_map;
	map.map.snapshot = &snapshot;
	map.map.patterns = &map.patterns;
}

/* The url of the rule that answers on listener `row`, or "301 " and it, or NOTHING. */
static const char *answer(uint32_t row, const char *host, const char *path)
{
	static char text[600];
	struct route route =
		route_find(&map.map, &snapshot.listeners[row], bytes_of(host), bytes_of(path));
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
	look_in(&sample);
	assert_string_equal(answer(0, "a", "/one"), "a/one");
	assert_string_equal(answer(0, "a", "/one/"), "a/one/");
	assert_string_equal(answer(0, "a", "/two"), "a=/two");
	assert_string_equal(answer(0, "a", "/three"), NOTHING);
	assert_string_equal(answer(0, "a", "/three/"), "a=/three/");
	assert_string_equal(answer(0, "a", "/four"), "301 a/four/");
	assert_string_equal(answer(0, "a", "/four/x"), "a/four/");
	assert_string_equal(answer(0, "b", "/four"), "b/");
	back_to_small(&sample);
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
		look_in(&sample);
		for (unsigned i = 0; i < 200; i++) {
			const char *found, *expected;

			random_path(path, 10);
			found = answer(0, "any", path);
			expected = slow_answer(listener, path);
			assert_memory_equal(found, expected, strlen(expected));
			if (strcmp(expected, "301") != 0)
				assert_string_equal(found, expected);
		}
		back_to_small(&sample);
	}
}

/* Every kind of domain ahead of the next one. */
static void order_of_hosts(void **state)
{
	struct sample sample;

	sample_routes(&sample);
	look_in(&sample);
	assert_string_equal(answer(0, "a.example", "/"), "a.example/");
	assert_string_equal(answer(0, "b.example", "/"), "*.example/");
	assert_string_equal(answer(0, "x.b.example", "/"), "*.b.example/");
	assert_string_equal(answer(0, "X.y.B.Example.", "/"), "*.b.example/");
	assert_string_equal(answer(0, "x.a.example", "/"), "*.example/");
	assert_string_equal(answer(0, "www.example", "/"), "*.example/");
	assert_string_equal(answer(0, "www.d", "/"), "www.*/");
	assert_string_equal(answer(0, "www.d.co.uk", "/"), "www.*/");
	assert_string_equal(answer(0, "www.c.uk", "/"), "www.c.*/");
	assert_string_equal(answer(0, "www.c", "/"), "www.*/");
	assert_string_equal(answer(0, "www.test", "/"), "www.*/");
	assert_string_equal(answer(0, "n12.test", "/"), "~^n\\d+[.]test$/");
	assert_string_equal(answer(0, "N12.TEST", "/"), "~^n\\d+[.]test$/");
	assert_string_equal(answer(0, "n.test", "/"), "~test/");
	assert_string_equal(answer(0, "mytests", "/"), "~test/");
	/* Not theirs. */
	assert_string_equal(answer(0, "example", "/"), "default a.example/");
	assert_string_equal(answer(0, ".example", "/"), "default a.example/");
	assert_string_equal(answer(0, "www.", "/"), "default a.example/");
	assert_string_equal(answer(0, "www", "/"), "default a.example/");
	assert_string_equal(answer(0, ".", "/"), "default a.example/");
	assert_string_equal(answer(0, "..", "/"), "default a.example/");
	assert_string_equal(answer(0, "b.example..", "/"), "default a.example/");
	assert_string_equal(answer(0, "", "/"), "default a.example/");
	back_to_small(&sample);
}

static void order_of_paths(void **state)
{
	struct sample sample;

	sample_routes(&sample);
	look_in(&sample);
	assert_string_equal(answer(0, "a.example", "/exact"), "a.example=/exact");
	assert_string_equal(answer(0, "a.example", "/x.gif"), "a.example~[.](gif|jpg)$");
	assert_string_equal(answer(0, "a.example", "/x.GIF"), "a.example/");
	assert_string_equal(answer(0, "a.example", "/static/x.gif"), "a.example^~/static");
	assert_string_equal(answer(0, "a.example", "/static/deep/x"), "a.example/static/deep/");
	assert_string_equal(answer(0, "a.example", "/static/deep/x.gif"),
			    "a.example~[.](gif|jpg)$");
	/* The slash comes ahead of expressions and of "^~". */
	assert_string_equal(answer(0, "a.example", "/static/deep"), "301 a.example/static/deep/");
	assert_string_equal(answer(0, "a.example", "/UPPER"), "a.example~*^/Up");
	assert_string_equal(answer(0, "a.example", "/up.gif"), "a.example~[.](gif|jpg)$");
	assert_string_equal(answer(0, "a.example", "/older.jpg"), "a.example~[.](gif|jpg)$");
	assert_string_equal(answer(0, "a.example", "/older"), "a.example/old");
	/* Another host's expressions are not asked. */
	assert_string_equal(answer(0, "b.example", "/x.gif"), "*.example/");
	back_to_small(&sample);
}

static void several_domains(void **state)
{
	static const char *const hosts[] = { "one.test", "TWO.test", "x.three.test", "fourth" };
	struct sample sample;

	sample_routes(&sample);
	look_in(&sample);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		assert_string_equal(answer(0, hosts[i], "/a.gif"), "one.test~[.](gif|jpg)$");
		assert_string_equal(answer(0, hosts[i], "/a.png"), NOTHING);
	}
	back_to_small(&sample);
}

/* What cannot be told is nobody's. */
static void limits_are_told(void **state)
{
	struct sample sample;
	struct listener *listener;
	struct route route;
	char path[LIMIT_PATTERN_SUBJECT + 2];

	sample_init(&sample);
	listener = sample_listener(&sample, sample_instance(&sample, "127.0.0.1"), 80);
	sample_rule(&sample, listener, "a", "/");
	sample_rule(&sample, listener, "a", "~(x*)*x*y$");
	sample_rule(&sample, listener, "~(x*)*x*y$", "/");
	look_in(&sample);
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	route = route_find(&map.map, &snapshot.listeners[0], bytes_of("a"), bytes_of(path));
	assert_int_equal(route.kind, ROUTE_LIMIT);
	assert_int_equal(route.rule, SNAPSHOT_NONE);
	assert_int_equal(snapshot.paths[route.path].rule, 1);
	path[100] = '\0';
	route = route_find(&map.map, &snapshot.listeners[0], bytes_of(path + 1), bytes_of("/"));
	assert_true(route.kind == ROUTE_LIMIT || route.is_default_host);
	back_to_small(&sample);
}

static const char *const domains[] = { "a.b",     "b",     "a.b.c", "*.b", "*.b.c", "*.a.b",
				       "a.*",     "b.a.*", "a.b.*", "~^a", "~b$",   "~c[.]",
				       "~^b[.]a", "",      "*.c",   "c.*" };
static const char *const urls[] = { "/",     "/a",       "/a/",   "/a/b", "=/a",   "=/a/b",
				    "^~/b",  "^~/a/b/c", "~^/a$", "~b$",  "~*B/C", "~/c",
				    "^~/c/", "/b/",      "=/",    "/c/c" };

static bool fits(const char *expression, bool is_caseless, const char *text)
{
	regex_t regex;
	bool is_match;

	assert_int_equal(regcomp(&regex, expression,
				 REG_EXTENDED | REG_NOSUB | (is_caseless ? REG_ICASE : 0)),
			 0);
	is_match = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return is_match;
}

/* Written the slow way: kind, length and age of the best domain so far. */
static const char *slow_host(const struct listener *listener, const char *host)
{
	const char *best = NULL;
	size_t rank = SIZE_MAX, host_size = strlen(host);

	for (size_t i = 0; i < listener->rule_count; i++) {
		const struct rule *rule = listener->rules[i];

		for (size_t j = 0; j <= rule->more_domain_count; j++) {
			const char *domain = j ? rule->more_domains[j - 1] : rule->domain;
			size_t size = strlen(domain), found = SIZE_MAX;

			if (strcmp(domain, host) == 0)
				found = 0;
			else if (size == 0)
				found = 50000;
			else if (domain[0] == '*' && host_size > size - 1 &&
				 strcmp(host + host_size - (size - 1), domain + 1) == 0)
				found = 1000 - size;
			else if (domain[size - 1] == '*' && domain[0] != '~' &&
				 host_size > size - 1 && strncmp(host, domain, size - 1) == 0)
				found = 2000 - size;
			else if (domain[0] == '~' && fits(domain + 1, true, host))
				found = 3000 + i * 100 + j;
			if (found < rank) {
				rank = found;
				best = domain;
			}
		}
	}
	return best || !listener->default_domain[0] ? best : listener->default_domain;
}

static const struct rule *slow_rule(const struct listener *listener, const char *domain,
				    const char *path, bool *ret_slash)
{
	const struct rule *best = NULL, *slash = NULL, *pattern = NULL;
	size_t longest = 0;
	bool is_final = false;

	*ret_slash = false;
	for (size_t i = 0; i < listener->rule_count; i++) {
		const struct rule *rule = listener->rules[i];
		const char *url = rule->url, *plain = strncmp(url, "^~", 2) == 0 ? url + 2 : url;

		if (!rule_has_domain(rule, domain))
			continue;
		if (url[0] == '=' && strcmp(url + 1, path) == 0)
			return rule;
		if (url[0] == '~' && !pattern &&
		    fits(url[1] == '*' ? url + 2 : url + 1, url[1] == '*', path))
			pattern = rule;
		if (plain[0] != '/')
			continue;
		if (strlen(plain) == strlen(path) + 1 && plain[strlen(path)] == '/' &&
		    strncmp(plain, path, strlen(path)) == 0)
			slash = rule;
		if (strncmp(path, plain, strlen(plain)) == 0 && strlen(plain) > longest) {
			longest = strlen(plain);
			best = rule;
			is_final = plain != url;
		}
	}
	if (slash && longest < strlen(path)) {
		*ret_slash = true;
		return slash;
	}
	return pattern && !(best && is_final) ? pattern : best;
}

static void random_text(char *text, const char *letters, size_t most)
{
	size_t size = 1 + (size_t)random() % most, count = strlen(letters);

	for (size_t i = 0; i < size; i++)
		text[i] = letters[(size_t)random() % count];
	text[size] = '\0';
}

static void random_rules(struct sample *sample, struct listener *listener)
{
	size_t count = 1 + (size_t)random() % 25;

	for (size_t i = 0; i < count; i++) {
		const char *domain = domains[random() % 16], *url = urls[random() % 16];
		struct rule *rule;

		if (listener_find_rule_at(listener, domain, url))
			continue;
		rule = sample_rule(sample, listener, domain, url);
		for (unsigned j = 0; domain[0] && j < 2 && random() % 3 == 0; j++) {
			domain = domains[random() % 13];
			if (domain[0] && !listener_find_rule_at(listener, domain, url))
				sample_domain(rule, domain);
		}
	}
}

/* Random rules of every form, next to nginx's rules written the slow way. */
static void agrees_with_every_form_written_slowly(void **state)
{
	unsigned met = 0, slashes = 0;

	srandom(5);
	for (unsigned round = 0; round < 400; round++) {
		struct sample sample;
		struct listener *listener;

		sample_init(&sample);
		listener = sample_listener(&sample, sample_instance(&sample, "127.0.0.1"), 80);
		random_rules(&sample, listener);
		look_in(&sample);
		for (unsigned i = 0; i < 60; i++) {
			char host[16], path[16] = "/";
			const struct rule *expected = NULL;
			const char *domain;
			struct route route;
			bool is_slash = false;

			random_text(host, "aabbc..", 8);
			host[strlen(host) - 1] = "abc"[random() % 3]; /* a last dot is cut */
			random_text(path + 1, "abcBC//", 6);
			domain = slow_host(listener, host);
			if (domain)
				expected = slow_rule(listener, domain, path, &is_slash);
			route = route_find(&map.map, &snapshot.listeners[0], bytes_of(host),
					   bytes_of(path));
			if ((route.rule == SNAPSHOT_NONE) != !expected ||
			    (expected && snapshot.rules[route.rule].number != expected->number) ||
			    (route.kind == ROUTE_SLASH) != is_slash)
				fail_msg("%s%s: %s, domain %s", host, path,
					 expected ? expected->url : "none", domain ? domain : "-");
			met += expected != NULL;
			slashes += is_slash;
		}
		back_to_small(&sample);
	}
	print_message("%u met a rule, %u of them a slash\n", met, slashes);
	assert_true(met > 3000 && slashes > 50);
}

/* A listener without hosts routes nothing, and nobody else's requests to itself. */
static void layer_4_routes_nothing(void **state)
{
	for (uint32_t row = 3; row < snapshot.listener_count; row++) {
		struct route route = route_find(&map.map, &snapshot.listeners[row],
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
	sample_map_init(&map, &snapshot);
	small = snapshot;
	small_map = map;
	sample_done(&sample);
	return 0;
}

static int teardown(void **state)
{
	sample_map_done(&map);
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
		cmocka_unit_test(order_of_hosts),
		cmocka_unit_test(order_of_paths),
		cmocka_unit_test(several_domains),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(agrees_with_every_form_written_slowly),
		cmocka_unit_test(layer_4_routes_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

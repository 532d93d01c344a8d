/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains, expressions and redirections in a snapshot: what the builder makes of them, what it and
 * the checker refuse, what two generations share, where a client is sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/redirect.h"
#include "model/route_text.h"
#include "sample.h"

static struct snapshot original;

/* A copy that a test may spoil. */
static struct snapshot copy_make(void)
{
	size_t size = original.header->size;
	char *data = malloc(size);
	struct snapshot copy = original;
	ptrdiff_t distance;

	assert_non_null(data);
	memcpy(data, original.header, size);
	distance = data - (const char *)original.header;
	copy.header = (void *)data;
	copy.listeners = (void *)((char *)original.listeners + distance);
	copy.hosts = (void *)((char *)original.hosts + distance);
	copy.paths = (void *)((char *)original.paths + distance);
	copy.patterns = (void *)((char *)original.patterns + distance);
	copy.rules = (void *)((char *)original.rules + distance);
	copy.text = (char *)original.text + distance;
	return copy;
}

static void refused(struct snapshot *copy, const char *says)
{
	struct snapshot_header *header = (void *)copy->header;
	char why[200] = "";

	header->checksum = snapshot_checksum(header, header->size);
	assert_int_equal(snapshot_check(header, header->size, why, sizeof(why)), -EBADMSG);
	if (!strstr(why, says))
		fail_msg("\"%s\" does not say \"%s\"", why, says);
	free(header);
}

#define WRITABLE(type, table) ((struct type *)(copy.table))
#define HOSTS WRITABLE(snapshot_host, hosts)
#define PATHS WRITABLE(snapshot_path, paths)
#define PATTERNS WRITABLE(snapshot_pattern, patterns)
#define RULES WRITABLE(snapshot_rule, rules)
#define LISTENERS WRITABLE(snapshot_listener, listeners)

#define LIE(says, ...)                              \
	do {                                        \
		struct snapshot copy = copy_make(); \
		__VA_ARGS__;                        \
		refused(&copy, says);               \
	} while (0)

static uint32_t host_row(const char *domain)
{
	for (uint32_t row = 0; row < original.header->sections[SNAPSHOT_HOSTS].count; row++) {
		if (bytes_equal(snapshot_bytes(&original, original.hosts[row].domain),
				bytes_of(domain)))
			return row;
	}
	fail_msg("no host %s", domain);
	return 0;
}

static void shape(void **state)
{
	const struct snapshot_listener *first = &original.listeners[0];

	assert_int_equal(first->hosts.count, 11);
	assert_int_equal(first->leading_hosts, 3);
	assert_int_equal(first->trailing_hosts, 2);
	assert_int_equal(first->pattern_hosts, 3);
	assert_int_equal(host_row("~^n\\d+[.]test$") + 1, host_row("~test"));
	assert_int_equal(host_row("~test") + 1, host_row("~^four"));
	/* "[.](gif|jpg)$" is two rules' and stands once. */
	assert_int_equal(original.pattern_count, 5);
	assert_int_equal(first->default_host, host_row("a.example"));
	assert_int_equal(original.hosts[host_row("a.example")].pattern_paths.count, 2);
	assert_int_equal(original.hosts[host_row("~test")].prefix.count, 1);
}

static void printing(void **state)
{
	static const char *const lines[] = {
		"leading=3 trailing=2 patterns=3",
		"domain=\"~^n\\\\d+[.]test$\" ",
		" final\n",
		"pattern path=\"[.](gif|jpg)$\"",
		"pattern 1 text=\"^/Up\" caseless=1\n",
		" redirect_code=301 takes_url=1 redirect=0 ",
	};
	size_t size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	snapshot_print(&original, out);
	fclose(out);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!strstr(text, lines[i]))
			fail_msg("no %s in\n%s", lines[i], text);
	}
	free(text);
}

static void lies_of_hosts(void **state)
{
	uint32_t leading = host_row("*.b.example"), pattern = host_row("~test");

	LIE("more hosts of one kind", LISTENERS[0].leading_hosts = UINT32_MAX);
	LIE("another kind than its place", LISTENERS[0].leading_hosts++);
	LIE("another kind than its place", LISTENERS[0].trailing_hosts--);
	LIE("unused bytes", LISTENERS[0].unused_word = 1);
	LIE("not sorted", HOSTS[leading + 1].domain = HOSTS[leading].domain);
	LIE("its pattern is another", HOSTS[pattern].pattern = UINT32_MAX);
	LIE("its pattern is another", HOSTS[pattern].pattern = HOSTS[pattern - 1].pattern);
	LIE("its pattern is another", HOSTS[leading].pattern = 0);
	LIE("unused bytes", HOSTS[leading].unused = 1);
	LIE("bad domain", ((char *)copy.text)[HOSTS[leading].domain.offset + 3] = '*');
}

static void lies_of_paths(void **state)
{
	uint32_t first = original.hosts[host_row("a.example")].pattern_paths.first;
	uint32_t prefix = original.hosts[host_row("a.example")].prefix.first;

	LIE("its pattern is another", PATHS[first].pattern = SNAPSHOT_NONE);
	LIE("its pattern is another", PATHS[first].pattern = PATHS[first + 1].pattern);
	LIE("its pattern is another", PATHS[prefix].pattern = 0);
	LIE("a flag is not its rule's", PATHS[prefix].is_final = 1);
	LIE("unused bytes", PATHS[prefix].unused[2] = 1);
	LIE("wrong parent", PATHS[first].parent = 0);
	LIE("not sorted", {
		struct snapshot_path swapped = PATHS[first];

		PATHS[first] = PATHS[first + 1];
		PATHS[first + 1] = swapped;
	});
	LIE("do not follow", HOSTS[host_row("a.example")].pattern_paths.count = UINT32_MAX);
}

static void lies_of_patterns(void **state)
{
	LIE("bad text", PATTERNS[0].text.offset = UINT32_MAX);
	LIE("there is no expression", PATTERNS[0].text.size = 0,
	    PATTERNS[0].text.offset = original.listeners[0].access_log.offset);
	LIE("a flag is not 0 or 1", PATTERNS[0].is_caseless = 2);
	LIE("unused bytes", PATTERNS[0].unused[0] = 1);
	LIE("patterns, row 1: not sorted", PATTERNS[1] = PATTERNS[0]);
	LIE("\"(\" is not closed", ((char *)copy.text)[PATTERNS[0].text.offset] = '(');
}

static void lies_of_redirections(void **state)
{
	uint32_t first = 13, last = original.rule_count - 1;

	assert_int_equal(original.rules[first].redirect_code, 301);
	assert_int_equal(original.rules[last].redirect, 0);
	LIE("no such code", RULES[last].redirect_code = 308);
	LIE("without a code", RULES[last].redirect_code = 0);
	LIE("to no rule", RULES[last].redirect = original.rule_count);
	LIE("to a rule that redirects", RULES[last].redirect = last);
	LIE("to a rule that redirects", RULES[last].redirect = first);
	LIE("with a URL, and yet", RULES[0].redirect_takes_url = 1);
	LIE("with a URL, and yet", RULES[last].redirect_takes_url = 2);
	LIE("unused bytes", RULES[0].unused_redirect[4] = 1);
	LIE("without a code", RULES[0].redirect = 1);
}

static int build(struct sample *sample)
{
	int fd = -1, error = snapshot_build(&sample->model, 1, &fd);

	if (error == 0)
		close(fd);
	return error;
}

/* What of routes no snapshot is made of; each on a fresh model. */
static void builder_refuses(void **state)
{
	static const char *const urls[] = { "~(", "~a{2}", "~", "~*", "^~x", "/a?b", "~(?R)" };
	static const char *const hosts[] = {
		"*", "a*b", "*.*", "**.a", "~(", "A.b", "~a~b{", "*.a/"
	};
	struct instance *instance;
	struct listener *listener;
	struct sample sample;
	struct rule *rule;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		sample_init(&sample);
		listener = sample_listener(&sample, sample_instance(&sample, "::1"), 80);
		sample_rule(&sample, listener, "a", urls[i]);
		assert_int_equal(build(&sample), -EINVAL);
		sample_done(&sample);
	}
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		sample_init(&sample);
		listener = sample_listener(&sample, sample_instance(&sample, "::1"), 80);
		sample_rule(&sample, listener, hosts[i], "/");
		assert_int_equal(build(&sample), -EINVAL);
		sample_done(&sample);
	}
	sample_init(&sample);
	instance = sample_instance(&sample, "::1");
	listener = sample_listener(&sample, instance, 80);
	rule = sample_rule(&sample, listener, "a", "/x");
	sample_rule(&sample, listener, "a", "^~/x");
	assert_int_equal(build(&sample), -EINVAL);
	listener_remove_rule(listener, listener->rules[1]);
	assert_int_equal(build(&sample), 0);
	sample_domain(rule, "a");
	assert_int_equal(build(&sample), -EINVAL);
	rule->more_domains[0][0] = 'b';
	assert_int_equal(build(&sample), 0);
	sample_redirect(rule, rule, 302, false);
	assert_int_equal(build(&sample), -EINVAL);
	sample_done(&sample);
}

static void roofs(void **state)
{
	struct listener *listener;
	struct sample sample;
	char text[40];

	sample_init(&sample);
	listener = sample_listener(&sample, sample_instance(&sample, "::1"), 80);
	for (unsigned i = 0; i <= LIMIT_PATTERNS_PER_LISTENER; i++) {
		assert_int_equal(listener_pattern_count(listener), i);
		assert_int_equal(build(&sample), 0);
		snprintf(text, sizeof(text), "~^/%u", i);
		sample_rule(&sample, listener, i % 2 ? "a" : text, i % 2 ? text : "/");
	}
	assert_int_equal(build(&sample), -E2BIG);
	sample_done(&sample);
}

/* A change compiles what is new and nothing else. */
static void generations_share(void **state)
{
	struct sample_map before;
	struct pattern_set after;
	struct snapshot changed;
	struct sample sample;
	char why[160];

	sample_map_init(&before, &original);
	sample_routes(&sample);
	sample_rule(&sample, sample.model.instances[0]->listeners[0], "~^aaa", "~zzz");
	sample_open(&sample, 2, &changed);
	assert_int_equal(changed.pattern_count, 7);
	assert_int_equal(pattern_set_init(&after, &changed, &before.patterns, &original, why), 0);
	for (uint32_t i = 0; i < before.patterns.count; i++) {
		unsigned shared = 0;

		for (uint32_t j = 0; j < after.count; j++)
			shared += after.patterns[j] == before.patterns.patterns[i];
		assert_int_equal(shared, 1);
	}
	sample_map_done(&before);
	pattern_set_done(&after);
	snapshot_close(&changed);
	sample_done(&sample);
}

static const char *location(uint32_t row, const char *host, const char *origin)
{
	static char text[200];
	struct redirect_request request = { bytes_of(host), bytes_of(origin) };
	int size = redirect_location(&original, &original.rules[row], &request, text, 100);

	if (size < 0) {
		assert_int_equal(size, -ENOBUFS);
		return "full";
	}
	assert_in_range(size, 1, 100);
	text[size] = '\0';
	return text;
}

static void locations(void **state)
{
	uint32_t last = original.rule_count - 1;
	char host[101];

	assert_string_equal(location(13, "x", "/old/y?a=b&c=//"),
			    "http://a.example/old/y?a=b&c=//");
	assert_string_equal(location(13, "x", "?a"), "http://a.example/?a");
	assert_string_equal(location(13, "x", "*"), "http://a.example/");
	assert_string_equal(location(last, "x", "/old?y"), "http://a.example/");
	memset(host, 'h', 100);
	host[100] = '\0';
	assert_string_equal(location(13, "x", host), "full");
}

/* The target rule's domain, port and URL in all their forms. */
static void locations_of_other_rules(void **state)
{
	static const struct {
		const char *domain, *url, *location;
		uint16_t port;
	} cases[] = {
		{ "b", "/x", "http://b/x", 80 },
		{ "b", "=/x", "http://b:81/x", 81 },
		{ "b", "^~/x", "http://b:443/x", 443 },
		{ "b", "~x", "http://b/", 80 },
		{ "b", "~*x", "http://b/", 80 },
		{ "*.b", "/x", "http://[::1]:8080/x", 8080 },
		{ "b.*", "/x", "http://[::1]/x", 80 },
		{ "~b", "/x", "http://[::1]/x", 80 },
		{ "", "/x", "http://[::1]/x", 80 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct redirect_request request = { BYTES_LITERAL("[::1]"), BYTES_LITERAL("/q") };
		struct instance *instance;
		struct snapshot snapshot;
		struct sample sample;
		struct rule *rule;
		char text[100];
		int size;

		sample_init(&sample);
		instance = sample_instance(&sample, "::1");
		rule = sample_rule(&sample, sample_listener(&sample, instance, 9), "a", "/");
		sample_redirect(rule,
				sample_rule(&sample,
					    sample_listener(&sample, instance, cases[i].port),
					    cases[i].domain, cases[i].url),
				307, false);
		sample_open(&sample, 1, &snapshot);
		size = redirect_location(&snapshot, &snapshot.rules[0], &request, text,
					 sizeof(text));
		assert_int_equal(size, strlen(cases[i].location));
		assert_memory_equal(text, cases[i].location, (size_t)size);
		snapshot_close(&snapshot);
		/* A stopped listener is not there: the client is told so. */
		instance->listeners[1]->is_stopped = true;
		sample_open(&sample, 1, &snapshot);
		assert_int_equal(snapshot.rules[0].redirect, SNAPSHOT_NONE);
		assert_int_equal(snapshot.rules[0].redirect_code, 307);
		snapshot_close(&snapshot);
		sample_done(&sample);
	}
}

static void places(void **state)
{
	assert_true(url_same_place("/x", "/x"));
	assert_true(url_same_place("^~/x", "/x"));
	assert_true(url_same_place("~x", "~x"));
	assert_false(url_same_place("=/x", "/x"));
	assert_false(url_same_place("~x", "~*x"));
	assert_false(url_same_place("/x", "/x/"));
}

static int setup(void **state)
{
	struct sample sample;

	sample_routes(&sample);
	sample_open(&sample, 1, &original);
	sample_done(&sample);
	return 0;
}

static int teardown(void **state)
{
	snapshot_close(&original);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shape),
		cmocka_unit_test(printing),
		cmocka_unit_test(lies_of_hosts),
		cmocka_unit_test(lies_of_paths),
		cmocka_unit_test(lies_of_patterns),
		cmocka_unit_test(lies_of_redirections),
		cmocka_unit_test(builder_refuses),
		cmocka_unit_test(roofs),
		cmocka_unit_test(generations_share),
		cmocka_unit_test(locations),
		cmocka_unit_test(locations_of_other_rules),
		cmocka_unit_test(places),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

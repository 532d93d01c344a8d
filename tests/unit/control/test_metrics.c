/* SPDX-License-Identifier: Apache-2.0 */
/* The text of metrics: escapes, sums over workers, whose slot it is, histograms, and who may read
 * it. The scenario tests read the whole with a strict parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/call_noun.h"
#include "control/metrics.h"
#include "noun_fixture.h"
#include "process/regions.h"

static struct regions *regions;
static int regions_fd;
static char *text;
static struct listener *http;
static struct rule *the_rule;

static int setup(void **state)
{
	const struct clock_anchor anchor = { 0 };
	char instance[32], listener[32], rule[32];

	noun_setup(state);
	assert_int_equal(regions_create(&anchor, 3, &regions_fd, &regions), 0);
	noun.control.regions = regions;
	strcpy(instance, noun_instance("127.0.0.1"));
	strcpy(listener, noun_listener(instance, 80));
	strcpy(rule, noun_rule(instance, listener, "a.example", "/x"));
	noun_do("RegisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s','Targets':["
		"{'EniIp':'10.0.0.1','Port':80}]}",
		instance, listener, rule);
	http = noun.control.model.instances[0]->listeners[0];
	the_rule = http->rules[0];
	return 0;
}

static int teardown(void **state)
{
	free(text);
	text = NULL;
	regions_close(regions);
	close(regions_fd);
	noun.control.regions = NULL;
	return noun_teardown(state);
}

static void read_text(void)
{
	size_t size;
	char *read;

	assert_int_equal(metrics_text(&noun.control, &read, &size), 0);
	free(text);
	text = strndup(read, size);
	free(read);
	assert_non_null(text);
	assert_int_equal(strlen(text), size);
	assert_int_equal(text[size - 1], '\n');
}

/* The value behind the only line that begins with `name`{ and holds `label`. */
static void has(const char *name, const char *holds, const char *value)
{
	size_t size = strlen(name), found = 0;

	for (const char *line = text; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		char copy[2048];

		snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(line, "\n"), line);
		if (strncmp(copy, name, size) != 0 || copy[size] != '{' || !strstr(copy, holds))
			continue;
		found++;
		if (strcmp(strrchr(copy, ' ') + 1, value) != 0)
			fail_msg("%s is not %s", copy, value);
	}
	if (found != 1)
		fail_msg("%s with %s: %zu times", name, holds, found);
}

static void sums_the_workers(void **state)
{
	atomic_store(&regions->listeners[http->slot].number, http->number);
	for (unsigned worker = 0; worker < 3; worker++) {
		struct counters *counters = &regions->columns[worker].counters[http->slot];

		counter_add(counters, COUNTER_HTTP_REQUESTS, 10 + worker);
		counter_add(counters, COUNTER_HTTP_502_CLOSED, 1);
	}
	read_text();
	has("setia_http_requests_total", "listener=\"", "33");
	has("setia_http_own_answers_total", "cause=\"502_closed\"", "3");
	has("setia_http_own_answers_total", "cause=\"404\"", "0");
	/* Until the traffic process met this listener, the slot is another's. */
	atomic_store(&regions->listeners[http->slot].number, 4711);
	read_text();
	has("setia_http_requests_total", "listener=\"", "0");
}

static void histograms_rise(void **state)
{
	for (unsigned worker = 0; worker < 3; worker++) {
		_Atomic uint64_t *row = traffic_row(&regions->columns[worker].traffic[0],
						    TRAFFIC_RULE, the_rule->slot, the_rule->number);

		traffic_add(row, TRAFFIC_REQUEST_BUCKETS + traffic_bucket(1), 2);
		traffic_add(row, TRAFFIC_REQUEST_BUCKETS + traffic_bucket(99999), 1);
		traffic_add(row, TRAFFIC_REQUEST_MS, 33337);
	}
	read_text();
	has("setia_rule_request_duration_seconds_bucket", "le=\"0.005\"", "6");
	has("setia_rule_request_duration_seconds_bucket", "le=\"10.000\"", "6");
	has("setia_rule_request_duration_seconds_bucket", "le=\"+Inf\"", "9");
	has("setia_rule_request_duration_seconds_sum", "rule=\"", "100.011");
	has("setia_rule_request_duration_seconds_count", "rule=\"", "9");
	has("setia_rule_response_duration_seconds_count", "rule=\"", "0");
}

static void targets_are_up_or_down(void **state)
{
	const struct target *target = the_rule->targets[0];
	struct region_health *row = &regions->health[target->slot];

	read_text();
	has("setia_target_up", "target=\"10.0.0.1:80\"", "0");
	atomic_store(&row->number, target->number);
	atomic_store(&row->state, HEALTH_ALIVE);
	read_text();
	has("setia_target_up", "target=\"10.0.0.1:80\"", "1");
	has("setia_target_takes_traffic", "target=\"10.0.0.1:80\"", "1");
	atomic_store(&row->state, HEALTH_DEAD);
	atomic_store(&row->is_down, 1);
	read_text();
	has("setia_target_up", "target=\"10.0.0.1:80\"", "0");
	has("setia_target_takes_traffic", "target=\"10.0.0.1:80\"", "0");
	the_rule->health_check.is_on = false;
	read_text();
	has("setia_target_up", "target=\"10.0.0.1:80\"", "1");
	the_rule->health_check.is_on = true;
}

/* Longer than any label's room: cut, and still a line. */
static void labels_are_escaped(void **state)
{
	char *url = the_rule->url, *domain = the_rule->domain;
	char longest[3000];

	the_rule->url = (char *)"/a\"b\\c\nd";
	read_text();
	has("setia_rule_requests_total", "url=\"/a\\\"b\\\\c\\nd\"", "0");
	memset(longest, '"', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	the_rule->domain = longest;
	the_rule->url = longest;
	read_text();
	assert_null(strstr(text, "\n\n"));
	the_rule->url = url;
	the_rule->domain = domain;
}

static void without_a_region(void **state)
{
	noun.control.regions = NULL;
	read_text();
	assert_non_null(strstr(text, "\nsetia_traffic_readable 0\n"));
	assert_null(strstr(text, "setia_http_requests_total"));
	noun.control.regions = regions;
}

static bool may_read(const char *ip, const char *authorization, bool is_forwarded)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct metrics_reader reader = { .authorization = authorization,
					 .is_forwarded = is_forwarded };

	if (ip && inet_pton(AF_INET, ip, &four.sin_addr) == 1)
		reader.peer = (struct sockaddr *)&four;
	else if (ip && inet_pton(AF_INET6, ip, &six.sin6_addr) == 1)
		reader.peer = (struct sockaddr *)&six;
	return metrics_may_read(noun.directory, &reader);
}

static void loopback_or_token(void **state)
{
	char path[100], value[100] = "Bearer ";
	FILE *file;

	assert_true(may_read("127.0.0.1", NULL, false));
	assert_true(may_read("127.9.9.9", NULL, false));
	assert_true(may_read("::1", NULL, false));
	assert_true(may_read("::ffff:127.0.0.1", NULL, false));
	assert_false(may_read("127.0.0.1", NULL, true));
	assert_false(may_read("10.0.0.1", NULL, false));
	assert_false(may_read("128.0.0.1", NULL, false));
	assert_false(may_read("::2", NULL, false));
	assert_false(may_read(NULL, NULL, false));
	/* No file, no token. */
	assert_false(may_read("10.0.0.1", "Bearer ", false));
	assert_int_equal(metrics_token_make(noun.directory), 0);
	snprintf(path, sizeof(path), "%s/metrics_token", noun.directory);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(value + 7, 80, file));
	fclose(file);
	value[strcspn(value, "\n")] = '\0';
	assert_int_equal(strlen(value), 47);
	assert_true(may_read("10.0.0.1", value, false));
	assert_true(may_read(NULL, value, true));
	value[20] ^= 1;
	assert_false(may_read("127.0.0.1", value, false));
	value[20] ^= 1;
	value[46] = '\0';
	assert_false(may_read("10.0.0.1", value, false));
	/* Made once. */
	assert_int_equal(metrics_token_make(noun.directory), 0);
	assert_int_equal(truncate(path, 0), 0);
	assert_false(may_read("10.0.0.1", "Bearer ", false));
	assert_int_equal(metrics_token_make(noun.directory), 0);
	assert_false(may_read("10.0.0.1", "Bearer ", false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sums_the_workers, setup, teardown),
		cmocka_unit_test_setup_teardown(histograms_rise, setup, teardown),
		cmocka_unit_test_setup_teardown(targets_are_up_or_down, setup, teardown),
		cmocka_unit_test_setup_teardown(labels_are_escaped, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_region, setup, teardown),
		cmocka_unit_test_setup_teardown(loopback_or_token, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

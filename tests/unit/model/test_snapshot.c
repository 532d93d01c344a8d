/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building, sealing, opening, printing. The printed form of the small sample is compared with
 * tests/golden/snapshot.txt; SETIA_GOLDEN_UPDATE=1 writes that file anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/turns.h"
#include "sample.h"

#define GOLDEN_FILE GOLDEN_FOLDER "/snapshot.txt"

static void golden_print(void **state)
{
	struct sample sample;
	struct snapshot snapshot;
	char *printed = NULL, *expected;
	size_t size = 0;
	FILE *out = open_memstream(&printed, &size), *file;

	sample_small(&sample);
	sample_open(&sample, 812, &snapshot);
	snapshot_print(&snapshot, out);
	fclose(out);
	snapshot_close(&snapshot);
	sample_done(&sample);
	if (getenv("SETIA_GOLDEN_UPDATE")) {
		file = fopen(GOLDEN_FILE, "w");
		assert_non_null(file);
		assert_int_equal(fwrite(printed, 1, size, file), size);
		fclose(file);
	}
	file = fopen(GOLDEN_FILE, "r");
	assert_non_null(file);
	expected = calloc(1, size + 2);
	assert_int_equal(fread(expected, 1, size + 1, file), size);
	fclose(file);
	assert_string_equal(printed, expected);
	free(expected);
	free(printed);
}

static void sealed_and_close_on_exec(void **state)
{
	struct sample sample;
	struct snapshot snapshot;
	char why[200] = "";
	int fd = -1;

	sample_small(&sample);
	assert_int_equal(snapshot_build(&sample.model, 1, &fd), 0);
	assert_int_equal(fcntl(fd, F_GET_SEALS),
			 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(snapshot_open(fd, true, &snapshot, why, sizeof(why)), 0);
	close(fd);
	assert_int_equal(snapshot.header->generation, 1);
	assert_int_equal(snapshot.listener_count, 5);
	assert_true(snapshot.mapped_size > 0);
	snapshot_close(&snapshot);
	assert_null(snapshot.header);
	snapshot_close(&snapshot);
	snapshot_close(NULL);
	sample_done(&sample);
}

static void empty_model(void **state)
{
	struct sample sample;
	struct snapshot snapshot;
	int fd = 77;

	sample_init(&sample);
	sample_open(&sample, 1, &snapshot);
	assert_int_equal(snapshot.listener_count, 0);
	assert_int_equal(snapshot.key_count, 0);
	snapshot_close(&snapshot);
	assert_int_equal(snapshot_build(&sample.model, 0, &fd), -EINVAL);
	assert_int_equal(fd, 77);
	sample_done(&sample);
}

/* The same bytes as a memfd without seals, or as a plain file. */
static int copy_of(const struct snapshot *snapshot, int seals)
{
	int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, snapshot->header, snapshot->header->size),
			 snapshot->header->size);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void unsealed_is_refused(void **state)
{
	const int almost = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW;
	struct sample sample;
	struct snapshot snapshot, copy = { .key_count = 99 };
	char why[200] = "";
	int fd, pipes[2];

	sample_small(&sample);
	sample_open(&sample, 3, &snapshot);
	fd = copy_of(&snapshot, almost);
	assert_int_equal(snapshot_open(fd, true, &copy, why, sizeof(why)), -EBADMSG);
	assert_non_null(strstr(why, "not sealed"));
	assert_int_equal(copy.key_count, 99);
	close(fd);
	/* F_SEAL_FUTURE_WRITE leaves older writable mappings: not enough. */
	fd = copy_of(&snapshot, almost | 0x0010);
	assert_int_equal(snapshot_open(fd, true, &copy, why, sizeof(why)), -EBADMSG);
	/* The same file, opened as a file: read, so that later writes do not matter. */
	assert_int_equal(snapshot_open(fd, false, &copy, why, sizeof(why)), 0);
	close(fd);
	assert_int_equal(copy.header->size, snapshot.header->size);
	assert_memory_equal(copy.header, snapshot.header, snapshot.header->size);
	snapshot_close(&copy);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(snapshot_open(pipes[0], true, &copy, why, sizeof(why)), -EBADMSG);
	assert_int_equal(snapshot_open(pipes[0], false, &copy, why, sizeof(why)), -EBADMSG);
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(snapshot_open(-1, true, &copy, why, sizeof(why)), -EBADF);
	snapshot_close(&snapshot);
	sample_done(&sample);
}

static void file_cannot_change_below(void **state)
{
	struct sample sample;
	struct snapshot snapshot, copy;
	char why[200] = "", path[] = "/tmp/setia-test-XXXXXX";
	int fd = mkstemp(path);

	sample_small(&sample);
	sample_open(&sample, 3, &snapshot);
	assert_int_equal(write(fd, snapshot.header, snapshot.header->size), snapshot.header->size);
	assert_int_equal(snapshot_open(fd, true, &copy, why, sizeof(why)), -EBADMSG);
	assert_int_equal(snapshot_open(fd, false, &copy, why, sizeof(why)), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_memory_equal(copy.header, snapshot.header, snapshot.header->size);
	snapshot_close(&copy);
	assert_int_equal(snapshot_open(fd, false, &copy, why, sizeof(why)), -EBADMSG);
	assert_int_equal(ftruncate(fd, (off_t)LIMIT_SNAPSHOT_SIZE + 8), 0);
	assert_int_equal(snapshot_open(fd, false, &copy, why, sizeof(why)), -EBADMSG);
	assert_non_null(strstr(why, "larger"));
	close(fd);
	unlink(path);
	snapshot_close(&snapshot);
	sample_done(&sample);
}

static void build_gives(struct sample *sample, int expected)
{
	int fd = -1;

	assert_int_equal(snapshot_build(&sample->model, 1, &fd), expected);
	assert_int_equal(fd, -1);
	sample_done(sample);
}

/* What validation never lets through must not become a snapshot either. */
static void builder_refuses(void **state)
{
	struct sample sample;
	struct instance *instance;
	struct listener *listener;
	struct rule *rule;
	struct target *target;

#define FRESH()                                                          \
	do {                                                             \
		sample_init(&sample);                                    \
		instance = sample_instance(&sample, "127.0.0.1");        \
		listener = sample_listener(&sample, instance, 80);       \
		rule = sample_rule(&sample, listener, "a.example", "/"); \
		target = sample_target(&sample, rule, "10.0.0.1:80", 1); \
	} while (0)

	FRESH();
	sample_rule(&sample, listener, "a.example", "/");
	build_gives(&sample, -EINVAL);
	FRESH();
	sample_listener(&sample, sample_instance(&sample, "127.0.0.1"), 80);
	build_gives(&sample, -EINVAL);
	FRESH();
	listener->protocol = PROTOCOL_TCP;
	build_gives(&sample, -EINVAL);
	FRESH();
	target->weight = WEIGHT_MOST + 1;
	build_gives(&sample, -EINVAL);
	FRESH();
	target->number = 1ull << 48;
	build_gives(&sample, -EINVAL);
	FRESH();
	target->address.port = 0;
	build_gives(&sample, -EINVAL);
	FRESH();
	sample_target(&sample, rule, "10.0.0.2:80", 1)->number = target->number;
	build_gives(&sample, -EINVAL);
	FRESH();
	sample_target(&sample, rule, "10.0.0.2:80", 1)->slot = target->slot;
	build_gives(&sample, -EINVAL);
	FRESH();
	rule->session_expire_s = 29;
	build_gives(&sample, -EINVAL);
	FRESH();
	rule->session_expire_s = 30;
	rule->scheduler = SCHEDULER_IP_HASH;
	build_gives(&sample, -EINVAL);
	FRESH();
	sample_rule(&sample, listener, "A.example", "/");
	build_gives(&sample, -EINVAL);
	FRESH();
	sample_rule(&sample, listener, "a.example", "no-slash");
	build_gives(&sample, -EINVAL);
	FRESH();
	for (unsigned i = 0; i < LIMIT_TARGETS_PER_RULE; i++)
		sample_target(&sample, rule, "10.0.0.2:80", 1);
	build_gives(&sample, -E2BIG);
#undef FRESH
}

static void builder_refuses_layer_4(void **state)
{
	struct sample sample;
	struct instance *instance;
	struct listener *listener;

#define FRESH(protocol)                                                            \
	do {                                                                       \
		sample_init(&sample);                                              \
		instance = sample_instance(&sample, "127.0.0.1");                  \
		listener = sample_layer4(&sample, instance, protocol, 80);         \
		(void)sample_listener_target(&sample, listener, "10.0.0.1:80", 1); \
	} while (0)

	FRESH(PROTOCOL_TCP);
	sample_rule(&sample, listener, "a.example", "/");
	build_gives(&sample, -EINVAL);
	FRESH(PROTOCOL_TCP);
	sample_listener_target(&sample, sample_listener(&sample, instance, 81), "10.0.0.1:80", 1);
	build_gives(&sample, -EINVAL);
	FRESH(PROTOCOL_TCP);
	sample_listener(&sample, instance, 80);
	build_gives(&sample, -EINVAL);
	FRESH(PROTOCOL_UDP);
	sample_layer4(&sample, sample_instance(&sample, "127.0.0.1"), PROTOCOL_UDP, 80);
	build_gives(&sample, -EINVAL);
	FRESH(PROTOCOL_TCP);
	listener->protocol = PROTOCOL_TCP_SSL;
	build_gives(&sample, -EINVAL);
	FRESH(PROTOCOL_TCP);
	listener->layer4 = (struct layer4){ 0 };
	build_gives(&sample, -EINVAL);
	FRESH(PROTOCOL_UDP);
	listener->layer4.max_cps = 0;
	build_gives(&sample, -EINVAL);
	FRESH(PROTOCOL_UDP);
	listener->layer4.has_proxy_protocol = true;
	build_gives(&sample, -EINVAL);
	FRESH(PROTOCOL_UDP);
	listener->scheduler = SCHEDULER_IP_HASH;
	build_gives(&sample, -EINVAL);
	FRESH(PROTOCOL_UDP);
	listener->scheduler = SCHEDULER_LEAST_CONN;
	listener->session_expire_s = 30;
	build_gives(&sample, -EINVAL);
	FRESH(PROTOCOL_UDP);
	listener->session_expire_s = 3601;
	build_gives(&sample, -EINVAL);
	FRESH(PROTOCOL_UDP);
	for (unsigned i = 0; i < LIMIT_TARGETS_PER_RULE; i++)
		sample_listener_target(&sample, listener, "10.0.0.2:80", 1);
	build_gives(&sample, -E2BIG);
#undef FRESH
}

/* A rule's number may be a listener's: each kind has numbers of its own in the store. */
static void layer_4_stands_beside_http(void **state)
{
	struct sample sample;
	struct snapshot snapshot;
	struct instance *instance;
	struct listener *listener;
	const struct snapshot_listener *row;
	const struct snapshot_rule *rule;

	sample_init(&sample);
	instance = sample_instance(&sample, "127.0.0.1");
	listener = sample_layer4(&sample, instance, PROTOCOL_UDP, 80);
	listener->slot = LIMIT_LISTENERS - 1;
	sample_listener_target(&sample, listener, "10.0.0.1:80", 30);
	sample_listener_target(&sample, listener, "[::1]:80", 10);
	sample_rule(&sample, sample_listener(&sample, instance, 80), "", "/")->number =
		listener->number;
	sample_layer4(&sample, instance, PROTOCOL_TCP, 81);
	sample_open(&sample, 1, &snapshot);
	assert_int_equal(snapshot.rule_count, 3);
	row = &snapshot.listeners[0];
	rule = snapshot_listener_rule(&snapshot, row);
	assert_ptr_equal(rule, snapshot.rules);
	assert_int_equal(rule->slot, LIMIT_TURNS - 1);
	assert_int_equal(rule->number, listener->number);
	assert_string_equal(rule->id, listener->id);
	assert_int_equal(rule->targets.count, 2);
	assert_memory_equal(snapshot.turns + rule->turns.first, ((uint16_t[]){ 0, 0, 1, 0 }), 8);
	assert_int_equal(row->idle_timeout_ms, 300000);
	assert_int_equal(row->max_conn, 0);
	assert_int_equal(row->hosts.count, 0);
	assert_int_equal(row->any_host, SNAPSHOT_NONE);
	assert_null(snapshot_listener_rule(&snapshot, &snapshot.listeners[1]));
	assert_int_equal(snapshot_listener_rule(&snapshot, &snapshot.listeners[2])->turns.count, 0);
	snapshot_close(&snapshot);
	sample_done(&sample);
}

/* As many rules as there can be, and a layer-4 listener behind them. */
static void every_rule_and_layer_4(void **state)
{
	struct sample sample;
	struct snapshot snapshot;

	sample_large(&sample, 64, LIMIT_RULES / 64, 0);
	sample_layer4(&sample, sample.model.instances[0], PROTOCOL_TCP, 80);
	sample_open(&sample, 1, &snapshot);
	assert_int_equal(snapshot.rule_count, LIMIT_RULES + 1);
	snapshot_close(&snapshot);
	sample_rule(&sample, sample.model.instances[0]->listeners[0], "", "/");
	build_gives(&sample, -E2BIG);
}

/* Equal proportions share a run of turns, equal texts share bytes. */
static void sharing(void **state)
{
	struct sample sample;
	struct snapshot snapshot;
	struct listener *listener;
	struct rule *rule;

	sample_init(&sample);
	listener = sample_listener(&sample, sample_instance(&sample, "127.0.0.1"), 80);
	for (uint16_t i = 1; i <= 20; i++) {
		char url[8];

		snprintf(url, sizeof(url), "/%u", i);
		rule = sample_rule(&sample, listener, "a.example", url);
		sample_target(&sample, rule, "10.0.0.1:80", (uint16_t)(3 * i));
		sample_target(&sample, rule, "10.0.0.2:80", i);
	}
	sample_open(&sample, 1, &snapshot);
	assert_int_equal(snapshot.header->sections[SNAPSHOT_TURNS].count, 4);
	for (uint32_t row = 0; row < 20; row++) {
		assert_int_equal(snapshot.rules[row].turns.first, 0);
		assert_int_equal(snapshot.rules[row].turns.count, 4);
		assert_int_equal(snapshot.rules[row].domain.offset,
				 snapshot.rules[0].domain.offset);
	}
	assert_memory_equal(snapshot.turns, ((uint16_t[]){ 0, 0, 1, 0 }), 8);
	snapshot_close(&snapshot);
	sample_done(&sample);
}

/* nginx's own loop, over every server at every step. */
static void turns_by_nginx(const uint16_t *weights, size_t count, size_t period, uint16_t *ret)
{
	int64_t credits[LIMIT_TARGETS_PER_RULE] = { 0 }, sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += weights[i];
	for (size_t turn = 0; turn < period; turn++) {
		size_t best = count;

		for (size_t i = 0; i < count; i++) {
			credits[i] += weights[i];
			if (weights[i] > 0 && (best == count || credits[i] > credits[best]))
				best = i;
		}
		credits[best] -= sum;
		ret[turn] = (uint16_t)best;
	}
}

static void turns_are_those_of_nginx(void **state)
{
	static uint16_t turns[LIMIT_TARGETS_PER_RULE * WEIGHT_MOST], expected[sizeof(turns) / 2];
	const size_t sizes[] = { 1, 2, 3, 5, 10, 40, 100 };
	uint16_t weights[LIMIT_TARGETS_PER_RULE];

	srandom(1);
	for (unsigned round = 0; round < 140; round++) {
		size_t count = sizes[round % 7], period;
		unsigned least = round % 2, most = round % 3 ? 10 : 100;

		for (size_t i = 0; i < count; i++)
			weights[i] = (uint16_t)(least + (unsigned)random() % (most + 1 - least));
		period = turns_period(weights, count);
		turns_layout(weights, count, turns);
		turns_by_nginx(weights, count, period, expected);
		assert_memory_equal(turns, expected, period * sizeof(*turns));
	}
	/* The largest rule there can be: all weights, and the longest period. */
	for (size_t i = 0; i < LIMIT_TARGETS_PER_RULE; i++)
		weights[i] = (uint16_t)(i % 10 ? 99 + i % 2 : 1 + i / 10);
	turns_layout(weights, LIMIT_TARGETS_PER_RULE, turns);
	turns_by_nginx(weights, LIMIT_TARGETS_PER_RULE,
		       turns_period(weights, LIMIT_TARGETS_PER_RULE), expected);
	assert_memory_equal(turns, expected,
			    sizeof(turns[0]) * turns_period(weights, LIMIT_TARGETS_PER_RULE));
	memset(weights, 0, sizeof(weights));
	assert_int_equal(turns_period(weights, 5), 0);
	assert_int_equal(turns_period(weights, 0), 0);
	turns_layout(weights, 5, turns);
	for (size_t i = 0; i < LIMIT_TARGETS_PER_RULE; i++)
		weights[i] = WEIGHT_MOST;
	assert_int_equal(turns_period(weights, LIMIT_TARGETS_PER_RULE), LIMIT_TARGETS_PER_RULE);
}

/* Each prefix of the order gives every server its share but for a few turns. */
static void turns_are_fair(void **state)
{
	static uint16_t turns[LIMIT_TARGETS_PER_RULE * WEIGHT_MOST];
	uint16_t weights[100];
	unsigned had[100];

	srandom(2);
	for (unsigned round = 0; round < 50; round++) {
		size_t count = 2 + (size_t)random() % 99, period;
		double sum = 0;

		for (size_t i = 0; i < count; i++) {
			weights[i] = (uint16_t)(1 + random() % 100);
			sum += weights[i];
		}
		period = turns_period(weights, count);
		turns_layout(weights, count, turns);
		memset(had, 0, sizeof(had));
		for (size_t turn = 0; turn < period; turn++) {
			had[turns[turn]]++;
			for (size_t i = 0; i < count; i++) {
				double share = (double)(turn + 1) * weights[i] / sum;

				assert_true(had[i] - share < 1 && share - had[i] < 5);
			}
		}
		for (size_t i = 0; i < count; i++)
			assert_true(had[i] * sum == weights[i] * (double)period);
	}
}

static void large_round_trip(void **state)
{
	struct sample sample;
	struct snapshot snapshot;

	sample_large(&sample, 50, 10, 10);
	sample_open(&sample, 1ull << 60, &snapshot);
	assert_int_equal(snapshot.target_count, 5000);
	assert_int_equal(snapshot.header->sections[SNAPSHOT_TURNS].count, 10);
	snapshot_close(&snapshot);
	sample_done(&sample);
}

static void custom_limits(const struct snapshot_http *row)
{
	assert_int_equal(row->header_timeout_ms, 31000);
	assert_int_equal(row->body_timeout_ms, 32000);
	assert_true(row->body_most == 10240ull << 20);
	assert_int_equal(row->keepalive_timeout_ms, 0);
	assert_int_equal(row->keepalive_requests, 5);
	assert_int_equal(row->connect_timeout_ms, 6000);
	assert_int_equal(row->read_timeout_ms, 37000);
	assert_int_equal(row->send_timeout_ms, 38000);
	assert_int_equal(row->client_send_timeout_ms, 9000);
	assert_int_equal(row->to_client.count + row->to_target.count + row->pages.count, 0);
}

/* A custom configuration holds for every listener of the instances that are bound to it, only. */
static void custom_configurations_reach_listeners(void **state)
{
	static const char text[] = "client_header_timeout 31s; client_body_timeout 32s;"
				   "client_max_body_size 10240M; keepalive_timeout 0;"
				   "keepalive_requests 5; proxy_connect_timeout 6s;"
				   "proxy_read_timeout 37s; proxy_send_timeout 38s;"
				   "send_timeout 9s;";
	struct custom_configuration *custom = custom_configuration_new();
	struct problem problem = { 0 };
	struct sample sample;
	struct snapshot snapshot;

	sample_small(&sample);
	assert_non_null(custom);
	assert_int_equal(directives_parse(bytes_of(text), "text", &custom->directives, &problem),
			 0);
	custom->number = 7;
	assert_int_equal(model_add_custom(&sample.model, custom), 0);
	sample.model.instances[0]->custom = custom;
	sample_open(&sample, 1, &snapshot);
	/* The sample's own is not in use any more. */
	assert_int_equal(snapshot.header->sections[SNAPSHOT_HTTP].count, 2);
	assert_int_equal(snapshot.header->sections[SNAPSHOT_HEADERS].count, 0);
	custom_limits(&snapshot.https[1]);
	assert_int_equal(snapshot.https[0].keepalive_timeout_ms, HTTP_KEEPALIVE_TIMEOUT_MS);
	for (uint32_t i = 0; i < snapshot.listener_count; i++) {
		const struct snapshot_listener *row = &snapshot.listeners[i];

		assert_int_equal(row->http, row->protocol != PROTOCOL_HTTP ? SNAPSHOT_NONE
					    : row->instance == 0           ? 1
									   : 0);
	}
	assert_int_not_equal(snapshot.listeners[snapshot.listener_count - 1].instance, 0);
	snapshot_close(&snapshot);
	sample.model.instances[0]->custom = NULL;
	assert_ptr_equal(model_find_custom(&sample.model, ""), custom);
	model_remove_custom(&sample.model, custom);
	assert_null(model_find_custom(&sample.model, ""));
	sample_done(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_print),
		cmocka_unit_test(sealed_and_close_on_exec),
		cmocka_unit_test(empty_model),
		cmocka_unit_test(unsealed_is_refused),
		cmocka_unit_test(file_cannot_change_below),
		cmocka_unit_test(builder_refuses),
		cmocka_unit_test(builder_refuses_layer_4),
		cmocka_unit_test(layer_4_stands_beside_http),
		cmocka_unit_test(every_rule_and_layer_4),
		cmocka_unit_test(sharing),
		cmocka_unit_test(turns_are_those_of_nginx),
		cmocka_unit_test(turns_are_fair),
		cmocka_unit_test(large_round_trip),
		cmocka_unit_test(custom_configurations_reach_listeners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

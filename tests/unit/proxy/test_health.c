/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker's thread with real servers on the loopback and a clock that the test moves:
 * generations, reports of workers, hanging targets, ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proxy/generation.h"
#include "proxy/health.h"
#include "sample.h"

#define SERVERS 24

static struct clock_shift *shift;
static struct regions *regions;
static struct sample sample;
static struct listener *listener;
static struct rule *rule;
static struct generation *generation;
static struct health *health;
static uint64_t generation_number;
static int servers[SERVERS];
static unsigned server_count;

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* As time passes for the loop, which looks at a shifted clock every 100 ms. */
static void pass_ms(int64_t ms)
{
	__atomic_add_fetch(&shift->boot_ms, ms, __ATOMIC_RELAXED);
	sleep_ms(130);
}

static void make_clock(void)
{
	char path[] = "/tmp/setia-clock-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*shift)), 0);
	shift = mmap(NULL, sizeof(*shift), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(shift != MAP_FAILED);
	close(fd);
	setenv("SETIA_CLOCK_FILE", path, 1);
	assert_int_equal(clock_init(), 0);
	unlink(path);
}

/* A port where connections are taken by the kernel alone: good for TCP, silent for HTTP. */
static struct target *add_server(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t size = sizeof(name);
	char text[32];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, size), 0);
	assert_int_equal(listen(fd, 1024), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
	servers[server_count++] = fd;
	snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(name.sin_port));
	return rule ? sample_target(&sample, rule, text, 10)
		    : sample_listener_target(&sample, listener, text, 10);
}

static void publish(void)
{
	char why[200] = "";
	struct generation *next = NULL;
	int fd;

	assert_int_equal(snapshot_build(&sample.model, ++generation_number, &fd), 0);
	assert_int_equal(generation_open(fd, generation, regions, &next, why, sizeof(why)), 0);
	close(fd);
	assert_int_equal(health_adopt(health, next), 0);
	generation_unpin(generation);
	generation = next;
}

static struct region_health *row(uint32_t target)
{
	return &regions->health[generation->snapshot.targets[target].slot];
}

static void assert_becomes(uint32_t target, enum health_state state)
{
	for (int i = 0; i < 12 && row(target)->state != state; i++)
		pass_ms(5000);
	assert_int_equal(row(target)->state, state);
}

static int begin_with(enum protocol protocol)
{
	struct clock_anchor anchor = { 0 };
	int fd;

	assert_int_equal(regions_create(&anchor, 2, &fd, &regions), 0);
	close(fd);
	sample_init(&sample);
	rule = NULL;
	if (protocol == PROTOCOL_HTTP) {
		listener = sample_listener(&sample, sample_instance(&sample, "127.0.0.1"), 80);
		rule = sample_rule(&sample, listener, "a.example", "/");
	} else {
		listener =
			sample_layer4(&sample, sample_instance(&sample, "127.0.0.1"), protocol, 80);
		health_check_defaults(&listener->health_check, protocol);
	}
	server_count = 0;
	health = health_new(regions);
	assert_non_null(health);
	return 0;
}

static int begin_tcp(void **state)
{
	(void)state;
	return begin_with(PROTOCOL_TCP);
}

static int begin_http(void **state)
{
	(void)state;
	return begin_with(PROTOCOL_HTTP);
}

static int end(void **state)
{
	(void)state;
	assert_null(health_free(health));
	generation = generation_unpin(generation);
	sample_done(&sample);
	regions_close(regions);
	for (unsigned i = 0; i < server_count; i++)
		close(servers[i]);
	return 0;
}

static int connections_of(unsigned server)
{
	int count = 0, fd;

	while ((fd = accept(servers[server], NULL, NULL)) >= 0) {
		close(fd);
		count++;
	}
	return count;
}

static void test_a_life(void **state)
{
	struct health_event event;

	(void)state;
	add_server();
	add_server();
	publish();
	assert_int_equal(row(0)->state, HEALTH_UNKNOWN);
	assert_becomes(0, HEALTH_ALIVE);
	assert_becomes(1, HEALTH_ALIVE);
	close(servers[1]);
	servers[1] = -1;
	assert_becomes(1, HEALTH_DEAD);
	assert_int_equal(regions->turns[generation->snapshot.rules[0].slot].down, REGION_SOME_DOWN);
	assert_int_equal(health_log_end(&regions->health_log), 3);
	assert_true(health_log_read(&regions->health_log, 2, &event));
	assert_int_equal(event.target, generation->snapshot.targets[1].number);
	assert_int_equal(event.listener, generation->snapshot.listeners[0].number);
	assert_int_equal(event.rule, 0);
	assert_int_equal(event.state, HEALTH_DEAD);
	assert_int_equal(event.reason, HEALTH_REASON_REFUSED);
	assert_int_equal(event.protocol, PROTOCOL_TCP);
	/* Another thread, as after a crash, goes on with it. */
	health_free(health);
	health = health_new(regions);
	assert_int_equal(health_adopt(health, generation), 0);
	assert_int_equal(row(0)->state, HEALTH_ALIVE);
	assert_int_equal(row(1)->state, HEALTH_DEAD);
	pass_ms(5000);
	assert_int_equal(health_log_end(&regions->health_log), 3);
}

static void test_stop(void **state)
{
	(void)state;
	add_server();
	publish();
	assert_becomes(0, HEALTH_ALIVE);
	health_stop(health);
	connections_of(0);
	for (int i = 0; i < 4; i++)
		pass_ms(5000);
	assert_int_equal(connections_of(0), 0);
	publish(); /* changes nothing */
	health_stop(health);
	pass_ms(5000);
	assert_int_equal(connections_of(0), 0);
	health_stop(NULL);
	assert_null(health_free(NULL));
}

/* Generations come while probes hang: targets leave, come back as others, stop being checked. */
static void test_generations_under_probes(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		add_server();
	health_check_defaults(&rule->health_check, PROTOCOL_HTTP);
	for (int i = 0; i < 12; i++) {
		rule->health_check.is_on = i % 4 != 2;
		rule->targets[3]->number += i % 3 == 1;
		rule->health_check.interval_s = (uint16_t)(5 + i % 2);
		if (i % 5 == 4)
			health_failed(health, regions, &generation->snapshot, 0);
		publish();
		sleep_ms(30);
		if (i % 2)
			pass_ms(i * 1000);
	}
	rule->target_count = 3; /* one leaves for good */
	publish();
	assert_becomes(0, HEALTH_DEAD);
	rule->target_count = 4; /* sample_done frees it */
}

static void fail_forwards(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		health_failed(health, regions, &generation->snapshot, 0);
	sleep_ms(50);
}

static void test_blocks(void **state)
{
	(void)state;
	add_server();
	add_server();
	publish();
	assert_int_equal(row(0)->state, HEALTH_CLOSE);
	fail_forwards(2);
	assert_int_equal(row(0)->failures, 2);
	health_succeeded(regions, generation->snapshot.targets[0].slot);
	assert_int_equal(row(0)->failures, 0);
	fail_forwards(2);
	assert_int_equal(row(0)->is_down, 0);
	fail_forwards(1);
	assert_int_not_equal(row(0)->is_down, 0);
	assert_int_equal(row(0)->failures, 0);
	/* Requests that were under way do not make it longer. */
	pass_ms(5000);
	fail_forwards(300);
	publish();
	assert_int_not_equal(row(0)->is_down, 0);
	pass_ms(5200);
	assert_int_equal(row(0)->is_down, 0);
	assert_int_equal(row(0)->blocked_until_ms, 0);
	/* A block goes on in the next process, and ends there. */
	fail_forwards(3);
	health_free(health);
	health = health_new(regions);
	assert_int_equal(health_adopt(health, generation), 0);
	assert_int_not_equal(row(0)->is_down, 0);
	pass_ms(10200);
	assert_int_equal(row(0)->is_down, 0);
	health_failed(NULL, regions, &generation->snapshot, 0);
	assert_int_equal(row(0)->failures, 0);
}

/* Layer 4 has no passive checks. */
static void test_no_blocks_on_layer_4(void **state)
{
	(void)state;
	add_server();
	publish();
	fail_forwards(5);
	assert_int_equal(row(0)->failures, 0);
	assert_int_equal(row(0)->is_down, 0);
}

/* Reports of what is gone. */
static void test_old_reports(void **state)
{
	struct generation *old;

	(void)state;
	add_server();
	add_server();
	publish();
	old = generation;
	generation_pin(old);
	rule->targets[1]->number++;
	publish();
	for (int i = 0; i < 5; i++)
		health_failed(health, regions, &old->snapshot, 1);
	sleep_ms(50);
	assert_int_equal(row(1)->is_down, 0);
	generation_unpin(old);
}

/* More targets hang than there is room for probes; the others are checked in time all the same. */
static void test_hanging_targets_delay_nobody(void **state)
{
	struct rlimit old, low;
	struct rule *hanging;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){ 128, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0); /* 8 probes */
	health_free(health);
	health = health_new(regions);
	setrlimit(RLIMIT_NOFILE, &old);
	health_check_defaults(&rule->health_check, PROTOCOL_HTTP);
	for (int i = 0; i < 20; i++)
		add_server(); /* silent: every probe of HTTP takes its whole timeout */
	hanging = rule;
	rule = NULL;
	listener = sample_layer4(&sample, sample.model.instances[0], PROTOCOL_TCP, 81);
	health_check_defaults(&listener->health_check, PROTOCOL_TCP);
	add_server();
	add_server();
	rule = hanging;
	publish();
	for (int i = 0; i < 12; i++)
		pass_ms(2500);
	for (uint32_t i = 0; i < 2; i++) {
		connections_of(20 + i);
		assert_int_equal(
			regions->health[sample.model.instances[0]->listeners[1]->targets[i]->slot]
				.state,
			HEALTH_ALIVE);
	}
	for (int i = 0; i < 12; i++)
		pass_ms(2500);
	for (uint32_t i = 0; i < 2; i++)
		assert_in_range(connections_of(20 + i), 5, 7);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(regions->health[rule->targets[i]->slot].state, HEALTH_DEAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_life, begin_tcp, end),
		cmocka_unit_test_setup_teardown(test_stop, begin_tcp, end),
		cmocka_unit_test_setup_teardown(test_generations_under_probes, begin_http, end),
		cmocka_unit_test_setup_teardown(test_blocks, begin_http, end),
		cmocka_unit_test_setup_teardown(test_no_blocks_on_layer_4, begin_tcp, end),
		cmocka_unit_test_setup_teardown(test_old_reports, begin_http, end),
		cmocka_unit_test_setup_teardown(test_hanging_targets_delay_nobody, begin_http, end),
	};

	make_clock();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

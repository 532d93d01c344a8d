/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker against a snapshot that lies: every single byte changed, with and without a mended
 * checksum, every length cut, and one lie of each kind by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/directives.h"
#include "model/route.h"
#include "sample.h"

/* A copy that a test may spoil, with writable tables. */
struct copy {
	char *data;
	size_t size;
	struct snapshot_header *header;
	struct snapshot_instance *instances;
	struct snapshot_listener *listeners;
	struct snapshot_http *https;
	struct snapshot_field *fields;
	struct snapshot_page *pages;
	struct snapshot_host *hosts;
	struct snapshot_path *paths;
	struct snapshot_rule *rules;
	struct snapshot_target *targets;
	struct snapshot_health *checks;
	uint16_t *turns;
	struct snapshot_key *keys;
	char *text;
};

static struct snapshot original;

static void copy_init(struct copy *copy)
{
	const struct snapshot_section *at = original.header->sections;

	copy->size = original.header->size;
	copy->data = malloc(copy->size);
	assert_non_null(copy->data);
	memcpy(copy->data, original.header, copy->size);
	copy->header = (void *)copy->data;
	copy->instances = (void *)(copy->data + at[SNAPSHOT_INSTANCES].offset);
	copy->listeners = (void *)(copy->data + at[SNAPSHOT_LISTENERS].offset);
	copy->https = (void *)(copy->data + at[SNAPSHOT_HTTP].offset);
	copy->fields = (void *)(copy->data + at[SNAPSHOT_HEADERS].offset);
	copy->pages = (void *)(copy->data + at[SNAPSHOT_PAGES].offset);
	copy->hosts = (void *)(copy->data + at[SNAPSHOT_HOSTS].offset);
	copy->paths = (void *)(copy->data + at[SNAPSHOT_PATHS].offset);
	copy->rules = (void *)(copy->data + at[SNAPSHOT_RULES].offset);
	copy->targets = (void *)(copy->data + at[SNAPSHOT_TARGETS].offset);
	copy->checks = (void *)(copy->data + at[SNAPSHOT_CHECKS].offset);
	copy->turns = (void *)(copy->data + at[SNAPSHOT_TURNS].offset);
	copy->keys = (void *)(copy->data + at[SNAPSHOT_KEYS].offset);
	copy->text = copy->data + at[SNAPSHOT_TEXT].offset;
}

static void copy_sign(struct copy *copy)
{
	copy->header->checksum = snapshot_checksum(copy->data, copy->size);
}

/* Signs, checks, wants a refusal that says `says`. */
static void refused(struct copy *copy, const char *says)
{
	char why[200] = "";

	copy_sign(copy);
	assert_int_equal(snapshot_check(copy->data, copy->size, why, sizeof(why)), -EBADMSG);
	if (!strstr(why, says))
		fail_msg("\"%s\" does not say \"%s\"", why, says);
	free(copy->data);
}

#define LIE(says, ...)                \
	do {                          \
		struct copy copy;     \
		copy_init(&copy);     \
		__VA_ARGS__;          \
		refused(&copy, says); \
	} while (0)

/* What the proxy would do with an accepted one. */
static void use(const struct snapshot *snapshot)
{
	static const char *const paths[] = {
		"/", "/cart", "/cart/", "/cart/pay/x", "/v1", "*", ""
	};
	FILE *out = fopen("/dev/null", "w");
	struct sample_map map;

	sample_map_init(&map, snapshot);
	for (uint32_t i = 0; i < snapshot->listener_count; i++) {
		for (size_t j = 0; j < sizeof(paths) / sizeof(paths[0]); j++) {
			route_find(&map.map, &snapshot->listeners[i], bytes_of("Shop.example."),
				   bytes_of(paths[j]));
			route_find(&map.map, &snapshot->listeners[i], bytes_of(""),
				   bytes_of(paths[j]));
		}
		if (snapshot_listener_rule(snapshot, &snapshot->listeners[i]))
			assert_int_equal(
				snapshot_listener_rule(snapshot, &snapshot->listeners[i])->listener,
				i);
	}
	sample_map_done(&map);
	snapshot_print(snapshot, out);
	fclose(out);
}

static void any_byte_breaks_the_checksum(void **state)
{
	char why[200];
	struct copy copy;

	copy_init(&copy);
	assert_int_equal(snapshot_check(copy.data, copy.size, why, sizeof(why)), 0);
	for (size_t i = 0; i < copy.size; i++) {
		copy.data[i] ^= 0x10;
		assert_int_equal(snapshot_check(copy.data, copy.size, why, sizeof(why)), -EBADMSG);
		copy.data[i] ^= 0x10;
	}
	free(copy.data);
}

static void any_byte_with_a_mended_checksum(void **state)
{
	static const unsigned char masks[] = { 0x01, 0x80, 0xff, 0x20 };
	unsigned accepted = 0, refusals = 0;

	for (size_t i = 0; i < original.header->size * sizeof(masks); i++) {
		struct snapshot snapshot;
		char why[200] = "";
		struct copy copy;
		int error;

		copy_init(&copy);
		copy.data[i / sizeof(masks)] ^= (char)masks[i % sizeof(masks)];
		copy_sign(&copy);
		error = snapshot_open_memory(copy.data, copy.size, &snapshot, why, sizeof(why));
		if (error == 0) {
			use(&snapshot);
			accepted++;
		} else {
			assert_int_equal(error, -EBADMSG);
			assert_true(why[0] != '\0');
			refusals++;
		}
		snapshot_close(error ? NULL : &snapshot);
		free(copy.data);
	}
	/* Ids, names, numbers, ports, secrets: some changes make another good snapshot. */
	assert_true(accepted > 0 && refusals > accepted);
}

static void every_length_cut(void **state)
{
	for (size_t size = 0; size < original.header->size; size++) {
		/* Exactly as long as it says it is, so that ASan sees a step too far. */
		char *data = malloc(size);
		char why[200];

		memcpy(data, original.header, size);
		assert_int_equal(snapshot_check(data, size, why, sizeof(why)), -EBADMSG);
		if (size >= sizeof(struct snapshot_header)) {
			struct snapshot_header *header = (void *)data;

			header->size = size;
			header->checksum = snapshot_checksum(data, size);
			assert_int_equal(snapshot_check(data, size, why, sizeof(why)), -EBADMSG);
		}
		free(data);
	}
}

static void lies_of_the_frame(void **state)
{
	LIE("not a snapshot", copy.header->magic++);
	LIE("version", copy.header->version++);
	LIE("version", copy.header->header_size += 8);
	LIE("generation", copy.header->generation = 0);
	LIE("size", copy.header->size += 8);
	LIE("begins at", copy.header->sections[SNAPSHOT_RULES].offset += 8);
	LIE("passes the file's end", copy.header->sections[SNAPSHOT_TEXT].count = 1u << 30);
	LIE("at most", copy.header->sections[SNAPSHOT_TARGETS].count = UINT32_MAX);
	LIE("at most 8", copy.header->sections[SNAPSHOT_KEYS].count = 9);
	LIE("begins at", copy.header->sections[SNAPSHOT_INSTANCES].count = 1);
	LIE("padding", copy.data[copy.size - 1] = 1);
}

static void unaligned_is_refused(void **state)
{
	char *data = malloc(original.header->size + 8), why[200];

	memcpy(data + 4, original.header, original.header->size);
	assert_int_equal(snapshot_check(data + 4, original.header->size, why, sizeof(why)),
			 -EBADMSG);
	free(data);
}

static void lies_of_keys_and_instances(void **state)
{
	LIE("keys, row 1", copy.keys[1].id = copy.keys[0].id);
	LIE("keys, row 0", copy.keys[0].id = 0);
	LIE("not retired", copy.keys[0].retired_s = 5);
	LIE("not retired", copy.keys[1].retired_s = 0);
	LIE("unused", copy.keys[0].unused[6] = 1);
	LIE("instances, row 1: bad id", memset(copy.instances[1].id, 'a', LIMIT_ID));
	LIE("bad id", memset(copy.instances[0].id, 0, LIMIT_ID));
	LIE("bad id", copy.instances[0].id[15] = 'x');
	LIE("bad id", copy.instances[0].id[2] = '\n');
	LIE("bad name", copy.instances[0].name.offset = UINT32_MAX);
	LIE("bad name", copy.instances[0].name.size = UINT32_MAX);
	LIE("bad name", copy.instances[0].name.size--);
	LIE("bad name", copy.instances[0].name.size++);
	LIE("bad name", copy.text[copy.instances[0].name.offset] = '\x1b');
	LIE("bad name", copy.text[copy.instances[0].name.offset] = '\xff');
}

static void lies_of_listeners(void **state)
{
	LIE("listeners, row 0: bad number", copy.listeners[0].number = 0);
	LIE("bad number", copy.listeners[1].number = 1ull << 48);
	LIE("number stands twice", copy.listeners[1].number = copy.listeners[2].number);
	LIE("one address", copy.listeners[1].address = copy.listeners[0].address);
	LIE("bad address", copy.listeners[0].address.port = 0);
	LIE("bad address", copy.listeners[0].address.family = 5);
	LIE("bad address", copy.listeners[0].address.ip[15] = 5);
	LIE("bad address", copy.listeners[0].address.unused = 5);
	LIE("slot", copy.listeners[0].slot = LIMIT_LISTENERS);
	LIE("slot", copy.listeners[1].slot = copy.listeners[0].slot);
	LIE("no such instance", copy.listeners[2].instance = 2);
	LIE("protocol", copy.listeners[0].protocol = PROTOCOL_HTTPS);
	LIE("no rule of its own", copy.listeners[0].protocol = PROTOCOL_TCP);
	LIE("a rule stands for it", copy.listeners[0].rule = 0);
	LIE("settings of layer 4", copy.listeners[0].idle_timeout_ms = 1);
	LIE("settings of layer 4", copy.listeners[0].session_epoch = 1);
	LIE("settings of layer 4", copy.listeners[0].has_proxy_protocol = 1);
	LIE("no such custom configuration", copy.listeners[0].http = 2);
	LIE("no such custom configuration", copy.listeners[0].http = SNAPSHOT_NONE);
	LIE("unused", copy.listeners[0].unused_layer4[6] = 1);
	LIE("access log", copy.listeners[0].access_log.size++);
	LIE("access log", copy.listeners[0].access_log.offset = UINT32_MAX);
	LIE("access log", copy.text[copy.listeners[0].access_log.offset] = '.');
	LIE("access log", copy.text[copy.listeners[0].access_log.offset + 1] = '/');
	LIE("access log", copy.text[copy.listeners[0].access_log.offset + 1] = '\n');
	LIE("access log", copy.listeners[0].access_log_format = 0);
	LIE("access log", copy.listeners[0].access_log_format = 3);
	LIE("access log", copy.listeners[1].access_log_format = 1);
	LIE("flag", copy.listeners[0].has_keepalive = 2);
	LIE("unused", copy.listeners[0].unused = 2);
	LIE("hosts", copy.listeners[0].hosts.count = UINT32_MAX);
	LIE("hosts", copy.listeners[1].hosts.first = 1);
	LIE("belongs to no listener", copy.listeners[1].hosts.count = 0,
	    copy.listeners[1].any_host = SNAPSHOT_NONE, copy.listeners[2].hosts.first = 2,
	    copy.listeners[3].hosts.first = 2, copy.listeners[4].hosts.first = 2);
	LIE("any or default", copy.listeners[1].any_host = SNAPSHOT_NONE);
	LIE("any or default", copy.listeners[0].any_host = 0);
	LIE("any or default", copy.listeners[0].default_host = 2);
	LIE("any or default", copy.listeners[1].default_host = 0);
	LIE("any or default", copy.listeners[1].default_host = 2);
}

/* Row 1: header 0 to the target, 1 set, 2 added; pages 404, 502, 503. */
static void lies_of_numbers(void **state)
{
	LIE("configurations, row 1: client_header_timeout",
	    copy.https[1].header_timeout_ms = 29999);
	LIE("row 0: client_body_timeout", copy.https[0].body_timeout_ms = 120001);
	LIE("proxy_connect_timeout", copy.https[0].connect_timeout_ms = 0);
	LIE("proxy_read_timeout", copy.https[0].read_timeout_ms = 29999);
	LIE("proxy_send_timeout", copy.https[0].send_timeout_ms = 3600001);
	LIE("row 0: send_timeout", copy.https[0].client_send_timeout_ms = 999);
	LIE("keepalive_timeout", copy.https[0].keepalive_timeout_ms = UINT32_MAX);
	LIE("keepalive_requests", copy.https[0].keepalive_requests = 0);
	LIE("client_max_body_size", copy.https[0].body_most = UINT64_MAX);
	LIE("client_max_body_size", copy.https[1].buffers_request = 1);
	LIE("client_header_buffer_size", copy.https[1].head_buffer_size = 1023);
	LIE("proxy_buffer_size", copy.https[1].response_head_size = 32769);
	LIE("proxy_buffers", copy.https[1].response_head_size = 16384);
	LIE("proxy_buffers", copy.https[0].response_head_size = 4096);
	LIE("proxy_buffers", copy.https[1].response_buffer_size = 0);
	LIE("proxy_buffers", copy.https[1].response_buffer_size = 20000);
	LIE("proxy_buffers", copy.https[1].response_buffer_count = 0);
	LIE("proxy_buffers", copy.https[1].response_buffer_count = 9);
	LIE("proxy_request_buffering", copy.https[0].buffers_request = 2);
	LIE("proxy_ignore_client_abort", copy.https[0].ignores_client_abort = 2);
	LIE("server_tokens", copy.https[0].shows_version = 2);
	LIE("proxy_redirect", copy.https[0].redirects_to_https = 2);
	LIE("unused", copy.https[0].unused[6] = 1);
}

static void lies_of_headers_and_pages(void **state)
{
	LIE("do not follow", copy.https[1].to_target.first = 1);
	LIE("do not follow", copy.https[1].to_target.count = UINT32_MAX);
	LIE("do not follow", copy.https[1].to_client.first = 0);
	LIE("do not follow", copy.https[1].to_client.count = 3);
	LIE("not belong there", copy.https[1].to_target.count = 2);
	LIE("not belong there", copy.fields[0].kind = HEADER_SET);
	LIE("not belong there", copy.fields[1].kind = HEADER_TO_TARGET);
	LIE("not belong there", copy.fields[1].kind = HEADER_ADD, copy.fields[2].kind = HEADER_SET);
	LIE("not belong there", copy.fields[2].kind = 0);
	LIE("headers, row 2: belongs to no", copy.https[1].to_client.count = 1);
	LIE("can have", copy.fields[2].unused[6] = 1);
	LIE("can have", copy.fields[0].name = copy.fields[2].name);
	LIE("can have", copy.fields[2].name.size = UINT32_MAX);
	LIE("can have", copy.fields[2].name.offset = UINT32_MAX);
	LIE("can have", copy.fields[2].value.size++);
	LIE("can have", copy.text[copy.fields[2].name.offset] = ':');
	LIE("can have", copy.text[copy.fields[2].value.offset] = '\n');
	LIE("can have", copy.text[copy.fields[2].value.offset] = HEADER_VARIABLE);
	LIE("can have",
	    copy.text[copy.fields[0].value.offset] = HEADER_VARIABLE + HEADER_VARIABLES);
	LIE("pages do not follow", copy.https[1].pages.first = 1);
	LIE("pages do not follow", copy.https[1].pages.count = 4);
	LIE("pages, row 2: belongs to no", copy.https[1].pages.count = 2);
	LIE("page that no", copy.pages[1].unused = 1);
	LIE("page that no", copy.pages[1].status = 404);
	LIE("page that no", copy.pages[0].status = 399);
	LIE("page that no", copy.pages[2].status = 600);
	LIE("page that no", copy.pages[2].response = 200);
	LIE("page that no", copy.pages[2].uri.size++);
	LIE("page that no", copy.text[copy.pages[2].uri.offset] = 's');
	LIE("page that no", copy.text[copy.pages[2].uri.offset + 1] = '/');
	LIE("page that no", copy.text[copy.pages[2].uri.offset + 1] = '\r');
}

static void lies_of_rules_and_targets(void **state)
{
	LIE("rules, row 0: bad number", copy.rules[0].number = 0);
	LIE("number stands twice", copy.rules[0].number = copy.rules[3].number);
	LIE("no such listener", copy.rules[0].listener = 5);
	LIE("another listener", copy.rules[0].listener = 1);
	LIE("bad domain", copy.rules[0].domain.offset = 1u << 31);
	LIE("bad url", copy.rules[0].url.size = 201);
	LIE("bad cookie name", copy.rules[0].cookie_name.size = 0);
	LIE("bad cookie name", copy.text[copy.rules[0].cookie_name.offset + 2] = ';');
	LIE("bad cookie name", copy.text[copy.rules[0].cookie_name.offset + 2] = '\r');
	LIE("session", copy.rules[0].session_expire_s = 29);
	LIE("session", copy.rules[0].session_expire_s = 3601);
	LIE("no such scheduler", copy.rules[2].scheduler = 4);
	LIE("no such scheduler", copy.rules[2].scheduler = 0);
	LIE("other scheduler", copy.rules[0].scheduler = SCHEDULER_LEAST_CONN);
	LIE("other scheduler", copy.rules[0].scheduler = SCHEDULER_IP_HASH);
	LIE("flag", copy.rules[0].keeps_draining = 2);
	LIE("slot", copy.rules[0].slot = LIMIT_RULES);
	LIE("slot", copy.rules[0].slot = 1);
	LIE("flag", copy.rules[0].strips_cookie = 2);
	LIE("too many targets", copy.rules[0].targets.count = UINT32_MAX);
	LIE("do not follow", copy.rules[0].targets.count = 13);
	LIE("do not follow", copy.rules[1].targets.first = 0);
	LIE("targets, row 11: belongs to no rule", copy.rules[8].targets.count = 0,
	    copy.rules[8].turns.count = 0);
}

/* Listeners 3 (TCP) and 4 (UDP), rules 7 and 8. */
static void lies_of_layer_4(void **state)
{
	LIE("no rule of its own", copy.listeners[3].rule = SNAPSHOT_NONE);
	LIE("no rule of its own", copy.listeners[3].rule = 9);
	LIE("no rule of its own", copy.listeners[3].rule = 0);
	LIE("no rule of its own", copy.listeners[3].rule = 8);
	LIE("another rule stands", copy.rules[6].listener = 3);
	LIE("number, id or slot", copy.rules[7].number++);
	LIE("number, id or slot", copy.rules[7].id[5] = 'x');
	LIE("number, id or slot", copy.rules[7].slot = 7);
	LIE("number, id or slot", copy.rules[7].slot++);
	LIE("domain, url or cookie", copy.rules[7].domain = copy.rules[0].domain);
	LIE("domain, url or cookie", copy.rules[7].url = copy.rules[0].url);
	LIE("domain, url or cookie", copy.rules[7].cookie_name = copy.rules[0].cookie_name);
	LIE("domain, url or cookie", copy.rules[7].url.offset = UINT32_MAX);
	LIE("domain, url or cookie", copy.rules[7].url.offset = copy.rules[0].url.offset);
	LIE("strips", copy.rules[7].strips_cookie = 1);
	LIE("session", copy.rules[7].session_expire_s = 29);
	LIE("other scheduler", copy.rules[7].scheduler = SCHEDULER_LEAST_CONN);
	LIE("other scheduler", copy.rules[8].session_expire_s = 30);
	LIE("does not have", copy.rules[7].scheduler = SCHEDULER_IP_HASH);
	LIE("does not have", copy.rules[7].scheduler = 0);
	LIE("unused", copy.rules[7].unused = 1);
	LIE("has hosts", copy.listeners[3].hosts.count = 1);
	LIE("hosts do not follow", copy.listeners[3].hosts.first = 0);
	LIE("any or default", copy.listeners[3].any_host = 2);
	LIE("any or default", copy.listeners[3].default_host = 2);
	LIE("another listener or url", copy.paths[6].rule = 7);
	LIE("settings of HTTP", copy.listeners[3].has_keepalive = 1);
	LIE("settings of HTTP", copy.listeners[3].http = 0);
	LIE("an access log", copy.listeners[3].access_log = copy.listeners[0].access_log,
	    copy.listeners[3].access_log_format = 1);
}

static void lies_of_layer_4_settings(void **state)
{
	LIE("idle time of TCP", copy.listeners[3].idle_timeout_ms = 899999);
	LIE("idle time", copy.listeners[4].idle_timeout_ms = 9999);
	LIE("idle time", copy.listeners[4].idle_timeout_ms = 1980001);
	LIE("roof of connections", copy.listeners[3].max_conn = UINT32_MAX);
	LIE("roof of connections", copy.listeners[3].max_cps = MAX_CONN_MOST + 1);
	LIE("rescheduling", copy.listeners[3].reschedule_start_s = 3601);
	LIE("rescheduling", copy.listeners[3].reschedule_interval_s = 3601);
	LIE("responses", copy.listeners[3].udp_responses = 1);
	LIE("PROXY protocol", copy.listeners[4].has_proxy_protocol = 1);
	LIE("flag", copy.listeners[3].has_proxy_protocol = 2);
	LIE("flag", copy.listeners[3].resets_deregistered = 2);
	LIE("flag", copy.listeners[3].reschedules_zero_weight = 2);
	LIE("flag", copy.listeners[3].reschedules_unhealthy = 2);
	LIE("flag", copy.listeners[3].reschedules_expand = 2);
	LIE("unused", copy.listeners[3].unused = 1);
	LIE("unused", copy.listeners[3].unused_layer4[0] = 1);
	/* UDP stands where HTTP stands; TCP cannot. */
	LIE("one address", copy.listeners[3].address = copy.listeners[2].address);
}

/* Checks 0 and 1 are of HTTP rules 0 and 1, 2 is custom TCP, 3 is UDP's. */
static void lies_of_checks(void **state)
{
	LIE("checks, row 0: the interval", copy.checks[0].interval_ms = 1999);
	LIE("checks, row 1: the interval", copy.checks[1].interval_ms = 300001);
	LIE("the timeout is out", copy.checks[0].timeout_ms = 1999);
	LIE("the timeout is out", copy.checks[1].timeout_ms = 60001);
	LIE("not below", copy.checks[0].timeout_ms = 5000);
	LIE("a count", copy.checks[0].healthy_count = 1);
	LIE("a count", copy.checks[0].healthy_count = 11);
	LIE("a count", copy.checks[0].unhealthy_count = 0);
	LIE("a count", copy.checks[0].unhealthy_count = 255);
	LIE("a kind", copy.checks[0].type = 0);
	LIE("a kind", copy.checks[0].type = CHECK_GRPC);
	LIE("a kind", copy.checks[0].type = CHECK_HTTPS);
	LIE("a kind", copy.checks[0].type = 7);
	LIE("mask", copy.checks[0].http_code = 0);
	LIE("mask", copy.checks[0].http_code = 32);
	LIE("flag", copy.checks[0].is_get = 2);
	LIE("flag", copy.checks[0].minor = 2);
	LIE("bad path", copy.checks[0].path = copy.checks[0].send);
	LIE("bad path", copy.checks[1].path.size--, copy.checks[1].path.offset += 400000000);
	LIE("bad path", copy.text[copy.checks[1].path.offset] = 'x');
	LIE("bad path", copy.text[copy.checks[1].path.offset + 2] = '\r');
	LIE("bad path", copy.text[copy.checks[1].path.offset + 2] = ' ');
	LIE("bad domain", copy.text[copy.checks[1].domain.offset + 2] = '\n');
	LIE("bad domain", copy.checks[1].domain.size = UINT32_MAX);
	LIE("not custom", copy.checks[0].send = copy.checks[2].send);
	LIE("not custom", copy.checks[3].receive = copy.checks[2].receive);
	LIE("settings of HTTP", copy.checks[2].http_code = 31);
	LIE("settings of HTTP", copy.checks[2].is_get = 1);
	LIE("settings of HTTP", copy.checks[3].minor = 1);
	LIE("settings of HTTP", copy.checks[3].path = copy.checks[0].path);
	LIE("settings of HTTP", copy.checks[3].domain = copy.checks[1].domain);
	LIE("bytes to send", copy.checks[2].send.size = 0);
	LIE("bytes to send", copy.checks[2].send.size += 2);
	LIE("bytes to send", copy.checks[2].receive.offset = UINT32_MAX);
	LIE("bytes to send", copy.checks[2].receive.size = 501);
	LIE("rules, row 0: no such check", copy.rules[0].check = 4);
	LIE("does not have", copy.rules[0].check = 2);
	LIE("does not have", copy.rules[7].check = 3);
	LIE("does not have", copy.rules[8].check = 0);
	LIE("has a port", copy.checks[0].port = 80);
}

static void lies_of_targets(void **state)
{
	LIE("targets, row 1: the number does not rise", copy.targets[1].number = 4);
	LIE("too large", copy.targets[1].number = UINT64_MAX);
	LIE("another rule", copy.targets[1].rule = 1);
	LIE("bad address", copy.targets[1].address.family = 0);
	LIE("bad address", copy.targets[1].address.port = 0);
	LIE("slot", copy.targets[1].slot = LIMIT_TARGETS);
	LIE("slot", copy.targets[1].slot = 0);
	LIE("weight", copy.targets[1].weight = 101);
	LIE("unused", copy.targets[1].unused[4] = 1);
	LIE("share", copy.turns[copy.rules[0].turns.first] = 1);
	LIE("not a period of 0", copy.targets[0].weight = 0, copy.targets[1].weight = 0);
	LIE("not a period of 3", copy.targets[0].weight = 20);
	LIE("not a period", copy.rules[0].turns.count = 0);
	LIE("not a period", copy.rules[0].turns.first = UINT32_MAX);
	LIE("not a period", copy.rules[2].turns.first = UINT32_MAX);
	LIE("no target 2", copy.turns[copy.rules[0].turns.first] = 2);
	LIE("no target 65535", copy.turns[copy.rules[1].turns.first] = UINT16_MAX);
}

static void lies_of_hosts_and_paths(void **state)
{
	LIE("hosts, row 0: bad domain", copy.text[copy.hosts[0].domain.offset] = 'A');
	LIE("hosts, row 0: bad domain", copy.hosts[0].domain.offset = UINT32_MAX);
	LIE("hosts, row 1: not sorted", copy.hosts[1].domain = copy.hosts[0].domain);
	LIE("no path", copy.hosts[0].prefix.count = 0, copy.hosts[0].pattern_paths.first = 0);
	LIE("do not follow", copy.hosts[0].exact.count = UINT32_MAX);
	LIE("do not follow", copy.hosts[1].prefix.first--);
	LIE("belongs to no host", copy.hosts[2].exact.count = 0, copy.hosts[0].prefix.count--,
	    copy.hosts[0].pattern_paths.first--, copy.hosts[1].exact.first--,
	    copy.hosts[1].exact.count = 0, copy.hosts[1].prefix.first = 1,
	    copy.hosts[1].prefix.count = 1, copy.hosts[1].pattern_paths.first = 2,
	    copy.hosts[2].exact.first = 2, copy.hosts[2].prefix.first = 2,
	    copy.hosts[2].pattern_paths.first = 3, copy.paths[1] = copy.paths[3],
	    copy.paths[2] = copy.paths[6]);
	LIE("bad path", copy.paths[0].path.size = 0);
	LIE("bad path", copy.paths[0].path.offset++, copy.paths[0].path.size--);
	LIE("bad path", copy.text[copy.paths[0].path.offset + 1] = '?');
	LIE("no such rule", copy.paths[0].rule = UINT32_MAX);
	LIE("another listener or url", copy.paths[1].rule = copy.paths[0].rule);
	LIE("another listener or url", copy.paths[0].rule = 5);
	LIE("another listener or url", copy.paths[2].rule = 2);
	LIE("paths, row 1: not sorted", copy.text[copy.paths[0].path.offset + 2] = '3');
	LIE("wrong parent", copy.paths[2].parent = 0);
	LIE("wrong parent", copy.paths[3].parent = 3);
	LIE("wrong parent", copy.paths[5].parent = 3);
	LIE("wrong parent", copy.paths[5].parent = 5);
	LIE("wrong parent", copy.paths[5].parent = SNAPSHOT_NONE);
	LIE("wrong parent", copy.paths[1].parent = 0);
}

static int setup(void **state)
{
	struct sample sample;

	sample_small(&sample);
	sample_open(&sample, 7, &original);
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
		cmocka_unit_test(any_byte_breaks_the_checksum),
		cmocka_unit_test(any_byte_with_a_mended_checksum),
		cmocka_unit_test(every_length_cut),
		cmocka_unit_test(lies_of_the_frame),
		cmocka_unit_test(unaligned_is_refused),
		cmocka_unit_test(lies_of_keys_and_instances),
		cmocka_unit_test(lies_of_listeners),
		cmocka_unit_test(lies_of_numbers),
		cmocka_unit_test(lies_of_headers_and_pages),
		cmocka_unit_test(lies_of_rules_and_targets),
		cmocka_unit_test(lies_of_layer_4),
		cmocka_unit_test(lies_of_layer_4_settings),
		cmocka_unit_test(lies_of_checks),
		cmocka_unit_test(lies_of_targets),
		cmocka_unit_test(lies_of_hosts_and_paths),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Models for tests; see sample.h. */
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MUST(condition)                                                                 \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

static void set_text(char **text, const char *value)
{
	free(*text);
	*text = strdup(value);
	MUST(*text);
}

void sample_init(struct sample *sample)
{
	*sample = (struct sample){ .next_number = 1 };
}

void sample_done(struct sample *sample)
{
	model_done(&sample->model);
}

struct instance *sample_instance(struct sample *sample, const char *vip)
{
	struct instance *instance = instance_new();

	MUST(instance);
	instance->number = sample->next_number++;
	instance->network = NETWORK_OPEN;
	snprintf(instance->id, sizeof(instance->id), "lb-%08x", (unsigned)instance->number);
	set_text(&instance->name, "sample");
	MUST(address_parse_ip(bytes_of(vip), &instance->vip) == 0);
	MUST(model_add_instance(&sample->model, instance) == 0);
	return instance;
}

struct listener *sample_listener(struct sample *sample, struct instance *instance, uint16_t port)
{
	struct listener *listener = listener_new();

	MUST(listener);
	listener->number = sample->next_number++;
	listener->slot = sample->next_listener++;
	listener->protocol = PROTOCOL_HTTP;
	listener->port = port;
	listener->scheduler = SCHEDULER_WRR;
	listener->has_keepalive = true;
	snprintf(listener->id, sizeof(listener->id), "lbl-%08x", (unsigned)listener->number);
	MUST(instance_add_listener(instance, listener) == 0);
	return listener;
}

struct listener *sample_layer4(struct sample *sample, struct instance *instance,
			       enum protocol protocol, uint16_t port)
{
	struct listener *listener = sample_listener(sample, instance, port);

	listener->protocol = (uint8_t)protocol;
	listener->has_keepalive = false;
	layer4_defaults(&listener->layer4, protocol);
	return listener;
}

struct rule *sample_rule(struct sample *sample, struct listener *listener, const char *domain,
			 const char *url)
{
	struct rule *rule = rule_new();

	MUST(rule);
	rule->number = sample->next_number++;
	rule->slot = sample->next_rule++;
	rule->scheduler = SCHEDULER_WRR;
	rule->forward_type = FORWARD_HTTP;
	snprintf(rule->id, sizeof(rule->id), "loc-%08x", (unsigned)rule->number);
	set_text(&rule->domain, domain);
	set_text(&rule->url, url);
	MUST(listener_add_rule(listener, rule) == 0);
	if (domain[0] && !listener->default_domain[0])
		set_text(&listener->default_domain, domain);
	return rule;
}

static struct target *make_target(struct sample *sample, const char *address, uint16_t weight)
{
	struct target *target = target_new();

	MUST(target);
	target->number = sample->next_number++;
	target->slot = sample->next_target++;
	target->weight = weight;
	MUST(address_parse(bytes_of(address), &target->address) == 0);
	return target;
}

struct target *sample_target(struct sample *sample, struct rule *rule, const char *address,
			     uint16_t weight)
{
	struct target *target = make_target(sample, address, weight);

	MUST(rule_add_target(rule, target) == 0);
	return target;
}

struct target *sample_listener_target(struct sample *sample, struct listener *listener,
				      const char *address, uint16_t weight)
{
	struct target *target = make_target(sample, address, weight);

	MUST(listener_add_target(listener, target) == 0);
	return target;
}

static void add_keys(struct sample *sample)
{
	sample->model.key_count = 2;
	for (uint8_t i = 0; i < 2; i++) {
		struct cookie_key *key = &sample->model.keys[i];

		key->id = (uint8_t)(2 - i);
		key->created_s = 1000 - i;
		key->retired_s = i ? 1000 : 0;
		memset(key->secret, 0x11 * (i + 1), sizeof(key->secret));
	}
}

static void custom_check(struct health_check *check, enum protocol protocol, const char *form,
			 const char *send, const char *receive)
{
	health_check_defaults(check, protocol);
	check->type = CHECK_CUSTOM;
	check->port = 9100;
	set_text(&check->context_type, form);
	set_text(&check->send_context, send);
	set_text(&check->receive_context, receive);
}

static void small_checks(struct rule *plain, struct rule *own)
{
	health_check_defaults(&plain->health_check, PROTOCOL_HTTP);
	health_check_defaults(&own->health_check, PROTOCOL_HTTP);
	own->health_check.is_get = true;
	own->health_check.http_code = 2;
	own->health_check.interval_s = 300;
	own->health_check.timeout_s = 60;
	set_text(&own->health_check.path, "/alive?from=lb");
	set_text(&own->health_check.domain, "check.example");
	set_text(&own->health_check.http_version, "HTTP/1.0");
}

static void small_layer4(struct sample *sample, struct instance *instance)
{
	struct listener *listener = sample_layer4(sample, instance, PROTOCOL_TCP, 9000);

	listener->session_expire_s = 60;
	listener->layer4 = (struct layer4){
		.idle_timeout_s = TCP_IDLE_TIMEOUT_S,
		.max_conn = 1000,
		.max_cps = MAX_CONN_MOST,
		.reschedule_start_s = 5,
		.reschedule_interval_s = RESCHEDULE_MOST_S,
		.session_epoch = 3,
		.resets_deregistered = true,
		.reschedules_zero_weight = true,
		.reschedules_unhealthy = true,
		.reschedules_expand = true,
		.has_proxy_protocol = true,
	};
	listener->layer4.keeps_draining = true;
	custom_check(&listener->health_check, PROTOCOL_TCP, "HEX", "0050494E470A", "00FF");
	sample_listener_target(sample, listener, "10.0.0.5:9000", 10);
	sample_listener_target(sample, listener, "[fd00::5]:9000", 20);
	/* UDP has a port space of its own: the instance has HTTP on this port. */
	listener = sample_layer4(sample, instance, PROTOCOL_UDP, 8080);
	listener->scheduler = SCHEDULER_LEAST_CONN;
	listener->layer4.udp_responses = 1;
	health_check_defaults(&listener->health_check, PROTOCOL_UDP);
	sample_listener_target(sample, listener, "10.0.0.6:53", 10);
}

/* Every kind of header, and pages. */
static void small_custom(struct sample *sample, struct instance *instance)
{
	static const char text[] =
		"client_header_timeout 31s; client_max_body_size 10240M;\n"
		"keepalive_timeout 0; server_tokens off;\n"
		"proxy_buffers 8 4k; proxy_buffer_size 8k;\n"
		"client_header_buffer_size 16k; proxy_redirect http:// https://;\n"
		"add_header X-Frame-Options DENY; more_set_headers 'Server:';\n"
		"proxy_set_header X-Uri \"$scheme://$host$uri\";\n"
		"error_page 503 502 =303 /sorry?from=lb; error_page 404 /;\n";
	struct custom_configuration *custom = custom_configuration_new();
	struct problem problem = { 0 };

	MUST(custom);
	custom->number = 1;
	snprintf(custom->id, sizeof(custom->id), "pz-00000001");
	MUST(directives_parse(bytes_of(text), "text", &custom->directives, &problem) == 0);
	MUST(model_add_custom(&sample->model, custom) == 0);
	instance->custom = custom;
}

void sample_small(struct sample *sample)
{
	struct instance *first, *second;
	struct listener *listener;
	struct rule *rule, *plain;

	sample_init(sample);
	add_keys(sample);
	first = sample_instance(sample, "127.0.0.1");
	set_text(&first->name, "shop \"front\"");
	small_custom(sample, first);
	listener = sample_listener(sample, first, 8080);
	rule = sample_rule(sample, listener, "shop.example", "/");
	set_text(&listener->access_log, "shop.log");
	listener->access_log_format = ACCESS_LOG_JSON;
	rule->session_expire_s = 1000;
	plain = rule;
	sample_target(sample, rule, "10.0.0.1:80", 10);
	sample_target(sample, rule, "10.0.0.2:80", 10);
	rule = sample_rule(sample, listener, "shop.example", "/cart/");
	rule->keeps_draining = true;
	small_checks(plain, rule);
	rule->session_expire_s = 60;
	rule->strips_cookie = true;
	set_text(&rule->cookie_name, "cart");
	sample_target(sample, rule, "10.0.0.1:80", 50);
	sample_target(sample, rule, "10.0.0.2:81", 10);
	sample_target(sample, rule, "[fd00::1]:80", 10);
	rule = sample_rule(sample, listener, "shop.example", "/cart/pay");
	sample_target(sample, rule, "10.0.0.3:80", 0);
	rule = sample_rule(sample, listener, "shop.example", "=/cart/pay");
	sample_target(sample, rule, "10.0.0.4:80", 100);
	rule = sample_rule(sample, listener, "api.example", "/v1");
	rule->scheduler = SCHEDULER_IP_HASH;
	sample_rule(sample, listener, "api.example", "/v2");
	listener = sample_listener(sample, first, 8081);
	listener->has_keepalive = false;
	rule = sample_rule(sample, listener, "", "/");
	sample_target(sample, rule, "10.0.0.1:80", 20);
	sample_target(sample, rule, "10.0.0.2:80", 20);
	second = sample_instance(sample, "::1");
	sample_listener(sample, second, 8080);
	small_layer4(sample, second);
}

void sample_large(struct sample *sample, unsigned listeners, unsigned rules, unsigned targets)
{
	struct instance *instance = NULL;

	sample_init(sample);
	add_keys(sample);
	for (unsigned i = 0; i < listeners; i++) {
		struct listener *listener;

		if (i % 50 == 0)
			instance = sample_instance(sample, "127.0.0.1");
		listener = sample_listener(sample, instance, (uint16_t)(1024 + i));
		for (unsigned j = 0; j < rules; j++) {
			char domain[32], url[32];
			struct rule *rule;

			snprintf(domain, sizeof(domain), "host%u.example", j / 3);
			snprintf(url, sizeof(url), "/%u/%u", i, j);
			rule = sample_rule(sample, listener, domain, url);
			rule->session_expire_s = 1000;
			for (unsigned k = 0; k < targets; k++) {
				char address[32];

				snprintf(address, sizeof(address), "10.%u.%u.%u:%u", i & 255,
					 j & 255, k & 255, 8000 + (i >> 8) + (k >> 8));
				sample_target(sample, rule, address, 10);
			}
		}
	}
}

void sample_domain(struct rule *rule, const char *domain)
{
	size_t count = rule->more_domain_count;

	rule->more_domains = realloc(rule->more_domains, (count + 1) * sizeof(char *));
	MUST(rule->more_domains);
	rule->more_domains[count] = strdup(domain);
	MUST(rule->more_domains[count]);
	rule->more_domain_count++;
}

void sample_redirect(struct rule *rule, const struct rule *other, uint16_t code, bool takes_url)
{
	rule->redirect_rule = other->number;
	rule->redirect_code = code;
	rule->redirect_takes_url = takes_url;
}

void sample_routes(struct sample *sample)
{
	struct instance *instance;
	struct listener *listener;
	struct rule *rule, *other;

	sample_init(sample);
	instance = sample_instance(sample, "127.0.0.1");
	listener = sample_listener(sample, instance, 80);
	other = sample_rule(sample, listener, "a.example", "/");
	sample_target(sample, other, "10.0.0.1:80", 10);
	sample_rule(sample, listener, "a.example", "^~/static");
	sample_rule(sample, listener, "a.example", "~[.](gif|jpg)$");
	sample_rule(sample, listener, "a.example", "~*^/Up");
	sample_rule(sample, listener, "a.example", "=/exact");
	sample_rule(sample, listener, "a.example", "/static/deep/");
	sample_rule(sample, listener, "*.example", "/");
	sample_rule(sample, listener, "*.b.example", "/");
	sample_rule(sample, listener, "www.*", "/");
	sample_rule(sample, listener, "www.c.*", "/");
	sample_rule(sample, listener, "~^n\\d+[.]test$", "/");
	sample_rule(sample, listener, "~test", "/");
	rule = sample_rule(sample, listener, "one.test", "~[.](gif|jpg)$");
	sample_domain(rule, "two.test");
	sample_domain(rule, "*.three.test");
	sample_domain(rule, "~^four");
	rule = sample_rule(sample, listener, "a.example", "/old");
	sample_redirect(rule, other, 301, true);
	listener = sample_listener(sample, instance, 8080);
	rule = sample_rule(sample, listener, "", "/");
	sample_redirect(rule, other, 302, false);
}

void sample_map_init(struct sample_map *map, const struct snapshot *snapshot)
{
	static const struct pattern_set no_patterns;
	static const struct snapshot no_snapshot;
	char why[160] = "";

	MUST(pattern_set_init(&map->patterns, snapshot, &no_patterns, &no_snapshot, why) == 0);
	map->map = (struct route_map){ snapshot, &map->patterns, pattern_matcher_new() };
	MUST(map->map.matcher);
}

void sample_map_done(struct sample_map *map)
{
	pattern_set_done(&map->patterns);
	pattern_matcher_free(map->map.matcher);
	*map = (struct sample_map){ .map = { 0 } };
}

void sample_open(struct sample *sample, uint64_t generation, struct snapshot *ret)
{
	char why[200] = "";
	int fd = -1;
	int error = snapshot_build(&sample->model, generation, &fd);

	if (error == 0)
		error = snapshot_open(fd, true, ret, why, sizeof(why));
	if (error)
		fprintf(stderr, "%s: %s\n", strerror(-error), why);
	MUST(error == 0);
	close(fd);
}

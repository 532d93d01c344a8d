/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a snapshot. Magic, version, sizes and checksum are mended first, so that the fuzzer
 * spends its time behind them; what the checker then accepts is used as the proxy would use it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "balance/balance.h"
#include "model/access_ranges.h"
#include "model/redirect.h"
#include "model/route.h"
#include "model/snapshot.h"
#include "model/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *nowhere;

static void use_redirect(const struct snapshot *snapshot, const struct snapshot_rule *rule)
{
	const struct redirect_request request = { BYTES_LITERAL("h.example"),
						  BYTES_LITERAL("/path?query") };
	char out[1024];
	int size;

	if (rule->redirect == SNAPSHOT_NONE)
		return;
	size = redirect_location(snapshot, rule, &request, out, sizeof(out));
	if (size < 8 || memcmp(out, "http", 4) != 0)
		abort();
	for (int i = 0; i < size; i++) {
		if ((unsigned char)out[i] <= ' ' || out[i] == 0x7f)
			abort();
	}
}

static void use_routes(const struct route_map *map, const struct snapshot_listener *listener)
{
	const struct snapshot *snapshot = map->snapshot;
	static const char *const hosts[] = {
		"",          "shop.example", "SHOP.EXAMPLE.", "api.example", "[::1]",  "x",
		"a.example", "x.b.example",  "www.c.d",       "n1.test",     "..a..b", "four.test"
	};
	static const char *const paths[] = { "/",           "/cart", "/cart/",        "/cart/pay",
					     "/cart/pay/x", "/v1",   "/v3/",          "",
					     "*",           "//",    "/static/x.gif", "/UP",
					     "/exact" };

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		for (size_t j = 0; j < sizeof(paths) / sizeof(paths[0]); j++) {
			struct route route =
				route_find(map, listener, bytes_of(hosts[i]), bytes_of(paths[j]));

			if ((route.kind == ROUTE_RULE || route.kind == ROUTE_SLASH) &&
			    route.rule >= snapshot->rule_count)
				abort();
			if (route.kind == ROUTE_RULE)
				use_redirect(snapshot, &snapshot->rules[route.rule]);
		}
	}
	/* Every path of the listener's plain domains must lead to its own rule. */
	for (uint32_t host = 0; host < listener->hosts.count - listener->leading_hosts -
					       listener->trailing_hosts - listener->pattern_hosts;
	     host++) {
		const struct snapshot_host *row = &snapshot->hosts[listener->hosts.first + host];

		for (uint32_t i = 0; i < row->exact.count; i++) {
			const struct snapshot_path *path = &snapshot->paths[row->exact.first + i];
			struct route route =
				route_find(map, listener, snapshot_bytes(snapshot, row->domain),
					   snapshot_bytes(snapshot, path->path));

			if (row->domain.size > 0 &&
			    snapshot->text[row->domain.offset + row->domain.size - 1] == '.')
				continue; /* never a domain of ours: the host's own dot is cut */
			if (route.kind != ROUTE_RULE || route.rule != path->rule)
				abort();
		}
	}
}

static bool run_has(const struct snapshot *snapshot, struct snapshot_run run,
		    const struct address *client)
{
	for (uint32_t row = run.first; row < run.first + run.count; row++) {
		if (memcmp(snapshot->ranges[row].first, client->ip, 16) <= 0 &&
		    memcmp(client->ip, snapshot->ranges[row].last, 16) <= 0)
			return true;
	}
	return false;
}

/* Next to a look at every range; the ends of ranges are where mistakes are. */
static void use_access(const struct snapshot *snapshot, const struct snapshot_access *access)
{
	uint32_t first = access->allow_ipv4.first;
	uint32_t end = access->deny_ipv6.first + access->deny_ipv6.count;

	for (uint32_t row = first; row < end && row < first + 16; row++) {
		struct address client = { .family = row % 2 ? ADDRESS_IPV4 : ADDRESS_IPV6 };
		bool is_ipv4 = client.family == ADDRESS_IPV4, is_denied, is_allowed;

		memcpy(client.ip, snapshot->ranges[row].last, is_ipv4 ? 4 : 16);
		is_denied =
			run_has(snapshot, is_ipv4 ? access->deny_ipv4 : access->deny_ipv6, &client);
		is_allowed = run_has(snapshot, is_ipv4 ? access->allow_ipv4 : access->allow_ipv6,
				     &client) ||
			     access->allow_ipv4.count + access->allow_ipv6.count == 0;
		if (access_admits(snapshot, access, &client) != (is_allowed && !is_denied))
			abort();
	}
}

/* What the traffic process takes for granted of a listener and the row that stands for it. */
static void use_listener(const struct snapshot *snapshot, const struct snapshot_listener *listener)
{
	const struct snapshot_rule *rule = snapshot_listener_rule(snapshot, listener);

	if ((rule != NULL) != protocol_is_layer4((enum protocol)listener->protocol))
		abort();
	if (!rule)
		return;
	if (rule < snapshot->rules || rule >= snapshot->rules + snapshot->rule_count ||
	    rule->listener != (uint32_t)(listener - snapshot->listeners) ||
	    rule->slot != LIMIT_RULES + listener->slot || rule->number != listener->number)
		abort();
	if (listener->idle_timeout_ms < UDP_IDLE_TIMEOUT_LEAST_S * 1000 ||
	    listener->max_conn > MAX_CONN_MOST || listener->max_cps > MAX_CONN_MOST ||
	    (rule->session_expire_s > 0 && rule->scheduler != SCHEDULER_WRR))
		abort();
}

/* What the checker of targets takes for granted. */
static void use_check(const struct snapshot *snapshot, const struct snapshot_rule *rule)
{
	const struct snapshot_health *check;

	if (rule->check == SNAPSHOT_NONE)
		return;
	if (rule->check >= snapshot->check_count)
		abort();
	check = &snapshot->checks[rule->check];
	if (check->timeout_ms >= check->interval_ms || check->interval_ms > 300000 ||
	    check->healthy_count < 2 || check->unhealthy_count < 2)
		abort();
	if (check->type == CHECK_HTTP && snapshot_bytes(snapshot, check->path).at[0] != '/')
		abort();
	if (check->type == CHECK_CUSTOM &&
	    (check->send.size == 0 || check->receive.size == 0 || check->send.size > 500))
		abort();
}

static void use_turns(const struct snapshot *snapshot, const struct snapshot_rule *rule)
{
	if (rule->slot >= LIMIT_TURNS)
		abort();
	for (uint64_t turn = 0; turn < 5; turn++) {
		struct left_out tried = { 0 };

		for (int count = 0; count < 3; count++) {
			uint32_t row = round_robin_choose(snapshot, rule, turn * 1000003, &tried);
			uint32_t hashed = ip_hash_choose(
				snapshot, rule, (struct bytes){ (const char *)&turn, 8 }, &tried);

			if ((row == SNAPSHOT_NONE) != (hashed == SNAPSHOT_NONE))
				abort();
			if (row == SNAPSHOT_NONE)
				break;
			if (row - rule->targets.first >= rule->targets.count ||
			    snapshot->targets[row].weight == 0 ||
			    hashed - rule->targets.first >= rule->targets.count ||
			    snapshot->targets[hashed].weight == 0)
				abort();
			left_out_add(&tried, row - rule->targets.first);
		}
	}
	for (uint32_t other = 0; other < snapshot->rule_count && other < 4; other++) {
		const struct snapshot_rule *next = &snapshot->rules[other];
		uint32_t position = round_robin_carry(snapshot, rule, 1, snapshot, next);

		if (position != 0 && position >= next->turns.count)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pattern_set no_patterns;
	static const struct snapshot no_snapshot;
	static struct pattern_matcher *matcher;
	struct snapshot snapshot;
	char why[200] = "";
	uint8_t *copy;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	if (!matcher)
		matcher = pattern_matcher_new();
	copy = malloc(size);
	if (!copy || !nowhere || !matcher)
		abort();
	memcpy(copy, data, size);
	if (size >= sizeof(struct snapshot_header)) {
		struct snapshot_header *header = (void *)copy;

		header->magic = SNAPSHOT_MAGIC;
		header->version = SNAPSHOT_VERSION;
		header->header_size = sizeof(*header);
		header->size = size;
		header->checksum = snapshot_checksum(copy, size);
	}
	if (snapshot_open_memory(copy, size, &snapshot, why, sizeof(why)) == 0) {
		struct pattern_set patterns;
		struct route_map map = { &snapshot, &patterns, matcher };

		/* What the checker lets through, PCRE2 compiles. */
		if (pattern_set_init(&patterns, &snapshot, &no_patterns, &no_snapshot, why) < 0)
			abort();
		for (uint32_t i = 0; i < snapshot.instance_count; i++)
			use_access(&snapshot, &snapshot.instances[i].access);
		for (uint32_t i = 0; i < snapshot.listener_count; i++) {
			use_listener(&snapshot, &snapshot.listeners[i]);
			use_routes(&map, &snapshot.listeners[i]);
		}
		pattern_set_done(&patterns);
		for (uint32_t i = 0; i < snapshot.rule_count; i++)
			use_turns(&snapshot, &snapshot.rules[i]);
		for (uint32_t i = 0; i < snapshot.rule_count; i++)
			use_check(&snapshot, &snapshot.rules[i]);
		snapshot_print(&snapshot, nowhere);
		snapshot_close(&snapshot);
	}
	free(copy);
	return 0;
}

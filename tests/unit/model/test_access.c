/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may connect: networks to ranges, the search against one that looks at every network, and what
 * the checker says to ranges that nobody would build.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/access_ranges.h"
#include "sample.h"

#define MOST 300

static uint64_t seed;

/* xorshift: the same numbers in every run. */
static uint32_t chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % below;
}

static struct cidr network(const char *text)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse(text, &cidr), 0);
	return cidr;
}

static struct address ip(const char *text)
{
	struct address address;

	assert_int_equal(address_parse_ip(bytes_of(text), &address), 0);
	return address;
}

static void parses_networks(void **state)
{
	static const char *const good[][2] = {
		{ "0.0.0.0/0", "0.0.0.0/0" },         { "10.0.0.0/8", "10.0.0.0/8" },
		{ "10.1.2.3", "10.1.2.3/32" },        { "::/0", "::/0" },
		{ "2001:DB8::/32", "2001:db8::/32" }, { "::1", "::1/128" },
		{ "128.0.0.0/1", "128.0.0.0/1" },
	};
	static const char *const bad[] = {
		"",
		"/",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/8 ",
		" 10.0.0.0/8",
		"10.0.0.0/08888",
		"10.0.0.1/8",
		"10.0.0",
		"::/129",
		"2001:db8::1/32",
		"::ffff:10.0.0.0/104",
		"fe80::1%lo",
		"localhost",
		"10.0.0.0//8",
	};
	struct cidr cidr;
	char text[CIDR_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(cidr_parse(good[i][0], &cidr), 0);
		cidr_format(&cidr, text);
		assert_string_equal(text, good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(cidr_parse(bad[i], &cidr), 0);
}

static void merges_what_meets(void **state)
{
	const struct cidr cidrs[] = {
		network("10.1.0.0/16"),     network("10.0.0.0/8"),  network("192.0.2.7"),
		network("192.0.2.6"),       network("2001:db8::1"), network("255.255.255.254/31"),
		network("255.255.255.253"), network("9.0.0.0/8"),   network("192.0.2.9"),
	};
	size_t count = sizeof(cidrs) / sizeof(cidrs[0]);
	struct snapshot_range ranges[sizeof(cidrs) / sizeof(cidrs[0])];

	assert_int_equal(access_ranges_make(cidrs, count, ADDRESS_IPV4, ranges), 4);
	assert_memory_equal(ranges[0].first, ip("9.0.0.0").ip, 16);
	assert_memory_equal(ranges[0].last, ip("10.255.255.255").ip, 16);
	assert_memory_equal(ranges[1].first, ip("192.0.2.6").ip, 16);
	assert_memory_equal(ranges[1].last, ip("192.0.2.7").ip, 16);
	assert_memory_equal(ranges[2].first, ip("192.0.2.9").ip, 16);
	assert_memory_equal(ranges[3].first, ip("255.255.255.253").ip, 16);
	assert_memory_equal(ranges[3].last, ip("255.255.255.255").ip, 16);
	assert_int_equal(access_ranges_make(cidrs, count, ADDRESS_IPV6, ranges), 1);
	assert_memory_equal(ranges[0].first, ranges[0].last, 16);
	assert_int_equal(access_ranges_make(cidrs, 0, ADDRESS_IPV6, ranges), 0);
	assert_false(access_ranges_have(ranges, 0, &cidrs[0].address));
}

/* Few values a byte, so that networks and addresses meet often. */
static struct address random_address(enum address_family family)
{
	static const uint8_t bytes[] = { 0, 1, 2, 127, 128, 254, 255 };
	struct address address = { .family = (uint8_t)family };

	for (size_t i = 0; i < (family == ADDRESS_IPV4 ? 4 : 16); i++)
		address.ip[i] = bytes[chance(sizeof(bytes))];
	return address;
}

static struct cidr random_network(enum address_family family)
{
	struct cidr cidr = { random_address(family), 0 };
	uint8_t most = family == ADDRESS_IPV4 ? 32 : 128;

	cidr.bits = (uint8_t)(most - chance(most));
	for (unsigned bit = cidr.bits; bit < 128; bit++)
		cidr.address.ip[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return cidr;
}

static bool is_within(const struct cidr *cidr, const struct address *address)
{
	if (cidr->address.family != address->family)
		return false;
	for (unsigned bit = 0; bit < cidr->bits; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if ((cidr->address.ip[bit / 8] & mask) != (address->ip[bit / 8] & mask))
			return false;
	}
	return true;
}

static bool is_listed(const struct cidr *cidrs, size_t count, const struct address *address)
{
	for (size_t i = 0; i < count; i++) {
		if (is_within(&cidrs[i], address))
			return true;
	}
	return false;
}

static void searches_as_one_that_looks_at_all(void **state)
{
	static struct snapshot_range ranges[MOST];
	static struct cidr cidrs[MOST];

	seed = 88172645463325252ull;
	for (int round = 0; round < 400; round++) {
		enum address_family family = round & 1 ? ADDRESS_IPV4 : ADDRESS_IPV6;
		size_t count = chance(round & 2 ? 8 : MOST), made;

		for (size_t i = 0; i < count; i++)
			cidrs[i] = random_network(chance(8) ? family : ADDRESS_IPV4);
		made = access_ranges_make(cidrs, count, family, ranges);
		for (size_t i = 1; i < made; i++)
			assert_true(memcmp(ranges[i - 1].last, ranges[i].first, 16) < 0);
		for (int i = 0; i < 100; i++) {
			struct address address = random_address(family);

			if (count > 0 && chance(2))
				memcpy(address.ip, cidrs[chance((uint32_t)count)].address.ip, 16);
			if (family == ADDRESS_IPV4)
				memset(address.ip + 4, 0, 12);
			assert_int_equal(access_ranges_have(ranges, made, &address),
					 is_listed(cidrs, count, &address));
		}
	}
}

static void set_list(struct cidr **list, size_t *count, const char *const *texts)
{
	for (; *texts; texts++) {
		*list = reallocarray(*list, *count + 1, sizeof(**list));
		assert_non_null(*list);
		(*list)[(*count)++] = network(*texts);
	}
}

static bool admits(const struct snapshot *snapshot, uint32_t instance, const char *client)
{
	struct address address = ip(client);

	return access_admits(snapshot, &snapshot->instances[instance].access, &address);
}

static void small_with_lists(struct sample *sample)
{
	static const char *const allow[] = { "10.0.0.0/8", "2001:db8::/32", NULL };
	static const char *const deny[] = { "10.9.0.0/16", "2001:db8:9::/48", NULL };
	static const char *const deny_only[] = { "::/0", NULL };
	struct access_control *first, *second;

	sample_init(sample);
	sample_small(sample);
	first = &sample->model.instances[0]->access;
	second = &sample->model.instances[1]->access;
	set_list(&first->allow, &first->allow_count, allow);
	set_list(&first->deny, &first->deny_count, deny);
	set_list(&second->deny, &second->deny_count, deny_only);
}

static void deny_wins_and_allow_admits_its_own(void **state)
{
	struct sample sample;
	struct snapshot snapshot;

	small_with_lists(&sample);
	sample_open(&sample, 1, &snapshot);
	assert_true(admits(&snapshot, 0, "10.1.2.3"));
	assert_false(admits(&snapshot, 0, "10.9.255.255"));
	assert_true(admits(&snapshot, 0, "10.10.0.0"));
	assert_false(admits(&snapshot, 0, "11.0.0.0"));
	assert_true(admits(&snapshot, 0, "::ffff:10.1.2.3"));
	assert_true(admits(&snapshot, 0, "2001:db8::1"));
	assert_false(admits(&snapshot, 0, "2001:db8:9::1"));
	assert_false(admits(&snapshot, 0, "2001:db9::1"));
	/* Only the one version is denied. */
	assert_true(admits(&snapshot, 1, "127.0.0.1"));
	assert_false(admits(&snapshot, 1, "::1"));
	assert_true(access_has_lists(&snapshot.instances[1].access));
	snapshot_close(&snapshot);
	/* An allow list of one version admits nobody of the other. */
	sample.model.instances[0]->access.allow_count = 1;
	sample_open(&sample, 2, &snapshot);
	assert_true(admits(&snapshot, 0, "10.1.2.3"));
	assert_false(admits(&snapshot, 0, "2001:db8::1"));
	snapshot_close(&snapshot);
	sample_done(&sample);
}

static void stopped_listeners_are_not_there(void **state)
{
	struct sample sample;
	struct snapshot all, some;
	const struct listener *stopped;

	sample_init(&sample);
	sample_small(&sample);
	sample_open(&sample, 1, &all);
	stopped = sample.model.instances[0]->listeners[0];
	sample.model.instances[0]->listeners[0]->is_stopped = true;
	sample_open(&sample, 2, &some);
	assert_int_equal(some.listener_count, all.listener_count - 1);
	assert_int_equal(some.rule_count, all.rule_count - stopped->rule_count);
	assert_int_equal(some.instance_count, all.instance_count);
	for (uint32_t i = 0; i < some.listener_count; i++)
		assert_int_not_equal(some.listeners[i].number, stopped->number);
	snapshot_close(&all);
	snapshot_close(&some);
	for (size_t i = 0; i < sample.model.instance_count; i++) {
		for (size_t j = 0; j < sample.model.instances[i]->listener_count; j++)
			sample.model.instances[i]->listeners[j]->is_stopped = true;
	}
	sample_open(&sample, 3, &some);
	assert_int_equal(some.listener_count, 0);
	snapshot_close(&some);
	sample_done(&sample);
}

/* A copy that may be written. */
struct copy {
	char *bytes;
	size_t size;
	struct snapshot_instance *instances;
	struct snapshot_range *ranges;
};

static struct copy copy_make(void)
{
	struct sample sample;
	struct snapshot snapshot;
	struct copy copy;

	small_with_lists(&sample);
	sample_open(&sample, 1, &snapshot);
	copy.size = snapshot.header->size;
	copy.bytes = malloc(copy.size);
	assert_non_null(copy.bytes);
	memcpy(copy.bytes, snapshot.header, copy.size);
	copy.instances = (void *)(copy.bytes + ((const char *)snapshot.instances -
						(const char *)snapshot.header));
	copy.ranges = (void *)(copy.bytes +
			       ((const char *)snapshot.ranges - (const char *)snapshot.header));
	snapshot_close(&snapshot);
	sample_done(&sample);
	return copy;
}

static void expect(struct copy *copy, const char *reason)
{
	struct snapshot_header *header = (void *)copy->bytes;
	char why[200] = "";

	header->checksum = snapshot_checksum(copy->bytes, copy->size);
	assert_int_equal(snapshot_check(copy->bytes, copy->size, why, sizeof(why)), -EBADMSG);
	if (!strstr(why, reason))
		fail_msg("\"%s\" is not in \"%s\"", reason, why);
	free(copy->bytes);
}

static void trusts_no_ranges(void **state)
{
	struct copy copy = copy_make();

	/* Rows: 0 allow 10/8, 1 allow 2001:db8::/32, 2 deny 10.9/16, 3 deny ..., 4 deny ::/0. */
	copy.ranges[0].last[15] = 1;
	expect(&copy, "bytes behind the fourth");
	copy = copy_make();
	copy.ranges[0].first[0] = 11;
	expect(&copy, "ends before it begins");
	copy = copy_make();
	copy.instances[0].access.allow_ipv4.count = 2;
	expect(&copy, "bytes behind the fourth");
	copy = copy_make();
	copy.instances[0].access.allow_ipv6.count = 2;
	copy.instances[0].access.deny_ipv4 = (struct snapshot_run){ 3, 0 };
	expect(&copy, "not behind the one before it");
	copy = copy_make();
	copy.instances[0].access.allow_ipv4.first = 1;
	expect(&copy, "out of place");
	copy = copy_make();
	copy.instances[1].access.deny_ipv6.count = UINT32_MAX;
	expect(&copy, "out of place");
	copy = copy_make();
	copy.instances[1].access.deny_ipv6.count = 2;
	expect(&copy, "out of place");
	copy = copy_make();
	copy.instances[1].access.deny_ipv6.count = 0;
	expect(&copy, "no instance has it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_networks),
		cmocka_unit_test(merges_what_meets),
		cmocka_unit_test(searches_as_one_that_looks_at_all),
		cmocka_unit_test(deny_wins_and_allow_admits_its_own),
		cmocka_unit_test(stopped_listeners_are_not_there),
		cmocka_unit_test(trusts_no_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

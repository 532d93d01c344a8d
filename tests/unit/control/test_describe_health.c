/* SPDX-License-Identifier: Apache-2.0 */
/* What the API tells of health: states by slot and number, and the ring of changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "noun_fixture.h"
#include "process/regions.h"

static struct regions *regions;
static int regions_fd;
static char instance[32], http[32], rule[32], tcp[32];
static const struct rule *the_rule;
static const struct listener *the_tcp;

static int setup(void **state)
{
	const struct clock_anchor anchor = { 0 };
	int reader_fd;
	char path[40];

	noun_setup(state);
	assert_int_equal(regions_create(&anchor, 2, &regions_fd, &regions), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", regions_fd);
	reader_fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(reader_fd >= 0);
	assert_int_equal(regions_open_reader(reader_fd, &noun.control.regions), 0);
	close(reader_fd);
	strcpy(instance, noun_instance("127.0.0.1"));
	strcpy(http, noun_listener(instance, 80));
	strcpy(rule, noun_rule(instance, http, "a.example", "/x"));
	noun_do("RegisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s','Targets':["
		"{'EniIp':'10.0.0.1','Port':80},{'EniIp':'10.0.0.2','Port':80},"
		"{'EniIp':'10.0.0.3','Port':80}]}",
		instance, http, rule);
	noun_do("CreateListener", "{'LoadBalancerId':'%s','Protocol':'TCP','Ports':[90]}",
		instance);
	the_rule = noun.control.model.instances[0]->listeners[0]->rules[0];
	the_tcp = noun.control.model.instances[0]->listeners[1];
	strcpy(tcp, the_tcp->id);
	noun_do("RegisterTargets",
		"{'LoadBalancerId':'%s','ListenerId':'%s','Targets':[{'EniIp':'fd00::1','Port':90}"
		"]}",
		instance, tcp);
	return 0;
}

static int teardown(void **state)
{
	regions_close(noun.control.regions);
	noun.control.regions = NULL;
	regions_close(regions);
	close(regions_fd);
	return noun_teardown(state);
}

static void knows(const struct target *target, enum health_state health)
{
	struct region_health *row = &regions->health[target->slot];

	atomic_store(&row->number, target->number);
	atomic_store(&row->state, (uint8_t)health);
}

static void state_is(const char *path, const char *detail, bool is_up)
{
	json_t *answer = noun_call("DescribeTargetHealth", "{'LoadBalancerIds':['%s']}", instance);
	char full[120];

	snprintf(full, sizeof(full), "LoadBalancers.0.Listeners.%s.HealthStatusDetail", path);
	assert_string_equal(noun_text(answer, full), detail);
	snprintf(full, sizeof(full), "LoadBalancers.0.Listeners.%s.HealthStatusDetial", path);
	assert_string_equal(noun_text(answer, full), detail);
	snprintf(full, sizeof(full), "LoadBalancers.0.Listeners.%s.HealthStatus", path);
	assert_true(json_is_boolean(noun_at(answer, full)));
	assert_int_equal(json_is_true(noun_at(answer, full)), is_up);
	json_decref(answer);
}

static void tells_states(void **state)
{
	/* Nothing was written yet. */
	state_is("0.Rules.0.Targets.0", "Unknown", false);
	knows(the_rule->targets[0], HEALTH_ALIVE);
	knows(the_rule->targets[1], HEALTH_DEAD);
	knows(the_rule->targets[2], HEALTH_UNKNOWN);
	knows(the_tcp->targets[0], HEALTH_ALIVE);
	state_is("0.Rules.0.Targets.0", "Alive", true);
	state_is("0.Rules.0.Targets.1", "Dead", false);
	state_is("0.Rules.0.Targets.2", "Unknown", false);
	state_is("1.Rules.0.Targets.0", "Alive", true);
	/* Of the slot's former owner, and nonsense. */
	atomic_store(&regions->health[the_rule->targets[0]->slot].number, 4711);
	state_is("0.Rules.0.Targets.0", "Unknown", false);
	knows(the_rule->targets[1], HEALTH_CLOSE);
	state_is("0.Rules.0.Targets.1", "Unknown", false);
	knows(the_rule->targets[1], (enum health_state)200);
	state_is("0.Rules.0.Targets.1", "Unknown", false);
}

static void a_switched_off_check_is_close(void **state)
{
	knows(the_rule->targets[0], HEALTH_DEAD);
	noun_do("ModifyRule",
		"{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s',"
		"'HealthCheck':{'HealthSwitch':0}}",
		instance, http, rule);
	state_is("0.Rules.0.Targets.0", "Close", true);
}

static void without_a_region_nothing_is_known(void **state)
{
	const struct regions *kept = noun.control.regions;
	json_t *answer;

	knows(the_rule->targets[0], HEALTH_ALIVE);
	noun.control.regions = NULL;
	state_is("0.Rules.0.Targets.0", "Unknown", false);
	answer = noun_call("DescribeTargetHealthLog", "{}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 0);
	json_decref(answer);
	noun.control.regions = kept;
}

static void add_event(uint64_t listener, uint64_t rule_number, const struct address *address,
		      enum health_state health, int64_t wall_s)
{
	struct health_event event = { .target = 1,
				      .listener = listener,
				      .rule = rule_number,
				      .wall_s = wall_s,
				      .address = *address,
				      .state = (uint8_t)health,
				      .reason = HEALTH_REASON_TIMEOUT,
				      .protocol = rule_number ? PROTOCOL_HTTP : PROTOCOL_TCP };

	address_parse(BYTES_LITERAL("127.0.0.1:80"), &event.vip);
	health_log_add(&regions->health_log, &event);
}

static void add_events(void)
{
	const struct listener *listener = noun.control.model.instances[0]->listeners[0];

	add_event(listener->number, the_rule->number, &the_rule->targets[0]->address, HEALTH_ALIVE,
		  100);
	add_event(listener->number, the_rule->number, &the_rule->targets[1]->address, HEALTH_DEAD,
		  200);
	add_event(the_tcp->number, 0, &the_tcp->targets[0]->address, HEALTH_DEAD, 300);
	add_event(777777, 777778, &the_rule->targets[0]->address, HEALTH_UNKNOWN, 400);
}

static void lists_changes_newest_first(void **state)
{
	json_t *answer;
	const json_t *found;

	add_events();
	answer = noun_call("DescribeTargetHealthLog", "{}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 4);
	found = noun_at(answer, "HealthLogSet.0");
	assert_true(json_is_null(noun_at(found, "LoadBalancerId")));
	assert_true(json_is_null(noun_at(found, "Domain")));
	assert_string_equal(noun_text(found, "StatusDetail"), "Unknown");
	assert_string_equal(noun_text(found, "RsIp"), "10.0.0.1");
	found = noun_at(answer, "HealthLogSet.1");
	assert_string_equal(noun_text(found, "ListenerId"), tcp);
	assert_string_equal(noun_text(found, "RsIp"), "fd00::1");
	assert_string_equal(noun_text(found, "Protocol"), "TCP");
	assert_true(json_is_null(noun_at(found, "LocationId")));
	found = noun_at(answer, "HealthLogSet.2");
	assert_string_equal(noun_text(found, "LoadBalancerId"), instance);
	assert_string_equal(noun_text(found, "LocationId"), rule);
	assert_string_equal(noun_text(found, "Domain"), "a.example");
	assert_string_equal(noun_text(found, "Url"), "/x");
	assert_string_equal(noun_text(found, "Vip"), "127.0.0.1");
	assert_int_equal(noun_integer(found, "VPort"), 80);
	assert_int_equal(noun_integer(found, "RsPort"), 80);
	assert_int_equal(noun_integer(found, "VpcId"), -1);
	assert_string_equal(noun_text(found, "StatusDetail"), "Dead");
	assert_string_equal(noun_text(found, "Reason"), "timeout");
	assert_true(json_is_false(noun_at(found, "Status")));
	assert_true(json_is_true(noun_at(answer, "HealthLogSet.3.Status")));
	json_decref(answer);
}

static void filters_and_pages(void **state)
{
	static const struct {
		const char *extra;
		int total, shown;
	} cases[] = {
		{ "'LoadBalancerId':'%s'", 3, 3 },
		{ "'LoadBalancerId':'%s','ListenerId':'%s'", 2, 2 },
		{ "'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'%s'", 2, 2 },
		{ "'LoadBalancerId':'%s','EniIp':'10.0.0.2'", 1, 1 },
		{ "'LoadBalancerId':'%s','EniIp':'10.0.0.1','Port':81", 0, 0 },
		{ "'EniIp':'10.0.0.1'", 2, 2 },
		{ "'Port':80", 3, 3 },
		{ "'Limit':2", 4, 2 },
		{ "'Limit':2,'Offset':3", 4, 1 },
		{ "'Offset':2147483647", 4, 0 },
		{ "'Limit':0", 4, 0 },
	};

	add_events();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char input[200], text[204];
		json_t *answer;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(input, sizeof(input), cases[i].extra, instance, http, rule);
#pragma GCC diagnostic pop
		snprintf(text, sizeof(text), "{%s}", input);
		answer = noun_call("DescribeTargetHealthLog", "%s", text);
		assert_int_equal(noun_integer(answer, "TotalCount"), cases[i].total);
		assert_int_equal(json_array_size(noun_at(answer, "HealthLogSet")), cases[i].shown);
		json_decref(answer);
	}
}

static void refuses_wrong_questions(void **state)
{
	noun_refuse("DescribeTargetHealthLog", "MissingParameter", "LoadBalancerId",
		    "{'ListenerId':'%s'}", http);
	noun_refuse("DescribeTargetHealthLog", "MissingParameter", "ListenerId",
		    "{'LoadBalancerId':'%s','LocationId':'%s'}", instance, rule);
	noun_refuse("DescribeTargetHealthLog", "InvalidParameter.LBIdNotFound", NULL,
		    "{'LoadBalancerId':'lb-00000000'}");
	noun_refuse("DescribeTargetHealthLog", "InvalidParameter.LocationNotFound", NULL,
		    "{'LoadBalancerId':'%s','ListenerId':'%s','LocationId':'loc-00000000'}",
		    instance, http);
	noun_refuse("DescribeTargetHealthLog", "InvalidParameter.FormatError", "EniIp",
		    "{'EniIp':'nobody'}");
	noun_refuse("DescribeTargetHealthLog", "InvalidParameterValue", "Limit", "{'Limit':101}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_states, setup, teardown),
		cmocka_unit_test_setup_teardown(a_switched_off_check_is_close, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_region_nothing_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_changes_newest_first, setup, teardown),
		cmocka_unit_test_setup_teardown(filters_and_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_wrong_questions, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

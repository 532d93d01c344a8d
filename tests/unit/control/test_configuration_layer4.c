/* SPDX-License-Identifier: Apache-2.0 */
/* Files with TCP and UDP listeners: made, changed exactly, deleted, refused with their line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply_fixture.h"

static void apply(struct fixture *fixture, const char *content, const char *changes)
{
	int error = fixture_apply(fixture, content, false);

	if (error)
		fail_msg("%d: %s: %s", error, fixture->call.problem.code,
			 fixture->call.problem.text);
	assert_string_equal(fixture_changes(fixture), changes);
	assert_int_equal(fixture->call.is_unchanged, !*changes);
}

/* A file with these listeners, indented by two. */
static const char *file_of(const char *listeners)
{
	static char text[9000];

	snprintf(text, sizeof(text), "LoadBalancers:\n- LoadBalancerName: web\n  Listeners:\n%s",
		 listeners);
	return text;
}

static const struct listener *listener_at(const struct fixture *fixture, size_t index)
{
	assert_int_equal(fixture->control.model.instance_count, 1);
	assert_true(index < fixture->control.model.instances[0]->listener_count);
	return fixture->control.model.instances[0]->listeners[index];
}

static const char whole[] =
	"  - Protocol: TCP\n"
	"    Port: 9000\n"
	"    SessionExpireTime: 60\n"
	"    MaxConn: 100\n"
	"    MaxCps: 10\n"
	"    DeregisterTargetRst: true\n"
	"    RescheduleTargetZeroWeight: true\n"
	"    RescheduleUnhealthy: true\n"
	"    RescheduleExpandTarget: true\n"
	"    RescheduleStartTime: 5\n"
	"    RescheduleInterval: 6\n"
	"    ProxyProtocol: true\n"
	"    DrainPolicy: KEEP\n"
	"    HealthCheck: {CheckType: CUSTOM, ContextType: TEXT, SendContext: a, RecvContext: b}\n"
	"    Targets:\n"
	"    - {EniIp: 10.0.0.1, Port: 80}\n"
	"    - {EniIp: \"2001:db8::1\", Port: 81, Weight: 20, Tag: six}\n"
	"  - Protocol: UDP\n"
	"    Port: 9000\n"
	"    Scheduler: LEAST_CONN\n"
	"    IdleConnectTimeout: 10\n"
	"    UdpResponses: 1\n"
	"    HealthCheck: {HealthSwitch: 0}\n"
	"    Targets:\n"
	"    - {EniIp: 10.0.0.1, Port: 53}\n";

static const char whole_changes[] = "+ instance web\n"
				    "+ listener TCP:9000 in web\n"
				    "+ target 10.0.0.1:80 weight 10 in web TCP:9000\n"
				    "+ target [2001:db8::1]:81 weight 20 in web TCP:9000\n"
				    "+ listener UDP:9000 in web\n"
				    "+ target 10.0.0.1:53 weight 10 in web UDP:9000\n";

static void test_make(void **state)
{
	struct fixture *fixture = *state;
	const struct listener *tcp, *udp;

	/* A dry run shows the same and makes nothing. */
	assert_int_equal(fixture_apply(fixture, file_of(whole), true), 0);
	assert_string_equal(fixture_changes(fixture), whole_changes);
	assert_int_equal(fixture->control.model.instance_count, 0);
	apply(fixture, file_of(whole), whole_changes);
	tcp = listener_at(fixture, 0);
	udp = listener_at(fixture, 1);
	assert_int_equal(tcp->session_expire_s, 60);
	assert_int_equal(tcp->layer4.max_conn, 100);
	assert_int_equal(tcp->layer4.max_cps, 10);
	assert_int_equal(tcp->layer4.idle_timeout_s, 900);
	assert_int_equal(tcp->layer4.reschedule_start_s, 5);
	assert_int_equal(tcp->layer4.reschedule_interval_s, 6);
	assert_true(tcp->layer4.resets_deregistered && tcp->layer4.reschedules_zero_weight &&
		    tcp->layer4.reschedules_unhealthy && tcp->layer4.reschedules_expand &&
		    tcp->layer4.has_proxy_protocol && tcp->layer4.keeps_draining);
	assert_string_equal(tcp->health_check.send_context, "a");
	assert_int_equal(tcp->target_count, 2);
	assert_string_equal(tcp->targets[1]->tag, "six");
	assert_int_equal(udp->scheduler, SCHEDULER_LEAST_CONN);
	assert_int_equal(udp->layer4.idle_timeout_s, 10);
	assert_int_equal(udp->layer4.udp_responses, 1);
	assert_false(udp->health_check.is_on);
	/* Twice is once. */
	apply(fixture, file_of(whole), "");
}

/* A field left out has its default again, texts of a check too. */
static void test_change(void **state)
{
	struct fixture *fixture = *state;
	const struct listener *tcp, *udp;

	apply(fixture, file_of(whole), whole_changes);
	apply(fixture,
	      file_of("  - Protocol: TCP\n"
		      "    Port: 9000\n"
		      "    SessionExpireTime: 30\n"
		      "    HealthCheck: {CheckPort: 81}\n"
		      "    Targets:\n"
		      "    - {EniIp: \"2001:db8::1\", Port: 81, Weight: 0}\n"
		      "    - {EniIp: 10.0.0.3, Port: 80}\n"
		      "  - {Protocol: UDP, Port: 9000}\n"),
	      "- target 10.0.0.1:80 in web TCP:9000\n"
	      "- target 10.0.0.1:53 in web UDP:9000\n"
	      "~ listener TCP:9000 in web: SessionExpireTime 60 -> 30, MaxConn 100 -> -1, "
	      "MaxCps 10 -> -1, RescheduleStartTime 5 -> 0, RescheduleInterval 6 -> 0, "
	      "DeregisterTargetRst true -> false, RescheduleTargetZeroWeight true -> false, "
	      "RescheduleUnhealthy true -> false, RescheduleExpandTarget true -> false, DrainPolicy KEEP -> MOVE, "
	      "ProxyProtocol true -> false, HealthCheck\n"
	      "~ target [2001:db8::1]:81 in web TCP:9000: Weight 20 -> 0, Tag\n"
	      "+ target 10.0.0.3:80 weight 10 in web TCP:9000\n"
	      "~ listener UDP:9000 in web: Scheduler LEAST_CONN -> WRR, "
	      "IdleConnectTimeout 10 -> 300, UdpResponses 1 -> 0, HealthCheck\n");
	tcp = listener_at(fixture, 0);
	udp = listener_at(fixture, 1);
	assert_int_equal(tcp->health_check.type, CHECK_TCP);
	assert_int_equal(tcp->health_check.port, 81);
	assert_null(tcp->health_check.send_context);
	assert_null(tcp->health_check.context_type);
	assert_int_equal(tcp->layer4.session_epoch, 0);
	assert_false(tcp->layer4.has_proxy_protocol);
	assert_true(udp->health_check.is_on);
	assert_int_equal(udp->target_count, 0);
	/* Persistence off ends what clients had. */
	apply(fixture,
	      file_of("  - {Protocol: TCP, Port: 9000}\n  - {Protocol: UDP, Port: 9000}\n"),
	      "- target [2001:db8::1]:81 in web TCP:9000\n"
	      "- target 10.0.0.3:80 in web TCP:9000\n"
	      "~ listener TCP:9000 in web: SessionExpireTime 30 -> 0, HealthCheck\n");
	assert_int_equal(listener_at(fixture, 0)->layer4.session_epoch, 1);
	apply(fixture, file_of("  - {Protocol: UDP, Port: 9000}\n"),
	      "- listener TCP:9000 in web\n");
}

/* Neutral values of other protocols' fields ask for nothing. */
static void test_other_words_for_the_same(void **state)
{
	struct fixture *fixture = *state;

	apply(fixture, file_of("  - {Protocol: TCP, Port: 80, ListenerName: x}\n"),
	      "+ instance web\n+ listener TCP:80 in web\n");
	apply(fixture,
	      file_of("  - {Protocol: TCP, Port: 80, IdleConnectTimeout: 900, SessionType: NORMAL, "
		      "TargetType: NODE, Scheduler: WRR, MaxConn: -1, KeepaliveEnable: 0, "
		      "UdpResponses: 0, SnatEnable: false, SniSwitch: 0, Rules: [], Targets: [], "
		      "HealthCheck: {HealthSwitch: 1, CheckType: TCP}}\n"),
	      "");
	assert_string_equal(listener_at(fixture, 0)->name, "x");
}

/* Another protocol on a port is another listener; TCP and UDP do not meet. */
static void test_protocol_changes(void **state)
{
	struct fixture *fixture = *state;
	uint64_t number;

	apply(fixture,
	      file_of("  - Protocol: HTTP\n    Port: 80\n"
		      "    Rules: [{Url: /, Targets: [{EniIp: 10.0.0.1, Port: 80}]}]\n"),
	      "+ instance web\n+ listener HTTP:80 in web\n+ rule */ in web HTTP:80\n"
	      "+ target 10.0.0.1:80 weight 10 in web HTTP:80 */\n");
	number = listener_at(fixture, 0)->number;
	apply(fixture,
	      file_of("  - {Protocol: TCP, Port: 80, Targets: [{EniIp: 10.0.0.1, Port: 80}]}\n"
		      "  - {Protocol: UDP, Port: 80}\n"),
	      "- listener HTTP:80 in web\n+ listener TCP:80 in web\n"
	      "+ target 10.0.0.1:80 weight 10 in web TCP:80\n+ listener UDP:80 in web\n");
	assert_true(listener_at(fixture, 0)->number > number);
	assert_int_equal(listener_at(fixture, 0)->protocol, PROTOCOL_TCP);
	apply(fixture, file_of("  - {Protocol: HTTP, Port: 80}\n  - {Protocol: UDP, Port: 80}\n"),
	      "- listener TCP:80 in web\n+ listener HTTP:80 in web\n");
}

static void test_refuse(void **state)
{
	static const struct {
		const char *listener, *code, *part;
	} cases[] = {
		{ "Protocol: TCP, Port: 1, SessionExpireTime: 29", "InvalidParameterValue",
		  "f.yaml:4: LoadBalancers[0].Listeners[0].SessionExpireTime" },
		{ "Protocol: TCP, Port: 1, SessionExpireTime: 60, Scheduler: LEAST_CONN",
		  "InvalidParameter", "Listeners[0].SessionExpireTime" },
		{ "Protocol: TCP, Port: 1, IdleConnectTimeout: 300", "InvalidParameterValue",
		  "f.yaml:4: LoadBalancers[0].Listeners[0].IdleConnectTimeout" },
		{ "Protocol: TCP, Port: 1, UdpResponses: 1", "InvalidParameter", "UdpResponses" },
		{ "Protocol: UDP, Port: 1, ProxyProtocol: true", "InvalidParameter",
		  "ProxyProtocol" },
		{ "Protocol: UDP, Port: 1, UdpResponses: 65536", "InvalidParameterValue",
		  "UdpResponses" },
		{ "Protocol: HTTP, Port: 1, UdpResponses: 1", "InvalidParameter", "UdpResponses" },
		{ "Protocol: HTTP, Port: 1, SessionExpireTime: 60", "InvalidParameter",
		  "SessionExpireTime" },
		{ "Protocol: TCP, Port: 1, Rules: [{Url: /}]",
		  "InvalidParameter.ProtocolCheckFailed", "Rules" },
		{ "Protocol: UDP, Port: 1, HealthCheck: {CheckType: TCP}", "InvalidParameterValue",
		  "Listeners[0].HealthCheck.CheckType" },
		{ "Protocol: TCP, Port: 1, Targets: [{EniIp: 10.0.0.1, Port: 0}]",
		  "InvalidParameterValue", "Listeners[0].Targets[0].Port" },
		{ "Protocol: TCP, Port: 1, Targets: [{EniIp: x, Port: 1}]",
		  "InvalidParameter.FormatError", "Listeners[0].Targets[0].EniIp" },
		{ "Protocol: TCP, Port: 1, Targets: [{EniIp: 10.0.0.1, Port: 1}, "
		  "{EniIp: 10.0.0.1, Port: 1}]",
		  "InvalidParameterValue.Duplicate", "Listeners[0].Targets[1]" },
		{ "Protocol: QUIC, Port: 1", "UnsupportedOperation", "Protocol" },
		{ "Protocol: TCP, Port: 1}\n  - {Protocol: HTTP, Port: 1",
		  "InvalidParameter.PortCheckFailed", "Listeners[1]" },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];
		const struct problem *problem = &fixture->call.problem;

		snprintf(text, sizeof(text), "  - {%s}\n", cases[i].listener);
		assert_int_equal(fixture_apply(fixture, file_of(text), false), -EINVAL);
		if (strcmp(problem->code, cases[i].code) || !strstr(problem->text, cases[i].part))
			fail_msg("%s: %s: %s", cases[i].listener, problem->code, problem->text);
		assert_int_equal(fixture->control.model.instance_count, 0);
	}
	/* Also of a listener that is there: nothing of the file is taken. */
	apply(fixture, file_of("  - {Protocol: TCP, Port: 1}\n"),
	      "+ instance web\n+ listener TCP:1 in web\n");
	assert_int_equal(fixture_apply(fixture,
				       file_of("  - {Protocol: TCP, Port: 1, MaxConn: 5}\n"
					       "  - {Protocol: UDP, Port: 1, MaxCps: 0}\n"),
				       false),
			 -EINVAL);
	assert_int_equal(listener_at(fixture, 0)->layer4.max_conn, -1);
	assert_int_equal(fixture_apply(fixture,
				       file_of("  - {Protocol: TCP, Port: 1, HealthCheck: "
					       "{CheckType: HTTP}}\n"),
				       false),
			 -EINVAL);
	assert_non_null(strstr(fixture->call.problem.text, "f.yaml:4"));
}

/* More servers than one call of the API takes. */
static void test_many_servers(void **state)
{
	static char text[8192];
	struct fixture *fixture = *state;
	size_t size = (size_t)snprintf(text, sizeof(text),
				       "  - Protocol: UDP\n    Port: 53\n    Targets:\n");

	for (int i = 1; i <= 50; i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size,
					 "    - {EniIp: 10.0.0.%d, Port: 53}\n", i);
	assert_int_equal(fixture_apply(fixture, file_of(text), false), 0);
	assert_int_equal(listener_at(fixture, 0)->target_count, 50);
	apply(fixture, file_of(text), "");
	assert_int_equal(fixture_apply(fixture, file_of("  - {Protocol: UDP, Port: 53}\n"), false),
			 0);
	assert_int_equal(listener_at(fixture, 0)->target_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_make),
		TEST(test_change),
		TEST(test_other_words_for_the_same),
		TEST(test_protocol_changes),
		TEST(test_refuse),
		TEST(test_many_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

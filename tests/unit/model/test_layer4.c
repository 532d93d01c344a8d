/* SPDX-License-Identifier: Apache-2.0 */
/* What TCP and UDP listeners have: defaults, every range and fit, targets, the sessions' epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/validate.h"

#define VALUE "InvalidParameterValue"
#define COMBINATION "InvalidParameter"
#define UNSUPPORTED "UnsupportedOperation"

/* NULL code: was accepted. The sentence begins with the field's own name. */
static void assert_problem(int error, const struct problem *problem, const char *code,
			   const char *field)
{
	const char *dot = strrchr(field, '.');
	const char *name = dot ? dot + 1 : field;

	if (!code) {
		assert_int_equal(error, 0);
		assert_null(problem->code);
		return;
	}
	assert_int_equal(error, -EINVAL);
	assert_string_equal(problem->code, code);
	assert_string_equal(problem->field, field);
	assert_memory_equal(problem->text, name, strlen(name));
}

static void defaults_are_valid(void **state)
{
	for (int protocol = 0; protocol < 8; protocol++) {
		struct problem problem = { 0 };
		struct layer4 layer4;

		memset(&layer4, 0xff, sizeof(layer4));
		layer4_defaults(&layer4, (enum protocol)protocol);
		assert_int_equal(validate_layer4(&layer4, (enum protocol)protocol, "", &problem),
				 0);
		assert_null(problem.code);
	}
}

static void defaults_by_protocol(void **state)
{
	struct layer4 layer4;

	layer4_defaults(&layer4, PROTOCOL_TCP);
	assert_int_equal(layer4.idle_timeout_s, 900);
	assert_int_equal(layer4.max_conn, -1);
	assert_int_equal(layer4.max_cps, -1);
	assert_false(layer4.resets_deregistered || layer4.has_proxy_protocol);
	layer4_defaults(&layer4, PROTOCOL_UDP);
	assert_int_equal(layer4.idle_timeout_s, 300);
	assert_int_equal(layer4.udp_responses, 0);
	layer4_defaults(&layer4, PROTOCOL_HTTP);
	assert_int_equal(layer4.idle_timeout_s, 0);
	assert_int_equal(layer4.max_conn, 0);
}

static void protocols(void **state)
{
	assert_true(protocol_is_layer4(PROTOCOL_TCP) && protocol_is_layer4(PROTOCOL_UDP));
	assert_false(protocol_is_layer4(PROTOCOL_HTTP) || protocol_is_layer4(PROTOCOL_TCP_SSL));
	assert_true(protocol_is_datagram(PROTOCOL_UDP) && protocol_is_datagram(PROTOCOL_QUIC));
	assert_false(protocol_is_datagram(PROTOCOL_TCP) || protocol_is_datagram(PROTOCOL_HTTP));
}

#define IDLE(protocol, seconds, code)                                                           \
	do {                                                                                    \
		struct problem problem = { 0 };                                                 \
		int error = validate_idle_timeout(seconds, protocol, "L[0].IdleConnectTimeout", \
						  &problem);                                    \
		assert_problem(error, &problem, code, "L[0].IdleConnectTimeout");               \
	} while (0)

static void idle_times(void **state)
{
	IDLE(PROTOCOL_TCP, 900, NULL);
	IDLE(PROTOCOL_TCP, 899, VALUE);
	IDLE(PROTOCOL_TCP, 0, VALUE);
	IDLE(PROTOCOL_TCP, 900 + (1ll << 32), VALUE);
	IDLE(PROTOCOL_UDP, 10, NULL);
	IDLE(PROTOCOL_UDP, 1980, NULL);
	IDLE(PROTOCOL_UDP, 9, VALUE);
	IDLE(PROTOCOL_UDP, 1981, VALUE);
	IDLE(PROTOCOL_UDP, INT64_MIN, VALUE);
	IDLE(PROTOCOL_HTTP, 900, COMBINATION);
}

static void sentences_without_a_path(void **state)
{
	struct problem problem = { 0 };
	struct layer4 layer4;

	validate_idle_timeout(600, PROTOCOL_TCP, "IdleConnectTimeout", &problem);
	assert_non_null(strstr(problem.text, "900 seconds and cannot be changed"));
	layer4_defaults(&layer4, PROTOCOL_UDP);
	layer4.max_conn = 0;
	problem = (struct problem){ 0 };
	assert_problem(validate_layer4(&layer4, PROTOCOL_UDP, "", &problem), &problem, VALUE,
		       "MaxConn");
}

typedef int value_check(int64_t value, const char *field, struct problem *problem);

static void value_gives(value_check *check, int64_t value, const char *code)
{
	struct problem problem = { 0 };

	assert_problem(check(value, "L[1].Field", &problem), &problem, code, "L[1].Field");
}

static void ranges(void **state)
{
	value_gives(validate_connection_cap, -1, NULL);
	value_gives(validate_connection_cap, 1, NULL);
	value_gives(validate_connection_cap, MAX_CONN_MOST, NULL);
	value_gives(validate_connection_cap, 0, VALUE);
	value_gives(validate_connection_cap, -2, VALUE);
	value_gives(validate_connection_cap, MAX_CONN_MOST + 1, VALUE);
	value_gives(validate_connection_cap, (1ll << 32) - 1, VALUE);
	value_gives(validate_reschedule, 0, NULL);
	value_gives(validate_reschedule, 3600, NULL);
	value_gives(validate_reschedule, -1, VALUE);
	value_gives(validate_reschedule, 3601, VALUE);
	value_gives(validate_udp_responses, 0, NULL);
	value_gives(validate_udp_responses, 65535, NULL);
	value_gives(validate_udp_responses, 65536, VALUE);
	value_gives(validate_udp_responses, -1, VALUE);
}

static void schedulers(void **state)
{
	struct problem problem = { 0 };

	assert_int_equal(validate_layer4_scheduler(SCHEDULER_WRR, "Scheduler", &problem), 0);
	assert_int_equal(validate_layer4_scheduler(SCHEDULER_LEAST_CONN, "Scheduler", &problem), 0);
	assert_problem(validate_layer4_scheduler(SCHEDULER_IP_HASH, "Scheduler", &problem),
		       &problem, VALUE, "Scheduler");
	problem = (struct problem){ 0 };
	assert_problem(validate_layer4_scheduler(0, "Scheduler", &problem), &problem, VALUE,
		       "Scheduler");
}

static void session_types(void **state)
{
	static const struct {
		const char *type;
		struct session_type_use use;
		const char *code;
	} cases[] = {
		{ NULL, { PROTOCOL_TCP, SCHEDULER_LEAST_CONN, ADDRESS_IPV6 }, NULL },
		{ "NORMAL", { PROTOCOL_HTTP, SCHEDULER_WRR, ADDRESS_IPV4 }, NULL },
		{ "normal", { PROTOCOL_UDP, SCHEDULER_WRR, ADDRESS_IPV4 }, VALUE },
		{ "", { PROTOCOL_UDP, SCHEDULER_WRR, ADDRESS_IPV4 }, VALUE },
		{ "QUIC_CID", { PROTOCOL_UDP, SCHEDULER_WRR, ADDRESS_IPV4 }, UNSUPPORTED },
		{ "QUIC_CID", { PROTOCOL_TCP, SCHEDULER_WRR, ADDRESS_IPV4 }, COMBINATION },
		{ "QUIC_CID", { PROTOCOL_HTTP, SCHEDULER_WRR, ADDRESS_IPV4 }, COMBINATION },
		{ "QUIC_CID", { PROTOCOL_UDP, SCHEDULER_LEAST_CONN, ADDRESS_IPV4 }, COMBINATION },
		{ "QUIC_CID", { PROTOCOL_UDP, SCHEDULER_WRR, ADDRESS_IPV6 }, COMBINATION },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct problem problem = { 0 };
		int error = validate_session_type(cases[i].type, &cases[i].use, "SessionType",
						  &problem);

		assert_problem(error, &problem, cases[i].code, "SessionType");
	}
}

#define CHECK(protocol, code, name, ...)                                                       \
	do {                                                                                   \
		struct problem problem = { 0 };                                                \
		struct layer4 layer4;                                                          \
		layer4_defaults(&layer4, protocol);                                            \
		__VA_ARGS__;                                                                   \
		assert_problem(validate_layer4(&layer4, protocol, "L[2]", &problem), &problem, \
			       code, "L[2]." name);                                            \
	} while (0)

static void settings_and_protocols(void **state)
{
	CHECK(PROTOCOL_TCP, NULL, "", layer4.has_proxy_protocol = true,
	      layer4.resets_deregistered = true, layer4.reschedules_zero_weight = true,
	      layer4.reschedules_unhealthy = true, layer4.reschedules_expand = true,
	      layer4.reschedule_start_s = 3600, layer4.reschedule_interval_s = 3600,
	      layer4.max_conn = 1, layer4.max_cps = MAX_CONN_MOST,
	      layer4.session_epoch = UINT16_MAX);
	CHECK(PROTOCOL_UDP, NULL, "", layer4.udp_responses = UINT16_MAX,
	      layer4.idle_timeout_s = 1980, layer4.resets_deregistered = true);
	CHECK(PROTOCOL_TCP, VALUE, "IdleConnectTimeout", layer4.idle_timeout_s = 901);
	CHECK(PROTOCOL_UDP, VALUE, "IdleConnectTimeout", layer4.idle_timeout_s = 0);
	CHECK(PROTOCOL_TCP, COMBINATION, "UdpResponses", layer4.udp_responses = 1);
	CHECK(PROTOCOL_UDP, COMBINATION, "ProxyProtocol", layer4.has_proxy_protocol = true);
	CHECK(PROTOCOL_TCP, VALUE, "MaxConn", layer4.max_conn = 0);
	CHECK(PROTOCOL_TCP, VALUE, "MaxCps", layer4.max_cps = -2);
	CHECK(PROTOCOL_TCP, VALUE, "RescheduleStartTime", layer4.reschedule_start_s = 3601);
	CHECK(PROTOCOL_TCP, VALUE, "RescheduleInterval", layer4.reschedule_interval_s = 3601);
	CHECK(PROTOCOL_HTTP, COMBINATION, "IdleConnectTimeout", layer4.idle_timeout_s = 900);
	CHECK(PROTOCOL_HTTP, COMBINATION, "MaxConn", layer4.max_conn = -1);
	CHECK(PROTOCOL_HTTP, COMBINATION, "MaxCps", layer4.max_cps = 1);
	CHECK(PROTOCOL_HTTP, COMBINATION, "DeregisterTargetRst", layer4.resets_deregistered = true);
	CHECK(PROTOCOL_HTTP, COMBINATION, "RescheduleTargetZeroWeight",
	      layer4.reschedules_zero_weight = true);
	CHECK(PROTOCOL_HTTP, COMBINATION, "RescheduleUnhealthy",
	      layer4.reschedules_unhealthy = true);
	CHECK(PROTOCOL_HTTP, COMBINATION, "RescheduleExpandTarget",
	      layer4.reschedules_expand = true);
	CHECK(PROTOCOL_HTTP, COMBINATION, "RescheduleStartTime", layer4.reschedule_start_s = 1);
	CHECK(PROTOCOL_HTTP, COMBINATION, "RescheduleInterval", layer4.reschedule_interval_s = 1);
	CHECK(PROTOCOL_HTTP, COMBINATION, "SessionExpireTime", layer4.session_epoch = 1);
	CHECK(PROTOCOL_HTTP, COMBINATION, "ProxyProtocol", layer4.has_proxy_protocol = true);
	CHECK(PROTOCOL_HTTP, COMBINATION, "UdpResponses", layer4.udp_responses = 1);
}

static void listener_targets(void **state)
{
	struct listener *listener = listener_new();
	struct target *first = target_new(), *second = target_new();

	first->number = 2;
	second->number = 1;
	address_parse(BYTES_LITERAL("10.0.0.1:80"), &first->address);
	address_parse(BYTES_LITERAL("10.0.0.1:81"), &second->address);
	assert_int_equal(listener_add_target(listener, first), 0);
	assert_int_equal(listener_add_target(listener, second), 0);
	assert_ptr_equal(listener->targets[0], second);
	assert_ptr_equal(listener_find_target(listener, &first->address), first);
	listener_remove_target(listener, second);
	assert_int_equal(listener->target_count, 1);
	assert_ptr_equal(listener->targets[0], first);
	address_parse(BYTES_LITERAL("10.0.0.1:81"), &first->address);
	assert_ptr_equal(listener_find_target(listener, &first->address), first);
	first->address.port++;
	assert_null(listener_find_target(listener, &(struct address){ .family = ADDRESS_IPV4 }));
	assert_null(listener_free(listener));
}

/* SP-50: off ends the life of what was pinned; another time does not. */
static void epoch_rises_with_off(void **state)
{
	struct listener *listener = listener_new();

	listener_set_session_expire(listener, 0);
	listener_set_session_expire(listener, 30);
	listener_set_session_expire(listener, 3600);
	assert_int_equal(listener->layer4.session_epoch, 0);
	assert_int_equal(listener->session_expire_s, 3600);
	listener_set_session_expire(listener, 0);
	assert_int_equal(listener->layer4.session_epoch, 1);
	listener_set_session_expire(listener, 0);
	assert_int_equal(listener->layer4.session_epoch, 1);
	listener_set_session_expire(listener, 60);
	listener->layer4.session_epoch = UINT16_MAX;
	listener_set_session_expire(listener, 0);
	assert_int_equal(listener->layer4.session_epoch, 0);
	listener_free(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_valid),
		cmocka_unit_test(defaults_by_protocol),
		cmocka_unit_test(protocols),
		cmocka_unit_test(idle_times),
		cmocka_unit_test(sentences_without_a_path),
		cmocka_unit_test(ranges),
		cmocka_unit_test(schedulers),
		cmocka_unit_test(session_types),
		cmocka_unit_test(settings_and_protocols),
		cmocka_unit_test(listener_targets),
		cmocka_unit_test(epoch_rises_with_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

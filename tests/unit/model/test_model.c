/* SPDX-License-Identifier: Apache-2.0 */
/* Words, problems, character sets and the lists of nouns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/charset.h"
#include "model/model.h"
#include "model/problem.h"

static void words_read_back(void **state)
{
	for (int i = -1; i < 10; i++) {
		if (protocol_name(i))
			assert_int_equal(protocol_of(protocol_name(i)), i);
		if (scheduler_name(i))
			assert_int_equal(scheduler_of(scheduler_name(i)), i);
		if (network_name(i))
			assert_int_equal(network_of(network_name(i)), i);
		if (check_type_name(i))
			assert_int_equal(check_type_of(check_type_name(i)), i);
		if (forward_type_name(i))
			assert_int_equal(forward_type_of(forward_type_name(i)), i);
	}
	assert_string_equal(protocol_name(PROTOCOL_TCP_SSL), "TCP_SSL");
	assert_string_equal(forward_type_name(FORWARD_GRPCS), "GRPCS");
	assert_null(protocol_name(0));
	assert_null(protocol_name(7));
	assert_int_equal(protocol_of("http"), 0);
	assert_int_equal(protocol_of(""), 0);
	assert_int_equal(protocol_of(NULL), 0);
}

static void first_problem_wins(void **state)
{
	struct problem problem = { 0 };

	assert_int_equal(problem_set(&problem, "A", "X.Y", "%d is wrong", 7), -EINVAL);
	assert_int_equal(problem_set(&problem, "B", "Z", "other"), -EINVAL);
	assert_string_equal(problem.code, "A");
	assert_string_equal(problem.field, "X.Y");
	assert_string_equal(problem.text, "7 is wrong");
}

static void problem_text_is_clean(void **state)
{
	struct problem problem = { 0 };
	char longest[600];

	problem_set(&problem, "A", NULL,
		    "a\x01"
		    "b\n\xff"
		    "c\xc3\xa9\xe2\x80\xa8"
		    "d\xed\xa0\x80");
	assert_string_equal(problem.field, "");
	assert_string_equal(problem.text, "a?b??c\xc3\xa9?d???");

	/* Two-byte characters behind one letter: the roof of 399 bytes falls between them. */
	longest[0] = 'x';
	for (size_t i = 1; i + 2 < sizeof(longest); i += 2)
		memcpy(longest + i, "\xc3\xa9", 3);
	problem = (struct problem){ 0 };
	problem_set(&problem, "A", longest, "%s", longest);
	assert_int_equal(strlen(problem.text), 399);
	assert_int_equal(strlen(problem.field), 159);
	problem = (struct problem){ 0 };
	problem_set(&problem, "A", longest + 1, "%s", longest + 1);
	assert_int_equal(strlen(problem.text), 398);
	assert_int_equal(strlen(problem.field), 158);
}

static size_t name_span(const char *text)
{
	return charset_name(bytes_of(text));
}

static void names_are_basic_utf8(void **state)
{
	assert_int_equal(name_span("web 1-_.\xe5\x90\x8d\xc3\xa9"), 13);
	assert_int_equal(name_span("a\xf0\x9f\x98\x80"), 1); /* emoji */
	assert_int_equal(name_span("a\xc0\x80"), 1); /* overlong */
	assert_int_equal(name_span("a\xe0\x80\x80"), 1);
	assert_int_equal(name_span("a\xed\xa0\x80"), 1); /* surrogate */
	assert_int_equal(name_span("a\xe5\x90"), 1); /* cut */
	assert_int_equal(name_span("a\x80"), 1);
	assert_int_equal(name_span("a\xff"), 1);
	assert_int_equal(name_span("a\t"), 1);
	assert_int_equal(name_span("a\x7f"), 1);
	assert_int_equal(name_span("a\xc2\x85"), 1); /* C1 */
	assert_int_equal(name_span(""), 0);
}

static void character_sets(void **state)
{
	const char *tokens = "!#$%&'*+-.^_`|~09azAZ";
	unsigned token_count = 0, path_count = 0, domain_count = 0;

	assert_int_equal(charset_token(bytes_of(tokens)), strlen(tokens));
	for (unsigned i = 0; i < 256; i++) {
		char letter = (char)i;

		token_count += (unsigned)charset_token((struct bytes){ &letter, 1 });
		path_count += (unsigned)charset_path((struct bytes){ &letter, 1 });
		domain_count += (unsigned)charset_domain((struct bytes){ &letter, 1 });
	}
	assert_int_equal(token_count, 62 + 15); /* RFC 9110 tchar */
	assert_int_equal(path_count, 62 + 4 + 11 + 3); /* unreserved, sub-delims, ":@/" */
	assert_int_equal(domain_count, 36 + 3);
	assert_int_equal(charset_path(bytes_of("/a%2fb%C3")), 9);
	assert_int_equal(charset_path(bytes_of("/a%2")), 2);
	assert_int_equal(charset_path(bytes_of("/a%zz")), 2);
	assert_int_equal(charset_path(bytes_of("/a?b")), 2);
	assert_int_equal(charset_path_query(bytes_of("/a?b")), 4);
}

static void targets_keep_their_order(void **state)
{
	const uint64_t numbers[] = { 5, 1, 9, 3, 7, 2, 8, 4, 6 };
	struct rule *rule = rule_new();
	struct target *target;

	assert_non_null(rule);
	for (size_t i = 0; i < 9; i++) {
		target = target_new();
		assert_non_null(target);
		target->number = numbers[i];
		target->address.port = (uint16_t)numbers[i];
		assert_int_equal(rule_add_target(rule, target), 0);
	}
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(rule->targets[i]->number, i + 1);
	target = rule_find_target(rule, &(struct address){ .port = 4 });
	assert_int_equal(target->number, 4);
	rule_remove_target(rule, target);
	assert_null(rule_find_target(rule, &(struct address){ .port = 4 }));
	assert_int_equal(rule->target_count, 8);
	/* From 8 (a power of two, with more room behind it) down to nothing and up again. */
	while (rule->target_count > 0)
		rule_remove_target(rule, rule->targets[rule->target_count / 2]);
	for (uint64_t i = 0; i < 20; i++) {
		target = target_new();
		target->number = i;
		assert_int_equal(rule_add_target(rule, target), 0);
	}
	assert_int_equal(rule->targets[19]->number, 19);
	assert_null(rule_free(rule));
	assert_null(rule_free(NULL));
	assert_null(target_free(NULL));
	assert_null(listener_free(NULL));
	assert_null(instance_free(NULL));
}

static void finders_find(void **state)
{
	struct model model = { 0 };
	struct instance *instance = instance_new();
	struct listener *listener = listener_new();
	struct rule *rule = rule_new();

	strcpy(instance->id, "lb-1");
	strcpy(listener->id, "lbl-1");
	strcpy(rule->id, "loc-1");
	free(rule->url);
	rule->url = strdup("/x");
	assert_int_equal(model_add_instance(&model, instance), 0);
	assert_int_equal(instance_add_listener(instance, listener), 0);
	assert_int_equal(listener_add_rule(listener, rule), 0);
	assert_ptr_equal(model_find_instance(&model, "lb-1"), instance);
	assert_null(model_find_instance(&model, "lb-2"));
	assert_ptr_equal(instance_find_listener(instance, "lbl-1"), listener);
	assert_null(instance_find_listener(instance, ""));
	assert_ptr_equal(listener_find_rule(listener, "loc-1"), rule);
	assert_null(listener_find_rule(listener, "loc"));
	assert_ptr_equal(listener_find_rule_by_url(listener, "", "/x"), rule);
	assert_null(listener_find_rule_by_url(listener, "a", "/x"));
	listener_remove_rule(listener, rule);
	instance_remove_listener(instance, listener);
	model_remove_instance(&model, instance);
	assert_int_equal(model.instance_count, 0);
	model_done(&model);
	model_done(NULL);
}

static void health_check_copies(void **state)
{
	struct health_check check, copy;

	health_check_defaults(&check, PROTOCOL_UDP);
	assert_int_equal(check.type, CHECK_PING);
	health_check_defaults(&check, PROTOCOL_TCP_SSL);
	assert_int_equal(check.type, CHECK_TCP);
	health_check_defaults(&check, PROTOCOL_HTTP);
	assert_int_equal(check.type, CHECK_HTTP);
	assert_true(check.is_on);
	assert_int_equal(check.timeout_s, 2);
	assert_int_equal(check.interval_s, 5);
	assert_int_equal(check.http_code, 31);
	check.path = strdup("/health");
	check.extended_code = strdup("12");
	assert_int_equal(health_check_copy(&check, &copy), 0);
	health_check_done(&check);
	health_check_done(&check);
	assert_string_equal(copy.path, "/health");
	assert_string_equal(copy.extended_code, "12");
	assert_null(copy.domain);
	health_check_done(&copy);
	health_check_done(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_read_back),       cmocka_unit_test(first_problem_wins),
		cmocka_unit_test(problem_text_is_clean), cmocka_unit_test(names_are_basic_utf8),
		cmocka_unit_test(character_sets),        cmocka_unit_test(targets_keep_their_order),
		cmocka_unit_test(finders_find),          cmocka_unit_test(health_check_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

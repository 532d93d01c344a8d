/* SPDX-License-Identifier: Apache-2.0 */
/* Custom configurations through the API (api.md section 10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/store.h"
#include "noun_fixture.h"

#define SET "SetCustomizedConfigForLoadBalancer"
#define LIST "DescribeCustomizedConfigList"
#define BINDINGS "DescribeCustomizedConfigAssociateList"

static void add(const char *name, const char *content, char id[32])
{
	json_t *answer =
		noun_call(SET, "{'OperationType':'ADD','ConfigName':'%s','ConfigContent':'%s'}",
			  name, content);

	snprintf(id, 32, "%s", noun_text(answer, "ConfigId"));
	assert_int_equal(strlen(id), 11);
	assert_int_equal(strspn(id + 3, "abcdefghijklmnopqrstuvwxyz0123456789"), 8);
	json_decref(answer);
}

static void bind_to(const char *id, const char *instance)
{
	noun_do(SET, "{'OperationType':'BIND','UconfigId':'%s','LoadBalancerIds':['%s']}", id,
		instance);
}

/* Whether a change waits for its snapshot; all are taken as done afterwards. */
static bool is_published(void)
{
	struct task_row row;
	bool waits = false;

	while (store_next_running_task(noun.control.store, 0, INT64_MAX, &row) == 0) {
		assert_int_equal(
			store_update_task(noun.control.store, row.request_id, TASK_DONE, 1, NULL),
			0);
		task_row_done(&row);
		waits = true;
	}
	return waits;
}

static void total(const char *action, const char *input, int64_t count)
{
	json_t *answer = noun_call(action, "%s", input);

	assert_int_equal(noun_integer(answer, "TotalCount"), count);
	json_decref(answer);
}

static void lives_from_add_to_delete(void **state)
{
	char instance[32], id[32];
	const struct custom_configuration *custom;
	json_t *answer;

	snprintf(instance, sizeof(instance), "%s", noun_instance("127.0.0.1"));
	is_published();
	add("slow \xc3\xa9", "# why\\r\\nkeepalive_timeout 10s;\\n", id);
	assert_false(is_published());
	custom = noun.control.model.customs[0];
	assert_int_equal(custom->directives.keepalive_timeout_ms, 10000);

	bind_to(id, instance);
	assert_true(is_published());
	assert_ptr_equal(noun.control.model.instances[0]->custom, custom);
	bind_to(id, instance);
	assert_false(is_published());
	answer = noun_call("DescribeLoadBalancers", "{}");
	assert_string_equal(noun_text(answer, "LoadBalancerSet.0.ConfigId"), id);
	json_decref(answer);

	/* A name, or a text that says the same, is nothing to traffic. */
	answer = noun_call(SET, "{'OperationType':'UPDATE','UconfigId':'%s','ConfigName':'n'}", id);
	assert_string_equal(noun_text(answer, "ConfigId"), id);
	json_decref(answer);
	assert_string_equal(custom->name, "n");
	noun_do(SET,
		"{'OperationType':'UPDATE','UconfigId':'%s','ConfigContent':'keepalive_timeout "
		"10000ms;'}",
		id);
	assert_false(is_published());
	noun_do(SET,
		"{'OperationType':'UPDATE','UconfigId':'%s','ConfigContent':'send_timeout 7;'}",
		id);
	assert_true(is_published());
	assert_int_equal(custom->directives.keepalive_timeout_ms, 75000);
	assert_int_equal(custom->directives.client_send_timeout_ms, 7000);

	noun_refuse(SET, "FailedOperation", "UconfigId",
		    "{'OperationType':'DELETE','UconfigId':'%s'}", id);
	noun_do(SET, "{'OperationType':'UNBIND','UconfigId':'%s','LoadBalancerIds':['%s','%s']}",
		id, instance, instance);
	assert_true(is_published());
	assert_null(noun.control.model.instances[0]->custom);
	noun_do(SET, "{'OperationType':'UPDATE','UconfigId':'%s','ConfigContent':'#'}", id);
	noun_do(SET, "{'OperationType':'DELETE','UconfigId':'%s'}", id);
	assert_false(is_published());
	assert_int_equal(noun.control.model.custom_count, 0);
}

static void partners_are_checked(void **state)
{
	static const struct {
		const char *code, *field, *input;
	} bad[] = {
		{ "MissingParameter", "OperationType", "{}" },
		{ "InvalidParameterValue", "OperationType", "{'OperationType':'add'}" },
		{ "MissingParameter", "ConfigContent", "{'OperationType':'ADD','ConfigName':'a'}" },
		{ "MissingParameter", "ConfigName", "{'OperationType':'ADD','ConfigContent':'#'}" },
		{ "InvalidParameter", "UconfigId",
		  "{'OperationType':'ADD','ConfigName':'a','ConfigContent':'#','UconfigId':'x'}" },
		{ "InvalidParameter", "LoadBalancerIds",
		  "{'OperationType':'ADD','ConfigName':'a','ConfigContent':'#',"
		  "'LoadBalancerIds':['lb-00000000']}" },
		{ "InvalidParameterValue.Length", "ConfigName",
		  "{'OperationType':'ADD','ConfigName':'','ConfigContent':'#'}" },
		{ "InvalidParameterValue", "ConfigName",
		  "{'OperationType':'ADD','ConfigName':'a\\nb','ConfigContent':'#'}" },
		{ "MissingParameter", "UconfigId", "{'OperationType':'UPDATE'}" },
		{ "MissingParameter", "UconfigId", "{'OperationType':'DELETE','UconfigId':''}" },
		{ "InvalidParameter", "UconfigId",
		  "{'OperationType':'DELETE','UconfigId':'pz-00000000'}" },
		{ "InvalidParameter", "UconfigId",
		  "{'OperationType':'UPDATE','UconfigId':'pz-00000000','ConfigName':'a'}" },
		{ "MissingParameter", "LoadBalancerIds",
		  "{'OperationType':'BIND','UconfigId':'pz-00000000'}" },
		{ "MissingParameter", "LoadBalancerIds",
		  "{'OperationType':'UNBIND','UconfigId':'pz-00000000','LoadBalancerIds':[]}" },
		{ "InvalidParameter", "ConfigName",
		  "{'OperationType':'DELETE','UconfigId':'pz-00000000','ConfigName':'a'}" },
		{ "InvalidParameter", "ConfigContent",
		  "{'OperationType':'ADD','ConfigName':'a','ConfigContent':7}" },
		{ "UnsupportedOperation", NULL,
		  "{'OperationType':'ADD','ConfigName':'a','ConfigContent':'#',"
		  "'Tags':[{'TagKey':'a','TagValue':'b'}]}" },
		{ "UnknownParameter", NULL, "{'OperationType':'ADD','ConfigType':'CLB'}" },
	};
	char id[32];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		noun_refuse(SET, bad[i].code, bad[i].field, "%s", bad[i].input);
	add("a", "#", id);
	noun_refuse(SET, "MissingParameter", "ConfigContent",
		    "{'OperationType':'UPDATE','UconfigId':'%s'}", id);
	/* What does not belong, but is empty, is not there. */
	noun_do(SET,
		"{'OperationType':'DELETE','UconfigId':'%s','LoadBalancerIds':[],"
		"'ConfigName':null}",
		id);
}

static void bad_contents_save_nothing(void **state)
{
	char id[32], instance[32];

	snprintf(instance, sizeof(instance), "%s", noun_instance("127.0.0.1"));
	add("a", "keepalive_timeout 10s;", id);
	bind_to(id, instance);
	noun_refuse(SET, "InvalidParameterValue", "ConfigContent",
		    "{'OperationType':'ADD','ConfigName':'b','ConfigContent':'#\\n\\nfoo 1;'}");
	assert_non_null(strstr(noun.problem.text, "line 3: foo"));
	noun_refuse(
		SET, "UnsupportedOperation", "ConfigContent",
		"{'OperationType':'ADD','ConfigName':'b','ConfigContent':'error_page 404 =200 /;'}");
	assert_non_null(strstr(noun.problem.text, "line 1: error_page: a page is a redirection"));
	noun_refuse(
		SET, "InvalidParameterValue", "ConfigContent",
		"{'OperationType':'ADD','ConfigName':'b','ConfigContent':'add_header Date b;'}");
	assert_non_null(strstr(noun.problem.text, "line 1: add_header: this header is"));
	noun_refuse(SET, "InvalidParameterValue", "ConfigContent",
		    "{'OperationType':'UPDATE','UconfigId':'%s','ConfigName':'b',"
		    "'ConfigContent':'keepalive_timeout 1y;'}",
		    id);
	assert_string_equal(noun.control.model.customs[0]->name, "a");
	noun_restart();
	assert_int_equal(noun.control.model.custom_count, 1);
	assert_ptr_equal(noun.control.model.instances[0]->custom, noun.control.model.customs[0]);
}

/* What traffic sees of lists is compared too, and comes back from the store. */
static void lists_are_kept_and_compared(void **state)
{
	char id[32], instance[32];
	const struct directives *directives;

	snprintf(instance, sizeof(instance), "%s", noun_instance("127.0.0.1"));
	add("a", "add_header A b;", id);
	bind_to(id, instance);
	is_published();
	noun_do(SET,
		"{'OperationType':'UPDATE','UconfigId':'%s','ConfigContent':'add_header A  b;'}",
		id);
	assert_false(is_published());
	noun_do(SET,
		"{'OperationType':'UPDATE','UconfigId':'%s','ConfigContent':"
		"'add_header A c; error_page 404 /x; ssl_protocols TLSv1.2;'}",
		id);
	assert_true(is_published());
	noun_restart();
	directives = &noun.control.model.customs[0]->directives;
	assert_int_equal(directives->header_count, 1);
	assert_string_equal(directives->headers[0].value, "c");
	assert_int_equal(directives->page_count, 1);
	assert_string_equal(directives->pages[0].uri, "/x");
}

static void an_instance_has_one(void **state)
{
	char first[32], second[32], one[32], two[32];

	snprintf(one, sizeof(one), "%s", noun_instance("127.0.0.1"));
	snprintf(two, sizeof(two), "%s", noun_instance("127.0.0.2"));
	add("first", "#", first);
	add("second", "#", second);
	noun_refuse(SET, "InvalidParameter.LBIdNotFound", "LoadBalancerIds[1]",
		    "{'OperationType':'BIND','UconfigId':'%s','LoadBalancerIds':['%s',"
		    "'lb-00000000']}",
		    first, one);
	noun_do(SET, "{'OperationType':'BIND','UconfigId':'%s','LoadBalancerIds':['%s','%s']}",
		first, one, one);
	noun_refuse(SET, "InvalidParameter", "LoadBalancerIds[1]",
		    "{'OperationType':'BIND','UconfigId':'%s','LoadBalancerIds':['%s','%s']}",
		    second, two, one);
	noun_refuse(SET, "InvalidParameter", "LoadBalancerIds[0]",
		    "{'OperationType':'UNBIND','UconfigId':'%s','LoadBalancerIds':['%s']}", second,
		    one);
	noun_refuse(SET, "InvalidParameter", "LoadBalancerIds[0]",
		    "{'OperationType':'UNBIND','UconfigId':'%s','LoadBalancerIds':['%s']}", first,
		    two);
	bind_to(first, two);
	noun_do("DeleteLoadBalancer", "{'LoadBalancerIds':['%s','%s']}", one, two);
	noun_do(SET, "{'OperationType':'DELETE','UconfigId':'%s'}", first);
	total(LIST, "{'ConfigType':'CLB'}", 1);
}

static void lists(void **state)
{
	char first[32], second[32], one[32], text[128];
	json_t *answer;

	snprintf(one, sizeof(one), "%s", noun_instance("127.0.0.1"));
	add("alpha", "keepalive_timeout 1;\\n# |", first);
	add("beta", "#", second);
	bind_to(first, one);
	answer = noun_call(LIST, "{'ConfigType':'CLB'}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 2);
	assert_string_equal(noun_text(answer, "ConfigList.0.UconfigId"), first);
	assert_string_equal(noun_text(answer, "ConfigList.0.ConfigType"), "CLB");
	assert_string_equal(noun_text(answer, "ConfigList.0.ConfigName"), "alpha");
	assert_string_equal(noun_text(answer, "ConfigList.0.ConfigContent"),
			    "keepalive_timeout 1;\n# |");
	assert_int_equal(strlen(noun_text(answer, "ConfigList.0.CreateTimestamp")), 19);
	assert_int_equal(strlen(noun_text(answer, "ConfigList.0.UpdateTimestamp")), 19);
	json_decref(answer);
	answer = noun_call(LIST, "{'ConfigType':'CLB','Offset':1,'Limit':1}");
	assert_int_equal(noun_integer(answer, "TotalCount"), 2);
	assert_int_equal(json_array_size(noun_at(answer, "ConfigList")), 1);
	assert_string_equal(noun_text(answer, "ConfigList.0.UconfigId"), second);
	json_decref(answer);
	total(LIST, "{'ConfigType':'CLB','ConfigName':'eta'}", 1);
	total(LIST, "{'ConfigType':'CLB','UconfigIds':['pz-00000000']}", 0);
	total(LIST, "{'ConfigType':'CLB','Filters':[{'Name':'vip','Values':['127.0.0.1']}]}", 1);
	total(LIST, "{'ConfigType':'CLB','Filters':[{'Name':'vip','Values':['127.0.0.2']}]}", 0);
	snprintf(text, sizeof(text),
		 "{'ConfigType':'CLB','Filters':[{'Name':'loadbalancer-id','Values':['%s']}]}",
		 one);
	total(LIST, text, 1);
	noun_refuse(LIST, "InvalidParameterValue.InvalidFilter", NULL,
		    "{'ConfigType':'CLB','Filters':[{'Name':'zone','Values':['1']}]}");
	noun_refuse(LIST, "UnsupportedOperation", "ConfigType", "{'ConfigType':'SERVER'}");
	noun_refuse(LIST, "UnsupportedOperation", "ConfigType", "{'ConfigType':'LOCATION'}");
	noun_refuse(LIST, "InvalidParameterValue", "ConfigType", "{'ConfigType':'clb'}");
	noun_refuse(LIST, "MissingParameter", "ConfigType", "{}");

	answer = noun_call(BINDINGS, "{'UconfigId':'%s'}", first);
	assert_int_equal(noun_integer(answer, "TotalCount"), 1);
	assert_string_equal(noun_text(answer, "BindList.0.LoadBalancerId"), one);
	assert_string_equal(noun_text(answer, "BindList.0.UconfigId"), first);
	assert_int_equal(json_object_size(noun_at(answer, "BindList.0")), 9);
	json_decref(answer);
	total(BINDINGS, "{}", 1);
	total(BINDINGS, "{'Domain':'a'}", 0);
	total(BINDINGS, "{'UconfigId':'pz-00000000'}", 0);
	snprintf(text, sizeof(text), "{'UconfigId':'%s'}", second);
	total(BINDINGS, text, 0);
}

static void there_is_a_roof(void **state)
{
	char id[32];

	for (int i = 0; i < QUOTA_CUSTOM_CONFIGURATIONS; i++)
		add("same", "#", id);
	noun_refuse(SET, "LimitExceeded", "",
		    "{'OperationType':'ADD','ConfigName':'a','ConfigContent':'#'}");
	noun_restart();
	assert_int_equal(noun.control.model.custom_count, QUOTA_CUSTOM_CONFIGURATIONS);
	noun_do(SET, "{'OperationType':'DELETE','UconfigId':'%s'}", id);
	add("same", "#", id);
}

#define NOUN_TEST(name) cmocka_unit_test_setup_teardown(name, noun_setup, noun_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NOUN_TEST(lives_from_add_to_delete),  NOUN_TEST(partners_are_checked),
		NOUN_TEST(bad_contents_save_nothing), NOUN_TEST(lists_are_kept_and_compared),
		NOUN_TEST(an_instance_has_one),       NOUN_TEST(lists),
		NOUN_TEST(there_is_a_roof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The table of causes is whole, and errors lead to the one that says whose fault it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "http/edit.h"
#include "proxy/cause.h"

static void test_table(void **state)
{
	for (enum cause cause = CAUSE_NONE + 1; cause < CAUSES; cause++) {
		unsigned status = cause_status(cause);
		char digits[12];

		assert_string_not_equal(http_status_text(status), "Unknown");
		assert_in_range(cause_counter(cause), COUNTER_HTTP_400, COUNTERS_USED - 1);
		if (cause >= CAUSE_REDIRECT_301 && cause <= CAUSE_REDIRECT_307)
			snprintf(digits, sizeof(digits), "http_redi");
		else
			snprintf(digits, sizeof(digits), "http_%u", status);
		assert_memory_equal(counter_name(cause_counter(cause)), digits, strlen(digits));
		assert_true(strlen(cause_text(cause)) > 1);
		for (enum cause other = CAUSE_NONE + 1; other < cause; other++)
			assert_string_not_equal(cause_text(cause), cause_text(other));
	}
	assert_string_equal(cause_text(CAUSES), "-");
}

static void test_parser_statuses(void **state)
{
	static const unsigned statuses[] = { 400, 405, 414, 417, 431, 501, 505 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		assert_int_equal(cause_status(cause_of_status(statuses[i])), statuses[i]);
}

static void test_errors(void **state)
{
	assert_int_equal(cause_of_body(-EBADMSG), CAUSE_BAD_BODY);
	assert_int_equal(cause_of_body(-E2BIG), CAUSE_BODY_ROOF);
	assert_int_equal(cause_of_body(-ENOMEM), CAUSE_NO_ROOM);
	assert_int_equal(cause_of_store(-ENOSPC), CAUSE_NO_BODY_ROOM);
	assert_int_equal(cause_of_store(-EACCES), CAUSE_NO_BODY_ROOM);
	assert_int_equal(cause_of_store(-EMFILE), CAUSE_NO_ROOM);
	assert_int_equal(cause_of_store(-ENOMEM), CAUSE_NO_ROOM);
	assert_int_equal(cause_of_answer(-EBADMSG), CAUSE_BAD_ANSWER);
	assert_int_equal(cause_of_answer(-E2BIG), CAUSE_ANSWER_ROOF);
	assert_int_equal(cause_of_answer(-ENOBUFS), CAUSE_ANSWER_ROOF);
	assert_int_equal(cause_of_answer(-ENOMEM), CAUSE_NO_ROOM);
	assert_int_equal(cause_of_try(-ECONNREFUSED, false), CAUSE_CONNECT_FAILED);
	assert_int_equal(cause_of_try(-EHOSTUNREACH, false), CAUSE_CONNECT_FAILED);
	assert_int_equal(cause_of_try(-ETIMEDOUT, false), CAUSE_CONNECT_TIMEOUT);
	assert_int_equal(cause_of_try(-EADDRNOTAVAIL, false), CAUSE_NO_ROOM);
	assert_int_equal(cause_of_try(-EMFILE, false), CAUSE_NO_ROOM);
	assert_int_equal(cause_of_try(-EIO, true), CAUSE_NO_ROOM);
	assert_int_equal(cause_of_try(-ECONNRESET, true), CAUSE_TARGET_CLOSED);
	assert_int_equal(cause_of_try(-EPIPE, true), CAUSE_TARGET_CLOSED);
	assert_int_equal(cause_of_try(-ETIMEDOUT, true), CAUSE_READ_TIMEOUT);
}

static void test_every_counter_has_a_name(void **state)
{
	for (enum counter counter = 0; counter < COUNTERS_USED; counter++) {
		assert_non_null(counter_name(counter));
		for (enum counter other = 0; other < counter; other++)
			assert_string_not_equal(counter_name(counter), counter_name(other));
	}
	assert_string_equal(counter_name(COUNTERS_USED), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_parser_statuses),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_every_counter_has_a_name),
	};

	return cmocka_run_group_tests_name("proxy_cause", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `setia run`: what is taken, what is refused, and that children read what the
 * keeper wrote. */
#include "process/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "model/limits.h"
#include "process/privileges.h"

/* Words separated by one space; stdout and stderr go nowhere. */
static int parse(const char *text, struct run_options *ret)
{
	static char words[4096];
	char *argv[64], *next = words;
	int argc = 0, result, silence = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int saved_out = dup(STDOUT_FILENO), saved_error = dup(STDERR_FILENO);

	strncpy(words, text, sizeof(words) - 1);
	while ((argv[argc] = strsep(&next, " ")))
		argc++;
	fflush(stdout);
	dup2(silence, STDOUT_FILENO);
	dup2(silence, STDERR_FILENO);
	result = run_options_parse(argc, argv, ret);
	fflush(stdout);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_error, STDERR_FILENO);
	close(silence);
	close(saved_out);
	close(saved_error);
	return result;
}

static void defaults(void **state)
{
	struct run_options options;
	char text[ADDRESS_TEXT_SIZE];

	assert_int_equal(parse("run --data /x", &options), 0);
	assert_string_equal(options.data, "/x");
	assert_null(options.config);
	assert_null(options.user);
	assert_null(options.log_dir);
	assert_null(options.body_dir);
	assert_int_equal(options.body_room_m, BODY_ROOM_DEFAULT_M);
	address_format(&options.api, text);
	assert_string_equal(text, "127.0.0.1:9080");
	assert_true(address_is_any(&options.default_vip));
	assert_int_equal(options.default_vip.family, ADDRESS_IPV4);
	assert_in_range(options.workers, 1, LIMIT_WORKERS);
	assert_int_equal(options.grace_s, GRACE_DEFAULT_S);
	assert_int_equal(options.api_rate, API_RATE_PER_SECOND);
	assert_int_equal(options.log_level, LOG_LEVEL_INFO);
	assert_int_equal(options.log_format, LOG_KEY_VALUE);
}

static void refusals(void **state)
{
	static const char *const lines[] = {
		"run",
		"run --data",
		"run --data ",
		"run --data /x more",
		"run --data /x --unknown",
		"run --data /x -x",
		"run --data /x --api 9080",
		"run --data /x --api 127.0.0.1:0",
		"run --data /x --api localhost:80",
		"run --data /x --api 127.0.0.1:65536",
		"run --data /x --default-vip 1.2.3.4:80",
		"run --data /x --default-vip 1.2.3",
		"run --data /x --workers 0",
		"run --data /x --workers 65",
		"run --data /x --workers -1",
		"run --data /x --workers 2x",
		"run --data /x --grace 86401",
		"run --data /x --grace 1.5",
		"run --data /x --sessions 1023",
		"run --data /x --sessions 100000001",
		"run --data /x --resume 2",
		"run --data /x --resume -1",
		"run --data /x --api-rate many",
		"run --data /x --quota",
		"run --data /x --quota TOTAL_LISTENER_QUOTA",
		"run --data /x --quota =5",
		"run --data /x --quota NO_SUCH_QUOTA=5",
		"run --data /x --quota TOTAL_LISTENER_QUOTA=",
		"run --data /x --quota TOTAL_LISTENER_QUOTA=-1",
		"run --data /x --quota TOTAL_LISTENER_QUOTA=5x",
		"run --data /x --quota TOTAL_LISTENER_QUOTA=16385",
		"run --data /x --quota TOTAL_LISTENER_QUOTA=99999999999999999999",
		"run --data /x --log-dir ",
		"run --data /x --body-dir ",
		"run --data /x --body-room 0",
		"run --data /x --body-room 16777217",
		"run --data /x --body-room 1G",
		"run --data /x --log-level loud",
		"run --data /x --log-format xml",
		"run --data /x --config ",
		"run --data /x --user ",
		"run --data /x --help=1",
	};
	struct run_options options = { .grace_s = 77 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (parse(lines[i], &options) != -EINVAL)
			fail_msg("taken: %s", lines[i]);
	}
	assert_int_equal(options.grace_s, 77);
	assert_int_equal(parse("run --help", &options), 1);
	assert_int_equal(parse("run -h", &options), 1);
}

static void children_read_what_was_written(void **state)
{
	struct run_options options, again;
	struct run_arguments arguments;
	int argc = 0;

	assert_int_equal(parse("run --data /x --config a.yaml --user nobody --api [::1]:80 "
			       "--default-vip 2001:db8::1 --workers 64 --grace 0 --api-rate 0 "
			       "--sessions 2048 --resume 17 --body-dir /b --body-room 7 "
			       "--log-level debug --log-format json",
			       &options),
			 0);
	run_options_to_arguments(&options, "control", &arguments);
	while (arguments.argv[argc])
		argc++;
	assert_string_equal(arguments.argv[0], "setia");
	assert_string_equal(arguments.argv[1], "control");
	assert_int_equal(run_options_parse(argc - 1, arguments.argv + 1, &again), 0);
	assert_string_equal(again.data, "/x");
	assert_string_equal(again.config, "a.yaml");
	assert_string_equal(again.user, "nobody");
	assert_true(address_equal(&again.api, &options.api));
	assert_true(address_equal(&again.default_vip, &options.default_vip));
	assert_int_equal(again.default_vip.family, ADDRESS_IPV6);
	assert_int_equal(again.workers, 64);
	assert_int_equal(again.grace_s, 0);
	assert_int_equal(again.upgrade_grace_s, 0);
	assert_int_equal(again.sessions, 2048);
	assert_int_equal(again.resume_fd, 17);
	assert_string_equal(again.body_dir, "/b");
	assert_int_equal(again.body_room_m, 7);
	assert_int_equal(again.api_rate, 0);
	assert_int_equal(again.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(again.log_format, LOG_JSON);

	assert_int_equal(parse("run --data /x", &options), 0);
	run_options_to_arguments(&options, "proxy", &arguments);
	for (argc = 0; arguments.argv[argc]; argc++)
		assert_string_not_equal(arguments.argv[argc], "--user");
	assert_int_equal(run_options_parse(argc - 1, arguments.argv + 1, &again), 0);
	assert_null(again.user);
	assert_int_equal(again.grace_s, GRACE_DEFAULT_S);
	assert_int_equal(again.upgrade_grace_s, GRACE_UPGRADE_DEFAULT_S);
	assert_int_equal(again.sessions, SESSIONS_DEFAULT);
	assert_int_equal(again.resume_fd, 0);
	assert_null(again.body_dir);
	assert_int_equal(again.body_room_m, BODY_ROOM_DEFAULT_M);
}

static void every_quota_reaches_the_children(void **state)
{
	struct run_options options, again;
	struct run_arguments arguments;
	char line[2048] = "run --data /x";
	int argc = 0;

	assert_int_equal(parse(line, &options), 0);
	for (size_t i = 0; i < QUOTA_COUNT; i++) {
		assert_int_equal(options.quotas.most[i], quota_default((enum quota)i));
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
			 " --quota %s=7 --quota %s=%zu", quota_id((enum quota)i),
			 quota_id((enum quota)i), i);
	}
	assert_int_equal(parse(line, &options), 0);
	run_options_to_arguments(&options, "control", &arguments);
	while (arguments.argv[argc])
		argc++;
	assert_int_equal(run_options_parse(argc - 1, arguments.argv + 1, &again), 0);
	for (size_t i = 0; i < QUOTA_COUNT; i++)
		assert_int_equal(again.quotas.most[i], i);
}

static void quota_refusals_name_both_values(void **state)
{
	struct quotas quotas = quotas_default();
	char why[512];

	assert_int_equal(quotas_take("TOTAL_TARGET_BIND_QUOTA=1001", &quotas, why, sizeof(why)),
			 -EINVAL);
	assert_non_null(strstr(why, "TOTAL_TARGET_BIND_QUOTA"));
	assert_non_null(strstr(why, "1001"));
	assert_non_null(strstr(why, "1000"));
	assert_int_equal(quotas_take("TOTAL_X=1", &quotas, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "TOTAL_X is no quota"));
	for (size_t i = 0; i < QUOTA_COUNT; i++) {
		assert_non_null(strstr(why, quota_id((enum quota)i)));
		assert_int_equal(quotas.most[i], quota_default((enum quota)i));
	}
	assert_int_equal(quotas_take("TOTAL_TARGET_BIND_QUOTA=1000", &quotas, why, sizeof(why)), 0);
	assert_int_equal(quotas.most[QUOTA_OF_TARGETS], 1000);
}

static void users_are_found(void **state)
{
	struct identity identity = { .user = 5 };

	assert_int_equal(privileges_find("root", &identity), 0);
	assert_int_equal(identity.user, 0);
	identity.user = 5;
	assert_int_equal(privileges_find("no such user", &identity), -ENOENT);
	assert_int_equal(identity.user, 5);
	assert_true(privileges_raise_descriptors() >= 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(refusals),
		cmocka_unit_test(children_read_what_was_written),
		cmocka_unit_test(every_quota_reaches_the_children),
		cmocka_unit_test(quota_refusals_name_both_values),
		cmocka_unit_test(users_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The log's lines: shape, escaping, the roof. stderr is a pipe while a line is written. */
#include "process/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

static char line[8192];

/* Runs `statement` with stderr in a pipe and leaves what it wrote in `line`. */
static int saved_stderr, reading_end;

static void capture_into(const int ends[2])
{
	saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reading_end = ends[0];
}

static void capture_begin(const char *process, enum log_level level, enum log_format format)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	capture_into(ends);
	log_init(process, level, format);
}

static void capture_end(void)
{
	ssize_t size;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	size = read(reading_end, line, sizeof(line) - 1);
	close(reading_end);
	log_init("", LOG_LEVEL_ERROR, LOG_KEY_VALUE);
	line[size > 0 ? size : 0] = '\0';
}

static void writes_pairs(void **state)
{
	capture_begin("keeper", LOG_LEVEL_INFO, LOG_KEY_VALUE);
	log_event(LOG_LEVEL_INFO, "listener_open", "address", "0.0.0.0:80", "port", log_number(-80),
		  "none", NULL, NULL);
	capture_end();
	assert_memory_equal(line, "time=20", 7);
	assert_non_null(strstr(line, "Z level=info process=keeper event=listener_open "
				     "address=0.0.0.0:80 port=-80 none=-\n"));
}

static void writes_json(void **state)
{
	capture_begin("proxy", LOG_LEVEL_INFO, LOG_JSON);
	log_event(LOG_LEVEL_WARNING, "x", "a", "q\"\\\n\x01\xff\xc3\xa9", "b", "", NULL);
	capture_end();
	assert_memory_equal(line, "{\"time\":\"20", 10);
	assert_non_null(strstr(line, "\"level\":\"warning\",\"process\":\"proxy\",\"event\":\"x\","
				     "\"a\":\"q\\\"\\\\\\n\\u0001\\ufffd\xc3\xa9\",\"b\":\"\"}\n"));
}

static void no_input_forges_a_line(void **state)
{
	capture_begin("keeper", LOG_LEVEL_INFO, LOG_KEY_VALUE);
	log_event(LOG_LEVEL_ERROR, "x", "a", "1\ntime=2 level=error", "b", "c d", "e", "\x1b[2J",
		  "f", "\xc2\x9b", "g", "", "h", "a=b", NULL);
	capture_end();
	assert_non_null(strstr(line,
			       "event=x a=\"1\\ntime=2 level=error\" b=\"c d\" e=\"\\x1b[2J\" "
			       "f=\"\\xc2\\x9b\" g=\"\" h=\"a=b\"\n"));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void utf8_passes_or_is_escaped(void **state)
{
	static const struct {
		const char *value, *written;
	} cases[] = {
		{ "\xe2\x82\xac", "v=\"\xe2\x82\xac\"\n" },
		{ "\xf0\x9f\x98\x80", "v=\"\xf0\x9f\x98\x80\"\n" },
		{ "\xed\xa0\x80", "v=\"\\xed\\xa0\\x80\"\n" }, /* a surrogate */
		{ "\xc0\xaf", "v=\"\\xc0\\xaf\"\n" }, /* overlong */
		{ "\xe0\x80\xaf", "v=\"\\xe0\\x80\\xaf\"\n" }, /* overlong */
		{ "\xf4\x90\x80\x80", "v=\"\\xf4\\x90\\x80\\x80\"\n" }, /* above U+10FFFF */
		{ "\xe2\x82", "v=\"\\xe2\\x82\"\n" }, /* cut short by the NUL */
		{ "\xf0\x9f\x98", "v=\"\\xf0\\x9f\\x98\"\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		capture_begin("keeper", LOG_LEVEL_INFO, LOG_KEY_VALUE);
		log_event(LOG_LEVEL_INFO, "x", "v", cases[i].value, NULL);
		capture_end();
		assert_non_null(strstr(line, cases[i].written));
	}
}

static void long_values_are_cut(void **state)
{
	char value[5000];

	memset(value, '"', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (size_t cut = 0; cut < 40; cut++) {
		capture_begin("keeper", LOG_LEVEL_INFO, cut % 2 ? LOG_JSON : LOG_KEY_VALUE);
		log_event(LOG_LEVEL_INFO, "x", "pad", value + sizeof(value) - 1 - cut, "v", value,
			  "lost", "never written", NULL);
		capture_end();
		assert_in_range(strlen(line), 1900, 2000);
		assert_null(strstr(line, "lost"));
		assert_string_equal(line + strlen(line) - (cut % 2 ? 5 : 4),
				    cut % 2 ? "\\\"\"}\n" : "\\\"\"\n");
	}
	memset(value, 'x', sizeof(value) - 1);
	capture_begin("keeper", LOG_LEVEL_INFO, LOG_KEY_VALUE);
	log_event(LOG_LEVEL_INFO, "x", "v", value, "lost", "1", NULL);
	capture_end();
	assert_in_range(strlen(line), 1990, 2000);
	assert_string_equal(line + strlen(line) - 2, "x\n");
}

static void pairs_have_a_roof(void **state)
{
	capture_begin("keeper", LOG_LEVEL_INFO, LOG_KEY_VALUE);
	log_event(LOG_LEVEL_INFO, "x", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6",
		  "g", "7", "h", "8", "i", "9", "j", "10", "k", "11", "l", "12", "m", "13", "n",
		  "14", "o", "15", "p", "16", "q", "17", NULL);
	capture_end();
	assert_non_null(strstr(line, " p=16\n"));
}

static void levels(void **state)
{
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
		assert_int_equal(log_level_of(log_level_name((enum log_level)level)), level);
	assert_int_equal(log_level_of("Info"), 0);
	assert_int_equal(log_level_of(NULL), 0);
	capture_begin("keeper", LOG_LEVEL_WARNING, LOG_KEY_VALUE);
	assert_true(log_is_on(LOG_LEVEL_WARNING));
	assert_false(log_is_on(LOG_LEVEL_INFO));
	errno = EBADF;
	log_event(LOG_LEVEL_INFO, "silent", NULL);
	log_event(LOG_LEVEL_WARNING, "spoken", NULL);
	assert_int_equal(errno, EBADF);
	capture_end();
	assert_null(strstr(line, "silent"));
	assert_non_null(strstr(line, "spoken"));
}

/* Nobody reads: lines are lost and counted, and nothing waits. The alarm would end the test. */
static void check_full(const int ends[2])
{
	static char all[1 << 22];
	size_t size = 0;
	unsigned lost = 0;
	ssize_t got;
	char *told;

	capture_into(ends);
	log_init("proxy", LOG_LEVEL_INFO, LOG_KEY_VALUE);
	alarm(20);
	for (int i = 0; i < 20000; i++)
		log_event(LOG_LEVEL_INFO, "flood", "number", log_number(i), NULL);
	alarm(0);
	assert_int_equal(fcntl(reading_end, F_SETFL, O_NONBLOCK), 0);
	while ((got = read(reading_end, all + size, sizeof(all) - 1 - size)) > 0)
		size += (size_t)got;
	log_event(LOG_LEVEL_INFO, "after", NULL);
	log_event(LOG_LEVEL_INFO, "last", NULL);
	all[size] = 0;
	capture_end();
	told = strstr(line, "level=warning process=proxy event=log_lines_lost count=");
	assert_non_null(told);
	assert_int_equal(sscanf(told, "%*s %*s %*s count=%u", &lost), 1);
	assert_non_null(strstr(told, "event=after\n"));
	assert_null(strstr(strstr(told, "event=after"), "lost"));
	for (char *at = strstr(all, "event=flood"); at; at = strstr(at + 1, "event=flood"))
		lost++;
	assert_int_equal(lost, 20000);
}

static void full_pipes_hold_nobody_up(void **state)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	check_full(ends);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	check_full(ends);
}

/* An opening of our own may be forbidden, or descriptors be short. */
static void full_pipes_of_others(void **state)
{
	struct rlimit limit, low = { 0 };
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low.rlim_max = limit.rlim_max;
	low.rlim_cur = 12;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	check_full(ends);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void sixteen_values_live_together(void **state)
{
	const char *first = log_number(INT64_MIN);
	const char *error = log_errno(-EADDRINUSE);

	for (int i = 0; i < 14; i++)
		log_number(i);
	assert_string_equal(first, "-9223372036854775808");
	assert_string_equal(error, "Address already in use");
	assert_string_equal(log_errno(EADDRINUSE), error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_pairs),
		cmocka_unit_test(writes_json),
		cmocka_unit_test(no_input_forges_a_line),
		cmocka_unit_test(utf8_passes_or_is_escaped),
		cmocka_unit_test(long_values_are_cut),
		cmocka_unit_test(pairs_have_a_roof),
		cmocka_unit_test(levels),
		cmocka_unit_test(full_pipes_hold_nobody_up),
		cmocka_unit_test(full_pipes_of_others),
		cmocka_unit_test(sixteen_values_live_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

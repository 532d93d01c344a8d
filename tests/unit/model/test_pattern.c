/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions: what is accepted, that ours and PCRE2's reading agree, that what is called
 * costly is and what is not called so is not, and that matching always ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "model/limits.h"
#include "model/pattern.h"
#include "model/pattern_parse.h"

static char why[200];

static int check(const char *text)
{
	why[0] = '\0';
	return pattern_check(bytes_of(text), false, why, sizeof(why));
}

static enum pattern_result match(const char *text, bool is_caseless, const char *subject)
{
	struct pattern_matcher *matcher = pattern_matcher_new();
	enum pattern_result result;
	struct pattern *pattern;

	assert_non_null(matcher);
	assert_int_equal(pattern_new(bytes_of(text), is_caseless, &pattern), 0);
	result = pattern_match(pattern, matcher, bytes_of(subject));
	pattern_unpin(pattern);
	pattern_matcher_free(matcher);
	return result;
}

static void accepted(void **state)
{
	static const char *const good[] = {
		"a",
		".",
		"^/a$",
		"a|b",
		"a|",
		"(a|b)+c",
		"(?:a)*b",
		"(?=a)b",
		"(?!a)b",
		"[a-z]",
		"[^a-z]*x",
		"[]a]",
		"[^]a]",
		"[a-]",
		"[-a]",
		"[a^]",
		"[\\d\\w.]+x",
		"\\d+\\.\\w",
		"^www\\d+\\.example\\.com$",
		"a*?b",
		"a++b",
		"a?+b",
		"/[a-z]+/[0-9]+",
		"\\\\",
		"]",
		"^/(.*)/(.*)[.]php$",
		"(a)(b)?",
		"a\\b",
		"^",
		"$",
		"()",
		"-",
		"((((a))))",
		"[[]",
		"^/a/.*/b/.*[.]jpg$",
		"(/[a-z]+)*/x$",
		"^/(en|de|fr)(/.*)?$",
		".*.*x",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (check(good[i]) != 0)
			fail_msg("%s: %s", good[i], why);
	}
}

static void refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} bad[] = {
		{ "", "no expression" },
		{ "(", "not closed" },
		{ "(a", "character 1: \"(\" is not closed" },
		{ "a)", "character 2: \")\" closes nothing" },
		{ "[a", "not closed" },
		{ "[]", "not closed" },
		{ "[a-", "not closed" },
		{ "[z-a]", "character 3: the range" },
		{ "[\\d-z]", "range" },
		{ "[a-\\d]", "range" },
		{ "*a", "nothing here to repeat" },
		{ "a**", "nothing here to repeat" },
		{ "^*", "nothing here to repeat" },
		{ "(?=a)*", "nothing here to repeat" },
		{ "|*", "nothing here to repeat" },
		{ "(*UTF)a", "\"(*\"" },
		{ "(*LIMIT_MATCH=9)a", "\"(*\"" },
		{ "(?R)", "behind \"(?\"" },
		{ "(a)(?1)", "character 4: behind \"(?\"" },
		{ "(?C)a", "behind \"(?\"" },
		{ "(?i)a", "behind \"(?\"" },
		{ "(?|a|b)", "behind \"(?\"" },
		{ "(?(1)a)", "behind \"(?\"" },
		{ "(?<=a)b", "behind \"(?\"" },
		{ "(?", "behind \"(?\"" },
		{ "(a)\\1", "character 4: back references" },
		{ "\\Ka", "\"\\\" may stand" },
		{ "\\C", "\"\\\" may stand" },
		{ "\\Qa", "\"\\\" may stand" },
		{ "\\x41", "\"\\\" may stand" },
		{ "[\\b]", "\"\\\" may stand" },
		{ "a\\", "nothing behind it" },
		{ "[[:alpha:]]", "\"[:\"" },
		{ "[[=a=]]", "\"[:\"" },
		{ "a{2}", "character 2: this character" },
		{ "a b", "this character" },
		{ "\x80", "this character" },
		{ "[\x01]", "this character" },
		{ "(a+)+b", "repetition within" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(check(bad[i].text), -EINVAL);
		if (!strstr(why, bad[i].reason))
			fail_msg("%s: %s", bad[i].text, why);
	}
}

static void nesting_and_length(void **state)
{
	char text[LIMIT_URL + 2];

	memset(text, 'a', sizeof(text));
	text[LIMIT_URL + 1] = '\0';
	assert_int_equal(check(text), -EINVAL);
	assert_non_null(strstr(why, "too long"));
	text[LIMIT_URL] = '\0';
	assert_int_equal(check(text), 0);
	for (size_t depth = PATTERN_NESTING; depth <= PATTERN_NESTING + 1; depth++) {
		memset(text, '(', depth);
		memset(text + depth, ')', depth);
		text[2 * depth] = '\0';
		assert_int_equal(check(text), depth > PATTERN_NESTING ? -EINVAL : 0);
	}
	/* The largest that the characters allow stays far below the roof. */
	for (size_t i = 0; i + 3 <= LIMIT_URL; i += 4)
		memcpy(text + i, "[ac]", 4);
	text[LIMIT_URL] = '\0';
	assert_int_equal(check(text), 0);
}

static void meaning(void **state)
{
	assert_int_equal(match("b", false, "abc"), PATTERN_MATCH);
	assert_int_equal(match("^b", false, "abc"), PATTERN_NO);
	assert_int_equal(match("B", false, "abc"), PATTERN_NO);
	assert_int_equal(match("B", true, "abc"), PATTERN_MATCH);
	assert_int_equal(match("c$", false, "abc"), PATTERN_MATCH);
	assert_int_equal(match("c$", false, "abc\n"), PATTERN_NO);
	assert_int_equal(match("^a.c$", false, "a\nc"), PATTERN_MATCH);
	assert_int_equal(match("^\\d+$", false, "\xd9\xa3"), PATTERN_NO);
	assert_int_equal(match("^.$", false, "\xc3\xa9"), PATTERN_NO);
	assert_int_equal(match("^..$", false, "\xc3\xa9"), PATTERN_MATCH);
	assert_int_equal(match("^$", false, ""), PATTERN_MATCH);
	assert_int_equal(match("(?!ab)a", false, "ab"), PATTERN_NO);
}

static void costly(void **state)
{
	static const char *const bad[] = {
		"(a+)+b",           "(a*)*b",          "(a+)*b",        "(a|a)*b",
		"(a|aa)+b",         "(a|ab|b)*c",      "([a-z]+)*x",    "(\\w+\\.?)+x",
		"(.*)*x",           "(.*,)*.*x|(a+)+", "(a*b*)*c",      "(ab|a|bc?|c)*x",
		"((a|b)*(b|c)*)*d", "(x+x+)+y",        "^/foo/(a+)+$",  "(?=(a+)+b)a",
		"((a+)?)+b",        "(a?a)*b",         "([ab]|[bc])*d", "(.|a)*b",
		"((((a)+)))+x",
	};
	static const char *const good[] = {
		"(ab+)*c", "(a+b)*c",    "(a|b)*c",     "([a-z]+/)*x", "a*a*a*b",
		".*.*.*x", "(a?b)*c",    "(ab|ac)*d",   "(a|b|cd)*e",  "(/[^/]+)*/x",
		"(a*b)*c", "(?:a|ba)*c", "(a(bc)*d)*e",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (check(bad[i]) != -EINVAL || !strstr(why, "repetition within"))
			fail_msg("%s: %s", bad[i], why);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (check(good[i]) != 0)
			fail_msg("%s: %s", good[i], why);
	}
	why[0] = '\0';
	assert_int_equal(pattern_check(bytes_of("(a|A)*b"), false, why, sizeof(why)), 0);
	assert_int_equal(pattern_check(bytes_of("(a|A)*b"), true, why, sizeof(why)), -EINVAL);
}

/* A random expression over few characters. */
static void random_expression(char *text, size_t room)
{
	static const char *const pieces[] = { "a", "b", "a", "b",   "(",  "(",    ")",
					      ")", "*", "+", "?",   "|",  "[ab]", ".",
					      "c", "^", "$", "\\.", "(?:" };
	size_t count = 1 + (size_t)random() % 12, used = 0;

	for (size_t i = 0; i < count; i++) {
		const char *piece = pieces[(size_t)random() % (sizeof(pieces) / sizeof(*pieces))];

		if (used + strlen(piece) + 1 >= room)
			break;
		memcpy(text + used, piece, strlen(piece));
		used += strlen(piece);
	}
	text[used] = '\0';
}

/* What the parser accepts, PCRE2 does; what PCRE2 refuses of these, the parser does too. */
static void both_read_alike(void **state)
{
	unsigned accepts = 0;

	srandom(11);
	for (unsigned i = 0; i < 200000; i++) {
		struct pattern_fault fault;
		char text[64];
		int number, ours;
		size_t at;
		pcre2_code *code;

		random_expression(text, sizeof(text));
		ours = pattern_parse(bytes_of(text), NULL, &fault);
		code = pcre2_compile((PCRE2_SPTR)text, strlen(text), 0, &number, &at, NULL);
		if (ours < 0 && strstr(fault.reason, "behind \"(?\""))
			assert_non_null(strstr(text, "(?")); /* "(?)" sets no option */
		else if ((ours == 0) != (code != NULL))
			fail_msg("%s: ours %d, PCRE2 %s", text, ours, code ? "accepts" : "refuses");
		accepts += ours == 0;
		pcre2_code_free(code);
	}
	assert_true(accepts > 10000);
}

/* A random one that is well-formed, with many repetitions. */
static void random_tree(FILE *out, unsigned depth)
{
	static const char *const atoms[] = { "a", "b", "c", "[ab]", "[bc]", "." };
	static const char *const signs[] = { "*", "+", "?", "*", "+", "" };
	unsigned parts = 1 + (unsigned)random() % 3;

	for (unsigned i = 0; i < parts; i++) {
		if (depth > 0 && random() % 2) {
			fputs("(", out);
			random_tree(out, depth - 1);
			fputs(")", out);
		} else {
			fputs(atoms[random() % 6], out);
		}
		fputs(signs[random() % 6], out);
		if (i + 1 < parts && random() % 3 == 0)
			fputs("|", out);
	}
}

/* Counted steps of the interpreter on the worst of some subjects made of a and b. */
static bool reaches(const pcre2_code *code, uint32_t limit)
{
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	bool is_reached = false;

	pcre2_set_match_limit(context, limit);
	for (unsigned round = 0; round < 40 && !is_reached; round++) {
		char subject[25], pump[5];
		size_t size = 1 + (size_t)random() % 4;

		for (size_t i = 0; i < size; i++)
			pump[i] = "abc"[random() % (round % 2 ? 2 : 3)];
		for (size_t i = 0; i < 24; i++)
			subject[i] = pump[i % size];
		subject[24] = '!';
		is_reached = pcre2_match(code, (PCRE2_SPTR)subject, sizeof(subject), 0,
					 PCRE2_NO_JIT, data, context) == PCRE2_ERROR_MATCHLIMIT;
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	return is_reached;
}

/* What is let through never grows exponentially: 24 characters in less than 2^21 steps. */
static void what_is_accepted_is_not_exponential(void **state)
{
	unsigned accepts = 0, refuses = 0, proven = 0;

	srandom(12);
	for (unsigned i = 0; i < 1000; i++) {
		char text[160] = "";
		FILE *out = fmemopen(text, sizeof(text), "w");
		int number, result;
		size_t at;
		pcre2_code *code;

		assert_non_null(out);
		fputs("^(", out);
		random_tree(out, 2);
		fputs(")[!][!]$", out); /* so that it fails at the end */
		fclose(out);
		result = check(text);
		if (result < 0 && !strstr(why, "repetition within"))
			continue;
		code = pcre2_compile((PCRE2_SPTR)text, strlen(text), PCRE2_NO_START_OPTIMIZE,
				     &number, &at, NULL);
		assert_non_null(code);
		if (result == 0) {
			accepts++;
			if (reaches(code, 1 << 21))
				fail_msg("%s: exponential, and accepted", text);
		} else {
			refuses++;
			proven += reaches(code, 50000);
		}
		pcre2_code_free(code);
	}
	print_message("%u accepted, %u refused, %u shown to be right\n", accepts, refuses, proven);
	assert_true(accepts > 200 && refuses > 200);
	assert_true(proven * 2 > refuses); /* others are saved by PCRE2's own shortcuts */
}

/* Nothing takes long, whatever it is that was compiled. */
static void matching_ends(void **state)
{
	static const char *const patterns[] = { "(a+)+$",  "(a|a)*$",       "a*a*a*a*a*$",
						"(.*a)*$", "a.*a.*a.*[bc]", "(ab?)*[bc]" };
	static char subject[LIMIT_PATTERN_SUBJECT + 2];
	unsigned limits = 0;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		memset(subject, 'a', sizeof(subject) - 1);
		subject[LIMIT_PATTERN_SUBJECT] = '\0';
		subject[LIMIT_PATTERN_SUBJECT - 1] = '!';
		limits += match(patterns[i], false, subject) == PATTERN_LIMIT;
		subject[LIMIT_PATTERN_SUBJECT] = 'a';
		assert_int_equal(match(patterns[i], false, subject), PATTERN_LIMIT);
	}
	assert_true(limits >= 3);
	assert_int_equal(match("(ab)+", false, "ababab"), PATTERN_MATCH);
}

static void pins(void **state)
{
	struct pattern *pattern;

	assert_int_equal(pattern_new(BYTES_LITERAL("(?R)"), false, &pattern), -EINVAL);
	assert_int_equal(pattern_new(BYTES_LITERAL("a"), false, &pattern), 0);
	assert_ptr_equal(pattern_pin(pattern), pattern);
	assert_null(pattern_unpin(pattern));
	assert_null(pattern_unpin(pattern));
	assert_null(pattern_unpin(NULL));
	assert_null(pattern_matcher_free(NULL));
	print_message("machine code: %s\n", pattern_is_fast() ? "yes" : "no");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused),
		cmocka_unit_test(nesting_and_length),
		cmocka_unit_test(meaning),
		cmocka_unit_test(costly),
		cmocka_unit_test(both_read_alike),
		cmocka_unit_test(what_is_accepted_is_not_exponential),
		cmocka_unit_test(matching_ends),
		cmocka_unit_test(pins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one file that knows PCRE2. Compiling belongs to control and to the traffic process's main
 * thread; a compiled expression is read by all threads, each with a matcher of its own.
 */
#include "model/pattern.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "model/limits.h"
#include "model/pattern_parse.h"

/* Bytes only, no captures, "$" at the very end alone, "." is any byte. */
#define OPTIONS                                                                                \
	(PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE | \
	 PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL)

#define JIT_STACK_LEAST (32 * 1024)
#define JIT_STACK_MOST (512 * 1024) /* a group that repeats keeps some words for each round */
#define HEAP_MOST_KIB 4096 /* the same where it is interpreted */

struct pattern {
	pcre2_code *code;
	_Atomic uint32_t references;
};

struct pattern_matcher {
	pcre2_match_context *context;
	pcre2_match_data *data;
	pcre2_jit_stack *stack;
};

/* *ret_at and *ret_error (PCRE2's) are filled for -EINVAL. */
static int compile(struct bytes text, bool is_caseless, pcre2_code **ret_code, size_t *ret_at,
		   int *ret_error)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	uint32_t options = OPTIONS | (is_caseless ? PCRE2_CASELESS : 0);
	PCRE2_SIZE at = 0;
	pcre2_code *code;
	int error = 0;

	if (!context)
		return -ENOMEM;
	pcre2_set_parens_nest_limit(context, PATTERN_NESTING);
	pcre2_set_max_pattern_length(context, LIMIT_URL);
	code = pcre2_compile((PCRE2_SPTR)text.at, text.size, options, &error, &at, context);
	pcre2_compile_context_free(context);
	if (!code) {
		*ret_at = at;
		*ret_error = error;
		return error == PCRE2_ERROR_HEAP_FAILED ? -ENOMEM : -EINVAL;
	}
	*ret_code = code;
	return 0;
}

static bool is_small(const pcre2_code *code)
{
	size_t size = SIZE_MAX;

	return pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size) == 0 && size <= LIMIT_PATTERN_SIZE;
}

static int check_compiled(struct bytes text, bool is_caseless, char *why, size_t why_size)
{
	PCRE2_UCHAR reason[120] = "";
	pcre2_code *code;
	size_t at;
	int number, error = compile(text, is_caseless, &code, &at, &number);

	if (error == -EINVAL) {
		pcre2_get_error_message(number, reason, sizeof(reason));
		snprintf(why, why_size, "at character %zu: %s", at + 1, (const char *)reason);
	}
	if (error)
		return error;
	if (!is_small(code)) {
		snprintf(why, why_size, "it takes more than %d bytes when compiled",
			 LIMIT_PATTERN_SIZE);
		error = -EINVAL;
	}
	pcre2_code_free(code);
	return error;
}

int pattern_check(struct bytes text, bool is_caseless, char *why, size_t why_size)
{
	struct pattern_automaton *automaton = malloc(sizeof(*automaton));
	struct pattern_fault fault;
	int result;

	if (!automaton)
		return -ENOMEM;
	result = pattern_parse(text, automaton, &fault);
	if (result)
		snprintf(why, why_size, "at character %zu: %s", fault.at + 1, fault.reason);
	if (result == 0 && is_caseless)
		pattern_fold(automaton);
	if (result == 0)
		result = pattern_is_costly(automaton);
	free(automaton);
	if (result > 0) {
		snprintf(
			why, why_size,
			"a repetition within a repetition, or alternatives that begin alike within "
			"one, could take it for ever, as in \"(a+)+\"");
		return -EINVAL;
	}
	return result ? result : check_compiled(text, is_caseless, why, why_size);
}

int pattern_new(struct bytes text, bool is_caseless, struct pattern **ret)
{
	struct pattern *pattern = calloc(1, sizeof(*pattern));
	struct pattern_fault fault;
	size_t at;
	int number, error = pattern ? pattern_parse(text, NULL, &fault) : -ENOMEM;

	if (error == 0)
		error = compile(text, is_caseless, &pattern->code, &at, &number);
	if (error == 0 && !is_small(pattern->code)) {
		pcre2_code_free(pattern->code);
		error = -EINVAL;
	}
	if (error) {
		free(pattern);
		return error;
	}
	/* Where that fails it is interpreted: slower, the same otherwise. */
	pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	atomic_init(&pattern->references, 1);
	*ret = pattern;
	return 0;
}

struct pattern *pattern_pin(struct pattern *pattern)
{
	atomic_fetch_add_explicit(&pattern->references, 1, memory_order_relaxed);
	return pattern;
}

struct pattern *pattern_unpin(struct pattern *pattern)
{
	if (!pattern)
		return NULL;
	if (atomic_fetch_sub_explicit(&pattern->references, 1, memory_order_acq_rel) == 1) {
		pcre2_code_free(pattern->code);
		free(pattern);
	}
	return NULL;
}

struct pattern_matcher *pattern_matcher_free(struct pattern_matcher *matcher)
{
	if (!matcher)
		return NULL;
	pcre2_match_context_free(matcher->context);
	pcre2_match_data_free(matcher->data);
	pcre2_jit_stack_free(matcher->stack);
	free(matcher);
	return NULL;
}

struct pattern_matcher *pattern_matcher_new(void)
{
	struct pattern_matcher *matcher = calloc(1, sizeof(*matcher));

	if (!matcher)
		return NULL;
	matcher->context = pcre2_match_context_create(NULL);
	matcher->data = pcre2_match_data_create(1, NULL);
	if (!matcher->context || !matcher->data)
		return pattern_matcher_free(matcher);
	pcre2_set_match_limit(matcher->context, LIMIT_PATTERN_STEPS);
	pcre2_set_depth_limit(matcher->context, LIMIT_PATTERN_STEPS);
	pcre2_set_heap_limit(matcher->context, HEAP_MOST_KIB);
	/* NULL where there is no machine code; then none is needed. */
	matcher->stack = pcre2_jit_stack_create(JIT_STACK_LEAST, JIT_STACK_MOST, NULL);
	if (matcher->stack)
		pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
	return matcher;
}

enum pattern_result pattern_match(const struct pattern *pattern, struct pattern_matcher *matcher,
				  struct bytes subject)
{
	int result;

	if (subject.size > LIMIT_PATTERN_SUBJECT)
		return PATTERN_LIMIT;
	result = pcre2_match(pattern->code, (PCRE2_SPTR)subject.at, subject.size, 0, 0,
			     matcher->data, matcher->context);
	if (result >= 0)
		return PATTERN_MATCH;
	return result == PCRE2_ERROR_NOMATCH ? PATTERN_NO : PATTERN_LIMIT;
}

bool pattern_is_fast(void)
{
	struct pattern *pattern;
	size_t size = 0;

	if (pattern_new(BYTES_LITERAL("a+b"), false, &pattern) < 0)
		return false;
	pcre2_pattern_info(pattern->code, PCRE2_INFO_JITSIZE, &size);
	pattern_unpin(pattern);
	return size > 0;
}

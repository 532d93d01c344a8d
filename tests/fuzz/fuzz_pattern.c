/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A regular expression from strangers, and a subject behind its first line end: what is accepted
 * compiles, matches within its limits, and means the same as machine code and interpreted.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "model/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As PCRE2 reads it without any limit of ours; PATTERN_LIMIT when that takes too long. */
static enum pattern_result interpret(struct bytes text, bool is_caseless, struct bytes subject)
{
	uint32_t options = PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | (is_caseless ? PCRE2_CASELESS : 0);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	PCRE2_SIZE at;
	int error, result;
	pcre2_code *code =
		pcre2_compile((PCRE2_SPTR)text.at, text.size, options, &error, &at, NULL);
	pcre2_match_data *match = pcre2_match_data_create(1, NULL);

	if (!code || !match || !context)
		abort();
	pcre2_set_match_limit(context, 100000);
	result = pcre2_match(code, (PCRE2_SPTR)subject.at, subject.size, 0, PCRE2_NO_JIT, match,
			     context);
	pcre2_match_data_free(match);
	pcre2_match_context_free(context);
	pcre2_code_free(code);
	return result >= 0                     ? PATTERN_MATCH
	       : result == PCRE2_ERROR_NOMATCH ? PATTERN_NO
					       : PATTERN_LIMIT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pattern_matcher *matcher;
	const char *line = memchr(data, '\n', size), *begin = (const char *)data;
	struct bytes text = { begin, line ? (size_t)(line - begin) : size };
	struct bytes subject = { line ? line + 1 : "", line ? size - text.size - 1 : 0 };
	bool is_caseless = size > 0 && data[0] == '*';
	enum pattern_result ours, theirs;
	struct pattern *pattern;
	char why[200] = "";

	if (!matcher)
		matcher = pattern_matcher_new();
	if (is_caseless)
		text = (struct bytes){ text.at + 1, text.size > 0 ? text.size - 1 : 0 };
	if (pattern_check(text, is_caseless, why, sizeof(why)) != 0) {
		if (why[0] == '\0')
			abort();
		return 0;
	}
	if (pattern_new(text, is_caseless, &pattern) != 0)
		abort();
	ours = pattern_match(pattern, matcher, subject);
	theirs = interpret(text, is_caseless, subject);
	if (ours != theirs && ours != PATTERN_LIMIT && theirs != PATTERN_LIMIT)
		abort();
	pattern_unpin(pattern);
	return 0;
}
